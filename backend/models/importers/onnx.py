"""ONNX: a graph of whatever network, one image in, one image out."""

from __future__ import annotations

import torch

from ..graph import graph_shapes, parse_graph
from .found import Found
from .proposal import WINDOW_PX, Proposal, behind, frame_facts


def propose(found: Found) -> list[Proposal]:
    """Takes every graph; how it was trained is nowhere to be read, so scaling and bands are guesses."""
    if not found.graph:
        return []
    taken, made = graph_shapes(parse_graph(found.graph))
    window_px, facts = taken.side_px or WINDOW_PX, frame_facts(found.path, made.channels, taken.channels, (0.0, 1.0))
    size = f"{taken.side_px} px" if taken.side_px else f"any size, run as {window_px} px"
    return [
        Proposal(
            "onnx",
            f"ONNX graph of {len(found.shapes)} tensors: {made.channels} bands{behind(facts)}; windows of {size}",
            "onnx",
            {
                "in_channels": taken.channels,
                "out_channels": made.channels,
                "graph_bytes": len(found.graph),
                "window_px": window_px,
            },
            {"graph": torch.frombuffer(bytearray(found.graph), dtype=torch.uint8)},
            made.channels,
            {"layout": "frames", "optical_range": (0.0, 1.0), "output": "image", **facts},
            window_px=window_px,
        )
    ]
