"""Curves of runs: every figure that a log holds, and a clear word where there is none."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from unclouded.backend.training.curves import main, read_log


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "log.csv").write_text("epoch,validation_rmse,training_rmse\n1,0.2,0.3\n2,0.1,\n")
    return folder


def test_log_gives_numbers_and_leaves_out_what_is_empty(run: Path) -> None:
    assert read_log(run) == [
        {"epoch": 1, "validation_rmse": 0.2, "training_rmse": 0.3},
        {"epoch": 2, "validation_rmse": 0.1},
    ]


def test_each_run_has_a_colour_of_its_own(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "second"
    other.mkdir()
    (other / "log.csv").write_text("epoch,validation_rmse\n1,0.25\n2,0.15\n")
    path = tmp_path / "curves.png"
    result = CliRunner().invoke(main, [str(run), str(other), "-o", str(path), "--figure", "rmse"])

    assert result.exit_code == 0, result.output
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    for colour in ((0, 114, 178), (213, 94, 0)):
        assert (np.abs(pixels.astype(int) - colour).max(axis=1) < 3).sum() > 50


def test_frechet_distance_stands_beside_that_of_the_cloudy_images(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "curves.svg"
    log = "epoch,validation_frechet,validation_frechet_cloudy,validation_variety\n1,30,40,0.5\n2,20,40,0.6\n"
    (run / "log.csv").write_text(log)
    words = [str(run), "-o", str(path), "--figure", "frechet", "--figure", "variety"]
    result = CliRunner().invoke(main, words)

    assert result.exit_code == 0, result.output
    assert path.read_text().count("stroke-dasharray") >= 1


def test_a_folder_without_a_log_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(tmp_path), "-o", str(tmp_path / "curves.png")])

    assert result.exit_code == 1
    assert f"{tmp_path} holds no log of a training run" in result.output
