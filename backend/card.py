"""The model card: what a generator needs and what it is worth, read from the header of its `.safetensors` file.

A `.safetensors` file begins with the length of its header (8 bytes, little endian) and the header itself (JSON). The
card is the string `card` in the header's `__metadata__`. Reading it needs neither torch nor the weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, get_args, get_origin, get_type_hints

from .errors import ModelError

MAX_HEADER_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Card:
    """All that the dock, the toolbox and the command line must know of a generator."""

    name: str
    version: str
    title: str
    """One line for people."""
    architecture: str
    """A name of models/zoo.py."""
    parameters: Dict[str, Any]
    """Arguments of the architecture's Params."""
    bands: List[str]
    """Bands in the network's order; a scene may lack those not in required_bands."""
    required_bands: List[str]
    levels: List[str]
    """`L1C`, `L2A` or both."""
    sar: str
    """`none`, `optional` or `required`."""
    dates: str
    """`none`, `optional` or `required`."""
    overlap_px: int
    """Radius of the receptive field: context that a pixel needs on each side."""
    align_px: int
    """Stride of the network: windows begin at multiples of it."""
    tile_px: int
    """Side of the window that the network reconstructs at a time, without its context."""
    prior: Dict[str, float]
    """Mean reflectance of each band in training, assumed where nothing is clear."""
    licence: str
    citation: str
    training_data: List[str]
    """Places and data sets that it saw."""
    encoding: Dict[str, Any] = field(default_factory=dict)
    """Arguments of encoding.Encoding: how reflectance, SAR and dates become the network's channels."""
    window_px: int = 0
    """Side of the windows of a network that sees all of its window: they overlap by half and are blended, whatever
    overlap_px says. 0: its receptive field is overlap_px, and tiles with that context agree with the whole
    image."""
    errors: Dict[str, float] = field(default_factory=dict)
    """Standard error of each band in reflectance, measured under clouds; for networks that give none of their own."""
    scores: Dict[str, Any] = field(default_factory=dict)
    """Measured figures, each with the command that made it."""
    sha256: str = ""
    """Of the file's bytes after the header."""


def read_card(path: str) -> Card:
    """Reads the card of a generator.

    Raises:
        ModelError: The file is no `.safetensors`, is cut off, or has no valid card.
    """
    metadata = _read_header(Path(path)).get("__metadata__")
    if not isinstance(metadata, dict) or "card" not in metadata:
        raise ModelError(
            f"{path} holds weights but no model card.",
            "Use a file that `unclouded` exported, or import the checkpoint.",
        )
    try:
        return _checked(Card(**json.loads(metadata["card"])))
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{path} has a model card that this version cannot read: {error}.",
            "Update Unclouded or export the model again.",
        ) from error


def card_json(card: Card) -> str:
    """Gives the card as the string that goes into the header."""
    return json.dumps(dataclasses.asdict(card), sort_keys=True)


def weights_sha256(path: str) -> str:
    """Gives the SHA-256 of a `.safetensors` file's weights: all bytes after the header."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        file.seek(8 + struct.unpack("<Q", file.read(8))[0])
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _checked(card: Card) -> Card:
    """Holds each field against its type; raises TypeError or ValueError that names the first that makes no sense."""
    for name, hint in get_type_hints(Card).items():
        if not _is(getattr(card, name), hint):
            raise TypeError(f"its {name} is {getattr(card, name)!r}")
    for name, least in (("overlap_px", 0), ("align_px", 1), ("tile_px", 1), ("window_px", 0)):
        if getattr(card, name) < least:
            raise ValueError(f"its {name} is {getattr(card, name)}")
    if card.window_px % 2 or card.window_px % card.align_px:
        raise ValueError(f"its window_px is {card.window_px}, which is odd or no multiple of its align_px")
    for name in ("sar", "dates"):
        if getattr(card, name) not in ("none", "optional", "required"):
            raise ValueError(f"its {name} is {getattr(card, name)!r}")
    for name, known in (("required_bands", card.bands), ("bands", card.prior), ("errors", card.bands)):
        lost = [band for band in getattr(card, name) if band not in known]
        if lost:
            raise ValueError(f"its {name} name {', '.join(lost)}, of which it says nothing else")
    return card


def _is(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON has a type like `List[str]`."""
    if hint is Any:
        return True
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_is(item, get_args(hint)[0]) for item in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(_is(item, get_args(hint)[1]) for item in value.values())
    return isinstance(value, (int, float) if hint is float else hint)


def _read_header(path: Path) -> Dict[str, Any]:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
                raise ValueError("its first bytes are not those of a .safetensors file")
            header = json.loads(file.read(length))
        end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        if size != 8 + length + end:
            raise ValueError(f"{8 + length + end} bytes were expected, {size} are there: it is cut off or damaged")
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}.", "Give the path of a .safetensors file."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path} is not a whole .safetensors file: {error}.",
            "Download it again. Pickled checkpoints (.pt, .pth) are never opened as they could run code.",
        ) from error
    return dict(header)
