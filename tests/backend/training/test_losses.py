"""Losses agree with their formulas, reckoned pixel by pixel or by somebody else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Laplace, MultivariateNormal
from torch.nn import functional

from unclouded.backend.training import losses

SHAPE = (2, 3, 4, 5)


def made(seed: int, shape: tuple[int, ...] = SHAPE) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


OUTPUT, TRUTH, CLOUDY = made(1), made(2), made(3)
CLOUD = (made(4, (2, 1, 4, 5)) > 0.5).double()
KNOWN = (made(5) > 0.3).double()
WEIGHT = made(6, (2, 1, 4, 5))


def test_weighted_mean_is_that_of_numpy() -> None:
    wanted = np.average(OUTPUT.numpy(), weights=WEIGHT.expand(SHAPE).numpy())

    assert float(losses.weighted_mean(OUTPUT, WEIGHT)) == pytest.approx(wanted)
    assert float(losses.weighted_mean(OUTPUT, torch.zeros(SHAPE))) == 0


def test_l1_counts_what_weighs() -> None:
    wanted = (OUTPUT - TRUTH).abs().numpy()[KNOWN.numpy() > 0].mean()

    assert float(losses.l1(OUTPUT, TRUTH, KNOWN)) == pytest.approx(wanted)


def test_carl_pulls_clear_pixels_to_the_input_and_clouded_ones_to_the_truth() -> None:
    total = counted = 0.0
    for n, c, y, x in np.ndindex(*SHAPE):
        if KNOWN[n, c, y, x]:
            aim = TRUTH if CLOUD[n, 0, y, x] else CLOUDY
            predicted = OUTPUT[n, c, y, x]
            total += abs(predicted - aim[n, c, y, x]) + abs(predicted - TRUTH[n, c, y, x])
            counted += 1

    assert float(losses.carl(OUTPUT, CLOUDY, TRUTH, CLOUD, KNOWN)) == pytest.approx(float(total / counted))


@pytest.mark.parametrize("absolute_weight", [0.0, 0.5])
def test_laplace_is_the_likelihood_and_the_absolute_error(absolute_weight: float) -> None:
    scale = made(7) + 0.1
    likelihood = -Laplace(OUTPUT, scale).log_prob(TRUTH)
    wanted = likelihood + absolute_weight * (OUTPUT - TRUTH).abs() / 0.03
    found = losses.laplace(torch.cat([OUTPUT, scale], dim=1), TRUTH, KNOWN, absolute_weight)

    assert float(found) == pytest.approx(float(wanted[KNOWN > 0].mean()))


def test_gaussian_is_the_multivariate_likelihood_divided_by_the_bands() -> None:
    variance = made(8) + 0.1
    spectra, truth, variances = (image.movedim(1, -1) for image in (OUTPUT, TRUTH, variance))
    wanted = -MultivariateNormal(spectra, torch.diag_embed(variances)).log_prob(truth).mean() / SHAPE[1]
    found = losses.gaussian(torch.cat([OUTPUT, variance], dim=1), TRUTH, torch.ones(SHAPE))

    assert float(found) == pytest.approx(float(wanted))


def test_gaussian_counts_what_weighs() -> None:
    variance = made(8) + 0.1
    wanted = functional.gaussian_nll_loss(OUTPUT, TRUTH, variance, full=True, reduction="none")[KNOWN > 0].mean()

    assert float(losses.gaussian(torch.cat([OUTPUT, variance], dim=1), TRUTH, KNOWN)) == pytest.approx(float(wanted))


@pytest.mark.parametrize("real", [True, False])
def test_adversarial_losses_are_those_of_their_papers(real: bool) -> None:
    logits = 4 * made(9) - 2
    said = 1 / (1 + np.exp(-logits.numpy()))
    entropy = -np.log(said if real else 1 - said).mean()
    squares = ((logits.numpy() - real) ** 2).mean()

    assert float(losses.adversarial(logits, real, "cross-entropy")) == pytest.approx(entropy)
    assert float(losses.adversarial(logits, real, "least-squares")) == pytest.approx(squares)


def test_discriminator_that_cannot_tell_pays_the_same_for_both() -> None:
    unsure = torch.zeros(1, 1, 3, 3)

    assert float(losses.discrimination(unsure, unsure, "cross-entropy")) == pytest.approx(math.log(2))
    assert float(losses.discrimination(unsure + 1, unsure, "least-squares")) == 0


def test_coherent_predictions_differ_as_the_days_do() -> None:
    seen = made(10)
    both = torch.ones(SHAPE)
    wanted = np.mean(
        [
            abs((p - q) - (y - s))
            for p, q, y, s in zip(*(i.flatten() for i in (OUTPUT, CLOUDY, TRUTH, seen)), strict=True)
        ]
    )

    assert float(losses.coherence(OUTPUT, CLOUDY, TRUTH, seen, both)) == pytest.approx(float(wanted))
    assert float(losses.coherence(TRUTH + 0.1, seen + 0.1, TRUTH, seen, both)) == pytest.approx(0)
    assert float(losses.coherence(OUTPUT, CLOUDY, TRUTH, seen, 0 * both)) == 0
