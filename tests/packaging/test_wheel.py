"""The wheel holds all that runs: what an editable install hides is found here."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build folder stays in the checkout."""
    source = tmp_path_factory.mktemp("source") / "unclouded"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "demo", "tests", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", f"--wheel-dir={target}", str(source)]
    subprocess.run(command, check=True, timeout=300)
    return next(target.glob("unclouded-*.whl"))


def test_every_file_that_runs_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    files = [path for folder in ("backend", "plugin", "resources") for path in (ROOT / folder).rglob("*")]
    wanted = {path.relative_to(ROOT).as_posix() for path in files if path.is_file() and path.suffix != ".pyc"}
    assert {f"unclouded/{name}" for name in wanted | {"__init__.py", "metadata.txt", "LICENSE"}} <= packed


def test_the_command_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=False, symlinks=True)
    python = tmp_path / "bin" / "python"
    install = [sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    _lend_libraries(tmp_path)
    finished = subprocess.run(
        [str(tmp_path / "bin" / "unclouded"), "info"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    where = [str(python), "-c", "import unclouded.backend as package; print(package.__file__)"]
    assert str(tmp_path) in subprocess.run(where, capture_output=True, text=True, check=True, timeout=300).stdout


def _lend_libraries(environment: Path) -> None:
    """Lends this environment's libraries but not its editable `unclouded`: a lent folder's .pth files are not read."""
    packages = next(environment.glob("lib/python*/site-packages"))
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
