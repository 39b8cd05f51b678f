"""From a layer in QGIS to the path that the backend opens, or the reason why there is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

from qgis.core import QgsRasterLayer, QgsRasterLayerTemporalProperties

from ..backend.errors import InputError
from .wording import tr

PRODUCT = "unclouded/product"
"""Custom property of a layer that shows a product (.SAFE, zip, folder of band files): the product's path."""
REMOTE = ("/vsicurl", "/vsis3", "/vsigs", "/vsiaz", "/vsioss", "/vsiswift", "/vsihdfs", "http://", "https://", "ftp://")
SERVICES = ("<", "WMS:", "WMTS:", "WCS:", "PG:", "PLMOSAIC:", "TILEDB:")
MEMORY = ("/vsimem/", "MEM:")
ARCHIVE = re.compile(r"^(?:/vsi(?:zip|tar|gzip|7z|rar)/)+")
SUBDATASET = re.compile(r'^[A-Z][A-Z0-9_]+:(?:\d+:)?"?(.+)$', re.DOTALL)


def source_path(layer: QgsRasterLayer) -> str:
    """Gives what the backend opens to read the pixels of a layer: a file, a product or a GDAL sub-dataset.

    Raises:
        InputError: The pixels lie in no file, or the file has vanished.
    """
    if layer.providerType() != "gdal":
        raise _no_file(layer, tr("it comes from a web or database service"))
    source = str(layer.customProperty(PRODUCT) or layer.source().split("|", 1)[0])
    if source.startswith(SERVICES):
        raise _no_file(layer, tr("it comes from a web or database service"))
    if source.startswith(MEMORY):
        raise _no_file(layer, tr("it lives in the memory of QGIS"))
    file = local_file(source)
    if file is not None and not file.exists():
        raise InputError(
            tr("The file of layer “{}” is no longer there: {}.").format(layer.name(), file),
            tr("Put it back, or load the layer from where it is now."),
        )
    return source


def date_spec(layer: QgsRasterLayer) -> str:
    """Gives the path of another date, with its day if the layer's temporal properties fix one.

    Raises:
        InputError: As source_path.
    """
    path = source_path(layer)
    temporal = layer.temporalProperties()
    mode = QgsRasterLayerTemporalProperties.TemporalMode.FixedTemporalRange
    if temporal.isActive() and temporal.mode() == mode and temporal.fixedTemporalRange().begin().isValid():
        return f"{path}@{temporal.fixedTemporalRange().begin().date().toString('yyyy-MM-dd')}"
    return path


def local_file(source: str) -> Optional[Path]:
    """Gives the file on this computer that holds a GDAL source; None for remote ones and unknown spellings."""
    if source.startswith(REMOTE):
        return None
    archive = ARCHIVE.match(source)
    if archive:
        return _archive_file(source[archive.end() :])
    subdataset = SUBDATASET.match(source)
    if subdataset and not Path(source).exists():
        return _existing_start(subdataset[1])
    return Path(source)


def _archive_file(inside: str) -> Optional[Path]:
    """Finds the archive in `ARCHIVE/path/inside`; the path itself if nothing of it exists."""
    path = Path(inside)
    for candidate in (path, *path.parents):
        if candidate.is_file():
            return candidate
    return path


def _existing_start(rest: str) -> Optional[Path]:
    """Finds the file in `FILE":variable` or `FILE:10m:EPSG_32631`; None if the spelling is not understood."""
    archive = ARCHIVE.match(rest)
    if archive:
        return _archive_file(rest[archive.end() :].split('"')[0])
    if '"' in rest:
        return Path(rest.split('"')[0])
    parts = rest.split(":")
    starts = [Path(":".join(parts[:count])) for count in range(len(parts), 0, -1)]
    return next((start for start in starts if start.exists()), None)


def _no_file(layer: QgsRasterLayer, reason: str) -> InputError:
    return InputError(
        tr("Layer “{}” cannot be used: {}, not from a file.").format(layer.name(), reason),
        tr("Save it as a GeoTIFF (right click, Export, Save as) and use that: measured values are needed, no picture."),
    )
