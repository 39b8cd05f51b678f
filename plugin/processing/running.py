"""Runs a job and tells Processing how it goes."""

from __future__ import annotations

from typing import Optional

from qgis.core import QgsProcessingException, QgsProcessingFeedback
from qgis.PyQt.QtCore import Qt

from ...backend.errors import Cancelled
from ...backend.protocol import Done, Estimate, Failed, Job, Log, Progress
from ..client import Client, Event
from ..wording import duration, size, tr


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


def _tell(event: Event, client: Client, feedback: QgsProcessingFeedback) -> None:
    if isinstance(event, Log):
        say = feedback.pushWarning if event.level == "warning" else feedback.pushInfo
        say(event.text)
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
