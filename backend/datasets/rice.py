"""RICE (Lin et al., 2019): pairs of 512 px, RGB in 8 bits. RICE1 under thin cloud; RICE2 (Landsat 8) with masks.

0..255 is taken for reflectance 0..1. The splits in circulation hold the same image on both sides, so none is read: a
pair that repeats another one is dropped, pairs with the same clear image are one place, and places are divided by the
content of that image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..sensors import Bool
from .files import RGB, check_sizes, read_bands, read_rgb
from .pairs import DAYS_APART, pair_days
from .place import Day, Place, clear_day
from .source import Files, listed
from .splits import Split, by_hash

LAYOUT = "RICE1/{cloud,label}/<n>.png and RICE2/{cloud,label,mask}/<n>.png, or one of the two"


@dataclass(frozen=True)
class Pair:
    name: str
    place: str
    """The first pair with the same clear image."""
    cloudy: Path
    clear: Path
    mask: Path | None
    """0 where neither cloud nor shadow is."""


def open_rice(root: Path, split: Split) -> Files[Pair]:
    """Opens one or both parts; reads as much of them as is needed to find what is there twice."""
    parts = [part for part in (root / "RICE1", root / "RICE2", root) if (part / "label").is_dir()]
    found = (pair for part in parts for pair in _pairs(part))
    return listed(LAYOUT, root, split, ((pair.name, side, pair) for pair, side in found), _read)


def _pairs(part: Path) -> Iterator[tuple[Pair, Split]]:
    files = sorted({path.name for kind in ("cloud", "label") for path in (part / kind).glob("*.png")})
    with_mask = (part / "mask").is_dir()
    contents = {kind: _contents([part / kind / file for file in files]) for kind in ("cloud", "label")}
    first: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for file in files:
        clear, cloudy = contents["label"][part / "label" / file], contents["cloud"][part / "cloud" / file]
        if (clear, cloudy) not in seen:
            seen.add((clear, cloudy))
            name = f"rice/{part.name}/{Path(file).stem}"
            place = first.setdefault(clear, name)
            mask = part / "mask" / file if with_mask else None
            yield Pair(name, place, part / "cloud" / file, part / "label" / file, mask), by_hash(clear)


def _contents(paths: list[Path]) -> dict[Path, str]:
    """Gives a name for the content of each file; that of a missing one is its path."""
    return {path: hashlib.blake2b(path.read_bytes()).hexdigest() if path.is_file() else str(path) for path in paths}


def _read(pair: Pair) -> Place:
    cloudy, clear = read_rgb(pair.cloudy), read_rgb(pair.clear)
    check_sizes({str(pair.clear): clear, str(pair.cloudy): cloudy})
    ground = clear_day(clear)
    days = pair_days(cloudy, ground, RGB)
    if pair.mask is not None:
        mask: Bool = np.any(read_bands(pair.mask, None), axis=0)
        check_sizes({str(pair.clear): clear, str(pair.mask): mask})
        days = [ground, Day(cloudy, ~mask & cloudy.any(axis=0), DAYS_APART)]
    return Place(pair.name, RGB, "L1C", days, group=pair.place)
