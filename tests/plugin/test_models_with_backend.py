"""The model manager with the real backend and a registry on a local server; skipped where no backend is installed."""

from __future__ import annotations

import functools
import http.server
import json
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from qgis.PyQt.QtWidgets import QMessageBox

from unclouded.plugin.client import Client
from unclouded.plugin.dock import Dock
from unclouded.plugin.environment import ROOT, interpreter_of
from unclouded.plugin.generators import BUNDLED
from unclouded.plugin.models_dialog import ModelsDialog
from unclouded.plugin.settings import Setting

from .conftest import wait_until

NAME = "fusion-copy"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def python() -> Path:
    python = interpreter_of(Path(__file__).parents[2] / ".venv")
    if not python.is_file():
        pytest.skip(f"no backend in {python}: run make")
    return python


@pytest.fixture
def registry(python: Path, tmp_path: Path) -> Iterator[str]:
    """Serves the bundled generator under another name, and gives the address."""
    folder = tmp_path / "registry"
    folder.mkdir()
    copy_generator(BUNDLED / "fusion.safetensors", folder / f"{NAME}.safetensors", NAME)
    command = "import sys; sys.path.append(sys.argv.pop(1)); from unclouded.backend.__main__ import main; main()"
    subprocess.run([python, "-I", "-c", command, ROOT.parent, "models", "index", folder], check=True)
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


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


def copy_generator(source: Path, target: Path, name: str) -> None:
    """Copies a generator under another name, on its card too."""
    content = source.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    card = {**json.loads(header["__metadata__"]["card"]), "name": name}
    header["__metadata__"]["card"] = json.dumps(card)
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def damage(path: Path) -> None:
    """Changes a byte of the weights."""
    content = bytearray(path.read_bytes())
    content[-1000] ^= 0xFF
    path.write_bytes(content)
