"""Job files: what their lines say, and that all that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from unclouded.backend.batch import job_file
from unclouded.backend.errors import UsageError


def _count(cell: str) -> int:
    try:
        return int(cell)
    except ValueError:
        raise ValueError(f"{cell!r} is no number") from None


CONVERTERS: dict[str, Any] = {
    "sar": str,
    "mask": str,
    "dates": lambda cell: cell.split(";"),
    "method": str,
    "grow": _count,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.tif", "b.tif", "s1.tif", "m.tif"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def _read(folder: Path, text: str, **options: Any) -> list[job_file.Row]:
    path = folder / "jobs.csv"
    path.write_text(text, encoding="utf-8")
    return job_file.read(str(path), CONVERTERS, **({"method": "generator", "has_dates": False} | options))


def test_paths_are_those_from_the_file_and_empty_cells_say_nothing(folder: Path) -> None:
    rows = _read(
        folder,
        "optical,sar,dates,mask,grow,output\n"
        "a.tif,s1.tif,b.tif@2020-06-01;b.tif,auto,3,sub/first.tif\n"
        "\n"
        f"{folder}/b.tif,,,m.tif,,\n",
    )

    assert [(row.line, row.name) for row in rows] == [(2, "sub/first"), (4, "b")]
    assert rows[0].optical == str(folder / "a.tif")
    assert rows[0].fields == {
        "sar": str(folder / "s1.tif"),
        "dates": [str(folder / "b.tif@2020-06-01"), str(folder / "b.tif")],
        "mask": "auto",
        "grow_px": 3,
    }
    assert rows[1].fields == {"mask": str(folder / "m.tif")}


@pytest.mark.parametrize("text", ["optical;dates\na.tif;'b.tif\n", "\ufeffOptical\tSAR\na.tif\ts1.tif\n"])
def test_tables_as_spreadsheets_write_them(folder: Path, text: str) -> None:
    assert _read(folder, text.replace("'", ""))[0].optical == str(folder / "a.tif")


def test_what_gdal_reads_elsewhere_is_not_looked_for(folder: Path) -> None:
    row = _read(folder, "optical,sar\n/vsicurl/https://example.org/a.tif,s3://bucket/s1.tif\n")[0]

    assert row.optical == "/vsicurl/https://example.org/a.tif"
    assert row.fields["sar"] == "s3://bucket/s1.tif"


def test_all_errors_are_named_with_their_lines(folder: Path) -> None:
    text = (
        "optical,sar,dates,method,grow,output\n"
        "missing.tif,,,,,\n"
        "a.tif,none.tif,,,much,x3.tif\n"
        "b.tif,,b.tif@June,,,x4.tif\n"
        "a.tif,,,median,,\n"
        ",,,,,\n"
        ",s1.tif,,,,\n"
        "b.tif,,,,,../b.tif\n"
        "a.tif,,,,,B.tif\n"
        "b.tif,,,,,b.tif,too,many\n"
        "b.tif,,,,,\n"
    )
    with pytest.raises(UsageError) as caught:
        _read(folder, text)
    lines = caught.value.message.splitlines()

    assert "has 9 error(s); nothing was started" in lines[0]
    for start in (
        f"line 2: there is no {folder}/missing.tif",
        "line 3: grow: 'much' is no number",
        f"line 3: sar: there is no {folder}/none.tif",
        "line 4: dates: ",
        "line 5: method: median needs other dates",
        "line 7: optical: the path of an image was expected",
        "line 8: output: a name that ends in .tif and lies in the output folder",
        "line 10: 8 cells, where there are 6 columns",
        "line 11: output: b.tif is that of line 9 too",
    ):
        assert any(line.strip().startswith(start) for line in lines), (start, lines)


def test_errors_of_columns_and_of_lines_are_told_together_and_once(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _read(folder, "optical,colour,date,dates,grow\nmissing.tif,red,,,much\na.tif,,,,3\n")

    assert caught.value.message.splitlines()[1:] == [
        "  line 1: the column 'dates' is there more than once",
        "  line 1: there is no option 'colour'; columns may be optical, output, sar, mask, dates, method, grow",
        "  line 2: grow: 'much' is no number",
        f"  line 2: there is no {folder}/missing.tif",
    ]
    with pytest.raises(UsageError, match="column named optical was expected") as caught:
        _read(folder, "image,sar\na.tif,none.tif\n")
    assert f"line 2: sar: there is no {folder}/none.tif" in caught.value.message


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("a b/c.d.tif", True),
        ("console.tif", True),
        ("CON.tif", False),
        ("nul/a.tif", False),
        ("lpt1.a.tif", False),
        ("d|e.tif", False),
        ("e?.tif", False),
        ("a./b.tif", False),
    ],
)
def test_names_that_windows_cannot_have(name: str, allowed: bool) -> None:
    assert bool(job_file.NOT_ON_WINDOWS.search(name)) != allowed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("optical,colour\na.tif,red\n", "line 1: there is no option 'colour'; columns may be optical, output, sar"),
        (
            "optical,sar,SAR\na.tif,,\n",
            "has 1 error(s); nothing was started.\n  line 1: the column 'sar' is there more",
        ),
        ("sar\ns1.tif\n", "line 1: a column named optical was expected, got sar"),
        ("", "a column named optical was expected, got nothing"),
        ("optical\n", "names no scenes"),
    ],
)
def test_a_table_that_is_none(folder: Path, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        _read(folder, text)
    assert words in caught.value.message


def test_no_text_at_all(folder: Path) -> None:
    (folder / "jobs.csv").write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(UsageError, match="no UTF-8"):
        job_file.read(str(folder / "jobs.csv"), CONVERTERS, "generator", False)
    with pytest.raises(UsageError, match="No such file") as caught:
        job_file.read(str(folder / "none.csv"), CONVERTERS, "generator", False)
    assert "UTF-8" not in caught.value.hint
