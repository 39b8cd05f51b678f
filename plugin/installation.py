"""Installs, updates, repairs and removes the backend's environment as the user asks for it on the dock's page."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QObject, pyqtSignal
from qgis.PyQt.QtWidgets import QApplication, QFileDialog, QMessageBox

from ..backend.errors import BackendError, Cancelled, UncloudedError
from .backend_process import close_clients, is_busy
from .environment import NotInstalled
from .install_page import InstallPage
from .install_task import WorkTask
from .installer import Installer
from .installing.install import Network, Say, Step
from .installing.plan import Plan
from .installing.proof import Proof
from .installing.state import State
from .settings import Setting
from .wording import tr

END_TIMEOUT_S = 5.0
"""QGIS waits so long for an installation that it cancels when it is closed."""

Act = Callable[[Plan, Say, Callable[[], bool], Network], Proof]


class Installation(QObject):
    """Leads the page. One thing goes on at a time.

    Args:
        page: What the user sees.
        installer: What does the work.
        log_lines: Gives the last lines of the dock's log.
    """

    proved = pyqtSignal(object)
    """The environment was installed, updated or repaired, and the backend ran: its Proof."""
    said = pyqtSignal(str)
    """A line for the log."""
    left = pyqtSignal()
    """The user wants to go on with what is there."""

    def __init__(self, page: InstallPage, installer: Installer, log_lines: Callable[[], List[str]]) -> None:
        super().__init__(page)
        self._page = page
        self._installer = installer
        self._log_lines = log_lines
        self._task: Optional[WorkTask] = None
        self._planning: Optional[WorkTask] = None
        self._copying: Optional[WorkTask] = None
        self._plan: Optional[Plan] = None
        self._wheels: Optional[Path] = None
        self._declined_update = False
        self._last_said = ""
        self._connect()

    def offers_update(self) -> bool:
        """Tells whether the backend runs with libraries of another version, and the user has not said *Not now*."""
        if self._declined_update or not self._installer.is_used():
            return False
        return self._installer.state() is State.OUTDATED

    @property
    def busy(self) -> bool:
        """Whether something is being installed or removed."""
        return self._task is not None

    def open(self, problem: str = "") -> None:
        """Shows what is there and what can be done; while something is under way, that stays.

        Args:
            problem: What went wrong before.
        """
        if self.busy:
            return
        self._page.show_problem(problem)
        state = self._installer.state()
        try:
            python = self._installer.python()
        except NotInstalled:
            self._offer(state, problem)
        except BackendError as error:
            self._page.show_problem(problem or str(error))
            self._offer(state, problem)
        else:
            self._show_installed(python, state)

    def tear_down(self) -> None:
        """Cancels what is under way and waits for its end."""
        tasks = [task for task in (self._task, self._planning, self._copying) if task is not None]
        self._task = self._planning = self._copying = None
        for task in tasks:
            task.cancel()
        for task in tasks:
            task.wait_idle(END_TIMEOUT_S)

    # What the user does

    def install(self) -> None:
        """Installs what the plan says; if none could be made, tries that again."""
        if self._plan is None:
            self.open()
        elif self._may_download_python(self._plan):
            self._begin(tr("Installing the backend"), self._plan, self._installer.install)

    def update(self) -> None:
        """Brings the environment to this version's libraries."""
        self._renew(tr("Updating the backend"), self._installer.update)

    def repair(self) -> None:
        """Makes the environment anew."""
        self._renew(tr("Repairing the backend"), self._installer.repair)

    def remove(self) -> None:
        """Removes the environment, after asking."""
        words = tr("Delete the backend's environment and all that was downloaded for it? Generators and results stay.")
        if not self._agreed(f"{words}\n{self._installer.target}") or not self._stop_backend():
            return
        self._page.show_work(tr("Removing the backend"), str(self._installer.target), can_cancel=False)
        self._task = self._start(tr("Removing the backend"), lambda say, cancelled: self._installer.remove(), self._end)

    def cancel(self) -> None:
        """Gives up what is under way."""
        if self._task is not None:
            self._page.show_cancelling()
            self._task.cancel()

    def choose_wheels(self) -> None:
        """Takes a folder of wheels as the source, or the network again."""
        if self._wheels is not None:
            self._wheels = None
        else:
            folder = QFileDialog.getExistingDirectory(self._page, tr("Folder of wheels"), Setting.FOLDER.get())
            if not folder:
                return
            self._wheels = Path(folder)
        self.open()

    def copy_diagnostics(self) -> None:
        """Puts what a report of a fault needs onto the clipboard; takes some seconds."""
        lines = self._log_lines()
        self._page.show_copying(True)
        self._copying = self._start(
            tr("Gathering diagnostics"), lambda say, cancelled: self._installer.diagnostics(lines), self._end_copying
        )

    def leave(self) -> None:
        """Goes on with what is there; an update is not offered again before QGIS starts anew."""
        self._declined_update = True
        self.left.emit()

    # Planning

    def _offer(self, state: State, problem: str) -> None:
        half_made = state is State.HALF_MADE
        button = tr("Tr&y again") if problem else tr("R&esume the installation") if half_made else tr("&Install")
        title = tr("The installation was not finished") if half_made else tr("The GPU backend is not installed")
        if half_made and self._plan is None:  # of an earlier session
            self._page.variant.setCurrentIndex(self._page.variant.findData(self._installer.variant()))
        self._page.show_offer(title, button, can_remove=state is not State.MISSING)
        self._make_plan()

    def _make_plan(self) -> None:
        variant, wheels = self._page.variant.currentData(), self._wheels
        self._plan = None
        self._page.show_wheels(wheels is not None)
        self._page.show_text(tr("Looking at this computer…"), ready=False)
        if self._planning is not None:
            self._planning.cancel()
        self._planning = self._start(
            tr("Planning the installation"),
            lambda say, cancelled: self._installer.plan(variant, wheels),
            self._show_plan,
        )

    def _show_plan(self, task: WorkTask, outcome: object) -> None:
        if task is not self._planning:
            return
        self._planning = None
        if isinstance(outcome, Plan):
            self._plan = outcome
            self._page.show_text(outcome.summary(), ready=True)
        elif isinstance(outcome, UncloudedError):
            self._wheels = None
            self._page.show_wheels(False)
            self._page.show_text("", ready=True)
            self._page.install_button.setText(tr("Tr&y again"))
            self._page.show_problem(str(outcome))

    def _may_download_python(self, plan: Plan) -> bool:
        if not plan.needs_uv:
            return True
        words = tr("No Python on this computer fits: {} Download one? uv manages it, and it stays in your data folder.")
        return self._agreed(words.format(plan.base.problem))

    def _renew(self, title: str, act: Act) -> None:
        if not self._stop_backend():
            return
        variant = self._installer.variant()
        self._page.show_work(title)
        self._task = self._start(
            title,
            lambda say, cancelled: self._installer.plan(variant, None),
            lambda task, outcome: self._go_on(task, outcome, title, act),
        )

    def _go_on(self, task: WorkTask, outcome: object, title: str, act: Act) -> None:
        if task is not self._task:
            return
        if isinstance(outcome, Plan) and not task.isCanceled():
            self._task = None
            if self._may_download_python(outcome):
                self._begin(title, outcome, act)
            else:
                self.open()
        else:
            self._end(task, Cancelled() if isinstance(outcome, Plan) else outcome)

    # Work

    def _begin(self, title: str, plan: Plan, act: Act) -> None:
        network = self._installer.network()
        self.said.emit(title)
        self._page.show_work(title)
        self._task = self._start(title, lambda say, cancelled: act(plan, say, cancelled, network), self._end)

    def _start(self, title: str, work: Callable[..., object], over: Callable[[WorkTask, object], None]) -> WorkTask:
        task = WorkTask(title, work)
        task.heard.connect(lambda step: self._hear(task, step))
        task.over.connect(lambda outcome: over(task, outcome))
        QgsApplication.taskManager().addTask(task)
        return task

    def _hear(self, task: WorkTask, step: Step) -> None:
        if task is not self._task:
            return
        self._page.show_step(step.fraction, step.text)
        if step.text != self._last_said:
            self._last_said = step.text
            self.said.emit(step.text)

    def _end(self, task: WorkTask, outcome: object) -> None:
        if task is not self._task:
            return
        self._task = None
        if isinstance(outcome, Proof):
            self._succeed(outcome)
        elif isinstance(outcome, Cancelled):
            self.said.emit(tr("Cancelled."))
            self.open(tr("Cancelled. What was downloaded is kept, so that another attempt goes on from there."))
        elif isinstance(outcome, UncloudedError):
            self.said.emit(str(outcome))
            self.open(str(outcome))
        else:
            self.said.emit(tr("The backend was removed."))
            self._page.variant.setCurrentIndex(0)
            self.open()

    def _succeed(self, proof: Proof) -> None:
        if not self._installer.is_used():
            Setting.PYTHON.set("")
        self.proved.emit(proof)

    def _end_copying(self, task: WorkTask, outcome: object) -> None:
        if task is not self._copying:
            return
        self._copying = None
        self._page.show_copying(False)
        if isinstance(outcome, UncloudedError):
            self._page.show_problem(str(outcome))
        else:
            QApplication.clipboard().setText(str(outcome))

    # What is there

    def _show_installed(self, python: Path, state: State) -> None:
        ours, outdated = self._installer.is_used(), state is State.OUTDATED
        if not ours:
            text = tr("Unclouded uses a Python that it did not install: {}").format(python)
        elif outdated:
            words = tr("This version of the plugin needs other libraries. Only what changed is downloaded.")
            text = f"{words}\n{self._installer.target}"
        else:
            text = tr("Installed in {}").format(self._installer.target)
        title = tr("The backend needs an update") if ours and outdated else tr("The backend's environment")
        self._page.show_installed(title, text, ours, outdated)

    def _stop_backend(self) -> bool:
        """Ends the backend, whose files would be in use."""
        if is_busy() and not self._agreed(tr("A job is running. Stop it?")):
            return False
        close_clients()
        return True

    def _agreed(self, words: str) -> bool:
        yes = QMessageBox.StandardButton.Yes
        return bool(QMessageBox.question(self._page, "Unclouded", words) == yes)

    def _connect(self) -> None:
        page = self._page
        page.install_asked.connect(self.install)
        page.wheels_asked.connect(self.choose_wheels)
        page.variant_chosen.connect(self.open)
        page.cancel_asked.connect(self.cancel)
        page.update_asked.connect(self.update)
        page.repair_asked.connect(self.repair)
        page.remove_asked.connect(self.remove)
        page.diagnostics_asked.connect(self.copy_diagnostics)
        page.shut_asked.connect(self.leave)
