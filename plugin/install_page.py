"""The dock's page on the backend's environment: what can be installed, how it goes, and how to be rid of it."""

from __future__ import annotations

from html import escape
from typing import List

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from .notices import ICON_PX
from .wording import percent, tr

GAP_PX = 5
PROMISE = (
    "Unclouded computes in a process of its own, with PyTorch and further libraries. They go into a folder of yours, "
    "not into QGIS, and one click removes them again."
)


class InstallPage(QScrollArea):
    """Shows what it is told to show, and says which button was pressed; installation.py decides.

    Its three faces are an offer (nothing usable is installed), work under way, and what is installed.
    """

    install_asked = pyqtSignal()
    python_asked = pyqtSignal()
    wheels_asked = pyqtSignal()
    variant_chosen = pyqtSignal()
    cancel_asked = pyqtSignal()
    update_asked = pyqtSignal()
    repair_asked = pyqtSignal()
    remove_asked = pyqtSignal()
    diagnostics_asked = pyqtSignal()
    shut_asked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.title = _label(self)
        self.text = _label(self, selectable=True)
        self.problem = _label(self, selectable=True)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem_box = self._framed(self.problem)
        self.variant = QComboBox(self)
        self.variant_label = QLabel(tr("&Build of PyTorch"), self)
        self.step = _label(self)
        self.progress = QProgressBar(self)
        self.cancel_button = self._button(
            tr("&Cancel"), tr("Stop; what was downloaded is kept for the next attempt"), self.cancel_asked
        )
        self.install_button = self._button("", tr("Download and install what is listed above"), self.install_asked)
        self.python_button = self._button(
            tr("&Use an existing Python…"),
            tr("Choose a Python, or the folder of an environment, that has the libraries already"),
            self.python_asked,
        )
        self.wheels_button = self._button("", tr("For computers without network"), self.wheels_asked)
        self.update_button = self._button(
            tr("U&pdate"), tr("Bring the libraries to what this version of the plugin needs"), self.update_asked
        )
        self.repair_button = self._button(
            tr("&Repair"), tr("Make the environment anew, whatever is there"), self.repair_asked
        )
        self.remove_button = self._button(
            tr("Re&move everything…"), tr("Delete the environment and what was downloaded for it"), self.remove_asked
        )
        self.diagnostics_button = self._button(
            "",
            tr("Put versions, device, driver and the last lines of the log onto the clipboard, without your name"),
            self.diagnostics_asked,
        )
        self.shut_button = self._button(tr("Bac&k"), tr("Leave this page"), self.shut_asked)
        self._build()
        self._lay_out()

    def show_offer(self, title: str, install: str, can_remove: bool) -> None:
        """Shows that something can be installed.

        Args:
            title: What is the matter.
            install: Text of the button.
            can_remove: Whether there is a beginning that can be removed.
        """
        self._show(
            title, self.variant, self.variant_label, self.install_button, self.python_button, self.wheels_button,
            self.diagnostics_button,
        )  # fmt: skip
        self.install_button.setText(install)
        self.remove_button.setVisible(can_remove)

    def show_work(self, title: str, first: str = "", can_cancel: bool = True) -> None:
        """Shows that work has begun.

        Args:
            title: What it is.
            first: What is said until the first step.
            can_cancel: Whether it can be given up.
        """
        self.show_problem("")
        self._show(title, self.step, self.progress)
        self.step.setText(first or tr("Starting…"))
        self._show_lines([tr("You can go on working in QGIS meanwhile.")])
        self.progress.setRange(0, 0)
        self.cancel_button.setEnabled(True)
        self.cancel_button.setVisible(can_cancel)
        self.cancel_button.setFocus()

    def show_installed(self, title: str, text: str, ours: bool, outdated: bool) -> None:
        """Shows what is there.

        Args:
            title: What is the matter.
            text: Where it is.
            ours: Whether it was installed by the plugin.
            outdated: Whether it should be updated.
        """
        self._show(title, self.diagnostics_button, self.shut_button)
        self._show_lines([escape(line) for line in text.splitlines()])
        self.update_button.setVisible(ours and outdated)
        self.repair_button.setVisible(ours)
        self.remove_button.setVisible(ours)
        self.shut_button.setText(tr("Not &now") if outdated else tr("Bac&k"))

    def show_text(self, text: str, ready: bool) -> None:
        """Shows what will be installed.

        Args:
            text: Several lines.
            ready: Whether the button may be pressed.
        """
        self._show_lines([escape(tr(PROMISE)), *(_emphasised(line) for line in text.splitlines())])
        self.install_button.setEnabled(ready)

    def show_wheels(self, chosen: bool) -> None:
        """Offers the other source of libraries than the one that is chosen."""
        self.wheels_button.setText(
            tr("Install from the net&work") if chosen else tr("Install &from a folder of wheels…")
        )

    def show_step(self, fraction: float, text: str) -> None:
        """Shows how far the work has come, `fraction` of 0..1."""
        if self.cancel_button.isEnabled():
            self.progress.setRange(0, 1000)
            self.progress.setValue(round(1000 * fraction))
            self.progress.setFormat(percent(fraction))
            self.step.setText(text)

    def show_cancelling(self) -> None:
        """Shows that the work is being given up."""
        self.cancel_button.setEnabled(False)
        self.step.setText(tr("Cancelling…"))

    def show_copying(self, under_way: bool) -> None:
        """Shows that diagnostics are being gathered, or that they are on the clipboard."""
        self.diagnostics_button.setEnabled(not under_way)
        self.diagnostics_button.setText(tr("Gathering diagnostics…") if under_way else tr("Diagnostics copied"))

    def show_problem(self, text: str) -> None:
        """Shows what went wrong, or nothing."""
        self.problem.setText(text)
        self.problem_box.setVisible(bool(text))

    def _show_lines(self, lines: List[str]) -> None:
        """Shows HTML, a paragraph for each line."""
        self.text.setText("".join(f"<p style='margin: 0 0 {GAP_PX}px 0'>{line}</p>" for line in lines if line))

    def _show(self, title: str, *widgets: QWidget) -> None:
        for widget in self._changing:
            widget.setVisible(widget in widgets)
        if self.diagnostics_button.isEnabled():
            self.diagnostics_button.setText(tr("Copy dia&gnostics"))
        self.title.setText(f"<h3>{title}</h3>")

    def _build(self) -> None:
        for text, name in ((tr("What fits this computer"), ""), (tr("CPU"), "cpu"), (tr("CUDA (NVIDIA)"), "cuda")):
            self.variant.addItem(text, name)
        self.variant.setToolTip(tr("With CUDA, PyTorch computes on an NVIDIA graphics card, and is much larger"))
        self.variant.activated.connect(self.variant_chosen)
        self.variant_label.setBuddy(self.variant)
        self.install_button.setDefault(True)
        self.progress.setAccessibleName(tr("Progress of the installation"))
        self.problem.setAccessibleName(tr("What went wrong"))
        self.show_wheels(False)
        self._changing = (
            self.variant, self.variant_label, self.step, self.progress, self.cancel_button, self.install_button,
            self.python_button, self.wheels_button, self.update_button, self.repair_button, self.remove_button,
            self.diagnostics_button, self.shut_button,
        )  # fmt: skip

    def _lay_out(self) -> None:
        content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.title)
        column.addWidget(self.problem_box)
        column.addWidget(self.text)
        choice = QFormLayout()
        choice.addRow(self.variant_label, self.variant)
        column.addLayout(choice)
        working = QHBoxLayout()
        working.addWidget(self.progress, 1)
        working.addWidget(self.cancel_button)
        column.addWidget(self.step)
        column.addLayout(working)
        for button in (
            self.install_button, self.update_button, self.python_button, self.wheels_button, self.repair_button,
            self.remove_button, self.diagnostics_button, self.shut_button,
        ):  # fmt: skip
            column.addWidget(button)
        column.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def _framed(self, text: QLabel) -> QFrame:
        box = QFrame(self)
        box.setFrameShape(QFrame.Shape.StyledPanel)
        icon = QLabel(box)
        icon.setPixmap(QgsApplication.getThemeIcon("/mIconWarning.svg").pixmap(QSize(ICON_PX, ICON_PX)))
        row = QHBoxLayout(box)
        row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(text, 1)
        box.hide()
        return box

    def _button(self, text: str, tip: str, asked: pyqtSignal) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(tip)
        button.clicked.connect(asked)
        return button


def _emphasised(line: str) -> str:
    """Gives HTML of a line in which the words before its first colon are bold."""
    head, colon, rest = line.partition(": ")
    return f"<b>{escape(head)}:</b> {escape(rest)}" if colon else escape(line)


def _label(parent: QWidget, selectable: bool = False) -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    if selectable:
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return label
