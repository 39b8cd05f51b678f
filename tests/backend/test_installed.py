"""Generators are found by name: those that come along, and the user's own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from unclouded.backend import installed
from unclouded.backend.errors import ModelError
from unclouded.backend.inference import load_generator
from unclouded.backend.installed import find_model, installed_models
from unclouded.backend.userdata import MODELS_VARIABLE

from .generators import write_fusion


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the generators that come along, with three of them."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    write_fusion(folder, "fusion")
    for name in ("alder", "birch"):
        write_fusion(folder, name)
    monkeypatch.setattr(installed, "MODELS", folder)
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, which does not exist yet."""
    folder = tmp_path / "own"
    monkeypatch.setenv(MODELS_VARIABLE, str(folder))
    return folder


def names() -> list[str]:
    return [card.name for card, _ in installed_models()]


def test_the_default_comes_first(bundled: Path, own: Path) -> None:
    assert names() == ["fusion", "alder", "birch"]
    assert find_model("default") == find_model("fusion") == str(bundled / "fusion.safetensors")


def test_a_path_is_taken_as_it_is() -> None:
    assert find_model("folder/mine.safetensors") == "folder/mine.safetensors"


def test_the_users_own_come_behind(bundled: Path, own: Path) -> None:
    own.mkdir()
    mine = write_fusion(own, "acacia")

    assert names() == ["fusion", "alder", "birch", "acacia"]
    assert find_model("acacia") == mine


def test_the_user_has_the_last_word_on_a_name(bundled: Path, own: Path, caplog: pytest.LogCaptureFixture) -> None:
    own.mkdir()
    mine = write_fusion(own, "alder", title="Mine")

    assert find_model("alder") == mine
    assert f"The generator alder in {own} is used instead" in caplog.text
    assert [card.title for card, _ in installed_models()][1] == "Mine"
    assert names() == ["fusion", "alder", "birch"]


def test_a_file_may_have_another_name_than_its_card(bundled: Path, own: Path) -> None:
    own.mkdir()
    shutil.move(write_fusion(own, "acacia"), own / "download (1).safetensors")

    assert find_model("acacia") == find_model("download (1)") == str(own / "download (1).safetensors")


def test_an_unknown_name_lists_the_known_ones_and_says_where_to_put_one(bundled: Path, own: Path) -> None:
    with pytest.raises(ModelError, match="'great' is installed; installed: fusion, alder, birch") as error:
        find_model("great")

    assert str(own) in error.value.hint


def test_a_damaged_generator_is_logged_and_stops_nothing_but_its_own_jobs(
    bundled: Path, own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = bundled / "fusion.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1000])

    assert names() == ["alder", "birch"]
    assert "cut off or damaged" in caplog.text
    with pytest.raises(ModelError, match="cut off or damaged"):
        load_generator("default", "cpu")
