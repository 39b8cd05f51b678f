"""A QgsTask round one job of the client: events come out as a signal in the main thread."""

from __future__ import annotations

from typing import List, Optional

from qgis.core import QgsTask
from qgis.PyQt.QtCore import pyqtSignal

from ..backend.errors import BackendError, Cancelled
from ..backend.protocol import Done, Failed, Job, Progress, Ready, failure
from .client import Client

FLAGS = QgsTask.Flag.CanCancel | getattr(QgsTask.Flag, "Silent", QgsTask.Flag.CanCancel)
"""Silent: QGIS announces no end of its own beside ours; before 3.26 it knows no such flag."""


class JobTask(QgsTask):
    """Runs one job in the background.

    Args:
        client: The backend.
        job: What to do.
        title: What QGIS's task list shows.
    """

    heard = pyqtSignal(object)
    """Each event but the last: Estimate, Progress or Log."""
    over = pyqtSignal(object)
    """The last event, Done or Failed; emitted once, in the main thread."""

    def __init__(self, client: Client, job: Job, title: str) -> None:
        super().__init__(title, FLAGS)
        self.job = job
        self.details: List[str] = []
        """The backend's last words, if it died or met a bug."""
        self._client = client
        self._last: Optional[object] = None

    def run(self) -> bool:
        """Called by QGIS in a thread of its own."""
        if self.isCanceled():
            return False
        try:
            for event in self._client.run(self.job):
                self._hear(event)
        except BackendError as error:
            self._last = failure(self.job.id, error)
        if isinstance(self._last, Failed) and self._last.code in ("backend", "internal"):
            self.details = self._client.details
        return isinstance(self._last, Done)

    def cancel(self) -> None:
        """Asks the backend to stop; it is killed if it does not."""
        self._client.cancel(self.job.id)
        super().cancel()

    def finished(self, result: bool) -> None:
        """Called by QGIS in the main thread."""
        self.over.emit(self._last or failure(self.job.id, Cancelled()))

    def _hear(self, event: object) -> None:
        if isinstance(event, (Done, Failed)):
            self._last = event
            return
        if isinstance(event, Progress):
            self.setProgress(100 * event.fraction)
        self.heard.emit(event)


class StartTask(QgsTask):
    """Starts the backend, so that its devices and models are known and the first job finds it warm."""

    over = pyqtSignal(object)
    """Ready, or the BackendError that came instead."""

    def __init__(self, client: Client, title: str) -> None:
        super().__init__(title, FLAGS)
        self._client = client
        self._outcome: object = None

    def run(self) -> bool:
        """Called by QGIS in a thread of its own."""
        try:
            self._outcome = self._client.wait_ready()
        except BackendError as error:
            self._outcome = error
        return isinstance(self._outcome, Ready)

    def finished(self, result: bool) -> None:
        """Called by QGIS in the main thread."""
        if self._outcome is not None:
            self.over.emit(self._outcome)
