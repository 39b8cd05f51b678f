"""Measures how many training windows one core draws in a second.

    python bench/samples.py [--seconds 5]

The place is synthetic, with four days and SAR; JSON goes to stdout. Seconds are those of the processor, so that other
programs count little.
"""

from __future__ import annotations

import itertools
import json
import os
import time

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import click
import numpy as np

from unclouded.backend.datasets.collection import Collection
from unclouded.backend.datasets.pairs import Veil
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.datasets.samples import Choices, draw_scene, draw_window
from unclouded.backend.sensors import NAMES

PLACE_PX = 320
WINDOWS = ((256, 256, 1), (256, 128, 4), (128, 128, 1))
"""Side of the scene, side of a window, windows of each scene."""
USERS = {
    "image": Choices(bands=NAMES, dates=0, sar=False),
    "image and SAR": Choices(bands=NAMES, dates=0, sar=True),
    "image, SAR and 3 real dates": Choices(bands=NAMES, dates=3, sar=True, real_dates=True),
    "image, SAR and 3 invented dates": Choices(bands=NAMES, dates=3, sar=True),
}


@click.command()
@click.option("--seconds", default=3.0, show_default=True, help="Of each of the 24 measurements.")
def main(seconds: float) -> None:
    """Draws windows in every combination of clouds, sizes and what a user has, and prints windows a second."""
    rates = {}
    for clouds, (scene_px, window_px, count), (user, choices) in itertools.product(
        ("simulated", "transplanted"), WINDOWS, USERS.items()
    ):
        name = f"{clouds}, {count} of {window_px} px from {scene_px} px, {user}"
        choices = Choices(**(vars(choices) | {"clouds": clouds, "scene_px": scene_px}))
        rates[name] = round(count * scenes_a_second(choices, window_px, count, seconds), 1)
    print(json.dumps({"windows_a_second_of_one_core": rates}, indent=2))


def scenes_a_second(choices: Choices, window_px: int, count: int, seconds: float) -> float:
    """Draws scenes and their windows for a while."""
    rng = np.random.default_rng(0)
    days = [clear_day(ground(seed), 30.0 * seed) for seed in range(4 if choices.real_dates else 1)]
    sar = np.full((2, PLACE_PX, PLACE_PX), -10, np.float32)
    place = Place("bench", NAMES, "L1C", days, sar=sar)
    collection = Collection([place], [veil()], dict.fromkeys(NAMES, 0.2))
    draw_scene(place, collection, rng, choices)
    drawn, started = 0, time.process_time()
    while time.process_time() - started < seconds:
        scene = draw_scene(place, collection, rng, choices)
        for _ in range(count):
            draw_window(scene, window_px, rng)
        drawn += 1
    return drawn / (time.process_time() - started)


def ground(seed: int) -> np.ndarray:
    """Fields of 8 px."""
    fields = np.random.default_rng(seed).uniform(0.02, 0.4, (len(NAMES), PLACE_PX // 8, PLACE_PX // 8))
    return fields.repeat(8, 1).repeat(8, 2).astype(np.float32)


def veil() -> Veil:
    """A cloud with soft edges."""
    rows, columns = np.mgrid[-1:1:256j, -1:1:256j]
    opacity = np.clip(1.5 - 2 * np.hypot(rows, columns), 0, 1).astype(np.float32)
    return Veil("bench", opacity, np.float32(0.8) * opacity[None].repeat(len(NAMES), 0))


if __name__ == "__main__":
    main()
