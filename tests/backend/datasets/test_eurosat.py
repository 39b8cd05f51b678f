"""EuroSAT: the order of its bands, and its zip."""

from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.eurosat import CLASSES
from unclouded.backend.datasets.registry import open_source
from unclouded.backend.datasets.source import Tolerant
from unclouded.backend.errors import InputError
from unclouded.backend.sensors import NAMES

from .fakes import CHIP, eurosat, eurosat_rgb

STORED = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "B8A")


def test_b8a_comes_last_in_the_file(tmp_path: Path) -> None:
    """Bands of the fake grow brighter in the order in which they are stored."""
    (place,) = open_source("eurosat", eurosat(tmp_path), "train")
    brightness = dict(zip(place.bands, place.days[0].optical.min(axis=(1, 2)), strict=True))

    assert place.bands == NAMES
    assert sorted(brightness, key=lambda name: brightness[name]) == list(STORED)
    assert place.labels == ("River",)


def test_rgb_is_read_from_its_zip(tmp_path: Path) -> None:
    eurosat_rgb(tmp_path)

    for root in (tmp_path, tmp_path / "EuroSAT.zip"):
        (place,) = open_source("eurosat-rgb", root, "train")
        assert place.bands == ("B4", "B3", "B2")
        assert place.labels == ("River",)
        assert place.name == f"eurosat/{CHIP}"
        np.testing.assert_allclose(place.days[0].optical, 0.2, atol=0.01)


def test_no_zip_is_said(tmp_path: Path) -> None:
    (tmp_path / "EuroSAT.zip").write_text("a web page")

    with pytest.raises(InputError, match="is no zip"):
        open_source("eurosat-rgb", tmp_path, "train")


def test_real_subset_is_divided_and_read(real_data: Path) -> None:
    sources = [open_source("eurosat-rgb", real_data, split) for split in ("train", "validation", "test")]
    counts = [len(source) for source in sources]
    chips = [Tolerant(sources[1], "stop")[index] for index in range(0, counts[1], 20)]

    assert sum(counts) == 2000
    assert counts[0] > 1500
    assert min(counts) > 150
    assert {chip.labels[0] for chip in chips} <= set(CLASSES)
    assert all(chip.days[0].optical.shape == (3, 64, 64) for chip in chips)
