"""Mosaics of EuroSAT: several classes, some rare, and no chip on two sides."""

import itertools
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.eurosat import SHOWN_RANGE
from unclouded.backend.datasets.mosaic import EACH, TILES
from unclouded.backend.datasets.registry import open_source
from unclouded.backend.datasets.source import Files, Tolerant
from unclouded.backend.datasets.splits import SPLITS
from unclouded.backend.errors import InputError

from .fakes import eurosat_mosaic, write

LABELS = ("AnnualCrop", "Forest", "Highway", "SeaLake")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eurosat_mosaic(tmp_path_factory.mktemp("eurosat"))


def entries(root: Path, split: str) -> list[tuple[str, tuple[str, ...]]]:
    source = open_source("eurosat-mosaic", root, split)
    assert isinstance(source, Files)
    return list(source.entries)


def test_each_quarter_is_a_chip_of_a_class_that_the_labels_name(root: Path) -> None:
    source = open_source("eurosat-mosaic", root, "test")
    brightness = {label: 40 * (step + 1) / 255 * SHOWN_RANGE for step, label in enumerate(LABELS)}

    for place in source:
        image = place.days[0].optical
        assert image.shape == (3, 32, 32)
        quarters = [image[:, row : row + 16, column : column + 16] for row in (0, 16) for column in (0, 16)]
        shown = {min(LABELS, key=lambda label: abs(brightness[label] - quarter.mean())) for quarter in quarters}
        assert place.labels == tuple(label for label in LABELS if label in shown)
        assert image.max() < SHOWN_RANGE


def test_no_chip_is_in_two_splits_or_two_groups(root: Path) -> None:
    seen: dict[str, set[str]] = {}
    for split in SPLITS:
        for name, paths in entries(root, split):
            for path in paths:
                seen.setdefault(path, set()).add(name.rpartition("/")[0])

    assert max(map(len, seen.values())) == 1


def test_there_are_so_many_for_each_chip_as_is_said(root: Path) -> None:
    chips = sum(len(open_source("eurosat-rgb", root, split)) for split in SPLITS)

    assert sum(len(entries(root, split)) for split in SPLITS) == EACH * chips


def test_one_to_four_classes_come_as_often_and_classes_fall_in_frequency(root: Path) -> None:
    shown = [{Path(path).parent.name for path in paths} for _, paths in entries(root, "train")]
    several = Counter(map(len, shown))
    often = [sum(label in labels for labels in shown) for label in LABELS]

    assert set(several) == set(range(1, TILES + 1))
    assert max(several.values()) < 1.5 * min(several.values())
    assert all(first > second for first, second in itertools.pairwise(often))


def test_the_same_chips_always_give_the_same_mosaics(root: Path) -> None:
    assert entries(root, "validation") == entries(root, "validation")
    assert re.fullmatch(r"eurosat-mosaic/validation/\d/\d+", entries(root, "validation")[0][0])


def test_chips_of_two_sizes_are_named(tmp_path: Path) -> None:
    eurosat_mosaic(tmp_path, chips=20)
    for path in (tmp_path / "Forest").iterdir():
        write(path, np.full((3, 8, 8), 80, np.uint8))
    source = Tolerant(open_source("eurosat-mosaic", tmp_path, "train"), "stop")

    with pytest.raises(InputError, match=r"(8 x 8 px, .* 16 x 16 px|16 x 16 px, .* 8 x 8 px)"):
        list(source)


def test_real_subset_is_unbalanced(real_data: Path) -> None:
    names = entries(real_data / "landcover", "train")
    often = Counter(label for _, paths in names for label in {Path(path).parent.name for path in paths})

    assert len(names) > 3000
    assert len(often) == 10
    assert max(often.values()) > 10 * min(often.values())
