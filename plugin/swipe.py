"""Two layers on one map, divided by a bar that the mouse moves. No layer and no tool of the map is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Tuple

from qgis.core import QgsMapLayer, QgsMapLayerStyle, QgsMapSettings, QgsRasterLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QEvent, QObject, QPoint, QPointF, QRectF, Qt, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent, QMouseEvent
from qgis.PyQt.QtWidgets import QApplication, QMenu

from .swipe_bar import Bar
from .swipe_items import BarItem, Picture, Rendering
from .wording import tr


@dataclass
class _Grip:
    """A mouse button that was pressed on the bar."""

    start: QPointF
    moved: bool = False


class Swipe(QObject):
    """Shows one layer before the bar and another one behind it, until stopped.

    The bar is dragged with the left button under any map tool; the tool has the rest of the map.

    Args:
        canvas: The map.
        before: Drawn on the left, or above a lying bar.
        after: Drawn on the right, or below.
        kin: The one after was made from the one before: the labels say so, and the one before is drawn with the style
            of the one after, so that equal pixels have equal colours.
    """

    ended = pyqtSignal()
    """The user is done."""
    others_asked = pyqtSignal()
    """The user wants to choose two other layers."""

    def __init__(self, canvas: QgsMapCanvas, before: QgsRasterLayer, after: QgsRasterLayer, kin: bool = False) -> None:
        super().__init__(canvas)
        self.bar = Bar()
        self._canvas = canvas
        self._pair = (before, after)
        self._comparable = before.bandCount() == after.bandCount()
        self._alike = kin and self._comparable
        self._twin: Optional[QgsRasterLayer] = None
        self._pictures = (Picture(canvas), Picture(canvas))
        self._renderings = tuple(Rendering(picture, self) for picture in self._pictures)
        self._item = BarItem(canvas, self.bar, *_labels(before.name(), after.name(), kin))
        self._grip: Optional[_Grip] = None
        self._menu_due = False
        self._connect()
        self._show()
        self._render()
        canvas.setFocus()

    @property
    def is_drawing(self) -> bool:
        return any(rendering.is_active for rendering in self._renderings)

    def stop(self) -> None:
        """Takes everything off the map."""
        self._canvas.viewport().unsetCursor()
        self._canvas.viewport().removeEventFilter(self)
        self._canvas.removeEventFilter(self)
        for layer in self._pair:
            layer.repaintRequested.disconnect(self._render)
        self._canvas.renderStarting.disconnect(self._render)
        for rendering in self._renderings:
            rendering.stop()
        for item in (self._item, *self._pictures):
            self._canvas.scene().removeItem(item)

    def menu(self) -> QMenu:
        """Gives the menu of the bar."""
        menu = QMenu(self._canvas)
        menu.addAction(tr("Lay the bar down") if self.bar.upright else tr("Stand the bar up"), self._turn)
        menu.addAction(tr("Flip the whole map (hold Space to peek)"), self._flip)
        same = menu.addAction(tr("Same colours on both sides"))
        same.setCheckable(True)
        same.setChecked(self._alike)
        same.setEnabled(self._comparable)
        same.toggled.connect(self._colour)
        menu.addAction(tr("Compare other layers…"), self.others_asked)
        menu.addSeparator()
        menu.addAction(tr("End the comparison (Esc)"), self.ended)
        return menu

    # What the map does

    def _render(self, *_: object) -> None:
        settings = self._canvas.mapSettings()
        for rendering, shown in zip(self._renderings, (self._drawn_before(), self._pair[1])):
            side = QgsMapSettings(settings)
            side.setLayers(stack(settings.layers(), shown, self._pair))
            rendering.start(side)

    def _drawn_before(self) -> QgsRasterLayer:
        before, after = self._pair
        if not self._alike:
            return before
        if self._twin is None:
            self._twin = before.clone()
            # Owned by Qt: a layer that Python frees after QGIS has ended brings the program down.
            self._twin.setParent(self)
        style = QgsMapLayerStyle()
        style.readFromLayer(after)
        style.writeToLayer(self._twin)
        return self._twin

    def _show(self) -> None:
        for picture, window in zip(self._pictures, self.bar.windows(self._area())):
            picture.look_through(window)
        self._item.update()

    def _area(self) -> QRectF:
        return QRectF(self._canvas.viewport().rect())

    def _connect(self) -> None:
        self._canvas.renderStarting.connect(self._render)
        for layer in self._pair:
            layer.repaintRequested.connect(self._render)
        self._handlers: Dict[QEvent.Type, Callable[..., bool]] = {
            QEvent.Type.MouseButtonPress: self._press,
            QEvent.Type.MouseMove: self._move,
            QEvent.Type.MouseButtonRelease: self._release,
            QEvent.Type.KeyPress: self._press_key,
            QEvent.Type.KeyRelease: self._release_key,
            QEvent.Type.Resize: self._resize,
            QEvent.Type.Paint: self._stay,
        }
        self._canvas.installEventFilter(self)
        self._canvas.viewport().installEventFilter(self)

    # What the user does

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Called by Qt before the map gets an event; True keeps it from the map and its tool."""
        handler = self._handlers.get(event.type())
        return handler is not None and handler(event)

    def _press(self, event: QMouseEvent) -> bool:
        if not self.bar.is_near(QPointF(event.pos()), self._area()):
            return False
        self._grip = _Grip(QPointF(event.pos())) if event.button() == Qt.MouseButton.LeftButton else None
        self._menu_due = event.button() == Qt.MouseButton.RightButton
        self._canvas.setFocus()
        return self._menu_due or self._grip is not None

    def _move(self, event: QMouseEvent) -> bool:
        if self._grip is None:
            self._point_out(event)
            return False
        way = QPointF(event.pos()) - self._grip.start
        if not self._grip.moved and way.manhattanLength() < QApplication.startDragDistance():
            return True
        if not self._grip.moved:
            self._grip.moved = True
            self.bar.turn_with(way)
        self.bar.follow(QPointF(event.pos()), self._area())
        self._show()
        return True

    def _release(self, event: QMouseEvent) -> bool:
        if self._menu_due:
            self._menu_due = False
            self._open_menu(event.pos())
            return True
        if self._grip is None:
            return False
        grip, self._grip = self._grip, None
        if not grip.moved:
            self._flip()
        return True

    def _press_key(self, event: QKeyEvent) -> bool:
        if event.key() == Qt.Key.Key_Escape:
            self.ended.emit()
            return True
        return self._peek(event, True)

    def _release_key(self, event: QKeyEvent) -> bool:
        return self._peek(event, False)

    def _peek(self, event: QKeyEvent, held: bool) -> bool:
        if event.key() != Qt.Key.Key_Space:
            return False
        if not event.isAutoRepeat():
            self.bar.peeking = held
            self._show()
        return True

    def _resize(self, event: QEvent) -> bool:
        self._item.note_resize()
        self._show()
        return False

    def _stay(self, event: QEvent) -> bool:
        """Keeps the bar on its place of the screen while the map is dragged: QGIS moves all that lies on it."""
        origin = self._canvas.mapToScene(0, 0)
        if origin != self._item.pos():
            self._item.setPos(origin)
            for picture in self._pictures:
                picture.update()
        return False

    def _point_out(self, event: QMouseEvent) -> None:
        """Shows by the cursor that the bar can be gripped; elsewhere the tool's own cursor shows."""
        viewport = self._canvas.viewport()
        if not event.buttons() and self.bar.is_near(QPointF(event.pos()), self._area()):
            shape = Qt.CursorShape.SplitHCursor if self.bar.upright else Qt.CursorShape.SplitVCursor
            viewport.setCursor(shape)
        else:
            viewport.unsetCursor()

    def _open_menu(self, place: QPoint) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self._canvas.viewport().mapToGlobal(place))

    def _turn(self) -> None:
        self.bar.turn()
        self._show()

    def _colour(self, alike: bool) -> None:
        self._alike = alike
        self._render()

    def _flip(self) -> None:
        self.bar.flip()
        self._show()


def _labels(before: str, after: str, kin: bool) -> Tuple[str, str]:
    """Gives the names alone to two results, or two days, of which none came before the other."""
    return (tr("before: {}").format(before), tr("after: {}").format(after)) if kin else (before, after)


def stack(layers: List[QgsMapLayer], shown: QgsMapLayer, pair: tuple[QgsMapLayer, QgsMapLayer]) -> List[QgsMapLayer]:
    """Puts a layer of a pair in the place of the pair's upper one, on top of all other rasters.

    Args:
        layers: Of the map, the topmost first; the pair need not be among them.
        shown: One of the pair, or a copy of it.
        pair: Both; what is not shown of them is left out.

    Returns:
        The layers, the topmost first: vectors above the pair stay above it, rasters above it would hide it.
    """
    ids = {layer.id() for layer in pair}
    first = next((index for index, layer in enumerate(layers) if layer.id() in ids), None)
    if first is None:
        first = next((index for index, layer in enumerate(layers) if isinstance(layer, QgsRasterLayer)), len(layers))
    above = [layer for layer in layers[:first] if not isinstance(layer, QgsRasterLayer)]
    below = [layer for layer in layers[first:] if layer.id() not in ids]
    return [*above, shown, *below]
