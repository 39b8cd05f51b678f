"""Labelled images as tensors: item i of epoch e is the same in every run, whoever draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..datasets.place import Place
from ..datasets.source import Loaded, Source
from ..datasets.view import RGB, SUBSETS, turned
from ..errors import InputError
from ..sensors import Bool, Float

Batch = dict[str, Tensor]
"""reflectance (N, C, H, W), 0 in bands that are missing; measured (N, C) 1 for bands that are there; present (N, C) 1
for those of them that are shown; target (N, K) the classes, 1 in sum, 0 where none is known; l2a (N,) 1 for surface
reflectance."""

HELD_IN_MEMORY = 2**30
"""Bytes up to which a data set is read once instead of in every epoch."""
MEASURED = 500
"""Images from which the scaling is measured."""
LEAST_DEVIATION = 0.03
"""Reflectance. B10 hardly varies where the sky is clear; thin cloud in it would be dozens of deviations."""
USERS_SHARE = 0.5
"""Of the images whose bands are left out as users lack them."""
MEANINGLESS = -1
"""The epoch of images that are scored: nothing in them is drawn by chance."""


@dataclass(frozen=True)
class View:
    """How images are shown while learning; those that are scored are shown as they are."""

    turns: bool = False
    """Turn and mirror them in eight ways."""
    shift_px: int = 0
    """Move them by up to so much; their mirror image comes in."""
    gain: float = 0.0
    """Standard deviation of a gain common to all bands."""
    offset: float = 0.0
    """Standard deviation of an offset of each band, reflectance."""
    single_label_share: float = 0.0
    """Share of the images with several classes that keep one of them, drawn evenly (Zotov and Gamper, 2019)."""
    reflectance_range: float = 1.0
    """Factor of the reflectance that the reader gives: EuroSAT's RGB images show 0 to 0.275 as 0 to 1."""
    leave_out_bands: bool = False
    """Leave bands out: half of the time those that users lack (of 13 bands 3, 4, 10, 12 or all are kept), else each
    with an even chance, so that no band is relied on alone. Images that have no other bands than RGB keep them."""


class LabelledImages(Dataset[Batch]):
    """The images of an epoch.

    Args:
        places: Their first day is shown. If their weights differ, they are drawn by them, else each comes once.
        bands: Of the classifier, in its order.
        classes: Of the classifier, in its order.
        window_px: Side of the images.
        view: How they are shown.
        seed: Of the run.
        epoch: Chooses the random numbers.
    """

    def __init__(
        self,
        places: Source,
        bands: Sequence[str],
        classes: Sequence[str],
        window_px: int,
        view: View,
        seed: int = 0,
        epoch: int = MEANINGLESS,
    ) -> None:
        self._places, self._bands, self._classes = places, tuple(bands), tuple(classes)
        self._window_px, self._view = window_px, view
        self._seed, self._epoch = seed, epoch
        weights = places.weights
        rng = np.random.default_rng((seed, epoch + 1))
        if epoch == MEANINGLESS:
            self._order = np.arange(len(places))
        elif len(set(weights.tolist())) > 1:
            self._order = rng.choice(len(places), len(places), p=weights / weights.sum())
        else:
            self._order = rng.permutation(len(places))

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, item: int) -> dict[str, Tensor]:
        if not 0 <= item < len(self):
            raise IndexError(item)
        place = self._places[int(self._order[item])]
        rng = None if self._epoch == MEANINGLESS else np.random.default_rng((self._seed, self._epoch + 1, item))
        measured = np.array([name in place.bands for name in self._bands])
        shown = measured if rng is None else measured & self._kept(place, rng)
        return {
            "reflectance": torch.from_numpy(self._image(place, rng)),
            "measured": torch.from_numpy(measured.astype(np.float32)),
            "present": torch.from_numpy(shown.astype(np.float32)),
            "target": torch.from_numpy(self._target(place, rng)),
            "l2a": torch.tensor(float(place.level == "L2A")),
        }

    def _image(self, place: Place, rng: np.random.Generator | None) -> Float:
        """Gives (C, H, W) reflectance."""
        view, size, optical = self._view, self._window_px, place.days[0].optical
        optical = centred(optical, size) if rng is None else moved(optical, size, view, rng)
        optical = optical * np.float32(view.reflectance_range)
        if rng is not None:
            gain = np.float32(1 + view.gain * rng.standard_normal())
            offset = view.offset * rng.standard_normal((len(optical), 1, 1)).astype(np.float32)
            optical = optical * gain + offset
        reflectance = np.zeros((len(self._bands), *optical.shape[1:]), np.float32)
        for slot, name in enumerate(self._bands):
            if name in place.bands:
                reflectance[slot] = optical[place.bands.index(name)]
        return reflectance

    def _kept(self, place: Place, rng: np.random.Generator) -> Bool:
        """Gives which bands are not left out, (C,)."""
        every = np.ones(len(self._bands), bool)
        if not self._view.leave_out_bands or set(place.bands) <= set(RGB):
            return every
        stack = SUBSETS[int(rng.choice(len(SUBSETS), p=[share for _, share in SUBSETS]))][0]
        users = np.array([name in stack for name in self._bands])
        evenly = rng.random(len(every)) < 0.5
        return users if rng.random() < USERS_SHARE or not evenly.any() else evenly

    def _target(self, place: Place, rng: np.random.Generator | None) -> Float:
        labels = place.labels
        unknown = [label for label in labels if label not in self._classes]
        if unknown:
            raise InputError(
                f"{place.name} is said to show {', '.join(unknown)}; known classes are {', '.join(self._classes)}.",
                "Check the data set's labels.",
            )
        if rng is not None and len(labels) > 1 and rng.random() < self._view.single_label_share:
            labels = (labels[rng.integers(len(labels))],)
        target = np.zeros(len(self._classes), np.float32)
        target[[self._classes.index(label) for label in labels]] = 1 / max(len(labels), 1)
        return target


