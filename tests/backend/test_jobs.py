"""Training is an optional extra: where it is not installed, one sentence says what to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend import jobs, protocol, version
from unclouded.backend.evaluation.runners import RUNNERS
from unclouded.backend.evaluation_jobs import EVALUATIONS

PROJECT = Path(version.__file__).parents[1] / "pyproject.toml"


@pytest.mark.parametrize("hidden", [["lightning"], ["jsonargparse", "tensorboard"]])
def test_missing_libraries_are_named_with_the_command_that_installs_them(
    hidden: list[str], shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in hidden:
        monkeypatch.setitem(sys.modules, name, None)
    last = shop.run(protocol.TrainGenerator("1", "fusion", shop.path("run"))).last

    assert (last.code, last.kept) == ("backend", None)
    assert ", ".join(hidden) in last.message
    assert last.hint.startswith(f"Install them: {sys.executable} -m pip install ")
    assert all(f'"{jobs.FOR_TRAINING[name]}"' in last.hint for name in hidden)
    assert shop.contents() == {}


def test_the_command_asks_for_what_the_extra_asks_for() -> None:
    stated = PROJECT.read_text().partition("\ntrain = [")[2].partition("\n]")[0]

    assert all(f'"{requirement}",' in stated for requirement in jobs.FOR_TRAINING.values())


def loads(module: str, library: str) -> bool:
    script = f"import sys; import unclouded.backend.{module}; print({library!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip() == "True"


@pytest.mark.parametrize("library", ["lightning", "matplotlib", "torch"])
def test_training_and_evaluation_load_their_libraries_only_when_asked(library: str) -> None:
    assert not loads("jobs", library)


def test_evaluation_needs_nothing_of_training() -> None:
    assert not loads("evaluation.runners", "lightning")


def test_every_job_has_a_runner() -> None:
    assert set(jobs.RUNNERS) == set(protocol.JOBS)
    assert set(RUNNERS) == set(EVALUATIONS)
