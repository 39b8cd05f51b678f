"""What is listed, verified and removed, by the jobs as a program sends them."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend import installed
from unclouded.backend.card import read_card
from unclouded.backend.model_jobs import DownloadModel, ListModels, Models, RemoveModel, VerifyModel
from unclouded.backend.protocol import Done, decode, encode

from ..conftest import Heard, Workshop
from ..generators import write_fusion
from .servers import Site, whole
from .test_index import GOOD, as_index, index_of

run = Workshop.run
FIELDS = {"name", "version", "title", "licence", "bands", "required_bands", "levels", "sar", "dates", "scores"}
ABOUT = {"state", "path", "size_bytes", "page", "note", "newer", "problem"}


@pytest.fixture(autouse=True)
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Path) -> Path:
    """The folder of what comes along: `fusion`, version 1, and an index that names one to import by hand."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    write_fusion(folder, "fusion")
    by_hand = {"name": "foreign", "version": "1", "title": "F", "page": "https://example.org/f", "note": "Import it."}
    (folder / "index.json").write_bytes(as_index(by_hand))
    monkeypatch.setattr(installed, "MODELS", folder)
    monkeypatch.setattr("unclouded.backend.library.index.MODELS", folder)
    return folder


def listed(index: object = "") -> dict[str, dict[str, Any]]:
    heard = run(ListModels("1", str(index)))
    assert isinstance(heard.last, Done), heard.last
    (answer,) = (event for event in heard.events if isinstance(event, Models))
    assert decode(encode(answer)) == answer
    assert all(set(entry) >= FIELDS | ABOUT for entry in answer.entries)
    return {entry["name"]: entry for entry in answer.entries}


def words(heard: Heard) -> str:
    return f"{heard.last.message} {heard.last.hint}"


def test_without_an_index_what_comes_along_is_listed(bundled: Path) -> None:
    found = listed()

    assert {name: entry["state"] for name, entry in found.items()} == {"fusion": "bundled", "foreign": "by-hand"}
    assert found["fusion"]["path"] == str(bundled / "fusion.safetensors")
    assert found["fusion"]["size_bytes"] == (bundled / "fusion.safetensors").stat().st_size
    assert (found["foreign"]["page"], found["foreign"]["note"]) == ("https://example.org/f", "Import it.")


def test_a_generator_from_the_index_to_its_removal(site: Site, content: bytes, own: Path) -> None:
    site.put("/index.json", whole(index_of(content)))
    site.put("/alder.safetensors", whole(content))
    before = listed(site.address)["alder"]
    downloaded = run(DownloadModel("1", "alder", site.address)).last
    after = listed(site.address)["alder"]
    verified = run(VerifyModel("1", "alder"))
    removed = run(RemoveModel("1", "alder"))

    assert (before["state"], before["path"], before["size_bytes"]) == ("available", "", len(content))
    assert downloaded.output == after["path"] == str(own / "alder.safetensors")
    assert after["state"] == "installed"
    assert "alder 1 is whole" in verified.logs("info")
    assert removed.last == Done("1", "")
    assert not (own / "alder.safetensors").exists()
    assert listed(site.address)["alder"] == before


def test_what_is_here_first(site: Site, own: Path) -> None:
    own.mkdir()
    write_fusion(own, "willow")
    site.put("/index.json", whole(as_index({**GOOD, "name": "x", "file": "", "note": "By hand."}, GOOD)))

    assert [entry["state"] for entry in listed(site.address).values()] == [
        "bundled",
        "installed",
        "available",
        "by-hand",
    ]


def test_another_version_in_the_index_is_told_and_replaces_only_when_asked(site: Site, tmp_path: Path) -> None:
    newer = Path(write_fusion(tmp_path, "alder", version="2")).read_bytes()
    older = Path(write_fusion(tmp_path, "alder", version="1")).read_bytes()
    site.put("/alder.safetensors", whole(older))
    site.put("/index.json", whole(index_of(older)))
    run(DownloadModel("1", "alder", site.address))
    site.put("/alder.safetensors", whole(newer))
    site.put("/index.json", whole(index_of(newer, version="2")))

    assert listed(site.address)["alder"]["newer"] == "2"
    assert "exists already" in words(run(DownloadModel("1", "alder", site.address)))
    assert listed(site.address)["alder"]["version"] == "1"
    assert isinstance(run(DownloadModel("1", "alder", site.address, overwrite=True)).last, Done)
    assert (listed(site.address)["alder"]["version"], listed(site.address)["alder"]["newer"]) == ("2", "")


