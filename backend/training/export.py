"""From a checkpoint to a generator with its card."""

from __future__ import annotations

import dataclasses
import math
import os
import pickle  # nosec B403 - only to name the error of a file that holds code
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..card import Card
from ..encoding import encoding_facts
from ..errors import ModelError, OutputError
from ..models import weights
from ..models.network import Network
from ..models.spectral import plain_state
from ..models.zoo import build
from .callbacks import BEST
from .recipe import Recipe, make_recipe
from .schemes import CLASSIFIERS

RGB = ("B2", "B3", "B4")
WHERE = "Give a run's folder, or best.ckpt or last.ckpt in it."
MAX_OVERLAP_PX = 128
"""A larger receptive field would cost more than windows that overlap by half."""
LEAST_WINDOW_PX = 128
"""Such windows are those of the training, but no smaller: at their rims a network sees less than it could."""


def read_checkpoint(path: str) -> dict[str, Any]:
    """Reads a checkpoint of a run; nothing in it can run code.

    Raises:
        ModelError: It is none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they tell how to let a file run code
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"The checkpoint {path} cannot be read: {error.strerror}.", WHERE) from error
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        what = f"the code {code[1]}" if code else "more than numbers and text"
        raise ModelError(f"The checkpoint {path} is refused: it holds {what}.", WHERE) from error
    except (RuntimeError, EOFError, LookupError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is no checkpoint, or damaged.", WHERE) from error
    parts = ("recipe", "state_dict", "figures", "data")
    if not isinstance(found, dict) or not all(isinstance(found.get(part), dict) for part in parts):
        raise ModelError(f"{path} is no checkpoint of a training run.", WHERE)
    return found


def export_checkpoint(checkpoint: str, output: str, overwrite: bool) -> Card:
    """Writes the generator of a checkpoint.

    Args:
        checkpoint: best.ckpt or last.ckpt of a run, or its folder, which stands for the best.
        output: A name ending in `.safetensors`.
        overwrite: Whether it may be replaced.

    Raises:
        ModelError: The checkpoint cannot be read.
        OutputError: The output exists, or cannot be written.
    """
    check_output(output, overwrite)
    if Path(checkpoint).is_dir():
        checkpoint = str(Path(checkpoint) / BEST)
    saved = read_checkpoint(checkpoint)
    recipe = make_recipe(saved["recipe"], checkpoint)
    if recipe.scheme in CLASSIFIERS:
        raise ModelError(f"{checkpoint} is of a classifier: its run has written the file itself.", WHERE)
    network = build(recipe.generator.architecture, recipe.generator.full)
    card = make_card(recipe, network, saved)
    try:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        return weights.save(output, card, plain_state(network, _generator(saved["state_dict"])))
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error.strerror}.", "Choose another folder.") from error


def check_output(output: str, overwrite: bool) -> None:
    """Raises OutputError if a generator cannot be written there, which is better known before hours of learning."""
    place = Path(output).absolute()
    if place.suffix != ".safetensors" or place.is_dir():
        raise OutputError(f"A generator is a .safetensors file; {output} was asked for.", "Choose another name.")
    if place.exists() and not overwrite:
        raise OutputError(f"{output} exists already.", "Choose another name, or allow it to be replaced (--overwrite).")
    existing = next(folder for folder in place.parents if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise OutputError(f"The folder {place.parent} cannot be written.", "Choose another folder.")


def make_card(recipe: Recipe, network: Network, saved: Mapping[str, Any]) -> Card:
    """Makes the card of a generator.

    Args:
        recipe: How it was trained.
        network: Of its size.
        saved: The checkpoint: figures of the validation, prior and training data.
    """
    figures, frames, stride_px = saved["figures"], recipe.encoding.layout == "frames", network.stride_px
    overlap_px = None if network.radius_px is None else _up_to(network.radius_px, stride_px)
    blended = overlap_px is None or overlap_px > MAX_OVERLAP_PX
    encoding = dataclasses.replace(recipe.encoding, spread=figures.get("spread", 1.0))
    return Card(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        architecture=recipe.generator.architecture,
        parameters=recipe.generator.full,
        bands=list(recipe.bands),
        required_bands=[name for name in recipe.bands if frames or name in RGB],
        levels=list(recipe.levels),
        sar=("required" if recipe.encoding.sar_range else "none") if frames else "optional",
        dates=("required" if recipe.encoding.frames > 1 else "none") if frames else "optional",
        overlap_px=0 if overlap_px is None or blended else overlap_px,
        align_px=stride_px,
        tile_px=recipe.tile_px,
        prior=saved["data"]["prior"],
        licence=saved["data"]["licence"],
        citation=recipe.citation,
        training_data=saved["data"]["names"],
        encoding=encoding_facts(encoding),
        window_px=_up_to(max(recipe.data.window_px, LEAST_WINDOW_PX), math.lcm(stride_px, 2)) if blended else 0,
        errors=figures["band_rmse"] if recipe.encoding.output == "image" else {},
        scores={"validation while training": {key: value for key, value in figures.items() if key != "band_rmse"}},
    )


def _up_to(length_px: int, step_px: int) -> int:
    """The next multiple of a step."""
    return -(-length_px // step_px) * step_px


def _generator(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Takes the averaged weights where there are any."""
    for prefix in ("averaged.", "generator."):
        found = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if found:
            return found
    raise ModelError("The checkpoint holds no generator.", WHERE)
