"""How the values of an algorithm's parameters become the plain ones of a job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingOutputLayerDefinition,
    QgsRasterLayer,
    QgsReferencedRectangle,
)

from ...backend.errors import UnreadableRaster
from ..area import bounding_box
from ..layers import date_spec, source_path
from ..product_layer import open_product
from ..wording import tr

OUTPUTS = ("OUTPUT", "MASK_OUTPUT", "UNCERTAINTY_OUTPUT", "ERROR_OUTPUT", "REPORT")


class Values:
    """The values that a user gave to an algorithm.

    Args:
        algorithm: The algorithm, which knows its parameters.
        given: The values by the parameters' names.
        context: Where layers are looked up.
    """

    def __init__(self, algorithm: QgsProcessingAlgorithm, given: Dict[str, Any], context: QgsProcessingContext) -> None:
        self._algorithm = algorithm
        self._given = given
        self._context = context

    def text(self, name: str) -> str:
        return str(self._algorithm.parameterAsString(self._given, name, self._context)).strip()

    def choice(self, name: str) -> str:
        return str(self._algorithm.parameterAsEnumString(self._given, name, self._context))

    def flag(self, name: str) -> bool:
        return bool(self._algorithm.parameterAsBoolean(self._given, name, self._context))

    def number(self, name: str) -> Optional[float]:
        """Gives a number, which may have come as text, or its default; None if there is neither."""
        default = self._algorithm.parameterDefinition(name).defaultValue()
        if self._given.get(name, default) in (None, ""):
            return None
        return float(self._algorithm.parameterAsDouble(self._given, name, self._context))

    def whole_number(self, name: str) -> Optional[int]:
        """Gives a whole number or its default; None if there is neither."""
        value = self.number(name)
        return None if value is None else round(value)

    def image(self, name: str) -> Optional[str]:
        """Gives what the backend opens for a raster parameter; None if it is not set.

        Raises:
            UncloudedError: It cannot be loaded, or the layer has no file that the backend could open.
        """
        value = self._given.get(name)
        return local_path(value) or (source_path(self._loaded(name)) if value else None)

    def dates(self, name: str) -> List[str]:
        """Gives the other dates, each `FILE` or `FILE@2020-06-01`."""
        return [self._date(item) for item in listed(self._given.get(name))]

    def bbox(self, name: str, optical: str) -> Optional[List[float]]:
        """Gives an area as xmin, ymin, xmax, ymax in the CRS of the optical image; None for the whole image.

        Args:
            name: The parameter that holds the area.
            optical: The parameter that holds the optical image.

        Raises:
            UncloudedError: The area does not touch the image.
        """
        if self._given.get(name) in (None, ""):
            return None
        path = local_path(self._given.get(optical))
        layer = open_product(path) if path else self._loaded(optical)
        area = self._algorithm.parameterAsExtent(self._given, name, self._context)
        crs = self._algorithm.parameterAsExtentCrs(self._given, name, self._context)
        return bounding_box(layer, QgsReferencedRectangle(area, crs), tr("The area"))

    def degrees(self, name: str) -> Optional[List[float]]:
        """Gives an area as west, south, east, north in degrees (WGS 84); None if it is not set."""
        if self._given.get(name) in (None, ""):
            return None
        degrees = QgsCoordinateReferenceSystem("EPSG:4326")
        area = self._algorithm.parameterAsExtent(self._given, name, self._context, degrees)
        return [area.xMinimum(), area.yMinimum(), area.xMaximum(), area.yMaximum()]

    def output(self, name: str) -> Optional[str]:
        """Gives the path of an output; None if it is not wanted."""
        return self._algorithm.parameterAsOutputLayer(self._given, name, self._context) or None

    def file_output(self, name: str) -> str:
        """Gives the path of an output that is no layer."""
        return str(self._algorithm.parameterAsFileOutput(self._given, name, self._context))

    def folder(self, name: str) -> Optional[str]:
        """Gives the path of a folder; None if it is not set."""
        return self.text(name) or None

    def images(self, name: str) -> List[str]:
        """Gives what the backend opens for each of several rasters.

        Raises:
            UncloudedError: As image.
        """
        return [self._image(item) for item in listed(self._given.get(name))]

    def overwritten(self, inputs: List[str]) -> str:
        """Gives the output that would replace an input or another output; empty if none would."""
        taken = {_absolute(path) for path in inputs}
        for name in OUTPUTS:
            value = self._chosen(name)
            if value and _absolute(value) in taken:
                return value
            taken |= {_absolute(value)} if value else set()
        return ""

    def beside(self, name: str, suffixes: Sequence[str]) -> str:
        """Gives a file that would be replaced though the one that it belongs to is new; empty if there is none.

        Args:
            name: The parameter of the file that is chosen.
            suffixes: Of those that appear beside it under the same name.
        """
        chosen = self._chosen(name)
        if not chosen or Path(chosen).exists():
            return ""
        others = (Path(chosen).with_suffix(suffix) for suffix in suffixes)
        return next((str(path) for path in others if path.exists()), "")

    def layer(self, name: str) -> Optional[QgsRasterLayer]:
        """Gives the layer of a raster parameter; None if it is not set, or a file."""
        if local_path(self._given.get(name)):
            return None
        return self._algorithm.parameterAsRasterLayer(self._given, name, self._context)

    def _chosen(self, name: str) -> str:
        """Gives the path of an output; empty if it is a temporary one, or not wanted."""
        value = self._given.get(name)
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            value = value.sink.staticValue()
        return value if isinstance(value, str) and value != QgsProcessing.TEMPORARY_OUTPUT else ""

    def _loaded(self, name: str) -> QgsRasterLayer:
        layer = self.layer(name)
        if layer is None:
            raise UnreadableRaster(str(self._given.get(name)), tr("QGIS cannot load it"))
        return layer

    def _image(self, item: Any) -> str:
        path = local_path(item)
        if path is not None:
            return path
        layer = item if isinstance(item, QgsRasterLayer) else self._context.getMapLayer(item)
        if not isinstance(layer, QgsRasterLayer):
            raise UnreadableRaster(str(item), tr("QGIS cannot load it"))
        return source_path(layer)

    def _date(self, item: Any) -> str:
        path = local_path(item)
        if path is not None:
            return path
        layer = item if isinstance(item, QgsRasterLayer) else self._context.getMapLayer(item)
        return date_spec(layer) if isinstance(layer, QgsRasterLayer) else str(item)


def local_path(value: Any) -> Optional[str]:
    """Gives the path of an existing file or folder, or None if the value is none.

    The backend opens it and QGIS need not, which cannot open every product and writes statistics beside what it opens.

    Args:
        value: A parameter's value; the metadata file inside a .SAFE folder stands for the folder.
    """
    if not isinstance(value, str) or not value:
        return None
    path = Path(value)
    if path.suffix.lower() == ".xml" and path.name.startswith("MTD_MSI") and path.is_file():
        return str(path.parent.absolute())
    return str(path.absolute()) if path.exists() else None


def listed(value: Any) -> List[Any]:
    """Gives the items of a value that may be one, several, several in one text with semicolons, or none."""
    if isinstance(value, str):
        return [item for item in value.split(";") if item]
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def _absolute(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))
