"""CycleGAN: residual generators of the well-known PyTorch repository, and our own, which have the same layout."""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from .found import Found, count
from .pix2pix import TANH
from .proposal import Proposal, behind, frame_facts

CITATION = (
    "Zhu, Park, Isola and Efros, 2017, Unpaired image-to-image translation using cycle-consistent adversarial networks"
)
FIRST_BLOCK = 10
"""Its place in the Sequential, behind three convolutions, each with norm and ReLU, and the padding."""
BEHIND = 7
"""From the first deconvolution to the last convolution: two with norm and ReLU, the padding."""
BLOCK = re.compile(r"(model\.\d+\.conv_block\.)(\d+)(\..*)")
WITH_DROPOUT = {"1": "1", "2": "2", "6": "5", "7": "6"}
"""Places in a block with dropout, and those without."""
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def propose(found: Found) -> list[Proposal]:
    """Recognises it: a 7x7 convolution, residual blocks behind two that halve, a 7x7 convolution."""
    if not found.has("model.1.weight", "model.4.weight", "model.7.weight", "model.10.conv_block.1.weight"):
        return []
    blocks = count(found.state, r"model\.(\d+)\.conv_block\.1\.weight")
    last = f"model.{FIRST_BLOCK + blocks + BEHIND}.weight"
    if not found.has(last) or found.shape("model.1.weight")[2:] != (7, 7):
        return []
    state, dropout = _without_dropout(found.state)
    norm = "batch" if "model.2.weight" in state else "instance"
    if norm == "instance":  # old versions of PyTorch wrote statistics that it does not use
        state = {key: value for key, value in state.items() if not key.endswith(STATISTICS)}
    width, channels = found.shape("model.1.weight")[:2]
    bands = found.shape(last)[0]
    facts = frame_facts(found.path, bands, channels, TANH)
    parameters: dict[str, Any] = {
        "in_channels": channels,
        "out_channels": bands,
        "width": width,
        "blocks": blocks,
        **({"norm": norm} if norm == "batch" else {}),
    }
    trained = f"{norm} norm{', trained with dropout' if dropout else ''}"
    return [
        Proposal(
            "cyclegan",
            f"CycleGAN generator of {blocks} residual blocks, {trained}: {bands} bands{behind(facts)}",
            "cyclegan",
            parameters,
            state,
            bands,
            {"layout": "frames", "optical_range": TANH, "output": "image", **facts},
            citation=CITATION,
        )
    ]


def _without_dropout(state: dict[str, Tensor]) -> tuple[dict[str, Tensor], bool]:
    """Closes the gap that dropout leaves in the numbering of each block; it does nothing after training."""
    if "model.10.conv_block.6.weight" not in state or "model.10.conv_block.5.weight" in state:
        return dict(state), False
    renamed = {}
    for key, value in state.items():
        match = BLOCK.fullmatch(key)
        renamed[f"{match[1]}{WITH_DROPOUT.get(match[2], match[2])}{match[3]}" if match else key] = value
    return renamed, True
