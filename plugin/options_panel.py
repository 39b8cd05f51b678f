"""The middle part of the dock: method, area, mask options, output; and the advanced options."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from qgis.gui import QgisInterface, QgsCollapsibleGroupBox, QgsDoubleSpinBox, QgsFileWidget, QgsSpinBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QToolButton,
    QWidget,
)

from ..backend.errors import UncloudedError
from .area import Area
from .area_box import AreaBox
from .form_layout import new_form, shrinkable
from .method_box import MethodBox
from .remember import remember, restore
from .settings import Setting
from .wording import tr


class OptionsPanel(QWidget):
    """How, where and into which file clouds are removed."""

    changed = pyqtSignal()
    refused = pyqtSignal(object)
    """The UncloudedError why a generator's file cannot be used."""
    models_asked = pyqtSignal()

    def __init__(self, iface: QgisInterface, parent: QWidget) -> None:
        super().__init__(parent)
        self.method = MethodBox(self)
        self.model_button = QToolButton(self)
        self.models_button = QToolButton(self)
        self.area = AreaBox(iface, self)
        self.threshold = QgsDoubleSpinBox(self)
        self.grow = QgsSpinBox(self)
        self.output = QgsFileWidget(self)
        self._build_model_button()
        self._build_mask_options()
        self._build_output()
        self._lay_out()
        self.method.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.area.changed.connect(self._note_area)
        self._note_area()

    @property
    def cloud_threshold(self) -> Optional[float]:
        """0..1, None for the detector's own."""
        return round(self.threshold.value(), 2) or None

    @property
    def grow_px(self) -> Optional[int]:
        """Pixels, None for the default."""
        return self.grow.value() if self.grow.value() >= 0 else None

    def choose_model(self) -> None:
        """Lets the user choose the file of a generator."""
        title = tr("Choose a generator")
        path, _ = QFileDialog.getOpenFileName(self, title, Setting.FOLDER.get(), tr("Generators (*.safetensors)"))
        if not path:
            return
        try:
            self.method.choose_file(path)
        except UncloudedError as error:
            self.refused.emit(error)

    def clear_output(self) -> None:
        """Goes back to a temporary file, so that a finished result is not written over; the folder is remembered."""
        path = self.output.filePath()
        if path:
            Setting.FOLDER.set(path.replace("\\", "/").rpartition("/")[0])
            self.output.setDefaultRoot(Setting.FOLDER.get())
            self.output.setFilePath("")

    def _note_area(self) -> None:
        masked = self.area.area != Area.HAZE
        self.threshold.setEnabled(masked)
        self.grow.setEnabled(masked)
        self.changed.emit()

    def _build_model_button(self) -> None:
        self.model_button.setText("…")
        self.model_button.setToolTip(tr("Use the generator of a .safetensors file"))
        self.model_button.setAccessibleName(tr("Choose the file of a generator"))
        self.model_button.clicked.connect(self.choose_model)
        self.models_button.setText(tr("Models…"))
        self.models_button.setToolTip(tr("Get, import, check and remove generators, and read their cards"))
        self.models_button.clicked.connect(self.models_asked)

    def _build_mask_options(self) -> None:
        self.threshold.setRange(0.0, 1.0)
        self.threshold.setSingleStep(0.05)
        self.threshold.setSpecialValueText(tr("Automatic"))
        self.threshold.setClearValueMode(QgsDoubleSpinBox.ClearValueMode.MinimumValue)
        self.threshold.setToolTip(
            tr("Cloud probability from which a pixel is taken for cloud; lower finds more clouds.")
        )
        self.grow.setRange(-1, 200)
        self.grow.setSuffix(tr(" px"))
        self.grow.setSpecialValueText(tr("Automatic"))
        self.grow.setClearValueMode(QgsSpinBox.ClearValueMode.MinimumValue)
        self.grow.setToolTip(tr("Pixels by which clouds and shadows are widened, so that their rims go too."))
        remember(self.threshold, Setting.CLOUD_THRESHOLD)
        remember(self.grow, Setting.GROW_PX)

    def _build_output(self) -> None:
        self.output.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.output.setFilter(tr("GeoTIFF (*.tif)"))
        self.output.setDialogTitle(tr("Save the result as"))
        self.output.setDefaultRoot(Setting.FOLDER.get())
        self.output.setConfirmOverwrite(False)
        self.output.lineEdit().setPlaceholderText(tr("Temporary file"))
        self.output.setToolTip(tr("A GeoTIFF; empty for a temporary file. Mask and uncertainty are written beside it."))
        self.output.fileChanged.connect(lambda _: self.changed.emit())

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.method, 1)
        row.addWidget(self.model_button)
        row.addWidget(self.models_button)
        form = new_form(self)
        form.addRow(tr("M&ethod"), row)
        form.addRow(tr("&Area"), self.area)
        form.addRow(tr("Cloud t&hreshold"), self.threshold)
        form.addRow(tr("&Grow mask by"), self.grow)
        form.addRow(tr("&Output"), self.output)
        form.labelForField(row).setBuddy(self.method)


