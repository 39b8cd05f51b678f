"""The backend of any interpreter is asked for a proof; here with programs that stand for it, and with the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from unclouded.backend.errors import BackendError, Cancelled
from unclouded.plugin.environment import interpreter_of
from unclouded.plugin.installing import proof
from unclouded.plugin.installing.proof import prove
from unclouded.plugin.installing.running import Programs

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def program(tmp_path):
    """Makes a program that stands for an interpreter with a backend."""

    def make(script: str) -> Path:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


def test_the_real_backend_proves_itself():
    python = interpreter_of(CHECKOUT / ".venv")
    if not python.is_file():
        pytest.skip(f"no backend in {python}: run make")
    done = prove(python, "cpu")
    assert (done.device, done.warning) == ("cpu", "")
    assert done.milliseconds > 0


def test_what_libraries_print_does_not_disturb(program):
    told = '{"proof": {"device": "cuda:0", "label": "A GPU", "milliseconds": 2.5, "warning": ""}}'
    done = prove(program(f"echo a warning >&2; echo '{told}'; echo bye >&2"))
    assert (done.device, done.label, done.milliseconds) == ("cuda:0", "A GPU", 2.5)


@pytest.mark.parametrize("script", ["echo '{}'", "echo '{\"proof\": {}}'", "echo hello", "true", "echo '{broken'"])
def test_no_proof_is_an_error(program, script):
    with pytest.raises(BackendError, match=r"no proof|told nothing"):
        prove(program(script))


def test_a_backend_that_fails_is_explained(program):
    with pytest.raises(BackendError, match="No module named 'torch'"):
        prove(program("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1"))


def test_a_backend_that_hangs_is_given_up_or_cancelled(program, monkeypatch):
    with pytest.raises(Cancelled):
        prove(program("sleep 60"), programs=Programs(iter([False, False, True]).__next__, {}))
    monkeypatch.setattr(proof, "TIMEOUT_S", 0.3)
    with pytest.raises(BackendError, match="did not answer within"):
        prove(program("sleep 60"))
