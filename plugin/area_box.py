"""The choice of the area, with a rectangle that can be drawn on the map."""

from __future__ import annotations

from typing import Optional

from qgis.core import (
    QgsGeometry,
    QgsMapLayerType,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsWkbTypes,
)
from qgis.gui import QgisInterface, QgsMapToolExtent, QgsRubberBand
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

from ..backend.errors import UsageError
from .area import Area, bounding_box, selection_extent
from .form_layout import shrinkable
from .remember import remember
from .settings import Setting
from .wording import tr


class AreaBox(QWidget):
    """Which part of the image is treated.

    Args:
        iface: QGIS.
        parent: The dock.
    """

    changed = pyqtSignal()

    def __init__(self, iface: QgisInterface, parent: QWidget) -> None:
        super().__init__(parent)
        self._iface = iface
        self._canvas = iface.mapCanvas()
        self._drawn: Optional[QgsReferencedRectangle] = None
        self._tool: Optional[QgsMapToolExtent] = None
        self._previous_tool = None
        self._outline = _outline(self._canvas)
        self.choice = QComboBox(self)
        self.draw_button = QPushButton(tr("Dra&w"), self)
        self._build()
        remember(self.choice, Setting.AREA)
        self.choice.currentIndexChanged.connect(self._note_choice)
        self._note_choice()

    @property
    def area(self) -> Area:
        """What is chosen."""
        return Area(self.choice.currentData())

    def box(self, layer: QgsRasterLayer) -> Optional[list[float]]:
        """Gives the bounding box for a job on a layer; None for the whole layer.

        Raises:
            UncloudedError: The area is not there yet, or misses the layer.
        """
        if self.area in (Area.WHOLE, Area.HAZE):
            return None
        if self.area == Area.CANVAS:
            return self.visible_box(layer)
        if self.area == Area.SELECTION:
            others = QgsProject.instance().mapLayers().values()
            vectors = [other for other in others if other.type() == QgsMapLayerType.VectorLayer]
            return bounding_box(layer, selection_extent(self._iface.activeLayer(), vectors), tr("The selection"))
        if self._drawn is None:
            raise UsageError(tr("No rectangle is drawn."), tr("Press “Draw” and drag a rectangle on the map."))
        return bounding_box(layer, self._drawn, tr("The rectangle"))

    def visible_box(self, layer: QgsRasterLayer) -> list[float]:
        """Gives the part of a layer that is visible on the map.

        Raises:
            InputError: None is.
        """
        crs = self._canvas.mapSettings().destinationCrs()
        return bounding_box(
            layer, QgsReferencedRectangle(self._canvas.extent(), crs), tr("The visible part of the map")
        )

    def draw(self) -> None:
        """Lets the user drag a rectangle on the map."""
        self._stop_drawing()
        self._previous_tool = self._canvas.mapTool()
        self._tool = QgsMapToolExtent(self._canvas)
        self._tool.extentChanged.connect(self._take_rectangle)
        self._canvas.setMapTool(self._tool)

    def remove_from_map(self) -> None:
        """Takes tool and outline off the map."""
        self._stop_drawing()
        self._canvas.scene().removeItem(self._outline)

    def _take_rectangle(self, rectangle: QgsRectangle) -> None:
        if not rectangle.isEmpty():
            crs = self._canvas.mapSettings().destinationCrs()
            self._drawn = QgsReferencedRectangle(rectangle, crs)
            self._stop_drawing()
            self._show_outline()
            self.changed.emit()

    def _stop_drawing(self) -> None:
        if self._tool is not None:
            self._tool.extentChanged.disconnect(self._take_rectangle)
            self._canvas.unsetMapTool(self._tool)
            self._tool = None
        if self._previous_tool is not None:
            self._canvas.setMapTool(self._previous_tool)
            self._previous_tool = None

    def _note_choice(self) -> None:
        drawn = self.area == Area.DRAWN
        self.draw_button.setVisible(drawn)
        self._show_outline()
        self.changed.emit()

    def _show_outline(self) -> None:
        self._outline.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
        if self.area == Area.DRAWN and self._drawn is not None:
            self._outline.setToGeometry(QgsGeometry.fromRect(self._drawn), self._drawn.crs())

    def _build(self) -> None:
        for area, text, tip in _choices():
            self.choice.addItem(text, area.value)
            self.choice.setItemData(self.choice.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.choice.setToolTip(tr("The part of the image that is treated; the result covers the same part."))
        shrinkable(self.choice)
        self.draw_button.setToolTip(tr("Drag a rectangle on the map"))
        self.draw_button.clicked.connect(self.draw)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.choice, 1)
        row.addWidget(self.draw_button)
        self.setFocusProxy(self.choice)


def _choices() -> tuple[tuple[Area, str, str], ...]:
    return (
        (Area.WHOLE, tr("Whole image"), tr("All of the layer")),
        (Area.CANVAS, tr("Visible part of the map"), tr("What the map shows when you press the button")),
        (Area.DRAWN, tr("Drawn rectangle"), tr("A rectangle that you drag on the map")),
        (Area.SELECTION, tr("Extent of the selected polygons"), tr("The rectangle round the selected features")),
        (
            Area.HAZE,
            tr("Whole image, haze too"),
            tr("Every pixel is reconstructed, also thin haze: clear pixels do not keep their measured values"),
        ),
    )


def _outline(canvas: object) -> QgsRubberBand:
    outline = QgsRubberBand(canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
    outline.setStrokeColor(QColor(230, 97, 1))
    outline.setFillColor(QColor(230, 97, 1, 30))
    outline.setWidth(2)
    return outline
