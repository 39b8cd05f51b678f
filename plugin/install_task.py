"""A QgsTask round work that blocks: installing, planning, removing."""

from __future__ import annotations

import threading
from typing import Callable, Optional

from qgis.core import QgsTask
from qgis.PyQt.QtCore import pyqtSignal

from ..backend.errors import BackendError, Cancelled, UncloudedError
from .installing.install import Say, Step
from .task import FLAGS

CancelAsked = Callable[[], bool]
Work = Callable[[Say, CancelAsked], object]


class WorkTask(QgsTask):
    """Does blocking work in the background.

    Args:
        title: What QGIS's task list shows.
        work: Called in a thread of its own, with what takes its steps and what tells whether it was cancelled.
    """

    heard = pyqtSignal(object)
    """Each Step."""
    over = pyqtSignal(object)
    """What the work gave, or the UncloudedError that it ended with; emitted once, in the main thread."""

    def __init__(self, title: str, work: Work) -> None:
        super().__init__(title, FLAGS)
        self._work = work
        self._outcome: Optional[object] = None
        self._idle = threading.Event()
        self._idle.set()

    def run(self) -> bool:
        """Called by QGIS in a thread of its own."""
        if self.isCanceled():
            return False
        self._idle.clear()
        try:
            self._outcome = self._work(self._hear, self.isCanceled)
        except UncloudedError as error:
            self._outcome = error
        finally:
            self._idle.set()
        return not isinstance(self._outcome, UncloudedError)

    def finished(self, result: bool) -> None:
        """Called by QGIS in the main thread."""
        if self._outcome is None and self.isCanceled():
            self._outcome = Cancelled()
        elif not result and self._outcome is None:
            self._outcome = BackendError("This ended in an error that nobody foresaw.", "QGIS's log says more.")
        self.over.emit(self._outcome)

    def wait_idle(self, timeout_s: float) -> None:
        """Waits until the work has ended, as it does soon after `cancel`; needs no events to be handled."""
        self._idle.wait(timeout_s)

    def _hear(self, step: Step) -> None:
        self.setProgress(100 * step.fraction)
        self.heard.emit(step)
