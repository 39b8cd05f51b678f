"""Cards are read from headers that may lie, and nothing in a model file ever runs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend.card import MAX_HEADER_BYTES, Card, card_json, read_card, weights_sha256
from unclouded.backend.errors import ModelError

CARD = Card(
    name="tiny",
    version="1.2",
    title="A tiny generator",
    architecture="fusion",
    parameters={"width": 8},
    bands=["B2", "B3"],
    required_bands=["B2"],
    levels=["L1C"],
    sar="optional",
    dates="none",
    overlap_px=8,
    align_px=4,
    tile_px=64,
    prior={"B2": 0.1, "B3": 0.1},
    licence="GPL-2.0-or-later",
    citation="",
    training_data=["a place"],
    scores={"mae": 0.01},
)
WEIGHTS = bytes(range(32))
TENSOR = {"weight": {"dtype": "F32", "shape": [8], "data_offsets": [0, 32]}}


def write(path: Path, header: Any, weights: bytes = WEIGHTS) -> str:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + weights)
    return str(path)


def whole(path: Path, card: str = card_json(CARD)) -> str:
    return write(path, {"__metadata__": {"card": card}, **TENSOR})


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    assert read_card(whole(tmp_path / "a.safetensors")) == CARD


def test_the_hash_is_of_the_bytes_after_the_header(tmp_path: Path) -> None:
    assert weights_sha256(whole(tmp_path / "a.safetensors")) == hashlib.sha256(WEIGHTS).hexdigest()


def test_what_safetensors_writes_is_read(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    path = str(tmp_path / "a.safetensors")
    save_file({"weight": torch.ones(3)}, path, metadata={"card": card_json(CARD)})

    assert read_card(path) == CARD


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_refused_and_never_runs(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))

    with pytest.raises(ModelError, match=r"not a whole \.safetensors file") as error:
        read_card(str(path))

    assert "never opened" in error.value.hint
    assert not (tmp_path / "exploded").exists()


BROKEN: dict[str, bytes] = {
    "empty": b"",
    "short": b"abc",
    "header longer than the file": struct.pack("<Q", 10**6) + b"{}",
    "header beyond all memory": struct.pack("<Q", 2**63) + b"{}",
    "header beyond the limit": struct.pack("<Q", MAX_HEADER_BYTES + 1) + b"{}",
    "header of length 0": struct.pack("<Q", 0) + b"{}",
    "header that is no JSON": struct.pack("<Q", 4) + b"{{{{",
    "header that is no text": struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc",
    "header that is a list": struct.pack("<Q", 4) + b"[12]",
    "header nested too deep": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "zip": b"PK\x03\x04" + bytes(60),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_is_no_safetensors_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"model\.safetensors is not a whole \.safetensors file"):
        read_card(str(path))


@pytest.mark.parametrize("length", [1, 8, 31, 33])
def test_a_file_of_another_length_than_its_header_states_is_refused(tmp_path: Path, length: int) -> None:
    path = write(tmp_path / "m.safetensors", {"__metadata__": {"card": card_json(CARD)}, **TENSOR}, bytes(length))

    with pytest.raises(ModelError, match="cut off or damaged"):
        read_card(path)


LYING: dict[str, Any] = {
    "offsets missing": {"weight": {}},
    "offsets that are words": {"weight": {"data_offsets": ["a", "b"]}},
    "tensor that is a number": {"weight": 5},
    "metadata that is a number": {"__metadata__": 5, **TENSOR},
    "metadata that is a list": {"__metadata__": ["card"], **TENSOR},
    "metadata that is a word": {"__metadata__": "card", **TENSOR},
    "card that is a number": {"__metadata__": {"card": 5}, **TENSOR},
    "card that is a list": {"__metadata__": {"card": "[]"}, **TENSOR},
    "card without fields": {"__metadata__": {"card": "{}"}, **TENSOR},
    "card with a field too many": {
        "__metadata__": {"card": json.dumps({**dataclasses.asdict(CARD), "price": 1})},
        **TENSOR,
    },
    "card that is no JSON": {"__metadata__": {"card": "name: tiny"}, **TENSOR},
}


@pytest.mark.parametrize("header", LYING.values(), ids=LYING)
def test_a_lying_header_is_refused_by_name(tmp_path: Path, header: Any) -> None:
    with pytest.raises(ModelError, match=r"m\.safetensors"):
        read_card(write(tmp_path / "m.safetensors", header))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bands", "B2"),
        ("bands", [2]),
        ("overlap_px", "8"),
        ("overlap_px", -1),
        ("tile_px", 0),
        ("align_px", 0),
        ("prior", []),
        ("prior", {"B2": "much"}),
        ("bands", ["B2", "B3", "B4"]),
        ("required_bands", ["B12"]),
        ("name", None),
        ("sar", "maybe"),
        ("window_px", -8),
        ("window_px", 66),
        ("errors", {"B12": 0.1}),
        ("errors", {"B2": "small"}),
    ],
)
def test_a_card_whose_fields_make_no_sense_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    text = json.dumps({**dataclasses.asdict(CARD), field: value})

    with pytest.raises(ModelError, match=field):
        read_card(whole(tmp_path / "m.safetensors", text))


def test_weights_without_a_card_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model card") as error:
        read_card(write(tmp_path / "m.safetensors", TENSOR))

    assert "import" in error.value.hint


@pytest.mark.parametrize("name", ["missing.safetensors", "."])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_card(str(tmp_path / name))
