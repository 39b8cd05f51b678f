"""The data sets are read as what they are, and no place is on both sides of the split."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.collection import VARIABLE, data_root, load, split_of
from unclouded.backend.datasets.development import pairs
from unclouded.backend.datasets.pairs import DENSE, take_veil
from unclouded.backend.datasets.place import Place
from unclouded.backend.errors import InputError
from unclouded.backend.sensors import BY_COUNT, NAMES


def named(places: list[Place], start: str) -> list[Place]:
    return [place for place in places if place.name.startswith(start)]


def test_split_divides_the_places(archive: Path) -> None:
    training, validation = load(archive, "train"), load(archive, "validation")

    assert {place.name.split("/")[0] for place in training.places} == {
        "clear_l1c",
        "l2a_chips",
        "sar_optical",
        "triples",
        "series_worldcereal",
        "series_minicubes",
    }
    assert sorted(place.name for place in validation.places) == [
        "clear_l2a/7",
        "sen12ms-cr/1868_summer_100/p7",
        "series_boadella",
    ]
    assert [veil.name for veil in training.veils] == ["triples/42"]


def test_numbers_of_places_are_compared_whole() -> None:
    assert split_of("triples/4", {"triples/42": "train"}) == ""


def test_bands_of_three_resolutions_come_to_one_grid(archive: Path) -> None:
    (first, second) = named(load(archive, "train").places, "clear_l1c")

    assert first.bands == NAMES
    assert first.days[0].optical.shape == (13, 48, 48)
    blue = first.days[0].optical[NAMES.index("B2")]
    coastal = first.days[0].optical[NAMES.index("B1")]
    assert np.unique(coastal[:6, :6]).size == 1
    assert np.unique(blue[:6, :6]).size > 1
    np.testing.assert_array_equal(first.days[1].optical[1], second.days[0].optical[1])


def test_forgotten_offset_is_taken_off(archive: Path) -> None:
    (place,) = named(load(archive, "validation").places, "clear_l2a")

    assert 0.029 < place.days[0].optical.min() < 0.035


def test_chips_are_cut_along_their_grid(archive: Path) -> None:
    found = named(load(archive, "train").places, "l2a_chips")

    assert [place.days[0].optical.shape for place in found] == [(12, 128, 128)] * 6
    np.testing.assert_allclose([place.days[0].optical.std() for place in found], 0, atol=1e-6)
    np.testing.assert_allclose([place.days[0].optical.mean() for place in found], 0.05 + 0.01 * np.arange(6), rtol=1e-5)


def test_sar_comes_with_both_levels(archive: Path) -> None:
    top, surface = named(load(archive, "train").places, "sar_optical")

    assert (top.level, top.bands, surface.level, surface.bands) == ("L1C", NAMES, "L2A", BY_COUNT[12])
    assert top.sar is not None
    assert (top.sar == -12).all()


def test_series_know_their_days_and_clouds(archive: Path) -> None:
    (fields,) = named(load(archive, "train").places, "series_worldcereal")
    (cube,) = named(load(archive, "train").places, "series_minicubes")
    (reservoir,) = named(load(archive, "validation").places, "series_boadella")

    assert fields.bands == BY_COUNT[10]
    assert len(fields.days) == 2  # the one in between is cloud
    assert [day.day for day in cube.days] == [0, 10]
    np.testing.assert_allclose(cube.days[0].optical, 0.15, atol=1e-6)
    assert [day.day - reservoir.days[0].day for day in reservoir.days] == [0, 365]


def test_veil_gives_back_the_cloud(archive: Path) -> None:
    clear, cloudy = next(pairs(archive)).days
    veil = take_veil("pair", cloudy.optical, clear.optical, NAMES)
    ground = np.full((13, 40, 40), 0.1, np.float32)
    transplanted = (1 - veil.opacity) * ground + veil.path

    again, dense = (1 - veil.opacity) * clear.optical + veil.path, veil.opacity > DENSE
    np.testing.assert_allclose(again[:, dense], cloudy.optical[:, dense], atol=0.02)
    assert veil.opacity[:, 0].min() > 0.9
    assert veil.opacity[:, 15:].max() < 0.05
    assert transplanted[:, :, 0].min() > 0.6
    np.testing.assert_allclose(transplanted[:, :, 20:], 0.1, atol=0.01)


def test_prior_is_the_mean_of_the_places(archive: Path) -> None:
    training = load(archive, "train")

    assert set(training.prior) == set(NAMES)
    assert all(0.05 < value < 0.3 for value in training.prior.values())


def test_unset_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    with pytest.raises(InputError, match=VARIABLE):
        data_root()


def test_images_of_one_place_are_of_one_group(archive: Path) -> None:
    triple = archive / "triples" / "42"
    for name in ("4065", "4438", "4439"):
        shutil.copytree(triple, archive / "triples" / name)
    groups = {place.name: place.group for place in pairs(archive)}
    assert groups["triples/4438"] == groups["triples/4065"]
    assert len({groups[f"triples/{name}"] for name in ("42", "4065", "4439")}) == 3
    assert groups["sen12ms-cr/1868_summer_100/p7"] == "sen12ms-cr/1868_summer_100"