def test_another_version_of_what_comes_along_is_used_until_it_is_removed(site: Site, tmp_path: Path) -> None:
    newer = Path(write_fusion(tmp_path, "fusion", version="2")).read_bytes()
    site.put("/f", whole(newer))
    site.put("/index.json", whole(index_of(newer, name="fusion", version="2", file="f")))

    assert listed(site.address)["fusion"]["newer"] == "2"
    run(DownloadModel("1", "fusion", site.address))
    assert (listed()["fusion"]["state"], listed()["fusion"]["version"]) == ("installed", "2")
    assert isinstance(run(RemoveModel("1", "fusion")).last, Done)
    assert (listed()["fusion"]["state"], listed()["fusion"]["version"]) == ("bundled", "1")


def test_what_needs_a_newer_unclouded_says_so(site: Site, content: bytes) -> None:
    site.put("/index.json", whole(index_of(content, min_unclouded="99.0")))

    assert "needs Unclouded 99.0 or later" in listed(site.address)["alder"]["problem"]
    assert "needs Unclouded 99.0 or later" in words(run(DownloadModel("1", "alder", site.address)))


def test_a_damaged_file_is_listed_with_its_problem_and_can_be_removed(own: Path) -> None:
    own.mkdir()
    path = Path(write_fusion(own, "alder"))
    path.write_bytes(path.read_bytes()[:-1000])
    found = listed()["alder"]

    assert (found["state"], found["version"]) == ("installed", "")
    assert "cut off or damaged" in found["problem"]
    assert "cut off or damaged" in words(run(VerifyModel("1", "alder")))
    assert isinstance(run(RemoveModel("1", str(path))).last, Done)
    assert "alder" not in listed()


def test_a_changed_weight_is_found(own: Path) -> None:
    own.mkdir()
    path = Path(write_fusion(own, "alder"))
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))

    assert listed()["alder"]["problem"] == ""
    assert "SHA-256 differs" in words(run(VerifyModel("1", "alder")))


def test_a_card_that_does_not_fit_its_network_is_found(own: Path) -> None:
    own.mkdir()
    path = write_fusion(own, "alder")
    read_card(path)
    from unclouded.backend.models import weights

    card, network = weights.load(path)
    weights.save(path, dataclasses.replace(card, bands=card.bands[:4]), network.state_dict())

    assert "its network takes" in words(run(VerifyModel("1", "alder")))


@pytest.mark.parametrize("model", ["fusion", "default"])
def test_what_comes_along_is_not_removed(bundled: Path, model: str) -> None:
    assert "comes along with Unclouded" in words(run(RemoveModel("1", model)))
    assert "comes along with Unclouded" in words(run(RemoveModel("1", str(bundled / "fusion.safetensors"))))
    assert (bundled / "fusion.safetensors").is_file()


@pytest.mark.parametrize("model", ["nothing", "", ".", "*", "../bundled/fusion", "../other", "{}/../other.safetensors"])
def test_nothing_else_is_removed(own: Path, tmp_path: Path, model: str) -> None:
    own.mkdir()
    write_fusion(own, "alder")
    write_fusion(tmp_path, "other")
    before = sorted(tmp_path.rglob("*"))

    assert "among the user's own: alder" in words(run(RemoveModel("1", model.format(own))))
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_left_of_downloads_goes_too(own: Path) -> None:
    own.mkdir()
    for name in ("alder.0123456789abcdef.part", "alders.0123456789abcdef.part"):
        (own / name).touch()
    heard = run(RemoveModel("1", "alder"))

    assert "Removed" in heard.logs("info")
    assert [path.name for path in own.iterdir()] == ["alders.0123456789abcdef.part"]


def test_a_file_that_cannot_be_deleted_is_named(own: Path) -> None:
    own.mkdir()
    path = write_fusion(own, "alder")
    held = subprocess.run(["mount", "--bind", path, path], capture_output=True, check=False)
    if held.returncode:
        pytest.skip("no file can be held here")
    try:
        failed = run(RemoveModel("1", "alder")).last
    finally:
        subprocess.run(["umount", path], check=True)

    assert failed.code == "output"
    assert "cannot be deleted" in failed.message
    assert "in use" in failed.hint
    assert os.path.exists(path)


def test_an_index_that_cannot_be_read_hides_nothing_that_is_here(tmp_path: Path) -> None:
    heard = run(ListModels("1", str(tmp_path / "nowhere")))

    assert "Only what is here is listed" in heard.logs("warning")
    assert list(listed(tmp_path / "nowhere")) == ["fusion"]
    assert "cannot be read" in words(run(DownloadModel("1", "alder", str(tmp_path / "nowhere"))))


def test_a_name_that_the_index_lacks(site: Site, own: Path) -> None:
    site.put("/index.json", whole(as_index(GOOD)))

    assert re_words(run(DownloadModel("1", "../alder", site.address))) == "has no generator '../alder'; it has alder"
    assert not own.exists()


def re_words(heard: Heard) -> str:
    return heard.last.message.partition("/index.json ")[2].rstrip(".")


def test_a_generator_to_be_imported_is_not_downloaded() -> None:
    assert "Import it." in words(run(DownloadModel("1", "foreign")))
