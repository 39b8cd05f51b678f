"""Plain state_dicts of our own networks, without a card. U-Net, CycleGAN and DSen2-CR have the published layouts."""

from __future__ import annotations

from typing import Any

from .. import fusion
from .found import Found, count
from .pix2pix import TANH
from .proposal import Proposal, behind, frame_facts

FRAMES = 3
FRAME = {"layout": "frames", "optical_range": TANH, "output": "image"}
VERSION_1 = 16
"""Outputs of each band and cell of fusion's first version; today's has a fifth for each of the four pixels."""


def propose(found: Found) -> list[Proposal]:
    """Recognises each by tensors that only it has."""
    makers = {
        ("stem.weight", "head.spread.bias"): _fusion,
        ("stgan.stem.weight", "refiner.stem.weight"): _hybrid,
        ("stem.weight", "judge.0.weight"): _stgan,
        ("layers.0.convolution.weight", "head.weight", "layers.0.norm.drive.weight"): _augmented,
    }
    return [maker(found) for keys, maker in makers.items() if found.has(*keys)]


def _widths(found: Found, prefix: str = "") -> list[int]:
    return [found.shape(f"{prefix}{name}.weight")[0] for name in ("stem", "down_middle", "down_coarse")]


def _blocks(found: Found, name: str) -> int:
    return count(found.state, rf"{name}\.(\d+)\.first\.weight")


def _fusion(found: Found) -> Proposal:
    outputs, channels = found.shape("head.spread.bias", 1)[0], found.shape("stem.weight")[1]
    first = (channels - len(fusion.PLANES) + 1) * VERSION_1 == 4 * outputs
    bands = outputs // (VERSION_1 if first else 4 * fusion.OUTPUTS)
    parameters = {
        "bands": bands,
        "widths": _widths(found),
        "blocks": [_blocks(found, name) for name in ("encode_fine", "encode_middle", "bottom")],
    }
    if not first:
        parameters |= {"rest": fusion.REST, "cell_px": fusion.CELL_PX}
    title = f"Fusion{' of version 1' if first else ''}: {bands} bands"
    return Proposal("own-fusion", title, "fusion", parameters, dict(found.state), bands, {})


def _stgan(found: Found) -> Proposal:
    parameters = _stgan_parameters(found, "")
    return _dated(found, "own-stgan", "STGAN", "stgan", parameters)


def _hybrid(found: Found) -> Proposal:
    parameters = _stgan_parameters(found, "stgan.") | {"refiner_blocks": _blocks(found, r"refiner\.bottom")}
    return _dated(found, "own-hybrid", "Hybrid of STGAN and CycleGAN", "hybrid", parameters)


def _stgan_parameters(found: Found, prefix: str) -> dict[str, Any]:
    name = prefix.replace(".", r"\.")
    return {
        "bands": found.shape(f"{prefix}head.weight")[0],
        "frame_channels": found.shape(f"{prefix}stem.weight")[1],
        "frames": FRAMES,
        "widths": _widths(found, prefix),
        "encoder_blocks": _blocks(found, f"{name}encode_coarse"),
        "decoder_blocks": _blocks(found, f"{name}bottom"),
    }


def _dated(found: Found, kind: str, title: str, architecture: str, parameters: dict[str, Any]) -> Proposal:
    bands = parameters["bands"]
    facts = frame_facts(found.path, bands, parameters["frame_channels"], TANH)
    title = f"{title}: {bands} bands of each date{behind(facts)}"
    encoding = FRAME | facts | {"frames": FRAMES}
    return Proposal(kind, title, architecture, parameters, dict(found.state), bands, encoding)


def _augmented(found: Found) -> Proposal:
    width, channels = found.shape("layers.0.convolution.weight")[:2]
    bands, latent = found.shape("head.weight")[0], found.shape("layers.0.norm.drive.weight", 2)[1]
    facts = frame_facts(found.path, bands, channels, TANH)
    parameters = {
        "in_channels": channels,
        "out_channels": bands,
        "width": width,
        "latent": latent,
        "blocks": count(found.state, r"layers\.(\d+)\.second\.weight"),
    }
    title = f"Augmented CycleGAN: {bands} bands{behind(facts)}"
    return Proposal("own-augmented", title, "augmented", parameters, dict(found.state), bands, FRAME | facts)
