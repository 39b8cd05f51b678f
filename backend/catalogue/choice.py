"""Which items are taken: the image's, the radar's and those of other dates."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from ..errors import Extent, InputError
from .entry import POLARISATIONS, Entry, covered

AS_GOOD = 0.95
"""Of the most that any day covers: days from there on count as covering the area."""
WORTH_READING = 0.5
"""Share of the area that another date has to cover."""
NEEDED = ("B2", "B3", "B4")
"""Bands without which an item is no image."""


@dataclass(frozen=True)
class Picture:
    """Items of one pass that together show the area."""

    day: datetime.date
    entries: tuple[Entry, ...]
    """At least one; the one that covers most first."""
    coverage: float
    """Share (0..1) of the area."""

    @property
    def cloud_share(self) -> float | None:
        """Mean of the items' cloud shares, 0..1; None if none says."""
        known = [entry.cloud_share for entry in self.entries if entry.cloud_share is not None]
        return sum(known) / len(known) if known else None

    @property
    def clear_share(self) -> float:
        """Share (0..1) of the area that it may show clear; half of what it covers if it does not tell of clouds."""
        cloud = self.cloud_share
        return self.coverage * (1 - (0.5 if cloud is None else cloud))

    @property
    def label(self) -> str:
        """Tells it in the log."""
        cloud = "" if self.cloud_share is None else f", {self.cloud_share:.0%} cloud"
        return f"{self.day} ({self.coverage:.0%} of the area{cloud}): {', '.join(entry.id for entry in self.entries)}"


def usable(entries: Sequence[Entry], bands: Sequence[str] | None, what: str) -> tuple[list[Entry], list[Entry]]:
    """Splits items into those that have a file for each band that is needed, and the others.

    Raises:
        InputError: There are items, and all lack a band.
    """
    needed = set(bands or NEEDED)
    whole = [entry for entry in entries if needed <= set(entry.files)]
    others = [entry for entry in entries if not needed <= set(entry.files)]
    if others and not whole:
        first = others[0]
        lacking = sorted(needed - set(first.files))
        raise InputError(
            f"No {what} in the catalogue has all the files that are needed: {first.id} has none for "
            f"{', '.join(lacking)}, and {len(others) - 1} other item(s) are like it.",
            "Name another collection (--collection, --sar-collection) or catalogue, or ask for fewer bands.",
        )
    return whole, others


def newest(entries: Sequence[Entry]) -> list[Entry]:
    """Leaves out items that were processed again later."""
    found: dict[Hashable, Entry] = {}
    for entry in sorted(entries, key=lambda one: (one.processing, one.id)):
        found[entry.same_picture] = entry
    return list(found.values())


def pictures(entries: Sequence[Entry], bbox: Extent, by: Callable[[Entry], Hashable]) -> list[Picture]:
    """Puts together items of one day or pass; those that miss the area are left out."""
    groups: dict[Hashable, list[Entry]] = {}
    for entry in newest(entries):
        if entry.coverage(bbox) > 0:
            groups.setdefault(by(entry), []).append(entry)
    found = []
    for group in groups.values():
        ordered = tuple(sorted(group, key=lambda entry: (-entry.coverage(bbox), entry.id)))
        found.append(Picture(ordered[0].day, ordered, covered(group, bbox)))
    return found


def nearest(candidates: Sequence[Picture], day: datetime.date) -> Picture | None:
    """Chooses what covers the area and is nearest in time; of equally near ones the least cloudy, then the earliest."""
    most = max((picture.coverage for picture in candidates), default=0.0)
    full = [picture for picture in candidates if picture.coverage >= AS_GOOD * most]
    return min(full, key=lambda one: (abs((one.day - day).days), -one.clear_share, one.day), default=None)


def least_cloudy(candidates: Sequence[Picture], day: datetime.date, count: int) -> list[Picture]:
    """Chooses other days than an image's: those that may show most of the area clear, given in the order of time."""
    others = [picture for picture in candidates if picture.day != day and picture.coverage >= WORTH_READING]
    best = sorted(others, key=lambda one: (-round(one.clear_share, 2), abs((one.day - day).days), one.day))
    return sorted(best[:count], key=lambda one: one.day)


def radar(entries: Sequence[Entry], bbox: Extent, day: datetime.date) -> Picture | None:
    """Chooses the pass of a radar satellite that covers the area and is nearest in time."""
    whole, _ = usable(entries, POLARISATIONS, "radar image with VV and VH")
    return nearest(pictures(whole, bbox, lambda entry: entry.orbit), day)
