"""The dock: from the chosen layers to a job, from its events to the panels, from its result to the map."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from qgis.core import Qgis, QgsApplication, QgsMessageLog, QgsProject
from qgis.gui import QgisInterface, QgsDockWidget
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QMessageBox, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from ..backend.errors import BackendError, UncloudedError
from ..backend.protocol import Done, Failed, Ready, RemoveClouds
from .backend_process import shared_client
from .client import Client, new_job_id
from .environment import NotInstalled
from .form import Form
from .install_page import InstallPage
from .installation import Installation
from .installer import Installer
from .installing.proof import Proof
from .job_builder import build_job, existing_outputs
from .models_dialog import ModelsDialog
from .notices import Banner, EmptyPage
from .results import Source, add_result
from .run_panel import RunPanel
from .settings_dialog import SettingsDialog
from .task import JobTask, StartTask
from .wording import percent, tr

NAME = "Unclouded"


@dataclass(frozen=True)
class _Run:
    """The job under way and what is needed when it is over."""

    task: JobTask
    source: Source
    project_number: int


class Dock(QgsDockWidget):
    """The plugin's window.

    Args:
        iface: QGIS.
        backend: Gives the client; raises NotInstalled if there is no backend, BackendError if it cannot serve.
        installer: Installs the backend; the user's environment if None.
    """

    compare_asked = pyqtSignal(str, str)
    """The ids of the last job's source and of its result, which the user wants to see side by side."""

    def __init__(
        self,
        iface: QgisInterface,
        backend: Callable[[], Client] = shared_client,
        installer: Optional[Installer] = None,
    ) -> None:
        super().__init__(tr("Unclouded: remove clouds"), iface.mainWindow())
        self.setObjectName("UncloudedDock")
        self._iface = iface
        self._backend = backend
        self._run: Optional[_Run] = None
        self._starting: Optional[StartTask] = None
        self._asked_backend = False
        self._asked_environment = False
        self._in_environment = False
        self._last_pair: Optional[tuple[str, str]] = None
        self._project_number = 0
        self._models: Optional[ModelsDialog] = None
        self.pages = QStackedWidget(self)
        self.banner = Banner(self)
        self.form = Form(iface, backend, self)
        self.inputs, self.options, self.advanced = self.form.inputs, self.form.options, self.form.advanced
        self.run_panel = RunPanel(self)
        self.empty = EmptyPage(self.inputs.open_menu(), self)
        self.install_page = InstallPage(self)
        self.installation = Installation(self.install_page, installer or Installer(), self.run_panel.log_lines)
        self._lay_out()
        self._connect()
        self.inputs.prefer(iface.activeLayer())
        self._show_page()

    # What the user does

    def preview(self) -> None:
        """Runs the visible part of the map into a temporary file."""
        self._start(preview=True)

    def run(self) -> None:
        """Runs the job."""
        self._start(preview=False)

    def cancel(self) -> None:
        """Gives up the job under way."""
        if self._run is not None:
            self.run_panel.show_cancelling()
            self._run.task.cancel()

    def open_settings(self) -> None:
        """Shows the settings; a backend that was missing is looked for again."""
        dialog = SettingsDialog(self)
        dialog.environment_asked.connect(self.open_environment)
        if dialog.exec():
            self.find_backend()
        dialog.deleteLater()

    def open_models(self) -> None:
        """Shows the model manager."""
        if self._models is None:
            self._models = ModelsDialog(self._backend, self.form.given, lambda: self.form.choices(preview=True), self)
            self._models.installed_changed.connect(self.options.method.refresh)
            self.form.changed.connect(self._models.reconsider)
        self._models.open_anew()

    def open_environment(self) -> None:
        """Shows what is installed for the backend, or offers to install it."""
        self._in_environment = self._asked_environment = True
        self.banner.hide()
        self.installation.open()
        self.setUserVisible(True)
        self._show_page()

    def find_backend(self) -> None:
        """Starts the backend in the background, to learn its devices and generators; a missing one is offered."""
        self._asked_backend = True
        self._in_environment = False
        self.banner.hide()
        if self.installation.offers_update():
            self.open_environment()
            return
        self._show_page()
        try:
            client = self._backend()
        except NotInstalled:
            self.open_environment()
            return
        except BackendError as error:
            self.banner.show_error(error)
            return
        self._starting = StartTask(client, tr("Starting Unclouded's backend"))
        self._starting.over.connect(self._meet_backend)
        QgsApplication.taskManager().addTask(self._starting)

    def tear_down(self) -> None:
        """Undoes what the dock did outside of itself."""
        self.installation.tear_down()
        self.inputs.finder.row.abandon()
        if self._starting is not None:
            self._starting.over.disconnect(self._meet_backend)
        if self._run is not None:
            self._run.task.heard.disconnect(self.run_panel.show_event)
            self._run.task.over.disconnect(self._end)
            self._run.task.cancel()
            self._run = None
        if self._models is not None:
            self._models.reject()
        self.options.area.remove_from_map()

    # From click to result

    def _start(self, preview: bool) -> None:
        if self._run is not None:
            return
        try:
            choices = self.form.choices(preview)
            job = build_job(choices, new_job_id())
            source = Source(choices.optical.id(), choices.optical.name(), preview, _method_of(job))
            if preview or self._may_replace(Path(job.output)):
                self._submit(job, source)
        except UncloudedError as error:
            self._say_error(error)

    def _submit(self, job: RemoveClouds, source: Source) -> None:
        title = (tr("Preview of {}") if source.preview else tr("Removing clouds from {}")).format(source.name)
        task = JobTask(self._backend(), job, title)
        task.heard.connect(self.run_panel.show_event)
        task.over.connect(self._end)
        self._run = _Run(task, source, self._project_number)
        self.inputs.remember()
        self.run_panel.write(f"{title} → {job.output}")
        self.run_panel.show_running(tr("Starting…"))
        QgsApplication.taskManager().addTask(task)

    def _end(self, outcome: object) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        if isinstance(outcome, Done):
            self._succeed(outcome, run)
        elif isinstance(outcome, Failed):
            self._fail(outcome, run)
        self._show_page()

    def _succeed(self, done: Done, run: _Run) -> None:
        text = tr("{} of the image was reconstructed: {}").format(percent(done.cloud_fraction), done.output)
        self.run_panel.write(text)
        self.run_panel.show_quality(done.quality)
        if not run.source.preview:
            self.options.clear_output()
        if run.project_number == self._project_number:
            self._add(done, run.source)
            if not run.source.preview:
                self._say(_verdict(done, run.source.name), self._warned(), Qgis.MessageLevel.Success)
        else:
            self._offer(done, run.source)

    def _fail(self, failed: Failed, run: _Run) -> None:
        for line in run.task.details:
            self.run_panel.write(line)
        self.run_panel.write(f"{failed.message} {failed.hint}")
        cancelled = failed.code == "cancelled"
        self._say(failed.message, failed.hint, Qgis.MessageLevel.Info if cancelled else Qgis.MessageLevel.Critical)

    def _warned(self) -> str:
        return tr("See the warnings in the log.") if self.run_panel.warnings else ""

    def _add(self, done: Done, source: Source) -> None:
        try:
            image = add_result(QgsProject.instance(), done, source)
            self._last_pair = (source.layer_id, image.id())
        except UncloudedError as error:
            self._say_error(error)

    def _offer(self, done: Done, source: Source) -> None:
        """Leaves it to the user whether a result goes into a project that it was not made for."""
        bar = self._iface.messageBar()
        text = tr("Clouds removed from “{}”, whose project was closed: {}").format(source.name, done.output)
        item = bar.createMessage(NAME, text)
        button = QPushButton(tr("Add to this project"), item)
        button.setObjectName("AddResult")
        button.clicked.connect(lambda: self._add(done, source))
        button.clicked.connect(lambda: bar.popWidget(item))
        item.layout().addWidget(button)
        bar.pushWidget(item, Qgis.MessageLevel.Success)

    def _may_replace(self, output: Path) -> bool:
        existing = existing_outputs(output)
        if not existing:
            return True
        names = "\n".join(str(path) for path in existing)
        yes = QMessageBox.StandardButton.Yes
        return QMessageBox.question(self, NAME, tr("These files exist. Replace them?") + f"\n{names}") == yes

    # What is shown

    def _show_state(self) -> None:
        if self._run is None:
            self.run_panel.show_idle(self.form.problem())
        self.run_panel.offer_comparison(self._can_compare())

    def _show_page(self) -> None:
        has_images = self.inputs.optical is not None
        self.pages.setCurrentIndex(2 if self._in_environment else 1 if has_images or self._run is not None else 0)
        self._show_state()
        if self.isVisible() and not self._asked_environment:
            self._offer_environment()
        if has_images and self.isVisible() and not self._asked_backend and not self._in_environment:
            self.find_backend()

    def _offer_environment(self) -> None:
        """Offers to install or update the backend as soon as the dock is seen, also before there is an image."""
        self._asked_environment = True
        try:
            self._backend()
        except NotInstalled:
            self.open_environment()
        except BackendError as error:
            self.banner.show_error(error)
        else:
            if self.installation.offers_update():
                self.open_environment()

    def _use_proved(self, proof: Proof) -> None:
        """Goes on with a backend that was just installed."""
        time_ms = round(proof.milliseconds)
        text = tr("The backend is installed and computes on {} ({}): {} ms for a tile.").format(
            proof.label, proof.device, time_ms
        )
        self.run_panel.write(text)
        if proof.warning:
            self.run_panel.write(proof.warning, "warning")
        self._say(text, proof.warning, Qgis.MessageLevel.Warning if proof.warning else Qgis.MessageLevel.Success)
        self.find_backend()
        self.banner.show_note(f"{text}\n{proof.warning}".strip(), bool(proof.warning))

    def _can_compare(self) -> bool:
        project = QgsProject.instance()
        return self._last_pair is not None and all(project.mapLayer(layer_id) for layer_id in self._last_pair)

    def _compare(self) -> None:
        if self._last_pair is not None:
            self.compare_asked.emit(*self._last_pair)

    def _meet_backend(self, outcome: object) -> None:
        self._starting = None
        if isinstance(outcome, Ready):
            self.options.method.show_models(outcome.models)
            self.advanced.show_devices(outcome.devices)
        elif isinstance(outcome, BackendError):
            self.banner.show_error(outcome)
            for line in (*getattr(outcome, "details", ()), str(outcome)):
                self.run_panel.write(line)

    def _note_closed_project(self) -> None:
        self._project_number += 1
        if self._run is None:
            self.run_panel.show_quality(None)

    def _say_error(self, error: UncloudedError) -> None:
        self._say(error.message, error.hint, Qgis.MessageLevel.Warning)

    def _say(self, message: str, hint: str, level: Qgis.MessageLevel) -> None:
        QgsMessageLog.logMessage(f"{message} {hint}".strip(), NAME, level)
        self._iface.messageBar().pushMessage(
            NAME, f"{message} {hint}".strip(), level, 0 if level == Qgis.MessageLevel.Critical else 8
        )

    def _connect(self) -> None:
        project = QgsProject.instance()
        project.layersAdded.connect(self._show_page)
        project.layersRemoved.connect(self._show_page)
        project.cleared.connect(self._note_closed_project)
        self.visibilityChanged.connect(self._show_page)
        self.form.changed.connect(self._show_page)
        self.form.refused.connect(self._say_error)
        self.options.models_asked.connect(self.open_models)
        self.run_panel.preview_asked.connect(self.preview)
        self.run_panel.run_asked.connect(self.run)
        self.run_panel.cancel_asked.connect(self.cancel)
        self.run_panel.compare_asked.connect(self._compare)
        self.banner.settings_asked.connect(self.open_settings)
        self.banner.retry_asked.connect(self.find_backend)
        self.banner.environment_asked.connect(self.open_environment)
        self.install_page.python_asked.connect(self.open_settings)
        self.installation.proved.connect(self._use_proved)
        self.installation.left.connect(self.find_backend)
        self.installation.said.connect(self.run_panel.write)

    def _lay_out(self) -> None:
        page = QWidget(self)
        work = QVBoxLayout(page)
        work.setContentsMargins(0, 0, 0, 0)
        work.addWidget(self.form, 1)
        work.addWidget(self.run_panel)
        self.pages.addWidget(self.empty)
        self.pages.addWidget(page)
        self.pages.addWidget(self.install_page)
        content = QWidget(self)
        whole = QVBoxLayout(content)
        whole.setContentsMargins(6, 6, 6, 6)
        whole.addWidget(self.banner)
        whole.addWidget(self.pages, 1)
        self.setWidget(content)


def _verdict(done: Done, name: str) -> str:
    if done.cloud_fraction == 0:
        return tr("No cloud found in “{}”: the result is a copy.").format(name)
    return tr("Clouds removed from “{}”.").format(name)


def _method_of(job: RemoveClouds) -> str:
    return Path(job.model).stem if job.method == "generator" else job.method
