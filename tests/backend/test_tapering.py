"""Windows that are blended give each pixel back once, without a jump where they begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.tapering import blend, shares

SIDES = st.sampled_from([2, 4, 10, 16])


@given(length=st.integers(1, 100), window=SIDES)
def test_shares_cover_each_pixel_once_and_are_never_zero(length: int, window: int) -> None:
    found = shares(length, window)
    total = np.zeros(found[-1][0] + window)
    for start, share in found:
        assert start % (window // 2) == 0
        assert (share > 0).all()
        total[start : start + window] += share

    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert length <= len(total) < max(length + window // 2, window + 1)


@given(window=SIDES, windows=st.integers(3, 8))
def test_inside_the_share_is_a_raised_cosine(window: int, windows: int) -> None:
    _, share = shares(window * (windows + 1) // 2, window)[1]

    np.testing.assert_allclose(share, (1 - np.cos(2 * np.pi * (np.arange(window) + 0.5) / window)) / 2, atol=1e-6)


@given(height=st.integers(1, 45), width=st.integers(1, 45), window=SIDES)
def test_windows_that_stay_what_they_are_give_the_image_back(height: int, width: int, window: int) -> None:
    image = torch.from_numpy(np.random.default_rng(0).random((2, height, width), np.float32))
    sizes = set()

    def run(windows: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        for one in windows:
            sizes.add(one.shape)
            yield torch.cat([one, -one[:1]])

    made = blend(image, window, run)

    assert sizes == {torch.Size([2, window, window])}
    np.testing.assert_allclose(made, torch.cat([image, -image[:1]]), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(5, 3), (1, 1), (16, 9)])
def test_an_image_smaller_than_a_window_is_mirrored(height: int, width: int) -> None:
    image = torch.from_numpy(np.random.default_rng(0).random((1, height, width), np.float32))
    seen: list[torch.Tensor] = []
    blend(image, 16, lambda windows: [seen.append(one) or one for one in windows])

    assert len(seen) == 1
    rows, columns = ([*range(side), *reversed(range(side))] for side in (height, width))
    for row, column in [(0, 0), (15, 15), (height % 16, width % 16)]:
        expected = image[0, rows[row % len(rows)], columns[column % len(columns)]]
        assert seen[0][0, row, column] == expected


def test_a_pixel_is_the_same_whatever_part_of_the_image_is_blended() -> None:
    image = torch.from_numpy(np.random.default_rng(0).random((1, 90, 90), np.float32))

    def run(windows: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [one - one.mean() for one in windows]  # depends on all of the window

    whole = blend(image, 16, run)
    part = blend(image[:, 24:72, 40:90], 16, run)  # begins at multiples of 8; the far side is the image's

    np.testing.assert_array_equal(part[:, 8:40, 8:], whole[:, 32:64, 48:])
