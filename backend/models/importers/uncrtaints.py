"""UnCRtainTS: the checkpoints of its authors, `model.pth.tar` beside `conf.json`; and a plain state_dict of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import ModelError
from .found import Found, count
from .proposal import Proposal, frame_facts

CITATION = (
    "Ebel, Garnot, Schmitt, Wegner and Zhu, 2023, UnCRtainTS: Uncertainty quantification for cloud removal in optical "
    "satellite time series"
)
LICENCE = "MIT, as its authors' code says; of the weights: ask them"
FIRST, LAST = "in_conv.conv.conv.0.weight", "out_conv.conv.conv.0.weight"
ATTENTION = "temporal_encoder."
SCALE = 10.0
"""Of the published checkpoints, where no conf.json says it."""
FRAMES = 3
VH_FLOOR_DB = -25.0
"""They scale VH as they scale VV."""
IMAGE_DAY = 1550.0
"""Days from 3 April 2014, from which they count, to July 2018, in the middle of the year of SEN12MS-CR-TS."""
SETTINGS = "conf.json"
"""What lies beside a checkpoint of its authors."""
LARGEST_SETTINGS = 1 << 20
ONLY: dict[str, Any] = {
    "mean_nonLinearity": True,
    "var_nonLinearity": "softplus",
    "block_type": "mbconv",
    "separate_out": False,
}
"""What our network is, by the names of conf.json."""
ONLY_DATES: dict[str, Any] = {"agg_mode": "att_group", "positional_encoding": True, "use_v": False}
"""The same of several dates."""


def propose(found: Found) -> list[Proposal]:
    """Recognises it by its first and last convolution."""
    if not found.has(FIRST, LAST):
        return []
    settings, single = _settings(found.path), not any(key.startswith(ATTENTION) for key in found.state)
    for name, value in (ONLY if single else ONLY | ONLY_DATES).items():
        if settings.get(name, value) != value:
            raise ModelError(
                f"The conf.json beside {found.path} says {name}={settings[name]!r}; {value!r} was expected.",
                "Choose a checkpoint of the published kind.",
            )
    bands, odd = divmod(found.shape(LAST)[0], 2)
    if odd:
        raise ModelError(f"The network in {found.path} gives no variance for each band.", "Choose another checkpoint.")
    ours = [] if single or settings else [_ours(found, bands)]
    return [_published(found, bands, settings, single), *ours]


def _published(found: Found, bands: int, settings: dict[str, Any], single: bool) -> Proposal:
    channels = found.shape(FIRST)[1]
    sar = channels - bands
    if sar not in (0, 2):
        raise ModelError(
            f"The network in {found.path} reads {channels} channels of a date and makes {bands} bands.",
            "An UnCRtainTS reads the bands that it makes, with or without VV and VH.",
        )
    scale = _scale(found.path, settings)
    state = dict(found.state)
    state[FIRST] = torch.cat([state[FIRST][:, sar:], state[FIRST][:, :sar]], dim=1)  # theirs has SAR before the bands
    parameters = _parameters(found, bands, channels) | {
        "scale": scale,
        "frames": 1 if single else _frames(found.path, settings),
    }
    if single:
        state |= _no_attention(parameters)
    encoding: dict[str, Any] = {
        "layout": "frames",
        "frames": parameters["frames"],
        "optical_range": (0.0, scale),
        "output": "gaussian",
        "days": True,
        "image_day": IMAGE_DAY,
        **({"sar_range": (0.0, scale), "vh_floor_db": VH_FLOOR_DB} if sar else {}),
    }
    dates = "one date" if single else f"{parameters['frames']} dates"
    assumed = "" if settings else "; no conf.json lies beside it, so its scale is taken for 10"
    return Proposal(
        "uncrtaints",
        f"UnCRtainTS: {bands} bands, {'with VV and VH' if sar else 'without SAR'}, {dates}{assumed}",
        "uncrtaints",
        parameters,
        state,
        bands,
        encoding,
        levels=["L1C"],
        licence=LICENCE,
        citation=CITATION,
        training_data=["SEN12MS-CR" if single else "SEN12MS-CR-TS"],
    )


def _ours(found: Found, bands: int) -> Proposal:
    """The same tensors, as our training leaves them: bands before SAR, all in 0..1."""
    facts = frame_facts(found.path, bands, found.shape(FIRST)[1], (0.0, 1.0))
    parameters = _parameters(found, bands, found.shape(FIRST)[1]) | {"frames": FRAMES}
    encoding: dict[str, Any] = {
        "layout": "frames",
        "frames": FRAMES,
        "optical_range": (0.0, 1.0),
        "output": "gaussian",
        "days": True,
        **facts,
    }
    title = f"UnCRtainTS of our own training: {bands} bands"
    return Proposal("own-uncrtaints", title, "uncrtaints", parameters, dict(found.state), bands, encoding)


def _settings(path: str) -> dict[str, Any]:
    """Reads the conf.json beside a file, if there is one."""
    place = Path(path).with_name(SETTINGS)
    if not place.is_file():
        return {}
    try:
        if place.stat().st_size > LARGEST_SETTINGS:
            raise ValueError("it is too large")
        content = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{place} is no file of settings.", "Get it again, or take it away.") from error
    return dict(content) if isinstance(content, dict) else {}


def _scale(path: str, settings: dict[str, Any]) -> float:
    scale = settings.get("scale_by", SCALE)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1e6:
        raise ModelError(f"The conf.json beside {path} says scale_by={scale!r}.", "A number was expected.")
    return float(scale)


def _frames(path: str, settings: dict[str, Any]) -> int:
    frames = settings.get("input_t", FRAMES)
    if not isinstance(frames, int) or not 1 <= frames <= 100:
        raise ModelError(f"The conf.json beside {path} says input_t={frames!r}.", "A number was expected.")
    return frames


def _parameters(found: Found, bands: int, channels: int) -> dict[str, Any]:
    """Reads the size of the network from its tensors; the least one where there is no attention."""
    queries, inner = f"{ATTENTION}attention_heads.Q", f"{ATTENTION}inconv.weight"
    heads, key_width = found.shape(queries, 2) if found.has(queries) else (1, 1)
    return {
        "bands": bands,
        "frame_channels": channels + 1,
        "width": found.shape(FIRST)[0],
        "encoder_blocks": count(found.state, r"in_block\.(\d+)\..*"),
        "decoder_blocks": count(found.state, r"out_block\.(\d+)\..*"),
        "heads": heads,
        "key_width": key_width,
        "attention_width": found.shape(inner, 3)[0] if found.has(inner) else 1,
    }


def _no_attention(parameters: dict[str, Any]) -> dict[str, Tensor]:
    """Weights of an attention over one date, which gives 1 whatever they are: the network of one date has none."""
    width = parameters["width"]
    shapes = {
        "inconv.weight": (1, width, 1),
        "inconv.bias": (1,),
        "attention_heads.Q": (1, 1),
        "attention_heads.fc1_k.weight": (1, 1),
        "attention_heads.fc1_k.bias": (1,),
        "in_norm.weight": (width,),
        "in_norm.bias": (width,),
    }
    return {f"{ATTENTION}{name}": torch.zeros(shape) for name, shape in shapes.items()}
