"""The model manager with the real backend and a registry on a local server; skipped where no backend is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from qgis.PyQt.QtWidgets import QMessageBox

from unclouded.plugin.client import Client
from unclouded.plugin.dock import Dock
from unclouded.plugin.environment import interpreter_of
from unclouded.plugin.models_dialog import ModelsDialog
from unclouded.plugin.settings import Setting

from ..registry import make_registry, served
from .conftest import wait_until

NAME = "fusion-copy"


@pytest.fixture
def python() -> Path:
    python = interpreter_of(Path(__file__).parents[2] / ".venv")
    if not python.is_file():
        pytest.skip(f"no backend in {python}: run make")
    return python


@pytest.fixture
def registry(python: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a server that has the bundled generator under another name."""
    make_registry(tmp_path / "registry", NAME, python)
    with served(tmp_path / "registry") as address:
        yield address


def test_a_generator_goes_from_the_registry_to_the_dock_and_away(python, registry, qgis_iface, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    Setting.MODEL_INDEX.set(registry)
    client = Client(python)
    dock = Dock(qgis_iface, lambda: client)
    dock.open_models()
    dialog = dock._models
    settle(dialog)
    assert states(dialog) == {"fusion": "bundled", NAME: "available"}
    dialog.table.choose(NAME)
    dialog.download_button.click()
    settle(dialog)
    path = tmp_path / "models" / f"{NAME}.safetensors"
    assert states(dialog)[NAME] == "installed", dialog.row.status.text()
    assert dock.options.method.findData(f"generator:{path}") >= 0
    dialog.verify_button.click()
    settle(dialog)
    assert "the weights are those that the card names" in dialog.row.status.text()
    damage(path)
    dialog.verify_button.click()
    settle(dialog)
    assert str(path) in dialog.row.status.text()
    dialog.remove_button.click()
    settle(dialog)
    assert not path.exists()
    assert states(dialog)[NAME] == "available"
    assert dock.options.method.findData(f"generator:{path}") < 0
    dock.tear_down()
    dock.deleteLater()
    client.close()


def settle(dialog: ModelsDialog) -> None:
    wait_until(lambda: not dialog.row.busy, "the dialog to be idle")


def states(dialog: ModelsDialog) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in dialog.table.entries}


def damage(path: Path) -> None:
    """Changes a byte of the weights."""
    content = bytearray(path.read_bytes())
    content[-1000] ^= 0xFF
    path.write_bytes(content)
