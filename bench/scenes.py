"""Makes a plausible Sentinel-2 tile of any size, streamed, in each form in which users have one.

The ground is a mosaic of clear cities (`UNCLOUDED_DATA`), each mirrored into a block of 1024 x 1024 px, or one
synthetic landscape where there are none. The clouds are simulated.
"""

from __future__ import annotations

import itertools
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.transform import from_origin
from rasterio.windows import Window

from unclouded.backend.cloudfield import CloudField
from unclouded.backend.sensors import NAMES, SENTINEL2, Float
from unclouded.backend.simulate import Brightness, add_clouds
from unclouded.backend.tiling import tiles

CORNER = (600_000.0, 5_300_040.0)
CRS = "EPSG:32632"
BLOCK_PX = 1024
JP2_BLOCK_PX = 1024
COARSEST = 6
"""Pixels of 10 m in one of 60 m, along a side: sides of tiles are multiples of it."""
SCENE_COVER = 0.4
SKY_SEED = 3
DAY = "20200601"
PRODUCT = f"S2A_MSIL1C_{DAY}T101031_N0209_R022_T32TQT_{DAY}T121314.SAFE"
METADATA = "<Level-1C_Product><PRODUCT_START_TIME>2020-06-01T10:10:31Z</PRODUCT_START_TIME></Level-1C_Product>"
SCL_CLOUD, SCL_CLEAR = 9, 4
CORNER_PX = 32
"""Left clear in any mask: a scene of which nothing is seen is refused."""


def clear_grounds() -> list[Float]:
    """Gives clear images (13, h, w): the cities of UNCLOUDED_DATA, else one landscape."""
    root = Path(os.environ.get("UNCLOUDED_DATA", ""))
    if (root / "clear_l1c").is_dir():
        from unclouded.backend.datasets.clear import cities

        return [city.days[0].optical for city in itertools.islice(cities(root), 1, None, 2)]
    from unclouded.backend.landscape import landscape

    return [landscape(BLOCK_PX, BLOCK_PX, 7).optical(166)]


def ground_at(grounds: list[Float], row: int, column: int) -> Float:
    """Gives the block (13, BLOCK_PX, BLOCK_PX) that begins at multiples of BLOCK_PX, mirrored from one clear image."""
    i, j = row // BLOCK_PX, column // BLOCK_PX
    image = grounds[(7 * i + 3 * j) % len(grounds)]
    rows, columns = (_mirrored(side) for side in image.shape[-2:])
    return image[:, rows[:, None], columns]


def _mirrored(side: int) -> np.ndarray:
    """Indexes that run to and fro over an axis."""
    steps = np.arange(BLOCK_PX) % (2 * side)
    return np.where(steps < side, steps, 2 * side - 1 - steps)


def make_image(path: Path, side: int) -> None:
    """Writes the clouded tile as a GeoTIFF of 13 bands at 10 m."""
    sky = CloudField(SKY_SEED, SCENE_COVER, side, side, kind="mixed")
    grounds = clear_grounds()
    with _create(path, side, side, 10, NAMES, "uint16", 0) as dataset:
        for window in tiles(side, side, BLOCK_PX):
            clear = ground_at(grounds, window.row, window.column)[:, : window.height, : window.width]
            over = sky.sky(window.row, window.column, window.height, window.width)
            cloudy = add_clouds(clear, NAMES, "L1C", over, Brightness())
            numbers = np.clip(np.rint(cloudy * 1e4), 1, 65535).astype(np.uint16)
            dataset.write(numbers, window=Window(window.column, window.row, window.width, window.height))


def make_mask(path: Path, side: int, cover: float, is_bank: bool = False) -> None:
    """Writes a mask (0 clear, 1 cloud) that covers so much: one round bank of cloud, or a sky of scattered ones."""
    sky = CloudField(SKY_SEED + 1, cover, side, side, kind="stratus")
    radius_px = side * (cover / np.pi) ** 0.5
    with _create(path, side, side, 10, ["cloud"], "uint8", None) as dataset:
        for window in tiles(side, side, BLOCK_PX):
            shape = (1, window.height, window.width)
            cloud = np.full(shape, cover >= 1, np.uint8)
            if is_bank:
                rows = np.arange(window.row, window.row + window.height)[:, None] - side / 2
                columns = np.arange(window.column, window.column + window.width) - side / 2
                cloud[0] = np.hypot(rows, columns) < radius_px
            elif 0 < cover < 1:
                over = sky.sky(window.row, window.column, window.height, window.width)
                cloud[0] = over.mask == 1
            if window.row == window.column == 0:
                cloud[:, :CORNER_PX, :CORNER_PX] = 0
            dataset.write(cloud, window=Window(window.column, window.row, window.width, window.height))


