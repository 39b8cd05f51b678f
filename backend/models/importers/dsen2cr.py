"""DSen2-CR: the Keras files of its authors, and the layout of their PyTorch class."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise

from torch import Tensor

from ...errors import ModelError
from .found import Found
from .proposal import Proposal

CITATION = (
    "Meraner, Ebel, Zhu and Schmitt, 2020, Cloud removal in Sentinel-2 imagery using a deep residual neural network "
    "and SAR-optical data fusion"
)
FIRST_BLOCK = 2
SAR = (0.0, 2.0)
OPTICAL = (0.0, 5.0)
OWN_KEY = re.compile(r"model\.\d+\.(?:conv_block\.[02]\.)?(?:weight|bias)")


def propose(found: Found) -> list[Proposal]:
    """Recognises it: residual blocks of two 3x3 convolutions, all with the same number of features."""
    if found.container == "Keras":
        state = _from_keras(found)
        ours = dataclasses.replace(found, state=state)
        return [_proposal(ours, "dsen2cr-keras", "DSen2-CR, written by Keras")] if state else []
    if found.has("model.0.weight", "model.2.conv_block.0.weight") and all(map(OWN_KEY.fullmatch, found.state)):
        return [_proposal(found, "dsen2cr", "DSen2-CR, in the layout of its PyTorch class")]
    return []


def _proposal(found: Found, kind: str, title: str) -> Proposal:
    blocks = sum(key.endswith(".conv_block.0.weight") for key in found.state)
    features, channels = found.shape("model.0.weight")[:2]
    bands = found.shape(f"model.{FIRST_BLOCK + blocks}.weight")[0]
    sar = channels - bands
    if sar not in (0, 2):
        raise ModelError(
            f"The network in {found.path} reads {channels} channels and makes {bands} bands.",
            "A DSen2-CR reads the bands that it makes, with or without VV and VH.",
        )
    parameters = {"in_channels": channels, "out_channels": bands, "features": features, "blocks": blocks}
    encoding = {"layout": "frames", "optical_range": OPTICAL, "output": "image"}
    return Proposal(
        kind,
        f"{title}: {bands} bands, {'with VV and VH' if sar else 'without SAR'}, {blocks} blocks",
        "dsen2cr",
        parameters,
        found.state,
        bands,
        encoding | ({"sar_range": SAR} if sar else {}),
        levels=["L1C"],
        citation=CITATION,
        training_data=["SEN12MS-CR"],
    )


def _from_keras(found: Found) -> dict[str, Tensor]:
    """Gives the kernels (3, 3, in, out) and offsets in our layout; nothing if they are no chain of residual blocks.

    Layers without weights, which the variants for the cloud-adaptive loss have behind the last convolution, are not
    in the file.
    """
    kernels = [value for value in found.state.values() if value.dim() == 4]
    offsets = [value for value in found.state.values() if value.dim() == 1]
    if len(kernels) < 4 or len(kernels) % 2 or len(kernels) + len(offsets) != len(found.state):
        return {}
    chained = all(before.shape[3] == after.shape[2] for before, after in pairwise(kernels))
    fits = len(offsets) == len(kernels) and all(
        kernel.shape[:2] == (3, 3) and offset.shape == kernel.shape[3:]
        for kernel, offset in zip(kernels, offsets, strict=True)
    )
    if not chained or not fits:
        return {}
    inner = range(FIRST_BLOCK, FIRST_BLOCK + len(kernels) // 2 - 1)
    names = ["model.0", *(f"model.{block}.conv_block.{part}" for block in inner for part in (0, 2))]
    names.append(f"model.{inner.stop}")
    state: dict[str, Tensor] = {}
    for name, kernel, offset in zip(names, kernels, offsets, strict=True):
        state |= {f"{name}.weight": kernel.permute(3, 2, 0, 1).contiguous(), f"{name}.bias": offset}
    return state
