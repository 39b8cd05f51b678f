"""The lower part of the dock: what stands in the way, the buttons, the progress and the log."""

from __future__ import annotations

from typing import List, Mapping, Optional

from qgis.core import QgsApplication
from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtCore import Qt, QTime, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ..backend.protocol import Estimate, Log, Progress
from .quality_line import QualityLine
from .remember import remember
from .settings import Setting
from .wording import duration, percent, size, tr

LOG_LINES = 2000
LOG_ROWS = 8


class RunPanel(QWidget):
    """Starts and shows one job at a time."""

    preview_asked = pyqtSignal()
    run_asked = pyqtSignal()
    cancel_asked = pyqtSignal()
    compare_asked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.status = QLabel(self)
        self.preview_button = QPushButton(tr("&Preview"), self)
        self.run_button = QPushButton(tr("Remove &clouds"), self)
        self.compare_button = QPushButton(tr("Compare"), self)
        self.progress = QProgressBar(self)
        self.cancel_button = QPushButton(tr("&Cancel"), self)
        self.quality = QualityLine(self)
        self.log = QPlainTextEdit(self)
        self.copy_button = QToolButton(self)
        self.log_group = QgsCollapsibleGroupBox(tr("Log"), self)
        self.warnings = 0
        """Of the last job."""
        self._running = False
        self._estimate = ""
        self._build()
        self._lay_out()
        self.show_idle("")

    def show_idle(self, problem: str) -> None:
        """Offers to start a job, or says why that is not possible.

        Args:
            problem: What stands in the way; empty if nothing.
        """
        self._running = False
        self.progress.hide()
        self.cancel_button.hide()
        for button in (self.preview_button, self.run_button):
            button.show()
            button.setEnabled(not problem)
        self.status.setText(problem)
        self.status.setVisible(bool(problem))

    def show_running(self, title: str) -> None:
        """Shows that a job has been started."""
        self._running = True
        self.warnings = 0
        self._estimate = ""
        self.quality.show_quality(None)
        for button in (self.preview_button, self.run_button):
            button.hide()
        self.progress.setRange(0, 0)
        self.progress.show()
        self.cancel_button.setEnabled(True)
        self.cancel_button.show()
        self.cancel_button.setFocus()
        self.status.setText(title)
        self.status.show()

    def show_cancelling(self) -> None:
        """Shows that the job is being given up."""
        self.cancel_button.setEnabled(False)
        self.status.setText(tr("Cancelling…"))

    def offer_comparison(self, possible: bool) -> None:
        """Offers to see the last result beside its source, if both are there."""
        self.compare_button.setVisible(possible)

    def show_event(self, event: object) -> None:
        """Shows an event of the running job."""
        if isinstance(event, Log):
            self.write(event.text, event.level)
        elif self._running and self.cancel_button.isEnabled():
            if isinstance(event, Estimate):
                self._estimate = _words(event)
                self.write(self._estimate)
            elif isinstance(event, Progress):
                self._show_progress(event)

    def show_quality(self, quality: Optional[Mapping[str, float]]) -> None:
        """Says how the result of the last job looks.

        Args:
            quality: Figures of backend/quality.py; None if there are none.
        """
        self.quality.show_quality(quality)
        if quality:
            self.write(self.quality.text.text())

    def write(self, text: str, level: str = "info") -> None:
        """Adds a line to the log."""
        mark = ""
        if level == "warning":
            self.warnings += 1
            mark = tr("Warning: ")
        self.log.appendPlainText(f"{QTime.currentTime().toString('HH:mm:ss')}  {mark}{text}")

    def log_lines(self) -> List[str]:
        """Gives what the log shows."""
        return self.log.toPlainText().splitlines()

    def _show_progress(self, event: Progress) -> None:
        self.progress.setRange(0, 1000)
        self.progress.setValue(round(1000 * event.fraction))
        stage = event.stage[:1].upper() + event.stage[1:]
        left = tr(", about {} left").format(duration(event.seconds_left)) if event.seconds_left is not None else ""
        self.progress.setFormat(percent(event.fraction))
        self.progress.setToolTip(f"{stage}{left}")
        self.status.setText(f"{stage}{left}\n{self._estimate}".strip())

    def _copy_log(self) -> None:
        QApplication.clipboard().setText(self.log.toPlainText())

    def _build(self) -> None:
        self.status.setWordWrap(True)
        self.preview_button.setToolTip(tr("Try the settings on the visible part of the map, into a temporary file"))
        self.preview_button.clicked.connect(self.preview_asked)
        self.run_button.setToolTip(tr("Remove the clouds and add the result above the image"))
        self.run_button.setDefault(True)
        self.run_button.clicked.connect(self.run_asked)
        self.compare_button.setToolTip(tr("See the last result beside its source on the map, divided by a bar"))
        self.compare_button.clicked.connect(self.compare_asked)
        self.cancel_button.setToolTip(tr("Stop the job; nothing is written"))
        self.cancel_button.clicked.connect(self.cancel_asked)
        self.progress.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(LOG_LINES)
        self.log.setFixedHeight(LOG_ROWS * self.log.fontMetrics().height())
        self.log.setTabChangesFocus(True)
        self.log.setAccessibleName(tr("Log"))
        self.copy_button.setText(tr("Cop&y"))
        self.copy_button.setIcon(QgsApplication.getThemeIcon("/mActionEditCopy.svg"))
        self.copy_button.setToolTip(tr("Copy the log"))
        self.copy_button.clicked.connect(self._copy_log)
        self.log_group.setSaveCollapsedState(False)
        remember(self.log_group, Setting.LOG_SHUT)

    def _lay_out(self) -> None:
        inside = QHBoxLayout(self.log_group)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.addWidget(self.log, 1)
        inside.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        buttons = QHBoxLayout()
        buttons.addWidget(self.preview_button)
        buttons.addWidget(self.run_button, 1)
        buttons.addWidget(self.compare_button)
        buttons.addWidget(self.progress, 1)
        buttons.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.status)
        column.addLayout(buttons)
        column.addWidget(self.quality)
        column.addWidget(self.log_group)


def _words(estimate: Estimate) -> str:
    return tr("{} is cloud or shadow. This takes about {} and at most {} of disk space.").format(
        percent(estimate.cloud_fraction), duration(estimate.seconds), size(estimate.disk_bytes)
    )
