"""Where and when: the area and the day that are asked for, checked, and the grid that everything is written on."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence

from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform_bounds

from ..errors import Extent, InputError, UsageError
from ..raster import METRES_PER_DEGREE, RASTER_ERRORS, Grid
from ..tiling import Window

WGS84 = CRS.from_epsg(4326)
MAX_SIDE_M = 250_000
"""Two tiles of Sentinel-2 and a bit; farther out, the grid of one UTM zone is distorted."""
YEARS = 1950, 2100
"""In which there may be images."""
ORDER = "Give west south east north in degrees, as in --bbox 11.2 46.5 11.5 46.7."


def check_bbox(bbox: Sequence[float]) -> Extent:
    """Gives an area in degrees, or says what is wrong with it.

    Raises:
        UsageError: It is none, or too large.
    """
    if len(bbox) != 4 or not all(map(math.isfinite, bbox)):
        raise UsageError(f"The area {list(bbox)} is none: four numbers were expected.", ORDER)
    west, south, east, north = bbox
    if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90:
        raise UsageError(f"The area {list(bbox)} is not in degrees: -180 to 180 and -90 to 90 were expected.", ORDER)
    if west >= east:
        raise UsageError(
            f"The area {list(bbox)} has its west at {west:g} and its east at {east:g}: the smaller comes first.",
            f"{ORDER} An area across the antimeridian (180 degrees) has to be fetched as two.",
        )
    if south >= north:
        raise UsageError(
            f"The area {list(bbox)} has its south at {south:g} and its north at {north:g}: the smaller comes first.",
            ORDER,
        )
    width_m = (east - west) * METRES_PER_DEGREE * math.cos(math.radians((south + north) / 2))
    check_size(width_m, (north - south) * METRES_PER_DEGREE)
    return west, south, east, north


def check_size(width_m: float, height_m: float) -> None:
    """Raises UsageError if an area is too large for one grid."""
    if max(width_m, height_m) > MAX_SIDE_M:
        raise UsageError(
            f"The area is {width_m / 1000:.0f} x {height_m / 1000:.0f} km; at most {MAX_SIDE_M / 1000:.0f} km a side "
            "were expected.",
            "Fetch it in parts.",
        )


def check_day(day: str | datetime.date) -> datetime.date:
    """Gives a day, or the one that a text names; raises UsageError if it names none, or one without images."""
    try:
        found = day if isinstance(day, datetime.date) else datetime.date.fromisoformat(day.strip())
    except ValueError as error:
        raise UsageError(
            f"The day {day!r} is none: a date like 2020-06-01 was expected.", "Write YEAR-MONTH-DAY."
        ) from error
    if not YEARS[0] <= found.year <= YEARS[1]:
        raise UsageError(
            f"The day {found} is one without images: a year from {YEARS[0]} to {YEARS[1]} was expected.",
            "Give the day of the image.",
        )
    return found


def bbox_of(grid: Grid, path: str) -> Extent:
    """Gives the area of an image in degrees.

    Raises:
        InputError: It has no georeference, or lies across the antimeridian.
        UsageError: It is too large.
    """
    if grid.crs is None:
        raise InputError(
            f"{path} has no georeference: where it lies was expected, to look for images of the same place.",
            "Give it one, for example with QGIS's georeferencer, or give images by hand.",
        )
    check_size(grid.width * grid.resolution_m, grid.height * grid.resolution_m)
    try:
        west, south, east, north = transform_bounds(grid.crs, WGS84, *grid.extent)
    except (CRSError, *RASTER_ERRORS) as error:
        raise InputError(
            f"{path} cannot be placed on the globe: {error}.", "Warp it into a usual coordinate system."
        ) from error
    if not all(map(math.isfinite, (west, south, east, north))) or west >= east:
        raise InputError(
            f"{path} lies across the antimeridian or off the globe, which no catalogue is asked for.",
            "Cut it in two at 180 degrees.",
        )
    return west, south, east, north


def grid_over(bbox: Extent, pixels: Grid) -> Grid:
    """Gives the grid over an area whose pixels coincide with those of another.

    Args:
        bbox: In degrees.
        pixels: Of the file that is measured in; the area may reach beyond it.
    """
    left, bottom, right, top = transform_bounds(WGS84, pixels.crs, *bbox)
    step_x, step_y = pixels.transform.a, pixels.transform.e
    columns = sorted(((left - pixels.transform.c) / step_x, (right - pixels.transform.c) / step_x))
    rows = sorted(((top - pixels.transform.f) / step_y, (bottom - pixels.transform.f) / step_y))
    first_column, first_row = math.floor(columns[0] + 1e-6), math.floor(rows[0] + 1e-6)
    width, height = math.ceil(columns[1] - 1e-6) - first_column, math.ceil(rows[1] - 1e-6) - first_row
    return pixels.crop(Window(first_row, first_column, height, width))
