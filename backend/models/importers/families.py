"""All families of foreign checkpoints, and the check that a file is really of its family."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch

from ...errors import ModelError
from ..zoo import build
from . import cyclegan, dsen2cr, onnx, own, pix2pix, spagan, uncrtaints
from .found import Found
from .proposal import Proposal

FAMILIES: tuple[Callable[[Found], list[Proposal]], ...] = (
    dsen2cr.propose,
    uncrtaints.propose,
    cyclegan.propose,
    pix2pix.propose,
    spagan.propose,
    own.propose,
    onnx.propose,
)
KNOWN = (
    "DSen2-CR (Keras or PyTorch), UnCRtainTS, generators of pix2pix (U-Net) and CycleGAN (residual blocks), SpA-GAN, "
    "our own networks, and ONNX with one image in and one out"
)


def proposals(found: Found) -> list[Proposal]:
    """Gives what a file may become, the likeliest first; nothing if no family knows it.

    Raises:
        ModelError: It looks like one, but its tensors are of another shape or hold numbers that are none.
    """
    made = [proposal for family in FAMILIES for proposal in family(found)]
    for proposal in made:
        _check(found.path, proposal)
    return made


def _check(path: str, proposal: Proposal) -> None:
    empty = next((key for key, value in proposal.state.items() if not value.numel()), None)
    if empty is not None:
        raise ModelError(f"{path} looks like {proposal.title}, but its {empty!r} is empty.", "Get the file again.")
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's over sizes of 0: what does not fit is named below
        sketch = build(proposal.architecture, proposal.parameters)
    state = dict(proposal.state)
    sketch.upgrade(state)
    shapes, wanted = ({key: tuple(value.shape) for key, value in one.items()} for one in (state, sketch.state_dict()))
    for key in sorted(shapes.keys() | wanted.keys()):
        if shapes.get(key) != wanted.get(key):
            raise ModelError(
                f"{path} looks like {proposal.title}, but its {key!r} is {_words(shapes.get(key))}; "
                f"{_words(wanted.get(key))} was expected.",
                "Get the file again, or one of the published kind.",
            )
    broken = next((key for key, value in state.items() if not torch.isfinite(value).all()), None)
    if broken is not None:
        raise ModelError(f"{path} holds infinite or undefined numbers, first in {broken!r}.", "Get another checkpoint.")


def _words(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else f"of shape {shape}"
