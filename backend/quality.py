"""What can be said of a result without a reference: seams, the step at the rim of the mask, sharpness, expected error.

All figures come from sums over tiles, so memory does not grow with the scene. They are means over the bands, and what
cannot be known is left out.

| figure              | meaning                                                                                      |
|---------------------|----------------------------------------------------------------------------------------------|
| reconstructed_share | of the measured pixels, 0..1                                                                 |
| seam_ratio          | jump between neighbours across the borders of tiles over that inside; 1: invisible           |
| rim_step            | change of reflectance from cloud to clear ground beyond that from clear to clear; 0: none    |
| rim_bias            | mean reflectance inside the rim minus that outside; above 0: the reconstruction is brighter  |
| sharpness_ratio     | fine detail of reconstructed over that of clear ground near by; 1: as sharp, below: smoother |
| mean_uncertainty    | mean standard error of the reconstructed pixels that know theirs, reflectance                |
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_cdt

from .sensors import Bool, Float
from .tiling import Window

NEAR_PX = 32
"""Clear ground is near up to this distance from the mask: all of a scene may be of another kind, a sea or a town."""
RING_PX = 4
"""Width of the stripes along the rim that are compared."""
CELL_PX = 32
"""Side of the cells in which they are compared: long enough for a mean, short enough to be one stretch of rim."""
CELL_LEAST_PX = 32
"""Pixels of each stripe that a cell must hold: a quarter of a straight stretch."""
BLOCK_PX = 6
"""Pixels of 10 m in one of 60 m, and a multiple of those of 20 m: coarse bands jump only where their pixels meet, so
neighbours that lie so far from a tile's border are like those at it."""
RUN_PX = 2 * BLOCK_PX + 1
"""Pixels on each side of a tile's border that tell the usual jump between neighbours."""
LEAST_JUMP = 1e-4
"""Reflectance; one digital number of a Sentinel-2 product: nobody sees less."""
LEAST_PX = 256
"""Pixels that a figure must rest on: on noise, the ratio of two means over so many is off by less than a tenth."""


@dataclass(frozen=True)
class Part:
    """One tile of a result and what lies around it."""

    window: Window
    """In the area's pixels."""
    reflectance: Float
    """(C, H, W) as written."""
    made: Bool
    """(H, W) reconstructed whole, so not on the rim that blends with the measurement."""
    replaced: Bool
    """(H + 2 NEAR_PX, W + 2 NEAR_PX) reconstructed at all."""
    clear: Bool
    """Of the same size: measured and kept."""


@dataclass
class Meter:
    """Measures a result tile by tile; the tiles come row by row.

    Args:
        feather_px: Width of the rim on which reconstruction and measurement blend.
    """

    feather_px: int

    def __post_init__(self) -> None:
        self._seams = _Seams()
        self._rim = np.zeros(4)
        self._detail = np.zeros((2, 2))
        self._errors = np.zeros(2)
        self._pixels = np.zeros(2, np.int64)

    def count(self, replaced: Bool, measured: Bool) -> None:
        """Adds the pixels (H, W) of a tile."""
        self._pixels += np.count_nonzero(replaced), np.count_nonzero(measured)

    def add(self, part: Part) -> None:
        """Adds a tile that holds reconstructed pixels or clear ground near them; the others have nothing to say."""
        with np.errstate(over="ignore", invalid="ignore"):
            stripes, near = _zones(part, self.feather_px)
            self._rim += rim_sums(part.reflectance, stripes)
            self._detail += detail_sums(part.reflectance, part.made, near)
            self._seams.add(part)

    def add_errors(self, errors: NDArray[np.float64]) -> None:
        """Adds what error_sums gives for a tile."""
        self._errors += errors

    def figures(self) -> dict[str, float]:
        """Gives what is known by now, see the table above."""
        replaced, measured = (int(count) for count in self._pixels)
        found = {"reconstructed_share": replaced / measured if measured else None}
        found |= {"seam_ratio": self._seams.ratio(), **_rim_figures(self._rim)}
        found |= {"sharpness_ratio": _sharpness(self._detail)}
        found |= {"mean_uncertainty": self._errors[0] / self._errors[1] if self._errors[1] else None}
        return {name: float(value) for name, value in found.items() if value is not None and math.isfinite(value)}


