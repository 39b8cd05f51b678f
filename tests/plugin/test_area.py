"""Areas arrive in the coordinates of the image, cut to it."""

from __future__ import annotations

import pytest
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorLayer,
)

from unclouded.backend.errors import InputError, UsageError
from unclouded.plugin.area import Area, bounding_box, selection_extent

UTM = QgsCoordinateReferenceSystem("EPSG:32633")
DEGREES = QgsCoordinateReferenceSystem("EPSG:4326")
INSIDE = QgsRectangle(500_020, 5_000_030, 500_050, 5_000_060)


def polygons(rectangle: QgsRectangle, selected: bool) -> QgsVectorLayer:
    layer = QgsVectorLayer("Polygon?crs=EPSG:32633", "fields", "memory")
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromRect(rectangle))
    layer.dataProvider().addFeature(feature)
    if selected:
        layer.selectAll()
    QgsProject.instance().addMapLayer(layer)
    return layer


def test_an_extent_is_cut_to_the_image(add_layer):
    layer = add_layer()
    box = bounding_box(layer, QgsReferencedRectangle(QgsRectangle(0, 5_000_030, 500_050, 6_000_000), UTM), "It")
    assert box == [500_000, 5_000_030, 500_050, 5_000_080]


def test_an_extent_in_another_crs_is_brought_into_the_images(add_layer):
    layer = add_layer()
    degrees = QgsCoordinateTransform(UTM, DEGREES, QgsProject.instance()).transformBoundingBox(INSIDE)
    box = bounding_box(layer, QgsReferencedRectangle(degrees, DEGREES), "It")
    expected = [INSIDE.xMinimum(), INSIDE.yMinimum(), INSIDE.xMaximum(), INSIDE.yMaximum()]
    assert box == pytest.approx(expected, abs=0.1)


def test_an_extent_elsewhere_is_refused_by_name(add_layer):
    with pytest.raises(InputError, match="The rectangle does not touch the image “cloudy”"):
        bounding_box(add_layer(), QgsReferencedRectangle(QgsRectangle(0, 0, 1, 1), UTM), "The rectangle")


def test_without_georeference_the_box_counts_rows_downwards(add_layer):
    layer = add_layer(epsg=None)
    assert layer.extent() == QgsRectangle(0, -8, 8, 0)
    box = bounding_box(layer, QgsReferencedRectangle(QgsRectangle(1, -4, 5, -2), UTM), "It")
    assert box == [1, 2, 5, 4]


def test_the_selection_of_the_active_layer_comes_first():
    other = polygons(QgsRectangle(0, 0, 1, 1), selected=True)
    active = polygons(INSIDE, selected=True)
    assert QgsRectangle(selection_extent(active, [other, active])) == INSIDE
    active.removeSelection()
    assert QgsRectangle(selection_extent(active, [other, active])) == QgsRectangle(0, 0, 1, 1)


def test_without_a_selection_the_error_says_what_to_do():
    with pytest.raises(UsageError, match="No polygon is selected") as caught:
        selection_extent(None, [polygons(INSIDE, selected=False)])
    assert "Select one" in caught.value.hint


def test_the_drawn_rectangle_is_taken(open_dock, add_layer, qgis_iface):
    layer = add_layer()
    qgis_iface.mapCanvas().setDestinationCrs(UTM)
    area = open_dock().options.area
    area.choice.setCurrentIndex(area.choice.findData(Area.DRAWN.value))
    with pytest.raises(UsageError, match="No rectangle is drawn"):
        area.box(layer)
    area.draw_button.click()
    tool = qgis_iface.mapCanvas().mapTool()
    tool.extentChanged.emit(INSIDE)
    assert area.box(layer) == [INSIDE.xMinimum(), INSIDE.yMinimum(), INSIDE.xMaximum(), INSIDE.yMaximum()]
    assert qgis_iface.mapCanvas().mapTool() is not tool


def test_the_extent_of_the_selection_is_taken(open_dock, add_layer):
    layer = add_layer()
    polygons(INSIDE, selected=True)
    area = open_dock().options.area
    area.choice.setCurrentIndex(area.choice.findData(Area.SELECTION.value))
    assert area.box(layer) == [INSIDE.xMinimum(), INSIDE.yMinimum(), INSIDE.xMaximum(), INSIDE.yMaximum()]
