"""Views turn, do not repeat themselves, and colour all days of a place alike."""

import numpy as np

from unclouded.backend.datasets.choices import Choices
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.datasets.view import draw_view, turned


def test_turning_is_one_of_eight_ways() -> None:
    square = np.arange(9).reshape(3, 3)

    assert len({turned(square, way).tobytes() for way in range(8)}) == 8


def test_a_tint_is_one_factor_for_each_band_on_all_days() -> None:
    rng = np.random.default_rng(0)
    days = [clear_day(rng.uniform(0.1, 0.5, (3, 32, 32)).astype(np.float32), day) for day in (0.0, 5.0)]
    place = Place("ground", ("B2", "B3", "B4"), "L2A", days)
    choices = Choices(bands=place.bands, turns=False, gain=0, tint=0.2)

    view = draw_view(place, np.random.default_rng(1), choices)
    factors = [view.day(day).optical / day.optical for day in days]

    np.testing.assert_allclose(factors, np.broadcast_to(factors[0][:, :1, :1], np.shape(factors)), rtol=1e-6)
    assert np.ptp(factors[0][:, 0, 0]) > 0.05
