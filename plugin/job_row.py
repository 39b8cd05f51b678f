"""A row that runs one job at a time in the background and shows how it goes: for dialogs with small jobs."""

from __future__ import annotations

from typing import Callable, Optional

from qgis.core import Qgis, QgsApplication, QgsMessageLog
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..backend.errors import BackendError
from ..backend.protocol import Failed, Job, Log, Progress
from .client import Client
from .task import JobTask
from .wording import duration, percent, tr

NAME = "Unclouded"


class JobRow(QWidget):
    """Status, progress and a button to cancel.

    Args:
        backend: Gives the client; raises BackendError if there is no backend.
        parent: The dialog.
    """

    heard = pyqtSignal(object)
    """Each event of the job but its last."""
    changed = pyqtSignal()
    """A job has begun or ended."""

    def __init__(self, backend: Callable[[], Client], parent: QWidget) -> None:
        super().__init__(parent)
        self._backend = backend
        self._task: Optional[JobTask] = None
        self._then: Optional[Callable[[object], None]] = None
        self._warning = ""
        self.status = QLabel(self)
        self.progress = QProgressBar(self)
        self.cancel_button = QPushButton(tr("&Cancel"), self)
        self._lay_out()
        self._show_idle()

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._task is not None

    def start(self, job: Job, title: str, then: Callable[[object], None]) -> None:
        """Runs a job, unless one runs.

        Args:
            job: What to do.
            title: What the status and QGIS's task list say meanwhile.
            then: Gets the last event, Done or Failed; the words of a failure are shown already.
        """
        if self.busy:
            return
        try:
            client = self._backend()
        except BackendError as error:
            self.say(str(error))
            return
        waits = client.busy
        self._task, self._then, self._warning = JobTask(client, job, title), then, ""
        self._task.heard.connect(self._hear)
        self._task.over.connect(self._end)
        self.say(tr("{}: waiting for the job that runs…").format(title) if waits else f"{title}…")
        self.progress.setRange(0, 0)
        self.progress.show()
        self.cancel_button.setEnabled(True)
        self.cancel_button.show()
        QgsApplication.taskManager().addTask(self._task)
        self.changed.emit()

    def cancel(self) -> None:
        """Asks the job to stop; its end comes as usual."""
        if self._task is not None:
            self.cancel_button.setEnabled(False)
            self.say(tr("Cancelling…"))
            self._task.cancel()

    def abandon(self) -> None:
        """Gives the job up and hears no more of it."""
        if self._task is not None:
            task, self._task = self._task, None
            task.heard.disconnect(self._hear)
            task.over.disconnect(self._end)
            task.cancel()
            self._show_idle()

    def say(self, text: str) -> None:
        """Shows a sentence."""
        self.status.setText(text)

    def _hear(self, event: object) -> None:
        if isinstance(event, Progress) and self.cancel_button.isEnabled():
            self._show_progress(event)
        elif isinstance(event, Log) and event.level == "warning":
            self._warning = event.text
        self.heard.emit(event)

    def _end(self, outcome: object) -> None:
        task, self._task = self._task, None
        then, self._then = self._then, None
        if task is None or then is None:
            return
        self._show_idle()
        self.say(self._warning)
        if isinstance(outcome, Failed):
            self._show_failure(outcome, task)
        then(outcome)
        self.changed.emit()

    def _show_failure(self, failed: Failed, task: JobTask) -> None:
        text = f"{failed.message} {failed.hint}".strip()
        self.say(text)
        level = Qgis.MessageLevel.Info if failed.code == "cancelled" else Qgis.MessageLevel.Warning
        for line in (*task.details, text):
            QgsMessageLog.logMessage(line, NAME, level, notifyUser=False)

    def _show_progress(self, event: Progress) -> None:
        begins_with_word = event.stage.split(" ")[0].isalpha()
        stage = event.stage[:1].upper() + event.stage[1:] if begins_with_word else event.stage
        left = tr(", about {} left").format(duration(event.seconds_left)) if event.seconds_left is not None else ""
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(1000 * event.fraction))
        self.progress.setFormat(percent(event.fraction))
        self.say(f"{stage}{left}")

    def _show_idle(self) -> None:
        self.progress.hide()
        self.cancel_button.hide()

    def _lay_out(self) -> None:
        self.status.setWordWrap(True)
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.status.setAccessibleName(tr("State"))
        self.progress.setAccessibleName(tr("Progress"))
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.setToolTip(tr("Stop; nothing is changed"))
        self.cancel_button.clicked.connect(self.cancel)
        bar = QHBoxLayout()
        bar.addWidget(self.progress, 1)
        bar.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.status)
        column.addLayout(bar)
