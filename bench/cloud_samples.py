"""Draws samples for the cloud network: windows of labelled images, and clear ground under simulated and real clouds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cloud_data import CHIP, NOT_CLOUD, UNKNOWN, Codes, Ground, Labelled

from unclouded.backend.cloudfield import CloudField, Kind
from unclouded.backend.datasets import skies
from unclouded.backend.datasets.pairs import Veil
from unclouded.backend.datasets.view import turned
from unclouded.backend.mask_files import CLEAR, CLOUD, SHADOW
from unclouded.backend.morphology import grow, opened
from unclouded.backend.network_detector import BANDS, channels, to_ground
from unclouded.backend.sensors import WAVELENGTH_NM, Bool, Float, Level
from unclouded.backend.simulate import Brightness, add_clouds, path_radiance

WINDOW = 96
"""Cells on a side of a sample."""
CELL_M = 20.0
SMALL_CLOUDS_M = (20.0, 20.0, 40.0, 70.0, 100.0)
"""Sides of a cell as the sky takes them: clouds of a sky of wider cells are smaller in these."""
LOW: tuple[Kind, ...] = ("cumulus", "cumulus", "stratus", "mixed")
THIN, CLOUDED = 0.05, 0.12
"""Opacity from which a cell is not called clear, and from which it is cloud: the masks of jobs grow afterwards."""
HALF_SHADED, SHADED = 0.08, 0.3
"""Lost sunlight from which a cell is not called clear, and from which it is shadow."""
SMALL = 2
"""Radius in cells of a disc that small clouds do not hold."""
MAX_HAZE = 0.06
"""Haze that is not called cloud."""
BRIGHT = 0.15
"""Mean blue reflectance of ground that is drawn four times as often."""
AIR = np.array([path_radiance(WAVELENGTH_NM[band]) for band in BANDS], np.float32)[:, None, None]
DAMPING = np.array([(490 / WAVELENGTH_NM[band]) ** 1.6 for band in BANDS], np.float32)[:, None, None]
"""How much the air takes of the ground's light, relative to blue."""


@dataclass(frozen=True)
class Learnable:
    """An image as windows are cut out of it."""

    ground: Float
    valid: Bool
    codes: Codes


