"""The model manager, from the list to the dock, with a fake backend that behaves well and badly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QFileDialog, QMessageBox, QWidget

from unclouded.backend.card import read_card
from unclouded.backend.errors import BackendError
from unclouded.plugin.dock import Dock
from unclouded.plugin.models_dialog import ModelsDialog
from unclouded.plugin.settings import Setting

from .conftest import is_idle, wait_until, write_generator

LEVELS = ["L1C", "L2A"]


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    write_generator(folder / "alps.safetensors", name="alps", title="For mountains", levels=LEVELS)
    write_generator(folder / "radar.safetensors", name="radar", title="With radar", sar="required")
    return folder


@pytest.fixture
def open_manager(open_dock, registry) -> Callable[..., tuple[Dock, ModelsDialog]]:
    """Opens the manager of a dock and waits for its list."""

    def make(behaviour: str = "normal", index: str | None = None) -> tuple[Dock, ModelsDialog]:
        Setting.MODEL_INDEX.set(str(registry) if index is None else index)
        dock = open_dock(behaviour)
        dock.options.models_button.click()
        settle(dock._models)
        return dock, dock._models

    return make


def settle(dialog: ModelsDialog) -> None:
    wait_until(lambda: not dialog.row.busy, "the dialog to be idle")


def names(dialog: ModelsDialog) -> list[str]:
    return [entry["name"] for entry in dialog.table.entries]


def states(dialog: ModelsDialog) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in dialog.table.entries}


def test_what_is_here_is_listed_before_the_backend_answers(open_dock, tmp_path):
    write_generator(tmp_path / "models" / "mine.safetensors")
    dock = open_dock("loading")
    dialog = ModelsDialog(lambda: dock.client, lambda: None, lambda: None, dock)
    assert states(dialog) == {"fusion": "bundled", "mine": "installed"}
    assert dialog.table.entry["name"] == "fusion"
    assert dialog.verify_button.isEnabled()
    assert not dialog.remove_button.isEnabled()


def test_a_missing_backend_is_said_and_the_list_stays(open_dock):
    def backend():
        raise BackendError("The backend is not installed.", "Install it.")

    dialog = ModelsDialog(backend, lambda: None, lambda: None, open_dock())
    dialog.open_anew()
    assert dialog.row.status.text() == "The backend is not installed. Install it."
    assert names(dialog) == ["fusion"]
    dialog.reject()


def test_a_generator_is_downloaded_and_offered_by_the_dock(open_manager, tmp_path):
    dock, dialog = open_manager()
    assert states(dialog) == {"alps": "available", "radar": "available", "elsewhere": "by-hand"}
    dialog.table.choose("alps")
    dialog.download_button.click()
    settle(dialog)
    path = tmp_path / "models" / "alps.safetensors"
    assert path.is_file()
    assert states(dialog)["alps"] == "installed"
    assert dialog.table.entry["name"] == "alps"
    assert dialog.row.status.text().startswith("alps was downloaded and is offered in the dock.")
    assert dock.options.method.findData(f"generator:{path}") >= 0
    assert not dialog.download_button.isEnabled()


def test_a_trained_generator_is_named_by_its_file_too(open_manager, tmp_path):
    for file in ("mine", "trained-1", "trained-2"):
        write_generator(tmp_path / "models" / f"{file}.safetensors")
    _, dialog = open_manager()
    rows = [dialog.table.topLevelItem(number) for number in range(3)]
    assert [row.text(0) for row in rows] == ["mine", "trained-1 (mine)", "trained-2 (mine)"]
    dialog.table.setCurrentItem(rows[1])
    dialog.refresh()
    settle(dialog)
    assert dialog.table.currentItem().text(0) == "trained-1 (mine)"


def test_verify_says_what_it_found(open_manager, tmp_path):
    path = write_generator(tmp_path / "models" / "mine.safetensors")
    _, dialog = open_manager()
    dialog.table.choose("mine")
    dialog.verify_button.click()
    settle(dialog)
    assert dialog.row.status.text() == "mine: the weights are those that the card names."
    assert Path(path).exists()


def test_remove_asks_first_and_the_dock_forgets_it(open_manager, tmp_path, monkeypatch):
    path = write_generator(tmp_path / "models" / "mine.safetensors")
    dock, dialog = open_manager()
    dock.options.method.refresh()
    dialog.table.choose("mine")
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[2]) or answers.pop(0))
    dialog.remove_button.click()
    assert Path(path).exists()
    assert path in asked[0]
    dialog.remove_button.click()
    settle(dialog)
    assert not Path(path).exists()
    assert "mine" not in names(dialog)
    assert dock.options.method.findData(f"generator:{path}") < 0


def test_those_that_fit_come_first_and_the_others_say_why(open_manager, add_layer):
    add_layer("scene")
    dock, dialog = open_manager()
    assert names(dialog) == ["alps", "radar", "elsewhere"]
    dialog.table.choose("radar")
    assert "It does not fit the chosen layers: it needs a radar image." in dialog.details.text()
    assert "needs a radar image" in dialog.table.currentItem().toolTip(0)
    assert "Not fitting the chosen layers: 2." in dialog.row.status.text()
    dock.inputs.sar_box.setLayer(QgsProject.instance().mapLayersByName("scene")[0])
    assert "does not fit" not in dialog.details.text()
    dialog.table.choose("elsewhere")
    assert "level L1C (this is L2A)" in dialog.details.text()


def test_without_image_nothing_is_said_to_fit(open_manager):
    _, dialog = open_manager()
    dialog.table.choose("radar")
    assert "does not fit" not in dialog.details.text()
    assert dialog.row.status.text() == "Generators: 3."


def test_an_entry_by_hand_shows_its_page(open_manager, monkeypatch):
    _, dialog = open_manager()
    dialog.table.choose("elsewhere")
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    dialog.page_button.click()
    assert opened == ["https://example.org/weights"]
    assert not dialog.download_button.isEnabled()
    assert "mind its licence (ask them)" in dialog.details.text()
    assert "Weights of others &lt;b&gt;" in dialog.details.text()


def test_a_download_shows_its_progress_and_can_be_cancelled_and_resumed(open_manager, registry, tmp_path):
    _, dialog = open_manager("slow")
    dialog.table.choose("alps")
    dialog.download_button.click()
    wait_until(lambda: dialog.row.progress.value() == 400, "progress")
    assert "about 30 s left" in dialog.row.status.text()
    assert not dialog.verify_button.isEnabled()
    dialog.row.cancel_button.click()
    settle(dialog)
    assert dialog.row.status.text() == "Cancelled. Choose another."
    assert dialog.download_button.text() == "Resume &download"
    assert not (tmp_path / "models" / "alps.safetensors").exists()
    (registry / "alps.go").touch()
    dialog.download_button.click()
    settle(dialog)
    assert states(dialog)["alps"] == "installed"


def test_the_dock_s_job_goes_first_and_is_left_alone(open_dock, add_layer):
    add_layer("scene")
    dock = open_dock("slow")
    dock.run_panel.run_button.click()
    wait_until(lambda: dock.run_panel.progress.maximum() > 0, "progress")
    output = Path(dock._run.task.job.output)
    dock.open_models()
    assert "waiting for the job that runs" in dock._models.row.status.text()
    assert names(dock._models) == ["fusion"]
    dock._models.reject()
    Path(f"{output}.go").touch()
    wait_until(lambda: is_idle(dock), "the job to end")
    assert output.exists()


def test_closing_the_dialog_ends_what_it_does(open_manager):
    dock, dialog = open_manager("slow")
    dialog.table.choose("alps")
    dialog.download_button.click()
    wait_until(lambda: dialog.row.progress.value() == 400, "progress")
    dialog.reject()
    wait_until(lambda: not dock.client.busy, "the end of the job")
    assert not dialog.row.busy
    assert not dialog.isVisible()


def test_a_failure_is_said_in_the_dialog(open_manager, tmp_path):
    _, dialog = open_manager("fail")
    dialog.table.choose("alps")
    dialog.download_button.click()
    settle(dialog)
    assert dialog.row.status.text() == "Its hash is another one. Choose another."
    assert dialog.download_button.isEnabled()


def test_a_registry_that_cannot_be_reached_leaves_what_is_here(open_manager, tmp_path):
    write_generator(tmp_path / "models" / "mine.safetensors")
    _, dialog = open_manager(index=str(tmp_path / "nowhere"))
    assert set(names(dialog)) == {"fusion", "mine"}
    assert "cannot be reached" in dialog.row.status.text()


def test_a_backend_that_dies_is_said(open_manager):
    dock, dialog = open_manager()
    dialog.table.choose("alps")
    dock.client.close()
    dock.client._command = ["false"]
    dialog.download_button.click()
    settle(dialog)
    assert "could not start" in dialog.row.status.text()


def test_a_folder_can_be_chosen_as_the_registry(open_manager, tmp_path, monkeypatch):
    _, dialog = open_manager(index="")
    write_generator(tmp_path / "share" / "delta.safetensors", name="delta")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "share"))
    dialog.registry.browse_button.click()
    settle(dialog)
    assert states(dialog)["delta"] == "available"
    assert Setting.MODEL_INDEX.get() == str(tmp_path / "share")


def test_a_newer_version_replaces_the_installed_one(open_manager, registry, tmp_path):
    path = write_generator(tmp_path / "models" / "alps.safetensors", name="alps", version="1")
    write_generator(registry / "alps.safetensors", name="alps", version="2")
    _, dialog = open_manager()
    dialog.table.choose("alps")
    assert dialog.table.currentItem().text(1) == "installed, version 2 available"
    assert dialog.download_button.text() == "Up&date"
    dialog.download_button.click()
    settle(dialog)
    assert read_card(path).version == "2"
    assert dialog.table.currentItem().text(1) == "installed"


def test_another_registry_is_asked_and_remembered(open_manager, tmp_path):
    _, dialog = open_manager()
    other = tmp_path / "other"
    write_generator(other / "delta.safetensors", name="delta")
    dialog.registry.address.setText(str(other))
    QTest.keyClick(dialog.registry.address, Qt.Key.Key_Return)
    settle(dialog)
    assert names(dialog) == ["delta", "elsewhere"]
    assert Setting.MODEL_INDEX.get() == str(other)
    assert dialog.isVisible()


def test_the_card_is_shown_by_the_keyboard_too(open_manager):
    _, dialog = open_manager()
    dialog.table.choose("alps")
    dialog.table.itemActivated.emit(dialog.table.currentItem(), 0)
    page = dialog.findChild(QWidget, "ModelCard")
    assert "For mountains" in page.page.toPlainText()
    page.reject()


def test_each_button_has_a_tooltip_and_a_key_of_its_own(open_manager):
    _, dialog = open_manager()
    buttons = [dialog.registry.refresh_button, *(button for button, _, _ in dialog._buttons())]
    assert all(button.toolTip() for button in buttons)
    texts = [button.text() for button in (*buttons, dialog.row.cancel_button)] + ["Re&gistry"]
    keys = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert len(keys) == len(set(keys))
    assert all(widget.accessibleName() for widget in (dialog.table, dialog.row.status, dialog.registry.browse_button))
