"""Haze lies over whole images, and what methods see of it is what a job with `--mask all` sees."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend import jobs
from unclouded.backend.cloud_finder import MaskRules
from unclouded.backend.datasets.pairs import Veil
from unclouded.backend.datasets.samples import Sample
from unclouded.backend.evaluation.cases import Case, choose, open_places
from unclouded.backend.evaluation.generators.haze import HazyCases, clear_part, hazy_case, lay_haze, thinned
from unclouded.backend.evaluation.rows import open_rows, whole_rows
from unclouded.backend.evaluation_jobs import EvaluateGenerators
from unclouded.backend.findings import findings_of
from unclouded.backend.methods import Untrained, inpaint
from unclouded.backend.observation import Observation
from unclouded.backend.protocol import RemoveClouds
from unclouded.backend.reporting import Reporter
from unclouded.backend.scene import open_optical, open_scene
from unclouded.backend.sensors import NAMES, Float
from unclouded.backend.survey import survey
from unclouded.backend.tile_reader import TilePlan

from ...generators import write_fusion
from ..pairs import ground, write_pairs

BANDS = ("B2", "B3", "B4", "B8")
PRIOR = dict.fromkeys(NAMES, 0.2)
QUIET = Reporter("1", lambda event: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"))


def case_of(truth: Float, optical: Float, known: Any = None) -> Case:
    everywhere = np.ones(truth.shape[1:], bool)
    seen = Observation(BANDS, "L2A", truth, everywhere, ~everywhere, truth)
    return hazy_case(
        Case("place", "place", Sample(seen, truth, everywhere if known is None else known), ()), optical, PRIOR
    )


def half_cloudy() -> tuple[Float, Float]:
    """Ground, and the same with a thick cloud in its upper left, haze to the left and clear sky to the right."""
    truth = ground(3)[[1, 2, 3, 7]]
    optical = truth.copy()
    optical[:, :, :64] += np.float32(0.03)
    optical[:, :40, :40] = np.float32(0.6)
    return truth, optical


@pytest.mark.parametrize("number", range(6))
def test_every_sky_is_thin_and_there(number: int) -> None:
    clear = ground(number)
    path = np.full(clear.shape, 0.5, np.float32)
    veil = Veil("real", np.ones(clear.shape[1:], np.float32), path)
    changes = np.abs(lay_haze(clear, NAMES, "L1C", [veil], np.random.default_rng(number)) - clear)
    assert changes.mean() > 0.01
    assert changes[1].max() < 0.5


def test_thinned_cloud_lets_through_what_it_does_not_take() -> None:
    veil = Veil("real", np.full((2, 2), 0.8, np.float32), np.full((13, 2, 2), 0.4, np.float32))
    half = thinned(veil, 0.5)
    np.testing.assert_allclose(half.opacity, 0.4)
    np.testing.assert_allclose(half.path, 0.2)


def test_whole_image_is_measured_and_methods_see_what_the_detector_finds() -> None:
    truth, optical = half_cloudy()
    case = case_of(truth, optical)
    assert case.sample.observation.cloud.all()
    seen = case.given().cloud
    assert seen[10:30, 10:30].all()
    assert not seen.all()
    assert case.cover == pytest.approx(64 / 96, abs=0.01)
    np.testing.assert_array_equal(case.given(told=True).cloud[:, :64], True)
    np.testing.assert_array_equal(case.given(told=True).cloud[:, 64:], False)


def hazy_file(shop: Any) -> tuple[str, Case]:
    """Writes the half cloudy image, and gives the case of what was written."""
    truth, optical = half_cloudy()
    stored = np.rint(optical * 10000).astype(np.uint16)
    return shop.raster("hazy.tif", stored, descriptions=BANDS), case_of(truth, stored * np.float32(1e-4))


def test_methods_are_given_what_a_job_with_mask_all_gives_them(shop: Any) -> None:
    path, case = hazy_file(shop)
    scene = open_scene(open_optical(path, None, "L2A", None, QUIET.log), None, [], None, QUIET.log)
    found = survey(scene, MaskRules("all"), lambda name: Path(shop.path(name)), QUIET, 0.2)
    (tile,) = TilePlan(scene, findings_of(found, None), Untrained(inpaint), True, 0).read()
    (part,) = tile.parts
    assert tile.replaced.all()
    seen, (rows, columns) = case.given(), part.core
    np.testing.assert_array_equal(part.observation.cloud[rows, columns], seen.cloud)
    np.testing.assert_array_equal(part.observation.valid[rows, columns], seen.valid)
    np.testing.assert_allclose(part.observation.optical[:, rows, columns], seen.optical, atol=1e-6)
    np.testing.assert_allclose(part.observation.background[:, rows, columns], seen.background, atol=1e-5)


def test_what_is_measured_is_the_output_of_a_job_with_mask_all(shop: Any) -> None:
    path, case = hazy_file(shop)
    output = shop.path("clear.tif")
    jobs.run(RemoveClouds("1", optical=path, output=output, mask="all", level="L2A", method="inpaint"), QUIET)
    row = next(row for row in whole_rows(open_rows([], ["inpaint"], PRIOR, "cpu")) if row.name == "inpaint")
    measured = row.image(case.sample.observation, row.reconstruct(case.given()))
    np.testing.assert_allclose(shop.read(output) * 1e-4, measured, atol=2e-4)


def test_offset_darkens_the_mean_under_haze_to_that_of_the_clear_part_and_never_brightens() -> None:
    truth, optical = half_cloudy()
    optical[3, :, :64] -= np.float32(0.2)
    case = case_of(truth, optical)
    row = next(row for row in whole_rows(open_rows([], [], PRIOR, "cpu")) if row.told)
    image = row.image(case.sample.observation, row.reconstruct(case.given(told=True)))
    np.testing.assert_array_equal(image[:, :, 64:], optical[:, :, 64:])
    np.testing.assert_allclose(image[:3, :, :64].mean(axis=(1, 2)), optical[:3, :, 64:].mean(axis=(1, 2)), atol=1e-5)
    np.testing.assert_array_equal(image[3], optical[3])


def test_even_haze_over_even_ground_is_what_an_offset_takes_off() -> None:
    truth = np.full((4, 96, 96), 0.2, np.float32)
    optical = truth.copy()
    optical[:, :, :50] += np.float32(0.04)
    case = case_of(truth, optical)
    row = next(row for row in whole_rows(open_rows([], [], PRIOR, "cpu")) if row.told)
    np.testing.assert_allclose(row.reconstruct(case.given(told=True)).reflectance, truth, atol=1e-4)


def test_where_haze_is_everywhere_its_thinnest_tenth_counts_as_clear() -> None:
    change = np.linspace(0.02, 0.2, 100).reshape(10, 10)
    part = clear_part(change, np.ones((10, 10), bool))
    np.testing.assert_array_equal(part, change <= change[0, -1])
    known = np.zeros((10, 10), bool)
    assert not clear_part(change, known).any()


def test_case_is_the_same_whenever_it_is_drawn_and_keeps_its_ground(root: Path) -> None:
    choices = choose("same-day", list(BANDS), False, 0)
    places = open_places(str(root), "sen12ms-cr", "validation")[1]
    one, other = (HazyCases(places, choices, 2, 1)[3] for _ in range(2))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.given().optical, other.given().optical)
    np.testing.assert_array_equal(one.given().cloud, other.given().cloud)
    assert np.abs(one.given().optical - one.sample.truth).mean() > 0.005
    assert not one.given().cloud[~one.given().valid].any()


def test_report_has_a_row_for_the_offset_and_one_for_each_generator(tmp_path: Path, root: Path) -> None:
    output = tmp_path / "haze.html"
    model = write_fusion(tmp_path, training_data=["made: 1"])
    job = EvaluateGenerators(
        "1", str(output), data=str(root), dataset="sen12ms-cr", models=[model], truth="haze", dates=0, limit=4
    )
    jobs.run(dataclasses.replace(job, device="cpu"), QUIET)
    report = json.loads(output.with_suffix(".json").read_text())
    rows = {row["label"]: row["cells"] for row in report["tables"]["overall"]["rows"]}
    assert list(rows) == ["identity", "constant", "clear mean", "offset", "tiny"]
    for cells in rows.values():
        assert cells["target_mae"]["mean"] == pytest.approx(cells["reconstruction_mae"]["mean"])
        assert cells["reproduction_mae"]["mean"] is None
    assert rows["identity"]["target_mae"]["mean"] > 0.01
    text = report["sections"][0]["text"]
    assert "its MAE minus that of identity" in text
    assert "its MAE minus that of offset" in text
    assert "no floor" not in text