class AdvancedPanel(QgsCollapsibleGroupBox):
    """What the file says of itself, or the user in its place; the device; further layers."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(tr("Advanced"), parent)
        self.bands = QLineEdit(self)
        self.level = QComboBox(self)
        self.offset = QComboBox(self)
        self.device = QComboBox(self)
        self.mask_layer = QCheckBox(tr("Add the cloud &mask"), self)
        self.uncertainty_layer = QCheckBox(tr("Add the &uncertainty"), self)
        self.reset_button = QToolButton(self)
        self._build()
        self._lay_out()
        for widget, setting in self._settings().items():
            remember(widget, setting)
        remember(self, Setting.ADVANCED_SHUT)
        for signal in (self.bands.textChanged, self.offset.editTextChanged, self.level.currentIndexChanged):
            signal.connect(self._note_change)
        self._note_change()

    def show_devices(self, devices: List[Dict[str, str]]) -> None:
        """Fills the list of devices; what was chosen stays chosen.

        Args:
            devices: Name and label of each.
        """
        while self.device.count() > 1:
            self.device.removeItem(1)
        for device in devices:
            self.device.addItem(f"{device['label']} ({device['name']})", device["name"])
        chosen = Setting.DEVICE.get()
        if self.device.findData(chosen) < 0:
            self.device.addItem(chosen, chosen)
        self.device.setCurrentIndex(self.device.findData(chosen))

    def offset_text(self) -> str:
        """Gives what the user wrote; empty for the file's own offset."""
        text = self.offset.currentText()
        return "" if text == self.offset.itemText(0) else text

    def reset(self) -> None:
        """Goes back to what the file says."""
        for setting in (Setting.BANDS, Setting.LEVEL, Setting.OFFSET):
            setting.set("")
        self.bands.clear()
        restore(self.level, Setting.LEVEL)
        self.offset.setCurrentIndex(0)

    def _settings(self) -> Dict[Any, Setting]:
        return {
            self.bands: Setting.BANDS,
            self.level: Setting.LEVEL,
            self.device: Setting.DEVICE,
            self.mask_layer: Setting.MASK_LAYER,
            self.uncertainty_layer: Setting.UNCERTAINTY_LAYER,
        }

    def _note_change(self) -> None:
        """Tells in the title what is set by hand, since it may stem from another image."""
        own = [
            name
            for name, is_own in (
                (tr("bands"), bool(self.bands.text().strip())),
                (tr("level"), bool(self.level.currentData())),
                (tr("offset"), bool(self.offset_text())),
            )
            if is_own
        ]
        self.setTitle(tr("Advanced ({} set by hand)").format(", ".join(own)) if own else tr("Advanced"))
        self.reset_button.setEnabled(bool(own))
        self.changed.emit()

    def _build(self) -> None:
        self.setSaveCollapsedState(False)
        from_file = tr("As the file says")
        self.bands.setPlaceholderText(from_file)
        self.bands.setClearButtonEnabled(True)
        self.bands.setToolTip(tr("Names of the bands in the file's order, for example B2, B3, B4, B8."))
        for text, data in ((from_file, ""), (tr("L1C: top of atmosphere"), "L1C"), (tr("L2A: surface"), "L2A")):
            self.level.addItem(text, data)
        self.level.setToolTip(tr("Processing level of a Sentinel-2 image."))
        self.offset.setEditable(True)
        self.offset.addItems([from_file, "0", tr("-1000 (Sentinel-2 since 2022)")])
        self.offset.setToolTip(
            tr("Added to the digital numbers before scaling: reflectance = (number + offset) / 10000.")
        )
        if Setting.OFFSET.get():
            self.offset.setEditText(Setting.OFFSET.get())
        self.offset.editTextChanged.connect(lambda _: Setting.OFFSET.set(self.offset_text()))
        self.device.addItem(tr("Automatic"), "auto")
        self.show_devices([])
        self.device.setToolTip(tr("Where the network runs. Automatic takes the graphics card if there is one."))
        self.mask_layer.setToolTip(tr("A layer that shows what was taken for cloud and shadow."))
        self.uncertainty_layer.setToolTip(tr("A layer with the standard error of each reconstructed pixel."))
        self.reset_button.setText(tr("&Reset"))
        self.reset_button.setToolTip(tr("Take bands, level and offset from the file again"))
        self.reset_button.clicked.connect(self.reset)
        for box in (self.level, self.offset, self.device):
            shrinkable(box)

    def _lay_out(self) -> None:
        form = new_form(self)
        form.setContentsMargins(0, 6, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.bands, 1)
        row.addWidget(self.reset_button)
        form.addRow(tr("&Bands"), row)
        form.addRow(tr("&Level"), self.level)
        form.addRow(tr("O&ffset"), self.offset)
        form.addRow(tr("De&vice"), self.device)
        form.addRow(self.mask_layer)
        form.addRow(self.uncertainty_layer)
        form.labelForField(row).setBuddy(self.bands)
