"""A generator survives the way to its file and back; every file that is no generator is refused by name."""

import dataclasses
import json
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from unclouded.backend.card import Card, card_json, read_card
from unclouded.backend.errors import ModelError
from unclouded.backend.models.fusion import Fusion, Params, input_channels
from unclouded.backend.models.spectral import add_spectral_norm, plain
from unclouded.backend.models.weights import load, save
from unclouded.backend.models.zoo import build

PARAMETERS = {"bands": 3, "widths": [8, 8, 8], "blocks": [1, 1, 1]}
CARD = Card(
    name="tiny",
    version="1",
    title="A tiny generator",
    architecture="fusion",
    parameters=PARAMETERS,
    bands=["B4", "B3", "B2"],
    required_bands=["B4"],
    levels=["L1C"],
    sar="optional",
    dates="optional",
    overlap_px=48,
    align_px=8,
    tile_px=64,
    prior={"B4": 0.1, "B3": 0.1, "B2": 0.1},
    licence="GPL-2.0-or-later",
    citation="",
    training_data=[],
)


@pytest.fixture
def network() -> Fusion:
    torch.manual_seed(0)
    return Fusion(Params(3, (8, 8, 8), (1, 1, 1))).eval()


@pytest.fixture
def saved(tmp_path: Path, network: Fusion) -> Path:
    path = tmp_path / "tiny.safetensors"
    save(str(path), CARD, network.state_dict())
    return path


def test_round_trip(saved: Path, network: Fusion) -> None:
    card, loaded = load(str(saved))
    x = torch.rand(1, input_channels(3), 16, 16)

    assert card == dataclasses.replace(CARD, sha256=card.sha256)
    assert card == read_card(str(saved))
    torch.testing.assert_close(loaded(x), network(x), rtol=1e-2, atol=1e-2)


def test_same_weights_give_the_same_bytes(saved: Path, tmp_path: Path, network: Fusion) -> None:
    again = tmp_path / "again.safetensors"
    save(str(again), CARD, network.state_dict())

    assert again.read_bytes() == saved.read_bytes()


def test_numbers_beyond_float16_are_kept(tmp_path: Path, network: Fusion) -> None:
    large = torch.tensor([7e4, -1e5, 1, 0, 2, 3, 4, 5e8])
    state = {**network.state_dict(), "stem.bias": large}
    save(str(tmp_path / "large.safetensors"), CARD, state)
    _, loaded = load(str(tmp_path / "large.safetensors"))
    stored = load_file(tmp_path / "large.safetensors")

    assert torch.equal(loaded.state_dict()["stem.bias"], large)
    assert {key for key, value in stored.items() if value.dtype != torch.float16} == {"stem.bias"}


def test_what_was_imported_keeps_its_numbers(tmp_path: Path, network: Fusion) -> None:
    path = str(tmp_path / "exact.safetensors")
    save(path, CARD, network.state_dict(), exact=True)
    _, loaded = load(path)

    assert all(torch.equal(value, network.state_dict()[key]) for key, value in loaded.state_dict().items())


def test_a_card_that_asks_for_more_than_its_file_holds_costs_no_memory(saved: Path) -> None:
    rewrite(saved, dataclasses.replace(read_card(str(saved)), parameters={**PARAMETERS, "widths": [10**6] * 3}))

    with pytest.raises(ModelError, match="do not fit the network 'fusion'"):  # 160 TB
        load(str(saved))


def test_batch_norm_keeps_its_statistics_and_counts(tmp_path: Path) -> None:
    parameters = {"in_channels": 3, "out_channels": 3, "widths": [4, 8]}
    network = build("unet", parameters).train()
    torch.manual_seed(0)
    for _ in range(20):
        network(torch.rand(4, 3, 16, 16) * 2 - 1)
    counted = {key: value.fill_(4099) for key, value in network.state_dict().items() if not value.is_floating_point()}
    card = dataclasses.replace(CARD, architecture="unet", parameters=parameters)
    save(str(tmp_path / "unet.safetensors"), card, network.state_dict())
    _, loaded = load(str(tmp_path / "unet.safetensors"))
    x = torch.rand(2, 3, 16, 16) * 2 - 1

    assert counted
    assert all(torch.equal(loaded.state_dict()[key], value) for key, value in counted.items())
    torch.testing.assert_close(loaded(x), network.eval()(x), atol=2e-3, rtol=0)


def test_parametrized_weights_are_refused_and_their_plain_ones_are_not(tmp_path: Path) -> None:
    parameters = {"in_channels": 3, "out_channels": 3, "width": 4, "blocks": 1}
    network = build("cyclegan", parameters)
    add_spectral_norm(network)
    card = dataclasses.replace(CARD, architecture="cyclegan", parameters=parameters)
    path = str(tmp_path / "cycle.safetensors")

    with pytest.raises(ModelError, match=r"model\.1\.parametrizations\.weight.* belongs to a parametrization"):
        save(path, card, network.state_dict())
    save(path, card, plain(network).state_dict())
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(load(path)[1](x), network.eval()(x), atol=1e-2, rtol=0)


def rewrite(path: Path, card: Card) -> None:
    """Replaces the card in the header and leaves the weights as they are."""
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    header["__metadata__"]["card"] = card_json(card)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])


def test_changed_weight_is_refused(saved: Path) -> None:
    raw = bytearray(saved.read_bytes())
    raw[-1] ^= 1
    saved.write_bytes(raw)

    with pytest.raises(ModelError, match="SHA-256"):
        load(str(saved))


def test_truncated_file_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-100])

    with pytest.raises(ModelError, match="cut off"):
        load(str(saved))


def test_unknown_network_names_the_known_ones(saved: Path) -> None:
    rewrite(saved, dataclasses.replace(read_card(str(saved)), architecture="oracle"))

    with pytest.raises(ModelError, match=r"'oracle'; known are .*fusion"):
        load(str(saved))


def test_unknown_parameter_is_refused(saved: Path) -> None:
    rewrite(saved, dataclasses.replace(read_card(str(saved)), parameters={"depth": 3}))

    with pytest.raises(ModelError, match="depth"):
        load(str(saved))


def test_weights_of_another_size_are_refused(saved: Path) -> None:
    card = read_card(str(saved))
    rewrite(saved, dataclasses.replace(card, parameters={**PARAMETERS, "widths": [8, 8, 16]}))

    with pytest.raises(ModelError, match="do not fit the network 'fusion'"):
        load(str(saved))


def test_infinite_weight_is_refused(tmp_path: Path, network: Fusion) -> None:
    path = tmp_path / "infinite.safetensors"
    save(str(path), CARD, {**network.state_dict(), "stem.bias": torch.full((8,), float("inf"))})

    with pytest.raises(ModelError, match=r"infinite or undefined numbers, first in stem\.bias"):
        load(str(path))


def test_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    path = tmp_path / "hostile.safetensors"
    path.write_bytes(pickle.dumps(Hostile()))

    with pytest.raises(ModelError, match=r"not a whole \.safetensors"):
        load(str(path))
    assert not (tmp_path / "ran").exists()


def test_file_without_card_is_refused(tmp_path: Path, network: Fusion) -> None:
    path = tmp_path / "bare.safetensors"
    save_file(network.state_dict(), path)

    with pytest.raises(ModelError, match="no model card"):
        load(str(path))
