"""Clouds in a series of days."""

from pathlib import Path

import numpy as np

from unclouded.backend.datasets.ground import series_clear
from unclouded.backend.datasets.series import cubes, fields
from unclouded.backend.sensors import BY_COUNT

from .fakes import ground

FOUR = BY_COUNT[4]
SIZE = 96


def day(blue: float = 0.0) -> np.ndarray:
    optical = ground(4, SIZE).astype(np.float32) / 10000
    optical[:3, 30:60, 30:60] += np.float32([[[1.0]], [[0.9]], [[0.7]]]) * np.float32(blue)
    return optical


def test_thin_cloud_shows_against_the_other_days() -> None:
    series = [day(), day(0.07), day(), day(), day(0.5)]
    clear = series_clear(series, FOUR, "L2A")

    assert clear[0].all()
    assert not clear[1][32:58, 32:58].any()
    assert not clear[4][32:58, 32:58].any()
    assert clear[4][:10, 80:].all()


def test_what_was_not_measured_is_not_clear() -> None:
    series = [day(), day(), day()]
    series[1][:, :20] = 0

    assert not series_clear(series, FOUR, "L2A")[1][:20].any()


def test_days_beside_each_other_tell_more_than_each_alone(real_data: Path) -> None:
    """Against the masks of their makers: most of the clear ground is kept, and less cloud is taken for it."""
    for place in (*fields(real_data), *cubes(real_data)):
        series, given = [day.optical for day in place.days], np.stack([day.clear for day in place.days])
        alone = np.stack([series_clear([optical], place.bands, place.level)[0] for optical in series])
        found = np.stack(series_clear(series, place.bands, place.level))

        assert found[given].mean() > 0.75, place.name
        assert found[~given].mean() < 0.95 * alone[~given].mean(), place.name
