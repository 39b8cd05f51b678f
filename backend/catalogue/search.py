"""From what a job asks for to the pictures that are fetched."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from ..catalogue_jobs import FetchImages
from ..errors import Extent, InputError, UsageError
from ..library.addresses import shown
from ..products import split_day
from ..raster import Grid
from ..reporting import Reporter
from ..scene import open_optical
from ..sensors import NAMES, band_name
from .api import Api
from .choice import Picture, least_cloudy, nearest, pictures, radar, usable
from .entry import Entry
from .place import bbox_of, check_bbox, check_day
from .presets import Catalogue

MAX_DAYS = 3650
COVERED = 0.98
"""Share of the area below which it is said that a picture does not cover it."""


@dataclass(frozen=True)
class Subject:
    """The place and the day."""

    bbox: Extent
    """In degrees."""
    day: datetime.date
    bands: tuple[str, ...] | None
    """None for all that there are."""
    grid: Grid | None = None
    """Of the image that radar and dates are wanted for; None if an image is wanted too."""
    image: str = ""
    """Path of that image."""


@dataclass(frozen=True)
class Choice:
    """What is fetched."""

    optical: Picture | None
    sar: Picture | None
    dates: tuple[Picture, ...]
    licences: dict[str, str]
    """Of each collection that is used."""

    @property
    def pictures(self) -> list[tuple[str, Picture]]:
        """The name of each file, and what it is made of."""
        named = [("optical.tif", self.optical), ("sar.tif", self.sar)]
        return [
            *((name, picture) for name, picture in named if picture is not None),
            *((f"date_{date.day}.tif", date) for date in self.dates),
        ]


def read_subject(job: FetchImages, report: Reporter) -> Subject:
    """Tells what a job asks for.

    Raises:
        UsageError: It asks for nothing that makes sense.
        InputError: The image that it names cannot serve.
    """
    if not 0 <= job.within_days <= MAX_DAYS or job.dates < 0:
        raise UsageError(
            f"Within {job.within_days} days, {job.dates} dates: 0 to {MAX_DAYS} days and no negative number of dates "
            "were expected.",
            "Give such numbers.",
        )
    if (job.like is None) == (job.bbox is None):
        raise UsageError(
            "Either an area and a day were expected, or an image to find radar and other dates for.",
            "Give --bbox and --day, or --like.",
        )
    if job.like is not None:
        return _like(job, job.like, report)
    bbox = check_bbox(job.bbox or [])
    return Subject(bbox, check_day(job.day), None if job.bands is None else _check_bands(job.bands))


def _check_bands(given: Sequence[str]) -> tuple[str, ...]:
    bands = {name: band_name(name) for name in given}
    unknown = [name for name, band in bands.items() if band is None]
    if unknown or not bands:
        raise UsageError(
            f"There is no band {', '.join(map(repr, unknown))}; names of Sentinel-2's bands were expected.",
            f"Known names: {', '.join(NAMES)}.",
        )
    return tuple(dict.fromkeys(filter(None, bands.values())))


def _like(job: FetchImages, like: str, report: Reporter) -> Subject:
    path, told = split_day(like)
    optical = open_optical(path, job.bands, None, None, report.log)
    day = job.day or told or optical.product.day
    if not day:
        raise UsageError(
            f"{path} does not tell its day.", "Give it: --day 2020-06-01, or the field of the day in the dialog."
        )
    grid = optical.raster.grid
    return Subject(bbox_of(grid, path), check_day(day), optical.bands, grid, path)


def search(job: FetchImages, subject: Subject, catalogue: Catalogue, api: Api, report: Reporter) -> Choice:
    """Asks the catalogue and chooses.

    Raises:
        InputError: There is nothing, or nothing that could serve.
    """
    collection = api.collection((job.collection,) if job.collection else catalogue.optical)
    licences = {collection.id: collection.license or ""}
    entries = _entries(api, collection.id, subject, job.within_days, subject.day, report)
    whole, lacking = usable(entries, subject.bands, "optical image") if subject.grid is None or job.dates else ([], [])
    if lacking:
        report.log("warning", f"{len(lacking)} item(s) lack files of bands and are left out, {lacking[0].id} first.")
    days = pictures(whole, subject.bbox, lambda entry: entry.day)
    optical = None if subject.grid is not None else nearest(days, subject.day)
    if optical is None and subject.grid is None:
        raise _nothing(subject, job, collection.id, catalogue)
    day = optical.day if optical else subject.day
    sar = None
    if job.sar:
        sar, more = _radar(job, subject, day, catalogue, api, report)
        licences |= more
    choice = Choice(optical, sar, tuple(least_cloudy(days, day, job.dates)), licences)
    _tell(choice, subject, job, report)
    if not choice.pictures:
        raise _nothing(subject, job, collection.id, catalogue)
    return choice


def _radar(
    job: FetchImages, subject: Subject, day: datetime.date, catalogue: Catalogue, api: Api, report: Reporter
) -> tuple[Picture | None, dict[str, str]]:
    names = (job.sar_collection,) if job.sar_collection else catalogue.sar
    if not names:
        report.log("warning", "This catalogue has no calibrated, terrain-corrected Sentinel-1: radar is left out.")
        return None, {}
    if not job.sar_collection:
        try:
            collection = api.collection(names)
        except InputError as error:
            report.log("warning", f"Radar is left out: {error.message}")
            return None, {}
    else:
        collection = api.collection(names)
    entries = _entries(api, collection.id, subject, job.within_days, day, report)
    found = radar(entries, subject.bbox, day)
    if found is None:
        report.log(
            "warning",
            f"No Sentinel-1 image within {job.within_days} days of {day} in {collection.id}: radar is left out. "
            "More days (--within) may bring one.",
        )
    return found, {collection.id: collection.license or ""}


def _entries(
    api: Api, collection: str, subject: Subject, within_days: int, day: datetime.date, report: Reporter
) -> Sequence[Entry]:
    reach = datetime.timedelta(within_days)
    return api.search(collection, subject.bbox, day - reach, day + reach, report)


def _tell(choice: Choice, subject: Subject, job: FetchImages, report: Reporter) -> None:
    if choice.optical is not None:
        report.log("info", f"Image: {choice.optical.label}")
        if choice.optical.day != subject.day:
            away = abs((choice.optical.day - subject.day).days)
            report.log("warning", f"No image of {subject.day} that covers the area: the nearest is {away} day(s) away.")
    if choice.sar is not None:
        report.log("info", f"Radar: {choice.sar.label}")
    for date in choice.dates:
        report.log("info", f"Date: {date.label}")
    if len(choice.dates) < job.dates:
        report.log(
            "warning",
            f"{len(choice.dates)} other date(s) within {job.within_days} days instead of {job.dates}. "
            "More days (--within) may bring more.",
        )
    for name, picture in choice.pictures:
        if picture.coverage < COVERED and not name.startswith("date"):
            report.log("warning", f"{name} covers {picture.coverage:.0%} of the area; beyond it there are no values.")


def _nothing(subject: Subject, job: FetchImages, collection: str, catalogue: Catalogue) -> InputError:
    area = ", ".join(f"{value:.5g}" for value in subject.bbox)
    return InputError(
        f"{shown(catalogue.address)} has nothing in {collection} for the area {area} within {job.within_days} days of "
        f"{subject.day}.",
        "Allow more days (--within), another day, area or catalogue.",
    )
