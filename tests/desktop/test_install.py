"""A new user in a real QGIS: install by a click, killed half way, resumed, a job, everything removed.

The libraries are those of the checkout: small wheels that only point to them take the place of the real ones, and come
from a server on this machine, which holds one of them back until it is told to give it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal

from .conftest import ROOT

pytestmark = [pytest.mark.qgis, pytest.mark.slow]

SCRIPT = Path(__file__).parent / "in_qgis_install.py"
SHIPPED = ("__init__.py", "metadata.txt", "backend", "plugin", "resources")
PINS = {"unclouded-small": "", "unclouded-libraries": "libraries.pth"}
HELD_BACK = "unclouded_libraries"


@pytest.fixture
def user(profiles: Path, environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment variables of a user who has nothing but the plugin, as from a zip."""
    plugin = profiles / "profiles" / "default" / "python" / "plugins" / "unclouded"
    plugin.unlink()
    plugin.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, plugin / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, plugin / name)
    for variant in ("cpu", "cuda"):
        pins = "\n".join(f"{name}==1.0" for name in PINS)
        (plugin / "resources" / "requirements" / f"{variant}.txt").write_text(pins)
    theirs = {name: value for name, value in environment.items() if name not in ("UNCLOUDED_PYTHON", "XDG_DATA_HOME")}
    return {
        **theirs,
        "UNCLOUDED_TEST_FOLDER": str(tmp_path),
        "UNCLOUDED_TORCH_INDEX": "",
        "PIP_NO_INDEX": "1",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def wheels(tmp_path: Path) -> Iterator[str]:
    """Address of a server of wheels; one is held back, and a file `stalled` made, until there is a file `released`."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = ROOT / ".venv" / "lib" / version / "site-packages"
    if not libraries.is_dir():
        pytest.skip("the checkout's libraries are for another Python than QGIS's own")
    for name, pointer in PINS.items():
        _write_wheel(folder, name.replace("-", "_"), {pointer: str(libraries)} if pointer else {})

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words, directory=str(folder))

        def do_GET(self) -> None:
            if self.path.startswith(f"/{HELD_BACK}"):
                (tmp_path / "stalled").touch()
                while not (tmp_path / "released").exists():
                    time.sleep(0.05)
            super().do_GET()

        def log_message(self, *words: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    (tmp_path / "released").touch()
    server.shutdown()
    server.server_close()


def _write_wheel(folder: Path, name: str, files: dict[str, str]) -> None:
    """Writes a wheel of version 1.0 with some files at its top."""
    about = f"{name}-1.0.dist-info"
    files = {
        **files,
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{about}/RECORD": record}.items():
            wheel.writestr(path, text)


def _processes_of(folder: Path) -> list[str]:
    """Gives the command lines of running processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def test_a_new_user_installs_by_a_click(
    run_qgis: Callable[[Path, dict[str, str]], dict[str, Any]],
    user: dict[str, str],
    wheels: str,
    profiles: Path,
    cloudy_scene: Path,
    cloud_mask: Path,
    tmp_path: Path,
) -> None:
    user["PIP_FIND_LINKS"] = " ".join(f"{wheels}{path.name}" for path in (tmp_path / "wheels").iterdir())
    environment = profiles / ".local" / "share" / "unclouded" / "environment"

    seen = run_qgis(SCRIPT, {**user, "UNCLOUDED_TEST_STAGE": "install"})
    assert seen["errors"] == []
    assert "not installed" in seen["title"]
    assert str(environment) in seen["offer"]
    assert "Install" in seen["button"].replace("&", "")
    _wait_until_gone(environment)
    assert json.loads((environment / "unclouded.json").read_text())["complete"] is False

    (tmp_path / "released").touch()
    seen = run_qgis(SCRIPT, {**user, "UNCLOUDED_TEST_STAGE": "resume"})
    assert seen["errors"] == []
    assert seen["step"] == "remove", seen
    assert "not finished" in seen["title"]
    assert "Resume" in seen["button"].replace("&", "")
    assert seen["problem"] == ""
    assert "ms for a tile" in seen["note"]
    assert any("unclouded" in line.lower() and "Installing" in line for line in seen["log"])
    before, after = (gdal.Open(str(path)).ReadAsArray() for path in (cloudy_scene, tmp_path / "clear.tif"))
    cloud = gdal.Open(str(cloud_mask)).ReadAsArray() == 1
    assert (after[:, cloud] != before[:, cloud]).mean() > 0.9
    assert np.array_equal(after[:, 0, 0], before[:, 0, 0])
    assert str(environment) in seen["installed"]
    assert str(environment) in seen["question"]
    assert os.listdir(environment.parent) == []


def _wait_until_gone(folder: Path) -> None:
    """Waits for the end of what QGIS had started; without QGIS, it must end by itself."""
    end = time.monotonic() + 200
    while _processes_of(folder):
        assert time.monotonic() < end, f"still running: {_processes_of(folder)}"
        time.sleep(0.1)
