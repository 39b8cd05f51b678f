"""The model manager: which generators there are, and what can be done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from qgis.PyQt.QtCore import Qt, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices, QKeySequence
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ..backend.model_jobs import DownloadModel, ListModels, Models, RemoveModel, VerifyModel
from ..backend.protocol import Done
from .card_page import CardDialog, summary_html, web_page
from .client import Client, new_job_id
from .fit import Given
from .import_dialog import ImportDialog
from .installing.install import Network
from .job_builder import Choices
from .job_row import JobRow
from .model_table import ModelTable, local_entries, name_words
from .network import network
from .registry_row import RegistryRow
from .wording import tr


class ModelsDialog(QDialog):
    """Lists, downloads, verifies, removes and imports generators.

    Args:
        backend: Gives the client; raises BackendError if there is no backend.
        given: Tells the layers that are chosen in the dock.
        preview: Gives the dock's choices for the visible part of the map; raises UncloudedError.
        parent: The dock.
    """

    installed_changed = pyqtSignal()
    """A generator has come or gone."""

    def __init__(
        self,
        backend: Callable[[], Client],
        given: Callable[[], Optional[Given]],
        preview: Callable[[], Choices],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._backend, self._given, self._preview = backend, given, preview
        self._index = ""
        self._unfinished: Set[str] = set()
        self._wanted = ""
        self._importing: Optional[ImportDialog] = None
        self.setWindowTitle(tr("Generators of Unclouded"))
        self.registry = RegistryRow(self)
        self.table = ModelTable(self)
        self.details = QLabel(self)
        self.download_button = QPushButton(tr("&Download"), self)
        self.verify_button = QPushButton(tr("&Verify"), self)
        self.remove_button = QPushButton(tr("Re&move…"), self)
        self.card_button = QPushButton(tr("&Show card"), self)
        self.page_button = QPushButton(tr("&Open page"), self)
        self.import_button = QPushButton(tr("&Import from file…"), self)
        self.row = JobRow(backend, self)
        self._build()
        self._lay_out()
        self._show_entries(local_entries())

    def open_anew(self) -> None:
        """Shows the dialog, or brings it to the front, with what there is now."""
        self.show()
        self.raise_()
        self.activateWindow()
        self.table.setFocus()
        self.refresh()

    # What the user does

    def refresh(self) -> None:
        """Asks the backend which generators there are, here and in the registry."""
        self._list(self.registry.remembered())

    def download(self) -> None:
        """Gets the chosen generator of the registry, or its newer version."""
        entry = self.table.entry
        if entry is None:
            return
        name = entry["name"]
        access = network(self._index) if self._index == "" or "://" in self._index else Network()
        newer = bool(entry.get("newer"))
        job = DownloadModel(new_job_id(), name, self._index, access.proxy, access.certificates, overwrite=newer)
        self.row.start(job, tr("Downloading {}").format(name), lambda outcome: self._note_downloaded(outcome, name))

    def verify(self) -> None:
        """Holds the weights of the chosen generator against its card."""
        entry = self.table.entry
        if entry is not None:
            name = name_words(entry)
            self.row.start(
                VerifyModel(new_job_id(), entry["path"]),
                tr("Verifying {}").format(name),
                lambda outcome: self._note_verified(outcome, name),
            )

    def remove(self) -> None:
        """Deletes the chosen generator of the user's, if the user says so."""
        entry = self.table.entry
        if entry is None:
            return
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        name = name_words(entry)
        question = tr("Delete the generator “{}”?").format(name) + f"\n{entry['path']}"
        if QMessageBox.question(self, self.windowTitle(), question, yes | no, no) == yes:
            job = RemoveModel(new_job_id(), entry["path"])
            success = tr("{} was removed.").format(name)
            self.row.start(job, tr("Removing {}").format(name), lambda outcome: self._note_changed(outcome, success))

    def show_card(self) -> None:
        """Shows the card of the chosen generator."""
        if self.table.entry is not None:
            dialog = CardDialog(self.table.entry, self)
            dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            dialog.show()

    def open_page(self) -> None:
        """Opens the page of the chosen generator in the browser."""
        if self.table.entry is not None:
            QDesktopServices.openUrl(QUrl(web_page(self.table.entry)))

    def import_file(self) -> None:
        """Opens the dialog that makes a generator of a foreign checkpoint."""
        if self._importing is None:
            self._importing = ImportDialog(self._backend, self._preview, self)
            self._importing.saved.connect(self._note_imported)
            self._importing.finished.connect(self._forget_import)
        self._importing.show()
        self._importing.raise_()
        self._importing.activateWindow()

    def done(self, result: int) -> None:
        """Closes the dialog and gives up what it does."""
        self.row.abandon()
        if self._importing is not None:
            self._importing.reject()
        super().done(result)

    def reconsider(self) -> None:
        """Holds the generators against the layers that are chosen now."""
        if self.isVisible() and self._given() != self.table.given:
            self._show_entries(self.table.entries)

    # What comes of it

    def _list(self, index: str, success: str = "") -> None:
        """Asks for the generators.

        Args:
            index: Address of the registry.
            success: What is said of an earlier job, and stays said.
        """
        access = network(index) if "://" in index else Network()
        job = ListModels(new_job_id(), index, access.proxy, access.certificates)
        self.row.start(job, tr("Looking for generators"), lambda outcome: self._note_listed(outcome, index, success))

    def _hear(self, event: object) -> None:
        if isinstance(event, Models):
            self._show_entries(event.entries)

    def _note_listed(self, outcome: object, index: str, success: str) -> None:
        if isinstance(outcome, Done):
            self._index = index
            self.row.say(" ".join(filter(None, (success, self.row.status.text() or self._count()))))
            return
        elsewhere = [entry for entry in self.table.entries if not entry.get("path")] if index == self._index else []
        self._show_entries([*local_entries(), *elsewhere])
        self.row.say(f"{success} {self.row.status.text()}".strip())

    def _note_verified(self, outcome: object, name: str) -> None:
        if isinstance(outcome, Done):
            self.row.say(tr("{}: the weights are those that the card names.").format(name))

    def _note_downloaded(self, outcome: object, name: str) -> None:
        self._unfinished.add(name)
        if isinstance(outcome, Done):
            self._unfinished.discard(name)
        self._note_changed(outcome, tr("{} was downloaded and is offered in the dock.").format(name))

    def _note_changed(self, outcome: object, success: str) -> None:
        """Lists the generators again after one has come or gone."""
        if isinstance(outcome, Done):
            self.installed_changed.emit()
            self._list(self._index, success)

    def _note_imported(self, path: str) -> None:
        self._wanted = path
        self.installed_changed.emit()
        self._list(self._index, tr("{} was imported and is offered in the dock.").format(Path(path).stem))

    def _forget_import(self) -> None:
        dialog, self._importing = self._importing, None
        dialog.deleteLater()

    # What is shown

    def _count(self) -> str:
        unfit = sum(bool(self.table.misfit(entry)) for entry in self.table.entries)
        text = tr("Generators: {}. Not fitting the chosen layers: {}.") if unfit else tr("Generators: {}.")
        return text.format(len(self.table.entries), unfit)

    def _show_entries(self, entries: List[Dict[str, Any]]) -> None:
        self.table.show_entries(entries, self._given())
        if self._wanted and self._wanted in [entry.get("path") for entry in entries]:
            self.table.choose("", self._wanted)
            self._wanted = ""
        self._show_choice()

    def _show_choice(self) -> None:
        """Shows what the chosen generator is, and what can be done with it."""
        entry, free = self.table.entry or {}, not self.row.busy
        state, name = entry.get("state", ""), entry.get("name", "")
        newer, unfinished = bool(entry.get("newer")), name in self._unfinished
        self.details.setText(summary_html(entry, self.table.misfit(entry)) if entry else "")
        self.download_button.setText(
            tr("Resume &download") if unfinished else tr("Up&date") if newer else tr("&Download")
        )
        obtainable = newer or (state == "available" and not entry.get("problem"))
        self.download_button.setEnabled(free and obtainable)
        self.verify_button.setEnabled(free and bool(entry.get("path")))
        self.remove_button.setEnabled(free and state == "installed")
        self.registry.refresh_button.setEnabled(free)
        self.card_button.setEnabled(bool(entry))
        self.page_button.setEnabled(bool(web_page(entry)))

    def _build(self) -> None:
        for button, act, tip in self._buttons():
            button.setToolTip(tip)
            button.setAutoDefault(False)
            button.clicked.connect(act)
        self.remove_button.setShortcut(QKeySequence(QKeySequence.StandardKey.Delete))
        self.registry.asked.connect(self.refresh)
        self.details.setWordWrap(True)
        self.details.setTextFormat(Qt.TextFormat.RichText)
        self.details.setAccessibleName(tr("What the generator is"))
        self.table.currentItemChanged.connect(lambda *_: self._show_choice())
        self.table.itemActivated.connect(lambda *_: self.show_card())
        self.row.heard.connect(self._hear)
        self.row.changed.connect(self._show_choice)

    def _buttons(self) -> Tuple[Tuple[QPushButton, Callable[[], None], str], ...]:
        return (
            (self.download_button, self.download, tr("Get it from the registry; an earlier try is gone on with")),
            (self.verify_button, self.verify, tr("Check that the weights are whole and those that the card names")),
            (self.remove_button, self.remove, tr("Delete its file; only your own generators can be removed")),
            (self.card_button, self.show_card, tr("What it needs, its training data, licence, citation and scores")),
            (self.page_button, self.open_page, tr("Open its page in the browser")),
            (self.import_button, self.import_file, tr("Make a generator of a checkpoint of another program")),
        )

    def _lay_out(self) -> None:
        actions = QHBoxLayout()
        for button in (self.download_button, self.verify_button, self.remove_button, self.card_button):
            actions.addWidget(button)
        actions.addWidget(self.page_button)
        actions.addStretch(1)
        actions.addWidget(self.import_button)
        closing = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        closing.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        closing.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self.registry)
        column.addWidget(self.table, 1)
        column.addWidget(self.details)
        column.addLayout(actions)
        column.addWidget(self.row)
        column.addWidget(closing)
