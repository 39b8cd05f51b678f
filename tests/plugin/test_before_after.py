"""The two pictures can be held against each other: same place, same bands, same stretch."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from osgeo import gdal
from qgis.core import QgsRasterLayer
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QSize
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QWidget

from unclouded.backend.errors import OutputError
from unclouded.plugin.before_after import BeforeAfter

from .conftest import SIDE_PX, wait_until, write_raster


@pytest.fixture
def pictures(qgis_app) -> Iterator[BeforeAfter]:
    parent = QWidget()
    widget = BeforeAfter(parent)
    yield widget
    widget.stop()
    parent.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def draw(pictures: BeforeAfter, source: QgsRasterLayer, result: str) -> None:
    pictures.show_result(source, result)
    wait_until(lambda: not pictures.is_drawing, "the pictures")


def cloud_over(path: Path) -> str:
    """Makes the upper half of each band a bright cloud."""
    file = gdal.Open(str(path), gdal.GA_Update)
    rows = SIDE_PX // 2
    for number in range(1, file.RasterCount + 1):
        file.GetRasterBand(number).WriteRaster(
            0, 0, SIDE_PX, rows, struct.pack(f"<{SIDE_PX * rows}H", *[9000] * SIDE_PX * rows)
        )
    del file
    return str(path)


@pytest.mark.parametrize("bands", [1, 4])
def test_ground_that_kept_its_values_looks_the_same_beside_a_cloud(pictures, tmp_path, bands):
    cloudy = cloud_over(Path(write_raster(tmp_path / "cloudy.tif", bands)))
    source = QgsRasterLayer(cloudy, "cloudy", "gdal")
    draw(pictures, source, write_raster(tmp_path / "clear.tif", bands))
    before, after = pictures.before.image, pictures.after.image
    assert before.size() == after.size() == QSize(400, 400)
    ground = [(x, 350) for x in range(25, 400, 50)]
    assert [before.pixel(*at) for at in ground] == [after.pixel(*at) for at in ground]
    assert len({before.pixel(*at) for at in ground}) > 4
    assert QColor(before.pixel(100, 100)) == QColor("white")
    assert QColor(after.pixel(100, 100)) != QColor("white")


def test_ground_that_changed_its_values_looks_different(pictures, tmp_path):
    source = QgsRasterLayer(write_raster(tmp_path / "scene.tif"), "scene", "gdal")
    draw(pictures, source, write_raster(tmp_path / "result.tif", value=5000))
    assert QColor(pictures.after.image.pixel(200, 50)) == QColor("white")
    assert QColor(pictures.before.image.pixel(200, 50)) != QColor("white")


def test_the_layer_on_the_map_keeps_its_style(pictures, tmp_path):
    source = QgsRasterLayer(write_raster(tmp_path / "scene.tif"), "scene", "gdal")
    stretch = source.renderer().redContrastEnhancement().maximumValue()
    draw(pictures, source, write_raster(tmp_path / "result.tif", value=10))
    assert source.renderer().redContrastEnhancement().maximumValue() == stretch


def test_a_result_that_cannot_be_opened_is_said(pictures, tmp_path):
    source = QgsRasterLayer(write_raster(tmp_path / "scene.tif"), "scene", "gdal")
    with pytest.raises(OutputError, match=r"gone\.tif"):
        pictures.show_result(source, str(tmp_path / "gone.tif"))
