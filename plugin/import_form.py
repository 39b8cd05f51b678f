"""What the user is asked about a foreign checkpoint, with the defaults of its kind."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from qgis.gui import QgsDoubleSpinBox
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QWidget

from ..backend.model_jobs import Checkpoint, ImportModel
from .form_layout import new_form
from .job_builder import parse_bands
from .wording import tr

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Of a generator and its file, as the backend takes it: what has a dot is taken for a file."""
LARGEST = 1e6
DECIMALS = 4


class RangeBox(QWidget):
    """The two ends of a range."""

    changed = pyqtSignal()

    def __init__(self, tip: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.low, self.high = number_box(self, tip), number_box(self, tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.low, 1)
        row.addWidget(QLabel(tr("to"), self))
        row.addWidget(self.high, 1)
        self.setFocusProxy(self.low)
        for box in (self.low, self.high):
            box.valueChanged.connect(lambda _: self.changed.emit())

    @property
    def values(self) -> List[float]:
        """Its lower and upper end."""
        return [self.low.value(), self.high.value()]

    @property
    def is_empty(self) -> bool:
        """Whether it ends where it begins, or before."""
        return self.low.value() >= self.high.value()

    def set_values(self, values: List[float]) -> None:
        self.low.setValue(values[0])
        self.high.setValue(values[1])


class ImportForm(QWidget):
    """Name, bands, scaling, level, licence and citation of the generator to be made."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._checkpoint: Optional[Checkpoint] = None
        self.name = QLineEdit(self)
        self.bands = QLineEdit(self)
        self.level = QComboBox(self)
        self.licence = QLineEdit(self)
        self.citation = QLineEdit(self)
        self.optical_range = RangeBox(tr("What the network gets for reflectance 0 and for the limit"), self)
        self.optical_limit = number_box(self, tr("The reflectance that becomes the upper end; what is brighter is cut"))
        self.sar_range = RangeBox(tr("What the network gets for the weakest and the strongest radar echo"), self)
        self._build()
        self._lay_out()

    def show_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Fills in the defaults of a checkpoint."""
        self._checkpoint = checkpoint
        defaults, choices = checkpoint.defaults, self._own_choices()
        self.name.setText(str(defaults.get("name", "")))
        self.bands.setText(", ".join(defaults.get("bands") or []))
        for field, box in (("optical_range", self.optical_range), ("sar_range", self.sar_range)):
            box.set_values(choices.get(field) or [0.0, 1.0])
            self._show_row(box, choices.get(field) is not None)
        self.optical_limit.setValue(choices.get("optical_limit") or 1.0)
        self._show_row(self.optical_limit, "optical_limit" in choices)
        self.level.setCurrentIndex(max(self.level.findData("+".join(defaults.get("levels") or [])), 0))
        self.licence.setText(str(defaults.get("licence", "")))
        self.citation.setText(str(defaults.get("citation", "")))
        for line in (self.name, self.bands, self.licence, self.citation):
            line.setCursorPosition(0)

    def problem(self) -> str:
        """Says what is filled in wrongly; empty if nothing."""
        bands, wanted = parse_bands(self.bands.text()) or [], self._checkpoint.in_bands if self._checkpoint else 0
        if not NAME.fullmatch(self.name.text().strip()):
            return tr("The name serves as a file's name too: up to 64 of A-Z, a-z, 0-9, “-” and “_”.")
        if wanted and len(bands) != wanted:
            return tr("The network reads {} bands, {} are named.").format(wanted, len(bands))
        if not bands:
            return tr("Name the bands that the network reads, in its order.")
        if any(
            box.isVisibleTo(self) and box.values[0] >= box.values[1] for box in (self.optical_range, self.sar_range)
        ):
            return tr("A range ends above its beginning.")
        return ""

    def job(self, job_id: str, path: str, output: str, overwrite: bool) -> ImportModel:
        """Makes the job.

        Args:
            job_id: Of the job.
            path: The checkpoint.
            output: Where to.
            overwrite: Replace what is there.
        """
        return ImportModel(
            job_id,
            path,
            output,
            self.name.text().strip(),
            self._checkpoint.kind if self._checkpoint else "",
            parse_bands(self.bands.text()),
            {name: value for name, value in self._choices().items() if value != self._own_choices().get(name)},
            self.level.currentData().split("+"),
            self.licence.text().strip(),
            self.citation.text().strip(),
            overwrite,
        )

    def _own_choices(self) -> Dict[str, Any]:
        return dict(self._checkpoint.defaults.get("choices") or {}) if self._checkpoint else {}

    def _choices(self) -> Dict[str, Any]:
        """Gives the fields of the encoding that are asked for."""
        values = {
            "optical_range": self.optical_range.values,
            "optical_limit": self.optical_limit.value(),
            "sar_range": self.sar_range.values,
        }
        return {name: value for name, value in values.items() if self._own_choices().get(name) is not None}

    def _show_row(self, field: QWidget, visible: bool) -> None:
        field.setVisible(visible)
        self.layout().labelForField(field).setVisible(visible)

    def _build(self) -> None:
        self.name.setToolTip(tr("By this name the generator is stored and called"))
        self.bands.setToolTip(tr("Names of the bands in the order in which the network reads them: B2, B3, B4, B8"))
        for text, data in (
            (tr("L1C and L2A"), "L1C+L2A"),
            (tr("L1C: top of atmosphere"), "L1C"),
            (tr("L2A: surface"), "L2A"),
        ):
            self.level.addItem(text, data)
        self.level.setToolTip(tr("The processing level of the images that the network was trained on"))
        self.licence.setToolTip(tr("Under which the checkpoint's authors give it away"))
        self.citation.setToolTip(tr("How its authors want to be cited"))
        for field in (self.name, self.bands, self.licence, self.citation):
            field.textChanged.connect(lambda _: self.changed.emit())
        for box in (self.optical_range, self.sar_range):
            box.changed.connect(self.changed)
        self.optical_limit.valueChanged.connect(lambda _: self.changed.emit())
        self.level.currentIndexChanged.connect(lambda _: self.changed.emit())

    def _lay_out(self) -> None:
        form = new_form(self)
        form.addRow(tr("&Name"), self.name)
        form.addRow(tr("&Bands in order"), self.bands)
        form.addRow(tr("L&evel"), self.level)
        form.addRow(tr("Li&cence"), self.licence)
        form.addRow(tr("Citati&on"), self.citation)
        form.addRow(tr("&Optical range"), self.optical_range)
        form.addRow(tr("Reflectance &limit"), self.optical_limit)
        form.addRow(tr("&Radar range"), self.sar_range)


def number_box(parent: QWidget, tip: str) -> QgsDoubleSpinBox:
    box = QgsDoubleSpinBox(parent)
    box.setDecimals(DECIMALS)
    box.setRange(-LARGEST, LARGEST)
    box.setShowClearButton(False)
    box.setToolTip(tip)
    return box
