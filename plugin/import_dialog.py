"""Makes a generator of a checkpoint of another program, after the user has seen what it is and what it does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Callable, Optional

from qgis.core import QgsRasterLayer
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import Qt, QTemporaryDir, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..backend.errors import UncloudedError
from ..backend.model_jobs import Checkpoint, InspectCheckpoint
from ..backend.protocol import Done
from ..backend.userdata import user_models
from .before_after import BeforeAfter
from .client import Client, new_job_id
from .generators import SUFFIX
from .import_form import ImportForm
from .job_builder import Choices, build_job
from .job_row import JobRow
from .settings import Setting
from .wording import tr

CHECKPOINTS = "*.safetensors *.pt *.pth *.tar *.ckpt *.bin *.h5 *.hdf5 *.keras *.onnx"
SIZE_PX = (820, 760)


class ImportDialog(QDialog):
    """From a file to a generator of the user's folder. Make a new one for each import.

    Args:
        backend: Gives the client; raises BackendError if there is no backend.
        choices: Gives the dock's choices for the visible part of the map; raises UncloudedError.
        parent: The model manager.
    """

    saved = pyqtSignal(str)
    """The file of the generator that was made."""

    def __init__(self, backend: Callable[[], Client], choices: Callable[[], Choices], parent: QWidget) -> None:
        super().__init__(parent)
        self._choices = choices
        self._checkpoint: Optional[Checkpoint] = None
        self._scratch = QTemporaryDir()
        self._previews = 0
        self.setWindowTitle(tr("Import a checkpoint"))
        self.resize(*SIZE_PX)
        self.file = QgsFileWidget(self)
        self.found = QLabel(self)
        self.tensors = QTreeWidget(self)
        self.form = ImportForm(self)
        self.problem = QLabel(self)
        self.pictures = BeforeAfter(self)
        self.row = JobRow(backend, self)
        self.preview_button = QPushButton(tr("&Preview"), self)
        self.save_button = QPushButton(tr("&Save"), self)
        self._build()
        self._lay_out()
        self._show_state()

    # What the user does

    def inspect(self) -> None:
        """Asks the backend what the file is."""
        path = self.file.filePath().strip()
        self.row.abandon()
        self._checkpoint = None
        self.found.setText("")
        self.tensors.clear()
        self.pictures.clear()
        if Path(path).is_file():
            Setting.FOLDER.set(str(Path(path).parent))
            self.row.start(InspectCheckpoint(new_job_id(), path), tr("Reading the file"), self._note_inspected)
        else:
            self.row.say(tr("There is no file {}.").format(path) if path else "")
        self._show_state()

    def preview(self) -> None:
        """Makes the generator aside and lets it reconstruct the visible part of the map."""
        try:
            choices = self._choices()
        except UncloudedError as error:
            self.row.say(str(error))
            return
        self._previews += 1
        model = self._scratch.filePath(f"preview-{self._previews}{SUFFIX}")
        job = self.form.job(new_job_id(), self._path(), model, overwrite=True)
        self.row.start(job, tr("Converting"), lambda outcome: self._note_converted(outcome, choices, model))

    def save(self) -> None:
        """Makes the generator in the user's folder."""
        output = user_models() / f"{self.form.name.text().strip()}{SUFFIX}"
        if not self._may_write(output):
            return
        job = self.form.job(new_job_id(), self._path(), str(output), overwrite=True)
        self.row.start(job, tr("Importing {}").format(job.name), self._note_saved)

    def done(self, result: int) -> None:
        """Closes the dialog and gives up what it does."""
        self.row.abandon()
        self.pictures.stop()
        self._scratch.remove()
        super().done(result)

    # What comes of it

    def _hear(self, event: object) -> None:
        if isinstance(event, Checkpoint):
            self._show_checkpoint(event)

    def _note_inspected(self, outcome: object) -> None:
        if isinstance(outcome, Done) and self._checkpoint is not None and self._checkpoint.kind:
            self.row.say(tr("Check what the file does not say, and see with “Preview” what the generator does."))

    def _note_converted(self, outcome: object, choices: Choices, model: str) -> None:
        if not isinstance(outcome, Done):
            return
        wanted = dataclasses.replace(
            choices, method="generator", model=model, whole_image=True, mask_layer=False, uncertainty_layer=False
        )
        try:
            job = build_job(wanted, new_job_id())
        except UncloudedError as error:
            self.row.say(str(error))
            return
        title = tr("Reconstructing the visible part of {}").format(choices.optical.name())
        self.row.start(job, title, lambda outcome: self._note_previewed(outcome, choices.optical))

    def _note_previewed(self, outcome: object, source: QgsRasterLayer) -> None:
        if not isinstance(outcome, Done):
            return
        try:
            self.pictures.show_result(source, outcome.output)
        except UncloudedError as error:
            self.row.say(str(error))
            return
        self.row.say(tr("The whole view went through the network: clear ground should keep its colours."))

    def _may_write(self, output: Path) -> bool:
        """Makes the folder of a file, and asks whether a file that is there may be replaced."""
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.row.say(tr("The folder {} cannot be made: {}.").format(output.parent, error.strerror))
            return False
        if not output.exists():
            return True
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        question = tr("The generator {} exists. Replace it?").format(output)
        return QMessageBox.question(self, self.windowTitle(), question, yes | no, no) == yes

    def _note_saved(self, outcome: object) -> None:
        if isinstance(outcome, Done):
            self.saved.emit(outcome.output)
            self.accept()

    # What is shown

    def _show_checkpoint(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self.found.setText(checkpoint.title)
        for tensor in checkpoint.tensors:
            shape = " x ".join(str(side) for side in tensor["shape"])
            self.tensors.addTopLevelItem(QTreeWidgetItem([str(tensor["name"]), shape]))
        hidden = checkpoint.tensor_count - len(checkpoint.tensors)
        if hidden > 0:
            self.tensors.addTopLevelItem(QTreeWidgetItem([tr("and {} more").format(hidden)]))
        if checkpoint.kind:
            self.form.show_checkpoint(checkpoint)

    def _show_state(self) -> None:
        known = self._checkpoint is not None and bool(self._checkpoint.kind)
        problem = self.form.problem() if known else ""
        self.form.setEnabled(known)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        for button in (self.preview_button, self.save_button):
            button.setEnabled(known and not problem and not self.row.busy)

    def _path(self) -> str:
        return self.file.filePath().strip()

    def _build(self) -> None:
        self.file.setFilter(tr("Checkpoints ({});;All files (*)").format(CHECKPOINTS))
        self.file.setDefaultRoot(Setting.FOLDER.get())
        self.file.setDialogTitle(tr("Choose a checkpoint"))
        self.file.setToolTip(tr("Weights of DSen2-CR, UnCRtainTS, pix2pix, CycleGAN, SpA-GAN or our networks; ONNX"))
        self.file.lineEdit().setPlaceholderText(self.file.toolTip())
        self.file.fileChanged.connect(lambda _: self.inspect())
        for label, name in ((self.found, tr("What the file is")), (self.problem, tr("What is filled in wrongly"))):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            label.setAccessibleName(name)
        self.tensors.setHeaderLabels([tr("What the file holds"), tr("Shape")])
        self.tensors.setRootIsDecorated(False)
        self.tensors.header().setStretchLastSection(False)
        self.tensors.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tensors.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tensors.setAccessibleName(tr("What the file holds"))
        self.tensors.setToolTip(tr("The tensors of the file, at most 200"))
        self.preview_button.setToolTip(tr("Let it reconstruct the visible part of the dock's image; nothing is saved"))
        self.preview_button.clicked.connect(self.preview)
        self.save_button.setToolTip(tr("Store it in your folder of generators and offer it in the dock"))
        self.save_button.clicked.connect(self.save)
        for button in (self.preview_button, self.save_button):
            button.setAutoDefault(False)
        self.form.changed.connect(self._show_state)
        self.row.heard.connect(self._hear)
        self.row.changed.connect(self._show_state)

    def _lay_out(self) -> None:
        file = QHBoxLayout()
        label = QLabel(tr("&File"), self)
        label.setBuddy(self.file)
        file.addWidget(label)
        file.addWidget(self.file, 1)
        middle = QHBoxLayout()
        middle.addWidget(self.form, 1)
        middle.addWidget(self.tensors, 1)
        roles = QDialogButtonBox.ButtonRole
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.addButton(self.preview_button, roles.ActionRole)
        buttons.addButton(self.save_button, roles.ActionRole)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(file)
        column.addWidget(self.found)
        column.addLayout(middle)
        column.addWidget(self.problem)
        column.addWidget(self.pictures, 1)
        column.addWidget(self.row)
        column.addWidget(buttons)
