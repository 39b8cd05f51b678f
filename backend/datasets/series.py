"""Many dates of one place: a reservoir in Catalonia, fields in Belgium, three small cubes."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..sensors import Float
from .place import Day, Place, clear_day, in_order, mirrored, opened, read_image

BOADELLA_NOT_CLEAR = ("2020-01-13", "2020-01-23")
SCL_CLEAR = (4, 5, 6, 7)
"""Classes of the scene classification: vegetation, soil, water, unclassified."""
MIRRORED_PX = 128


def boadella(root: Path) -> Iterator[Place]:
    """Reads series_boadella: 12 bands, 8 dates; the hazy one and that with snow and cloud are left out."""
    paths = [p for p in sorted((root / "series_boadella").glob("*.tif")) if p.stem not in BOADELLA_NOT_CLEAR]
    bands = read_image(paths[0])[0]
    days = [clear_day(read_image(path)[1], datetime.date.fromisoformat(path.stem).toordinal()) for path in paths]
    yield Place("series_boadella", bands, "L2A", days)


def fields(root: Path) -> Iterator[Place]:
    """Reads series_worldcereal: 10 bands, two years; 64x64 px, mirrored to 128."""
    folder = next((root / "series_worldcereal").iterdir())
    fine, coarse = next(folder.glob("S2_L2A_10m_*")), next(folder.glob("S2_L2A_20m_*"))
    layers = {name: _layer(fine, name) for name in ("B02", "B03", "B04", "B08")}
    layers |= {name: _doubled(_layer(coarse, name)) for name in ("B05", "B06", "B07", "B8A", "B11", "B12")}
    measured = layers["B02"] > 0
    clear = np.isin(_doubled(_layer(coarse, "SCL")), SCL_CLEAR) & measured
    seconds = _times(fine)
    bands, stack = in_order(tuple(_short(name) for name in layers), np.stack(list(layers.values())))
    optical = mirrored((stack * measured * 1e-4).astype(np.float32), MIRRORED_PX)
    mask = mirrored(clear, MIRRORED_PX)
    yield _place("series_worldcereal", bands, optical, mask, seconds / 86400, 0.08)


def cubes(root: Path) -> Iterator[Place]:
    """Reads series_minicubes: 4 bands, 27 to 30 dates."""
    for path in sorted((root / "series_minicubes").glob("*.nc")):
        names = ("s2_B02", "s2_B03", "s2_B04", "s2_B8A")
        raw = np.stack([_layer(path, name) for name in names])
        scale, offset = _scaling(path, names)
        optical = (raw * scale[:, None, None, None] + offset[:, None, None, None]).astype(np.float32)
        measured = (raw > -32767).all(axis=0)
        clear = measured & (_layer(path, "s2_dlmask") == 0)
        bands = tuple(_short(name.removeprefix("s2_")) for name in names)
        yield _place(f"series_minicubes/{path.stem}", bands, optical * measured, clear, _times(path), 0.08 / 3)


def _place(
    name: str, bands: tuple[str, ...], optical: Float, clear: np.ndarray, days: np.ndarray, weight: float
) -> Place:
    """Leaves out dates that show next to nothing; optical is (C, T, H, W), clear (T, H, W)."""
    useful = [index for index in range(len(days)) if clear[index].mean() > 0.3]
    found = [Day(optical[:, index], clear[index], float(days[index])) for index in useful]
    return Place(name, bands, "L2A", found, weight=weight)


def _layer(path: Path, name: str) -> np.ndarray:
    with opened(f"netcdf:{path}:{name}") as dataset:
        layer: np.ndarray = dataset.read()
        return layer


def _scaling(path: Path, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    pairs = []
    for name in names:
        with opened(f"netcdf:{path}:{name}") as dataset:
            pairs.append((dataset.scales[0], dataset.offsets[0]))
    scale, offset = np.array(pairs).T
    return scale, offset


def _times(path: Path) -> np.ndarray:
    with opened(str(path)) as container:
        first = container.subdatasets[0]
    with opened(first) as dataset:
        text = next(value for key, value in dataset.tags().items() if re.match(r"NETCDF_DIM_time.*_VALUES", key))
    return np.array([float(value) for value in text.strip("{}").split(",")])


def _doubled(layer: np.ndarray) -> np.ndarray:
    return layer.repeat(2, axis=-2).repeat(2, axis=-1)


def _short(name: str) -> str:
    """Gives `B2` for `B02`."""
    return name.replace("B0", "B")
