"""Clouds and shadows by a small network beside the rules, for images that s2cloudless cannot take.

The network that comes along sees blue, green, red and near infrared in cells of about 20 m, with their surroundings,
and gives the probabilities of clear, cloud and shadow. Cloud is what it or the rules of haze_detector find: it sees
haze and thin cloud better, they see small clouds better. Shadow is what it finds within reach of a cloud, but not on
water. Where an image has short-wave infrared, snow and bare ground that show there are no cloud; without, snow is taken
for cloud.

How it was trained: bench/cloud_network.py. What it is worth: docs/cloud_masks.md.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from .cells import from_cells, to_cells
from .errors import BackendError
from .haze_detector import PATH_REFLECTANCE, HazeDetector, cell_px, snow_or_soil
from .mask_files import CLEAR, CLOUD, NODATA, SHADOW, Classes
from .models.cloud_unet import STRIDE, CloudUnet, Params, path
from .models.receptive import radius_px
from .morphology import grow, opened
from .sensors import Bool, Float, Level
from .shadows import is_water

BANDS = ("B2", "B3", "B4", "B8")
HELPFUL = "B11"
WEIGHTS = Path(__file__).resolve().parent.parent / "resources" / "detectors" / "clouds.safetensors"
KEY = "detector"
"""Of the facts of its training in the file's header."""
BRIGHTEST = 1.5
"""Reflectance at which its channels are clipped."""
DARKEST_CLOUD = 0.03
"""Mean reflectance of blue, green and red below which nothing is cloud for the network."""
BETWEEN_SNOW_CELLS = 1
"""Radius of a disc that cloud must hold for the network once snow and bare ground are taken out of it."""
SHADOW_PROBABILITY = 0.25
"""Above which a cell that is neither cloud nor water is shadow."""
RIM_CELLS = 1
"""How near to cloud what looks like shadow is rather the edge of the cloud."""
SHADOW_REACH_M = 800.0
"""How far from cloud: dark ground that is farther off is none."""


class NetworkDetector:
    """The network and the rules, see clouds.Detector.

    Args:
        bands: Names of the image's bands, all of BANDS among them.
        level: Of the processing.
        threshold: Probability (0..1) above which a cell is cloud; the rules' strictness follows it.
        resolution_m: Side of a pixel in metres.
        weights: File of the network.
    """

    def __init__(
        self, bands: tuple[str, ...], level: Level, threshold: float, resolution_m: float, weights: Path = WEIGHTS
    ) -> None:
        self._used = [*BANDS, *(band for band in (HELPFUL,) if band in bands)]
        self._indexes = [bands.index(band) for band in self._used]
        self._level: Level = level
        self._threshold = threshold
        self._rules = HazeDetector(bands, level, threshold, resolution_m)
        self._network = load(weights)
        self._cell_px = cell_px(resolution_m)
        self._reach_cells = round(SHADOW_REACH_M / (self._cell_px * resolution_m))
        self.name = f"a network and rules on haze ({', '.join(self._used)})"
        self.align_px = self._cell_px * STRIDE
        seen = radius_px(path(self._network.params), STRIDE) + 2 * BETWEEN_SNOW_CELLS
        cloud = max(seen, self._rules.cloud_margin_cells)
        self.margin_px = -(-(cloud + RIM_CELLS + self._reach_cells) // STRIDE) * self.align_px

    def __call__(self, optical: Float, valid: Bool) -> Classes:
        cells, measured = to_cells(optical[self._indexes], valid, self._cell_px)
        ground = to_ground(cells, self._used, self._level)
        named = dict(zip(self._used, ground, strict=True))
        _, cloudy, shaded = self.probabilities(ground[: len(BANDS)], measured)
        cloud = (cloudy > self._threshold) & measured & (ground[:3].mean(axis=0) > DARKEST_CLOUD)
        if HELPFUL in named:
            cloud = opened(cloud & ~snow_or_soil(named), BETWEEN_SNOW_CELLS)
        cloud |= self._rules.find_clouds(named, measured)
        shadow = (shaded > SHADOW_PROBABILITY) & measured & ~is_water(named["B3"], named["B8"])
        cloud |= shadow & grow(cloud, RIM_CELLS)
        shadow &= grow(cloud, self._reach_cells)
        classes = np.select([cloud, shadow], [np.uint8(CLOUD), np.uint8(SHADOW)], np.uint8(CLEAR))
        return np.where(valid, from_cells(classes, self._cell_px, *valid.shape), np.uint8(NODATA))

    def probabilities(self, ground: Float, measured: Bool) -> Float:
        """Gives (3, h, w) probabilities of clear, cloud and shadow; arguments as of `channels`."""
        height, width = measured.shape
        beyond = [(0, 0), (0, -height % STRIDE), (0, -width % STRIDE)]
        padded = torch.from_numpy(np.pad(channels(ground, measured), beyond))
        with torch.inference_mode():
            scores = self._network(padded[None].contiguous(memory_format=torch.channels_last))[0]
            found: Float = scores.softmax(dim=0)[:, :height, :width].numpy()
        return found


def to_ground(optical: Float, bands: list[str] | tuple[str, ...], level: Level) -> Float:
    """Takes off (C, h, w) reflectance what clear air adds at the top of the atmosphere."""
    air = np.array([PATH_REFLECTANCE[level].get(band, 0.0) for band in bands], np.float32)
    return optical - air[:, None, None]


def channels(ground: Float, measured: Bool) -> Float:
    """Gives what the network sees: 2 sqrt(reflectance) - 0.8 of each band, 0 where not measured, and what is measured.

    Args:
        ground: (4, h, w) surface reflectance of BANDS.
        measured: (h, w)

    Returns:
        (5, h, w)
    """
    seen = measured.astype(np.float32)
    scaled = (2 * np.sqrt(np.clip(ground, 0, BRIGHTEST)) - np.float32(0.8)) * seen
    whole: Float = np.concatenate([scaled, seen[None]]).astype(np.float32)
    return whole


@functools.cache
def load(weights: Path) -> CloudUnet:
    """Loads a network, in float32 on the CPU.

    Raises:
        BackendError: The file is missing or damaged.
    """
    try:
        with safe_open(str(weights), "pt") as file:
            facts = json.loads((file.metadata() or {})[KEY])
        parameters: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in facts["parameters"].items()
        }
        network = CloudUnet(Params(**parameters))
        network.load_state_dict({key: value.float() for key, value in load_file(str(weights)).items()})
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise BackendError(
            f"The network that finds clouds cannot be read from {weights}: {error}.",
            "Install Unclouded again, or give a mask.",
        ) from error
    return network.eval().requires_grad_(False)
