"""Which two layers are compared: a result and what it was made from, or what the user chooses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

from qgis.core import QgsMapLayer, QgsMapLayerProxyModel, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QWidget

from .results import RESULT, SOURCE
from .settings import Setting
from .wording import tr


@dataclass(frozen=True)
class Pair:
    before: QgsRasterLayer
    after: QgsRasterLayer


def pair_of(project: QgsProject, layer: Optional[QgsMapLayer]) -> Optional[Pair]:
    """Finds the pair that a layer belongs to.

    Args:
        project: Where the other one is looked for.
        layer: A result, its mask or uncertainty, or the image that results were made from.

    Returns:
        The image and its result, the newest if there are several; None if the layer belongs to no pair.
    """
    if layer is None:
        return None
    source = project.mapLayer(layer.customProperty(SOURCE) or layer.id())
    results = [layer] if layer.customProperty(RESULT) == "image" else _results(project, source)
    if not results or not isinstance(source, QgsRasterLayer) or source is results[-1]:
        return None
    return Pair(source, results[-1])


def raster_count(project: QgsProject) -> int:
    return sum(isinstance(layer, QgsRasterLayer) for layer in project.mapLayers().values())


def _results(project: QgsProject, source: Optional[QgsMapLayer]) -> List[QgsRasterLayer]:
    """Gives the images that were made from a layer, the newest last: it lies right above its source."""
    if source is None:
        return []
    return [
        layer
        for layer in project.layerTreeRoot().layerOrder()
        if layer.customProperty(RESULT) == "image" and layer.customProperty(SOURCE) == source.id()
    ]


class PairDialog(QDialog):
    """Asks for two rasters and remembers them.

    Args:
        parent: QGIS's window.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Compare before and after"))
        self.before_box = self._box(tr("Shown on the left, or above"), Setting.COMPARE_BEFORE)
        self.after_box = self._box(tr("Shown on the right, or below"), Setting.COMPARE_AFTER)
        buttons = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(buttons.Ok | buttons.Cancel, self)
        self._ok = self.buttons.button(buttons.Ok)
        self._part()
        self._lay_out()
        self._check()

    def pair(self) -> Pair:
        """Gives what was chosen."""
        return Pair(self.before_box.currentLayer(), self.after_box.currentLayer())

    def accept(self) -> None:
        """Called by Qt when the user is done."""
        Setting.COMPARE_BEFORE.set(self.before_box.currentLayer().id())
        Setting.COMPARE_AFTER.set(self.after_box.currentLayer().id())
        super().accept()

    def _box(self, tip: str, setting: Setting) -> QgsMapLayerComboBox:
        box = QgsMapLayerComboBox(self)
        box.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
        box.setToolTip(tip)
        remembered = QgsProject.instance().mapLayer(setting.get())
        if remembered is not None:
            box.setLayer(remembered)
        box.layerChanged.connect(self._check)
        return box

    def _part(self) -> None:
        """Sees to it that the two differ at first."""
        if self.before_box.currentIndex() == self.after_box.currentIndex():
            self.after_box.setCurrentIndex(0 if self.before_box.currentIndex() > 0 else 1)

    def _check(self) -> None:
        if hasattr(self, "_ok"):
            before, after = self.before_box.currentLayer(), self.after_box.currentLayer()
            self._ok.setEnabled(before is not None and after is not None and before is not after)

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.addRow(QLabel(tr("Choose two raster layers of the same place."), self))
        form.addRow(tr("&Before"), self.before_box)
        form.addRow(tr("&After"), self.after_box)
        form.addRow(self.buttons)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)


def ask_for_pair(parent: QWidget) -> Optional[Pair]:
    """Has the user choose two rasters; None if the user does not want to."""
    dialog = PairDialog(parent)
    chosen = dialog.pair() if dialog.exec() else None
    dialog.deleteLater()
    return chosen
