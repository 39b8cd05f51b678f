"""What is looked for in a catalogue, and what the user is told before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Optional

from qgis.core import QgsRasterLayer
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ..backend.catalogue_jobs import CATALOGUES, FetchImages, catalogue_address
from .client import new_job_id
from .layers import date_spec, local_file, source_path
from .network import network
from .settings import Setting
from .wording import tr

DAY = re.compile(r"\d{4}-\d\d-\d\d")
WIDTH_PX = 480
DAYS, DATES = 60, 3


class FetchDialog(QDialog):
    """Asks where to look for SAR and other dates of a layer, and where to put them.

    Args:
        layer: The image that they are wanted for.
        bands: Names of its bands that the user gave; None to read them from the file.
        parent: The dock.

    Raises:
        InputError: The layer has no file that the backend could open.
    """

    def __init__(self, layer: QgsRasterLayer, bands: Optional[List[str]], parent: QWidget) -> None:
        super().__init__(parent)
        self._path, self._bands = source_path(layer), bands
        self.setWindowTitle(tr("Find SAR and other dates"))
        self.setMinimumWidth(WIDTH_PX)
        self.notice = QLabel(self)
        self.catalogue = QComboBox(self)
        self.day = QLineEdit(date_spec(layer)[len(self._path) + 1 :], self)
        self.within = QSpinBox(self)
        self.dates = QSpinBox(self)
        self.sar = QCheckBox(tr("Sentinel-1, of the nearest day"), self)
        self.folder = QgsFileWidget(self)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, self
        )
        self._layer_name = layer.name()
        self._fill()
        self._lay_out()
        self._tell()

    def job(self) -> FetchImages:
        """Gives the job that was asked for, with QGIS's proxy and authorities."""
        catalogue = self.catalogue.currentText().strip()
        access = network(catalogue_address(catalogue))
        return FetchImages(
            id=new_job_id(),
            output=self.folder.filePath().strip(),
            like=self._path,
            day=self.day.text().strip(),
            within_days=self.within.value(),
            dates=self.dates.value(),
            sar=self.sar.isChecked(),
            bands=self._bands,
            catalogue=catalogue,
            proxy=access.proxy,
            certificates=access.certificates,
        )

    def accept(self) -> None:
        """Remembers the catalogue."""
        Setting.CATALOGUE.set(self.catalogue.currentText().strip())
        super().accept()

    def _tell(self) -> None:
        """Says what will be sent where, and lets nothing be sent without a place to put the answer."""
        address = catalogue_address(self.catalogue.currentText())
        self.notice.setText(
            tr(
                "The extent of “{}” and its day will be sent to {}. It answers with images of the place, which are "
                "then downloaded from where it says. No pixel of yours leaves this computer."
            ).format(self._layer_name, address)
        )
        day = self.day.text().strip()
        ready = bool(self.folder.filePath().strip()) and (not day or DAY.fullmatch(day) is not None)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(ready and "://" in address)

    def _fill(self) -> None:
        self.catalogue.setEditable(True)
        self.catalogue.addItems(list(CATALOGUES))
        self.catalogue.setEditText(Setting.CATALOGUE.get())
        self.catalogue.setToolTip(tr("A known catalogue, or the address of a STAC API"))
        self.day.setPlaceholderText(tr("Read from the image"))
        self.day.setToolTip(tr("The day of the image as 2020-06-01, if its file does not tell it"))
        self.within.setRange(0, 3650)
        self.within.setValue(DAYS)
        self.within.setSuffix(tr(" days before and after"))
        self.dates.setRange(0, 20)
        self.dates.setValue(DATES)
        self.dates.setToolTip(tr("So many at most: those that show most of the area clear"))
        self.sar.setChecked(True)
        self.folder.setStorageMode(QgsFileWidget.StorageMode.GetDirectory)
        self.folder.setFilePath(_folder_beside(self._path, self._layer_name))
        self.folder.setToolTip(tr("Gets sar.tif, date_DAY.tif and fetch.json; what is whole there is kept"))
        self.catalogue.editTextChanged.connect(self._tell)
        self.day.textChanged.connect(self._tell)
        self.folder.fileChanged.connect(self._tell)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText(tr("&Send and download"))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)

    def _lay_out(self) -> None:
        self.notice.setWordWrap(True)
        self.notice.setTextFormat(Qt.TextFormat.PlainText)
        form = QFormLayout()
        form.addRow(tr("&Catalogue"), self.catalogue)
        form.addRow(tr("&Day of the image"), self.day)
        form.addRow(tr("&Look"), self.within)
        form.addRow(tr("Other da&tes"), self.dates)
        form.addRow(tr("&Radar"), self.sar)
        form.addRow(tr("&Folder"), self.folder)
        column = QVBoxLayout(self)
        column.addWidget(self.notice)
        column.addLayout(form)
        column.addWidget(self.buttons)


def _folder_beside(path: str, name: str) -> str:
    """Gives a folder named after the layer, beside its file; in the home folder if that is elsewhere."""
    file = local_file(path)
    parent = file.parent if file is not None and file.parent.is_dir() else Path.home()
    plain = re.sub(r"[^\w.-]+", "_", name)[:80] or "image"
    return str(parent / f"{plain}_found")
