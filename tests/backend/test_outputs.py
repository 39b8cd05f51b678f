"""Files appear under their names when they are whole, all of them or none, and nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unclouded.backend.errors import OutputError
from unclouded.backend.outputs import SIDECARS, Outputs
from unclouded.backend.protocol import partial_folder


def write(outputs: Outputs, path: str, text: str = "new") -> None:
    outputs.part(path).write_text(text)


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    return [str(tmp_path / name) for name in ("image.tif", "mask.tif", "error.tif")]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_appear_on_commit_and_nothing_else_stays(tmp_path: Path, names: list[str]) -> None:
    with Outputs(names, [], overwrite=False) as outputs:
        for name in names:
            write(outputs, name)
        outputs.scratch("mask.tif").write_text("scratch")
        assert not files(tmp_path) & {"image.tif", "mask.tif", "error.tif"}
        outputs.commit()

    assert files(tmp_path) == {"image.tif", "mask.tif", "error.tif"}


def test_parts_lie_in_the_folder_of_their_output(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    names = [str(tmp_path / "image.tif"), str(tmp_path / "other" / "mask.tif")]
    with Outputs(names, [], overwrite=False) as outputs:
        for name in names:
            assert outputs.part(name).parent == partial_folder(name)
            assert outputs.part(name).parent.parent == Path(name).parent


def test_a_failed_job_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, names: list[str]) -> None:
    Path(names[0]).write_text("old")

    def fail() -> None:
        with Outputs(names, [], overwrite=True) as outputs:
            write(outputs, names[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert files(tmp_path) == {"image.tif"}
    assert Path(names[0]).read_text() == "old"


def test_a_killed_job_of_the_same_name_is_cleaned_up(tmp_path: Path, names: list[str]) -> None:
    left = partial_folder(names[0])
    left.mkdir()
    (left / "image.tif").write_text("half")
    (left / "date0.tif").write_text("half")

    with Outputs(names[:1], [], overwrite=False) as outputs:
        assert files(left) == {"lock"}
        write(outputs, names[0])
        outputs.commit()

    assert files(tmp_path) == {"image.tif"}


def test_what_gdal_kept_beside_the_old_file_goes_with_it(tmp_path: Path, names: list[str]) -> None:
    Path(names[0]).write_text("old")
    for sidecar in SIDECARS:
        Path(names[0] + sidecar).write_text("stale")

    with Outputs(names[:1], [], overwrite=True) as outputs:
        write(outputs, names[0])
        outputs.commit()

    assert files(tmp_path) == {"image.tif"}
    assert Path(names[0]).read_text() == "new"


def test_one_output_that_is_missing_keeps_all_others_back(tmp_path: Path, names: list[str]) -> None:
    Path(names[1]).write_text("old")
    outputs = Outputs(names, [], overwrite=True)
    with outputs:
        write(outputs, names[0])
        write(outputs, names[1])
        with pytest.raises(OutputError, match=r"error\.tif could not be finished"):
            outputs.commit()

    assert files(tmp_path) == {"mask.tif"}
    assert Path(names[1]).read_text() == "old"


def test_an_output_whose_name_became_a_folder_keeps_all_others_back(tmp_path: Path, names: list[str]) -> None:
    with Outputs(names, [], overwrite=True) as outputs:
        for name in names:
            write(outputs, name)
        Path(names[0]).mkdir()
        with pytest.raises(OutputError, match=r"image\.tif"):
            outputs.commit()

    assert files(tmp_path) == {"image.tif"}
    assert list(Path(names[0]).iterdir()) == []


def test_an_existing_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path, names: list[str]) -> None:
    Path(names[1]).write_text("old")

    with pytest.raises(OutputError, match=r"mask\.tif exists") as error:
        Outputs(names, [], overwrite=False)

    assert "overwriting" in error.value.hint


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_file_that_another_run_has_finished_meanwhile_is_kept(tmp_path: Path, names: list[str], number: int) -> None:
    late = Outputs(names, [], overwrite=False)
    with Outputs([names[number]], [], overwrite=False) as first:
        write(first, names[number], "first")
        first.commit()

    with pytest.raises(OutputError, match=f"{Path(names[number]).name} exists"), late:
        pytest.fail("the late run has begun")
    assert files(tmp_path) == {Path(names[number]).name}
    assert Path(names[number]).read_text() == "first"


@pytest.mark.parametrize(("finished", "words"), [("map.vrt", "map.vrt exists"), ("map/notes.txt", "other things")])
def test_a_mosaic_that_another_run_has_finished_meanwhile_is_kept(tmp_path: Path, finished: str, words: str) -> None:
    late = Outputs([str(tmp_path / "map.vrt")], [], overwrite=False, may_be_mosaics=True)
    (tmp_path / finished).parent.mkdir(exist_ok=True)
    (tmp_path / finished).write_text("first")

    with pytest.raises(OutputError, match=words), late:
        pytest.fail("the late run has begun")
    assert (tmp_path / finished).read_text() == "first"
    assert files(tmp_path) == {Path(finished).parts[0]}


def test_what_another_program_makes_while_a_job_runs_is_kept(tmp_path: Path, names: list[str]) -> None:
    with Outputs(names, [], overwrite=False) as outputs:
        for name in names:
            write(outputs, name)
        Path(names[1]).write_text("mine")
        with pytest.raises(OutputError, match=r"mask\.tif exists"):
            outputs.commit()

    assert files(tmp_path) == {"mask.tif"}
    assert Path(names[1]).read_text() == "mine"


def test_two_outputs_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(OutputError, match="same name"):
        Outputs([str(tmp_path / "a.tif"), str(tmp_path / "link" / "a.tif")], [], overwrite=True)


@pytest.mark.parametrize("kind", ["same", "symlink", "hard link", "relative", "in the folder"])
def test_an_input_is_never_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    source = folder / "a.tif"
    source.write_text("pixels")
    output, given = source, source
    if kind == "symlink":
        output = tmp_path / "b.tif"
        output.symlink_to(source)
    elif kind == "hard link":
        output = tmp_path / "b.tif"
        os.link(source, output)
    elif kind == "relative":
        monkeypatch.chdir(tmp_path)
        output = Path("in") / ".." / "in" / "a.tif"
    elif kind == "in the folder":
        given = folder

    with pytest.raises(OutputError, match="also an input"):
        Outputs([str(output)], [str(given)], overwrite=True)
    assert source.read_text() == "pixels"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/a.tif", "missing does not exist"),
        ("a.png", "no GeoTIFF by its name"),
        ("a", "no GeoTIFF by its name"),
        ("folder.tif", "is a folder"),
        ("file/a.tif", "does not exist"),
    ],
)
def test_places_that_cannot_be_written_are_refused_at_once(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=words) as error:
        Outputs([str(tmp_path / name)], [], overwrite=True)
    assert error.value.hint


def test_other_files_have_any_name_and_the_first_appears_last(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("out.html", "out.json", "error.tif")]
    Path(names[0]).mkdir()
    with pytest.raises(OutputError, match=r"out\.html is a folder"):
        Outputs(names[2:], [], overwrite=True, others=names[:2])
    Path(names[0]).rmdir()

    with Outputs(names[2:], [], overwrite=True, others=names[:2]) as outputs:
        for name in names:
            write(outputs, name)
        Path(names[0]).mkdir()
        with pytest.raises(OutputError, match=r"out\.html could not be finished"):
            outputs.commit()
    assert files(tmp_path) == {"out.html"}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    # A file in the way stops root too, as a folder without permission stops everyone else.
    partial_folder(str(tmp_path / "b.tif")).write_text("in the way")

    def start() -> None:
        with Outputs([str(tmp_path / "a.tif"), str(tmp_path / "b.tif")], [], overwrite=False):
            pass

    with pytest.raises(OutputError, match=f"The folder {tmp_path} cannot be written"):
        start()
    assert files(tmp_path) == {".b.tif.part"}


def test_too_little_room_is_said_before_the_work(tmp_path: Path) -> None:
    outputs = Outputs([str(tmp_path / "a.tif")], [], overwrite=False)
    outputs.check_room(1000)

    with pytest.raises(OutputError, match=r"MB free; up to 1000000000000 MB are needed"):
        outputs.check_room(10**18)


def test_two_jobs_on_the_same_output_do_not_meet(tmp_path: Path, names: list[str]) -> None:
    with Outputs(names, [], overwrite=False) as first:
        write(first, names[0], "first")
        with (
            pytest.raises(OutputError, match=r"Another run is writing .*mask\.tif") as caught,
            Outputs([str(tmp_path / "other.tif"), names[1]], [], overwrite=True),
        ):
            pass
        assert "Wait for its end" in caught.value.hint
        assert not partial_folder(str(tmp_path / "other.tif")).exists()
        for name in names[1:]:
            write(first, name)
        first.commit()

    assert Path(names[0]).read_text() == "first"
    with Outputs(names, [], overwrite=True) as second:
        for name in names:
            write(second, name, "second")
        second.commit()
    assert files(tmp_path) == {"image.tif", "mask.tif", "error.tif"}
