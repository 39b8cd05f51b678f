"""Bad files are named, counted and passed over, or end the run: as the recipe says, and never read as zeros."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.collection import collect
from unclouded.backend.datasets.registry import open_source
from unclouded.backend.datasets.source import Tolerant
from unclouded.backend.errors import InputError, UnreadableSample

from .fakes import ground, sen12mscr, write

REGION = ("1158_spring", 1)


def truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:2000])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def twelve_bands(file: Path) -> None:
    write(file, ground(12))


SPOILT: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "truncated image": ("s2", truncated, "cannot serve"),
    "truncated cloudy image": ("s2_cloudy", truncated, "cannot serve"),
    "missing Sentinel-1": ("s1", Path.unlink, "no such file"),
    "missing cloudy image": ("s2_cloudy", Path.unlink, "no such file"),
    "missing clear image": ("s2", Path.unlink, "no such file"),
    "wrong bands": ("s2", twelve_bands, "13 bands were expected, it has 12"),
    "empty file": ("s1", emptied, "it is empty"),
    "another size": ("s2_cloudy", lambda file: write(file, ground(size=16)) and None, "it is 16 x 16 px"),
}


def file_of(root: Path, kind: str, patch: int) -> Path:
    return root / f"ROIs1158_spring_{kind}" / f"{kind}_1" / f"ROIs1158_spring_{kind}_1_p{patch}.tif"


@pytest.mark.parametrize("case", SPOILT)
def test_bad_file_is_named_counted_and_passed_over(tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture) -> None:
    kind, spoil, reason = SPOILT[case]
    sen12mscr(tmp_path, REGION, patches=3)
    spoil(file_of(tmp_path, kind, 1))
    source = open_source("sen12ms-cr", tmp_path, "train")
    tolerant = Tolerant(source, "skip")

    with caplog.at_level(logging.WARNING):
        found = [tolerant[1].name for _ in range(3)]
        names = [place.name for place in tolerant]

    good = ["sen12ms-cr/1158_spring_1/p0", "sen12ms-cr/1158_spring_1/p2"]
    assert found == [good[1]] * 3
    assert names == good
    assert list(tolerant.bad) == ["sen12ms-cr/1158_spring_1/p1"]
    assert len(caplog.records) == 1
    assert reason in caplog.text
    assert str(file_of(tmp_path, kind, 1)) in caplog.text
    with pytest.raises(UnreadableSample, match=reason):
        Tolerant(source, "stop")[1]
    with pytest.raises(UnreadableSample, match=reason):
        list(Tolerant(source, "stop"))


def test_next_place_of_the_last_is_the_first(tmp_path: Path) -> None:
    sen12mscr(tmp_path, REGION, patches=3)
    emptied(file_of(tmp_path, "s2", 2))
    tolerant = Tolerant(open_source("sen12ms-cr", tmp_path, "train"))

    assert tolerant[2].name == tolerant[-1].name == tolerant[0].name
    assert len(tolerant) == 3
    with pytest.raises(IndexError):
        tolerant[3]


def test_nothing_but_bad_files_is_an_error(tmp_path: Path) -> None:
    sen12mscr(tmp_path, REGION, patches=2)
    for patch in (0, 1):
        emptied(file_of(tmp_path, "s2", patch))
    source = open_source("sen12ms-cr", tmp_path, "train")

    with pytest.raises(InputError, match=r"Not one of the 2 places can be read, .*p0 for one: .*it is empty"):
        Tolerant(source)[0]
    with pytest.raises(InputError, match="Not one of the 2 places"):
        list(Tolerant(source))


class Counting:
    """A source that counts how often it is read."""

    def __init__(self, source: Tolerant, length: int) -> None:
        self._source, self._length, self.read = source, length, 0

    @property
    def names(self) -> list[str]:
        return [f"{number}" for number in range(self._length)]

    @property
    def weights(self) -> np.ndarray:
        return np.ones(self._length)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int, /) -> object:
        self.read += 1
        return self._source[index % len(self._source)]


def test_of_a_large_source_a_sample_is_read(tmp_path: Path) -> None:
    sen12mscr(tmp_path, REGION, patches=2)
    source = Counting(Tolerant(open_source("sen12ms-cr", tmp_path, "train")), 100_000)

    collection = collect(source)

    assert source.read == 200
    assert len(collection.veils) == 64
    assert collection.shares is None
    assert 0.05 < collection.prior["B2"] < 0.12
    assert collection.prior["B12"] > collection.prior["B2"]


def test_bad_files_do_not_keep_a_collection_from_being_opened(tmp_path: Path) -> None:
    sen12mscr(tmp_path, REGION, patches=3)
    emptied(file_of(tmp_path, "s2", 0))
    source = open_source("sen12ms-cr", tmp_path, "train")

    assert len(collect(Tolerant(source, "skip")).veils) == 3
    with pytest.raises(UnreadableSample):
        collect(Tolerant(source, "stop"))
