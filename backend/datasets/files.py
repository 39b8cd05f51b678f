"""Reads one file of a data set, whole or not at all: what is missing or damaged is named, never read as zeros."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio

from ..errors import UnreadableSample
from ..raster import RASTER_ERRORS
from ..sensors import Float
from .place import SCALE, opened

RGB = ("B4", "B3", "B2")
"""Bands of images for the screen, as they lie in the file."""
FAST = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_ERROR_ON_LIBJPEG_WARNING": "TRUE"}
"""Folders of these data sets hold a hundred thousand files, which GDAL would list for each that it opens."""
PNG_END = b"IEND\xaeB`\x82"


def read_optical(path: Path | str, count: int, scale: float = SCALE, may_be_empty: bool = False) -> Float:
    """Reads an image as reflectance.

    Args:
        path: Of the file; it may lie in a zip (/vsizip/...).
        count: Bands that it should have.
        scale: Reflectance of a digital number.
        may_be_empty: One day of a series may have measured nothing here.

    Returns:
        (C, H, W) reflectance, 0 where not measured.

    Raises:
        UnreadableSample: It is missing or damaged, has other bands, or holds no measured pixel.
    """
    stored = read_bands(path, count)
    if np.issubdtype(stored.dtype, np.floating):
        np.nan_to_num(stored, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    if not (may_be_empty or stored.any()):
        raise UnreadableSample(str(path), "it holds no measured pixel")
    reflectance: Float = np.multiply(stored, np.float32(scale), dtype=np.float32)
    return reflectance


def read_rgb(path: Path | str) -> Float:
    """Reads an image for the screen: 0..255 is taken for reflectance 0..1, whatever brightness its makers chose.

    Returns:
        (3, H, W) of the bands RGB.

    Raises:
        UnreadableSample: As read_optical.
    """
    return read_optical(path, len(RGB), 1 / 255)


def read_sar(path: Path | str) -> Float:
    """Reads Sentinel-1 backscatter.

    Returns:
        (2, H, W) VV and VH in dB, NaN where missing (both exactly 0, or not finite).

    Raises:
        UnreadableSample: It is missing or damaged, has other bands, or holds no measured pixel.
    """
    values = read_bands(path, 2).astype(np.float32)
    missing = ~np.isfinite(values).all(axis=0) | ~values.any(axis=0)
    if missing.all():
        raise UnreadableSample(str(path), "it holds no measured pixel")
    values[:, missing] = np.nan
    return values


def read_bands(path: Path | str, count: int | None) -> np.ndarray:
    """Reads all bands as stored.

    Args:
        path: Of the file.
        count: Bands that it should have; None for any number.

    Returns:
        (C, H, W)

    Raises:
        UnreadableSample: The file is missing or damaged, or has another number of bands.
    """
    _check_whole(str(path))
    try:
        with rasterio.Env(**FAST), opened(str(path)) as dataset:
            bands = _without_alpha(dataset)
            if count is not None and len(bands) != count:
                raise UnreadableSample(str(path), f"{count} bands were expected, it has {len(bands)}")
            values: np.ndarray = dataset.read(bands)
            return values
    except RASTER_ERRORS as error:
        raise UnreadableSample(str(path), str(error.__cause__ or error)) from error


def check_sizes(images: dict[str, np.ndarray]) -> None:
    """Refuses files of one place that are not of one size.

    Args:
        images: (..., H, W) for each path.

    Raises:
        UnreadableSample: One differs from the first.
    """
    (first, image), *others = images.items()
    for path, other in others:
        if other.shape[-2:] != image.shape[-2:]:
            sizes = [f"{shown.shape[-1]} x {shown.shape[-2]} px" for shown in (other, image)]
            raise UnreadableSample(path, f"it is {sizes[0]}, {first} is {sizes[1]}")


def _check_whole(path: str) -> None:
    """Finds what GDAL would not tell: of a PNG that was cut off it gives the rest as chance has it."""
    if path.startswith("/vsi"):
        return
    file = Path(path)
    try:
        size, end = file.stat().st_size, b""
        if file.suffix.lower() == ".png":
            with file.open("rb") as stream:
                stream.seek(-min(64, size), 2)
                end = stream.read()
    except OSError as error:  # it may vanish at any moment
        raise UnreadableSample(path, "there is no such file, or it may not be read") from error
    if size == 0:
        raise UnreadableSample(path, "it is empty")
    if file.suffix.lower() == ".png" and PNG_END not in end:
        raise UnreadableSample(path, "its end is missing (cut off?)")


def _without_alpha(dataset: rasterio.DatasetReader) -> list[int]:
    alpha = rasterio.enums.ColorInterp.alpha
    return [index for index, colour in zip(dataset.indexes, dataset.colorinterp, strict=True) if colour != alpha]
