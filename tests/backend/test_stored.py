"""Windows are kept as their files hold them, and their reflectance is the one that it always was."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.sensors import Scaling
from unclouded.backend.stored import Pixels

from .observations import stored


def pixels(kind: str) -> Pixels:
    random = np.random.default_rng(0)
    numbers = random.integers(0, 200, (3, 8, 9)).astype(kind)
    return Pixels(numbers, Scaling.uniform(3, 0.01, -0.1), random.random((8, 9)) < 0.8)


@pytest.mark.parametrize(("kind", "whole"), [("uint8", True), ("uint16", True), ("int32", False), ("float32", False)])
def test_small_whole_numbers_stay_what_they_are(kind: str, whole: bool) -> None:
    seen = pixels(kind)

    assert ("numbers" in seen.arrays()) is whole
    np.testing.assert_array_equal(
        seen.reflectance, np.where(seen.valid, seen.digital_numbers.astype("f") * np.float32(0.01) - np.float32(0.1), 0)
    )


def test_a_cut_has_the_reflectance_of_the_whole() -> None:
    seen = pixels("uint16")
    part = seen.cut(slice(2, 5), slice(1, 8))

    np.testing.assert_array_equal(part.reflectance, seen.reflectance[:, 2:5, 1:8])
    np.testing.assert_array_equal(part.digital_numbers, seen.digital_numbers[:, 2:5, 1:8])
    np.testing.assert_array_equal(part.valid, seen.valid[2:5, 1:8])


def test_an_observation_without_other_dates_has_none() -> None:
    seen = stored(count=0)

    assert seen.dates is seen.dates_clear is seen.dates_matched is seen.dates_error is seen.days is None
    assert seen.opened().dates is None


def test_clear_is_what_was_measured_and_holds_no_cloud() -> None:
    seen = stored()

    np.testing.assert_array_equal(seen.clear, seen.valid & ~seen.cloud)
    np.testing.assert_array_equal(seen.opened().clear, seen.clear)
