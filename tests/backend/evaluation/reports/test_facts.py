"""The command that a report prints runs the same job again."""

from __future__ import annotations

import dataclasses
import shlex
from typing import Any

import pytest

from unclouded.backend import evaluation_commands
from unclouded.backend.evaluation.reports.facts import command
from unclouded.backend.evaluation_jobs import (
    DrawContactSheet,
    EvaluateClassifiers,
    EvaluateGenerators,
    EvaluateLandCover,
    EvaluateMasks,
    EvaluateResult,
    EvaluateSeries,
    Evaluation,
)

JOBS: tuple[tuple[str, Evaluation], ...] = (
    ("evaluate", EvaluateGenerators("1", "a b.html")),
    (
        "evaluate",
        EvaluateGenerators(
            "1",
            "out.html",
            data="root",
            dataset="folder",
            split="test",
            models=["one", "it's two"],
            methods=["median"],
            truth="other-day",
            each=3,
            limit=7,
            seed=5,
            bands=["B2", "B3"],
            sar=False,
            dates=0,
            write_scores=True,
        ),
    ),
    ("landcover", EvaluateLandCover("1", "out.html", classifier="c.safetensors", models=["m"], seed=1)),
    ("evaluate-classifiers", EvaluateClassifiers("1", "out.html", classifiers=["a", "b"], dataset="eurosat-mosaic")),
    ("evaluate-masks", EvaluateMasks("1", "out.html", labels=["a=b", "c"], models=["m"], tolerance_px=4)),
    ("evaluate-series", EvaluateSeries("1", "out.html", each=4, methods=["inpaint"])),
    (
        "contact-sheet",
        DrawContactSheet("1", "sheet", model="m", split="train", limit=30, sar=False, dates=0, bands=["B2"]),
    ),
    ("evaluate-result", EvaluateResult("1", "a.tif", "b.tif", "out.html", error_output="e.tif", offset=-1000.0)),
)


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_command_runs_the_same_job(name: str, job: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[Any] = []
    monkeypatch.setattr(evaluation_commands, "execute", lambda job, as_json: run.append(job))
    program, called, *words = shlex.split(command(name, job))
    known = {one.name: one for one in evaluation_commands.COMMANDS}
    known[called].main(words, standalone_mode=False)

    assert (program, called) == ("unclouded", name)
    assert dataclasses.asdict(run[0]) == dataclasses.asdict(job)
