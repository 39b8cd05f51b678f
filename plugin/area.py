"""Which part of an image is to be treated, as a bounding box in the image's own coordinates."""

from __future__ import annotations

from enum import Enum
from typing import Iterable, List, Optional

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCsException,
    QgsMapLayer,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorLayer,
)

from ..backend.errors import InputError, UsageError
from .wording import tr


class Area(Enum):
    """What the user may choose; the value is what settings remember."""

    WHOLE = "whole"
    CANVAS = "canvas"
    DRAWN = "drawn"
    SELECTION = "selection"
    HAZE = "haze"


def bounding_box(layer: QgsRasterLayer, extent: QgsReferencedRectangle, what: str) -> List[float]:
    """Brings an extent into the coordinates of an image and cuts it to the image.

    Args:
        layer: The image.
        extent: In any CRS; without one it is taken to be in the image's coordinates.
        what: How to call the extent in an error.

    Returns:
        xmin, ymin, xmax, ymax in the image's CRS; of an image without georeference in pixels, rows counted downwards.

    Raises:
        InputError: The extent misses the image or cannot be brought into its CRS.
    """
    box = _transformed(extent, layer.crs(), layer, what).intersect(layer.extent())
    if box.isEmpty():
        raise InputError(
            tr("{} does not touch the image “{}”.").format(what, layer.name()),
            tr("Zoom to the image, or choose another area."),
        )
    if not layer.crs().isValid() and layer.extent().yMaximum() == 0:
        return [box.xMinimum(), -box.yMaximum(), box.xMaximum(), -box.yMinimum()]
    return [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()]


def selection_extent(active: Optional[QgsMapLayer], others: Iterable[QgsMapLayer]) -> QgsReferencedRectangle:
    """Gives the extent of the selected features: of the active layer, or of the first layer that has any.

    Raises:
        UsageError: Nothing is selected.
    """
    for layer in (active, *others):
        if isinstance(layer, QgsVectorLayer) and layer.selectedFeatureCount() > 0:
            return QgsReferencedRectangle(layer.boundingBoxOfSelected(), layer.crs())
    raise UsageError(tr("No polygon is selected."), tr("Select one in a vector layer, or choose another area."))


def _transformed(
    extent: QgsReferencedRectangle, crs: QgsCoordinateReferenceSystem, layer: QgsRasterLayer, what: str
) -> QgsRectangle:
    if not crs.isValid() or not extent.crs().isValid():
        return QgsRectangle(extent)
    try:
        return QgsCoordinateTransform(extent.crs(), crs, QgsProject.instance()).transformBoundingBox(extent)
    except QgsCsException as error:
        raise InputError(
            tr("{} cannot be brought into the coordinates of “{}”.").format(what, layer.name()),
            tr("Choose another area."),
        ) from error
