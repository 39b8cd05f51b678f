"""A student that sees all bands learns from a teacher that sees red, green and blue (Hinton et al., 2015).

Labelled images exist in RGB only, images of all bands without labels. The teacher, trained on the former, says what the
latter show; the student sees the same window with some of its bands, often without RGB, and the labelled images with
their three. It starts as the teacher: its weights for further bands and for the presence planes begin at 0. Where the
near infrared shows that the teacher has taken a dark forest for a lake, or a lake for land, its opinion is corrected.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ..classifier import Classifier, load
from ..datasets.clear import CHIP_PX, chips, cities, landscapes, with_sar
from ..datasets.collection import split_of
from ..datasets.place import Place, read_split
from ..datasets.source import Loaded
from ..datasets.view import RGB
from ..errors import UsageError
from .classification import Classification, Settings
from .labelled import Batch, centred
from .recipe import Recipe

SEEN_FROM_ABOVE: dict[str, tuple[float, float]] = {"B2": (0.080, 0.65), "B3": (0.048, 0.70), "B4": (0.028, 0.80)}
"""Reflectance at the top of the atmosphere = a + b * that of the surface, (a, b): least squares over three places of
which both are known, without snow; the correlation is 0.97 or more in each."""
L2A_SHARE = 0.5
"""Share of the labelled images, which are seen from above, that are shown as if they were of the surface."""
LABELLED_SHARE = 0.4
"""Of the images that are drawn."""
LAKE, WATERS = "SeaLake", ("SeaLake", "River")
MOST_WATER_INFRARED = 0.12
"""Reflectance in B8; snow is brighter."""
LAKE_SHARE, ALL_WATER_SHARE = 0.5, 0.9
"""Of the pixels: a window with less water is no lake, one with more is nothing but water."""


@dataclass(frozen=True)
class DistillationSettings(Settings):
    teacher: str = ""
    """Path of the RGB classifier."""


class Distillation(Classification):
    """The student in training.

    Args:
        recipe: Its settings are of DistillationSettings.
        mean: Of each band, reflectance; of the teacher's bands it is the teacher's.
        deviation: As mean.
    """

    Settings: ClassVar[type] = DistillationSettings
    presence: ClassVar[bool] = True

    def __init__(self, recipe: Recipe, mean: Mapping[str, float], deviation: Mapping[str, float]) -> None:
        teacher = load_teacher(recipe)
        card = teacher.card
        super().__init__(recipe, {**mean, **card.mean}, {**deviation, **card.deviation})
        self._slots = [recipe.bands.index(name) for name in card.bands]
        start_as(self.network, teacher, self._slots)
        self._teacher = [teacher]  # in a list: it is no part of what is saved

    @property
    def teacher(self) -> Classifier:
        """The RGB classifier; it never changes."""
        return self._teacher[0]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Gives the loss of a batch, unlabelled images being labelled by the teacher."""
        known = batch["target"].sum(dim=1) > 0
        rgb = batch["reflectance"][:, self._slots]
        said = self.teacher.to(self.device)(seen_from_above(rgb, batch["l2a"] > 0, self.bands), self.bands)
        said = with_infrared(said, batch["reflectance"], batch["measured"], self.recipe.bands, self.classes)
        target = torch.where(known[:, None], batch["target"], said)
        changed = known & (torch.rand(len(known), device=self.device) < L2A_SHARE)
        reflectance = batch["reflectance"].index_copy(
            1, torch.tensor(self._slots, device=self.device), seen_at_the_ground(rgb, changed, self.bands)
        )
        return super().training_step({**batch, "reflectance": reflectance, "target": target}, batch_idx)

    @property
    def bands(self) -> list[str]:
        """Of the teacher."""
        return self.teacher.card.bands

    def agreement(self, places: Loaded, side: int = CHIP_PX) -> dict[str, float]:
        """Gives the share of windows to which student and teacher give the same class, and how many there are.

        Args:
            places: With all their bands.
            side: Of the windows, pixels.
        """
        student, teacher, same, count = self.eval(), self.teacher.to(self.device), 0, 0
        for place in places:
            windows = torch.from_numpy(cut(place.days[0].optical, side))
            whole = torch.zeros(len(windows), len(self.recipe.bands), *windows.shape[2:])
            present = torch.zeros(len(windows), len(self.recipe.bands))
            slots = [self.recipe.bands.index(name) for name in place.bands]
            whole[:, slots], present[:, slots] = windows, 1
            l2a = torch.full((len(windows),), place.level == "L2A")
            with torch.inference_mode():
                said = student({"reflectance": whole, "present": present}).argmax(dim=1)
                wanted = teacher(seen_from_above(whole[:, self._slots], l2a, self.bands), self.bands).argmax(dim=1)
            same, count = same + int((said == wanted).sum()), count + len(windows)
        return {"agreement": same / count, "windows": count}


def load_teacher(recipe: Recipe) -> Classifier:
    """Loads the teacher that a recipe names.

    Raises:
        UsageError: It names none, or one that sees other than RGB, has other classes or another size.
        ModelError: The file is no classifier.
    """
    path = recipe.settings.teacher
    if not path:
        raise UsageError(
            "The recipe names no teacher.",
            "Train one (`unclouded train landcover_teacher`) and name it: --set settings.teacher=FILE.safetensors",
        )
    teacher = load(path)
    if set(teacher.card.bands) != set(RGB) or teacher.card.presence:
        raise UsageError(
            f"The teacher {path} sees {', '.join(teacher.card.bands)}.", "Give one that sees B2, B3 and B4."
        )
    return teacher


