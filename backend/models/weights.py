"""A generator as one `.safetensors` file: its card in the header, its weights as float16. Nothing is ever unpickled.

Whole numbers (counters of batch norm, bytes of a graph) stay what they are; a tensor with a number too large for
float16 is float32, and so are all of a generator that was imported: it gives what it gave elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor

from ..card import Card, card_json, read_card, weights_sha256
from ..errors import ModelError
from .network import Network
from .zoo import build


def save(path: str, card: Card, state: Mapping[str, Tensor], exact: bool = False) -> Card:
    """Writes a generator.

    Args:
        path: A file ending in `.safetensors`; written aside and renamed.
        card: Its card; the hash is filled in here.
        state: The network's state_dict, without parametrizations such as spectral norm.
        exact: Keep float32.

    Returns:
        The card with the hash of the weights.

    Raises:
        ModelError: A weight is parametrized.
    """
    parametrized = sorted(key for key in state if ".parametrizations." in key)
    if parametrized:
        raise ModelError(
            f"A file holds plain weights, but {parametrized[0]} belongs to a parametrization.",
            "Take it off before: models.spectral.plain does.",
        )
    tensors = {key: _stored(value, exact) for key, value in state.items()}
    part = Path(f"{path}.part")
    part.write_bytes(to_bytes(tensors, {"card": card_json(card)}))
    hashed = dataclasses.replace(card, sha256=weights_sha256(str(part)))
    part.write_bytes(to_bytes(tensors, {"card": card_json(hashed)}))
    part.replace(path)
    return hashed


def load(path: str) -> tuple[Card, Network]:
    """Reads a generator: its card and its network in float32 on the CPU, ready to evaluate.

    Raises:
        ModelError: The file is no whole `.safetensors`, its weights do not fit its card, or its network is unknown.
    """
    card = read_card(path)
    if weights_sha256(path) != card.sha256:
        raise ModelError(
            f"The weights in {path} are not those of its card: their SHA-256 differs.", "Download or export it again."
        )
    with torch.device("meta"):  # a card may ask for more memory than its file has weights
        sketch = build(card.architecture, card.parameters)
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{path} is damaged: {error}.", "Download or export it again.") from error
    sketch.upgrade(state)
    _check(path, card, state, sketch.state_dict())
    network = build(card.architecture, card.parameters)
    network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return card, network


def _stored(tensor: Tensor, exact: bool) -> Tensor:
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        fits = not exact and bool((tensor.abs() <= torch.finfo(torch.float16).max).all())
        tensor = tensor.to(torch.float16 if fits else torch.float32)
    return tensor.contiguous()


def _check(path: str, card: Card, state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    shapes, wanted_shapes = ({key: value.shape for key, value in tensors.items()} for tensors in (state, wanted))
    wrong = sorted({key for key, _ in shapes.items() ^ wanted_shapes.items()})
    if wrong:
        raise ModelError(
            f"The weights in {path} do not fit the network {card.architecture!r} of its card: "
            f"{len(wrong)} of {len(wanted)} differ, first {wrong[0]}.",
            "Export the generator again.",
        )
    broken = sorted(key for key, value in state.items() if not torch.isfinite(value).all())
    if broken:
        raise ModelError(
            f"The weights in {path} hold infinite or undefined numbers, first in {broken[0]}.", "Export it again."
        )
