"""What tests of training share: smooth places, in memory and on disk, recipes of tiny networks, and runs of seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from unclouded.backend import jobs
from unclouded.backend.datasets.collection import Collection, collect
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.protocol import Done, Message, TrainGenerator
from unclouded.backend.reporting import Reporter
from unclouded.backend.sensors import NAMES
from unclouded.backend.training.recipe import Recipe, read_recipe

from ..datasets.fakes import write

SIDE_PX = 64
SIZES = (
    "fit.epochs=2",
    "fit.batch=4",
    "fit.precision=32",
    "data.name=sen12ms-cr",
    "data.windows=2",
    "data.samples=16",
    "data.validation_samples=8",
    "data.window_px=32",
    "data.choices.clouds=simulated",
    "data.choices.scene_px=64",
)
"""Four batches of two scenes an epoch, and two to validate on."""
NETWORKS = {
    "dsen2cr_small": ("generator.parameters={features: 8, blocks: 1}", "settings.learning_rate=0.001"),
    "unet_small": ("generator.parameters={in_channels: 10, out_channels: 10, widths: [8, 16]}",),
    "pix2pix_small": (
        "generator.parameters={in_channels: 10, out_channels: 10, widths: [8, 16], dropout: 0.5, dropout_levels: 1}",
        "settings.discriminator={width: 8, layers: 1}",
    ),
    "fusion": ("generator.parameters={widths: [8, 8, 8], blocks: [1, 1, 1]}",),
}
"""Recipes, and what makes their networks tiny."""


def optical(seed: int) -> np.ndarray:
    """(13, 64, 64) smooth fields of reflectance 0.05 to 0.35, each band of its own brightness."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    slope, phase = rng.uniform(2, 9, 2), rng.uniform(0, 6, 2)
    wave = np.sin(slope[0] * rows + phase[0]) * np.cos(slope[1] * columns + phase[1])
    return (0.2 + 0.1 * wave + rng.uniform(-0.05, 0.05, (13, 1, 1))).astype(np.float32)


def sar(seed: int) -> np.ndarray:
    """(2, 64, 64) backscatter in dB that follows the ground."""
    return np.stack([-18 + 30 * optical(seed)[7], -25 + 30 * optical(seed)[7]]).astype(np.float32)


def places(count: int, seed: int = 0, bands: tuple[str, ...] = NAMES) -> list[Place]:
    """Places with two clear days, the second a little brighter."""
    index = [NAMES.index(name) for name in bands]
    return [
        Place(
            f"made/{number}",
            bands,
            "L1C",
            [clear_day(optical(number)[index]), clear_day(optical(number)[index] + np.float32(0.02), 10.0)],
            sar=sar(number),
        )
        for number in range(seed, seed + count)
    ]


def collection(count: int, seed: int = 0) -> Collection:
    return collect(Loaded(places(count, seed)))


def write_places(root: Path, training: int = 8, validation: int = 4) -> Path:
    """Writes places as SEN12MS-CR has them: cloudy and clear image and Sentinel-1."""
    for scene, count in ((1, training), (17, validation)):
        for patch in range(count):
            clear = optical(100 * scene + patch)
            cloudy = clear.copy()
            cloudy[:, 20:50, 10:40] = 0.8
            for kind, image in (("s1", sar(100 * scene + patch)), ("s2", clear), ("s2_cloudy", cloudy)):
                folder = root / f"ROIs1158_spring_{kind}" / f"{kind}_{scene}"
                numbers = image if kind == "s1" else np.rint(image * 10000).astype(np.uint16)
                write(folder / f"ROIs1158_spring_{kind}_{scene}_p{patch}.tif", numbers)
    return root


def changes(name: str, *further: str) -> list[str]:
    """What makes a recipe one of seconds."""
    return [*SIZES, *NETWORKS[name], *further]


def tiny(name: str, *further: str) -> Recipe:
    return read_recipe(name, changes(name, *further))


class Listener:
    """Keeps what a job says, and gives it up at will.

    Args:
        cancelled: Is asked as often as a Reporter asks.
    """

    def __init__(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        self.events: list[Message] = []
        self.reporter = Reporter("1", self.events.append, cancelled)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def run(name: str, folder: Path, data: Path, *further: str, listener: Listener | None = None, **job: Any) -> Done:
    """Trains a recipe on data of write_places."""
    wanted = TrainGenerator("1", name, str(folder), data=str(data), settings=changes(name, *further), **job)
    return jobs.run(wanted, (listener or Listener()).reporter)
