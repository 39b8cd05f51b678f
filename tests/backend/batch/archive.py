"""What the tests of whole batches share."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

PLAIN = ("--method", "inpaint")
SIDE = 64
Batch = Callable[..., Result]


def add_scene(shop: Any, name: str, seed: int, **options: Any) -> None:
    """Writes an image of four bands with a cloud."""
    numbers = shop.numbers(4, SIDE, SIDE, seed)
    numbers[:, shop.disc(SIDE, SIDE, 30, 30, 9)] = 7000
    shop.raster(name, numbers, descriptions=("B2", "B3", "B4", "B8"), **options)


def hashes(folder: Path) -> dict[str, str]:
    """Of the results in a folder and below."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*.tif")
    }


def reported(folder: Path) -> dict[str, dict[str, str]]:
    """Of the report, the line of each scene."""
    with (folder / "report.csv").open(encoding="utf-8", newline="") as file:
        return {line["scene"]: line for line in csv.DictReader(file)}
