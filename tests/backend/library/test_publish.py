"""A folder becomes a registry."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend.card import read_card
from unclouded.backend.errors import InputError, ModelError
from unclouded.backend.library.index import parse_index
from unclouded.backend.library.publish import write_index
from unclouded.backend.version import VERSION

from ..generators import write_cyclegan, write_fusion


def made(folder: Path) -> dict[str, dict[str, Any]]:
    path, _ = write_index(str(folder))
    parse_index(path.read_bytes(), str(path))
    return {model["name"]: model for model in json.loads(path.read_bytes())["models"]}


def change(folder: Path, name: str, **facts: Any) -> None:
    """Writes into an index as people do."""
    index = json.loads((folder / "index.json").read_bytes())
    next(model for model in index["models"] if model["name"] == name).update(facts)
    (folder / "index.json").write_text(json.dumps(index))


def test_an_index_says_what_cards_and_files_say(tmp_path: Path) -> None:
    first, second = write_fusion(tmp_path, "alder", scores={"mae": 0.1}), write_cyclegan(tmp_path, "birch", sar="none")
    Path(second).rename(tmp_path / "another name.safetensors")
    (tmp_path / "readme.txt").touch()
    found = made(tmp_path)
    card = dataclasses.asdict(read_card(first))

    assert set(found) == {"alder", "birch"}
    for key in ("version", "title", "bands", "required_bands", "levels", "sar", "dates", "licence", "scores"):
        assert found["alder"][key] == card[key]
    assert found["alder"]["sha256"] == hashlib.sha256(Path(first).read_bytes()).hexdigest()
    assert found["alder"]["size_bytes"] == Path(first).stat().st_size
    assert found["alder"]["min_unclouded"] == VERSION
    assert found["birch"]["file"] == "another name.safetensors"


def test_what_people_wrote_stays(tmp_path: Path) -> None:
    write_fusion(tmp_path, "alder")
    made(tmp_path)
    change(tmp_path, "alder", note="For the north.", min_unclouded="0.0.1", mirrors=["https://example.org/alder"])
    index = json.loads((tmp_path / "index.json").read_bytes())
    index["models"].append({"name": "foreign", "version": "1", "title": "F", "page": "https://example.org/foreign"})
    (tmp_path / "index.json").write_text(json.dumps(index))
    again = made(tmp_path)

    assert (again["alder"]["note"], again["alder"]["min_unclouded"]) == ("For the north.", "0.0.1")
    assert again["alder"]["mirrors"] == ["https://example.org/alder"]
    assert again["foreign"]["page"] == "https://example.org/foreign"


def test_what_was_true_of_another_file_goes(tmp_path: Path) -> None:
    write_fusion(tmp_path, "alder")
    made(tmp_path)
    change(tmp_path, "alder", note="For the north.", min_unclouded="0.0.1", mirrors=["https://example.org/alder"])
    write_fusion(tmp_path, "alder", version="2")
    again = made(tmp_path)["alder"]

    assert (again["version"], again["note"], again["min_unclouded"]) == ("2", "For the north.", VERSION)
    assert "mirrors" not in again


def test_a_file_that_is_gone_is_no_more_in_the_index(tmp_path: Path) -> None:
    write_fusion(tmp_path, "alder")
    birch = write_fusion(tmp_path, "birch")
    made(tmp_path)
    Path(birch).unlink()

    assert list(made(tmp_path)) == ["alder"]


def test_what_cannot_be_published_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        write_index(str(tmp_path))
    with pytest.raises(InputError, match="no folder"):
        write_index(str(tmp_path / "missing"))
    path = Path(write_fusion(tmp_path, "alder"))
    (tmp_path / "copy.safetensors").write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match=r"alder\.safetensors and copy\.safetensors are both called alder"):
        write_index(str(tmp_path))
    (tmp_path / "copy.safetensors").write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    with pytest.raises(ModelError, match=r"copy\.safetensors are not those of its card"):
        write_index(str(tmp_path))
    (tmp_path / "copy.safetensors").write_bytes(b"junk")
    with pytest.raises(ModelError, match=r"copy\.safetensors is not a whole"):
        write_index(str(tmp_path))

    assert sorted(one.name for one in tmp_path.iterdir()) == ["alder.safetensors", "copy.safetensors"]


@pytest.mark.parametrize("name", ["default", "a b", "x.1", "../x"])
def test_a_name_that_no_index_may_hold_is_refused(tmp_path: Path, name: str) -> None:
    write_fusion(tmp_path, "alder")
    from unclouded.backend.models import weights

    card, network = weights.load(str(tmp_path / "alder.safetensors"))
    weights.save(str(tmp_path / "alder.safetensors"), dataclasses.replace(card, name=name), network.state_dict())
    with pytest.raises(ModelError, match="which no index may hold"):
        write_index(str(tmp_path))


def test_an_index_that_is_none_is_not_overwritten(tmp_path: Path) -> None:
    write_fusion(tmp_path, "alder")
    (tmp_path / "index.json").write_text("mine")
    with pytest.raises(ModelError, match="no index of models"):
        write_index(str(tmp_path))

    assert (tmp_path / "index.json").read_text() == "mine"
