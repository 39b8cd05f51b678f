"""Shows a product that is no single raster (.SAFE, a zip of one, a folder of band files) as a layer in true colour.

The layer is a GDAL virtual raster written as text, so no file is made; the job gets the product's own path.
"""

from __future__ import annotations

import re
import zipfile
from html import escape
from pathlib import Path
from typing import Dict, List

from qgis.core import Qgis, QgsRasterLayer

from ..backend.errors import InputError
from .layers import PRODUCT
from .wording import tr

BAND_FILE = re.compile(r"(?:^|[_.-])B(\d{1,2}A?)(?:_(\d\d)m)?\.(?:jp2|tiff?)$", re.IGNORECASE)
TRUE_COLOUR = ("4", "3", "2")
GDAL_TYPES = {
    Qgis.DataType.Byte: "Byte",
    Qgis.DataType.UInt16: "UInt16",
    Qgis.DataType.Int16: "Int16",
    Qgis.DataType.Float32: "Float32",
    Qgis.DataType.Float64: "Float64",
}


def open_product(path: str) -> QgsRasterLayer:
    """Opens a product as a layer that shows it and knows its path.

    Args:
        path: A .SAFE folder, a zip of one, a folder of band files, or any raster.

    Raises:
        InputError: Nothing in it can be shown.
    """
    place = Path(path)
    if not place.is_dir() and place.suffix.lower() != ".zip":
        return _checked(QgsRasterLayer(path, place.stem, "gdal"), path)
    files = band_files(place)
    shown = [files[band] for band in TRUE_COLOUR if band in files] or list(files.values())[:1]
    if not shown:
        raise InputError(
            tr("{} holds no band files: names that end in _B02.jp2 or _B02.tif were expected.").format(path),
            tr("Choose the .SAFE folder, its zip, or a folder with one file for each band."),
        )
    layer = _checked(QgsRasterLayer(_virtual_raster(shown), place.stem, "gdal"), path)
    layer.setCustomProperty(PRODUCT, str(place))
    return layer


def band_files(place: Path) -> Dict[str, str]:
    """Finds the finest file of each band.

    Returns:
        GDAL paths by band (`4`, `8A`).
    """
    finest: Dict[str, tuple[int, str]] = {}
    for name in _names(place):
        match = BAND_FILE.search(name)
        if match and "QI_DATA" not in name:
            band = match[1].upper().lstrip("0")
            entry = (int(match[2] or 0), name)
            finest[band] = min(finest.get(band, entry), entry)
    return {band: name for band, (_, name) in finest.items()}


def _names(place: Path) -> List[str]:
    if place.is_dir():
        return sorted(str(name) for name in place.rglob("*") if name.is_file())
    try:
        with zipfile.ZipFile(place) as archive:
            return sorted(f"/vsizip/{place}/{name}" for name in archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            tr("{} cannot be opened as a zip archive: {}.").format(place, error), tr("Download it again.")
        ) from error


def _virtual_raster(files: List[str]) -> str:
    layers = [_checked(QgsRasterLayer(file, Path(file).stem, "gdal"), file) for file in files]
    first = layers[0]
    same = [(file, layer) for file, layer in zip(files, layers) if layer.width() == first.width()]
    bands = "".join(_band(number, file, layer) for number, (file, layer) in enumerate(same, 1))
    extent = first.extent()
    transform = (
        extent.xMinimum(), first.rasterUnitsPerPixelX(), 0.0,
        extent.yMaximum(), 0.0, -first.rasterUnitsPerPixelY(),
    )  # fmt: skip
    return (
        f'<VRTDataset rasterXSize="{first.width()}" rasterYSize="{first.height()}">'
        f"<SRS>{escape(first.crs().toWkt())}</SRS><GeoTransform>{', '.join(map(repr, transform))}</GeoTransform>"
        f"{bands}</VRTDataset>"
    )


def _band(number: int, file: str, layer: QgsRasterLayer) -> str:
    provider = layer.dataProvider()
    match = BAND_FILE.search(file)
    nodata = provider.sourceNoDataValue(1) if provider.sourceHasNoDataValue(1) else 0
    colour = ("Red", "Green", "Blue")[number - 1]
    return (
        f'<VRTRasterBand dataType="{GDAL_TYPES.get(provider.sourceDataType(1), "Float32")}" band="{number}">'
        f"<Description>B{match[1].upper().lstrip('0') if match else number}</Description>"
        f"<NoDataValue>{nodata:g}</NoDataValue><ColorInterp>{colour}</ColorInterp>"
        f"<SimpleSource><SourceFilename>{escape(file)}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>"
        "</VRTRasterBand>"
    )


def _checked(layer: QgsRasterLayer, path: str) -> QgsRasterLayer:
    if not layer.isValid():
        raise InputError(tr("QGIS cannot open {} as an image.").format(path), tr("Choose another file or folder."))
    return layer
