"""Measures of how near a reconstruction comes to the truth, on reflectance clipped to 0..1.

Every measure takes `predicted` and `truth` of shape (C, H, W) and may count the pixels of a mask only. Where no pixel
is counted the result is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from .sensors import Bool, Float

Double = NDArray[np.float64]

SSIM_SIGMA_PX = 1.5
SSIM_RADIUS_PX = 5
"""A Gaussian window of 11 x 11 pixels."""
_INNER = slice(SSIM_RADIUS_PX, -SSIM_RADIUS_PX)
_C1, _C2 = 0.01**2, 0.03**2
"""Constants of SSIM for a range of 1."""


def mae(predicted: Float, truth: Float, mask: Bool | None = None) -> float:
    """Mean absolute error: mean |x - y|, over bands and counted pixels.

    Args:
        predicted: (C, H, W) reflectance x.
        truth: (C, H, W) reflectance y.
        mask: (H, W) pixels to count; None counts all.
    """
    x, y = _counted(predicted, truth, mask)
    return _mean(np.abs(x - y))


def mse(predicted: Float, truth: Float, mask: Bool | None = None) -> float:
    """Mean squared error: mean (x - y)^2, over bands and counted pixels; arguments as in mae."""
    x, y = _counted(predicted, truth, mask)
    return _mean((x - y) ** 2)


def rmse(predicted: Float, truth: Float, mask: Bool | None = None) -> float:
    """Root mean squared error: sqrt(mean (x - y)^2), over bands and counted pixels; arguments as in mae."""
    return math.sqrt(mse(predicted, truth, mask))


def rmse_of_bands(predicted: Float, truth: Float, mask: Bool | None = None) -> list[float]:
    """The C root mean squared errors of the single bands; arguments as in mae."""
    return [rmse(predicted[band : band + 1], truth[band : band + 1], mask) for band in range(len(predicted))]


def psnr(predicted: Float, truth: Float, mask: Bool | None = None) -> float:
    """Peak signal-to-noise ratio in dB: 20 log10(1 / RMSE), infinite for equal images; arguments as in mae."""
    return decibels(rmse(predicted, truth, mask))


def decibels(root_mean_square: float) -> float:
    """The peak signal-to-noise ratio in dB of a root mean squared error."""
    return math.inf if root_mean_square == 0 else -20 * math.log10(root_mean_square)


def sam(predicted: Float, truth: Float, mask: Bool | None = None) -> float:
    """Mean spectral angle in degrees, of angles; arguments as in mae."""
    return _mean(angles(predicted, truth, mask))


def angles(predicted: Float, truth: Float, mask: Bool | None = None) -> Double:
    """Spectral angles in degrees: arccos(<x, y> / (|x| |y|)), <x, y> being summed over the bands.

    (Kruse et al., 1993)

    Args:
        predicted: (C, H, W) reflectance x.
        truth: (C, H, W) reflectance y.
        mask: (H, W) pixels to count; None counts all.

    Returns:
        (N,) of the counted pixels but those where either spectrum is 0 throughout: they have no angle.
    """
    x, y = _counted(predicted, truth, mask)
    norms = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
    cosine = (x * y).sum(axis=0)[norms > 0] / norms[norms > 0]
    degrees: Double = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return degrees


def ndvi_error(predicted: Float, truth: Float, bands: Sequence[str], mask: Bool | None = None) -> float:
    """Mean absolute error of the vegetation index, of ndvi_errors; arguments as there.

    Returns:
        From 0 to 2; NaN without red or near infrared.
    """
    return _mean(ndvi_errors(predicted, truth, bands, mask))


def ndvi_errors(predicted: Float, truth: Float, bands: Sequence[str], mask: Bool | None = None) -> Double:
    """Absolute errors of the vegetation index: |NDVI(x) - NDVI(y)|, NDVI = (B8 - B4) / (B8 + B4).

    B8A stands for B8 where that is missing.

    Args:
        predicted: (C, H, W) reflectance x.
        truth: (C, H, W) reflectance y.
        bands: Names of the C bands.
        mask: (H, W) pixels to count; None counts all.

    Returns:
        (N,) of the counted pixels but those where either image is 0 in both bands: they have no index. Empty without
        red or near infrared.
    """
    infrared = next((name for name in ("B8", "B8A") if name in bands), None)
    if infrared is None or "B4" not in bands:
        return np.empty(0)
    pair = [bands.index("B4"), bands.index(infrared)]
    (red_x, nir_x), (red_y, nir_y) = _counted(predicted[pair], truth[pair], mask)
    known = (red_x + nir_x > 0) & (red_y + nir_y > 0)
    return np.abs(_ndvi(red_x[known], nir_x[known]) - _ndvi(red_y[known], nir_y[known]))


def ssim(predicted: Float, truth: Float, mask: Bool | None = None) -> float:
    """Mean structural similarity, averaged over bands and counted pixels whose window lies inside the image.

    Args:
        predicted: (C, H, W) reflectance x.
        truth: (C, H, W) reflectance y.
        mask: (H, W) centres of windows to count; None counts all.

    Raises:
        ValueError: The image is smaller than a window.
    """
    return mean_ssim(ssim_map(predicted, truth), mask)


def ssim_map(predicted: Float, truth: Float) -> Double:
    """Structural similarity of the window round each pixel; arguments and errors as in ssim.

    With means m, variances v and the covariance c of a Gaussian window (11 x 11 pixels, sigma 1.5):
    SSIM = (2 m_x m_y + C1) (2 c + C2) / ((m_x^2 + m_y^2 + C1) (v_x + v_y + C2)), C1 = 0.01^2, C2 = 0.03^2.
    (Wang et al., 2004)

    Returns:
        (C, H - 10, W - 10), for windows that lie inside the image.
    """
    side = 2 * SSIM_RADIUS_PX + 1
    if min(truth.shape[-2:]) < side:
        raise ValueError(
            f"SSIM needs an image of at least {side} x {side} px, got {truth.shape[-1]} x {truth.shape[-2]}."
        )
    similar = [_similarity(x, y) for x, y in zip(_clipped(predicted), _clipped(truth), strict=True)]
    return np.stack([band[_INNER, _INNER] for band in similar])


def mean_ssim(similar: Double, mask: Bool | None = None) -> float:
    """Averages a map of ssim_map over bands and the pixels of a mask (H, W); None counts all."""
    return _mean(similar if mask is None else similar[:, mask[_INNER, _INNER]])


def _ndvi(red: Double, infrared: Double) -> Double:
    return (infrared - red) / (infrared + red)


def _similarity(x: Double, y: Double) -> Double:
    """(H, W) SSIM of one band."""
    mean_x, mean_y = _smooth(x), _smooth(y)
    variances = _smooth(x * x) + _smooth(y * y) - mean_x**2 - mean_y**2
    covariance = _smooth(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    similarity: Double = luminance * (2 * covariance + _C2) / (variances + _C2)
    return similarity


def _smooth(image: Double) -> Double:
    offsets = np.arange(-SSIM_RADIUS_PX, SSIM_RADIUS_PX + 1)
    weights = np.exp(-(offsets**2) / (2 * SSIM_SIGMA_PX**2))
    weights /= weights.sum()
    smooth: Double = correlate1d(correlate1d(image, weights, axis=0), weights, axis=1)
    return smooth


def _counted(predicted: Float, truth: Float, mask: Bool | None) -> tuple[Double, Double]:
    """The (C, N) spectra of the N counted pixels."""
    if predicted.shape != truth.shape:
        raise ValueError(f"Images of one shape were expected, got {predicted.shape} and {truth.shape}.")
    chosen = np.ones(truth.shape[-2:], dtype=bool) if mask is None else mask
    return _clipped(predicted[:, chosen]), _clipped(truth[:, chosen])


def _clipped(reflectance: Float) -> Double:
    return np.clip(reflectance.astype(np.float64), 0, 1)


def _mean(values: Double) -> float:
    return float(values.mean()) if values.size else math.nan
