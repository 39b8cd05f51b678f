"""A fresh QGIS profile that has the plugin linked and switched on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
    """The environment variables of QGIS: no home of anyone, and this checkout's backend."""
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
    }
