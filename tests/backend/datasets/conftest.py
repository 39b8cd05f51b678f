"""A tiny archive laid out as the training data is."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from scipy.io import netcdf_file

from unclouded.backend.sensors import BY_COUNT, NAMES

SPLIT = """place,split
clear_l1c/rome_1,train
clear_l1c/rome_2,train
clear_l2a/7.tif,validation
l2a_chips,train
sar_optical/1A_2B_0_0,train
sen12ms-cr/1868_summer_100,validation
triples/42,train
series_boadella,validation
series_worldcereal,train
series_minicubes,train
"""


def write(path: Path, array: np.ndarray, bands: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": len(array), "height": array.shape[1], "width": array.shape[2]}
    with rasterio.open(path, "w", dtype=array.dtype, transform=Affine(10, 0, 0, 0, -10, 0), **profile) as dataset:
        dataset.write(array)
        dataset.descriptions = bands


def numbers(count: int, size: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(300, 3000, (count, size, size)).astype(np.uint16)


def write_cube(path: Path, layers: dict[str, np.ndarray], **attributes: float) -> None:
    """Writes NetCDF 3 of (time, y, x) layers, ten days apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netcdf_file(path, "w") as file:
        times, height, width = next(iter(layers.values())).shape
        for name, size in (("time", times), ("y", height), ("x", width)):
            file.createDimension(name, size)
        time = file.createVariable("time", "d", ("time",))
        time[:] = 10.0 * np.arange(times)
        for name, layer in layers.items():
            variable = file.createVariable(name, "h", ("time", "y", "x"))
            variable[:] = layer.astype(np.int16)
            for key, value in attributes.items():
                if name.startswith("s2_B"):
                    setattr(variable, key, value)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    (tmp_path / "split.csv").write_text(SPLIT)
    for number in (1, 2):
        city = tmp_path / "clear_l1c" / f"rome_{number}"
        write(city / "10m.tif", numbers(4, 48, number), ("B2", "B3", "B4", "B8"))
        write(city / "20m.tif", numbers(6, 24, number), ("B5", "B6", "B7", "B8A", "B11", "B12"))
        write(city / "60m.tif", numbers(3, 8, number), ("B1", "B9", "B10"))
    write(tmp_path / "clear_l2a" / "7.tif", numbers(12, 40) + np.uint16(1000), BY_COUNT[12])
    chips = np.repeat(np.arange(6, dtype=np.uint16).reshape(1, 2, 3) * 100 + 500, 12, axis=0)
    write(tmp_path / "l2a_chips" / "chips_64px_20x10.tif", chips.repeat(64, 1).repeat(64, 2), BY_COUNT[12])
    place = tmp_path / "sar_optical" / "1A_2B_0_0"
    write(place / "s1.tif", np.full((2, 40, 40), -12.0, np.float32), ("VV", "VH"))
    write(place / "l1c.tif", numbers(13, 40), NAMES)
    write(place / "l2a.tif", numbers(12, 40), BY_COUNT[12])
    clear, patch = numbers(13, 40), "ROIs1868_summer_{}_100_p7.tif"
    write(tmp_path / "sen12ms-cr/ROIs1868_summer_s2/s2_100" / patch.format("s2"), clear, NAMES)
    cloudy = tmp_path / "sen12ms-cr/ROIs1868_summer_s2_cloudy/s2_cloudy_100"
    write(cloudy / patch.format("s2_cloudy"), clouded(clear), NAMES)
    triple = tmp_path / "triples" / "42"
    write(triple / "clear.tif", clear, NAMES)
    write(triple / "cloudy.tif", clouded(clear), NAMES)
    write(triple / "s1.tif", np.full((2, 40, 40), -12.0, np.float32), ("VV", "VH"))
    for day in ("2020-01-13", "2020-01-23", "2020-06-21", "2021-06-21"):
        write(tmp_path / "series_boadella" / f"{day}.tif", numbers(12, 40), BY_COUNT[12])
    fine = {name: np.full((3, 8, 8), 1000) for name in ("B02", "B03", "B04", "B08")}
    coarse = {name: np.full((3, 4, 4), 2000) for name in ("B05", "B06", "B07", "B8A", "B11", "B12")}
    coarse["SCL"] = np.repeat([4, 9, 5], 16).reshape(3, 4, 4)
    write_cube(tmp_path / "series_worldcereal/a/S2_L2A_10m_a.nc", fine)
    write_cube(tmp_path / "series_worldcereal/a/S2_L2A_20m_a.nc", coarse)
    cube = {f"s2_{name}": np.full((2, 8, 8), 1000) for name in ("B02", "B03", "B04", "B8A")}
    cube["s2_dlmask"] = np.zeros((2, 8, 8))
    write_cube(tmp_path / "series_minicubes" / "cube.nc", cube, scale_factor=1e-4, add_offset=0.05)
    return tmp_path


def clouded(clear: np.ndarray) -> np.ndarray:
    """The left quarter is cloud of half opacity over the ground, the outermost columns are opaque."""
    cloudy = clear.astype(np.float32)
    cloudy[:, :, :10] = 0.5 * cloudy[:, :, :10] + 0.5 * 8000
    cloudy[:, :, :3] = 8000
    return cloudy.astype(np.uint16)
