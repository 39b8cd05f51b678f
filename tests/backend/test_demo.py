"""The demonstration: its scene read back, and its scores with a perfect and with a real removal."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from unclouded.backend import demo, metrics
from unclouded.backend.products import open_product
from unclouded.backend.protocol import RemoveClouds
from unclouded.backend.removal import remove
from unclouded.backend.reporting import Reporter
from unclouded.backend.sensors import NAMES

SIZE = 160


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "new"
    demo.make_scene(folder, seed=5, size=SIZE)
    return folder


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        values: np.ndarray = dataset.read()
    return values


def perfect(job: RemoveClouds) -> None:
    """Gives the truth for the generator, and what came for all other methods."""
    source = "truth.tif" if job.method == "generator" else "cloudy.tif"
    with rasterio.open(Path(job.optical).with_name(source)) as dataset:
        values, profile = dataset.read(), dataset.profile
    with rasterio.open(job.output, "w", **profile) as dataset:
        dataset.write(values)
        dataset.descriptions = NAMES
    for path, count, dtype, nodata in (
        (job.mask_output, 1, "uint8", 255),
        (job.uncertainty_output, 13, "uint16", 65535),
    ):
        if path:
            with rasterio.open(path, "w", **(profile | {"count": count, "dtype": dtype, "nodata": nodata})) as dataset:
                dataset.write(np.zeros((count, SIZE, SIZE), dtype))


def without_generator(job: RemoveClouds) -> None:
    remove(replace(job, method="interpolate") if job.method == "generator" else job, Reporter(job.id, lambda _: None))


@pytest.mark.parametrize("name", ["cloudy.tif", "truth.tif", demo.DATE_FILE])
def test_optical_files_are_what_products_are(made: Path, name: str) -> None:
    with rasterio.open(made / name) as dataset:
        assert dataset.shape == (SIZE, SIZE)
        assert dataset.dtypes == ("uint16",) * 13
        assert dataset.descriptions == NAMES
        assert dataset.nodata == 0
        assert dataset.crs.to_epsg() == 32632
        assert dataset.res == (10, 10)
        assert dataset.read().min() > 0


def test_files_tell_their_day(made: Path) -> None:
    assert open_product(str(made / "cloudy.tif")).day == datetime.date(2024, 6, 14)
    assert open_product(str(made / demo.DATE_FILE)).day == datetime.date(2024, 5, 20)


def test_the_sar_file_is_calibrated(made: Path) -> None:
    with rasterio.open(made / "sar.tif") as dataset:
        assert dataset.descriptions == ("VV", "VH")
        vv, vh = np.median(dataset.read(), axis=(1, 2))
    assert -16 < vv < -8
    assert -23 < vh < vv - 4


def test_clouds_lie_where_the_true_mask_says(made: Path) -> None:
    truth, cloudy, classes = read(made / "truth.tif"), read(made / "cloudy.tif"), read(made / "true_mask.tif")[0]
    assert abs((classes == 1).mean() - demo.COVER) < 0.03
    difference = cloudy.astype(int) - truth
    assert np.median(difference[1][classes == 1]) > 500
    assert np.median(difference[7][classes == 2]) < -300
    assert np.abs(difference[:, classes == 0]).mean() < 20


def test_the_other_date_has_other_clouds(made: Path) -> None:
    other, cloudy = read(made / demo.DATE_FILE), read(made / "cloudy.tif")
    bright_here, bright_there = cloudy[1] > 3000, other[1] > 3000
    assert 0.02 < bright_there.mean() < 0.5
    assert (bright_here & bright_there).sum() < 0.8 * bright_there.sum()


def test_the_same_seed_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    demo.make_scene(tmp_path, seed=5, size=SIZE)
    for path in made.glob("*.tif"):
        if (tmp_path / path.name).exists():
            assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name


def test_a_perfect_result_scores_perfectly_and_the_input_as_measured(made: Path) -> None:
    said: list[str] = []
    scores = {score.method: score for score in demo.run(made, perfect, said.append)}
    first, identity = next(iter(scores.values())), scores["identity (clouds left as they are)"]
    assert first.method.startswith("generator")
    assert first.mae == 0
    truth, cloudy = (read(made / name).astype(np.float32) / 10_000 for name in ("truth.tif", "cloudy.tif"))
    clouded = read(made / "true_mask.tif")[0] != 0
    assert identity.mae == pytest.approx(metrics.mae(cloudy, truth, clouded))
    assert identity.psnr_db == pytest.approx(metrics.psnr(cloudy, truth, clouded))
    assert identity.sam_degrees == pytest.approx(metrics.sam(cloudy, truth, clouded))
    constant = scores["constant (mean of the clear ground)"]
    assert 0 < constant.mae < identity.mae
    assert len(said) == 1 + len(demo.UNTRAINED)
    table = demo.as_table(list(scores.values())).splitlines()
    assert table[1].startswith("generator")
    assert len(table) == 1 + len(scores)


def test_real_removals_beat_the_clouds(made: Path) -> None:
    scores = {score.method: score for score in demo.run(made, without_generator, lambda _: None)}
    identity = scores.pop("identity (clouds left as they are)")
    assert all(score.mae < 0.5 * identity.mae for score in scores.values())
    with Image.open(made / "quicklook.png") as picture:
        assert picture.size[0] > 3 * SIZE
    classes, truth, clear = read(made / "mask.tif")[0], read(made / "cloudy.tif"), read(made / "clear.tif")
    np.testing.assert_array_equal(clear[:, classes == 0], truth[:, classes == 0])


def test_an_own_image_gives_results_and_a_picture(made: Path, tmp_path: Path) -> None:
    jobs: list[RemoveClouds] = []

    def note(job: RemoveClouds) -> None:
        jobs.append(job)
        perfect(job)

    demo.run_own(tmp_path / "own", str(made / "cloudy.tif"), str(made / "sar.tif"), note)
    assert [(job.optical, job.sar, job.dates) for job in jobs] == [
        (str(made / "cloudy.tif"), str(made / "sar.tif"), [])
    ]
    assert {path.name for path in (tmp_path / "own").iterdir()} == {
        "clear.tif",
        "mask.tif",
        "uncertainty.tif",
        "quicklook.png",
    }
