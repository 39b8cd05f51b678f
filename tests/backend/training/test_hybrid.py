"""The hybrid learns in phases: what rests stays bit for bit, and a run that stops in a phase goes on in it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from unclouded.backend import jobs
from unclouded.backend.card import read_card
from unclouded.backend.errors import UsageError
from unclouded.backend.protocol import TrainGenerator
from unclouded.backend.training.cgan import incoherence
from unclouded.backend.training.data import Batch
from unclouded.backend.training.run import make_system
from unclouded.backend.training.system import System

from .adversaries import (
    Turns,
    Watch,
    batch_of,
    changed,
    changes,
    check_goes_on,
    check_same_end,
    fit,
    parts,
    run,
    tiny,
    trained,
)
from .studio import Listener
from .test_run import rows

NAME = "hybrid_small"
STILL = ("settings.adam.learning_rate=0.0",)
THREE = ("fit.epochs=3", "settings.phases=[1, 1, 1]")
LAST = ("settings.phases=[0, 0, 1]",)
FIRST, SECOND = {"stgan", "judge_stgan"}, {"refiner", "clouder", "judge_clear", "judge_cloudy"}


def test_phases_follow_the_epochs(tmp_path: Path) -> None:
    watch = Watch(lambda system: (system.current_epoch, system.phase))
    trained(NAME, tmp_path, "fit.epochs=6", "settings.phases=[2, 1, 3]", *STILL, watch=watch)

    assert watch.seen[:6] == list(enumerate([1, 1, 2, 3, 3, 3]))


def test_what_rests_stays_and_what_learns_changes(tmp_path: Path) -> None:
    watch = Watch(parts)
    trained(NAME, tmp_path, *THREE, "data.samples=8", watch=watch)

    for learns, (before, after) in zip((FIRST, SECOND, FIRST | SECOND), pairwise(watch.seen), strict=True):
        assert before.keys() == FIRST | SECOND
        for name in before:
            assert changed(before[name], after[name]) == (set(after[name]) if name in learns else set())


def test_gradients_reach_those_alone_whose_turn_it_is(tmp_path: Path) -> None:
    watch = Turns()
    trained(NAME, tmp_path, *THREE, watch=watch)

    everything, judges = {"generator": True, "clouder": True}, dict.fromkeys(("judge_clear", "judge_cloudy"), True)
    assert watch.seen == [
        *[{"generator": False}, {"judge_stgan": True}] * 2,
        *[{"generator": False, "clouder": True}, judges] * 2,
        *[everything, judges | {"judge_stgan": True}] * 2,
    ]


def test_third_phase_learns_more_slowly(tmp_path: Path) -> None:
    class Rates(Turns):
        def on_before_optimizer_step(self, trainer: object, system: object, optimizer: torch.optim.Optimizer) -> None:
            self.seen.append(optimizer.param_groups[0]["lr"])

    rates = Rates()
    more = ("settings.adam.learning_rate=0.001", "settings.joint_rate=0.2", "fit.schedule=constant", "data.samples=2")
    trained(NAME, tmp_path, *THREE, *more, watch=rates)

    assert rates.seen == pytest.approx([1e-3] * 4 + [2e-4] * 2)


def unlike(one: Tensor, other: Tensor, weight: Tensor | None = None) -> float:
    weight = torch.ones_like(one) if weight is None else weight.expand_as(one)
    return float(((one - other).abs() * weight).sum() / weight.sum())


def formulas(system: System, batch: Batch) -> dict[str, float]:
    """The terms of the third phase without their weights, one after the other."""
    x, truth, known, cloud, cloudy = (batch[key] for key in ("x", "truth", "known", "cloud", "cloudy"))
    first = system.generator.stgan(x)
    clear = system.generator(x)
    clouded = system.clouder(torch.cat([batch["other"], cloud], dim=1))
    judged = [system.judge_stgan(torch.cat([x, first], 1)), system.judge_clear(clear), system.judge_cloudy(clouded)]
    fooled = [float((one - 1).square().mean()) for one in judged]
    cycled = system.clouder(torch.cat([clear, cloud], dim=1)), system.generator.refiner(clouded, clouded)
    return {
        "stgan": fooled[0],
        "l1": unlike(first, truth, known),
        "coherence": float(incoherence(system.generator.stgan, batch, first, 3)),
        "refined": fooled[1] + fooled[2],
        "refined_l1": unlike(clear, truth, known),
        "cycle": unlike(cycled[0], cloudy) + unlike(cycled[1], batch["other"]),
        "identity": unlike(clear, cloudy, known * (1 - cloud)),
    }


def test_losses_are_the_formulas_times_the_weights_of_the_recipe(tmp_path: Path) -> None:
    names = ("stgan", "l1", "coherence", "refined", "refined_l1", "cycle", "identity")
    weights = {name: weight for weight, name in enumerate(names, 2)}
    settings = [f"settings.{name}_weight={weight}" for name, weight in weights.items()]
    recipe = tiny(NAME, *LAST, *STILL, "data.samples=2", *settings)
    system = fit(make_system(recipe), tmp_path)

    with torch.no_grad():
        terms = formulas(system, batch_of(recipe))
    assert terms["cycle"] > 0
    wanted = {name: weights[name] * term for name, term in terms.items()}
    assert {name: system.losses[name] for name in wanted} == pytest.approx(wanted, rel=1e-3)
    assert system.losses.keys() - wanted.keys() == {"judge_stgan", "judge_clear", "judge_cloudy"}


def test_losses_of_no_weight_are_left_out(tmp_path: Path) -> None:
    system = trained(NAME, tmp_path, *LAST, "settings.coherence_weight=0")

    assert system.perceptual is None
    assert not {"perceptual", "coherence"} & system.losses.keys()


def test_refiner_sees_what_else_the_frames_hold_beside_other_bands(tmp_path: Path) -> None:
    more = ("encoding.masks=true", "encoding.sar_range=[-1, 1]", "generator.parameters.frame_channels=13")
    system = make_system(tiny(NAME, *LAST, *more))
    seen: list[tuple[Tensor, Tensor]] = []
    system.generator.refiner.register_forward_pre_hook(lambda _, given: seen.append(given))
    fit(system, tmp_path)

    (_, frame), (clouded, changed_frame) = seen[:2]
    assert torch.equal(changed_frame[:, :10], clouded)
    assert torch.equal(changed_frame[:, 10:], frame[:, 10:])
    assert not torch.equal(frame[:, :10], clouded)


def test_phases_must_be_all_epochs() -> None:
    with pytest.raises(UsageError, match=r"\(8, 6, 6\), are 20 epochs; fit\.epochs is 21.*Change settings\.phases"):
        make_system(tiny(NAME, "settings.phases=[8, 6, 6]", "fit.epochs=21"))


def test_fine_tuning_goes_on_behind_the_first_phase(tmp_path: Path, data: Path) -> None:
    start = run(NAME, tmp_path / "start", data).output
    settings = [change for change in changes(NAME, "fit.epochs=3", "data.name=sen12ms-cr") if "phases" not in change]
    job = TrainGenerator(
        "1", "", str(tmp_path / "tuned"), data=str(data), settings=settings, start_from=start, device="cpu"
    )
    card = read_card(jobs.run(job, Listener().reporter).output)

    assert card.name == f"{NAME}-tuned"
    assert [bool(row["stgan"]) for row in rows(tmp_path / "tuned")] == [False, True, True]


@pytest.mark.parametrize("epoch", [pytest.param(2, marks=pytest.mark.slow), 3, pytest.param(4, marks=pytest.mark.slow)])
def test_stopped_run_goes_on_as_if_it_had_not_stopped(epoch: int, tmp_path: Path, data: Path) -> None:
    """At the start of the second phase, amid it, and in the third."""
    check_goes_on(NAME, tmp_path, data, epoch, "fit.epochs=4", "settings.phases=[1, 2, 1]")


def started(folder: Path, data: Path, settings: tuple[str, ...], *further: str) -> subprocess.Popen[bytes]:
    arguments = [word for change in changes(NAME, *settings) for word in ("--set", change)]
    command = [sys.executable, "-I", "-m", "unclouded.backend", "train", NAME, "--out", str(folder), *further]
    return subprocess.Popen(
        [*command, "--data", str(data), "--device", "cpu", "--workers", "0", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
def test_killed_run_goes_on_as_if_it_had_not_been(tmp_path: Path, data: Path) -> None:
    settings = ("fit.epochs=6", "settings.phases=[1, 4, 1]", "data.name=sen12ms-cr", "data.choices.clouds=simulated")
    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    process, begun = started(stopped, data, settings), time.monotonic()
    while not ((stopped / "log.csv").exists() and len(rows(stopped)) > 1):
        assert process.poll() is None
        assert time.monotonic() - begun < 300
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert 2 <= len(rows(stopped)) < 6
    both = [started(stopped, data, settings, "--resume"), started(whole, data, settings)]
    assert [process.wait(240) for process in both] == [0, 0]
    check_same_end(whole, stopped)
