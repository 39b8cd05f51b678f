"""AllClear: months of regions, with masks."""

from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.allclear import _middle
from unclouded.backend.datasets.registry import open_source
from unclouded.backend.errors import UnreadableSample

from .fakes import REGION, allclear


def test_month_is_a_place(tmp_path: Path) -> None:
    (place,) = open_source("allclear", allclear(tmp_path), "train")
    first, second = place.days  # the third measured nothing

    assert place.name == f"allclear/{REGION}/2022_1"
    assert second.day - first.day == 5
    assert not second.clear[:20].any()
    assert second.clear[20:, :38].all()
    assert not second.clear[:, 38:].any()  # the mask of shadows says nothing there
    assert place.sar is not None
    assert (place.sar[0] == -13).all()  # of the second of January


def test_lists_of_regions_decide(tmp_path: Path) -> None:
    allclear(tmp_path)
    (tmp_path / "metadata" / "rois").mkdir(parents=True)
    (tmp_path / "metadata" / "rois" / "test_rois_3k.txt").write_text(f"{REGION}\nroi99999\n")

    assert len(open_source("allclear", tmp_path, "test")) == 1


def test_missing_mask_is_named(tmp_path: Path) -> None:
    next(allclear(tmp_path).rglob("*_cld_shdw_2022_1_6_*")).unlink()

    with pytest.raises(UnreadableSample, match=r"cld_shdw_2022_1_6_median\.tif .*no such file"):
        open_source("allclear", tmp_path, "train")[0]


def test_images_are_cropped_about_their_middle() -> None:
    rows = np.arange(260)[None, :, None].repeat(258, 2)

    assert _middle(rows).shape == (1, 256, 256)
    assert (_middle(rows)[0, 0, 0], _middle(rows)[0, -1, 0]) == (2, 257)
