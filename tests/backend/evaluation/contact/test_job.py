"""A contact sheet shows real clouds, each with its words, and lies where git does not see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from unclouded.backend import jobs
from unclouded.backend.__main__ import main
from unclouded.backend.errors import InputError, OutputError
from unclouded.backend.evaluation.contact.cases import in_turn
from unclouded.backend.evaluation_jobs import DrawContactSheet
from unclouded.backend.reporting import Reporter

from ...generators import write_cyclegan, write_fusion
from ..pairs import write_pairs

QUIET = Reporter("1", lambda event: None)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_pairs(tmp_path_factory.mktemp("pairs")))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_fusion(tmp_path_factory.mktemp("models"), training_data=["sen12ms-cr: 1158_spring_1"])


def draw(folder: Path, **options: Any) -> list[list[str]]:
    """Runs a job and gives the cells of its index."""
    job = DrawContactSheet("1", str(folder), dataset="sen12ms-cr", device="cpu", **options)
    done = jobs.run(job, QUIET)
    assert done.output == str(folder / "index.md")
    lines = (folder / "index.md").read_text().splitlines()
    head, _, *rows = (line for line in lines if line.startswith("|"))
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in (head, *rows)]


def test_pairs_come_first_then_real_clouds_over_clear_days(tmp_path: Path, root: str, model: str) -> None:
    folder = tmp_path / "runs" / "sheet"
    head, *rows = draw(folder, model=model, data=root, limit=9)
    assert len(rows) == 9
    truths = [row[head.index("truth")] for row in rows]
    assert truths == ["other day"] * 6 + ["same day, real cloud laid over"] * 3
    assert sorted(path.name for path in folder.iterdir()) == [
        ".gitignore",
        "index.md",
        "page_01.png",
        "page_02.png",
        "page_03.png",
    ]
    assert (folder / ".gitignore").read_text() == "*\n"
    assert rows[-1][head.index("page")] == "[page_03.png](page_03.png)"
    errors = [float(row[head.index("MAE under cloud")]) for row in rows]
    ranks = [row[head.index("worst")] for row in rows]
    assert ranks.index("1") == errors.index(max(errors))
    assert sorted(ranks)[-3:] == ["", "1", "2"]


def test_what_is_given_and_what_was_seen_in_training_is_said(tmp_path: Path, root: str, model: str) -> None:
    given = {"bands": ["B2", "B3", "B4"], "sar": False, "dates": 0, "limit": 2}
    head, *rows = draw(tmp_path / "bare", model=model, data=root, split="train", **given)
    facts = [dict(zip(head, row, strict=True)) for row in rows]
    assert {fact["bands"] for fact in facts} == {"B2 B3 B4"}
    assert {fact["Sentinel-1"] for fact in facts} == {"no"}
    assert {fact["trained on"] for fact in facts} == {"yes"}
    (told,) = {row[head.index("trained on")] for row in draw(tmp_path / "v", model=model, data=root, limit=1)[1:]}
    assert told == "no"


def test_data_sets_take_turns() -> None:
    names = ["chips/1", "chips/2", "chips/3", "cities/1", "chips/4", "cities/2", "series"]
    assert [names[number] for number in in_turn(names)] == [
        "chips/1",
        "cities/1",
        "series",
        "chips/2",
        "cities/2",
        "chips/3",
        "chips/4",
    ]


def test_pages_are_replaced_only_if_allowed_and_none_is_left_over(tmp_path: Path, root: str, model: str) -> None:
    folder = tmp_path / "sheet"
    draw(folder, model=model, data=root, limit=5)
    with pytest.raises(OutputError, match=r"index\.md exists"):
        draw(folder, model=model, data=root, limit=1)
    draw(folder, model=model, data=root, limit=1, overwrite=True)
    assert [path.name for path in folder.glob("*.png")] == ["page_01.png"]


def test_folder_of_the_users_own_is_not_hidden_from_git(tmp_path: Path, root: str, model: str) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    draw(tmp_path, model=model, data=root, limit=1)
    assert not (tmp_path / ".gitignore").exists()


def test_generator_that_fits_nothing_is_said(tmp_path: Path, root: str) -> None:
    radar = write_cyclegan(tmp_path, "radar", sar="required")
    with pytest.raises(InputError, match="holds no real cloud that radar fits"):
        draw(tmp_path / "sheet", model=radar, data=root, sar=False, limit=2)


def test_command_draws_the_same(tmp_path: Path, root: str, model: str) -> None:
    folder = tmp_path / "sheet"
    words = ["contact-sheet", "--model", model, "--data", root, "--dataset", "sen12ms-cr", "--limit", "1"]
    found = CliRunner().invoke(main, [*words, "--no-sar", "--dates", "0", "--folder", str(folder), "--device", "cpu"])
    assert found.exit_code == 0, found.output
    assert f"unclouded contact-sheet --folder {folder} --model" in (folder / "index.md").read_text()
    assert (folder / "page_01.png").is_file()
