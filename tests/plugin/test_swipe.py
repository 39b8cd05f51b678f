"""The comparison on a real canvas: what is seen on either side of the bar, and what the mouse and the keys do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from osgeo import gdal, osr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsMultiBandColorRenderer,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas, QgsMapTool, QgsMapToolPan
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QPoint, QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QMouseEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication

from unclouded.plugin.swipe import Swipe, stack
from unclouded.plugin.swipe_bar import AFTER, BEFORE, Bar

from .conftest import wait_until

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)
AREA = QRectF(0, 0, 400, 300)
LEFT, RIGHT, TOP, BOTTOM = QPoint(100, 150), QPoint(300, 150), QPoint(150, 60), QPoint(150, 240)


class Tool(QgsMapTool):
    """Counts the presses that reach it."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self.presses = 0

    def canvasPressEvent(self, event: object) -> None:
        self.presses += 1


@pytest.fixture
def colour_layer(tmp_path: Path) -> Callable[..., QgsRasterLayer]:
    """Makes a layer of one colour in the project, not on the map: 1 km from (500000, 5000000), 33N."""

    def make(name: str, colour: tuple[int, int, int], epsg: int = 32633) -> QgsRasterLayer:
        path = str(tmp_path / f"{name}.tif")
        gdal.UseExceptions()
        file = gdal.GetDriverByName("GTiff").Create(path, 10, 10, 3, gdal.GDT_Byte)
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(epsg)
        file.SetProjection(reference.ExportToWkt())
        file.SetGeoTransform((500_000, 100, 0, 5_001_000, 0, -100))
        for band, value in enumerate(colour, 1):
            file.GetRasterBand(band).Fill(value)
        del file
        layer = QgsRasterLayer(path, name, "gdal")
        QgsProject.instance().addMapLayer(layer, False)
        return layer

    return make


@pytest.fixture
def canvas(qgis_iface: object) -> Iterator[QgsMapCanvas]:
    canvas = QgsMapCanvas()
    canvas.resize(400, 300)
    canvas.setCanvasColor(QColor(255, 255, 255))
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:32633"))
    canvas.show()
    canvas.setExtent(QgsRectangle(500_300, 5_000_350, 500_700, 5_000_650))
    yield canvas
    canvas.deleteLater()


@pytest.fixture
def swipe(canvas: QgsMapCanvas, colour_layer: Callable[..., QgsRasterLayer]) -> Iterator[Swipe]:
    swipe = Swipe(canvas, colour_layer("red", RED), colour_layer("blue", BLUE))
    yield swipe
    swipe.stop()


def seen(swipe: Swipe, canvas: QgsMapCanvas, *points: QPoint) -> list[tuple[int, ...]]:
    """Gives the colours on the screen once all is drawn."""
    drawn = []
    canvas.mapCanvasRefreshed.connect(lambda: drawn.append(True))
    canvas.refresh()
    wait_until(lambda: bool(drawn), "the canvas")
    wait_until(lambda: not swipe.is_drawing and not canvas.isDrawing(), "the map")
    return colours(canvas, *points)


def colours(canvas: QgsMapCanvas, *points: QPoint) -> list[tuple[int, ...]]:
    """Gives the colours on the screen now."""
    picture = canvas.viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    return [QColor(picture.pixel(point * ratio)).getRgb()[:3] for point in points]


def drag(canvas: QgsMapCanvas, start: QPoint, end: QPoint) -> None:
    left = Qt.MouseButton.LeftButton
    mouse(canvas, QEvent.Type.MouseButtonPress, start, left)
    for step in range(1, 6):
        mouse(canvas, QEvent.Type.MouseMove, start + (end - start) * step / 5, held=left)
    mouse(canvas, QEvent.Type.MouseButtonRelease, end, left)


def mouse(
    canvas: QgsMapCanvas,
    kind: QEvent.Type,
    place: QPoint,
    button: Qt.MouseButton = Qt.MouseButton.NoButton,
    held: Qt.MouseButton = Qt.MouseButton.NoButton,
) -> None:
    there = QPointF(canvas.viewport().mapToGlobal(place))
    event = QMouseEvent(kind, QPointF(place), there, button, held, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(canvas.viewport(), event)


def click(canvas: QgsMapCanvas, place: QPoint) -> None:
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def test_before_is_left_of_the_bar_and_after_right_of_it(swipe, canvas):
    assert seen(swipe, canvas, QPoint(190, 40), QPoint(210, 40)) == [RED, BLUE]


def test_the_mouse_moves_the_bar(swipe, canvas):
    drag(canvas, QPoint(200, 100), QPoint(320, 110))
    assert seen(swipe, canvas, QPoint(312, 40), QPoint(328, 40)) == [RED, BLUE]
    assert swipe.bar.fraction == pytest.approx(0.8, abs=0.01)


def test_a_drag_along_the_bar_lays_it_down_and_stands_it_up(swipe, canvas):
    drag(canvas, QPoint(200, 100), QPoint(205, 200))
    assert not swipe.bar.upright
    assert seen(swipe, canvas, QPoint(150, 190), QPoint(150, 212)) == [RED, BLUE]
    drag(canvas, QPoint(100, 200), QPoint(250, 205))
    assert swipe.bar.upright
    assert seen(swipe, canvas, QPoint(240, 40), QPoint(260, 40)) == [RED, BLUE]


def test_a_click_on_the_bar_flips_the_whole_map_and_a_drag_brings_the_sides_back(swipe, canvas):
    click(canvas, QPoint(200, 100))
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, RED]
    click(canvas, QPoint(200, 100))
    assert seen(swipe, canvas, LEFT, RIGHT) == [BLUE, BLUE]
    drag(canvas, QPoint(200, 100), QPoint(240, 100))
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, BLUE]


