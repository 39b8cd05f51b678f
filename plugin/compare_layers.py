"""Which two layers are compared: a result and what it was made from, or what the user chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QWidget

from .results import RESULT, SOURCE, is_result_of
from .settings import Setting
from .wording import tr


@dataclass(frozen=True)
class Pair:
    before: QgsRasterLayer
    after: QgsRasterLayer

    @property
    def is_kin(self) -> bool:
        """Whether the one after was made from the one before."""
        return self.after.customProperty(SOURCE) == self.before.id()

    def remember(self) -> None:
        """Has the dialog propose these two from now on."""
        Setting.COMPARE_BEFORE.set(self.before.id())
        Setting.COMPARE_AFTER.set(self.after.id())


def pair_of(project: QgsProject, layer: Optional[QgsMapLayer]) -> Optional[Pair]:
    """Finds the pair that a layer belongs to.

    Args:
        project: Where the other one is looked for.
        layer: A result, its mask, uncertainty or error, or the image that results were made from.

    Returns:
        The image and its result, the newest if there are several; None if the layer belongs to no pair.
    """
    if layer is None:
        return None
    if layer.customProperty(RESULT) == "error":
        return pair_of(project, project.mapLayer(layer.customProperty(SOURCE)))
    source = project.mapLayer(layer.customProperty(SOURCE) or layer.id())
    results = [layer] if layer.customProperty(RESULT) == "image" else _results(project, source)
    if not results or not isinstance(source, QgsRasterLayer) or source is results[0]:
        return None
    return Pair(source, results[0])


def raster_count(project: QgsProject) -> int:
    return sum(isinstance(layer, QgsRasterLayer) for layer in project.mapLayers().values())


def _results(project: QgsProject, source: Optional[QgsMapLayer]) -> List[QgsRasterLayer]:
    """Gives the images that were made from a layer, the newest first: it lies above the others."""
    layers = project.layerTreeRoot().layerOrder()
    return [layer for layer in layers if source is not None and is_result_of(layer, source.id())]


class PairDialog(QDialog):
    """Asks for two rasters; proposes those that were compared last, or the active one with another.

    Args:
        parent: QGIS's window.
        active: The layer that the user works with.
    """

    def __init__(self, parent: QWidget, active: Optional[QgsMapLayer] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Compare before and after"))
        last = [QgsProject.instance().mapLayer(s.get()) for s in (Setting.COMPARE_BEFORE, Setting.COMPARE_AFTER)]
        if isinstance(active, QgsRasterLayer) and active not in last:
            last[0] = active
        self.before_box = self._box(tr("Shown on the left, or above"), last[0])
        self.after_box = self._box(tr("Shown on the right, or below"), last[1])
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel, self)
        self._ok = self.buttons.button(buttons.Ok)
        self._part()
        self._lay_out()
        self._check()

    def pair(self) -> Pair:
        """Gives what was chosen."""
        return Pair(self.before_box.currentLayer(), self.after_box.currentLayer())

    def _box(self, tip: str, proposed: Optional[QgsMapLayer]) -> QgsMapLayerComboBox:
        box = QgsMapLayerComboBox(self)
        box.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
        box.setToolTip(tip)
        if proposed is not None:
            box.setLayer(proposed)
        return box

    def _part(self) -> None:
        """Sees to it that the two differ at first."""
        if self.before_box.currentIndex() == self.after_box.currentIndex():
            self.after_box.setCurrentIndex(0 if self.before_box.currentIndex() > 0 else 1)

    def _check(self) -> None:
        before, after = self.before_box.currentLayer(), self.after_box.currentLayer()
        self._ok.setEnabled(before is not None and after is not None and before is not after)

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.addRow(QLabel(tr("Choose two raster layers of the same place."), self))
        form.addRow(tr("&Before"), self.before_box)
        form.addRow(tr("&After"), self.after_box)
        form.addRow(self.buttons)
        for box in (self.before_box, self.after_box):
            box.layerChanged.connect(self._check)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)


def ask_for_pair(parent: QWidget, active: Optional[QgsMapLayer]) -> Optional[Pair]:
    """Has the user choose two rasters; None if the user does not want to."""
    dialog = PairDialog(parent, active)
    chosen = dialog.pair() if dialog.exec() else None
    dialog.deleteLater()
    return chosen
