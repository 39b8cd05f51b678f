"""What is summed over cases beside their figures: how good the uncertainty is, and what a classifier sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from ... import calibration
from ...calibration import Calibration
from ...classifier import Classifier
from ...datasets.samples import Sample
from ...frechet import Seen
from ...observation import Reconstruction
from ...perception import Perception
from ...sensors import Bool, Float
from .ledger import Arrays
from .measures import hidden_of, target_of

TRUTH, HALVES = "truth", ("first half of the truth", "other half of the truth")
"""Sets of clear images; the halves are of different places."""
CROP_PX = 64
LEAST_KNOWN = 0.9
"""Share of a crop whose truth must be known."""
LEAST_HIDDEN = 0.1
"""Share of a crop that must be under cloud: elsewhere every row shows the same."""


@dataclass
class Sums:
    """Sums over cases.

    Args:
        classifier: What sees the images.
    """

    classifier: Classifier
    uncertainty: dict[str, Calibration] = field(default_factory=dict)
    """Of each generator, under cloud."""
    seen: dict[str, Seen] = field(default_factory=dict)
    """In crops of the images of each row, of the truth and of its halves."""

    def __post_init__(self) -> None:
        self._perception = Perception(self.classifier, self.classifier.mean.device)

    def add_uncertainty(self, name: str, made: Reconstruction, sample: Sample) -> None:
        """Adds what a generator made of a case."""
        found = calibration.measure(sample.observation.bands, made, sample.truth, hidden_of(sample))
        self.uncertainty[name] = self.uncertainty.get(name, Calibration()) + found

    def add_images(self, images: Mapping[str, Float], sample: Sample, place: int) -> None:
        """Adds what the classifier sees in images of a case, and in its truth.

        Args:
            images: (C, H, W) reflectance by row.
            sample: The case.
            place: Number of its place: images of one place lie in the same part of a set.
        """
        corners = crops(target_of(sample), hidden_of(sample))
        if not corners:
            return
        truth = np.clip(sample.truth, 0, 1)
        self._see(TRUTH, truth, corners, sample.observation.bands, place)
        self._see(HALVES[place % 2], truth, corners, sample.observation.bands, place // 2)
        for name, image in images.items():
            self._see(name, np.where(target_of(sample), image, truth), corners, sample.observation.bands, place)

    def _see(self, name: str, image: Float, corners: list[tuple[int, int]], bands: tuple[str, ...], place: int) -> None:
        cut = np.stack([image[:, row : row + CROP_PX, column : column + CROP_PX] for row, column in corners])
        found = self._perception.see(torch.from_numpy(cut), bands, [place] * len(cut))
        self.seen[name] = self.seen.get(name, self._perception.nothing) + found

    def guess(self, sample: Sample) -> str:
        """Gives the class that the classifier sees in the truth of a case."""
        with torch.inference_mode():
            truth = torch.from_numpy(np.clip(sample.truth, 0, 1)[None]).to(self.classifier.mean.device)
            likely = self.classifier(truth, sample.observation.bands)
        return self.classifier.card.classes[int(likely.argmax())]

    def arrays(self) -> Arrays:
        """Gives all sums for a file."""
        found = {f"seen/{name}": seen.vector() for name, seen in self.seen.items()}
        for name, one in self.uncertainty.items():
            found |= {f"uncertainty/{part.name}/{name}": getattr(one, part.name) for part in dataclasses.fields(one)}
        return found

    def take(self, arrays: Arrays) -> None:
        """Takes the sums of a file."""
        for key, array in arrays.items():
            kind, _, rest = key.partition("/")
            if kind == "seen":
                self.seen[rest] = self._perception.nothing.from_vector(array)
            else:
                part, _, name = rest.partition("/")
                before = self.uncertainty.get(name, Calibration())
                self.uncertainty[name] = dataclasses.replace(before, **{part: array})


def crops(target: Bool, hidden: Bool) -> list[tuple[int, int]]:
    """Gives the upper left corners of crops beside each other that show something under clouds."""
    height, width = target.shape
    corners = [(r, c) for r in range(0, height - CROP_PX + 1, CROP_PX) for c in range(0, width - CROP_PX + 1, CROP_PX)]

    def share(mask: Bool, row: int, column: int) -> float:
        return float(mask[row : row + CROP_PX, column : column + CROP_PX].mean())

    return [at for at in corners if share(target, *at) >= LEAST_KNOWN and share(hidden, *at) >= LEAST_HIDDEN]
