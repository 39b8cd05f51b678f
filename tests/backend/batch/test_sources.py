"""Which paths of a folder or pattern may be images, and how their results are called."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from unclouded.backend.batch import sources
from unclouded.backend.errors import UsageError


def _found(source: Path, avoid: Path | None = None) -> list[sources.Candidate]:
    return sources.candidates(str(source), avoid, {})


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name in (
        "a.tif",
        "notes.txt",
        ".hidden.tif",
        "2020/b.JP2",
        "2020/S2A_x.SAFE/GRANULE/IMG/T31TCJ_B02.jp2",
        "2020/bands/T31TCJ_20200601_B02.tif",
        "2020/bands/T31TCJ_20200601_B03.tif",
        ".part.tif.part/part.tif",
        "out/a.tif",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name, inside in (("S2B_y.SAFE.zip", "y.SAFE/T31TCJ_B02.jp2"), ("papers.zip", "text.pdf")):
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            file.writestr(inside, "x")
    (tmp_path / "damaged.zip").write_bytes(b"PK half a zip")
    return tmp_path


def test_a_folder_with_all_that_lies_below(archive: Path) -> None:
    found = _found(archive, archive / "out")

    assert {one.name for one in found} == {"a", "2020/b", "2020/S2A_x", "2020/bands", "S2B_y", "damaged"}
    assert all(Path(one.path).exists() for one in found)


def test_a_pattern_keeps_the_folders_below_its_fixed_part(archive: Path) -> None:
    assert [one.name for one in _found(archive / "**" / "*.SAFE")] == ["2020/S2A_x"]
    every = _found(archive / "**", archive / "out")
    assert {"a", "notes", "2020/bands", "2020/S2A_x"} <= {one.name for one in every}
    assert not [one.path for one in every if "GRANULE" in one.path or "/out/" in one.path]


def test_the_path_of_an_image(archive: Path) -> None:
    assert [one.name for one in _found(archive / "a.tif")] == ["a"]
    assert [one.name for one in _found(archive / "2020" / "S2A_x.SAFE")] == ["S2A_x"]


def test_brackets_in_a_name_are_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].tif").write_bytes(b"x")
    assert [one.name for one in _found(tmp_path / "a[1].tif")] == ["a[1]"]


def test_a_folder_that_links_to_itself_ends(archive: Path) -> None:
    os.symlink(archive, archive / "2020" / "again")
    assert len(_found(archive, archive / "out")) == 6


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no "):
        _found(tmp_path / "none")
    with pytest.raises(UsageError, match="holds no images"):
        _found(tmp_path)
    with pytest.raises(UsageError, match="holds no images"):
        _found(tmp_path / "*.tif")
