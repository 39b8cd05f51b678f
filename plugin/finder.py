"""The dock's row that finds SAR and other dates for the chosen image in a catalogue."""

from __future__ import annotations

from typing import Callable, List, Optional

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QPushButton, QVBoxLayout, QWidget

from ..backend.errors import UncloudedError
from ..backend.protocol import Done
from .client import Client
from .fetch_dialog import FetchDialog
from .fetched_layers import FetchedLayers, add_fetched, read_record
from .job_row import JobRow
from .wording import tr


class Finder(QWidget):
    """A button, and the progress of what it does.

    Args:
        backend: Gives the client; raises BackendError if there is no backend.
        image: Gives the chosen image.
        parent: The dock's panel.
    """

    found = pyqtSignal(object)
    """FetchedLayers, which are in the project by then."""
    refused = pyqtSignal(object)
    """The UncloudedError why nothing can be looked for, or why what came cannot be shown."""

    def __init__(
        self, backend: Callable[[], Client], image: Callable[[], Optional[QgsRasterLayer]], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._image = image
        self.bands: Callable[[], Optional[List[str]]] = lambda: None
        """Gives the names of the image's bands, if the user has named them."""
        self.button = QPushButton(tr("Find SAR and other dates…"), self)
        self.row = JobRow(backend, self)
        self._lay_out()

    def ask(self) -> None:
        """Says what would be sent where, and looks if the user agrees."""
        image = self._image()
        if image is None or self.row.busy:
            return
        try:
            dialog = FetchDialog(image, self.bands(), self)
        except UncloudedError as error:
            self.refused.emit(error)
            return
        if dialog.exec():
            self.look(dialog, image)
        dialog.deleteLater()

    def look(self, dialog: FetchDialog, image: QgsRasterLayer) -> None:
        """Runs what the dialog asks for."""
        title, image_id = tr("Finding SAR and dates for {}").format(image.name()), image.id()
        self.row.start(dialog.job(), title, lambda outcome: self._take(outcome, image_id))
        self.reconsider()

    def reconsider(self) -> None:
        """Offers the search if there is something to search for, and takes room only for what there is to say."""
        self.button.setEnabled(self._image() is not None and not self.row.busy)
        self.row.setVisible(bool(self.row.status.text()))

    def _take(self, outcome: object, image_id: str) -> None:
        if not isinstance(outcome, Done):
            return
        image = QgsProject.instance().mapLayer(image_id)
        if not isinstance(image, QgsRasterLayer):
            self.row.say(tr("The image is gone from the project. What was found: {}").format(outcome.output))
            return
        try:
            layers = add_fetched(QgsProject.instance(), read_record(outcome.output), image)
        except UncloudedError as error:
            self.refused.emit(error)
            return
        self.row.say(f"{_count(layers)} {self.row.status.text()}".strip())
        self.found.emit(layers)

    def _lay_out(self) -> None:
        self.button.setToolTip(
            tr("Look for Sentinel-1 and less cloudy days of the same place in a public catalogue; asks before it sends")
        )
        self.button.setAutoDefault(False)
        self.row.cancel_button.setText(tr("Cancel"))  # the dock has a key for its own
        self.button.clicked.connect(self.ask)
        self.row.changed.connect(self.reconsider)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addWidget(self.row)


def _count(layers: FetchedLayers) -> str:
    radar = tr("SAR and ") if layers.sar is not None else ""
    return tr("Found: {}{} other date(s).").format(radar, len(layers.dates))
