"""Which layers the dock offers as what, and what it says where there are none that could serve."""

from __future__ import annotations

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt

from unclouded.plugin.results import RESULT

from .conftest import results, run


def names(box: object) -> list[str]:
    return [box.itemText(row) for row in range(box.count())]


def test_a_renamed_layer_is_listed_by_its_new_name(open_dock, add_layer):
    add_layer("a")
    other = add_layer("b")
    dock = open_dock()
    other.setName("2020-06-01")
    assert dock.inputs.dates.item(0).text() == "2020-06-01"


def test_results_are_offered_for_what_they_are(open_dock, add_layer):
    source = add_layer("scene")
    dock = open_dock()
    run(dock)
    assert dock.inputs.optical is source
    assert names(dock.inputs.optical_box) == ["scene", "scene without clouds"]
    assert names(dock.inputs.sar_box) == ["None", "scene"]
    assert names(dock.inputs.mask_box) == ["Detect clouds automatically", "Clouds and shadows", "scene"]
    assert dock.inputs.dates.layers() == []


def test_a_layer_that_becomes_a_result_later_is_offered_no_more(open_dock, add_layer):
    source = add_layer("scene")
    dock = open_dock()
    dock.inputs.prefer(source)
    error = add_layer("error")
    assert "error" in names(dock.inputs.optical_box)
    error.setCustomProperty(RESULT, "error")
    assert names(dock.inputs.optical_box) == ["scene"]
    assert dock.inputs.dates.item(0).text() == "No other images"


def test_a_dock_opened_with_results_in_the_project_chooses_an_image(open_dock, add_layer):
    source = add_layer("scene")
    first = open_dock()
    run(first)
    mask = next(layer for layer in results() if layer.customProperty(RESULT) == "mask")
    second = open_dock()
    second.inputs.prefer(mask)
    assert second.inputs.optical is source
    assert second.inputs.sar_box.currentText() == "None"
    assert second.inputs.dates.item(0).text() == "No other images"
    assert second.inputs.mask_box.currentText() == "Detect clouds automatically"


def test_a_project_that_holds_only_a_mask_is_as_good_as_empty(open_dock, add_layer):
    source = add_layer("scene")
    dock = open_dock()
    run(dock)
    others = [layer.id() for layer in results() if layer.customProperty(RESULT) == "image"]
    QgsProject.instance().removeMapLayers([source.id(), *others])
    assert dock.pages.currentWidget() is dock.empty


def test_an_empty_project_says_what_to_do(open_dock, add_layer):
    dock = open_dock()
    assert dock.pages.currentWidget() is dock.empty
    layer = add_layer()
    assert dock.pages.currentWidget() is not dock.empty
    QgsProject.instance().removeMapLayer(layer.id())
    assert dock.pages.currentWidget() is dock.empty


def test_a_web_layer_is_refused_with_a_reason(open_dock, add_layer):
    layer = QgsRasterLayer("type=xyz&url=http://localhost:1/{z}/{x}/{y}.png&zmax=1&zmin=0", "tiles", "wms")
    QgsProject.instance().addMapLayer(layer)
    dock = open_dock()
    assert not dock.run_panel.run_button.isEnabled()
    assert "“tiles” cannot be used: it comes from a web" in dock.run_panel.status.text()
    dock.inputs.prefer(add_layer())
    assert dock.run_panel.run_button.isEnabled()


def test_a_method_that_needs_dates_asks_for_them(open_dock, add_layer):
    add_layer("scene")
    add_layer("scene_2")
    dock = open_dock()
    dock.options.method.setCurrentIndex(dock.options.method.findData("median"))
    assert "needs other dates" in dock.run_panel.status.text()
    dock.inputs.dates.item(0).setCheckState(Qt.CheckState.Checked)
    assert dock.run_panel.run_button.isEnabled()
