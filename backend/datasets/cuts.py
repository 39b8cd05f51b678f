"""Images of a user's own, cut on the fly into places of 256 px: any grid, type and band names that a job takes too.

Where the ground shows is told by a mask, by comparison with a clear image of the same place, by the product's scene
classification, or else by the detector that a job would use.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from rasterio.enums import Resampling

from ..clouds import choose
from ..errors import InputError
from ..mask_files import CLEAR, Kind, from_user, interpret
from ..raster import Grid, Raster, Reader, open_raster, read_sample
from ..scene import Scene, open_optical, open_readers, open_scene
from ..sensors import Bool
from ..stored import Pixels
from ..tiling import Window, tiles
from .pairs import DAYS_APART, pair_days
from .place import Day, Place, clear_day
from .source import Files, Root, listed
from .splits import HELD_BACK, Split, ranked

SIDE_PX = 256
MIN_MEASURED = 0.5
"""Share of a cut that must be measured."""
SAMPLES = 8
"""A side, by which the measured share of a cut is estimated."""
SAMPLE_PX = 512
FEW = 3
"""Images below this number are divided by their columns, not as wholes."""
OPENED = 64


@dataclass(frozen=True)
class Images:
    """The files of one place; a job's ways to name images are understood. One of the first two is there."""

    name: str
    clear: str = ""
    """Trusted to show ground wherever it was measured."""
    optical: str = ""
    """Of any day, with or without clouds."""
    sar: str = ""
    mask: str = ""
    """Clouds of `optical`, or without it of `clear`."""


@dataclass(frozen=True)
class Cut:
    images: Images
    window: Window | None
    """None for images that could not be opened: reading them says why."""
    copy: int = 0
    """Counts images of one name, as several cloudy ones of one clear image are."""

    @property
    def name(self) -> str:
        name = f"{self.images.name}~{self.copy}" if self.copy else self.images.name
        return f"{name}/{self.window.row}_{self.window.column}" if self.window else name


def open_cuts(layout: str, root: Root, split: Split, every: Iterable[Images], sides: Mapping[str, Split]) -> Files[Cut]:
    """Gives the cuts of one split.

    Args:
        layout: For errors.
        root: For errors.
        split: Which of them.
        every: All images.
        sides: The split of each image that has one by its name; the others are ranked, and fewer than FEW of them are
            divided inside: the rightmost columns of cuts validate, those beside them test.
    """
    counts: Counter[str] = Counter()
    cuts: list[tuple[str, list[Cut]]] = []
    for images in every:
        of_image = _cuts(images, first=not counts)
        cuts.append((images.name, [Cut(images, window, counts[images.name]) for window in of_image]))
        counts[images.name] += 1
    free = {name for name in counts if name not in sides}
    ranks = ranked(free) if len(free) >= FEW else {}
    found: list[tuple[str, Split, Cut]] = []
    for name, group in cuts:
        side = sides.get(name) or ranks.get(name)
        parts = [side] * len(group) if side else _in_parts(group)
        found += [(cut.name, part, cut) for cut, part in zip(group, parts, strict=True)]
    return listed(layout, root, split, found, read_cut)


def read_cut(cut: Cut) -> Place:
    """Reads one place.

    Raises:
        InputError: A file cannot serve; the subclass says why.
    """
    images, scene = cut.images, _open(cut.images)
    window = cut.window or _first_window(scene.grid)
    with contextlib.ExitStack() as stack:
        optical, sar, dates = open_readers(stack, scene)
        pixels = optical.read(window)
        bands = scene.optical.bands
        others = [date.read(window) for date in dates]
        backscatter = sar.read(window) if sar else None
    if not pixels.valid.any():
        raise InputError(f"{cut.name} holds no measured pixel.", "Leave it out.")
    masked = _masked(images.mask, scene, window) if images.mask else None
    if others:
        days = pair_days(others[0].reflectance, clear_day(pixels.reflectance), bands, _apart(scene))
        if masked is not None:
            days[1] = Day(days[1].optical, masked & others[0].valid, days[1].day)
    else:
        clear = _without_mask(images, scene, window, pixels) if masked is None else masked
        days = [Day(pixels.reflectance, clear & pixels.valid, 0.0)]
    return Place(cut.name, bands, scene.optical.level, days, sar=backscatter, group=images.name)


