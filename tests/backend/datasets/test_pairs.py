"""What a cloudy and a clear day tell of each other."""

import dataclasses
from pathlib import Path

import numpy as np

from unclouded.backend.datasets.development import pairs
from unclouded.backend.datasets.pairs import pair_days, shows_ground, take_veil, veil_of
from unclouded.backend.datasets.place import Day, Place, clear_day, opened
from unclouded.backend.sensors import BY_COUNT, NAMES

from .fakes import clouded, ground

SIZE = 64
CLEAR = ground(size=SIZE).astype(np.float32) / 10000
CLOUDY = clouded(ground(size=SIZE)).astype(np.float32) / 10000


def test_cloud_shadow_and_what_was_not_measured_do_not_show_the_ground() -> None:
    cloudy = CLOUDY.copy()
    infrared = [NAMES.index(name) for name in NAMES[7:]]
    cloudy[infrared, 20:40, 30:50] *= 0.4
    cloudy[:, 60:] = 0
    shown = shows_ground(cloudy, clear_day(CLEAR), NAMES)

    assert not shown[:, :10].any()
    assert not shown[20:40, 30:50].any()
    assert not shown[60:].any()
    assert shown[44:58, 20:].all()


def test_snow_and_clouds_of_the_clear_day_hide_what_the_other_shows() -> None:
    snow = CLEAR.copy()
    snow[:, :20] = 0.7
    clear = Day(snow, np.ones((SIZE, SIZE), bool), 0.0)
    clear.clear[30:40] = False
    shown = shows_ground(snow, clear, NAMES)

    assert not shown[:20].any()
    assert not shown[30:40].any()
    assert shown[42:].all()


def test_optical_stays_as_measured() -> None:
    clear, cloudy = pair_days(CLOUDY, clear_day(CLEAR, 100.0), NAMES)

    np.testing.assert_array_equal(cloudy.optical, CLOUDY)
    assert (clear.day, cloudy.day) == (100.0, 115.0)


def test_veil_of_few_bands_is_interpolated_to_all() -> None:
    index = [NAMES.index(name) for name in BY_COUNT[4]]
    whole, part = take_veil("all", CLOUDY, CLEAR, NAMES), take_veil("four", CLOUDY[index], CLEAR[index], BY_COUNT[4])

    np.testing.assert_allclose(part.path[index], whole.path[index], atol=0.02)
    middle = (part.path[NAMES.index("B4")] + part.path[NAMES.index("B8")]) / 2
    b6 = part.path[NAMES.index("B6")]
    assert np.abs(b6 - middle).mean() < 0.1 * np.abs(middle).mean() + 1e-3
    np.testing.assert_allclose(part.path[NAMES.index("B1")], part.path[NAMES.index("B2")])


def test_thin_cloud_does_not_bring_what_grew_between_the_days() -> None:
    grown, near_infrared = CLOUDY.copy(), NAMES.index("B8")
    grown[near_infrared] += 0.15
    veil, thin = take_veil("grown", grown, CLEAR, NAMES), take_veil("same", CLOUDY, CLEAR, NAMES).opacity < 0.2

    clear = veil.opacity == 0
    assert clear.any()
    assert not veil.path[:, clear].any()
    assert (veil.path[near_infrared] / np.maximum(veil.path[NAMES.index("B2")], 1e-3))[thin & ~clear].max() < 1.6


def test_veils_are_taken_where_the_ground_is_known() -> None:
    place = Place("pair", NAMES, "L1C", pair_days(CLOUDY, clear_day(CLEAR), NAMES))
    years_apart = dataclasses.replace(place, days=pair_days(CLOUDY, clear_day(CLEAR), NAMES, 400.0))
    snow = np.full_like(CLEAR, 0.7)
    on_snow = dataclasses.replace(place, days=pair_days(CLOUDY, clear_day(snow), NAMES))
    without_cloud = dataclasses.replace(place, days=pair_days(CLEAR, clear_day(CLEAR), NAMES))

    veil = veil_of(place)
    assert veil is not None
    assert veil.opacity[:, :8].min() > 0.9
    for other in (years_apart, on_snow, without_cloud, dataclasses.replace(place, days=place.days[:1])):
        assert veil_of(other) is None


def test_masks_of_real_clouds_are_found(real_data: Path) -> None:
    """Of the cloud that comes marked, next to nothing counts as ground."""
    marked = missed = 0
    for place in pairs(real_data):
        path = real_data / place.name / "mask.tif"
        if path.exists():
            with opened(str(path)) as dataset:
                cloud = dataset.read(1) > 0
            marked += cloud.sum()
            missed += (cloud & place.days[1].clear).sum()

    assert marked > 100_000
    assert missed < 0.03 * marked