class Sampler:
    """Draws samples of one kind after the other. Images with some cloud, and bright ground, are drawn more often.

    Args:
        labelled: Images with labels, by kind.
        images: Clear ground.
        small: Chips of clear ground, put together to windows.
        veils: Real clouds.
    """

    def __init__(
        self, labelled: dict[str, list[Labelled]], images: list[Ground], small: list[Ground], veils: list[Veil]
    ) -> None:
        self._images, self._small, self._veils = images, small, veils
        self._labelled = {kind: [learnable(image) for image in group] for kind, group in labelled.items()}
        self._chances = {
            kind: shares([1 + 2 * (0.03 < (image.codes == CLOUD).mean() < 0.97) for image in group])
            for kind, group in labelled.items()
        }
        blue = [to_ground(image.optical, BANDS, image.level)[0][image.valid].mean() for image in images]
        self._image_chances = shares([1 + 3 * (value > BRIGHT) for value in blue])

    def draw(self, kind: str, rng: np.random.Generator) -> tuple[Float, Codes]:
        """Gives the network's channels (5, WINDOW, WINDOW) and the codes of a sample."""
        if kind == "simulated":
            ground, valid, codes = self._simulated(rng)
        else:
            ground, valid, codes = self._real(kind, rng)
        if rng.random() < 0.05:
            valid = valid.copy()
            valid[: int(rng.integers(WINDOW // 2))] = False
            codes = np.where(valid, codes, np.uint8(UNKNOWN))
        return channels(jittered(ground, rng), valid), codes

    def _real(self, kind: str, rng: np.random.Generator) -> tuple[Float, Bool, Codes]:
        image = self._labelled[kind][int(rng.choice(len(self._chances[kind]), p=self._chances[kind]))]
        return window([(image.ground, 0), (image.valid, False), (image.codes, UNKNOWN)], rng)

    def _simulated(self, rng: np.random.Generator) -> tuple[Float, Bool, Codes]:
        optical, valid, level = self._clear(rng)
        if rng.random() < 0.5:
            optical, level = other_level(optical, level, rng)
        optical = optical * np.float32(np.exp(rng.normal(0, 0.15)))
        codes = np.full(valid.shape, CLEAR, np.uint8)
        if rng.random() > 0.3:
            optical, codes = self._clouded(optical, level, rng)
        if rng.random() < 0.15:
            optical = skies.hazed(optical, BANDS, rng, MAX_HAZE)
        return to_ground(optical, BANDS, level), valid, np.where(valid, codes, np.uint8(UNKNOWN))

    def _clear(self, rng: np.random.Generator) -> tuple[Float, Bool, Level]:
        if rng.random() < 0.2:
            whole = np.empty((len(BANDS), WINDOW, WINDOW), np.float32)
            for row in range(0, WINDOW, CHIP):
                for column in range(0, WINDOW, CHIP):
                    chip = self._small[int(rng.integers(len(self._small)))]
                    whole[:, row : row + CHIP, column : column + CHIP] = turned(chip.optical, int(rng.integers(8)))
            return whole, np.ones((WINDOW, WINDOW), bool), "L2A"
        image = self._images[int(rng.choice(len(self._images), p=self._image_chances))]
        optical, valid = window([(image.optical, 0), (image.valid, False)], rng)
        return optical, valid, image.level

    def _clouded(self, optical: Float, level: Level, rng: np.random.Generator) -> tuple[Float, Codes]:
        if rng.random() < 0.75:
            kind: Kind = "cirrus" if rng.random() < 0.12 else LOW[int(rng.integers(len(LOW)))]
            cell_m = float(rng.choice(SMALL_CLOUDS_M)) if kind == "cumulus" else CELL_M
            cover = rng.uniform(0.02, 0.25) if cell_m > CELL_M else rng.uniform(0.03, 0.8)
            sky = CloudField(int(rng.integers(2**62)), cover, WINDOW, WINDOW, cell_m, kind).sky(0, 0, WINDOW, WINDOW)
            opacity, shadow = sky.opacity, sky.shadow
            optical = add_clouds(optical, BANDS, level, sky, Brightness.draw(rng))
        else:
            veil = self._veils[int(rng.integers(len(self._veils)))]
            optical, opacity, shadow = skies.transplant(optical, BANDS, level, veil, rng, CELL_M)
        codes = np.select(
            [opacity > CLOUDED, opacity > THIN, shadow > SHADED, shadow > HALF_SHADED],
            [np.uint8(CLOUD), np.uint8(UNKNOWN), np.uint8(SHADOW), np.uint8(NOT_CLOUD)],
            np.uint8(CLEAR),
        )
        return optical, codes


def learnable(image: Labelled) -> Learnable:
    """Prepares an image with labels."""
    return Learnable(to_ground(image.optical, BANDS, image.level), image.valid, without_rims(image))


def shares(weights: Sequence[float]) -> np.ndarray:
    """Gives chances in sum 1."""
    return np.array(weights) / np.sum(weights)


def without_rims(image: Labelled) -> Codes:
    """Labels without a cell on both sides of the rims of drawn clouds and of cubes, where people and masks differ.

    Clouds that are little more than a rim keep all of their cells.
    """
    if image.kind not in ("drawn", "cube"):
        return image.codes
    cloud, known = image.codes == CLOUD, image.codes != UNKNOWN
    small = cloud & ~opened(cloud, SMALL)
    rim = grow(cloud, 1) & grow(~cloud & known, 1) & ~small
    return np.where(rim, np.uint8(UNKNOWN), image.codes)


def window(layers: Sequence[tuple[np.ndarray, float]], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Cuts the same window out of arrays (..., H, W), turned in one of eight ways.

    Args:
        layers: Arrays, each with what lies beyond its lower right end if it is smaller than the window.
        rng: Chooses.
    """
    row, column = (int(rng.integers(max(side - WINDOW, 0) + 1)) for side in layers[0][0].shape[-2:])
    way = int(rng.integers(8))
    cut = []
    for array, beyond in layers:
        part = array[..., row : row + WINDOW, column : column + WINDOW]
        short = [(0, 0)] * (array.ndim - 2) + [(0, WINDOW - side) for side in part.shape[-2:]]
        cut.append(np.ascontiguousarray(turned(np.pad(part, short, constant_values=beyond), way)))
    return tuple(cut)


def jittered(ground: Float, rng: np.random.Generator) -> Float:
    """Changes the light, the calibration of each band and the air."""
    gain = np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.03, (len(BANDS), 1, 1)))
    offset = rng.normal(0, 0.15) * AIR + rng.normal(0, 0.003, (len(BANDS), 1, 1))
    changed: Float = np.maximum(ground * gain + offset, 0).astype(np.float32)
    return changed


def other_level(optical: Float, level: Level, rng: np.random.Generator) -> tuple[Float, Level]:
    """Takes about what the air adds and damps off an L1C image, or puts it on an L2A one."""
    if level == "L1C":
        seen = (optical - rng.uniform(0.6, 1.1) * AIR) / (1 - rng.uniform(0.1, 0.35) * DAMPING)
        return np.clip(seen, 0.0005, None).astype(np.float32), "L2A"
    seen = optical * (1 - rng.uniform(0.1, 0.3) * DAMPING) + rng.uniform(0.8, 1.2) * AIR
    return seen.astype(np.float32), "L1C"
