"""Small cloudy and clear images of made-up fields, laid out as SEN12MS-CR."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from ..datasets.fakes import write

SIDE_PX = 96
CLOUD = np.s_[:, 10:60, 20:90]
TRAINING = (("1158_spring", 1),)
VALIDATION = (("1158_spring", 17), ("1868_summer", 19), ("1868_summer", 80), ("1970_fall", 65), ("2017_winter", 22))


def ground(seed: int) -> np.ndarray:
    """(13, 96, 96) smooth fields of reflectance 0.05 to 0.35, each band of its own brightness."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    slope, phase = rng.uniform(4, 20, 2), rng.uniform(0, 6, 2)
    wave = np.sin(slope[0] * rows + phase[0]) * np.cos(slope[1] * columns + phase[1])
    return (0.2 + 0.1 * wave + rng.uniform(-0.05, 0.05, (13, 1, 1))).astype(np.float32)


def write_pairs(root: Path, patches: int = 2, sar: bool = True) -> Path:
    """Writes places of one scene to train on, and of five to validate on."""
    for number, ((season, scene), patch) in enumerate(itertools.product(TRAINING + VALIDATION, range(patches))):
        clear = ground(number)
        cloudy = clear + np.float32(0.01)
        cloudy[CLOUD] = 0.7
        backscatter = np.stack([-18 + 30 * clear[7], -25 + 30 * clear[7]]).astype(np.float32)
        for kind, image in (("s1", backscatter), ("s2", clear), ("s2_cloudy", cloudy)):
            if kind != "s1" or sar:
                folder = root / f"ROIs{season}_{kind}" / f"{kind}_{scene}"
                numbers = image if kind == "s1" else np.rint(image * 10000).astype(np.uint16)
                write(folder / f"ROIs{season}_{kind}_{scene}_p{patch}.tif", numbers)
    return root
