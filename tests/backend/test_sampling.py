"""Latents come from the seed, and moments of what they give are those of statistics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.errors import UsageError
from unclouded.backend.observation import Reconstruction
from unclouded.backend.sampling import Moments, draw_latents


@given(seed=st.integers(0, 2**40), samples=st.integers(1, 9))
def test_the_seed_fixes_the_latents_and_more_samples_only_add_some(seed: int, samples: int) -> None:
    drawn = draw_latents("a", 5, samples, seed)
    more = draw_latents("a", 5, samples + 3, seed)

    assert [latent.dtype for latent in drawn] == [np.float32] * samples
    np.testing.assert_array_equal(drawn, more[:samples])
    assert not np.array_equal(drawn, draw_latents("a", 5, samples, seed + 1))


def test_latents_are_normally_distributed() -> None:
    latents = np.stack(draw_latents("a", 50, 400, 0))

    assert abs(latents.mean()) < 0.03
    assert abs(latents.std() - 1) < 0.03


def test_a_network_without_a_latent_gets_none() -> None:
    assert draw_latents("a", 0, 1, 0) == [None]


@pytest.mark.parametrize(("latent", "samples", "seed"), [(4, 0, 0), (4, -2, 0), (4, 1, -1), (0, 0, 0)])
def test_numbers_that_make_no_sense_are_refused(latent: int, samples: int, seed: int) -> None:
    with pytest.raises(UsageError, match=f"{samples} samples of seed {seed} were asked for"):
        draw_latents("a", latent, samples, seed)


def test_several_samples_of_what_is_always_the_same_are_refused() -> None:
    with pytest.raises(UsageError, match="the method 'inpaint' always gives the same"):
        draw_latents("inpaint", 0, 2, 0)


@given(count=st.integers(2, 12), offset=st.sampled_from([0, 100]))
def test_moments_are_those_of_all_samples_at_once(count: int, offset: float) -> None:
    samples = np.random.default_rng(count).normal(offset, 0.1, (count, 2, 3, 4)).astype(np.float32)
    moments = Moments()
    for sample in samples:
        moments.add(Reconstruction(sample, np.full_like(sample, np.nan)))
    made = moments.result()

    assert made.reflectance.dtype == made.uncertainty.dtype == np.float32
    np.testing.assert_allclose(made.reflectance, samples.astype(float).mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(made.uncertainty, samples.astype(float).std(axis=0, ddof=1), rtol=1e-2, atol=1e-5)
