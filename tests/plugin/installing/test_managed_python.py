"""A Python that uv downloads where none fits: from a server on this machine, since its own cannot be asked here."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from unclouded.backend.errors import BackendError, Cancelled
from unclouded.plugin.installing.install import Network, install, remove
from unclouded.plugin.installing.managed_python import VERSION, find_managed, install_managed
from unclouded.plugin.installing.places import pythons
from unclouded.plugin.installing.running import Programs
from unclouded.plugin.installing.stamp import read_stamp
from unclouded.plugin.installing.state import State, state

from .conftest import World
from .index import serving

SYSCONFIG = b"# system configuration generated and used by the sysconfig module\nbuild_time_vars = {}\n"
WITHOUT_NETWORK = ("index cannot be reached", "proxy")
FAKE_UV = """#!/bin/sh
[ "$1 $2" = "python install" ] || exit 2
echo "$HTTPS_PROXY $UV_PYTHON_INSTALL_BIN" > {told}
{failure}
folder="$UV_PYTHON_INSTALL_DIR/cpython-{version}.1-linux-x86_64-gnu/bin"
mkdir -p "$folder"
printf '#!/bin/sh\\nexec {python} "$@"\\n' > "$folder/python{version}"
chmod +x "$folder/python{version}"
"""


@pytest.fixture
def fake_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a program into PATH that does what uv does, with this Python instead of a download."""

    def make(failure: str = "") -> Path:
        told, program = tmp_path / "told", tmp_path / "bin" / "uv"
        program.parent.mkdir()
        text = FAKE_UV.format(told=told, failure=failure, version=VERSION, python=sys.executable)
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return told

    return make


def test_an_environment_is_made_from_it_and_removed_with_it(world: World, fake_uv) -> None:
    told = fake_uv()
    plan = replace(world.plan(offline=True, base=replace(world.base, problem="too old")), needs_uv=True)
    assert "which the program uv downloads" in plan.summary()

    install(plan, world.steps.append, lambda: False, Network("http://proxy.example.org:3128"))

    assert told.read_text().split() == ["http://proxy.example.org:3128", "0"]
    assert state(world.target) is State.READY
    (managed,) = find_managed(world.target)
    assert read_stamp(world.target).base == str(managed)
    assert f"Downloading Python {VERSION}" in [step.text for step in world.steps]
    remove(world.target)
    assert world.contents() == set()


def test_without_network_it_says_so(world: World, fake_uv) -> None:
    fake_uv("echo 'error: Failed to install'; echo '  cause: error sending request for url'; exit 1")
    with pytest.raises(BackendError, match="cannot be reached"):
        install_managed(world.target, Programs(lambda: False, {}), print)
    with pytest.raises(Cancelled):
        install_managed(world.target, Programs(lambda: True, {}), print)


@pytest.mark.slow
def test_the_real_uv_serves(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip fetches uv from the usual index, uv a Python from a server on this machine, which holds a stand-in."""
    for name in ("PIP_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name)
    archive = tmp_path / "files"
    archive.mkdir()
    write_python(archive / "python.tar.gz")
    with serving(archive) as server:
        key = f"cpython-{VERSION}.1-linux-x86_64-gnu"
        facts = {"name": "cpython", "arch": {"family": "x86_64", "variant": None}, "os": "linux", "libc": "gnu"}
        major, minor = VERSION.split(".")
        facts.update(major=int(major), minor=int(minor), patch=1, prerelease="", sha256=None, variant=None)
        facts.update(url=f"{server.address}/python.tar.gz", build="20250317")
        (tmp_path / "known.json").write_text(json.dumps({key: facts}))
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(tmp_path / "known.json"))
        said: list[str] = []
        try:
            base = install_managed(world.target, Programs(lambda: False, {}), said.append)
        except BackendError as error:
            if any(words in error.message for words in WITHOUT_NETWORK):
                pytest.skip("no network")
            raise
    assert base.problem == ""
    assert pythons(world.target) in base.path.parents
    assert said[-1] == f"Downloading Python {VERSION}"


def write_python(path: Path) -> None:
    """Writes an archive such as uv downloads, whose Python is this one."""
    script = f'#!/bin/sh\nexec {sys.executable} "$@"\n'.encode()
    with tarfile.open(path, "w:gz") as file:
        for name, data, mode in (
            (f"python/bin/python{VERSION}", script, 0o755),
            (f"python/lib/python{VERSION}/_sysconfigdata__linux_x86_64-linux-gnu.py", SYSCONFIG, 0o644),
        ):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), mode
            file.addfile(entry, io.BytesIO(data))