def start_as(network: torch.nn.Module, teacher: Classifier, slots: list[int]) -> None:
    """Gives a network the teacher's weights, its first layer only those of the teacher's bands.

    Raises:
        UsageError: They are of different sizes.
    """
    state = dict(teacher.network.state_dict())
    first = torch.zeros_like(network.state_dict()["conv1.weight"])
    try:
        first[:, slots] = state["conv1.weight"]
        network.load_state_dict({**state, "conv1.weight": first})
    except RuntimeError as error:
        raise UsageError(
            f"The teacher {teacher.card.name} is not of the recipe's size or classes.",
            "Train the teacher with the same generator.preset and data set.",
        ) from error


def with_infrared(
    said: Tensor, reflectance: Tensor, measured: Tensor, bands: Sequence[str], classes: Sequence[str]
) -> Tensor:
    """Corrects what the teacher says where B8 is there: water is darker in it than in B3 (McFeeters, 1996).

    Args:
        said: (N, K) probabilities.
        reflectance: (N, C, H, W)
        measured: (N, C) 1 for bands that are there.
        bands: Names of the C bands.
        classes: Names of the K classes.
    """
    green, infrared = (reflectance[:, bands.index(name)] for name in ("B3", "B8"))
    water = ((infrared < green) & (infrared < MOST_WATER_INFRARED)).float().mean(dim=(1, 2))[:, None]
    lake = said.new_tensor([name == LAKE for name in classes]) > 0
    waters = said.new_tensor([name in WATERS for name in classes]) > 0
    possible = ~(lake & (water < LAKE_SHARE)) & (waters | (water < ALL_WATER_SHARE))
    corrected = (said * possible).clamp(min=1e-6 * possible)
    corrected = corrected / corrected.sum(dim=1, keepdim=True)
    return torch.where(measured[:, bands.index("B8"), None] > 0, corrected, said)


def seen_from_above(reflectance: Tensor, which: Tensor, bands: list[str]) -> Tensor:
    """Turns surface reflectance of some images into that at the top of the atmosphere.

    Args:
        reflectance: (N, C, H, W)
        which: (N,) true for those to be turned.
        bands: Names of the C bands.
    """
    haze, share = _air(reflectance, bands)
    return torch.where(which[:, None, None, None], haze + share * reflectance, reflectance)


def seen_at_the_ground(reflectance: Tensor, which: Tensor, bands: list[str]) -> Tensor:
    """The reverse of seen_from_above."""
    haze, share = _air(reflectance, bands)
    return torch.where(which[:, None, None, None], (reflectance - haze) / share, reflectance)


def _air(like: Tensor, bands: list[str]) -> tuple[Tensor, Tensor]:
    """Gives a and b of each band, (C, 1, 1)."""
    values = like.new_tensor([SEEN_FROM_ABOVE[name] for name in bands])
    return values[:, 0, None, None], values[:, 1, None, None]


def unlabelled(root: Path, split: str) -> Loaded:
    """Gives the clear places of the development data: cities, landscapes, chips and places with SAR.

    Args:
        root: See collection.data_root.
        split: `train` or `validation`.
    """
    splits = read_split(root)
    every = itertools.chain(cities(root), landscapes(root), map(_chip, chips(root)), with_sar(root))
    return Loaded([place for place in every if split_of(place.name, splits) == split])


def together(labelled: Loaded, other: Loaded, factor: float) -> Loaded:
    """Puts labelled and unlabelled places together, weighted so that LABELLED_SHARE of the images drawn are labelled.

    Unlabelled places are weighted by their side: a large image is worth more than a chip, but not by its area.

    Args:
        labelled: RGB images.
        other: Of all bands.
        factor: Of the labelled images' reflectance.
    """
    sides = np.array([np.sqrt(place.days[0].clear.size) for place in other.places])
    shares = (1 - LABELLED_SHARE) * sides / sides.sum()
    each = LABELLED_SHARE / len(labelled)
    first = [dataclasses.replace(_brighter(place, factor), weight=each) for place in labelled]
    second = [dataclasses.replace(place, weight=float(share)) for place, share in zip(other, shares, strict=True)]
    return Loaded(first + second)


def cut(optical: np.ndarray, side: int) -> np.ndarray:
    """Cuts (C, H, W) into windows side by side, (N, C, side, side); what is left over on the rims is lost."""
    rows, columns = (size // side for size in optical.shape[1:])
    whole = optical[:, : rows * side, : columns * side]
    parts = whole.reshape(len(optical), rows, side, columns, side).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(parts.reshape(-1, len(optical), side, side))


def _chip(place: Place) -> Place:
    """Takes the mirrored rim off a chip."""
    day = place.days[0]
    optical = centred(day.optical, CHIP_PX)
    return dataclasses.replace(
        place, days=[dataclasses.replace(day, optical=optical, clear=np.ones(optical.shape[1:], bool))]
    )


def _brighter(place: Place, factor: float) -> Place:
    day = place.days[0]
    return dataclasses.replace(place, days=[dataclasses.replace(day, optical=day.optical * np.float32(factor))])
