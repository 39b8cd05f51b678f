"""Rows give what their names say, and say where they cannot serve."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.errors import ModelError, UsageError
from unclouded.backend.evaluation.rows import Row, name_models, open_rows
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import NAMES, Float

from ..generators import write_cyclegan, write_fusion

BANDS = ("B2", "B3", "B4", "B8")
PRIOR = {name: 0.01 * number for number, name in enumerate(NAMES, 1)}
SHAPE = (4, 64, 64)
CLOUD = np.zeros(SHAPE[1:], bool)
CLOUD[10:40, 10:40] = True


@pytest.fixture
def seen() -> Observation:
    ground = np.random.default_rng(0).uniform(0.1, 0.3, SHAPE).astype(np.float32)
    optical = np.where(CLOUD, np.float32(0.9), ground)
    background = np.full(SHAPE, 0.2, np.float32)
    return Observation(BANDS, "L1C", optical, np.ones(SHAPE[1:], bool), CLOUD, background)


def rows(*models: str, methods: tuple[str, ...] = ()) -> dict[str, Row]:
    return {row.name: row for row in open_rows(models, methods, PRIOR, "cpu")}


def image(row: Row, seen: Observation) -> Float:
    return row.image(seen, row.reconstruct(seen))


def test_rows_that_every_table_has() -> None:
    assert list(rows()) == ["identity", "constant", "clear mean", "least-cloudy", "median", "interpolate"]
    assert "inpaint" in rows(methods=("inpaint",))


def test_trivial_rows(seen: Observation) -> None:
    found = rows()
    np.testing.assert_array_equal(image(found["identity"], seen), seen.optical)
    constant = image(found["constant"], seen)
    np.testing.assert_allclose(constant[:, 5, 5], [PRIOR[name] for name in BANDS], rtol=1e-6)
    assert (np.ptp(constant, axis=(1, 2)) == 0).all()
    mean = image(found["clear mean"], seen)
    np.testing.assert_array_equal(mean[:, ~CLOUD], seen.optical[:, ~CLOUD])
    np.testing.assert_allclose(mean[:, 20, 20], seen.optical[:, ~CLOUD].mean(axis=1), rtol=1e-5)


def test_where_nothing_is_clear_the_mean_is_that_of_the_training(seen: Observation) -> None:
    covered = dataclasses.replace(seen, cloud=np.ones(SHAPE[1:], bool))
    np.testing.assert_allclose(image(rows()["clear mean"], covered), image(rows()["constant"], covered))


def test_methods_of_several_dates_say_that_there_are_none(seen: Observation) -> None:
    assert {name for name, row in rows().items() if row.suits(seen)} == {"least-cloudy", "median", "interpolate"}
    assert rows()["median"].suits(seen) == "there are no other dates"


def test_generator_gives_what_a_user_gets_and_what_its_network_says(tmp_path: Path, seen: Observation) -> None:
    row = rows(write_fusion(tmp_path))["tiny"]
    made = row.reconstruct(seen)
    images = row.images(seen, made)
    assert list(images) == row.names == ["tiny", "tiny, network alone"]
    np.testing.assert_array_equal(images["tiny"][:, ~CLOUD], seen.optical[:, ~CLOUD])
    np.testing.assert_array_equal(images["tiny"][:, CLOUD], made.reflectance[:, CLOUD])
    np.testing.assert_array_equal(images["tiny, network alone"], made.reflectance)


def test_generator_fills_the_bands_that_it_does_not_know(tmp_path: Path, seen: Observation) -> None:
    row = rows(write_cyclegan(tmp_path))["cycle"]
    assert row.suits(seen) == ""
    assert row.reconstruct(seen).reflectance.shape == SHAPE


def test_generator_says_what_it_lacks(tmp_path: Path, seen: Observation) -> None:
    row = rows(write_cyclegan(tmp_path, sar="required"))["cycle"]
    assert row.suits(seen) == "The generator 'cycle' needs Sentinel-1"
    radar = dataclasses.replace(seen, sar=np.full((2, *SHAPE[1:]), -12, np.float32))
    assert row.suits(radar) == ""


def test_where_nothing_is_clear_a_generator_sees_its_own_prior(tmp_path: Path, seen: Observation) -> None:
    bright = rows(write_fusion(tmp_path, prior=dict.fromkeys(NAMES, 0.6)))["tiny"]
    covered = dataclasses.replace(seen, cloud=np.ones(SHAPE[1:], bool))
    other = dataclasses.replace(covered, background=np.zeros(SHAPE, np.float32))
    np.testing.assert_array_equal(bright.reconstruct(covered).reflectance, bright.reconstruct(other).reflectance)


def test_generators_of_one_name_are_told_apart_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "early").mkdir()
    (tmp_path / "late").mkdir()
    early, late = write_fusion(tmp_path / "early"), write_fusion(tmp_path / "late")
    other = write_fusion(tmp_path, "other")
    assert name_models([early, other, late]) == {"tiny (early/tiny)": early, "tiny (late/tiny)": late, "other": other}
    beside = str(shutil.copy(early, tmp_path / "early" / "copy.safetensors"))
    assert list(name_models([early, beside])) == ["tiny (tiny)", "tiny (copy)"]
    assert {"tiny (early/tiny)", "tiny (late/tiny)"} < set(rows(early, late))


def test_generator_is_given_once_and_not_called_as_a_row(tmp_path: Path) -> None:
    path = write_fusion(tmp_path)
    with pytest.raises(UsageError, match="is given several times"):
        rows(path, str(tmp_path / ".." / tmp_path.name / "tiny.safetensors"))
    with pytest.raises(UsageError, match="is called median, as a row is"):
        rows(write_fusion(tmp_path, "median"))
    with pytest.raises(ModelError, match="No generator 'nobody'"):
        rows("nobody")
