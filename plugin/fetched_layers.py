"""From the record of a fetch to layers of the project."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional

from qgis.core import QgsLayerTreeGroup, QgsProject, QgsRasterLayer

from ..backend.errors import OutputError
from .layers import local_file
from .results import style_image
from .wording import tr


@dataclass(frozen=True)
class Fetched:
    """Files that a job has fetched."""

    optical: Optional[str] = None
    """None if radar and dates of an image of the user's were looked for."""
    sar: Optional[str] = None
    dates: List[str] = field(default_factory=list)


@dataclass(frozen=True)
class FetchedLayers:
    """Layers of them."""

    sar: Optional[QgsRasterLayer]
    dates: List[QgsRasterLayer]


def read_record(path: str) -> Fetched:
    """Gives the files that a record names.

    Raises:
        OutputError: It cannot be read.
    """
    record = Path(path)
    try:
        told = json.loads(record.read_text(encoding="utf-8"))
        own = "optical.tif" if told["optical"] == "optical.tif" else None
        names = [own, told["sar"], *told["dates"]]
        optical, sar, *dates = [str(record.parent / name) if name else None for name in names]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            tr("What was fetched cannot be read from {}: {}").format(path, error), tr("Fetch it again.")
        ) from error
    return Fetched(optical, sar, [date for date in dates if date is not None])


def add_fetched(project: QgsProject, fetched: Fetched, image: QgsRasterLayer) -> FetchedLayers:
    """Adds radar and dates in a group below the image that they were looked for; what is open already stays as it is.

    Raises:
        OutputError: QGIS cannot open one.
    """
    group: List[QgsLayerTreeGroup] = []

    def layer_of(path: str, name: str) -> QgsRasterLayer:
        known = next((one for one in project.mapLayers().values() if _shows(one, path)), None)
        if known is not None:
            return known
        layer = QgsRasterLayer(path, name, "gdal")
        if not layer.isValid():
            raise OutputError(tr("QGIS cannot open {}.").format(path), tr("Fetch it again."))
        if not group:
            group.append(_group(project, image))
        project.addMapLayer(layer, False)
        group[0].addLayer(layer).setExpanded(False)
        return layer

    sar = layer_of(fetched.sar, tr("SAR for {}").format(image.name())) if fetched.sar else None
    dates = [layer_of(path, Path(path).stem.replace("date_", "")) for path in fetched.dates]
    for date in dates:
        style_image(date, image)
    return FetchedLayers(sar, dates)


def _shows(layer: object, path: str) -> bool:
    return isinstance(layer, QgsRasterLayer) and local_file(layer.source().split("|", 1)[0]) == Path(path)


def _group(project: QgsProject, image: QgsRasterLayer) -> QgsLayerTreeGroup:
    name = tr("SAR and dates of {}").format(image.name())
    node = project.layerTreeRoot().findLayer(image.id())
    if node is None:
        return project.layerTreeRoot().addGroup(name)
    parent = node.parent()
    group = parent.insertGroup(parent.children().index(node) + 1, name)
    group.setExpanded(False)
    return group
