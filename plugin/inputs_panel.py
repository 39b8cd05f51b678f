"""The upper part of the dock: image, radar, other dates, mask."""

from __future__ import annotations

from typing import Callable, List, Optional

from qgis.core import QgsApplication, QgsMapLayer, QgsMapLayerProxyModel, QgsProject, QgsRasterLayer
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QToolButton, QWidget

from ..backend.errors import UncloudedError
from .client import Client
from .dates_list import DatesList
from .fetched_layers import FetchedLayers
from .finder import Finder
from .form_layout import new_form, shrinkable
from .product_layer import open_product
from .results import RESULT
from .settings import Setting
from .wording import tr


class InputsPanel(QWidget):
    """Choice of the layers that go into a job.

    Args:
        backend: Gives the client that finds images; raises BackendError if there is no backend.
        parent: The dock.
    """

    changed = pyqtSignal()
    refused = pyqtSignal(object)
    """The UncloudedError why a file that the user chose could not be opened."""

    def __init__(self, backend: Callable[[], Client], parent: QWidget) -> None:
        super().__init__(parent)
        self.optical_box = _layer_box(self, tr("The image that has clouds; the result gets the same bands."))
        self.open_button = QToolButton(self)
        self.sar_box = _layer_box(
            self, tr("A Sentinel-1 image (VV, VH) of about the same days: radar sees through clouds."), tr("None")
        )
        self.dates = DatesList(self)
        self.finder = Finder(backend, lambda: self.optical, self)
        self.mask_box = _layer_box(
            self,
            tr("A layer that says where clouds are: 0/1, a probability, or Sentinel-2's scene classification (SCL)."),
            tr("Detect clouds automatically"),
        )
        self._build_open_button()
        self._lay_out()
        self._restore()
        for box, _ in self._settings():
            box.layerChanged.connect(self._note_change)
            box.activated.connect(self.remember)
        self.dates.changed.connect(self.changed)
        self.finder.row.changed.connect(self.remember)
        self.finder.found.connect(self.use)
        self.finder.refused.connect(self.refused)
        QgsProject.instance().layersAdded.connect(self._restore)
        QgsProject.instance().layersAdded.connect(self._watch)

    @property
    def optical(self) -> Optional[QgsRasterLayer]:
        """The image, None if the project has none."""
        return self.optical_box.currentLayer()

    @property
    def sar(self) -> Optional[QgsRasterLayer]:
        """The radar image, if one is chosen."""
        return self.sar_box.currentLayer()

    @property
    def mask(self) -> Optional[QgsRasterLayer]:
        """The cloud mask, if one is chosen."""
        return self.mask_box.currentLayer()

    def prefer(self, layer: Optional[QgsMapLayer]) -> None:
        """Chooses a layer as the image, if it can be one."""
        if isinstance(layer, QgsRasterLayer):
            _choose(self.optical_box, layer)

    def ask_for_file(self) -> None:
        """Lets the user choose an image file or the zip of a product."""
        title = tr("Open an image or a zipped product")
        path, _ = QFileDialog.getOpenFileName(self, title, Setting.FOLDER.get(), tr("Images and zips (*)"))
        self.open(path)

    def ask_for_folder(self) -> None:
        """Lets the user choose a .SAFE folder or a folder of band files."""
        title = tr("Open a .SAFE folder or a folder of band files")
        self.open(QFileDialog.getExistingDirectory(self, title, Setting.FOLDER.get()))

    def open(self, path: str) -> None:
        """Adds a product to the project and chooses it as the image."""
        if not path:
            return
        Setting.FOLDER.set(path.rpartition("/")[0])
        try:
            layer = open_product(path)
        except UncloudedError as error:
            self.refused.emit(error)
            return
        QgsProject.instance().addMapLayer(layer)
        self.optical_box.setLayer(layer)
        Setting.OPTICAL.set(layer.id())

    def use(self, layers: FetchedLayers) -> None:
        """Chooses SAR and dates that were found."""
        if layers.sar is not None:
            _choose(self.sar_box, layers.sar)
            Setting.SAR.set(layers.sar.id())
        new = [layer.id() for layer in layers.dates]
        Setting.DATES.set([*new, *(known for known in Setting.DATES.get() if known not in new)])
        self.dates.refresh()

    def remember(self) -> None:
        """Keeps the chosen layers for the next session."""
        for box, setting in self._settings():
            setting.set(box.currentLayer().id() if box.currentLayer() is not None else "")

    def _settings(self) -> tuple[tuple[QgsMapLayerComboBox, Setting], ...]:
        return ((self.optical_box, Setting.OPTICAL), (self.sar_box, Setting.SAR), (self.mask_box, Setting.MASK))

    def _restore(self) -> None:
        """Chooses the layers of the last session again once their project is open."""
        self._leave_out_results()
        for box, setting in self._settings():
            layer = QgsProject.instance().mapLayer(setting.get())
            if layer is not None:
                _choose(box, layer)
        self._note_change()

    def _leave_out_results(self) -> None:
        """A mask is no image, and an image no mask: results are offered only for what they are."""
        results = [layer for layer in QgsProject.instance().mapLayers().values() if layer.customProperty(RESULT)]
        for box, kind in ((self.optical_box, "image"), (self.sar_box, ""), (self.mask_box, "mask")):
            box.setExceptedLayerList([layer for layer in results if layer.customProperty(RESULT) != kind])

    def _watch(self, layers: List[QgsMapLayer]) -> None:
        for layer in layers:
            layer.customPropertyChanged.connect(self._note_property)

    def _note_property(self, key: str) -> None:
        """Processing adds a layer first and tells afterwards that it is a result."""
        if key == RESULT:
            self._leave_out_results()
            self.dates.refresh()

    def _note_change(self) -> None:
        others = (self.optical, self.sar, self.mask)
        self.dates.exclude(layer.id() for layer in others if layer is not None)
        self.finder.reconsider()
        self.changed.emit()

    def _build_open_button(self) -> None:
        button = self.open_button
        button.setIcon(QgsApplication.getThemeIcon("/mActionFileOpen.svg"))
        button.setToolTip(tr("Open an image file, a .SAFE folder, a zip of one, or a folder of band files"))
        button.setAccessibleName(tr("Open an image"))
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setMenu(self.open_menu())

    def open_menu(self) -> QMenu:
        """Gives the menu of the two ways to open an image."""
        menu = QMenu(self)
        menu.addAction(tr("Image file or zipped product…"), self.ask_for_file)
        menu.addAction(tr("Folder: .SAFE or band files…"), self.ask_for_folder)
        return menu

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.optical_box, 1)
        row.addWidget(self.open_button)
        form = new_form(self)
        form.addRow(tr("&Image"), row)
        form.addRow(tr("Ra&dar"), self.sar_box)
        form.addRow(tr("Other da&tes"), self.dates)
        form.addRow("", self.finder)
        form.addRow(tr("Cloud mas&k"), self.mask_box)
        form.labelForField(row).setBuddy(self.optical_box)


def _layer_box(parent: QWidget, tip: str, empty: str = "") -> QgsMapLayerComboBox:
    box = QgsMapLayerComboBox(parent)
    box.setFilters(QgsMapLayerProxyModel.Filter.RasterLayer)
    if empty:
        box.setAllowEmptyLayer(True, empty)
        box.setCurrentIndex(0)
    box.setToolTip(tip)
    shrinkable(box)
    return box


def _choose(box: QgsMapLayerComboBox, layer: QgsMapLayer) -> None:
    """Chooses a layer if the box offers it; a box would show nothing at all otherwise."""
    if any(box.layer(row) == layer for row in range(box.count())):
        box.setLayer(layer)
