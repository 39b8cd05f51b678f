"""A run: what it leaves in its folder, how it goes on after a stop, and how it ends."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from unclouded.backend import jobs
from unclouded.backend.card import read_card
from unclouded.backend.errors import Cancelled, InputError, OutputError, TrainingDiverged, UsageError
from unclouded.backend.protocol import Log, Losses, Progress, TrainGenerator

from .studio import SIZES, Listener, run


def rows(folder: Path) -> list[dict[str, str]]:
    """The lines of a run's log without their times."""
    with (folder / "log.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def after(asked: int) -> Listener:
    """Gives the job up when it has asked so often."""
    left = iter(range(asked))
    return Listener(lambda: next(left, None) is None)


def same(one: Any, other: Any) -> bool:
    """Whether two checkpoints hold the same numbers, bit for bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Path, Listener]:
    """The folder of a run of two epochs, and what it said."""
    folder, listener = tmp_path_factory.mktemp("finished") / "run", Listener()
    run("unet_small", folder, data, listener=listener)
    return folder, listener


@pytest.mark.parametrize(
    ("name", "further"),
    [
        ("unet_small", ("fit.schedule=cosine", "fit.average=0.9", "fit.clip=1", "fit.accumulate=3")),
        ("pix2pix_small", ("fit.schedule=linear", "fit.precision=bf16")),
        ("fusion", ("fit.schedule=steps", "fit.milestones=[1, 2]", "fit.patience=2")),
    ],
)
def test_stopped_run_goes_on_as_if_it_had_not_stopped(
    name: str, further: tuple[str, ...], tmp_path: Path, data: Path
) -> None:
    further = ("fit.epochs=3", *further)
    run(name, tmp_path / "whole", data, *further)
    with pytest.raises(Cancelled):
        run(name, tmp_path / "stopped", data, *further, listener=after(17))
    shutil.move(tmp_path / "stopped", tmp_path / "moved")
    assert len(rows(tmp_path / "moved")) == 1
    run(name, tmp_path / "moved", data, *further, resume=True)

    assert rows(tmp_path / "moved") == rows(tmp_path / "whole")
    for file in ("best.ckpt", "last.ckpt"):
        whole, moved = (torch.load(tmp_path / folder / file, weights_only=True) for folder in ("whole", "moved"))
        for part in ("state_dict", "optimizer_states", "callbacks", "steps_done", "figures", "recipe", "data", "epoch"):
            assert same(whole[part], moved[part]), (file, part)


def test_best_checkpoint_is_that_of_the_least_validation_error(tmp_path: Path, data: Path) -> None:
    run("unet_small", tmp_path, data, "fit.epochs=4", "settings.learning_rate=0.03")
    errors = [float(row["validation_reconstruction"]) for row in rows(tmp_path)]
    best = torch.load(tmp_path / "best.ckpt", weights_only=True)

    assert best["epoch"] == int(np.argmin(errors))
    assert best["figures"]["reconstruction"] == pytest.approx(min(errors))
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["epoch"] == 3


def test_log_tensorboard_and_events_tell_the_same(finished: tuple[Path, Listener]) -> None:
    folder, listener = finished
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    log = rows(folder)

    assert [row["epoch"] for row in log] == ["1", "2"]
    for name in ("l1", "validation_reconstruction", "training_rmse"):
        assert [(event.step, pytest.approx(event.value, rel=1e-4)) for event in events.Scalars(name)] == [
            (1, float(log[0][name])),
            (2, float(log[1][name])),
        ]
    said = listener.of(Losses)
    assert [event.epoch for event in said] == [1, 2]
    assert said[1].values["l1"] == pytest.approx(float(log[1]["l1"]), rel=1e-4)
    assert said[1].values["validation reconstruction"] == pytest.approx(float(log[1]["validation_reconstruction"]))
    assert [image.step for image in events.Images("validation")] == [1, 2]


def test_progress_grows_to_the_end_of_the_fit(finished: tuple[Path, Listener]) -> None:
    fractions = [event.fraction for event in finished[1].of(Progress)]

    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == pytest.approx(0.98)


def test_pictures_show_cloudy_image_output_and_truth(finished: tuple[Path, Listener]) -> None:
    first, last = (np.array(Image.open(finished[0] / "pictures" / f"epoch_00{epoch}.png")) for epoch in (1, 2))

    assert first.shape == last.shape == (4 * 32 + 3 * 4, 3 * 32 + 2 * 4, 3)
    for row in range(0, len(first), 36):
        cloudy, output, truth = (
            [picture[row : row + 32, left : left + 32] for picture in (first, last)] for left in (0, 36, 72)
        )
        assert np.array_equal(*cloudy)
        assert np.array_equal(*truth)
        assert not np.array_equal(*output)
        assert not np.array_equal(cloudy[0], truth[0])


def test_generator_is_the_best_one_with_its_card(finished: tuple[Path, Listener]) -> None:
    card = read_card(str(finished[0] / "unet_small.safetensors"))

    assert card.architecture == "unet"
    assert card.training_data == ["sen12ms-cr: 1158_spring_1"]


def test_it_is_silent_but_for_its_events(tmp_path: Path, data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run("unet_small", tmp_path, data, "fit.precision=bf16", "fit.epochs=1")

    assert capfd.readouterr() == ("", "")


def test_cancelled_before_an_epoch_has_ended_leaves_no_generator(tmp_path: Path, data: Path) -> None:
    with pytest.raises(Cancelled) as caught:
        run("unet_small", tmp_path, data, listener=after(3))

    assert caught.value.kept is None
    assert not list(tmp_path.glob("*.safetensors"))


def _interrupt() -> bool:
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [lambda: True, _interrupt])
def test_cancelled_later_keeps_the_best(how: Any, tmp_path: Path, data: Path) -> None:
    with pytest.raises(Cancelled) as caught:
        run("unet_small", tmp_path, data, listener=Listener(lambda: len(rows_so_far(tmp_path)) == 1 and how()))

    assert caught.value.kept == str(tmp_path / "unet_small.safetensors")
    assert read_card(caught.value.kept).name == "unet_small"
    run("unet_small", tmp_path, data, resume=True)
    assert len(rows(tmp_path)) == 2


def rows_so_far(folder: Path) -> list[dict[str, str]]:
    return rows(folder) if (folder / "last.ckpt").exists() else []


@pytest.mark.parametrize("name", ["unet_small", "pix2pix_small"])
def test_diverged_run_says_when_and_keeps_the_best(name: str, tmp_path: Path, data: Path) -> None:
    run(name, tmp_path, data, "fit.epochs=1")
    saved = torch.load(tmp_path / "last.ckpt", weights_only=True)
    broken = next(key for key in saved["state_dict"] if key.startswith("generator.") and key.endswith("weight"))
    saved["state_dict"][broken].fill_(float("nan"))
    torch.save(saved, tmp_path / "last.ckpt")
    with pytest.raises(TrainingDiverged, match=r"diverged in epoch 2, step 5: .*l1 nan.*fit\.clip") as caught:
        run(name, tmp_path, data, "fit.epochs=2", resume=True)

    assert caught.value.kept == str(tmp_path / f"{name}.safetensors")
    assert torch.load(tmp_path / "best.ckpt", weights_only=True)["epoch"] == 0


def test_run_that_diverges_at_once_leaves_nothing_to_go_on_with(tmp_path: Path, data: Path) -> None:
    with pytest.raises(TrainingDiverged, match=r"epoch 1, step \d: l1 nan\. Lower the learning rates") as caught:
        run("unet_small", tmp_path, data, "settings.learning_rate=1e30")

    assert caught.value.kept is None
    assert "--resume" not in str(caught.value)


def test_patience_ends_a_run_that_gets_no_better(tmp_path: Path, data: Path) -> None:
    run("unet_small", tmp_path, data, "fit.epochs=9", "fit.patience=2", "settings.learning_rate=0.0")

    assert len(rows(tmp_path)) == 3


def test_resumed_run_follows_the_changed_recipe(tmp_path: Path, data: Path) -> None:
    run("unet_small", tmp_path, data, "fit.epochs=1")
    before = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    run("unet_small", tmp_path, data, "fit.epochs=2", "settings.learning_rate=0.0", resume=True)
    after = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]

    weights = [key for key in before if key.endswith(("weight", "bias"))]
    assert weights
    assert all(torch.equal(before[key], after[key]) for key in weights)


def test_seed_decides_everything(tmp_path: Path, data: Path) -> None:
    for folder, seed in (("one", 1), ("again", 1), ("other", 2)):
        run("unet_small", tmp_path / folder, data, f"fit.seed={seed}", "fit.epochs=1")

    assert rows(tmp_path / "one") == rows(tmp_path / "again")
    assert rows(tmp_path / "one") != rows(tmp_path / "other")


def test_processes_that_draw_samples_change_nothing(tmp_path: Path, data: Path) -> None:
    run("unet_small", tmp_path / "alone", data, "fit.epochs=1")
    run("unet_small", tmp_path / "helped", data, "fit.epochs=1", workers=2)

    assert rows(tmp_path / "alone") == rows(tmp_path / "helped")


def test_folder_with_a_run_is_not_begun_anew(finished: tuple[Path, Listener], data: Path) -> None:
    with pytest.raises(UsageError, match=r"holds a run already.*--resume"):
        run("unet_small", finished[0], data, overwrite=True)


def test_nothing_to_resume(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        run("unet_small", tmp_path, data, resume=True)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("name=other", "name"),
        ("generator.parameters={in_channels: 10, out_channels: 10, widths: [8, 8]}", "generator"),
        ("encoding.optical_range=[0, 1]", "encoding"),
    ],
)
def test_run_goes_on_with_its_own_recipe_only(
    change: str, what: str, finished: tuple[Path, Listener], data: Path
) -> None:
    with pytest.raises(UsageError, match=f"has the {what} .* the recipe has"):
        run("unet_small", finished[0], data, change, resume=True, output=str(finished[0] / "new.safetensors"))


def test_output_that_exists_is_refused_before_anything_is_done(tmp_path: Path, data: Path) -> None:
    (tmp_path / "mine.safetensors").touch()
    with pytest.raises(OutputError, match="exists already"):
        run("unet_small", tmp_path / "run", data, output=str(tmp_path / "mine.safetensors"))

    assert not (tmp_path / "run").exists()


class TestBadFiles:
    @pytest.fixture
    def damaged(self, tmp_path: Path, data: Path) -> Path:
        """A data set in which one of eight places is cut off."""
        root = shutil.copytree(data, tmp_path / "data")
        path = root / "ROIs1158_spring_s2" / "s2_1" / "ROIs1158_spring_s2_1_p3.tif"
        path.write_bytes(path.read_bytes()[:2000])
        return root

    @pytest.mark.parametrize("workers", [0, 1])
    def test_are_left_out_and_named(self, workers: int, tmp_path: Path, damaged: Path) -> None:
        listener = Listener()
        run(
            "unet_small",
            tmp_path / "run",
            damaged,
            "data.samples=0",
            "fit.epochs=1",
            listener=listener,
            workers=workers,
        )

        warnings = [event.text for event in listener.of(Log) if event.level == "warning" and "left out" in event.text]
        assert len(warnings) == 1
        assert "1158_spring_1/p3 is left out (1 of 8 so far)" in warnings[0]

    def test_stop_the_run_if_asked(self, tmp_path: Path, damaged: Path) -> None:
        with pytest.raises(InputError, match=r"p3\.tif"):
            run("unet_small", tmp_path / "run", damaged, "data.on_bad_file=stop")

    def test_stop_the_run_if_another_process_meets_them(self, tmp_path: Path, data: Path) -> None:
        root = shutil.copytree(data, tmp_path / "data")
        listener = Listener(lambda: bool(listener.events) and _remove(root / "ROIs1158_spring_s2" / "s2_1"))
        with pytest.raises(InputError, match=r"ROIs1158_spring_s2_1_p\d.tif"):
            run("unet_small", tmp_path / "run", root, "data.on_bad_file=stop", listener=listener, workers=1)


def _remove(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    return False


class TestFineTuning:
    @pytest.fixture
    def start(self, finished: tuple[Path, Listener]) -> str:
        return str(finished[0] / "unet_small.safetensors")

    def test_begins_with_the_generator(self, start: str, tmp_path: Path, data: Path) -> None:
        still = ("settings.learning_rate=0.0", "fit.epochs=1", "fit.average=0.99")
        done = run("unet_small", tmp_path, data, *still, start_from=start)
        wanted, found = (load_file(path) for path in (start, done.output))

        weights = [key for key in wanted if key.endswith(("weight", "bias"))]
        assert weights
        assert all(torch.equal(wanted[key], found[key]) for key in weights)

    def test_needs_no_recipe(self, start: str, tmp_path: Path, data: Path) -> None:
        job = TrainGenerator(
            "1", "", str(tmp_path), data=str(data), settings=[*SIZES, "fit.epochs=1"], start_from=start
        )
        card = read_card(jobs.run(job, Listener().reporter).output)

        assert card.name == "unet_small-tuned"
        assert (card.bands, card.encoding, card.parameters) == (
            read_card(start).bands,
            read_card(start).encoding,
            read_card(start).parameters,
        )

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ("encoding.optical_range=[0, 1]", "in another way than the recipe"),
            ("bands=[B1, B2, B3, B4, B5, B6, B7, B8, B8A, B9]", "in another way than the recipe"),
            ("generator.parameters={in_channels: 10, out_channels: 10, widths: [8, 8]}", "not of the size"),
        ],
    )
    def test_needs_a_generator_that_fits(self, change: str, words: str, start: str, tmp_path: Path, data: Path) -> None:
        with pytest.raises(UsageError, match=words):
            run("unet_small", tmp_path, data, change, start_from=start)