def test_space_shows_the_other_one_while_it_is_held(swipe, canvas):
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, RED]
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, BLUE]
    swipe.bar.whole = AFTER
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, RED]
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert seen(swipe, canvas, LEFT, RIGHT) == [BLUE, BLUE]


def test_escape_says_that_the_user_is_done(swipe, canvas):
    ended = []
    swipe.ended.connect(lambda: ended.append(True))
    QTest.keyPress(canvas, Qt.Key.Key_Escape)
    assert ended == [True]


def test_the_tool_has_the_map_and_the_swipe_only_the_bar(swipe, canvas):
    tool = Tool(canvas)
    canvas.setMapTool(tool)
    click(canvas, QPoint(100, 100))
    assert tool.presses == 1
    click(canvas, QPoint(200, 100))
    assert tool.presses == 1
    assert canvas.mapTool() is tool


def test_the_cursor_tells_where_the_bar_can_be_gripped(swipe, canvas):
    own = canvas.viewport().cursor().shape()
    mouse(canvas, QEvent.Type.MouseMove, QPoint(203, 100))
    assert canvas.viewport().cursor().shape() == Qt.CursorShape.SplitHCursor
    mouse(canvas, QEvent.Type.MouseMove, QPoint(250, 100))
    assert canvas.viewport().cursor().shape() == own


def test_the_menu_of_the_bar_turns_it_and_ends(swipe, canvas):
    ended = []
    swipe.ended.connect(lambda: ended.append(True))
    actions = swipe.menu().actions()
    actions[0].trigger()
    assert seen(swipe, canvas, TOP, BOTTOM) == [RED, BLUE]
    actions[-1].trigger()
    assert ended == [True]


def test_a_right_click_on_the_bar_opens_its_menu_and_no_other(swipe, canvas):
    tool = Tool(canvas)
    canvas.setMapTool(tool)
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, QPoint(200, 100))
    menus = [child for child in canvas.children() if child.inherits("QMenu") and child.isVisible()]
    assert len(menus) == 1
    assert tool.presses == 0
    menus[0].close()


def test_a_turned_map_and_another_extent_are_followed(swipe, canvas):
    seen(swipe, canvas)
    canvas.setRotation(30)
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, BLUE]
    canvas.setExtent(QgsRectangle(500_600, 5_000_350, 501_000, 5_000_650))
    canvas.setRotation(0)
    assert seen(swipe, canvas, LEFT, QPoint(300, 40), QPoint(395, 40))[:2] == [RED, BLUE]


def test_the_images_lie_where_the_layers_are(swipe, canvas):
    canvas.setRotation(40)
    canvas.setExtent(QgsRectangle(499_000, 4_999_500, 502_000, 5_001_500))
    swipe.bar.whole = BEFORE
    swipe._show()
    inside = [
        canvas.mapSettings().mapToPixel().transform(x, y) for x, y in ((500_050, 5_000_050), (500_950, 5_000_050))
    ]
    outside = canvas.mapSettings().mapToPixel().transform(499_900, 5_000_500)
    points = [QPoint(round(point.x()), round(point.y())) for point in (*inside, outside)]
    assert seen(swipe, canvas, *points) == [RED, RED, (255, 255, 255)]


def test_a_layer_in_another_crs_lies_in_its_place(canvas, colour_layer):
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    canvas.setExtent(QgsRectangle(15.0, 45.1511, 15.0120, 45.1605))
    swipe = Swipe(canvas, colour_layer("red", RED), colour_layer("blue", BLUE))
    assert seen(swipe, canvas, QPoint(180, 150), QPoint(220, 150)) == [RED, BLUE]
    swipe.stop()


def test_a_change_of_style_is_drawn(swipe, canvas, colour_layer):
    assert seen(swipe, canvas, LEFT) == [RED]
    before = swipe._pair[0]
    before.setOpacity(0.0)
    before.triggerRepaint()
    assert seen(swipe, canvas, LEFT) == [(255, 255, 255)]


