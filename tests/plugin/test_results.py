"""Result files become styled layers."""

from __future__ import annotations

import pytest
from qgis.core import QgsMultiBandColorRenderer, QgsProject, QgsRasterLayer

from unclouded.backend.errors import OutputError
from unclouded.backend.protocol import Done
from unclouded.plugin.results import Source, add_result, style_error, style_image, style_mask, style_uncertainty

from .conftest import write_raster


def shown_bands(layer: QgsRasterLayer) -> list[int]:
    renderer = layer.renderer()
    return [renderer.redBand(), renderer.greenBand(), renderer.blueBand()]


def test_the_result_shows_the_same_bands_with_its_own_stretch(add_layer, tmp_path):
    source = add_layer("bright", value=9000)
    source.setRenderer(QgsMultiBandColorRenderer(source.dataProvider(), 4, 3, 2))
    source.setDefaultContrastEnhancement()
    image = QgsRasterLayer(write_raster(tmp_path / "dark.tif", value=500), "dark", "gdal")
    style_image(image, source)
    assert shown_bands(image) == [4, 3, 2]
    stretch = image.renderer().redContrastEnhancement()
    assert 800 <= stretch.minimumValue() < stretch.maximumValue() <= 863


def test_bands_are_found_by_name_if_the_counts_differ(add_layer, tmp_path):
    source = add_layer("stack")
    source.setRenderer(QgsMultiBandColorRenderer(source.dataProvider(), 3, 2, 1))
    image = QgsRasterLayer(write_raster(tmp_path / "more.tif", bands=6), "more", "gdal")
    style_image(image, source)
    assert shown_bands(image) == [1, 2, 3]
    few = QgsRasterLayer(write_raster(tmp_path / "few.tif"), "few", "gdal")
    three = add_layer("three", bands=3)
    style_image(few, three)
    assert shown_bands(few) == [1, 2, 3]


def test_the_mask_has_a_colour_for_each_class(add_layer):
    layer = add_layer("mask", bands=1)
    style_mask(layer)
    classes = {entry.value: entry for entry in layer.renderer().classes()}
    assert set(classes) == {0, 1, 2}
    assert classes[0].color.alpha() == 0
    assert classes[1].color.alpha() == classes[2].color.alpha() == 255
    assert classes[1].color != classes[2].color


def test_the_uncertainty_is_transparent_where_it_is_zero(add_layer):
    layer = add_layer("uncertainty")
    style_uncertainty(layer)
    items = layer.renderer().shader().rasterShaderFunction().colorRampItemList()
    assert items[0].value == 0
    assert items[0].color.alpha() == 0
    assert items[-1].value == pytest.approx(1063)


def test_an_image_alone_needs_no_group(add_layer, tmp_path):
    source = add_layer("scene")
    done = Done("1", write_raster(tmp_path / "clear.tif"))
    image = add_result(QgsProject.instance(), done, Source(source.id(), "scene"))
    names = [node.name() for node in QgsProject.instance().layerTreeRoot().children()]
    assert names == ["scene without clouds", "scene"]
    assert image.isValid()


def test_further_results_of_a_source_are_named_after_their_methods(add_layer, tmp_path):
    source = add_layer("scene")
    done = Done("1", write_raster(tmp_path / "clear.tif"))
    methods = ("fusion", "inpaint", "inpaint")
    images = [add_result(QgsProject.instance(), done, Source(source.id(), "scene", method=name)) for name in methods]
    assert [image.name() for image in images] == [
        "scene without clouds",
        "scene without clouds (inpaint)",
        "scene without clouds (inpaint 2)",
    ]
    order = QgsProject.instance().layerTreeRoot().layerOrder()
    assert order == [*reversed(images), source]


def test_a_source_in_a_group_gets_its_result_there(add_layer, tmp_path):
    source = add_layer("scene")
    root = QgsProject.instance().layerTreeRoot()
    group = root.addGroup("2020")
    node = root.findLayer(source.id())
    group.addChildNode(node.clone())
    root.removeChildNode(node)
    add_result(QgsProject.instance(), Done("1", write_raster(tmp_path / "clear.tif")), Source(source.id(), "scene"))
    assert [child.name() for child in group.children()] == ["scene without clouds", "scene"]


def test_a_result_that_vanished_is_an_error(tmp_path):
    with pytest.raises(OutputError, match=r"gone\.tif"):
        add_result(QgsProject.instance(), Done("1", str(tmp_path / "gone.tif")), Source("", "scene"))


def test_the_error_has_a_style_for_each_band_that_is_white_at_zero(add_layer):
    layer = add_layer("error")
    style_error(layer)
    styles = layer.styleManager()
    assert styles.styles() == ["B2", "B3", "B4", "B8"]
    assert styles.currentStyle() == "B4"
    styles.setCurrentStyle("B8")
    renderer = layer.renderer()
    assert renderer.usesBands() == [4]
    assert renderer.classificationMin() == -renderer.classificationMax()
    assert 1300 < renderer.classificationMax() <= 1363
    items = renderer.shader().rasterShaderFunction().colorRampItemList()
    middle = next(item for item in items if item.value == 0)
    assert min(middle.color.getRgb()) > 240
    assert items[0].color.blue() > items[0].color.red()
    assert items[-1].color.red() > items[-1].color.blue()
