"""The list of other dates: every raster layer of the project that may be one, with a box to tick."""

from __future__ import annotations

from typing import Iterable, List, Set

from qgis.core import QgsMapLayerType, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QListWidget, QListWidgetItem, QWidget

from .layers import PRODUCT
from .results import RESULT
from .settings import Setting
from .wording import tr

ROWS_SHOWN = 4


class DatesList(QListWidget):
    """Ticked layers are the other dates, in the order of the list."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._excluded: Set[str] = set()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setToolTip(
            tr(
                "Images of the same place from other days. Their clear pixels show what lies under the clouds. "
                "The day is read from the layer's temporal properties, the file's metadata or its name."
            )
        )
        self.itemChanged.connect(self._remember)
        project = QgsProject.instance()
        project.layersAdded.connect(self.refresh)
        project.layersRemoved.connect(self.refresh)
        project.layerTreeRoot().nameChanged.connect(self.refresh)
        self.refresh()

    def sizeHint(self) -> QSize:
        """Room for a few rows; more are scrolled."""
        row = max(self.sizeHintForRow(0), self.fontMetrics().height() + 2)
        return QSize(120, row * min(max(self.count(), 2), ROWS_SHOWN) + 2 * self.frameWidth() + 2)

    def exclude(self, layer_ids: Iterable[str]) -> None:
        """Leaves out layers that have another part in the job."""
        excluded = set(layer_ids)
        if excluded != self._excluded:
            self._excluded = excluded
            self.refresh()

    def refresh(self) -> None:
        """Lists the project's layers anew; what is ticked stays ticked."""
        ticked = set(Setting.DATES.get())
        self.blockSignals(True)
        self.clear()
        for layer in _candidates(self._excluded):
            self.addItem(_item(layer, layer.id() in ticked))
        if not self.count():
            self.addItem(_hint(tr("No other images")))
        self.blockSignals(False)
        self.setFixedHeight(self.sizeHint().height())
        self.changed.emit()

    def layers(self) -> List[QgsRasterLayer]:
        """Gives the ticked layers."""
        found = [QgsProject.instance().mapLayer(layer_id) for layer_id in self._ticked()]
        return [layer for layer in found if isinstance(layer, QgsRasterLayer)]

    def _ticked(self) -> List[str]:
        items = [self.item(row) for row in range(self.count())]
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked]

    def _remember(self) -> None:
        here = {self.item(row).data(Qt.ItemDataRole.UserRole) for row in range(self.count())}
        elsewhere = [layer_id for layer_id in Setting.DATES.get() if layer_id not in here]
        Setting.DATES.set((self._ticked() + elsewhere)[:200])
        self.changed.emit()


def _candidates(excluded: Set[str]) -> List[QgsRasterLayer]:
    found = sorted(QgsProject.instance().mapLayers().values(), key=lambda layer: layer.name())
    return [
        layer
        for layer in found
        if layer.type() == QgsMapLayerType.RasterLayer
        and layer.providerType() == "gdal"
        and layer.id() not in excluded
        and not layer.customProperty(RESULT)
    ]


def _item(layer: QgsRasterLayer, ticked: bool) -> QListWidgetItem:
    item = QListWidgetItem(layer.name())
    item.setData(Qt.ItemDataRole.UserRole, layer.id())
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
    item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
    item.setToolTip(f"{layer.name()}\n{layer.customProperty(PRODUCT) or layer.source()}")
    return item


def _hint(text: str) -> QListWidgetItem:
    item = QListWidgetItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    return item
