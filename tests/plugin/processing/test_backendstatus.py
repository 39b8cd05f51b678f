"""The state of the backend is an answer, whatever it is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProcessingContext

from unclouded.backend.version import VERSION
from unclouded.plugin import environment
from unclouded.plugin.environment import interpreter_of, user_environment
from unclouded.plugin.installing.stamp import Stamp, write_stamp
from unclouded.plugin.processing.backendstatus import BackendStatusAlgorithm

from .conftest import Ear

pytestmark = pytest.mark.qgis


def ask(ear: Ear, **parameters: object) -> dict[str, Any]:
    algorithm = BackendStatusAlgorithm().create()
    assert algorithm.canExecute()[0]
    results, succeeded = algorithm.run(parameters, QgsProcessingContext(), ear)
    assert succeeded
    return results


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without any backend; gives the place of the environment."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv("UNCLOUDED_PYTHON", raising=False)
    arguments = list(environment.find_python.__defaults__)
    monkeypatch.setattr(environment.find_python, "__defaults__", (*arguments[:2], tmp_path / "plugin"))
    return user_environment()


def test_a_backend_that_runs_tells_its_device_and_versions(provider, ear):
    results = ask(ear)
    assert results["STATE"] == "ready"
    assert Path(results["PYTHON"]).is_file()
    assert results["DEVICE"]
    assert f"unclouded {VERSION}" in results["VERSIONS"]
    assert "torch 2." in results["VERSIONS"]
    assert results["MODELS"] >= 1
    assert any("torch 2." in line for line in ear.words)
    assert "MILLISECONDS" not in results


def test_the_generator_is_run_if_asked_for(provider, ear):
    assert ask(ear, PROVE=True)["MILLISECONDS"] > 0


def test_a_missing_backend_is_told_and_no_failure(bare, ear):
    results = ask(ear)
    assert results["STATE"] == "missing"
    assert "press Install" in results["PROBLEM"]
    assert any("press Install" in line for line in ear.words)


def test_an_installation_that_was_cut_off_is_told(bare, ear):
    bare.mkdir(parents=True)
    write_stamp(bare, Stamp("cpu", "", "", VERSION, complete=False))
    assert ask(ear)["STATE"] == "half-made"


def test_a_python_without_the_libraries_is_broken(bare, ear):
    python = interpreter_of(bare)
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'raise SystemExit(\"no torch here\")'\n")
    python.chmod(0o755)
    results = ask(ear)
    assert results["STATE"] == "broken"
    assert results["PYTHON"] == str(python)
    assert "no torch here" in results["PROBLEM"]


def test_a_named_python_that_is_gone_is_broken(bare, ear, monkeypatch):
    monkeypatch.setenv("UNCLOUDED_PYTHON", "/no/python")
    results = ask(ear)
    assert results["STATE"] == "broken"
    assert "/no/python" in results["PROBLEM"]
