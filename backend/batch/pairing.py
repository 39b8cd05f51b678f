"""Which SAR image and which other dates go with a scene."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from .acquisition import SAME_NAME, Acquisition, covered_share, same_place


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
    known = list(images)
    named = [image for image in known if image.name == scene.name]
    by_name = (choice for choice in _nearest(scene, named) if choice.why.startswith(SAME_NAME))
    return next(by_name, None) or next(
        _nearest(scene, [image for image in known if _is_near(scene, image, within_days)]), None
    )


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
    fit = [
        image
        for image in images
        if image.path != scene.path
        and image.level == scene.level
        and set(scene.bands) <= set(image.bands)
        and _days_apart(scene, image) != 0
        and _is_near(scene, image, within_days)
    ]
    return list(islice(_nearest(scene, fit), count))


def _days_apart(scene: Acquisition, image: Acquisition) -> int | None:
    """Gives the days from a scene to an image, negative before it; None if one of them does not tell its day."""
    return None if scene.day is None or image.day is None else (image.day - scene.day).days


def _is_near(scene: Acquisition, image: Acquisition, within_days: int | None) -> bool:
    apart = _days_apart(scene, image)
    return within_days is None or (apart is not None and abs(apart) <= within_days)


def _nearest(scene: Acquisition, images: Iterable[Acquisition]) -> Iterator[Choice]:
    """Yields the images of a scene's place: few days first, then what covers more, then the earlier, then by path.

    Places are compared day by day, as far as somebody asks: of many images, few are near.
    """

    def distance(image: Acquisition) -> float:
        apart = _days_apart(scene, image)
        return math.inf if apart is None else abs(apart)

    for _, group in groupby(sorted(images, key=distance), distance):
        found = [(image, reason) for image in group if (reason := same_place(scene, image))]
        for image, reason in sorted(found, key=lambda entry: _rank(scene, entry[0])):
            yield Choice(image.path, _worded(reason, _days_apart(scene, image)))


def _rank(scene: Acquisition, image: Acquisition) -> tuple[float, float, str]:
    """Between images of equally near days."""
    return -_cover(scene, image), _days_apart(scene, image) or 0, image.path


def _cover(scene: Acquisition, image: Acquisition) -> float:
    both = scene.raster.grid.crs is not None and image.raster.grid.crs is not None
    return round(covered_share(scene, image), 2) if both else 0.0


def _worded(reason: str, apart: int | None) -> str:
    if apart is None:
        return reason if reason == SAME_NAME else f"{reason}, day unknown"
    if apart == 0:
        return f"{reason}, same day"
    days = f"{abs(apart)} day{'' if abs(apart) == 1 else 's'}"
    return f"{reason}, {days} {'later' if apart > 0 else 'earlier'}"
