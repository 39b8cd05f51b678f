"""Images of several classes, some of them rare: four RGB chips of EuroSAT side by side.

A stand-in for BigEarthNet that needs EuroSAT's RGB images only (2000 of them will do). Each mosaic shows one to four
classes, as many of them with one as with four. Classes are drawn with weights that fall from each to the next by SKEW.
The same chips always give the same mosaics. Chips are divided as those of `eurosat-rgb`, and dealt into PARTS within
their split: mosaics of different groups share no chip. Here the images' brightness is brought back to reflectance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from .eurosat import CLASSES, SHOWN_RANGE, class_of, find
from .files import RGB, check_sizes, read_rgb
from .place import Place, clear_day
from .source import Files, listed
from .splits import SPLITS, Split

LAYOUT = "<Class>/<Class>_1.jpg and so on, or a zip of it"
SKEW = 0.7
"""Weight of a class over that of the class before it; the rarest of ten is drawn a twenty-fifth as often."""
PARTS = 10
EACH = 2
"""Mosaics for each chip; one chip is seen in several."""
TILES = 4

Entry = tuple[str, tuple[str, ...]]
"""Name of the mosaic, and the paths of its chips: upper left, upper right, lower left, lower right."""


def open_mosaics(root: Path, split: Split) -> Files[Entry]:
    """Opens the mosaics of a folder or a zip of RGB chips."""
    chips = find(root, "jpg")
    found = [
        (entry[0], side, entry)
        for side in SPLITS
        for entry in _all_of(side, sorted((name, path) for name, its_side, path in chips if its_side == side))
    ]
    return listed(LAYOUT, root, split, found, _read)


def _all_of(side: Split, chips: Sequence[tuple[str, str]]) -> Iterator[Entry]:
    """Gives the mosaics of a split from the names and paths of its chips."""
    parts: list[dict[str, list[str]]] = [{} for _ in range(PARTS)]
    dealt = dict.fromkeys(CLASSES, 0)
    for name, path in chips:
        label = _label(name)
        parts[dealt[label] % PARTS].setdefault(label, []).append(path)
        dealt[label] += 1
    for number, part in enumerate(parts):
        rng = np.random.default_rng((SPLITS.index(side), number))
        for index in range(EACH * sum(map(len, part.values()))):
            yield f"eurosat-mosaic/{side}/{number}/{index}", _draw(part, rng)


def _draw(chips: Mapping[str, Sequence[str]], rng: np.random.Generator) -> tuple[str, ...]:
    """Draws the chips of a mosaic from those of each class."""
    there = [label for label in CLASSES if label in chips]
    weights = np.array([SKEW ** CLASSES.index(label) for label in there])
    count = min(int(rng.integers(1, TILES + 1)), len(there))
    shown = rng.choice(len(there), count, replace=False, p=weights / weights.sum())
    order = rng.permutation([*shown, *rng.choice(shown, TILES - count)])
    return tuple(str(rng.choice(chips[there[index]])) for index in order)


def _read(entry: Entry) -> Place:
    name, paths = entry
    images = {path: read_rgb(path) * np.float32(SHOWN_RANGE) for path in paths}
    check_sizes(images)
    tiles = [images[path] for path in paths]
    optical = np.concatenate([np.concatenate(tiles[:2], axis=2), np.concatenate(tiles[2:], axis=2)], axis=1)
    shown = {_label(Path(path).stem) for path in paths}
    labels = tuple(label for label in CLASSES if label in shown)
    return Place(name, RGB, "L1C", [clear_day(optical)], group=name.rpartition("/")[0], labels=labels)


def _label(name: str) -> str:
    return class_of(name.rpartition("/")[2])
