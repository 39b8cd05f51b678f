"""Pythons are found on the three systems, examined, and the first that fits is taken."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from unclouded.plugin.installing.base_python import choose_base, examine, find_bases
from unclouded.plugin.installing.fitness import PROBE, problem_of

FITS = {
    "version": [3, 12, 4],
    "machine": "x86_64",
    "platform": "linux",
    "bits": 64,
    "venv": True,
    "ensurepip": True,
    "launcher": True,
    "translated": False,
    "libc": ["glibc", "2.36"],
    "macos": "",
}
MAC = {**FITS, "platform": "darwin", "machine": "arm64", "libc": ["", ""], "macos": "15.1"}

TREES = {
    "QGIS of Debian": (
        "linux",
        "usr/bin/python3",
        "usr",
        {},
        ["usr/bin/python3"],
        ["usr/bin/python3"],
    ),
    "another Python on PATH": (
        "linux",
        "usr/bin/python3",
        "usr",
        {"PATH": "{root}/opt/tools:{root}/home/me/.pyenv/shims", "HOME": "{root}/home/me"},
        ["usr/bin/python3", "home/me/.pyenv/shims/python3.12", "home/me/.local/bin/python3.13"],
        ["usr/bin/python3", "home/me/.local/bin/python3.13", "home/me/.pyenv/shims/python3.12"],
    ),
    "QGIS in a conda environment": (
        "linux",
        "conda/bin/python",
        "conda",
        {},
        ["conda/bin/python3"],
        ["conda/bin/python3"],
    ),
    "OSGeo4W": (
        "win32",
        "OSGeo4W/bin/qgis-bin.exe",
        "OSGeo4W/apps/Python312",
        {"OSGEO4W_ROOT": "{root}/OSGeo4W"},
        ["OSGeo4W/bin/python.exe", "OSGeo4W/apps/Python312/python.exe", "OSGeo4W/apps/Python39/python.exe"],
        ["OSGeo4W/apps/Python312/python.exe", "OSGeo4W/bin/python.exe"],
    ),
    "OSGeo4W that does not know its Python": (
        "win32",
        "Program Files/QGIS 3.40/bin/qgis-ltr-bin.exe",
        "Program Files/QGIS 3.40/bin",
        {"ProgramFiles": "{root}/Program Files"},
        ["Program Files/QGIS 3.40/apps/Python312/python.exe", "Program Files/Python313/python.exe"],
        ["Program Files/QGIS 3.40/apps/Python312/python.exe", "Program Files/Python313/python.exe"],
    ),
    "Windows with installers of python.org": (
        "win32",
        "QGIS/bin/qgis-bin.exe",
        "QGIS/apps/Python39",
        {"LOCALAPPDATA": "{root}/Local"},
        [
            "QGIS/apps/Python39/python.exe",
            "Local/Programs/Python/Python311/python.exe",
            "Local/Python/pythoncore-3.12-64/python.exe",
            "Local/Microsoft/WindowsApps/python.exe",
        ],
        [
            "QGIS/apps/Python39/python.exe",
            "Local/Programs/Python/Python311/python.exe",
            "Local/Python/pythoncore-3.12-64/python.exe",
        ],
    ),
    "QGIS.app": (
        "darwin",
        "Applications/QGIS.app/Contents/MacOS/QGIS",
        "Applications/QGIS.app/Contents/Resources/python",
        {},
        ["Applications/QGIS.app/Contents/MacOS/bin/python3", "usr/bin/python3"],
        ["Applications/QGIS.app/Contents/MacOS/bin/python3"],
    ),
    "QGIS.app with a framework": (
        "darwin",
        "Applications/QGIS-LTR.app/Contents/MacOS/QGIS",
        "none",
        {},
        ["Applications/QGIS-LTR.app/Contents/Frameworks/Python.framework/Versions/3.12/bin/python3.12"],
        ["Applications/QGIS-LTR.app/Contents/Frameworks/Python.framework/Versions/3.12/bin/python3.12"],
    ),
    "Mac whose PATH knows Homebrew": (
        "darwin",
        "Applications/QGIS.app/Contents/MacOS/QGIS",
        "none",
        {"PATH": "{root}/opt/homebrew/bin"},
        ["opt/homebrew/bin/python3.13"],
        ["opt/homebrew/bin/python3.13"],
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_interpreters_are_found_where_systems_put_them(tmp_path, name):
    platform, executable, prefix, environ, files, expected = TREES[name]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    variables = {key: value.format(root=tmp_path) for key, value in environ.items()}

    def exists(path: Path) -> bool:
        return path.is_file() and tmp_path in path.parents  # this machine's own do not count

    found = find_bases(platform, tmp_path / executable, tmp_path / prefix, variables, exists)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == expected


def test_the_usual_places_of_a_mac_are_asked_for():
    asked: list[str] = []
    find_bases(
        "darwin", Path("/Applications/QGIS.app/Contents/MacOS/QGIS"), Path("/x"), {}, lambda p: asked.append(str(p))
    )
    assert "/opt/homebrew/bin/python3.12" in asked
    assert "/Library/Frameworks/Python.framework/Versions/3.12/bin/python3.12" in asked
    assert "/usr/bin/python3" not in asked  # a stub, which asks to install Xcode's tools


@pytest.mark.parametrize(
    ("facts", "words", "curable"),
    [
        ({**FITS, "version": [3, 9, 5]}, "is Python 3.9.5; 3.10 or newer", True),
        ({**FITS, "version": [3, 15, 0]}, "there up to 3.14", True),
        ({**FITS, "bits": 32}, "32-bit", True),
        ({**FITS, "ensurepip": False}, "apt install python3-venv", True),
        ({**FITS, "venv": False}, "cannot make environments", True),
        ({**FITS, "platform": "win32", "launcher": False}, "venvlauncher.exe", True),
        ({**FITS, "libc": ["glibc", "2.17"]}, "glibc 2.17; torch needs 2.28", False),
        ({**FITS, "libc": ["", ""]}, "without glibc", False),
        ({**MAC, "machine": "x86_64", "translated": True}, "under Rosetta", True),
        ({**MAC, "machine": "x86_64"}, "Intel processor", False),
        ({**MAC, "macos": "13.6"}, "macOS 13.6; torch needs 14", False),
    ],
)
def test_what_does_not_fit_is_said(facts, words, curable):
    problem = problem_of(facts)
    assert words in problem.words
    assert problem.curable is curable


@pytest.mark.parametrize("facts", [FITS, MAC, {**FITS, "platform": "win32", "libc": ["", ""], "machine": "AMD64"}])
def test_what_fits_has_no_problem(facts):
    assert problem_of(facts) is None


def fake_python(path: Path, facts: dict[str, object]) -> Path:
    """Writes a program that answers the probe with given facts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho some warning\ncat <<'END'\n{json.dumps(facts)}\nEND\n")
    path.chmod(0o755)
    return path


def test_this_python_is_examined():
    base = examine(Path(sys.executable))
    assert base.version == sys.version_info[:3]
    assert base.machine
    assert base.problem == ""
    compile(PROBE, "probe", "exec")


def test_the_first_that_fits_is_chosen(tmp_path):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    old = fake_python(tmp_path / "old", {**FITS, "version": [3, 8, 10]})
    good = fake_python(tmp_path / "good", FITS)

    assert choose_base([broken, tmp_path / "missing", old, good]).path == good
    best = choose_base([broken, old])
    assert best.path == old
    assert best.problem == f"{old} is Python 3.8.10; 3.10 or newer is needed."
    assert "does not run" in choose_base([broken]).problem
    assert "No Python" in choose_base([]).problem
