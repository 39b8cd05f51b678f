"""The style of pictures: rows can be told apart, names of any kind are shown, and nothing else changes its look."""

from __future__ import annotations

from pathlib import Path

import pytest

from unclouded.backend.drawing import LABEL, label, line, png, save


def test_rows_look_different_from_each_other() -> None:
    assert len({str(line(number)) for number in range(28)}) == 28


def test_long_names_lose_their_middle() -> None:
    shown = label("generator-" + "x" * 100 + "-v2")

    assert len(shown) == LABEL
    assert shown.startswith("generator-")
    assert shown.endswith("-v2")


def test_the_style_stays_with_the_picture() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    png(1, 1, lambda figure: figure.subplots())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_name_of_a_file_says_its_kind(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"picture{suffix}"
    save(path, 1, 1, lambda figure: figure.subplots())

    assert path.read_bytes().startswith(start)
