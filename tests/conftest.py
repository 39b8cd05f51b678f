"""What all tests share: real images where they are given, and reasons for what cannot run here."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ["OMP_NUM_THREADS"] = "1"
"""Networks of tests are too small for more, several tests run at a time, and processes that tests start, which have the
same, compute the same."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    without_qgis = pytest.mark.skip(reason="QGIS is not installed for this interpreter")
    without_gpu = pytest.mark.skip(reason="no CUDA device")
    for item in items:
        if "qgis" in item.keywords and importlib.util.find_spec("qgis") is None:
            item.add_marker(without_qgis)
        if "gpu" in item.keywords and not _has_gpu():
            item.add_marker(without_gpu)


def _has_gpu() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that UNCLOUDED_DATA names."""
    folder = os.environ.get("UNCLOUDED_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("UNCLOUDED_DATA names no folder of real images")
    return Path(folder)


SIDE_PX = 96
CLOUD = (slice(30, 60), slice(20, 50))
"""Where the tiny scene is cloudy: rows, columns."""


@pytest.fixture
def write_raster(tmp_path: Path) -> Callable[..., Path]:
    """Writes a GeoTIFF in UTM 31N with 10 m pixels; made with the GDAL of QGIS's Python."""

    def write(name: str, array: Any, bands: tuple[str, ...] = (), east_m: float = 500_000.0) -> Path:
        gdal = pytest.importorskip("osgeo.gdal")
        osr = pytest.importorskip("osgeo.osr")
        gdal.UseExceptions()
        path = tmp_path / name
        types = {"uint16": gdal.GDT_UInt16, "uint8": gdal.GDT_Byte, "float32": gdal.GDT_Float32}
        layers = array.reshape((-1, *array.shape[-2:]))
        dataset = gdal.GetDriverByName("GTiff").Create(
            str(path), layers.shape[2], layers.shape[1], len(layers), types[array.dtype.name]
        )
        crs = osr.SpatialReference()
        crs.ImportFromEPSG(32631)
        dataset.SetProjection(crs.ExportToWkt())
        dataset.SetGeoTransform((east_m, 10.0, 0.0, 4_900_000.0, 0.0, -10.0))
        for number, layer in enumerate(layers, 1):
            dataset.GetRasterBand(number).WriteArray(layer)
            if bands:
                dataset.GetRasterBand(number).SetDescription(bands[number - 1])
        return path

    return write


@pytest.fixture
def cloudy_scene(write_raster: Callable[..., Path]) -> Path:
    """A tiny Sentinel-2 image: fields in four bands, a bright cloud on them."""
    numpy = pytest.importorskip("numpy")
    rows, columns = numpy.mgrid[:SIDE_PX, :SIDE_PX]
    crop = (rows // 12 + columns // 16) % 3
    ground = numpy.stack([300 + 40 * crop, 550 + 60 * crop, 350 + 80 * crop, 3200 - 300 * crop])
    ground = ground + numpy.random.default_rng(1).integers(0, 40, ground.shape)
    ground[:, CLOUD[0], CLOUD[1]] = 7000 + 10 * (rows + columns)[CLOUD]
    return write_raster("cloudy.tif", ground.astype("uint16"), ("B2", "B3", "B4", "B8"))


@pytest.fixture
def cloud_mask(write_raster: Callable[..., Path]) -> Path:
    """The true mask of the tiny scene: 0 clear, 1 cloud."""
    numpy = pytest.importorskip("numpy")
    mask = numpy.zeros((SIDE_PX, SIDE_PX), "uint8")
    mask[CLOUD] = 1
    return write_raster("mask.tif", mask)
