"""pix2pix: U-Nets of the well-known PyTorch repository, and our own, which have the same layout."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from .found import Found
from .proposal import Proposal, behind, frame_facts

CITATION = "Isola, Zhu, Zhou and Efros, 2017, Image-to-image translation with conditional adversarial networks"
TANH = (-1.0, 1.0)
LEVEL = re.compile(r"model\.model\.(?:\d\.model\.)*\d\.(?:weight|bias|running_mean|running_var|num_batches_tracked)")


def propose(found: Found) -> list[Proposal]:
    """Recognises it: every tensor lies in nested levels of 4x4 convolutions."""
    if not found.has("model.model.0.weight") or not all(map(LEVEL.fullmatch, found.state)):
        return []
    norm, state = _norm(found.state)
    downs = _downs(found)
    if len(downs) < 2:
        return []
    last = "model.model.3.weight"
    channels, bands = downs[0][1], found.shape(last)[1]
    facts = frame_facts(found.path, bands, channels, TANH)
    parameters: dict[str, Any] = {
        "in_channels": channels,
        "out_channels": bands,
        "widths": [shape[0] for shape in downs],
        **({"norm": norm} if norm == "instance" else {}),
    }
    return [
        Proposal(
            "pix2pix",
            f"pix2pix U-Net of {len(downs)} levels, {norm} norm: {bands} bands{behind(facts)}",
            "unet",
            parameters,
            state,
            bands,
            {"layout": "frames", "optical_range": TANH, "output": "image", **facts},
            window_px=max(1 << len(downs), 256),
            citation=CITATION,
        )
    ]


def _downs(found: Found) -> list[tuple[int, ...]]:
    """Gives the shapes of the convolutions down, the outermost first."""
    shapes, prefix, place = [], "model.model.", "0"
    while f"{prefix}{place}.weight" in found.state:
        shapes.append(found.shape(f"{prefix}{place}.weight"))
        prefix, place = f"{prefix}{'1' if place == '0' else '3'}.model.", "1"
    return shapes


def _norm(state: dict[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """Tells the norm by the offset of the second convolution, which only instance norm leaves it.

    Statistics of instance norm, which old versions of PyTorch wrote and nobody uses, are dropped.
    """
    if "model.model.1.model.1.bias" not in state:
        return "batch", dict(state)
    return "instance", {key: value for key, value in state.items() if key.rpartition(".")[2] in ("weight", "bias")}
