"""What is pasted into a report helps, and gives nobody away."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from unclouded.backend.version import VERSION
from unclouded.plugin.environment import interpreter_of
from unclouded.plugin.installing.diagnostics import anonymous, diagnostics

from .conftest import World


def test_it_tells_what_one_asks_for(installed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(installed.target.parents[1]))
    (installed.target.parents[1] / "unclouded").symlink_to(installed.target.parent)
    log = ["Opening the scene", "asked http://me:s3cr3t@proxy.example.org:3128", "``` a fence"]

    text = diagnostics(interpreter_of(installed.target), log, {"QGIS": "3.22.16", "Qt": "5.15.8"})

    assert text.startswith(f"# Unclouded {VERSION}\n")
    for words in ("- QGIS: 3.22.16", "- state: ready", "- variant: cpu", "- torch: 0", "- label: a stub", "glibc"):
        assert words in text
    assert "Opening the scene" in text
    assert "s3cr3t" not in text
    assert text.count("```") == 2
    assert str(Path.home()) + "/" not in text


def test_without_a_backend_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    text = diagnostics(None, [], {})
    assert "There is no backend." in text
    assert "- state: missing" in text


def test_a_backend_that_does_not_run_is_explained(tmp_path: Path) -> None:
    assert "cannot be started" in diagnostics(tmp_path / "python", [], {})


def test_home_and_user_are_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/data/people/jdoe"))
    monkeypatch.setattr(getpass, "getuser", lambda: "jdoe")
    text = anonymous(
        "/data/people/jdoe/env, /data/people/jdoe2, /home/other/x, C:\\\\Users\\\\jdoe\\\\env, "
        "C:\\Users\\Jane Roe\\env, owner jdoe, jdoes"
    )
    assert text.startswith("~/env, /data/people/jdoe2, /home/USER/x, C:\\\\Users\\\\USER\\\\env, ")
    assert "Jane" not in text
    assert "Roe" not in text
    assert "owner USER, jdoes" in text


def test_short_names_do_not_tear_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "x")
    assert anonymous("x is a letter") == "x is a letter"