def _cuts(images: Images, first: bool) -> list[Window] | list[None]:
    """Covers an image with cuts that do not overlap; one that is smaller than a cut is one."""
    try:
        log = _log if first else _quiet
        optical = open_optical(images.clear or images.optical, None, None, None, log)
        measured = _measured(optical.raster)
    except InputError:
        return [None]
    grid = optical.raster.grid
    whole = [tile for tile in tiles(grid.height, grid.width, SIDE_PX) if tile.height == tile.width == SIDE_PX]
    found = [tile for tile in whole or [_first_window(grid)] if _share(measured, tile, grid) >= MIN_MEASURED]
    if not found:
        logging.getLogger(__name__).warning("%s is left out: nothing or too little of it is measured.", images.name)
    return found


def _first_window(grid: Grid) -> Window:
    return Window(0, 0, min(grid.height, SIDE_PX), min(grid.width, SIDE_PX))


def _measured(raster: Raster) -> Bool:
    """(h, w) a decimated image of what the first band has measured."""
    grid = raster.grid
    values = read_sample(raster.bands[0], max(SAMPLES * max(grid.height, grid.width) // SIDE_PX, SAMPLES))
    measured: Bool = np.isfinite(values)
    if raster.nodata is not None:
        measured &= values != raster.nodata
    return measured


def _share(measured: Bool, tile: Window, grid: Grid) -> float:
    """Gives the share of a tile that a decimated image shows as measured."""
    height, width = measured.shape
    top, left = tile.row * height // grid.height, tile.column * width // grid.width
    bottom, right = (tile.row + tile.height) * height // grid.height, (tile.column + tile.width) * width // grid.width
    return float(measured[top : max(bottom, top + 1), left : max(right, left + 1)].mean())


def _in_parts(cuts: list[Cut]) -> list[Split]:
    """Divides the cuts of one image by columns, from the right; an image of less than FEW columns by single cuts."""
    places = [(cut.window.column, cut.window.row) if cut.window else (0, 0) for cut in cuts]
    few = len({column for column, _ in places}) < FEW
    parts = [place if few else (place[0], 0) for place in places]
    order = sorted(set(parts), reverse=True)
    held = max(round(HELD_BACK * len(order)), 1)
    validates = order[:held] if len(order) > 1 else []
    tests = order[held : 2 * held] if len(order) > 2 else []
    return ["validation" if part in validates else "test" if part in tests else "train" for part in parts]


@functools.lru_cache(OPENED)
def _open(images: Images) -> Scene:
    """Opens the images of a place; the clear one leads, the other is a date of it."""
    base = open_optical(images.clear or images.optical, None, None, None, _quiet)
    dates = [images.optical] if images.clear and images.optical else []
    return open_scene(base, images.sar or None, dates, None, _quiet)


def _apart(scene: Scene) -> float:
    days = scene.optical.product.day, scene.dates[0].product.day
    return float((days[1] - days[0]).days) if days[0] and days[1] else DAYS_APART


@functools.lru_cache(OPENED)
def _open_mask(path: str) -> tuple[Raster, Kind]:
    raster = open_raster(path)
    if len(raster.bands) != 1:
        raise InputError(f"The mask {path} has {len(raster.bands)} bands; one was expected.", "Give one with one band.")
    band = raster.bands[0]
    return raster, interpret(path, read_sample(band, SAMPLE_PX), band.nodata, band.description or "")[0]


def _masked(path: str, scene: Scene, window: Window) -> Bool:
    raster, kind = _open_mask(path)
    mask = raster.placed_on(scene.grid, "mask")
    mask.check_overlap(scene.grid, "mask")
    return _read_mask(mask, kind, scene.grid, window)


def _read_mask(raster: Raster, kind: Kind, grid: Grid, window: Window) -> Bool:
    with Reader(raster, grid, Resampling.nearest) as reader:
        clear: Bool = from_user(reader.read(window)[0][0], kind) == CLEAR
        return clear


def _without_mask(images: Images, scene: Scene, window: Window, pixels: Pixels) -> Bool:
    """(H, W) where a single image shows the ground."""
    if images.clear:
        return pixels.valid
    optical = scene.optical
    if optical.product.scl is not None:
        return _read_mask(optical.product.scl, "scl", scene.grid, window)
    detect = choose(optical.bands, optical.level, None, scene.grid.resolution_m)
    clear: Bool = detect(pixels.reflectance, pixels.valid) == CLEAR
    return clear


def _log(level: str, text: str) -> None:
    logging.getLogger(__name__).log(logging.WARNING if level == "warning" else logging.INFO, text)


def _quiet(level: str, text: str) -> None:
    logging.getLogger(__name__).debug(text)
