"""Sen2_MTC (Huang and Wu, 2022): three cloudy images and a clear one of each place; red, green, blue, near infrared.

The lists train.txt, val.txt and test.txt name the tiles of each split; without them tiles are divided by their names.
The days of the images are not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .files import check_sizes, read_optical
from .pairs import DAYS_APART, pair_days
from .place import Place, clear_day, in_order
from .source import Files, listed
from .splits import Split, by_hash

LAYOUT = "<tile>/cloud/<image>_{0,1,2}.tif and <tile>/cloudless/<image>.tif, in the folder or in Sen2_MTC"
FILE_ORDER = ("B4", "B3", "B2", "B8")
CLOUDY = 3
LISTS: dict[str, Split] = {"train.txt": "train", "val.txt": "validation", "test.txt": "test"}


@dataclass(frozen=True)
class Image:
    tile: Path
    name: str


def open_sen2mtc(root: Path, split: Split) -> Files[Image]:
    """Opens it."""
    sides = {
        tile: side
        for name, side in LISTS.items()
        if (root / name).is_file()
        for tile in (root / name).read_text().split()
    }
    inner = root / "Sen2_MTC"
    found = (
        (_name(image), sides.get(image.tile.name) or by_hash(image.tile.name), image)
        for image in _images(inner if inner.is_dir() else root)
    )
    return listed(LAYOUT, root, split, found, _read)


def _images(root: Path) -> Iterator[Image]:
    for folder in root.glob("*/cloudless"):
        for path in folder.glob("*.tif"):
            yield Image(folder.parent, path.stem)


def _name(image: Image) -> str:
    return f"sen2-mtc/{image.tile.name}/{image.name}"


def _read(image: Image) -> Place:
    clear_path = image.tile / "cloudless" / f"{image.name}.tif"
    cloudy_paths = [image.tile / "cloud" / f"{image.name}_{number}.tif" for number in range(CLOUDY)]
    images = {str(path): read_optical(path, len(FILE_ORDER)) for path in (clear_path, *cloudy_paths)}
    check_sizes(images)
    (bands, clear), *cloudy = (in_order(FILE_ORDER, optical) for optical in images.values())
    ground = clear_day(clear)
    days = [ground]
    for number, (_, optical) in enumerate(cloudy, 1):
        days += pair_days(optical, ground, bands, number * DAYS_APART)[1:]
    return Place(_name(image), bands, "L1C", days, group=f"sen2-mtc/{image.tile.name}")
