"""The checks of tools/: what they must find, and that this repository passes them."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_repository = _tool("check_repository")
package = _tool("package")


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder with just what the metadata are compared with."""
    for name in ("metadata.txt", "CHANGELOG.md", "backend/version.py"):
        copy = tmp_path / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    icon = next(
        line.partition("=")[2] for line in (ROOT / "metadata.txt").read_text().splitlines() if line.startswith("icon=")
    )
    (tmp_path / icon.strip()).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / icon.strip()).touch()
    return tmp_path


def test_the_metadata_of_this_repository_are_complete(plugin: Path) -> None:
    assert list(check_repository.metadata_problems(plugin)) == []
    assert list(check_repository.metadata_problems(ROOT)) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\nauthor=", "\nwriter=", "lacks author"),
        ("\nversion=", "\nversion=v", "expected a version such as 1.2.3"),
        ("\nversion=", "\nversion=9", "backend/version.py"),
        ("\nhasProcessingProvider=yes", "\nhasProcessingProvider=no", "expected hasProcessingProvider=yes"),
        ("\nicon=", "\nicon=no/", "does not exist"),
        ("\nname=", "\nname=Plugin ", "refuses a name"),
        ("[general]", "general", "cannot be read"),
    ],
)
def test_wrong_metadata_are_named(plugin: Path, old: str, new: str, problem: str) -> None:
    path = plugin / "metadata.txt"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert problem in " ".join(check_repository.metadata_problems(plugin))


def test_a_long_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend" / "long.py").write_text("\n" * 401)
    (tmp_path / "backend" / "fine.py").write_text("\n" * 400)
    assert [problem.split()[0] for problem in check_repository.long_files(tmp_path)] == ["backend/long.py"]


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


GOOD = {f"unclouded/{name}": b"x" for name in ("__init__.py", "metadata.txt", "LICENSE")}


@pytest.mark.parametrize(
    ("extra", "problem"),
    [
        ({}, ""),
        ({"README.md": b""}, "lies outside"),
        ({"unclouded/a.pyc": b""}, "must not be in it"),
        ({"unclouded/plugin/__pycache__/a": b""}, "must not be in it"),
        ({"unclouded/tool": b"\x7fELF..."}, "is a program"),
        ({"unclouded/large": bytes(26 * 2**20)}, "at most 25 MB"),
    ],
)
def test_a_zip_that_would_be_refused_is_refused(tmp_path: Path, extra: dict[str, bytes], problem: str) -> None:
    found = list(package.problems(_zip(tmp_path / "a.zip", {**GOOD, **extra})))
    assert problem in " ".join(found)
    assert bool(found) == bool(problem)


def test_a_zip_without_a_licence_is_refused(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.zip", {name: data for name, data in GOOD.items() if "LICENSE" not in name})
    assert list(package.problems(path)) == ["unclouded/LICENSE is missing."]


def test_the_zip_of_this_repository_holds_what_runs_and_no_more(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    path = package.build(ROOT, tmp_path)
    assert list(package.problems(path)) == []
    with zipfile.ZipFile(path) as archive:
        top = {name.split("/")[1] for name in archive.namelist()}
    assert {"__init__.py", "metadata.txt", "LICENSE", "plugin", "backend", "resources"} <= top
    assert not top & {"tests", "tools", "bench", "Makefile", "pyproject.toml", ".ci", ".gitignore"}