def error_sums(uncertainty: Float, replaced: Bool) -> NDArray[np.float64]:
    """Sums the standard errors (C, H, W) of the pixels (H, W) that are reconstructed, and counts those that know it."""
    sums = np.zeros(2)
    for band in uncertainty:
        errors = band[replaced]
        known = np.isfinite(errors)
        sums += errors.sum(where=known, dtype=np.float64), np.count_nonzero(known)
    return sums


def rim_sums(reflectance: Float, stripes: tuple[Bool, Bool, Bool]) -> NDArray[np.float64]:
    """Compares stripes along the rim of the mask.

    In each cell of CELL_PX x CELL_PX px, i, o and b are the means of one band over three stripes of RING_PX px along
    the rim: inside, behind the feathered px; outside; and beyond, as far from outside as inside is. A cell counts n px,
    those of its shortest stripe, and not at all where that is too short.

    Args:
        reflectance: (C, H, W)
        stripes: Inside, outside, beyond: (H, W) each.

    Returns:
        Sums over the cells of n, n mean (i - o)^2, n mean (o - b)^2 and n mean (i - o); the means are over the bands.
    """
    height, width = reflectance.shape[-2:]
    columns = -(-width // CELL_PX)
    cells = -(-height // CELL_PX) * columns
    bands = [band.ravel() for band in reflectance]
    counts, means = [], []
    for stripe in stripes:
        places = np.flatnonzero(stripe)
        index = places // width // CELL_PX * columns + places % width // CELL_PX
        counts.append(np.bincount(index, minlength=cells))
        sums = [np.bincount(index, band.take(places), cells) for band in bands]
        means.append(np.array(sums) / np.maximum(counts[-1], 1))
    shortest = np.min(counts, axis=0)
    weight = np.where(shortest >= CELL_LEAST_PX, shortest, 0)
    inside, outside, beyond = means
    across, usual = inside - outside, outside - beyond
    return np.array(
        [
            weight.sum(),
            weight @ (across**2).mean(axis=0),
            weight @ (usual**2).mean(axis=0),
            weight @ across.mean(axis=0),
        ]
    )


def detail_sums(reflectance: Float, made: Bool, near: Bool) -> NDArray[np.float64]:
    """Sums fine detail: |4 x - up - down - left - right|, where x and these four are of the same kind.

    Args:
        reflectance: (C, H, W)
        made: (H, W) reconstructed.
        near: (H, W) clear ground near by.

    Returns:
        (2, 2): for made and near, the sum of the means over the bands and how many pixels it is of.
    """
    detail = np.zeros(tuple(max(side - 2, 0) for side in made.shape), np.float32)
    for band in reflectance:
        core = 4 * band[1:-1, 1:-1]
        core -= band[:-2, 1:-1]
        core -= band[2:, 1:-1]
        core -= band[1:-1, :-2]
        core -= band[1:-1, 2:]
        detail += np.abs(core, out=core)
    sums = []
    for kind in (made, near):
        whole = kind[1:-1, 1:-1] & kind[:-2, 1:-1] & kind[2:, 1:-1] & kind[1:-1, :-2] & kind[1:-1, 2:]
        sums.append((detail[whole].sum(dtype=np.float64) / len(reflectance), np.count_nonzero(whole)))
    return np.array(sums)


def seam_sums(before: Part, after: Part, across_rows: bool) -> NDArray[np.float64]:
    """Compares the jump across the border of two tiles with those beside it.

    Where RUN_PX pixels on each side of the border, in one line at right angles to it, are all reconstructed, the jump
    between the two at the border stands beside the mean jump between those of the line that lie k BLOCK_PX from it.

    Args:
        before: The upper or left tile.
        after: The lower or right one.
        across_rows: Whether the border lies between two rows.

    Returns:
        Sums of the jumps across and of the usual ones, and the number of lines.
    """
    runs, known = [], []
    for part, ends in ((before, slice(-RUN_PX, None)), (after, slice(None, RUN_PX))):
        rows, columns = (ends, slice(None)) if across_rows else (slice(None), ends)
        runs.append(part.reflectance[:, rows, columns])
        known.append(part.made[rows, columns])
    axis = 0 if across_rows else 1
    lines = np.concatenate(known, axis).all(axis)
    jumps = np.abs(np.diff(np.concatenate(runs, axis + 1), axis=axis + 1)).mean(axis=0)
    jumps = (jumps if across_rows else jumps.T)[:, lines].astype(np.float64)
    border = known[0].shape[axis] - 1
    like = np.arange(border % BLOCK_PX, len(jumps), BLOCK_PX)
    usual = jumps[like[like != border]].mean(axis=0)
    return np.array([jumps[border].sum(), usual.sum(), np.count_nonzero(lines)])


class _Seams:
    """Keeps the ends of the tiles above and to the left, to compare them with those that follow."""

    def __init__(self) -> None:
        self._sums = np.zeros(3)
        self._above: dict[int, Part] = {}
        self._left: Part | None = None

    def add(self, part: Part) -> None:
        """Adds a tile."""
        window, above, left = part.window, self._above.get(part.window.column), self._left
        if above is not None and above.window.row + above.window.height == window.row:
            self._sums += seam_sums(above, part, across_rows=True)
        if (
            left is not None
            and left.window.row == window.row
            and left.window.column + left.window.width == window.column
        ):
            self._sums += seam_sums(left, part, across_rows=False)
        self._above[window.column] = _ends(part, slice(-RUN_PX, None), slice(None))
        self._left = _ends(part, slice(None), slice(-RUN_PX, None))

    def ratio(self) -> float | None:
        """Mean jump across the borders over the usual one, both at least LEAST_JUMP."""
        across, usual, lines = self._sums
        if lines < LEAST_PX:
            return None
        return max(float(across / lines), LEAST_JUMP) / max(float(usual / lines), LEAST_JUMP)


def _ends(part: Part, rows: slice, columns: slice) -> Part:
    """Keeps some rows and columns of a tile, and nothing of its surroundings."""
    nothing = np.zeros((0, 0), bool)
    reflectance = part.reflectance[:, rows, columns].copy()
    return Part(part.window, reflectance, part.made[rows, columns].copy(), nothing, nothing)


def _zones(part: Part, feather_px: int) -> tuple[tuple[Bool, Bool, Bool], Bool]:
    """Gives the stripes along the rim, see rim_sums, and the clear ground near by: (H, W) each."""
    depth, distance = _distance(part.clear), _distance(part.replaced)
    height, width = part.made.shape
    core = slice(NEAR_PX, NEAR_PX + height), slice(NEAR_PX, NEAR_PX + width)
    depth, distance, clear = depth[core], distance[core], part.clear[core]
    inside = part.made & (depth > feather_px) & (depth <= feather_px + RING_PX)
    outside = clear & (distance <= RING_PX)
    beyond = clear & (distance > RING_PX + feather_px) & (distance <= 2 * RING_PX + feather_px)
    return (inside, outside, beyond), clear & (distance <= NEAR_PX)


def _distance(target: Bool) -> NDArray[np.int32]:
    """Steps (H, W), diagonal ones too, to the nearest pixel that is set; more than NEAR_PX where that is far."""
    if not target.any():
        return np.full(target.shape, NEAR_PX + 1, np.int32)
    steps: NDArray[np.int32] = distance_transform_cdt(~target, "chessboard")
    return steps


def _rim_figures(sums: NDArray[np.float64]) -> dict[str, float | None]:
    """Step: sqrt(E (i - o)^2 - E (o - b)^2), 0 if that is negative; bias: E (i - o); see rim_sums."""
    pixels = sums[0]
    if pixels < LEAST_PX:
        return {}
    across, usual, bias = sums[1:] / pixels
    return {"rim_step": math.sqrt(max(across - usual, 0.0)), "rim_bias": bias}


def _sharpness(sums: NDArray[np.float64]) -> float | None:
    (made, made_px), (near, near_px) = sums
    if min(made_px, near_px) < LEAST_PX or near == 0:
        return None
    return float(made / made_px) / float(near / near_px)