def make_cog(image: Path, path: Path) -> None:
    """Writes a tile as a cloud-optimised GeoTIFF."""
    options = {"compress": "deflate", "level": 1, "predictor": "yes", "num_threads": "all_cpus", "bigtiff": "if_safer"}
    rasterio.shutil.copy(image, path, driver="COG", blocksize=512, **options)


def make_product(image: Path, folder: Path, level: str = "L1C") -> Path:
    """Writes a tile as a `.SAFE`: a JPEG 2000 for each band at its own resolution.

    Args:
        image: GeoTIFF of 13 bands at 10 m; its sides are multiples of COARSEST.
        folder: Gets the product.
        level: `L1C` or `L2A`, which has no B10 but a scene classification, here of bright pixels.
    """
    product = folder / PRODUCT.replace("L1C", level)
    data = product / "GRANULE" / f"{level}_T32TQT_A012345_{DAY}T101031" / "IMG_DATA"
    data.mkdir(parents=True, exist_ok=True)
    (product / f"MTD_MSI{level}.xml").write_text(METADATA.replace("1C", level[1:]))
    for index, band in enumerate(SENTINEL2, 1):
        if level == "L1C":
            _write_band(image, index, band.resolution_m, data / f"T32TQT_{DAY}T101031_B{_number(band.name)}.jp2")
        elif band.name != "B10":
            metres = f"{band.resolution_m}m"
            (data / f"R{metres}").mkdir(exist_ok=True)
            name = f"T32TQT_{DAY}T101031_B{_number(band.name)}_{metres}.jp2"
            _write_band(image, index, band.resolution_m, data / f"R{metres}" / name)
    if level == "L2A":
        _write_band(image, 2, 20, data / "R20m" / f"T32TQT_{DAY}T101031_SCL_20m.jp2", classify=True)
    return product


def _number(band: str) -> str:
    """`B2` as files write it: `02`, and `B8A`: `8A`."""
    return band[1:].zfill(2)


def _write_band(image: Path, index: int, resolution_m: int, path: Path, classify: bool = False) -> None:
    """Writes one band as JPEG 2000, without loss; classify makes it classes of a scene classification."""
    step = resolution_m // 10
    flat = path.with_suffix(".tif")
    with rasterio.open(image) as source:
        height, width = source.height // step, source.width // step
        dtype = "uint8" if classify else "uint16"
        with _create(flat, height, width, resolution_m, [""], dtype, None) as dataset:
            for window in tiles(height, width, JP2_BLOCK_PX):
                read = Window(step * window.column, step * window.row, step * window.width, step * window.height)
                numbers = source.read(index, window=read).reshape(window.height, step, window.width, step)
                means = np.rint(numbers.mean(axis=(1, 3), dtype=np.float32))
                values = np.where(means > 3000, SCL_CLOUD, SCL_CLEAR) if classify else means
                place = Window(window.column, window.row, window.width, window.height)
                dataset.write(values.astype(dtype), 1, window=place)
    options = {"quality": 100, "reversible": "yes", "blockxsize": JP2_BLOCK_PX, "blockysize": JP2_BLOCK_PX}
    rasterio.shutil.copy(flat, path, driver="JP2OpenJPEG", **options)
    flat.unlink()


def make_zip(product: Path, path: Path) -> None:
    """Packs a product as the archives do: JPEG 2000 does not shrink, so it is stored."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in _files(product):
            archive.write(file, file.relative_to(product.parent))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _create(
    path: Path, height: int, width: int, resolution_m: int, names: Iterable[str], dtype: str, nodata: int | None
) -> rasterio.io.DatasetWriter:
    names = list(names)
    profile = {"driver": "GTiff", "tiled": True, "blockxsize": 512, "blockysize": 512, "bigtiff": "if_safer"}
    profile |= {"compress": "deflate", "zlevel": 1, "predictor": 2, "num_threads": "all_cpus", "interleave": "band"}
    profile |= {"crs": CRS, "transform": from_origin(*CORNER, resolution_m, resolution_m), "nodata": nodata}
    dataset = rasterio.open(path, "w", width=width, height=height, count=len(names), dtype=dtype, **profile)
    if any(names):
        dataset.descriptions = names
    return dataset
