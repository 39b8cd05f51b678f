"""What a swipe draws over the map: one rendered image for each side, and the bar with its labels."""

from __future__ import annotations

from typing import Any, Optional

from qgis.core import QgsMapRendererParallelJob, QgsMapSettings, QgsRectangle
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt.QtCore import QObject, QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from .swipe_bar import AFTER, BEFORE, Bar

IMAGE_Z = -5.0
"""Above the map's own image, below rubber bands and markers."""
BAR_Z = 1000.0
BAR_PX = 3.0
HANDLE_PX = 28.0
MARGIN_PX = 8.0
PADDING_PX = 5.0
LABEL_WIDTH_PX = 220.0
INK, PAPER = QColor(40, 40, 40, 230), QColor(255, 255, 255, 235)


class Picture(QgsMapCanvasItem):
    """An image of the map that is seen through a window; it moves with the map until a newer one is there."""

    def __init__(self, canvas: QgsMapCanvas) -> None:
        super().__init__(canvas)
        self.setZValue(IMAGE_Z)
        self._canvas = canvas
        self._image = QImage()
        self._window = QRectF()

    def show_image(self, image: QImage, settings: QgsMapSettings) -> None:
        """Shows what was rendered with some settings."""
        self._image = image
        self.setRect(_place(settings))

    def look_through(self, window: QRectF) -> None:
        """Sets the part of the screen in which the image is seen, in pixels from the canvas' upper left corner."""
        self._window = window
        self.update()

    def paint(self, painter: QPainter, *_: Any) -> None:
        # QGIS makes an item two pixels larger than what it places.
        place = self.boundingRect().adjusted(0, 0, -2, -2)
        painter.save()
        outline = QPainterPath()
        outline.addPolygon(self.mapFromScene(self._window.translated(self._canvas.mapToScene(0, 0))))
        painter.setClipPath(outline)
        painter.drawImage(place, self._image)
        painter.restore()


class Rendering(QObject):
    """Renders a picture in the background; a newer order gives up the one before.

    Args:
        picture: Gets the image.
        parent: Whoever holds this.
    """

    def __init__(self, picture: Picture, parent: QObject) -> None:
        super().__init__(parent)
        self._picture = picture
        self._job: Optional[QgsMapRendererParallelJob] = None

    @property
    def is_active(self) -> bool:
        return self._job is not None

    def start(self, settings: QgsMapSettings) -> None:
        self.stop()
        self._job = QgsMapRendererParallelJob(settings)
        # QGIS owns a job from here: one that is given up lives until its threads have ended.
        self._job.setParent(self)
        self._job.finished.connect(self._take)
        self._job.finished.connect(self._job.deleteLater)
        self._job.start()

    def stop(self) -> None:
        if self._job is not None:
            self._job.finished.disconnect(self._take)
            self._job.cancelWithoutBlocking()
            self._job = None

    def _take(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            self._picture.show_image(job.renderedImage(), job.mapSettings())


class BarItem(QgsMapCanvasItem):
    """The bar with its handle, and a label on each side.

    Args:
        canvas: Where.
        bar: Its state.
        before: Name of the image before.
        after: Name of the image after.
    """

    def __init__(self, canvas: QgsMapCanvas, bar: Bar, before: str, after: str) -> None:
        super().__init__(canvas)
        self.setZValue(BAR_Z)
        self._canvas = canvas
        self._bar = bar
        self._labels = {BEFORE: before, AFTER: after}

    def note_resize(self) -> None:
        self.prepareGeometryChange()

    def updatePosition(self) -> None:
        """Called by QGIS when the map is moved or turned; the bar stays where it is on the screen."""

    def boundingRect(self) -> QRectF:
        return QRectF(self._canvas.viewport().rect())

    def paint(self, painter: QPainter, *_: Any) -> None:
        area = self.boundingRect()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_bar(painter, area)
        if self._bar.filling:
            self._paint_label(painter, self._bar.filling, area, towards_bar=False)
        else:
            for label, window in zip((BEFORE, AFTER), self._bar.windows(area)):
                self._paint_label(painter, label, window, towards_bar=label == BEFORE)
        painter.restore()

    def _paint_bar(self, painter: QPainter, area: QRectF) -> None:
        place, upright = self._bar.place(area), self._bar.upright
        ends = (
            (QPointF(place, area.top()), QPointF(place, area.bottom()))
            if upright
            else (QPointF(area.left(), place), QPointF(area.right(), place))
        )
        for colour, width in ((INK, BAR_PX + 2), (PAPER, BAR_PX)):
            painter.setPen(QPen(colour, width))
            painter.drawLine(*ends)
        middle = (ends[0] + ends[1]) / 2
        painter.setPen(QPen(INK, 1))
        painter.setBrush(PAPER)
        painter.drawEllipse(middle, HANDLE_PX / 2, HANDLE_PX / 2)
        painter.setPen(QPen(INK, 2))
        for way in (-1, 1):
            painter.drawPolyline(*_arrow(middle, way, upright))

    def _paint_label(self, painter: QPainter, label: str, window: QRectF, towards_bar: bool) -> None:
        """Writes at the lower end of an upright bar, since messages lie over the upper, at the left of a lying one."""
        metrics = QFontMetricsF(painter.font())
        text = metrics.elidedText(self._labels[label], Qt.TextElideMode.ElideMiddle, LABEL_WIDTH_PX)
        box = QRectF(0, 0, metrics.horizontalAdvance(text) + 2 * PADDING_PX, metrics.height() + PADDING_PX)
        box.moveBottomLeft(window.bottomLeft() + QPointF(MARGIN_PX, -MARGIN_PX))
        if towards_bar and self._bar.upright:
            box.moveRight(window.right() - MARGIN_PX)
        elif not towards_bar and not self._bar.upright:
            box.moveTop(window.top() + MARGIN_PX)
        painter.setClipRect(window)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(INK)
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(PAPER)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.setClipping(False)


def _arrow(middle: QPointF, way: int, upright: bool) -> tuple[QPointF, QPointF, QPointF]:
    """Gives the points of an arrow head beside the middle of the handle, -1 back, 1 forth."""
    points = ((4.0 * way, -4.0), (8.0 * way, 0.0), (4.0 * way, 4.0))
    first, tip, last = (middle + (QPointF(x, y) if upright else QPointF(y, x)) for x, y in points)
    return first, tip, last


def _place(settings: QgsMapSettings) -> QgsRectangle:
    """Gives the upper left corner and the size of a rendered image as an item wants them, on turned maps too."""
    grid, size = settings.mapToPixel(), settings.outputSize()
    corner, resolution = grid.toMapCoordinates(0, 0), grid.mapUnitsPerPixel()
    right, bottom = corner.x() + size.width() * resolution, corner.y() - size.height() * resolution
    return QgsRectangle(corner.x(), bottom, right, corner.y())
