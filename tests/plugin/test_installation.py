"""The dock's page on the backend's environment, from the offer to the backend that runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qgis.core import Qgis, QgsApplication
from qgis.PyQt.QtWidgets import QAbstractButton, QApplication, QFileDialog, QLabel, QMessageBox

from unclouded.backend.errors import BackendError
from unclouded.plugin.client import Client
from unclouded.plugin.dock import Dock
from unclouded.plugin.environment import NotInstalled
from unclouded.plugin.installing.proof import Proof
from unclouded.plugin.installing.state import State
from unclouded.plugin.settings import Setting

from .conftest import FAKE, wait_until
from .fake_installer import FakeInstaller

Open = Callable[..., Dock]


@pytest.fixture
def open_without(qgis_iface: object, tmp_path: Path) -> Iterator[Open]:
    """Opens a dock whose backend must be installed first; afterwards it is a fake worker."""
    docks: list[Dock] = []

    def make(first: State = State.MISSING) -> Dock:
        installer = FakeInstaller(tmp_path / "environment", first)
        client = Client(Path(sys.executable), [sys.executable, str(FAKE), "normal"])

        def backend() -> Client:
            installer.python()
            return client

        dock = Dock(qgis_iface, backend, installer)
        dock.setParent(None)
        dock.client, dock.installer = client, installer
        docks.append(dock)
        dock.show()
        wait_until(lambda: dock.installation._planning is None, "the plan")
        return dock

    qgis_iface.messageBar().clear_messages()
    yield make
    for dock in docks:
        dock.tear_down()
        dock.client.close()
        dock.deleteLater()
    wait_until(lambda: not QgsApplication.taskManager().activeTasks(), "the tasks to end")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the user will answer, in order; each question takes one."""
    given: list[bool] = []
    kinds = QMessageBox.StandardButton
    monkeypatch.setattr(QMessageBox, "question", lambda *words: kinds.Yes if given.pop(0) else kinds.No)
    return given


def shows_page(dock: Dock) -> bool:
    return dock.pages.currentWidget() is dock.install_page


def install_to_the_end(dock: Dock) -> None:
    dock.installer.go.set()
    dock.install_page.install_button.click()
    wait_until(lambda: not dock.installation.busy, "the installation")


def test_without_a_backend_the_dock_offers_to_install_one(open_without):
    dock = open_without()
    page = dock.install_page
    assert shows_page(dock)
    assert "not installed" in page.title.text()
    assert str(dock.installer.target) in page.text.text()
    assert "There is a GPU." in page.text.text()
    assert page.install_button.isEnabled()
    assert dock.installer.calls == [("plan", "", None)]


def test_with_a_backend_nothing_of_it_is_seen(open_without):
    dock = open_without(State.READY)
    assert not shows_page(dock)
    assert dock.banner.isHidden()


def test_progress_is_shown_and_the_dock_goes_on_by_itself(open_without, add_layer, qgis_iface):
    add_layer()
    dock = open_without()
    page = dock.install_page
    page.install_button.click()
    wait_until(lambda: page.progress.maximum() > 0, "progress")
    assert page.step.text() == "Downloading torch (200 MB)"
    assert page.progress.value() == 250
    assert page.cancel_button.isVisible()
    assert not page.install_button.isVisible()
    dock.installer.go.set()
    wait_until(lambda: dock.options.method.findData("generator:tiny") >= 0, "the backend")
    assert not shows_page(dock)
    assert dock.run_panel.run_button.isVisible()
    said = qgis_iface.messageBar().get_messages(Qgis.MessageLevel.Success)[-1]
    assert "Some GPU (cuda:0): 12 ms" in said
    assert said.endswith(dock.banner.text.text())
    dock.banner.shut_button.click()
    assert dock.banner.isHidden()
    assert dock.installer.calls[-1] == ("install", "cuda", None, "http://proxy.example.org:8080")


def test_a_fall_back_to_the_processor_is_a_warning(open_without, qgis_iface):
    dock = open_without()
    dock.installer.outcomes = [Proof("cpu", "Processor", 300.0, "CUDA is not available: the driver is too old.")]
    install_to_the_end(dock)
    assert "the driver is too old" in qgis_iface.messageBar().get_messages(Qgis.MessageLevel.Warning)[-1]
    assert "the driver is too old" in dock.banner.text.text()
    assert "Warning: CUDA is not available" in dock.run_panel.log.toPlainText()


