"""The order of bytes is that of a cloud-optimised GeoTIFF, and nothing else has changed."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling

from unclouded.backend.cog import reorder


def write(path: Path, values: np.ndarray, sparse: bool = False, **options: Any) -> None:
    """Writes (C, H, W) as GDAL does: overviews behind the image."""
    count, height, width = values.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": values.dtype}
    profile |= {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate", "nodata": 0}
    profile |= {"crs": "EPSG:32632", "transform": Affine(10, 0, 6e5, 0, -10, 5e6), "sparse_ok": sparse}
    with rasterio.open(path, "w", **(profile | options)) as dataset:
        if not sparse:
            dataset.write(values)
        dataset.descriptions = [f"band {index}" for index in range(count)]
        dataset.update_tags(NOTE="kept")
    with rasterio.open(path, "r+") as dataset:
        dataset.build_overviews([2, 4], Resampling.average)


def everything(path: Path) -> dict[str, Any]:
    """What a file holds, overviews included."""
    with rasterio.open(path) as dataset:
        found = {"profile": dict(dataset.profile), "tags": dataset.tags(), "names": dataset.descriptions}
        found |= {"overviews": dataset.overviews(1), "pixels": dataset.read().tobytes()}
        levels = range(len(dataset.overviews(1)))
    for level in levels:
        with rasterio.open(path, overview_level=level) as dataset:
            found[f"overview {level}"] = dataset.read().tobytes()
    return found


def directories(path: Path) -> list[tuple[int, int]]:
    """Where each directory of a TIFF begins, and the first of its tiles: an independent reading of the format."""
    raw = path.read_bytes()
    order = "<" if raw[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", raw, 2)[0] == 43
    offset, entries, size = ("Q", "Q", 20) if big else ("I", "H", 12)
    (position,) = struct.unpack_from(order + offset, raw, 8 if big else 4)
    found = []
    while position:
        (number,) = struct.unpack_from(order + entries, raw, position)
        first = position + struct.calcsize(entries)
        for at in range(first, first + number * size, size):
            tag, kind, count = struct.unpack_from(f"{order}HH{offset}", raw, at)
            if tag == 324:
                form = f"{order}{count}{'Q' if kind == 16 else 'I'}"
                inline = at + (12 if big else 8)
                where = inline
                if struct.calcsize(form) > struct.calcsize(offset):
                    (where,) = struct.unpack_from(order + offset, raw, inline)
                tiles = [value for value in struct.unpack_from(form, raw, where) if value]
        found.append((position, min(tiles, default=0)))
        (position,) = struct.unpack_from(order + offset, raw, first + number * size)
    return found


@pytest.mark.parametrize("interleave", ["band", "pixel"])
@pytest.mark.parametrize("bigtiff", ["yes", "no"])
@pytest.mark.parametrize("endianness", ["little", "big"])
def test_directories_come_first_and_the_smallest_overview_before_the_others(
    tmp_path: Path, interleave: str, bigtiff: str, endianness: str
) -> None:
    path = tmp_path / "image.tif"
    values = np.random.default_rng(0).integers(1, 9999, (3, 300, 200)).astype(np.uint16)
    write(path, values, interleave=interleave, bigtiff=bigtiff, endianness=endianness)
    before = everything(path)
    reorder(path)

    assert everything(path) == before
    places = directories(path)
    assert len(places) == 3
    assert places[0][0] == (16 if bigtiff == "yes" else 8)
    assert [place for place, _ in places] == sorted(place for place, _ in places)
    tiles = [tile for _, tile in places]
    assert places[-1][0] < tiles[2] < tiles[1] < tiles[0]
    assert [file.name for file in tmp_path.iterdir()] == ["image.tif"]


def test_tiles_that_are_not_there_stay_away(tmp_path: Path) -> None:
    path = tmp_path / "empty.tif"
    write(path, np.zeros((1, 200, 200), np.uint8), sparse=True)
    before, size = everything(path), path.stat().st_size
    reorder(path)

    assert everything(path) == before
    assert path.stat().st_size < size + 200


@pytest.mark.parametrize("kept_bytes", [10, 3000])
def test_a_damaged_file_stays_as_it_is(tmp_path: Path, kept_bytes: int) -> None:
    path = tmp_path / "cut.tif"
    write(path, np.random.default_rng(0).integers(1, 99, (3, 300, 200)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(OSError, match=r"damaged|missing"):
        reorder(path)

    assert path.stat().st_size == kept_bytes
    assert [file.name for file in tmp_path.iterdir()] == ["cut.tif"]
