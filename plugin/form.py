"""What the user fills in: the three panels in one scrolled column, read as one snapshot."""

from __future__ import annotations

from typing import Callable, Optional

from qgis.gui import QgisInterface
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from ..backend.errors import UncloudedError, UsageError
from .area import Area
from .client import Client
from .fit import Given, describe
from .form_layout import align
from .inputs_panel import InputsPanel
from .job_builder import Choices, parse_bands
from .layers import source_path
from .options_panel import AdvancedPanel, OptionsPanel
from .wording import tr


class Form(QScrollArea):
    """The dock's fields.

    Args:
        iface: QGIS.
        backend: Gives the client that finds images; raises BackendError if there is no backend.
        parent: The dock.
    """

    changed = pyqtSignal()
    refused = pyqtSignal(object)
    """The UncloudedError why a file that the user chose cannot be used."""

    def __init__(self, iface: QgisInterface, backend: Callable[[], Client], parent: QWidget) -> None:
        super().__init__(parent)
        self.inputs = InputsPanel(backend, self)
        self.options = OptionsPanel(iface, self)
        self.advanced = AdvancedPanel(self)
        self.options.method.given = self.given
        self.inputs.finder.bands = lambda: parse_bands(self.advanced.bands.text())
        self._lay_out()
        for panel in (self.inputs, self.options, self.advanced):
            panel.changed.connect(self.changed)
        for panel in (self.inputs, self.options):
            panel.refused.connect(self.refused)

    def problem(self) -> str:
        """Says what stands in the way of a job; empty if nothing."""
        inputs = self.inputs
        try:
            for layer in (inputs.optical, inputs.sar, inputs.mask, *inputs.dates.layers()):
                if layer is not None:
                    source_path(layer)
        except UncloudedError as error:
            return str(error)
        return self.options.method.missing(inputs.sar is not None, bool(inputs.dates.layers()))

    def given(self) -> Optional[Given]:
        """Tells what generators can be held against; None without an image."""
        inputs, advanced = self.inputs, self.advanced
        return describe(
            inputs.optical,
            inputs.sar is not None,
            bool(inputs.dates.layers()),
            parse_bands(advanced.bands.text()),
            advanced.level.currentData(),
        )

    def choices(self, preview: bool) -> Choices:
        """Gives what is filled in.

        Args:
            preview: Take the visible part of the map and a temporary file instead of area and output.

        Raises:
            UncloudedError: There is no image, its file is gone, or the area misses it.
        """
        inputs, options, advanced = self.inputs, self.options, self.advanced
        if inputs.optical is None:
            raise UsageError(tr("No image is chosen in the dock."), tr("Open one and choose it there."))
        source_path(inputs.optical)
        method, model = options.method.method_and_model()
        return Choices(
            optical=inputs.optical,
            sar=inputs.sar,
            dates=inputs.dates.layers(),
            mask=inputs.mask,
            whole_image=options.area.area == Area.HAZE,
            bbox=options.area.visible_box(inputs.optical) if preview else options.area.box(inputs.optical),
            method=method,
            model=model,
            cloud_threshold=options.cloud_threshold,
            grow_px=options.grow_px,
            output="" if preview else options.output.filePath(),
            bands=advanced.bands.text(),
            level=advanced.level.currentData(),
            offset=advanced.offset_text(),
            device=advanced.device.currentData(),
            mask_layer=advanced.mask_layer.isChecked(),
            uncertainty_layer=advanced.uncertainty_layer.isChecked(),
        )

    def _lay_out(self) -> None:
        content = QWidget(self)
        column = QVBoxLayout(content)
        for panel in (self.inputs, self.options, self.advanced):
            column.addWidget(panel)
        column.addStretch(1)
        align([self.inputs, self.options, self.advanced])
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)
        self.setMinimumWidth(content.minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width())