def centred(optical: Float, size: int) -> Float:
    """Cuts the middle out of (C, H, W), or mirrors its rim where it is too small."""
    optical = _at_least(optical, size)
    row, column = ((side - size) // 2 for side in optical.shape[1:])
    return optical[:, row : row + size, column : column + size]


def moved(optical: Float, size: int, view: View, rng: np.random.Generator) -> Float:
    """Cuts a window out of (C, H, W), moves it and turns it as chance has it."""
    if min(optical.shape[1:]) < size + view.shift_px:
        optical = _at_least(optical, min(optical.shape[1:]) + 2 * view.shift_px)
    optical = _at_least(optical, size)
    row, column = (int(rng.integers(side - size + 1)) for side in optical.shape[1:])
    optical = optical[:, row : row + size, column : column + size]
    return turned(optical, int(rng.integers(8))) if view.turns else optical


def _at_least(optical: Float, size: int) -> Float:
    missing = [(0, 0), *((max(size - side, 0) // 2, -(-max(size - side, 0) // 2)) for side in optical.shape[1:])]
    return np.pad(optical, missing, mode="symmetric") if any(map(any, missing)) else optical


def in_memory(source: Source, bands: int, window_px: int) -> Source:
    """Reads a small data set once and for all; gives a large one back as it is."""
    if len(source) * bands * window_px**2 * 4 > HELD_IN_MEMORY:
        return source
    return Loaded(list(source))


def scaling(places: Source, bands: Sequence[str], factor: float) -> tuple[dict[str, float], dict[str, float]]:
    """Measures mean and standard deviation of each band over images spread evenly through the places.

    Args:
        places: To be measured, bands that one lacks are passed over.
        bands: Which.
        factor: Of the reflectance that the reader gives.

    Returns:
        Mean and deviation of each band, reflectance.

    Raises:
        InputError: No image has a band.
    """
    sums = {name: np.zeros(3) for name in bands}
    for index in np.linspace(0, len(places) - 1, min(MEASURED, len(places))).astype(int):
        place = places[int(index)]
        for name, image in zip(place.bands, place.days[0].optical, strict=True):
            if name in sums:
                values = image.astype(np.float64) * factor
                sums[name] += (values.size, values.sum(), np.square(values).sum())
    lost = [name for name, (count, _, _) in sums.items() if not count]
    if lost:
        raise InputError(f"No image has the band(s) {', '.join(lost)}.", "Leave them out of the recipe's bands.")
    mean = {name: float(total / count) for name, (count, total, _) in sums.items()}
    deviation = {name: float(np.sqrt(squares / count - mean[name] ** 2)) for name, (count, _, squares) in sums.items()}
    return (
        {name: round(value, 5) for name, value in mean.items()},
        {name: round(max(value, LEAST_DEVIATION), 5) for name, value in deviation.items()},
    )
