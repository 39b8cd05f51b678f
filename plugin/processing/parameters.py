"""The parameters that the algorithms share."""

from __future__ import annotations

from typing import Any, List, Optional

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsRasterLayer,
)

from ..wording import tr
from .values import listed, local_path

LEVELS = ("auto", "L1C", "L2A")


class ImageParameter(QgsProcessingParameterRasterLayer):
    """A raster layer, or the path of a file or of a product that QGIS cannot load: .SAFE, zip, folder of band files."""

    def checkValueIsAcceptable(self, value: Any, context: Optional[QgsProcessingContext] = None) -> bool:
        return local_path(value) is not None or super().checkValueIsAcceptable(value, context)

    def clone(self) -> ImageParameter:
        optional = bool(self.flags() & QgsProcessingParameterDefinition.Flag.FlagOptional)
        return ImageParameter(self.name(), self.description(), self.defaultValue(), optional)


class RastersParameter(QgsProcessingParameterMultipleLayers):
    """Raster layers or paths, of products too; a date may carry its day: `FILE@2020-06-01`."""

    def checkValueIsAcceptable(self, value: Any, context: Optional[QgsProcessingContext] = None) -> bool:
        return all(isinstance(item, (str, QgsRasterLayer)) for item in listed(value))

    def clone(self) -> RastersParameter:
        return RastersParameter(self.name(), self.description(), self.layerType(), None, True)


def other_image(name: str, description: str) -> QgsProcessingParameterDefinition:
    return ImageParameter(name, description, None, True)


def other_dates(name: str) -> QgsProcessingParameterDefinition:
    return other_images(name, tr("Other dates of the same place"))


def other_images(name: str, description: str) -> QgsProcessingParameterDefinition:
    return RastersParameter(name, description, QgsProcessing.SourceType.TypeRaster, None, True)


def extent() -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterExtent("EXTENT", tr("Area"), optional=True)


def threshold() -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterNumber(
        "THRESHOLD",
        tr("Cloud probability from which a pixel is cloud, 0 to 1"),
        QgsProcessingParameterNumber.Type.Double,
        None,
        True,
        0.0,
        1.0,
    )


def grow() -> QgsProcessingParameterDefinition:
    return QgsProcessingParameterNumber(
        "GROW",
        tr("Grow the mask by pixels"),
        QgsProcessingParameterNumber.Type.Integer,
        None,
        True,
        0,
        100,
    )


def count(name: str, description: str, default: int, least: int) -> QgsProcessingParameterDefinition:
    whole = QgsProcessingParameterNumber.Type.Integer
    return QgsProcessingParameterNumber(name, description, whole, default, False, least)


def reading_parameters() -> List[QgsProcessingParameterDefinition]:
    """Gives the advanced parameters that say how the optical image is read."""
    bands = QgsProcessingParameterString("BANDS", tr("Bands in file order, e.g. B2,B3,B4,B8"), optional=True)
    level = static_enum("LEVEL", tr("Processing level"), LEVELS)
    offset = QgsProcessingParameterNumber(
        "OFFSET",
        tr("Offset added to the digital numbers, e.g. -1000"),
        QgsProcessingParameterNumber.Type.Double,
        None,
        True,
    )
    return [advanced(parameter) for parameter in (bands, level, offset)]


def advanced(parameter: QgsProcessingParameterDefinition) -> QgsProcessingParameterDefinition:
    parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    return parameter


def advanced_text(name: str, description: str, default: str) -> QgsProcessingParameterDefinition:
    return advanced(QgsProcessingParameterString(name, description, default))


def optional_text(name: str, description: str, default: str, lines: bool = False) -> QgsProcessingParameterDefinition:
    """Gives a text that may be empty, of several lines if wanted."""
    return QgsProcessingParameterString(name, description, default, lines, True)


def static_enum(name: str, description: str, options: Any) -> QgsProcessingParameterEnum:
    """Gives a choice whose values are words, so that scripts and models can be read; the first one is the default."""
    return QgsProcessingParameterEnum(name, description, list(options), False, options[0], False, True)


def output(name: str, description: str, wanted: bool = True) -> QgsProcessingParameterRasterDestination:
    """Gives an output; one that is not wanted by default is optional."""
    return QgsProcessingParameterRasterDestination(name, description, None, not wanted, wanted)
