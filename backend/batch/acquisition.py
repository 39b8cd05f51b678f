"""What a batch knows of an image without reading its pixels: place, day, bands, and what it is."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rasterio.enums import Resampling

from ..errors import InputError
from ..products import Product, open_product
from ..raster import Raster, Reader
from ..scene import Optical, open_optical
from ..sensors import Level, sar_bands
from ..tiling import Window

TILE = re.compile(r"(?<![A-Za-z0-9])T(\d\d[C-HJ-NP-X][A-HJ-NP-Z]{2})(?![A-Za-z0-9])", re.IGNORECASE)
"""A tile of Sentinel-2's grid in a name."""
SENTINEL1 = re.compile(r"S1[A-D]_", re.IGNORECASE)
ROLES = frozenset(
    {"s1", "s2", "sentinel1", "sentinel2", "sar", "vv", "vh", "optical", "l1c", "l2a"}
    | {"mask", "cloud", "clouds", "cloudy", "clear"}
)
"""Words of names that tell images of one scene apart."""
OUR_TAG = "UNCLOUDED_PARAMETERS"
"""Of what removal.py writes; simulated scenes do not have it, and are scenes."""
SAME_NAME = "same name"
MIN_COVER = 0.5
"""Share of a scene that an image must cover to show the same place: neighbouring tiles share a tenth."""


@dataclass(frozen=True)
class Acquisition:
    """An image that can be paired."""

    path: str
    raster: Raster
    day: datetime.date | None
    bands: tuple[str, ...] = ()
    """Empty for SAR."""
    level: Level | None = None

    @cached_property
    def name(self) -> tuple[str, ...]:
        """See scene_name."""
        return scene_name(self.path)

    @cached_property
    def tile(self) -> str:
        """The Sentinel-2 tile in its name, such as `31TCJ`; empty without one."""
        match = TILE.search(Path(self.path).name)
        return match[1].upper() if match else ""


class NoScene(Exception):
    """A file of a folder is not what is looked for; says what it is taken for."""


def open_scene(
    path: str, bands: Sequence[str] | None, level: str | None, offset: float | None, is_named: bool
) -> tuple[Acquisition, Optical]:
    """Opens an optical scene.

    Args:
        path: Of the image.
        bands: As the user names them.
        level: As the user says.
        offset: As the user says.
        is_named: Whether the user has named this very image; else it may be something else that lies beside images.

    Raises:
        InputError: It cannot serve; the subclass says why.
        NoScene: It is none, but SAR, a mask, or a result of ours.
    """
    product = open_product(path)
    if not is_named:
        _check_scene(path, product)
    optical = open_optical(path, bands, level, offset, lambda *_: None)
    _check_end(product.raster)
    return Acquisition(path, optical.raster, product.day, optical.bands, optical.level), optical


def open_sar(path: str) -> Acquisition:
    """Opens a Sentinel-1 image.

    Raises:
        InputError: It cannot serve.
        NoScene: It is no SAR.
    """
    product = open_product(path)
    if not _is_sar(path, product):
        raise NoScene("no SAR: two bands, VV and VH, were expected")
    sar_bands(path, [band.description for band in product.raster.bands])
    _check_end(product.raster)
    return Acquisition(path, product.raster, product.day)


def same_place(scene: Acquisition, other: Acquisition) -> str:
    """Says by what an image shows a scene's place; empty if nothing tells that it does.

    The grids decide. Where one has no georeference, images of one size are of one place if their names say so.
    """
    named = scene.name == other.name
    if scene.raster.grid.crs is None or other.raster.grid.crs is None:
        sizes = {(image.raster.grid.width, image.raster.grid.height) for image in (scene, other)}
        if len(sizes) > 1:
            return ""
        return SAME_NAME if named else f"tile {scene.tile}" if scene.tile and scene.tile == other.tile else ""
    share = covered_share(scene, other)
    if named and share > 0:
        return SAME_NAME
    if share < MIN_COVER or (scene.tile and other.tile and scene.tile != other.tile):
        return ""
    return f"tile {scene.tile}" if scene.tile and scene.tile == other.tile else f"covers {share:.0%}"


def covered_share(scene: Acquisition, other: Acquisition) -> float:
    """Gives the share (0..1) of a scene's extent that another image's extent covers."""
    grid = scene.raster.grid
    try:
        left, bottom, right, top = other.raster.extent_on(grid, "image")
    except InputError:
        return 0.0  # no way leads from one to the other's coordinates
    xmin, ymin, xmax, ymax = grid.extent
    width, height = min(right, xmax) - max(left, xmin), min(top, ymax) - max(bottom, ymin)
    return max(width, 0.0) * max(height, 0.0) / ((xmax - xmin) * (ymax - ymin))


def scene_name(path: str) -> tuple[str, ...]:
    """Gives the words of a name that stay when those of ROLES are left out; the folder's where none stays.

    `ROIs1158_spring_s2_cloudy_26.tif` and `ROIs1158_spring_s1_26.tif` are of one scene, and so are `A7/cloudy.tif` and
    `A7/s1.tif`.
    """
    place = Path(path).absolute()
    return _words(product_name(path)) or _words(place.parent.name)


def product_name(path: str) -> str:
    """Gives the name of a file or folder without what says its format."""
    name = Path(path).name
    for suffix in (".zip", ".safe"):
        name = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    return name if Path(path).is_dir() or name != Path(path).name else Path(name).stem


def _words(name: str) -> tuple[str, ...]:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return tuple(word for word in words if word and word not in ROLES)


def _check_scene(path: str, product: Product) -> None:
    """Raises NoScene for what lies beside scenes in folders."""
    if OUR_TAG in product.raster.tags or "MEANING" in product.raster.tags:
        raise NoScene("a result of Unclouded")
    if _is_sar(path, product):
        raise NoScene("SAR")
    if len(product.raster.bands) == 1:
        raise NoScene("one band: a mask, or a part of an image")


def _check_end(raster: Raster) -> None:
    """Raises UnreadableRaster if a TIFF was cut off: it opens, and would spoil each scene that it is paired with."""
    last = raster.bands[-1]
    if last.path.lower().endswith((".tif", ".tiff")):
        with Reader(replace(raster, bands=(last,)), last.grid, Resampling.nearest) as reader:
            reader.read(Window(last.grid.height - 1, last.grid.width - 1, 1, 1))


def _is_sar(path: str, product: Product) -> bool:
    """Whether an image is SAR by its name or its bands; two bands without names are taken for VV and VH."""
    described = [(band.description or "").upper() for band in product.raster.bands]
    if SENTINEL1.match(Path(path).name) or any("VV" in text or "VH" in text for text in described):
        return True
    return len(described) == 2 and not any(described)
