"""What the classifier sees while training: told in all logs, the same however the windows come, and in nobody's way."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from unclouded.backend.errors import Cancelled
from unclouded.backend.protocol import Log, Losses
from unclouded.backend.training.data import VALIDATION, Batch, Windows, joined
from unclouded.backend.training.likeness import Likeness
from unclouded.backend.training.recipe import Recipe

from .studio import Listener, collection, run, tiny

ENOUGH = ("data.validation_samples=64", "data.samples=8")
"""Four windows of each of sixteen scenes: in two processes the folds are full as well."""
FIGURES = {
    "frechet",
    "frechet_plain",
    "frechet_cloudy",
    "inception_score",
    "inception_score_clear",
    "variety",
    "variety_cloudy",
}


@pytest.fixture(scope="module", params=["unet_small", "fusion"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return tiny(request.param, "fit.batch=8", "data.windows=4", *ENOUGH)


@pytest.fixture(scope="module")
def batches(recipe: Recipe) -> list[Batch]:
    windows = Windows(collection(16, seed=50), recipe, VALIDATION)
    found = [joined([windows[item], windows[item + 1]]) for item in range(0, 16, 2)]
    return [batch for batch in found if isinstance(batch, dict)]


def figures(recipe: Recipe, batches: list[Batch], outputs: list[Tensor]) -> dict[str, float]:
    likeness = Likeness(recipe)
    likeness.begin(torch.device("cpu"))
    for output, batch in zip(outputs, batches, strict=True):
        likeness.add(output, batch)
    return likeness.figures()


def test_truth_is_no_distance_from_itself(recipe: Recipe, batches: list[Batch]) -> None:
    found = figures(recipe, batches, [batch["truth"] for batch in batches])
    assert found.keys() == FIGURES
    assert found["frechet"] == pytest.approx(0, abs=1e-5)
    assert found["variety"] == 1
    assert found["inception_score"] == found["inception_score_clear"]
    assert found["frechet_cloudy"] > 0.1


def test_cloudy_images_are_as_far_as_the_baseline_says(recipe: Recipe, batches: list[Batch]) -> None:
    found = figures(recipe, batches, [torch.cat([batch["cloudy"]] * 2, dim=1) for batch in batches])
    assert found["frechet"] == found["frechet_cloudy"]
    assert found["variety"] == found["variety_cloudy"]


def test_one_ground_under_all_clouds_is_no_variety(recipe: Recipe, batches: list[Batch]) -> None:
    one = batches[0]["truth"][:1]
    found = figures(recipe, batches, [one.expand_as(batch["truth"]) for batch in batches])
    spread = {name: found[name] for name in ("variety", "inception_score")}
    assert spread == pytest.approx({"variety": 0, "inception_score": 1}, abs=0.05)
    assert found["frechet"] > 0.1


def test_bands_that_a_window_lacks_are_not_looked_at(batches: list[Batch], recipe: Recipe) -> None:
    lacking = [dict(batch) for batch in batches]
    for batch in lacking:
        for key in ("truth", "cloudy", "known"):
            batch[key] = batch[key].clone()
            batch[key][::2, :3] = 0
    outputs = [batch["truth"].clone() for batch in lacking]
    for output in outputs:
        output[::2, :3] = 0.7
    assert figures(recipe, lacking, outputs)["frechet"] == pytest.approx(0, abs=1e-5)


def test_windows_of_unknown_truth_do_not_count(recipe: Recipe, batches: list[Batch]) -> None:
    likeness = Likeness(recipe)
    likeness.begin(torch.device("cpu"))
    for batch in batches:
        likeness.add(batch["cloudy"], batch | {"known": torch.zeros_like(batch["known"])})
    assert likeness.figures() == {}
    assert "there are 0" in likeness.lacking


def test_processes_together_see_what_one_sees(recipe: Recipe, batches: list[Batch]) -> None:
    whole = Likeness(recipe)
    whole.begin(torch.device("cpu"))
    each = [Likeness(recipe), Likeness(recipe)]
    for one in each:
        one.begin(torch.device("cpu"))
    for batch in batches:
        whole.add(batch["cloudy"], batch)
        for process, one in enumerate(each):
            half = {key: planes[4 * process : 4 * process + 4] for key, planes in batch.items()}
            one.add(half["cloudy"], half, process, 2)
    sent: list[list[Tensor]] = [[], []]
    for one, vectors in zip(each, sent, strict=True):
        one.gather(lambda vector, vectors=vectors: vectors.append(vector) or vector[None])  # type: ignore[misc]
    both = list(map(torch.stack, zip(*sent, strict=True)))
    each[0].gather(lambda vector: both.pop(0))
    assert each[0].figures() == pytest.approx(whole.figures(), rel=1e-3, abs=1e-5)


def test_clear_and_cloudy_images_are_looked_at_in_the_first_epoch_only(recipe: Recipe, batches: list[Batch]) -> None:
    likeness, found = Likeness(recipe), []
    for _ in range(2):
        likeness.begin(torch.device("cpu"))
        for batch in batches:
            likeness.add(batch["cloudy"], batch)
        likeness.gather(lambda vector: vector[None])
        found.append(likeness.figures())
    assert found[0] == found[1]
    assert found[0]["frechet"] == found[0]["frechet_cloudy"]


def test_random_numbers_stay_as_they_are(recipe: Recipe, batches: list[Batch]) -> None:
    before = torch.get_rng_state()
    figures(recipe, batches, [batch["cloudy"] for batch in batches])
    assert torch.equal(torch.get_rng_state(), before)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def test_run_tells_it_everywhere_and_goes_on_the_same(tmp_path: Path, data: Path) -> None:
    listener = Listener()
    run("unet_small", tmp_path / "whole", data, *ENOUGH, listener=listener)
    stopping = Listener((tmp_path / "half" / "last.ckpt").exists)
    with pytest.raises(Cancelled):
        run("unet_small", tmp_path / "half", data, *ENOUGH, listener=stopping)
    run("unet_small", tmp_path / "half", data, *ENOUGH, resume=True)

    log = rows(tmp_path / "whole")
    assert log == rows(tmp_path / "half")
    assert {f"validation_{name}" for name in FIGURES} <= log[0].keys()
    assert log[0]["validation_frechet_cloudy"] == log[1]["validation_frechet_cloudy"]
    events = EventAccumulator(str(tmp_path / "whole" / "tensorboard"))
    events.Reload()
    for number, epoch in enumerate(listener.of(Losses)):
        value = float(log[number]["validation_frechet"])
        assert epoch.values["validation frechet"] == pytest.approx(value, rel=1e-4)
        assert events.Scalars("validation_frechet")[number].value == pytest.approx(value, rel=1e-4)
    said = [event.text for event in listener.of(Log) if "Frechet" in event.text]
    assert len(said) == 2
    baseline = f"(input {float(log[0]['validation_frechet_cloudy']):.4g}), variety "
    assert all(baseline in line for line in said)
    state = torch.load(tmp_path / "whole" / "last.ckpt", weights_only=True)
    assert not any(name.startswith("likeness") for name in state["state_dict"])


def test_too_few_windows_are_said_once(tmp_path: Path, data: Path) -> None:
    listener = Listener()
    run("unet_small", tmp_path, data, listener=listener)
    said = [event.text for event in listener.of(Log) if "Frechet" in event.text]
    assert len(said) == 1
    assert said[0].startswith("No Frechet distance is measured: A Frechet distance needs 32 images or more")
    assert said[0].endswith("Raise data.validation_samples.")
    assert "validation_frechet" not in rows(tmp_path)[0]
    assert "validation_variety" in rows(tmp_path)[0]
