"""SpA-GAN: the generators that its author trained on RICE."""

from __future__ import annotations

from .found import Found
from .proposal import Proposal

CITATION = "Pan, 2020, Cloud removal for remote sensing imagery via spatial attention generative adversarial network"
UNUSED = ("SAM1.conv_in.", "SAM1.attention_layer.")
"""Weights that nothing comes of, see models/spagan.py."""


def propose(found: Found) -> list[Proposal]:
    """Recognises it by its first convolution and its map of clouds."""
    if not found.has("conv_in.0.weight", "SAM1.conv_out.weight", "res_block17.group1.conv3.weight"):
        return []
    width, bands = found.shape("conv_in.0.weight")[:2]
    return [
        Proposal(
            "spagan",
            f"SpA-GAN, {bands} bands of pictures; made for thin cloud",
            "spagan",
            {"bands": bands, "width": width},
            {key: value for key, value in found.state.items() if not key.startswith(UNUSED)},
            bands,
            {"layout": "frames", "optical_range": (0.0, 1.0), "output": "image"},
            bands=["B2", "B3", "B4"] if bands == 3 else [],
            licence="MIT",
            citation=CITATION,
            training_data=["RICE"],
        )
    ]
