"""What training makes small."""

from __future__ import annotations

import torch
from torch import Tensor

TYPICAL_ERROR = 0.03
"""Reflectance: brings the absolute error to the size of the likelihood."""


def laplace(output: Tensor, truth: Tensor, weight: Tensor, absolute_weight: float) -> Tensor:
    """Weighted mean of the Laplace likelihood and the absolute error.

    With error e and scale b: |e| / b + log 2b + absolute_weight |e| / 0.03 (Kendall and Gal, 2017).

    Args:
        output: (N, 2 C, H, W) reflectance and scale b.
        truth: (N, C, H, W) reflectance.
        weight: (N, C, H, W) 0 where the truth is not known.
        absolute_weight: Of the absolute error.
    """
    predicted, scale = output.chunk(2, dim=1)
    error = (predicted - truth).abs()
    loss = error / scale + torch.log(2 * scale) + absolute_weight / TYPICAL_ERROR * error
    return (loss * weight).sum() / weight.sum().clamp(min=1)
