"""How a foreign checkpoint would become one of our generators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ...errors import ModelError
from ...sensors import BY_COUNT

UNKNOWN_LICENCE = "unknown: ask its authors"
WINDOW_PX = 256


@dataclass(frozen=True)
class Proposal:
    """What a family of networks makes of a file."""

    kind: str
    title: str
    """What it is, for people."""
    architecture: str
    """A name of models/zoo.py."""
    parameters: dict[str, Any]
    """Arguments of the architecture's Params."""
    state: dict[str, Tensor]
    """The network's state_dict, of our layout."""
    in_bands: int
    encoding: dict[str, Any]
    """Arguments of encoding.Encoding."""
    levels: Sequence[str] = ("L1C", "L2A")
    bands: list[str] = field(default_factory=list)
    """In the network's order; empty for those that a stack of so many bands is taken for."""
    window_px: int = WINDOW_PX
    """Side of its windows, if it sees all of its window."""
    licence: str = UNKNOWN_LICENCE
    citation: str = ""
    training_data: Sequence[str] = ()

    @property
    def usual_bands(self) -> list[str]:
        """The bands that it is proposed for; empty where their number does not tell them."""
        return self.bands or list(BY_COUNT.get(self.in_bands, ()))


def frame_facts(path: str, bands: int, channels: int, sar_range: tuple[float, float]) -> dict[str, Any]:
    """Tells what a frame holds behind its bands: nothing, VV and VH, a mask of clouds, or both.

    Raises:
        ModelError: It is none of these.
    """
    facts: dict[int, dict[str, Any]] = {
        0: {},
        1: {"masks": True},
        2: {"sar_range": sar_range},
        3: {"sar_range": sar_range, "masks": True},
    }
    if channels - bands not in facts:
        raise ModelError(
            f"The network in {path} reads {channels} channels and makes {bands}.",
            "Behind the bands that a network makes it may read VV and VH, and a mask of clouds, but nothing else.",
        )
    return facts[channels - bands]


def behind(facts: dict[str, Any]) -> str:
    """Names what a frame holds behind its bands, for people."""
    named = {"sar_range": "VV and VH", "masks": "the mask of clouds"}
    parts = [text for key, text in named.items() if facts.get(key)]
    return f", then {' and '.join(parts)}" if parts else ""
