"""The state of a swipe: where the bar stands, which way it runs, and what each of its sides shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from qgis.PyQt.QtCore import QPointF, QRectF

BEFORE, AFTER = "before", "after"
REACH_PX = 8
"""From how far the bar can be gripped."""
TURNS = 2.0
"""A drag that runs so many times further along the bar than away from it turns the bar."""


@dataclass
class Bar:
    """An upright bar has `before` on its left and `after` on its right, a lying one above and below it."""

    fraction: float = 0.5
    """Of the area's width, or height, that lies before the bar, 0..1."""
    upright: bool = True
    whole: str = ""
    """`before` or `after` if that fills the area on both sides of the bar; empty if each has its side."""
    peeking: bool = False
    """Whether the other image is shown for as long as a key is held."""

    @property
    def filling(self) -> str:
        """Gives the image that fills the area now; empty if each has its side."""
        if not self.peeking:
            return self.whole
        return AFTER if self.whole == BEFORE else BEFORE

    def windows(self, area: QRectF) -> Tuple[QRectF, QRectF]:
        """Gives the parts of an area that show the image before and the one after."""
        if self.filling:
            return (area, QRectF()) if self.filling == BEFORE else (QRectF(), area)
        return self.halves(area)

    def halves(self, area: QRectF) -> Tuple[QRectF, QRectF]:
        """Gives the parts of an area that lie before and behind the bar."""
        first, second = QRectF(area), QRectF(area)
        if self.upright:
            first.setRight(self.place(area))
            second.setLeft(self.place(area))
        else:
            first.setBottom(self.place(area))
            second.setTop(self.place(area))
        return first, second

    def place(self, area: QRectF) -> float:
        """Gives the x of an upright bar, the y of a lying one, in whole pixels."""
        low, length = (area.left(), area.width()) if self.upright else (area.top(), area.height())
        return float(round(low + self.fraction * length))

    def is_near(self, point: QPointF, area: QRectF) -> bool:
        """Tells whether a point grips the bar."""
        return abs((point.x() if self.upright else point.y()) - self.place(area)) <= REACH_PX

    def flip(self) -> None:
        """Fills the area with the image before, or with the one after if that was there."""
        self.whole = AFTER if self.whole == BEFORE else BEFORE

    def turn(self) -> None:
        """Lays an upright bar down and stands a lying one up."""
        self.upright = not self.upright

    def turn_with(self, way: QPointF) -> None:
        """Turns the bar if a drag begins along it."""
        along, across = (way.y(), way.x()) if self.upright else (way.x(), way.y())
        if abs(along) > TURNS * abs(across):
            self.turn()

    def follow(self, point: QPointF, area: QRectF) -> None:
        """Moves the bar to a point, with each image on its side again."""
        self.whole = ""
        way, length = (
            (point.x() - area.left(), area.width()) if self.upright else (point.y() - area.top(), area.height())
        )
        self.fraction = min(max(way / max(length, 1.0), 0.0), 1.0)
