"""Runs a job and tells Processing how it goes."""

from __future__ import annotations

from html import escape
from typing import Optional

from qgis.core import QgsProcessingException, QgsProcessingFeedback
from qgis.PyQt.QtCore import Qt

from ...backend.errors import Cancelled
from ...backend.protocol import Done, Estimate, Failed, Job, Log, Progress
from ..client import Client, Event
from ..wording import duration, size, tr

NO_BREAK_SPACE = "\u00a0"


def run(client: Client, job: Job, feedback: QgsProcessingFeedback) -> Done:
    """Runs a job to its end and tells the feedback how it goes.

    Returns:
        What it wrote; of a training that was cancelled, what it kept.

    Raises:
        QgsProcessingException: It failed or was cancelled.
        UncloudedError: The backend could not be started, or died.
    """

    def cancel() -> None:
        client.cancel(job.id)

    # Direct: the signal comes from the main thread while this one waits for the backend and handles no events.
    feedback.canceled.connect(cancel, Qt.ConnectionType.DirectConnection)
    try:
        if feedback.isCanceled():
            raise QgsProcessingException(tr("Cancelled. Nothing was written."))
        return _follow(client, job, feedback)
    finally:
        feedback.canceled.disconnect(cancel)


def _follow(client: Client, job: Job, feedback: QgsProcessingFeedback) -> Done:
    stage = ""
    done: Optional[Done] = None
    for event in client.run(job):
        if isinstance(event, Progress):
            feedback.setProgress(100 * event.fraction)
            if event.stage != stage:
                stage = event.stage
                feedback.setProgressText(stage)
        elif isinstance(event, Done):
            done = event
        elif isinstance(event, Failed) and event.kept and event.code == Cancelled.code:
            feedback.pushWarning(f"{event.message} {event.hint}")
            done = Done(event.id, event.kept)
        else:
            _tell(event, client, feedback)
    if done is None:
        raise QgsProcessingException(tr("The backend ended the job without a result."))
    return done


def _say(log: Log, feedback: QgsProcessingFeedback) -> None:
    if "\n" in log.text:
        _show_table(log.text, feedback)
    elif log.level == "warning":
        feedback.pushWarning(log.text)
    else:
        feedback.pushInfo(log.text)


def _show_table(text: str, feedback: QgsProcessingFeedback) -> None:
    """Shows columns of characters in letters of one width; QGIS's log is a web page, which drops blanks."""
    if hasattr(feedback, "pushFormattedMessage"):  # since QGIS 3.36
        feedback.pushFormattedMessage(f"<pre>{escape(text)}</pre>", text)
    else:
        feedback.pushConsoleInfo(text.replace(" ", NO_BREAK_SPACE))


def _tell(event: Event, client: Client, feedback: QgsProcessingFeedback) -> None:
    if isinstance(event, Log):
        _say(event, feedback)
    elif isinstance(event, Estimate):
        feedback.pushInfo(
            tr("It will take {time} and {space} on disk.").format(
                time=duration(event.seconds), space=size(event.disk_bytes)
            )
        )
    elif isinstance(event, Failed):
        if event.code == "internal":
            feedback.pushDebugInfo("\n".join(client.details))
        raise QgsProcessingException(f"{event.message} {event.hint}".strip())
