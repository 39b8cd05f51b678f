"""What one result is worth, measured window by window: memory does not grow with the image."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ... import calibration
from ...calibration import Calibration
from ...clouds import NODATA
from ...observation import Reconstruction
from ...sensors import Bool, Float
from ..reports.figures import Part
from ..rows import CLEAR_MEAN, IDENTITY
from .images import Images, Tile
from .sums import ImageSums, measure, measure_pixels

RESULT = "result"
VIEW_PX = 480
"""Longest side of what is shown of an image."""


class Views:
    """Every so many pixels of each image, to be looked at.

    Args:
        images: Tell their size.
    """

    def __init__(self, images: Images) -> None:
        height, width = images.grid.height, images.grid.width
        self._step = math.ceil(max(height, width) / VIEW_PX)
        shape = (-(-height // self._step), -(-width // self._step))
        planes = (len(images.bands), *shape)
        self.result = np.zeros(planes, np.float32)
        self.reference = np.zeros(planes, np.float32)
        self.cloudy = np.zeros(planes, np.float32)
        self.uncertainty = np.full(shape, np.nan, np.float32)
        self.valid = np.zeros(shape, bool)
        self.classes = np.full(shape, NODATA, np.uint8)

    def add(self, tile: Tile) -> None:
        """Takes what lies in a window."""
        step, window = self._step, tile.window
        rows, columns = tile.core
        first_row, first_column = -window.row % step, -window.column % step
        source = np.s_[
            ...,
            slice(rows.start + first_row, rows.stop, step),
            slice(columns.start + first_column, columns.stop, step),
        ]
        height, width = tile.valid[source].shape
        top, left = (window.row + first_row) // step, (window.column + first_column) // step
        target = np.s_[..., top : top + height, left : left + width]
        self.result[target], self.reference[target] = tile.result[source], tile.reference[source]
        self.valid[target] = tile.valid[source]
        self.classes[target] = np.where(tile.valid, tile.classes, np.uint8(NODATA))[source]
        if tile.cloudy is not None:
            self.cloudy[target] = tile.cloudy[source]
        if tile.uncertainty is not None:
            self.uncertainty[target] = tile.uncertainty.mean(axis=0)[source]


@dataclass
class Measured:
    """Figures of a result and of the trivial rows beside it.

    Args:
        images: What is compared.
        fill: (C,) mean of the clear pixels before clouds were removed, which the clear mean has under clouds; None for
            no such row.
    """

    images: Images
    fill: Float | None
    sums: dict[str, dict[Part, ImageSums]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(ImageSums)))
    """By row and part."""
    truth: ImageSums = field(default_factory=ImageSums)
    """Of the reference itself, where the result was reconstructed."""
    floor: ImageSums = field(default_factory=ImageSums)
    """Of the clear pixels, as they were before clouds were removed, against the reference."""
    calibration: Calibration = field(default_factory=Calibration)
    views: Views = field(init=False)

    def __post_init__(self) -> None:
        self.views = Views(self.images)

    def add(self, tile: Tile) -> None:
        """Measures one window."""
        judged = tile.clouded if self.images.mask else tile.valid
        bands = self.images.bands
        for name, image in self._rows(tile).items():
            parts = self.sums[name]
            inner, outer = measure(image, tile.reference, bands, tile.core, [judged, tile.valid & ~judged])
            parts["reconstruction"] += inner
            parts["target"] += inner + outer
            if tile.cloudy is not None and self.images.mask:
                kept = np.where(tile.clear, image, tile.cloudy)
                parts["reproduction"] += measure(kept, tile.cloudy, bands, tile.core, [tile.clear])[0]
        truth = tile.reference[:, tile.core[0], tile.core[1]]
        self.truth += measure_pixels(truth, truth, bands, judged[tile.core])
        if self.images.mask:
            before = (tile.result if tile.cloudy is None else tile.cloudy)[:, tile.core[0], tile.core[1]]
            self.floor += measure_pixels(before, truth, bands, tile.clear[tile.core])
        if tile.uncertainty is not None:
            self.calibration += self._calibration(tile, tile.uncertainty, judged)
        self.views.add(tile)

    def _rows(self, tile: Tile) -> dict[str, Float]:
        rows = {}
        if tile.cloudy is not None:
            rows[IDENTITY] = tile.cloudy
        if self.fill is not None:
            before = tile.result if tile.cloudy is None else tile.cloudy
            rows[CLEAR_MEAN] = np.where(tile.clouded, self.fill[:, None, None], before)
        return rows | {RESULT: tile.result}

    def _calibration(self, tile: Tile, uncertainty: Float, judged: Bool) -> Calibration:
        """Without a mask, pixels whose uncertainty is 0 are those that were not reconstructed."""
        core = tile.core
        chosen = judged if self.images.mask else judged & (uncertainty != 0).any(axis=0)
        made = Reconstruction(tile.result[:, core[0], core[1]], uncertainty[:, core[0], core[1]])
        return calibration.measure(self.images.bands, made, tile.reference[:, core[0], core[1]], chosen[core])


def clear_sums(tiles: Iterable[Tile]) -> tuple[ImageSums, int]:
    """Sums the clear pixels of the reference, and counts those under the mask."""
    found, clouded_px = ImageSums(), 0
    for tile in tiles:
        clear = tile.clear[tile.core]
        reflectance = np.clip(tile.reference[:, tile.core[0], tile.core[1]][:, clear], 0, 1).astype(np.float64)
        found += ImageSums(int(np.count_nonzero(clear)), reflectance.sum(axis=1))
        clouded_px += int(np.count_nonzero(tile.clouded[tile.core]))
    return found, clouded_px
