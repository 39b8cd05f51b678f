"""A small piece of land with images of several days, as COGs and STAC items; served when run as a program.

Two tiles of 256 x 256 px lie side by side in UTM zone 32, west of them is nothing. Run as the module
`tests.backend.catalogue.worlds FOLDER` it writes the files there, prints the address of the API and serves until its
standard input ends.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.warp import transform_bounds

from .server import World, serving

WEST, NORTH, SIDE, STEP = 600_000.0, 5_100_000.0, 256, 10.0
BANDS = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20}
OPTICAL, SAR = "sentinel-2-l2a", "sentinel-1-rtc"
DAYS = {"2020-06-01": 80, "2020-06-06": 10, "2020-06-11": 50, "2020-06-21": 1, "2020-05-22": 5, "2020-07-21": 0}
"""Cloud cover of the optical days, in percent."""
UTM = "EPSG:32632"


def values(name: str, side: int, dtype: str) -> np.ndarray:
    """(1, H, W) numbers of their own for each file, the same in every run."""
    random = np.random.default_rng(sum(map(ord, name)) * 31 + len(name))
    if dtype == "float32":
        return random.uniform(0.005, 0.3, (1, side, side)).astype(np.float32)
    return random.integers(1200, 4500, (1, side, side)).astype(dtype)


def write_file(folder: Path, name: str, tile: int, resolution_m: int = 10, dtype: str = "uint16", **more: Any) -> Path:
    """Writes a COG of a tile, unless it is there."""
    side = int(SIDE * STEP) // resolution_m
    transform = Affine(resolution_m, 0, WEST + tile * SIDE * STEP, 0, -resolution_m, NORTH)
    path = folder / f"{name}.tif"
    if path.exists():
        return path
    with rasterio.open(
        path, "w", driver="COG", width=side, height=side, count=1, dtype=dtype, crs=UTM, transform=transform,
        blocksize=128, compress="deflate", overviews="none", **more,
    ) as file:  # fmt: skip
        file.write(values(name, side, dtype))
    return path


def make_item(world: World, collection: str, name: str, day: str, tile: int, **properties: Any) -> dict[str, Any]:
    """Adds an item without assets to a world."""
    left = WEST + tile * SIDE * STEP
    bounds = (left, NORTH - SIDE * STEP, left + SIDE * STEP, NORTH)
    w, s, e, n = transform_bounds(UTM, "EPSG:4326", *bounds)
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection, "bbox": [w, s, e, n],
        "geometry": {"type": "Polygon", "coordinates": [[[w, s], [e, s], [e, n], [w, n], [w, s]]]},
        "properties": {"datetime": f"{day}T10:16:0{tile}Z", **properties}, "assets": {}, "links": [],
    }  # fmt: skip
    world.items.append(item)
    return item


def add_asset(world: World, item: dict[str, Any], key: str, path: Path, **fields: Any) -> None:
    href = f"{world.address}/files/{path.name}"
    item["assets"][key] = {"href": href, "type": "image/tiff", "roles": ["data"], **fields}


def add_optical(world: World, day: str, cloud: float, tiles: tuple[int, ...] = (0, 1), baseline: str = "05.00") -> None:
    """Adds an optical day: an item for each tile."""
    for tile in tiles:
        name = f"S2_{tile}_{day}"
        facts = {"eo:cloud_cover": cloud, "s2:processing_baseline": baseline, "s2:mgrs_tile": f"32TPS{tile}"}
        item = make_item(world, OPTICAL, name, day, tile, **facts)
        for band, resolution_m in BANDS.items():
            add_asset(world, item, band, write_file(world.folder, f"{name}_{band}", tile, resolution_m, nodata=0))
        add_asset(world, item, "visual", world.folder / "visual.tif")


def add_sar(world: World, day: str, orbit: int, tiles: tuple[int, ...] = (0, 1)) -> None:
    """Adds a pass of the radar."""
    for tile in tiles:
        name = f"S1_{tile}_{day}_{orbit}"
        state = "ascending" if orbit % 2 else "descending"
        item = make_item(world, SAR, name, day, tile, **{"sat:orbit_state": state, "sat:relative_orbit": orbit})
        for key in ("vv", "vh"):
            path = write_file(world.folder, f"{name}_{key}", tile, dtype="float32", nodata=-32768)
            add_asset(world, item, key, path)


def fill(world: World) -> World:
    """Puts six optical days and three passes of the radar into a world whose address is known."""
    for day, cloud in DAYS.items():
        add_optical(world, day, cloud)
    add_sar(world, "2020-05-25", 15)
    add_sar(world, "2020-06-02", 22, tiles=(1,))
    add_sar(world, "2020-06-04", 15)
    return world


def bbox(left: float, bottom: float, right: float, top: float) -> list[float]:
    """Gives degrees of a part of the land, given in pixels of tile 0 from its upper left corner."""
    xs, ys = (WEST + left * STEP, WEST + right * STEP), (NORTH - bottom * STEP, NORTH - top * STEP)
    return list(transform_bounds(UTM, "EPSG:4326", xs[0], ys[0], xs[1], ys[1]))


if __name__ == "__main__":
    with serving(World(Path(sys.argv[1]))) as served:
        fill(served)
        sys.stdout.write(f"{served.address}\n")
        sys.stdout.flush()
        sys.stdin.read()
