"""What training makes small. All images are (N, C, H, W); masks and weights broadcast to them."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

TYPICAL_ERROR = 0.03
"""Reflectance: brings the absolute error to the size of the likelihood."""

Adversarial = Literal["cross-entropy", "least-squares"]


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of (N, C, H, W) under a weight (N, 1 or C, H, W); 0 where nothing weighs."""
    weight = weight.expand_as(values)
    return (values * weight).sum() / weight.sum().clamp(min=1e-6)


def l1(output: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean absolute error."""
    return weighted_mean((output - truth).abs(), weight)


def carl(output: Tensor, cloudy: Tensor, truth: Tensor, cloud: Tensor, known: Tensor) -> Tensor:
    """Cloud-adaptive regularised loss (Meraner et al., 2020, eq. 3).

    mean(clear |p - cloudy| + cloud |p - truth|) + mean|p - truth|, where the truth is known.

    Args:
        output: The prediction p.
        cloudy: The input image.
        truth: The clear image.
        cloud: (N, 1, H, W) 1 under cloud and shadow.
        known: 1 where the truth is known.
    """
    away_from_truth = (output - truth).abs()
    adaptive = (1 - cloud) * (output - cloudy).abs() + cloud * away_from_truth
    return weighted_mean(adaptive + away_from_truth, known)


def laplace(output: Tensor, truth: Tensor, weight: Tensor, absolute_weight: float) -> Tensor:
    """Weighted mean of the Laplace likelihood and the absolute error.

    With error e and scale b: |e| / b + log 2b + absolute_weight |e| / 0.03 (Kendall and Gal, 2017).

    Args:
        output: (N, 2 C, H, W) reflectance and scale b.
        truth: (N, C, H, W) reflectance.
        weight: 0 where the truth is not known.
        absolute_weight: Of the absolute error.
    """
    predicted, scale = output.chunk(2, dim=1)
    error = (predicted - truth).abs()
    return weighted_mean(error / scale + torch.log(2 * scale) + absolute_weight / TYPICAL_ERROR * error, weight)


def gaussian(output: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted negative log-likelihood of a Gaussian with diagonal covariance (Ebel et al., 2023, eq. 3).

    For each band (e^2 / v + log v + log 2 pi) / 2 with error e and variance v; their mean over bands is the
    multivariate one divided by the number of bands.

    Args:
        output: (N, 2 C, H, W) means and variances v > 0.
        truth: (N, C, H, W)
        weight: 0 where the truth is not known.
    """
    mean, variance = output.chunk(2, dim=1)
    return weighted_mean(((mean - truth) ** 2 / variance + torch.log(variance) + math.log(2 * math.pi)) / 2, weight)


def adversarial(logits: Tensor, real: bool, kind: Adversarial) -> Tensor:
    """How far a discriminator is from calling images real, or not real.

    Args:
        logits: Of any shape.
        real: What it should say.
        kind: Cross-entropy (Goodfellow et al., 2014) or least squares (Mao et al., 2017).
    """
    wanted = torch.ones_like(logits) if real else torch.zeros_like(logits)
    if kind == "least-squares":
        return functional.mse_loss(logits, wanted)
    return functional.binary_cross_entropy_with_logits(logits, wanted)


def discrimination(real: Tensor, made: Tensor, kind: Adversarial) -> Tensor:
    """Loss of a discriminator from its logits for real and for made images, halved as Isola et al. (2017) do."""
    return (adversarial(real, True, kind) + adversarial(made, False, kind)) / 2


def coherence(output: Tensor, next_output: Tensor, truth: Tensor, next_seen: Tensor, both: Tensor) -> Tensor:
    """Temporal coherence: predictions of neighbouring days differ as the days do where both are known.

    mean |(p_t - p_s) - (y_t - y_s)|, the published "temporal coherence" made exact: days may differ, by what was seen.

    Args:
        output: p_t, the prediction of the image's day.
        next_output: p_s, of a neighbouring day, from the same frames.
        truth: y_t.
        next_seen: y_s, the neighbouring frame as measured.
        both: (N, 1 or C, H, W) 1 where y_t is known and y_s clear.
    """
    return weighted_mean(((output - next_output) - (truth - next_seen)).abs(), both)
