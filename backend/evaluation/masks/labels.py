"""Images with clouds drawn by hand: found, opened, and read window by window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from rasterio.enums import Resampling

from ... import clouds
from ...cloud_finder import open_mask
from ...errors import InputError, UsageError
from ...raster import Grid, Raster, Reader
from ...scene import Log, Optical, open_optical
from ...sensors import Bool
from ...tiling import Window

IMAGE, LABEL = "optical.tif", "label.tif"
"""What a folder of a labelled image holds."""


@dataclass(frozen=True)
class Labelled:
    """An image and its label, on the image's grid."""

    name: str
    optical: Optical
    label: Raster
    kind: clouds.Kind
    """What the label's values mean."""

    @property
    def grid(self) -> Grid:
        return self.optical.raster.grid


def find_pairs(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Gives the pairs of image and label that a user names.

    Args:
        arguments: Each `IMAGE=LABEL`, or a folder that holds IMAGE and LABEL, or folders with them.

    Raises:
        UsageError: One is no such thing.
        InputError: A folder holds none.
    """
    return [pair for argument in arguments for pair in _pairs_of(argument)]


def _pairs_of(argument: str) -> list[tuple[str, str]]:
    folder = Path(argument)
    if not folder.is_dir():
        image, divider, label = argument.rpartition("=")
        if not (divider and image and label):
            raise UsageError(
                f"{argument!r} is neither a folder nor a pair IMAGE=LABEL.",
                "Give for example image.tif=clouds.tif; both are files that GDAL reads.",
            )
        return [(image, label)]
    found = sorted([*folder.glob(LABEL), *folder.glob(f"*/{LABEL}")])
    pairs = [(str(path.with_name(IMAGE)), str(path)) for path in found if path.with_name(IMAGE).is_file()]
    if not pairs:
        raise InputError(
            f"{folder} was expected to hold {IMAGE} with {LABEL} beside it, or folders with both; it holds none.",
            "Give the folder of labelled images, or pairs IMAGE=LABEL.",
        )
    return pairs


def open_labelled(pairs: Sequence[tuple[str, str]], log: Log) -> list[Labelled]:
    """Opens images with their labels, and says in the log what their numbers are taken for.

    Raises:
        UsageError: An image is named twice.
        InputError: A file cannot serve, holds nothing but nodata, or shows another place.
    """
    names = _names([image for image, _ in pairs])
    opened = []
    for name, (image, label) in zip(names, pairs, strict=True):
        optical = open_optical(image, None, None, None, log)
        opened.append(Labelled(name, optical, *open_mask(label, optical, optical.raster.grid, log)))
    return opened


def _names(images: Sequence[str]) -> list[str]:
    """Gives the shortest ends of the paths that tell all of them apart; what a folder holds is called by the folder."""
    paths = [Path(image).absolute() for image in images]
    parts = [(path.parent if path.name == IMAGE else path.with_suffix("")).parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-length:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise UsageError("An image is named twice.", "Give each image once.")


class LabelReader:
    """Reads windows of a label. Belongs to one thread.

    Args:
        labelled: Whose label.
        tolerance_px: Pixels this near to the rim of a label do not count.
    """

    def __init__(self, labelled: Labelled, tolerance_px: int) -> None:
        grid, label = labelled.grid, labelled.label
        self._kind, self._tolerance_px = labelled.kind, tolerance_px
        self._covered = grid.window_of(label.extent_on(grid, "label"))
        self._reader = Reader(label, grid, Resampling.nearest)

    def __enter__(self) -> LabelReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)

    def read(self, window: Window) -> tuple[Bool, Bool]:
        """Gives (H, W) what is cloud and (H, W) which pixels count."""
        outer = window.padded(self._tolerance_px)
        classes = clouds.from_user(self._reader.read(outer)[0][0], self._kind)
        known = (classes != clouds.NODATA) & self._inside(outer)
        cloud = (classes == clouds.CLOUD) & known
        if self._tolerance_px:
            rim = clouds.grow(cloud, self._tolerance_px) & clouds.grow(known & ~cloud, self._tolerance_px)
            known &= ~rim
        core = window.slices_in(outer)
        return cloud[core], known[core]

    def _inside(self, window: Window) -> Bool:
        """(H, W) what the label covers: a nodata of 0 does not tell it from clear."""
        inside = np.zeros((window.height, window.width), bool)
        if self._covered is not None:
            top, left = self._covered.row - window.row, self._covered.column - window.column
            bottom, right = top + self._covered.height, left + self._covered.width
            inside[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        return inside
