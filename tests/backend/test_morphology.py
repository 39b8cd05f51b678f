"""Shapes of masks, compared with distances counted pixel by pixel."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from unclouded.backend.morphology import feather, grow, opened, shrink

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=14))
radii = st.integers(0, 5)


def distances(targets: np.ndarray) -> np.ndarray:
    """From each pixel to the nearest target, infinite without any."""
    rows, columns = np.indices(targets.shape)
    apart = np.hypot(rows[..., None] - np.nonzero(targets)[0], columns[..., None] - np.nonzero(targets)[1])
    return apart.min(axis=-1, initial=np.inf)


@given(masks, radii)
def test_growing_is_a_euclidean_disc(mask: np.ndarray, px: int) -> None:
    grown = grow(mask, px)
    assert (grown == (distances(mask) <= px)).all()
    assert (grown | mask == grown).all()


@given(masks, radii)
def test_shrinking_is_growing_what_is_outside(mask: np.ndarray, px: int) -> None:
    surrounded = np.pad(mask, px + 1)
    expected = (distances(~surrounded) > px)[px + 1 : -px - 1, px + 1 : -px - 1]
    assert (shrink(mask, px) == expected).all()


@given(masks, radii)
def test_opening_keeps_a_part_and_is_done_once(mask: np.ndarray, px: int) -> None:
    once = opened(mask, px)
    assert not (once & ~mask).any()
    assert (opened(once, px) == once).all()


def test_opening_drops_what_is_thin() -> None:
    mask = np.zeros((30, 30), bool)
    mask[2:5, :] = True
    mask[12:25, 8:21] = True
    assert not opened(mask, 3)[:8].any()
    assert opened(mask, 3)[18, 14]


@given(masks, radii)
def test_feathering_is_on_the_inner_side_only(replace: np.ndarray, px: int) -> None:
    weights = feather(replace, px)
    assert weights.dtype == np.float32
    assert (weights[~replace] == 0).all()
    assert (weights[replace] > 0).all()
    depth = distances(~replace)
    rim = replace & (depth <= px)
    np.testing.assert_allclose(weights[rim], depth[rim] / (px + 1), rtol=1e-6)
    assert (weights[depth > px] == 1).all()


@settings(max_examples=20)
@given(masks)
def test_without_a_rim_weights_are_the_mask(replace: np.ndarray) -> None:
    assert (feather(replace, 0) == replace).all()


def test_the_edge_of_the_array_is_no_rim() -> None:
    assert (feather(np.ones((9, 7), bool), 3) == 1).all()


def test_inputs_are_left_alone() -> None:
    mask = np.eye(9, dtype=bool)
    before = mask.copy()
    for call in (grow, shrink, opened, feather):
        call(mask, 2)
    assert (mask == before).all()
