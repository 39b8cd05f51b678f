"""Runs a job of fetching: ask, choose, look at the files, write them on one grid."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..catalogue_jobs import FetchImages
from ..geotiff import Layout, Writer
from ..library.addresses import shown
from ..library.heeding import heeding
from ..library.transport import Patience
from ..protocol import Done
from ..raster import Grid
from ..reporting import Reporter
from ..sensors import NAMES, level_of
from ..tiling import tiles
from ..version import VERSION
from .access import Access
from .api import Api
from .choice import Picture
from .entry import POLARISATIONS
from .folder import Folder
from .mosaic import Mosaic, describe, read
from .place import grid_over
from .presets import Catalogue, find_catalogue
from .search import Choice, Subject, read_subject, search

T = TypeVar("T")
TILE_PX = 2048
"""Side of what is read at once: 100 MB of twelve bands."""
ASKING = 0.02
LOOKING = 0.05
"""Parts of the progress before pixels are read."""


def fetch(job: FetchImages, report: Reporter, patience: Patience | None = None) -> Done:
    """Fetches the images that a job asks for into a folder.

    Raises:
        UsageError: The job makes no sense.
        InputError: The catalogue or its files cannot be had, or there is nothing that could serve.
        OutputError: The folder cannot be written, or holds something else.
        Cancelled: The job was given up; files that are complete are kept.
    """
    patience = patience or Patience()
    catalogue = find_catalogue(job.catalogue)
    subject = read_subject(job, report)
    access = Access(catalogue.tokens, job.proxy, job.certificates, patience, report)
    folder = Folder(job.output, job.overwrite, report)
    with folder.open(), access.open():
        report.progress(0.0, f"Asking {shown(catalogue.address)}")
        area = ", ".join(f"{value:.5f}" for value in subject.bbox)
        report.log(
            "info", f"{shown(catalogue.address)} is told the area {area} (degrees) and days about {subject.day}."
        )
        choice = _waited(lambda: _choose(job, subject, catalogue, patience, report), report)
        report.progress(ASKING, "Looking at the files")
        mosaics = _waited(lambda: _look(choice, subject, access, report), report)
        grid = subject.grid or grid_over(subject.bbox, next(iter(mosaics.values())).finest)
        _write(_Task(job, choice, catalogue, folder, access, report, grid), mosaics)
        record = folder.finish(_told(subject, choice, catalogue, folder))
    command = _command(subject, choice, folder)
    report.log("info", f"To remove the clouds: {shlex.join(command)}")
    return Done(job.id, str(record))


@dataclass(frozen=True)
class _Task:
    """What the writing of a job needs."""

    job: FetchImages
    choice: Choice
    catalogue: Catalogue
    folder: Folder
    access: Access
    report: Reporter
    grid: Grid

    def request(self, mosaic: Mosaic) -> dict[str, Any]:
        """Tells what a file is made of."""
        grid = self.grid
        return {
            "items": [item.id for item in mosaic.items],
            "files": [asset.href for item in mosaic.items for asset in item.assets.values()],
            "collection": mosaic.collection,
            "day": str(mosaic.picture.day),
            "bands": list(mosaic.bands),
            "meanings": [list(meaning) for meaning in mosaic.meanings],
            "grid": [grid.crs.to_wkt() if grid.crs else "", list(grid.transform)[:6], grid.width, grid.height],
        }

    def layout(self, mosaic: Mosaic) -> Layout:
        """Lays a file out so that open_scene reads day, bands, scale and offset from it."""
        radar = mosaic.bands == POLARISATIONS
        tags = {
            "ACQUISITION_DATE": str(mosaic.picture.day),
            "STAC_CATALOGUE": shown(self.catalogue.address),
            "STAC_COLLECTION": mosaic.collection,
            "STAC_ITEMS": " ".join(item.id for item in mosaic.items),
            "LICENCE": self.choice.licences.get(mosaic.collection, ""),
            "SOFTWARE": f"Unclouded {VERSION}",
            **({} if radar else {"LEVEL": _level(mosaic)}),
        }
        return Layout(
            count=len(mosaic.bands),
            dtype=mosaic.dtype,
            nodata=mosaic.nodata,
            descriptions=mosaic.bands,
            scales=[scale for scale, _ in mosaic.meanings],
            offsets=[offset for _, offset in mosaic.meanings],
            tags={key: value for key, value in tags.items() if value},
        )


@dataclass(frozen=True)
class _Share:
    """A file's part of the progress, 0..1."""

    begin: float
    length: float


