"""Generators with random weights, written for a test."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from unclouded.backend.card import Card
from unclouded.backend.encoding import Encoding, encoding_facts
from unclouded.backend.models.fusion import Params
from unclouded.backend.models.weights import save
from unclouded.backend.models.zoo import build
from unclouded.backend.sensors import NAMES

from .models.contract import randomised

FUSION = Params(13, (16, 16, 16), (1, 1, 1))
RGB = ["B2", "B3", "B4"]
TANH = Encoding(layout="frames", optical_range=(-1, 1), output="image")


def write_fusion(folder: Path, name: str = "tiny", **facts: Any) -> str:
    """A generator of layout `fusion` that needs three of its 13 bands."""
    return _write(folder, name, "fusion", dataclasses.asdict(FUSION), Encoding(), {"required_bands": RGB} | facts)


def write_cyclegan(folder: Path, name: str = "cycle", bands: list[str] = RGB, **facts: Any) -> str:
    """A generator of layout `frames` whose instance norm sees all of a window of 32 px."""
    parameters = {"in_channels": len(bands), "out_channels": len(bands), "width": 4, "blocks": 1}
    return _write(folder, name, "cyclegan", parameters, TANH, {"bands": bands, "window_px": 32} | facts)


def write_augmented(folder: Path, name: str = "augmented", bands: list[str] = RGB, **facts: Any) -> str:
    """The same with a latent of four numbers."""
    parameters = {"in_channels": len(bands), "out_channels": len(bands), "width": 4, "blocks": 1, "latent": 4}
    return _write(folder, name, "augmented", parameters, TANH, {"bands": bands, "window_px": 32} | facts)


def write_stgan(folder: Path, name: str = "dates", **facts: Any) -> str:
    """A generator of three dates, each with SAR and a mask; its receptive field is finite."""
    encoding = Encoding("frames", 3, (-1, 1), sar_range=(-1, 1), masks=True, output="image")
    parameters = {"bands": 3, "frame_channels": 6, "widths": [4, 8, 8], "encoder_blocks": 1, "decoder_blocks": 1}
    return _write(folder, name, "stgan", parameters, encoding, {"bands": RGB} | facts)


def write_uncrtaints(folder: Path, name: str = "series", **facts: Any) -> str:
    """A generator of three dates that sees all of a window of 32 px."""
    encoding = Encoding("frames", 3, (0, 1), days=True, output="gaussian")
    parameters = {"bands": 3, "frame_channels": 4, "width": 8, "decoder_blocks": 1, "heads": 4, "attention_width": 8}
    return _write(folder, name, "uncrtaints", parameters, encoding, {"bands": RGB, "window_px": 32} | facts)


def _write(
    folder: Path, name: str, architecture: str, parameters: dict[str, Any], encoding: Encoding, facts: dict[str, Any]
) -> str:
    network = randomised(build(architecture, parameters))
    bands = facts.get("bands", list(NAMES))
    plain: dict[str, Any] = {
        "name": name,
        "version": "1",
        "title": "A generator of a test",
        "architecture": architecture,
        "parameters": parameters,
        "bands": bands,
        "required_bands": bands,
        "levels": ["L1C", "L2A"],
        "sar": "optional",
        "dates": "optional",
        "overlap_px": -(-(network.radius_px or 0) // network.stride_px) * network.stride_px,
        "align_px": network.stride_px,
        "tile_px": 64,
        "prior": dict.fromkeys(bands, 0.2),
        "licence": "GPL-2.0-or-later",
        "citation": "",
        "training_data": [],
        "encoding": encoding_facts(encoding),
    }
    path = str(folder / f"{name}.safetensors")
    save(path, Card(**(plain | facts)), network.state_dict())
    return path