def test_cancel_gives_the_offer_back_and_resume_goes_on(open_without):
    dock = open_without()
    page = dock.install_page
    page.install_button.click()
    wait_until(lambda: page.progress.maximum() > 0, "progress")
    page.cancel_button.click()
    wait_until(lambda: not dock.installation.busy, "the end")
    assert page.install_button.isVisible()
    assert "Cancelled" in page.problem.text()
    assert page.remove_button.isVisible()
    wait_until(lambda: page.install_button.isEnabled(), "the plan")
    install_to_the_end(dock)
    assert not shows_page(dock)


def test_a_failure_is_told_and_can_be_tried_again(open_without):
    dock = open_without()
    page = dock.install_page
    dock.installer.outcomes = [BackendError("The network cannot be reached.", "Check the proxy.")]
    install_to_the_end(dock)
    assert page.problem.text() == "The network cannot be reached. Check the proxy."
    assert "again" in page.install_button.text()
    page.diagnostics_button.click()
    wait_until(page.diagnostics_button.isEnabled, "the diagnostics")
    assert "The network cannot be reached." in QApplication.clipboard().text()
    wait_until(page.install_button.isEnabled, "the plan")
    install_to_the_end(dock)
    assert not shows_page(dock)


def test_a_plan_that_cannot_be_made_is_told_and_can_be_tried_again(open_without):
    dock = open_without(State.READY)
    dock.installer.now = State.MISSING
    dock.installer.plan_error = BackendError("The disk is full.", "Free 2 GB.")
    dock.find_backend()
    page = dock.install_page
    wait_until(lambda: page.problem.isVisible(), "the error")
    assert page.problem.text() == "The disk is full. Free 2 GB."
    dock.installer.plan_error = None
    page.install_button.click()
    wait_until(lambda: str(dock.installer.target) in page.text.text(), "the plan")
    assert dock.installer.calls[-1][0] == "plan"
    assert page.problem_box.isHidden()


def test_the_build_can_be_overridden(open_without):
    dock = open_without()
    box = dock.install_page.variant
    box.setCurrentIndex(box.findData("cpu"))
    box.activated.emit(box.currentIndex())
    wait_until(dock.install_page.install_button.isEnabled, "the plan")
    install_to_the_end(dock)
    assert dock.installer.calls[-1][:2] == ("install", "cpu")


def test_what_an_earlier_session_began_is_resumed_with_its_build(open_without):
    dock = open_without(State.HALF_MADE)
    assert "not finished" in dock.install_page.title.text()
    assert "esume" in dock.install_page.install_button.text()
    install_to_the_end(dock)
    assert dock.installer.calls[-1][:2] == ("install", "cpu")


def test_wheels_take_the_place_of_the_network(open_without, monkeypatch, tmp_path):
    dock = open_without()
    page = dock.install_page
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *words: str(tmp_path))
    page.wheels_button.click()
    wait_until(page.install_button.isEnabled, "the plan")
    assert "network" in page.wheels_button.text().replace("&", "")
    install_to_the_end(dock)
    assert dock.installer.calls[-1][:3] == ("install", "cuda", tmp_path)


def test_a_folder_that_lacks_wheels_can_be_exchanged(open_without, monkeypatch, tmp_path):
    dock = open_without()
    page = dock.install_page
    dock.installer.plan_error = BackendError("The folder lacks wheels.", "Fill it.")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *words: str(tmp_path))
    page.wheels_button.click()
    wait_until(lambda: page.problem.isVisible(), "the error")
    dock.installer.plan_error = None
    page.wheels_button.click()
    wait_until(page.install_button.isEnabled, "the plan")
    assert [call[2] for call in dock.installer.calls] == [None, tmp_path, tmp_path]


def test_a_python_is_downloaded_only_if_the_user_agrees(open_without, answers):
    dock = open_without()
    dock.installer.needs_uv = True
    dock.find_backend()
    wait_until(dock.install_page.install_button.isEnabled, "the plan")
    answers.append(False)
    dock.install_page.install_button.click()
    assert not dock.installation.busy
    answers.append(True)
    install_to_the_end(dock)
    assert dock.installer.calls[-1][0] == "install"