def _choose(job: FetchImages, subject: Subject, catalogue: Catalogue, patience: Patience, report: Reporter) -> Choice:
    api = Api(catalogue.address, job.proxy, job.certificates, patience)
    return search(job, subject, catalogue, api, report)


def _look(choice: Choice, subject: Subject, access: Access, report: Reporter) -> dict[str, Mosaic]:
    """Looks at all files before any is read, so that what cannot work is known at once."""
    optical = [picture for name, picture in choice.pictures if name != "sar.tif"]
    bands = subject.bands or _common_bands(optical)
    return {
        name: describe(picture, POLARISATIONS if name == "sar.tif" else bands, access, report)
        for name, picture in choice.pictures
    }


def _common_bands(optical: list[Picture]) -> tuple[str, ...]:
    """The bands of which every item has a file: dates need all bands of the image."""
    entries = [entry for picture in optical for entry in picture.entries]
    return tuple(band for band in NAMES if all(band in entry.files for entry in entries))


def _level(mosaic: Mosaic) -> str:
    """Tells the level by the collection's name, else by the bands."""
    named = next((level for level in ("L1C", "L2A") if level in mosaic.collection.upper()), None)
    return named or level_of(mosaic.bands)


def _write(task: _Task, mosaics: dict[str, Mosaic]) -> None:
    sizes = {name: _disk_bytes(mosaic, task.grid) for name, mosaic in mosaics.items()}
    missing = {name: mosaic for name, mosaic in mosaics.items() if not task.folder.keeps(name, task.request(mosaic))}
    for name in mosaics:
        if name not in missing:
            task.report.log("info", f"{name} is there already, whole, and is kept.")
    if any(
        _level(mosaic) == "L1C" and "B10" not in mosaic.bands and name != "sar.tif" for name, mosaic in mosaics.items()
    ):
        task.report.log("warning", "These images are L1C, which nothing tells without B10: say so with --level L1C.")
    total, done = sum(sizes[name] for name in missing), 0
    task.folder.check_room(total)
    for name, mosaic in missing.items():
        share = _Share(LOOKING + (1 - LOOKING) * done / total, (1 - LOOKING) * sizes[name] / total)
        task.folder.add(name, task.request(mosaic), partial(_read, task, mosaic, share))
        done += sizes[name]


def _read(task: _Task, mosaic: Mosaic, share: _Share, path: Path) -> None:
    """Reads a picture window by window into a file."""
    grid = task.grid
    windows = list(tiles(grid.height, grid.width, TILE_PX))
    with contextlib.closing(Writer(path, grid, task.layout(mosaic))) as writer:
        for number, window in enumerate(windows):
            task.report.progress(share.begin + share.length * number / len(windows), f"Fetching {path.name}")
            writer.write(window, _waited(partial(read, mosaic, grid, window, task.access), task.report))
        writer.finish()


def _disk_bytes(mosaic: Mosaic, grid: Grid) -> int:
    """The most that a file can need; compression makes it less."""
    return int(grid.width * grid.height * len(mosaic.bands) * np.dtype(mosaic.dtype).itemsize * 4 / 3)


def _told(subject: Subject, choice: Choice, catalogue: Catalogue, folder: Folder) -> dict[str, Any]:
    return {
        "catalogue": shown(catalogue.address),
        "bbox": list(subject.bbox),
        "day": str(choice.optical.day if choice.optical else subject.day),
        "optical": subject.image or "optical.tif",
        "sar": "sar.tif" if choice.sar else None,
        "dates": [f"date_{date.day}.tif" for date in choice.dates],
        "command": _command(subject, choice, folder),
    }


def _command(subject: Subject, choice: Choice, folder: Folder) -> list[str]:
    """The command that removes the clouds with what was fetched."""
    place = folder.path
    command = ["unclouded", "remove", subject.image or str(place / "optical.tif")]
    if choice.sar is not None:
        command += ["--sar", str(place / "sar.tif")]
    for date in choice.dates:
        command += ["--date", str(place / f"date_{date.day}.tif")]
    return [*command, "-o", str(place / "clear.tif")]


def _waited(call: Callable[[], T], report: Reporter) -> T:
    """Calls in a thread, so that a cancelled job ends at once; raises what it raises, and Cancelled."""
    with contextlib.closing(heeding(lambda: (call() for _ in range(1)), report)) as coming:
        return next(coming)
