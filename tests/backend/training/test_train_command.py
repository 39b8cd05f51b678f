"""Training as users meet it: `unclouded train` and `export` on clear images, what they print, keep and refuse."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from unclouded.backend.__main__ import main
from unclouded.backend.card import read_card
from unclouded.backend.datasets.collection import VARIABLE
from unclouded.backend.training.recipe import recipes

from ..patience import PATIENCE_S, line_with
from .studio import NETWORKS

TINY = ["fit.epochs=2", "fit.batch=2", "fit.precision=32", "data.samples=4", "data.windows=2", "data.window_px=32"]
TINY += ["data.validation_samples=2", *NETWORKS["fusion"]]
BANDS = ("B2", "B3", "B4", "B8")


def changes(*wanted: str) -> list[str]:
    return [word for change in wanted for word in ("--set", change)]


@pytest.fixture(scope="module")
def studio(module_shop: Any) -> Any:
    """A folder with two clear images, and in `run` a training on them that ended in model.safetensors."""
    for seed, name in enumerate(("may.tif", "july.tif")):
        module_shop.raster(name, module_shop.numbers(4, 256, 1024, seed=seed), descriptions=BANDS)
    arguments = ["--image", "may.tif", "--image", "july.tif", "--out", "run", "-o", "model.safetensors"]
    trained = module_shop.command("train", "fusion", *arguments, *changes(*TINY), "--workers", "0")
    assert trained.returncode == 0, trained.stderr
    (module_shop.folder / "said.txt").write_text(trained.stderr)
    return module_shop


@pytest.fixture
def call(studio: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command line in this process, in the folder of the images."""
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("COLUMNS", "1000")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    return invoke


def test_each_epoch_is_told_and_the_generator_named(studio: Any) -> None:
    said = (studio.folder / "said.txt").read_text()

    for words in ("Epoch 1 of 2: ", "Epoch 2 of 2: ", "Wrote model.safetensors"):
        assert words in said
    assert "Traceback" not in said
    assert sorted(path.name for path in (studio.folder / "run").iterdir()) == [
        "best.ckpt",
        "last.ckpt",
        "log.csv",
        "pictures",
        "recipe.yaml",
        "tensorboard",
    ]


def test_clouds_are_removed_with_what_was_trained(studio: Any) -> None:
    optical = studio.raster("cloudy.tif", studio.numbers(4, 96, 96), descriptions=BANDS)
    cloud = studio.disc(96, 96, 48, 48, 20)
    mask = studio.mask("mask.tif", cloud)
    heard = studio.remove(optical, method="generator", model=studio.path("model.safetensors"), mask=mask, grow_px=0)

    assert type(heard.last).__name__ == "Done"
    before, after = studio.read("cloudy.tif"), studio.read("clear.tif")
    assert np.array_equal(after[:, ~cloud], before[:, ~cloud])
    assert (after[:, cloud] != before[:, cloud]).mean() > 0.9


def test_a_generator_goes_on_learning_without_a_recipe(studio: Any, call: Any) -> None:
    small = ["data.samples=2", "fit.epochs=1", *TINY[1:3], *TINY[4:7]]
    result = call(
        "train", "--start-from", "model.safetensors", "--image", "may.tif", *changes(*small), "--out", "tuned",
        "--workers", "0", "--json",
    )  # fmt: skip
    events = [json.loads(line) for line in result.stdout.splitlines()]

    assert result.exit_code == 0, result.output
    assert [event["epoch"] for event in events if event["type"] == "Losses"] == [1]
    assert events[-1]["output"] == str(Path("tuned", "fusion-tuned.safetensors"))
    tuned, start = (read_card(studio.path(name)) for name in (events[-1]["output"], "model.safetensors"))
    assert (tuned.architecture, tuned.parameters) == (start.architecture, start.parameters)
    assert tuned.sha256 != start.sha256


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_keeps_the_best(studio: Any, number: signal.Signals) -> None:
    folder, output = f"run-{number.name}", f"best-{number.name}.safetensors"
    command = [sys.executable, "-I", "-m", "unclouded.backend", "train", "fusion", "--image", "may.tif", "--json"]
    command += [*changes(*TINY, "fit.epochs=10000"), "--out", folder, "-o", output, "--workers", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=studio.folder
    ) as process:
        line_with('"Losses"', process)
        process.send_signal(number)
        rest, said = process.communicate(timeout=PATIENCE_S)
    last = json.loads(rest.splitlines()[-1])

    assert process.returncode == 130, said
    assert (last["code"], last["kept"]) == ("cancelled", output)
    assert last["hint"] == f"The best generator so far was kept: {output}"
    assert read_card(studio.path(output)).name == "fusion"
    assert "Traceback" not in said