def test_equal_pixels_have_equal_colours_if_the_sides_are_drawn_alike(canvas, colour_layer):
    before, after = colour_layer("before", RED), colour_layer("after", RED)
    after.setRenderer(QgsMultiBandColorRenderer(after.dataProvider(), 3, 2, 1))
    swipe = Swipe(canvas, before, after, kin=True)
    assert seen(swipe, canvas, LEFT, RIGHT) == [BLUE, BLUE]
    swipe.menu().actions()[2].trigger()
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, BLUE]
    assert before.renderer().redBand() == 1
    swipe.stop()


def test_images_of_different_bands_keep_their_own_colours(canvas, colour_layer, add_layer):
    swipe = Swipe(canvas, add_layer("four"), colour_layer("three", RED), kin=True)
    assert seen(swipe, canvas, RIGHT) == [RED]
    assert not swipe.menu().actions()[2].isEnabled()
    swipe.stop()


def test_the_bar_stays_while_the_map_is_dragged(swipe, canvas):
    seen(swipe, canvas)
    tool = QgsMapToolPan(canvas)
    canvas.setMapTool(tool)
    left = Qt.MouseButton.LeftButton
    mouse(canvas, QEvent.Type.MouseButtonPress, QPoint(250, 100), left, left)
    mouse(canvas, QEvent.Type.MouseMove, QPoint(240, 110), held=left)
    mouse(canvas, QEvent.Type.MouseMove, QPoint(220, 130), held=left)
    assert canvas.mapToScene(0, 0) == QPointF(30, -30)
    QCoreApplication.processEvents()
    assert colours(canvas, QPoint(190, 100), QPoint(210, 100)) == [RED, BLUE]
    assert canvas.mapFromScene(swipe._item.pos()) == QPoint(0, 0)
    mouse(canvas, QEvent.Type.MouseButtonRelease, QPoint(220, 130), left)
    assert seen(swipe, canvas, LEFT, RIGHT) == [RED, BLUE]


def test_the_bar_stays_while_the_map_turns(swipe, canvas):
    seen(swipe, canvas)
    canvas.freeze(True)
    canvas.setRotation(20)
    assert swipe._item.rotation() == 0
    assert colours(canvas, QPoint(170, 145), QPoint(230, 145)) == [RED, BLUE]
    canvas.freeze(False)


def test_a_resized_map_keeps_the_bars_share(swipe, canvas):
    canvas.resize(200, 300)
    assert seen(swipe, canvas, QPoint(90, 40), QPoint(110, 40)) == [RED, BLUE]


def test_stopping_leaves_nothing_on_the_map(canvas, colour_layer):
    canvas.setLayers([colour_layer("green", GREEN)])
    items, tool = len(canvas.scene().items()), canvas.mapTool()
    swipe = Swipe(canvas, colour_layer("red", RED), colour_layer("blue", BLUE))
    swipe.stop()
    assert len(canvas.scene().items()) == items
    assert canvas.mapTool() is tool
    assert [layer.name() for layer in canvas.layers()] == ["green"]
    assert not canvas.viewport().testAttribute(Qt.WidgetAttribute.WA_SetCursor)
    click(canvas, QPoint(200, 100))
    canvas.refresh()
    assert seen(swipe, canvas, LEFT, RIGHT) == [GREEN, GREEN]


def test_other_events_pass(swipe, canvas):
    assert not swipe.eventFilter(canvas, QEvent(QEvent.Type.Leave))


def test_the_pair_lies_above_other_rasters_and_below_vectors(colour_layer):
    before, after, other = (colour_layer(name, GREEN) for name in ("before", "after", "other"))
    roads = QgsVectorLayer("LineString?crs=EPSG:32633", "roads", "memory")
    ground = QgsVectorLayer("Polygon?crs=EPSG:32633", "ground", "memory")
    pair = (before, after)
    assert stack([roads, other, after, before, ground], before, pair) == [roads, before, ground]
    assert stack([roads, before, after, other], after, pair) == [roads, after, other]
    assert stack([roads, other, ground], after, pair) == [roads, after, other, ground]
    assert stack([roads], after, pair) == [roads, after]
    assert stack([], before, pair) == [before]


def test_a_bar_stays_in_its_area():
    bar = Bar()
    bar.follow(QPointF(900, 10), AREA)
    assert bar.windows(AREA) == (AREA, QRectF(400, 0, 0, 300))
    bar.follow(QPointF(-5, 10), AREA)
    assert bar.place(AREA) == 0
    assert bar.is_near(QPointF(5, 200), AREA)
    assert not bar.is_near(QPointF(20, 200), AREA)


def test_only_a_drag_that_clearly_runs_along_turns_the_bar():
    bar = Bar()
    bar.turn_with(QPointF(6, 10))
    assert bar.upright
    bar.turn_with(QPointF(3, 10))
    assert not bar.upright
    bar.turn_with(QPointF(3, 10))
    assert not bar.upright
    bar.turn_with(QPointF(-30, 2))
    assert bar.upright
