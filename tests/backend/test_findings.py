"""A part of a scene's findings says of its window, bit by bit, what the whole says."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from rasterio.enums import Resampling

from unclouded.backend.background import BLOCK_PX, REGION_PX, Ground
from unclouded.backend.findings import Findings, excerpt
from unclouded.backend.matching import Match
from unclouded.backend.raster import Reader, open_raster
from unclouded.backend.tiling import Window

HEIGHT, WIDTH = 1500, 1337


def cells(random: np.random.Generator, count: int, size: int) -> np.ndarray:
    return random.random((count, -(-HEIGHT // size), -(-WIDTH // size)), np.float32)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("crs", ["EPSG:32632", None])
@pytest.mark.parametrize(
    "window",
    [
        Window(0, 0, 100, 100),
        Window(-40, -70, 300, 512),
        Window(512, 256, 640, 64),
        Window(700, 911, 77, 130),
        Window(1400, 1200, 300, 300),
        Window(-64, -64, HEIGHT + 128, WIDTH + 128),
    ],
)
def test_a_part_says_what_the_whole_says(shop: Any, window: Window, crs: str | None) -> None:
    random = np.random.default_rng(1)
    masks = tuple(
        open_raster(shop.raster(f"{i}.tif", random.integers(0, 3, (1, HEIGHT, WIDTH), np.uint8), crs=crs, nodata=255))
        for i in range(2)
    )
    grid = masks[0].grid
    ground = Ground(cells(random, 3, BLOCK_PX), cells(random, 3, REGION_PX), cells(random, 3, REGION_PX))
    gain, offset = random.random((3, 3), np.float32), random.random(3, np.float32)
    match = Match(gain, offset, cells(random, 3, BLOCK_PX), cells(random, 1, BLOCK_PX))
    whole = Findings(masks, ground, (0,), (match,))

    packed = pickle.loads(pickle.dumps(excerpt(whole, grid, window)))
    with packed.opened(grid) as part:
        for one, other in zip(whole.masks, part.masks, strict=True):
            with Reader(one, grid, Resampling.nearest) as there, Reader(other, grid, Resampling.nearest) as here:
                np.testing.assert_array_equal(here.read(window)[0], there.read(window)[0])
        for name in ("background", "regional", "variability"):
            here_field, there_field = (getattr(found.ground_at(window), name).pixels() for found in (part, whole))
            assert here_field.tobytes() == there_field.tobytes()
        date = random.random((3, window.height, window.width), np.float32)
        (here_match,), (there_match,) = part.matches_at(window), whole.matches_at(window)
        assert here_match.apply(date).tobytes() == there_match.apply(date).tobytes()
        assert here_match.error.pixels().tobytes() == there_match.error.pixels().tobytes()
