"""Which SAR image and which other dates go with a scene."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .acquisition import Acquisition, covered_share, same_place


@dataclass(frozen=True)
class Choice:
    """An image that goes with a scene."""

    path: str
    why: str


def choose_sar(scene: Acquisition, images: Iterable[Acquisition], within_days: int | None) -> Choice | None:
    """Chooses the SAR image of a scene: that of its name, else the nearest day at its place.

    Args:
        scene: To be paired.
        images: SAR images of any places, in any order.
        within_days: Most days between them, unless the name tells; None for any number.
    """
    ranked = []
    for image in images:
        reason = same_place(scene, image)
        apart = days_apart(scene, image)
        if reason == "same name" or (reason and _is_near(apart, within_days)):
            ranked.append(((reason != "same name", *_rank(scene, image)), Choice(image.path, _worded(reason, apart))))
    return min(ranked, key=lambda entry: entry[0])[1] if ranked else None


def choose_dates(
    scene: Acquisition, images: Iterable[Acquisition], count: int, within_days: int | None
) -> list[Choice]:
    """Chooses other dates of a scene's place, the nearest first.

    An image of the same day has the same clouds, one of another level other colours, one that lacks bands cannot
    serve: none of them is taken.

    Args:
        scene: To be paired.
        images: Optical images of any places, in any order; the scene itself may be among them.
        count: At most so many.
        within_days: Most days between them; None for any number.
    """
    ranked = {}
    for image in images:
        apart = days_apart(scene, image)
        fits = image.level == scene.level and set(scene.bands) <= set(image.bands)
        if image.path == scene.path or not fits or apart == 0 or not _is_near(apart, within_days):
            continue
        reason = same_place(scene, image)
        if reason:
            ranked[_rank(scene, image)] = Choice(image.path, _worded(reason, apart))
    return [ranked[rank] for rank in sorted(ranked)[:count]]


def days_apart(scene: Acquisition, image: Acquisition) -> int | None:
    """Gives the days from a scene to an image, negative before it; None if one of them does not tell its day."""
    return None if scene.day is None or image.day is None else (image.day - scene.day).days


def _is_near(apart: int | None, within_days: int | None) -> bool:
    return within_days is None or (apart is not None and abs(apart) <= within_days)


def _rank(scene: Acquisition, image: Acquisition) -> tuple[float, float, float, str]:
    """Few days first, then what covers more, then the earlier; the path decides between equals."""
    apart = days_apart(scene, image)
    if apart is None:
        return math.inf, -_cover(scene, image), 0, image.path
    return abs(apart), -_cover(scene, image), apart, image.path


def _cover(scene: Acquisition, image: Acquisition) -> float:
    both = scene.raster.grid.crs is not None and image.raster.grid.crs is not None
    return round(covered_share(scene, image), 2) if both else 0.0


def _worded(reason: str, apart: int | None) -> str:
    if apart is None:
        return reason if reason == "same name" else f"{reason}, day unknown"
    if apart == 0:
        return f"{reason}, same day"
    days = f"{abs(apart)} day{'' if abs(apart) == 1 else 's'}"
    return f"{reason}, {days} {'later' if apart > 0 else 'earlier'}"
