"""Gradient noise (Perlin, 1985): smooth random fields that are pure functions of coordinates and a seed.

Any window of a field agrees with any other window of it to the last bit, so scenes can be made in pieces of any size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .sensors import Float

Coordinates = NDArray[np.float64]

_ANGLES = np.arange(256) * (2 * np.pi / 256)
_GRADIENTS = np.stack([np.sin(_ANGLES), np.cos(_ANGLES)], axis=-1).astype(np.float32)
_UNIT_STD = 4.64
"""Makes the noise's standard deviation about 1."""


def noise(rows: Coordinates, columns: Coordinates, seed: int) -> Float:
    """Evaluates gradient noise on the grid that rows and columns span.

    With f the fraction of a coordinate, w(f) = 6f^5 - 15f^4 + 10f^3 and g the random unit gradient of a lattice node:
    noise = sum over the 4 nodes around of w(1 - |fy|) w(1 - |fx|) (g_y fy + g_x fx), fy and fx measured from the node.

    Args:
        rows: (H,) in lattice cells, ascending.
        columns: (W,) in lattice cells, ascending.
        seed: Chooses the field.

    Returns:
        (H, W) mean 0, standard deviation about 1, zero at the lattice nodes.
    """
    node_rows, top, fy, wy = _axis(rows)
    node_columns, left, fx, wx = _axis(columns)
    gradient_y, gradient_x = _gradients(node_rows[:, None], node_columns[None, :], seed)
    # First along each row of nodes, then between the two rows of nodes that enclose a pixel.
    across = gradient_x[:, left] * (fx * (1 - wx)) + gradient_x[:, left + 1] * ((fx - 1) * wx)  # (nodes, W)
    slope = gradient_y[:, left] * (1 - wx) + gradient_y[:, left + 1] * wx
    upper, lower = (1 - wy)[:, None], wy[:, None]
    values = across.take(top, axis=0)
    values *= upper
    part = slope.take(top, axis=0)
    part *= upper * fy[:, None]
    values += part
    np.take(across, top + 1, axis=0, out=part, mode="clip")  # without a mode, out is buffered
    part *= lower
    values += part
    np.take(slope, top + 1, axis=0, out=part, mode="clip")
    part *= lower * (fy - 1)[:, None]
    values += part
    values *= _UNIT_STD
    return values


def noise_at(y: Coordinates, x: Coordinates, seed: int) -> Float:
    """Evaluates the same noise at arbitrary points: slower, but the points may be rotated or warped.

    Args:
        y: (H, W) in lattice cells.
        x: (H, W) in lattice cells.
        seed: Chooses the field.

    Returns:
        (H, W), see noise.
    """
    row, column = np.floor(y), np.floor(x)
    fy, fx = (y - row).astype(np.float32), (x - column).astype(np.float32)
    wy, wx = _smooth(fy), _smooth(fx)
    total = np.zeros(y.shape, dtype=np.float32)
    columns = column.astype(np.int64), column.astype(np.int64) + 1
    for i, weight_y in ((0, 1 - wy), (1, wy)):
        drawn = scramble(seed, row.astype(np.int64) + i)
        for j, weight_x in ((0, 1 - wx), (1, wx)):
            gradient_y, gradient_x = _directions(_mix(drawn ^ columns[j].view(np.uint64)))
            total += weight_y * weight_x * (gradient_y * (fy - i) + gradient_x * (fx - j))
    total *= _UNIT_STD
    return total


def fractal(rows: Coordinates, columns: Coordinates, seed: int, octaves: int, gain: float = 0.5) -> Float:
    """Adds octaves of noise, each of half the size and gain times the height of the one before.

    Args:
        rows: (H,) in cells of the largest octave, ascending.
        columns: (W,) in cells of the largest octave, ascending.
        seed: Chooses the field.
        octaves: At least 1.
        gain: Height of an octave relative to the one before.

    Returns:
        (H, W) mean 0, standard deviation about 1.
    """
    total = noise(rows, columns, seed)
    for octave in range(1, octaves):
        shift = 0.37 * octave  # the nodes of two octaves must not coincide: the noise is 0 there
        values = noise(rows * 2.0**octave + shift, columns * 2.0**octave + shift, seed + octave)
        values *= gain**octave
        total += values
    total *= (sum(gain ** (2 * octave) for octave in range(octaves))) ** -0.5
    return total


def octaves_down_to(cell_px: float, smallest_px: float = 2.0) -> int:
    """Counts the octaves from cells of cell_px down to cells of at least smallest_px."""
    return max(1, 1 + int(np.floor(np.log2(cell_px / smallest_px))))


def _axis(positions: Coordinates) -> tuple[Coordinates, NDArray[np.intp], Float, Float]:
    """Gives the lattice nodes in use, the index of the node before each position, its distance, the weight after it."""
    before = np.floor(positions)
    count = int(before[-1] - before[0]) + 2
    if count <= 2 * len(positions):
        nodes = before[0] + np.arange(count)
        index = (before - before[0]).astype(np.intp)
    else:  # far apart: most nodes between are not needed
        nodes = np.unique(np.concatenate([before, before + 1]))
        index = np.searchsorted(nodes, before)
    distance = (positions - before).astype(np.float32)
    return nodes, index, distance, _smooth(distance)


def _smooth(fraction: Float) -> Float:
    weight: Float = fraction * fraction * fraction * (fraction * (fraction * 6 - 15) + 10)
    return weight


def _gradients(row: Coordinates, column: Coordinates, seed: int) -> tuple[Float, Float]:
    """Looks up the random unit gradients (y, x) of lattice nodes."""
    return _directions(scramble(seed, row.astype(np.int64), column.astype(np.int64)))


def _directions(drawn: NDArray[np.uint64]) -> tuple[Float, Float]:
    chosen = _GRADIENTS[(drawn & np.uint64(255)).astype(np.intp)]
    return chosen[..., 0], chosen[..., 1]


def scramble(seed: int, *keys: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Gives one random number for each combination of the keys, the same for the same seed.

    Args:
        seed: Chooses the numbers.
        keys: At least one array of integers; they are broadcast against each other.
    """
    # Mixed on its own first: seeds that differ in few bits would share numbers in another order.
    value = _mix(np.array([seed % 2**64], dtype=np.uint64))
    for key in keys:
        value = _mix(value ^ key.view(np.uint64))
    return value


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of splitmix64 (Steele et al., 2014)."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = value ^ (value >> np.uint64(31))
    return mixed