def test_recipes_are_listed_with_their_titles(call: Any) -> None:
    asked, bare = call("train", "--list"), call("train")

    assert (asked.exit_code, bare.exit_code) == (0, 0)
    assert asked.output == bare.output
    assert all(name in asked.output and title in asked.output for name, title in recipes().items())


@pytest.mark.parametrize("checkpoint", ["run/best.ckpt", "run"])
def test_a_checkpoint_is_exported(checkpoint: str, studio: Any, call: Any) -> None:
    result = call("export", checkpoint, "-o", "again.safetensors", "--overwrite")

    assert result.exit_code == 0, result.output
    assert "Wrote again.safetensors: fusion 4" in result.output
    assert (studio.folder / "again.safetensors").read_bytes() == (studio.folder / "model.safetensors").read_bytes()


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "unknown recipe": (["miracle"], 2, "There is no recipe 'miracle'; known are "),
    "missing file of a recipe": (["mine.yaml"], 2, "There is no recipe 'mine.yaml'"),
    "no change": (["fusion", "--set", "faster"], 2, "'faster' is no change of a recipe"),
    "unknown key": (["fusion", "--set", "fit.epoch=3"], 2, "does not accept option 'epoch'"),
    "wrong type": (["fusion", "--set", "fit.epochs=many"], 2, 'Parser key "fit.epochs"'),
    "nothing to resume": (["fusion", "--out", "nothing", "--resume"], 2, "nothing holds no run to go on with"),
    "a run is there": (["fusion", "--out", "run"], 2, "run holds a run already"),
    "another run is there": (["unet_small", "--out", "run", "--resume"], 2, "Go on with the same recipe"),
    "no data named": (["fusion"], 3, f"{VARIABLE} names no folder"),
    "data set not there": (["fusion", "--data", "/nowhere"], 3, "There is no /nowhere"),
    "not the data set": (["unet_small", "--data", "run"], 3, "run was expected to hold split.csv"),
    "image not there": (["fusion", "--image", "none.tif"], 3, "none.tif cannot be read as a raster"),
    "image that is none": (["fusion", "--image", "said.txt"], 3, "said.txt cannot be read as a raster"),
    "unknown generator": (["--start-from", "miracle"], 4, "No generator 'miracle' is installed"),
    "no generator": (["--start-from", "may.tif"], 4, "may.tif is not a whole .safetensors file"),
    "output of another kind": (["fusion", "-o", "model.pt"], 5, "A generator is a .safetensors file"),
    "output exists": (["fusion", "-o", "model.safetensors"], 5, "model.safetensors exists already"),
    "output in no folder": (["fusion", "-o", "may.tif/new.safetensors"], 5, "may.tif cannot be written"),
    "run in no folder": (["fusion", "--out", "may.tif/run"], 5, "may.tif/run cannot be written"),
    "no such device": (["fusion", "--image", "may.tif", "--device", "cuda:99"], 6, "The device 'cuda:99'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trained_is_said_in_one_line(
    case: str, studio: Any, call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    arguments, exit_code, words = REFUSED[case]
    before = studio.contents()
    place = [] if "--out" in arguments else ["--out", str(tmp_path / "refused")]
    result = call("train", *arguments, *place)
    error = next(line for line in result.output.splitlines() if line.startswith("Error: "))

    assert result.exit_code == exit_code
    assert words in error
    assert studio.contents() == before
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (["none.ckpt", "-o", "new.safetensors"], 4, "none.ckpt cannot be read"),
        (["may.tif", "-o", "new.safetensors"], 4, "may.tif is refused"),
        (["run/pictures", "-o", "new.safetensors"], 4, "Give a run's folder"),
        (["run/best.ckpt", "-o", "model.safetensors"], 5, "model.safetensors exists already"),
        (["run/best.ckpt", "-o", "model.onnx"], 5, "A generator is a .safetensors file"),
    ],
)
def test_what_cannot_be_exported_is_said(
    arguments: list[str], exit_code: int, words: str, studio: Any, call: Any
) -> None:
    before = studio.contents()
    result = call("export", *arguments)

    assert result.exit_code == exit_code
    assert words in result.output
    assert studio.contents() == before
