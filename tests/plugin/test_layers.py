"""What the backend gets to open for a layer, and why some layers are refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from qgis.core import QgsDateTimeRange, QgsRasterLayer, QgsRasterLayerTemporalProperties
from qgis.PyQt.QtCore import QDateTime

from unclouded.backend.errors import InputError
from unclouded.plugin.layers import PRODUCT, date_spec, local_file, source_path

from .conftest import write_raster


def test_a_file_is_its_path(add_layer, tmp_path):
    assert source_path(add_layer("scene")) == str(tmp_path / "scene.tif")


def test_open_options_stay_behind(tmp_path):
    path = write_raster(tmp_path / "scene.tif")
    assert source_path(QgsRasterLayer(f"{path}|option:NUM_THREADS=2", "scene", "gdal")) == path


def test_a_raster_in_an_archive_keeps_its_gdal_path(tmp_path):
    path = write_raster(tmp_path / "scene.tif")
    with zipfile.ZipFile(tmp_path / "scene.zip", "w") as archive:
        archive.write(path, "inside/scene.tif")
    source = f"/vsizip/{tmp_path}/scene.zip/inside/scene.tif"
    layer = QgsRasterLayer(source, "scene", "gdal")
    assert layer.isValid()
    assert source_path(layer) == source
    (tmp_path / "scene.zip").unlink()
    with pytest.raises(InputError, match="no longer there"):
        source_path(layer)


def test_a_product_is_its_own_path(add_layer, tmp_path):
    layer = add_layer()
    (tmp_path / "S2A.SAFE").mkdir()
    layer.setCustomProperty(PRODUCT, str(tmp_path / "S2A.SAFE"))
    assert source_path(layer) == str(tmp_path / "S2A.SAFE")


@pytest.mark.parametrize(
    ("source", "provider", "reason"),
    [
        ("type=xyz&url=http://localhost:1/{z}/{x}/{y}.png", "wms", "web or database service"),
        ("<GDAL_WMS></GDAL_WMS>", "gdal", "web or database service"),
        ("PG:dbname=x", "gdal", "web or database service"),
        ("/vsimem/x.tif", "gdal", "memory of QGIS"),
    ],
)
def test_what_is_no_file_is_refused_with_a_reason(source, provider, reason):
    with pytest.raises(InputError, match=reason) as caught:
        source_path(QgsRasterLayer(source, "layer", provider))
    assert "GeoTIFF" in caught.value.hint


def test_a_vanished_file_is_named(add_layer):
    layer = add_layer()
    Path(layer.source()).unlink()
    with pytest.raises(InputError, match="no longer there") as caught:
        source_path(layer)
    assert layer.source() in caught.value.message


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("/data/a.tif", "/data/a.tif"),
        ("C:/data/a.tif", "C:/data/a.tif"),
        ('NETCDF:"/data/x.nc":v', "/data/x.nc"),
        ('HDF5:"/data/x.h5"://v', "/data/x.h5"),
        ("/vsicurl/https://example.org/a.tif", None),
        ("/vsizip//data/none.zip/a.tif", "/data/none.zip/a.tif"),
    ],
)
def test_the_file_behind_a_gdal_source(source, file):
    assert local_file(source) == (Path(file) if file else None)


def test_the_file_behind_a_sentinel_subdataset(tmp_path):
    metadata = tmp_path / "MTD_MSIL1C.xml"
    metadata.touch()
    assert local_file(f"SENTINEL2_L1C:{metadata}:10m:EPSG_32631") == metadata


def test_a_day_fixed_in_qgis_goes_with_the_date(add_layer):
    layer = add_layer("scene")
    assert date_spec(layer) == layer.source()
    temporal = layer.temporalProperties()
    temporal.setMode(QgsRasterLayerTemporalProperties.TemporalMode.FixedTemporalRange)
    day = QDateTime.fromString("2020-06-01T10:30:00", "yyyy-MM-ddTHH:mm:ss")
    temporal.setFixedTemporalRange(QgsDateTimeRange(day, day))
    assert date_spec(layer) == layer.source()
    temporal.setIsActive(True)
    assert date_spec(layer) == f"{layer.source()}@2020-06-01"
