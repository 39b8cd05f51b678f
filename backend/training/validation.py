"""What is measured after every epoch, in reflectance of 0..1, on windows of places that are never learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..encoding import Encoding
from .data import Batch

INTERVAL_90 = {"laplace": 2.302585, "gaussian": 1.644854}
"""Scales, or standard deviations, within which 90 % of a distribution lie."""
SHARES = torch.linspace(-3, 3, 601)
"""Bins of the logarithm of an error's share of its 90 % interval."""


class Figures:
    """Sums over windows, from which the means are made.

    For each window, over its bands and pixels whose truth is known: `reconstruction`, mean absolute error under cloud
    and shadow; `reproduction`, mean absolute difference from the input on clear pixels; `target`, mean absolute error
    everywhere, with `rmse` and `sam` (degrees); `identity`, the error of the input itself under cloud; `coverage_90`,
    the share of errors under cloud within the 90 % interval. Then the mean over windows that have such pixels. `spread`
    is the factor by which the intervals must grow to hold 90 % of all these errors.

    Args:
        encoding: Of the network.
        bands: Names of its bands.
    """

    def __init__(self, encoding: Encoding, bands: tuple[str, ...]) -> None:
        self._encoding, self._bands = encoding, bands
        self.sums: dict[str, Tensor] = {}

    def add(self, output: Tensor, batch: Batch) -> None:
        """Counts some windows.

        Args:
            output: (N, C or 2 C, H, W) of the generator.
            batch: What it was made from.
        """
        count = len(self._bands)
        shown = (output[:, :count], batch["truth"], batch["cloudy"])
        image, truth, cloudy = (as_reflectance(one, self._encoding).clamp(0, 1) for one in shown)
        known, under = batch["known"], batch["known"] * batch["cloud"]
        error = (image - truth).abs()
        self._add_mean("reconstruction", error, under)
        self._add_mean("reproduction", (image - cloudy).abs(), known * (1 - batch["cloud"]))
        self._add_mean("target", error, known)
        self._add_mean("rmse", error**2, known, torch.sqrt)
        self._add_mean("identity", (cloudy - truth).abs(), under)
        self._add_mean("sam", *_angles(image * known, truth * known))
        self._add("band_rmse", torch.stack([(error**2 * under).sum(dim=(0, 2, 3)), under.sum(dim=(0, 2, 3))]))
        if self._encoding.output in INTERVAL_90:
            self._add_shares(error / self._interval(output[:, count:]), under)

    def _interval(self, spread: Tensor) -> Tensor:
        """Gives half of the width of the 90 % interval in reflectance."""
        scale = spread if self._encoding.output == "laplace" else spread.sqrt() * self._encoding.unit
        return INTERVAL_90[self._encoding.output] * scale

    def _add_shares(self, shares: Tensor, under: Tensor) -> None:
        self._add_mean("coverage_90", (shares < 1).float(), under)
        places = torch.bucketize(shares[under > 0].log10(), SHARES.to(shares.device))
        self._add("shares", torch.bincount(places, minlength=len(SHARES) + 1))

    def _add_mean(
        self, name: str, values: Tensor, weight: Tensor, of_mean: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        total = weight.sum(dim=(1, 2, 3))
        means = (values * weight).sum(dim=(1, 2, 3))[total > 0] / total[total > 0]
        means = means if of_mean is None else of_mean(means)
        self._add(name, torch.stack([means.sum(), means.new_tensor(len(means))]))

    def _add(self, name: str, sums: Tensor) -> None:
        self.sums[name] = self.sums.get(name, 0) + sums.cpu().double()

    def means(self) -> dict[str, Any]:
        """Gives every figure, and under `band_rmse` the root mean square error of each band under cloud."""
        figures: dict[str, Any] = {
            name: round(float(total / count), 6)
            for name, (total, count) in ((name, sums) for name, sums in self.sums.items() if len(sums) == 2)
            if name != "band_rmse" and count
        }
        if "shares" in self.sums:
            below = self.sums["shares"].cumsum(0) / self.sums["shares"].sum()
            figures["spread"] = round(10 ** float(SHARES[min(int((below < 0.9).sum()), len(SHARES) - 1)]), 4)
        squares, pixels = self.sums.get("band_rmse", torch.zeros(2, len(self._bands)))
        figures["band_rmse"] = {
            band: round(float((square / number).sqrt()), 6)
            for band, square, number in zip(self._bands, squares, pixels, strict=True)
            if number
        }
        return figures


def as_reflectance(image: Tensor, encoding: Encoding) -> Tensor:
    """Turns what a network's output is compared with into reflectance; data.units is its inverse."""
    return image if encoding.layout == "fusion" else (image - encoding.optical_range[0]) * encoding.unit


def as_words(figures: Mapping[str, Any]) -> str:
    """Says what matters of some figures."""
    words = (
        f"validation error under cloud {figures.get('reconstruction', float('nan')):.4f} "
        f"(input {figures.get('identity', float('nan')):.4f})"
    )
    if "frechet" in figures:
        words += f", Frechet distance {figures['frechet']:.4g} (input {figures['frechet_cloudy']:.4g})"
    if "variety" in figures:
        words += f", variety {figures['variety']:.2f}"
    return words


def _angles(image: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Gives the spectral angle of each pixel in degrees and where there is one, (N, 1, H, W) each."""
    lengths = image.norm(dim=1, keepdim=True) * truth.norm(dim=1, keepdim=True)
    cosine = (image * truth).sum(dim=1, keepdim=True) / lengths.clamp(min=1e-9)
    return torch.rad2deg(torch.arccos(cosine.clamp(-1, 1))), (lengths > 0).float()
