"""A fresh QGIS profile that has the plugin linked and switched on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 900


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    """The folder for `--profiles-path` and QGIS_CUSTOM_CONFIG_PATH."""
    profile = tmp_path / "qgis" / "profiles" / "default"
    (profile / "python" / "plugins").mkdir(parents=True)
    (profile / "python" / "plugins" / "unclouded").symlink_to(ROOT)
    (profile / "QGIS").mkdir()
    (profile / "QGIS" / "QGIS3.ini").write_text(
        "[PythonPlugins]\nunclouded=true\n[qgis]\ncheckVersion=false\n[app]\nshowNewProjectDialog=false\n"
    )
    return tmp_path / "qgis"


@pytest.fixture
def environment(profiles: Path) -> dict[str, str]:
    """The environment variables of QGIS: no home of anyone, this checkout's backend, and walk.py for scripts."""
    python = ROOT / ".venv" / "bin" / "python"
    if sys.platform != "linux" or not python.is_file():
        pytest.skip("needs Linux and the checkout's .venv: run make test")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "QT_", "VIRTUAL_ENV"))}
    return {
        **kept,
        "HOME": str(profiles),
        "XDG_RUNTIME_DIR": str(profiles),
        "QGIS_CUSTOM_CONFIG_PATH": str(profiles),
        "UNCLOUDED_PYTHON": str(python),
        "PYTHONPATH": str(Path(__file__).parent),
    }


@pytest.fixture
def run_qgis(profiles: Path, tmp_path: Path) -> Callable[[Path, dict[str, str]], dict[str, Any]]:
    """Runs a script in a real QGIS and gives what it wrote into seen.json."""
    for name in ("xvfb-run", "qgis"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")

    def run(script: Path, environment: dict[str, str]) -> dict[str, Any]:
        notes = tmp_path / "seen.json"
        notes.unlink(missing_ok=True)
        command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1200x24"]
        command += ["qgis", "--nologo", "--noversioncheck", "--profiles-path", str(profiles), "--code", str(script)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert notes.is_file(), f"QGIS ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        found: dict[str, Any] = json.loads(notes.read_text())
        return found

    return run


@pytest.fixture
def clear_images(write_raster: Callable[..., Path]) -> list[Path]:
    """Two images without clouds, may.tif and july.tif, large enough to learn from one part and validate on another."""
    rows, columns = np.mgrid[:256, :1024]
    ground = np.stack([300 + rows + columns // 8, 600 + rows, 400 + columns // 4, 2500 + columns // 2])
    return [
        write_raster(f"{name}.tif", (ground + brighter).astype("uint16"), ("B2", "B3", "B4", "B8"))
        for name, brighter in (("may", 0), ("july", 50))
    ]


@pytest.fixture
def tiny_training() -> str:
    """Changes of a recipe, one a line, that make a training one of seconds."""
    return "\n".join(
        [
            "fit.batch=2",
            "fit.precision=32",
            "data.windows=2",
            "data.window_px=32",
            "data.validation_samples=2",
            "generator.parameters={widths: [8, 8, 8], blocks: [1, 1, 1]}",
        ]
    )