def test_an_existing_python_is_chosen_in_the_settings(open_without, monkeypatch):
    dock = open_without()
    opened = []
    monkeypatch.setattr("unclouded.plugin.settings_dialog.SettingsDialog.exec", lambda dialog: opened.append(dialog))
    dock.install_page.python_button.click()
    assert len(opened) == 1


def test_an_outdated_environment_is_updated(open_without):
    dock = open_without(State.OUTDATED)
    page = dock.install_page
    assert shows_page(dock)
    assert page.update_button.isVisible()
    dock.installer.go.set()
    page.update_button.click()
    wait_until(lambda: not shows_page(dock), "the update")
    assert dock.installer.calls[-1][:2] == ("update", "cpu")


def test_an_update_can_wait(open_without, add_layer):
    add_layer()
    dock = open_without(State.OUTDATED)
    dock.install_page.shut_button.click()
    assert not shows_page(dock)
    wait_until(lambda: dock.options.method.findData("generator:tiny") >= 0, "the backend")


def test_repair_and_remove_end_the_backend_first(open_without, answers, monkeypatch):
    closed = []
    monkeypatch.setattr("unclouded.plugin.installation.close_clients", lambda: closed.append(True))
    dock = open_without(State.READY)
    page = dock.install_page
    dock.open_environment()
    dock.installer.go.set()
    page.repair_button.click()
    wait_until(lambda: not shows_page(dock), "the repair")
    assert dock.installer.calls[-1][0] == "repair"
    dock.open_environment()
    answers.append(False)
    page.remove_button.click()
    assert dock.installer.now is State.READY
    answers.append(True)
    page.remove_button.click()
    wait_until(lambda: not dock.installation.busy, "the removal")
    assert "not installed" in page.title.text()
    assert page.variant.currentData() == ""
    assert len(closed) == 2


def test_a_running_job_is_not_stopped_without_asking(open_without, add_layer, answers, monkeypatch):
    monkeypatch.setattr("unclouded.plugin.installation.is_busy", lambda: True)
    dock = open_without(State.READY)
    dock.open_environment()
    answers.append(False)
    dock.install_page.repair_button.click()
    assert not dock.installation.busy
    assert dock.installer.calls == []


def test_a_python_of_the_users_own_is_left_alone(open_without):
    dock = open_without(State.READY)
    dock.installer.foreign = Path("/opt/own/python")
    dock.open_environment()
    page = dock.install_page
    assert "/opt/own/python" in page.text.text()
    assert not page.repair_button.isVisible()
    assert not page.remove_button.isVisible()
    page.shut_button.click()
    assert not shows_page(dock)


def test_closing_during_an_installation_cancels_it(open_without):
    dock = open_without()
    dock.install_page.install_button.click()
    wait_until(lambda: dock.install_page.progress.maximum() > 0, "progress")
    task = dock.installation._task
    dock.tear_down()
    assert task._idle.is_set()
    assert dock.installer.now is State.HALF_MADE
    assert not any(thread.name == "install" for thread in threading.enumerate())


def test_a_set_python_gives_way_to_what_was_installed(open_without):
    dock = open_without()
    Setting.PYTHON.set("/gone/python")
    dock.installer.is_used = lambda: False
    install_to_the_end(dock)
    assert Setting.PYTHON.get() == ""


def test_fields_have_tooltips_and_no_two_share_a_key(open_without):
    dock = open_without()
    page = dock.install_page
    buttons = page.findChildren(QAbstractButton)
    assert all(button.toolTip() for button in buttons)
    for show in (
        lambda: page.show_offer("x", "R&esume the installation", True),
        lambda: page.show_installed("x", "y", True, True),
        lambda: page.show_work("x"),
    ):
        show()
        texts = [w.text() for kind in (QLabel, QAbstractButton) for w in page.findChildren(kind) if w.isVisible()]
        keys = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
        assert len(keys) == len(set(keys))


def test_an_error_other_than_a_missing_backend_stays_in_the_banner(qgis_iface, add_layer, tmp_path):
    def backend() -> Client:
        raise BackendError("The Python that is set does not exist.", "Correct it.")

    dock = Dock(qgis_iface, backend, FakeInstaller(tmp_path, State.READY))
    add_layer()
    dock.find_backend()
    assert not dock.banner.isHidden()
    dock.banner.environment_button.click()
    assert dock.pages.currentWidget() is dock.install_page
    dock.tear_down()
    assert issubclass(NotInstalled, BackendError)
