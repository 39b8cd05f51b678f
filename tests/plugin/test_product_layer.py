"""Products that are no single raster are shown in true colour and keep their own path."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from unclouded.backend.errors import InputError
from unclouded.plugin.layers import source_path
from unclouded.plugin.product_layer import band_files, open_product

from .conftest import write_raster


@pytest.fixture
def product(tmp_path: Path) -> Path:
    folder = tmp_path / "S2A_MSIL2A.SAFE" / "GRANULE" / "L2A" / "IMG_DATA"
    for resolution_m, bands in ((10, ("02", "03", "04")), (20, ("02", "8A"))):
        (folder / f"R{resolution_m}m").mkdir(parents=True)
        for number, band in enumerate(bands):
            path = folder / f"R{resolution_m}m" / f"T33_2020_B{band}_{resolution_m}m.tif"
            write_raster(path, bands=1, value=1000 * (number + 1))
    return tmp_path / "S2A_MSIL2A.SAFE"


def test_the_finest_file_of_each_band_is_found(product):
    files = band_files(product)
    assert set(files) == {"2", "3", "4", "8A"}
    assert files["2"].endswith("_B02_10m.tif")


def test_a_folder_is_shown_in_true_colour_and_knows_its_path(product):
    layer = open_product(str(product))
    assert layer.bandCount() == 3
    assert ["B4" in layer.bandName(1), "B3" in layer.bandName(2), "B2" in layer.bandName(3)] == [True] * 3
    assert layer.crs().authid() == "EPSG:32633"
    assert (layer.extent().xMinimum(), layer.extent().yMaximum()) == (500_000, 5_000_080)
    assert layer.dataProvider().sample(layer.extent().center(), 1)[0] >= 3000
    assert source_path(layer) == str(product)


def test_a_zip_is_shown_without_unpacking(product, tmp_path):
    path = tmp_path / "product.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in product.rglob("*.tif"):
            archive.write(file, file.relative_to(tmp_path))
    layer = open_product(str(path))
    assert layer.bandCount() == 3
    assert source_path(layer) == str(path)


def test_a_folder_with_other_bands_shows_one_of_them(tmp_path):
    write_raster(tmp_path / "scene_B8A.tif", bands=1)
    assert open_product(str(tmp_path)).bandCount() == 1


def test_a_plain_raster_is_opened_as_it_is(tmp_path):
    path = write_raster(tmp_path / "scene.tif")
    assert source_path(open_product(path)) == path


def test_what_holds_no_bands_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no band files"):
        open_product(str(tmp_path / "empty"))
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(InputError, match="cannot be opened as a zip"):
        open_product(str(tmp_path / "broken.zip"))
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(InputError, match="cannot open"):
        open_product(str(tmp_path / "text.tif"))


def test_the_dock_adds_a_product_and_chooses_it(open_dock, product):
    dock = open_dock()
    dock.inputs.open(str(product))
    assert source_path(dock.inputs.optical) == str(product)
    assert dock.pages.currentWidget() is not dock.empty


def test_the_dock_says_why_a_file_cannot_be_opened(open_dock, tmp_path, qgis_iface):
    qgis_iface.messageBar().clear_messages()
    open_dock().inputs.open(str(tmp_path))
    assert any("holds no band files" in text for texts in qgis_iface.messageBar().messages.values() for text in texts)
