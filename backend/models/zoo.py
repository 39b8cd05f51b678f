"""All networks by name. A card names one of them and the arguments of its Params."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ModelError
from . import augmented, cyclegan, dsen2cr, fusion, hybrid, onnx, refiner, spagan, stgan, uncrtaints, unet
from .network import Network


def _hybrid(params: hybrid.Params) -> Network:
    bands, channels, frames, widths = params.bands, params.frame_channels, params.frames, params.widths
    first = stgan.Params(bands, channels, frames, widths, params.encoder_blocks, params.decoder_blocks)
    second = refiner.Params(bands, channels, widths, params.refiner_blocks)
    path = [*refiner.path(second), *stgan.path(first)]
    return hybrid.Hybrid(params, stgan.STGAN(first), refiner.Refiner(second), path)


NETWORKS: dict[str, tuple[type[Any], Callable[[Any], Network], Mapping[str, Any]]] = {
    "augmented": (augmented.Params, augmented.Augmented, augmented.PRESETS),
    "cyclegan": (cyclegan.Params, cyclegan.CycleGAN, cyclegan.PRESETS),
    "dsen2cr": (dsen2cr.Params, dsen2cr.DSen2CR, dsen2cr.PRESETS),
    "fusion": (fusion.Params, fusion.Fusion, fusion.PRESETS),
    "hybrid": (hybrid.Params, _hybrid, hybrid.PRESETS),
    "stgan": (stgan.Params, stgan.STGAN, stgan.PRESETS),
    "uncrtaints": (uncrtaints.Params, uncrtaints.UnCRtainTS, uncrtaints.PRESETS),
    "unet": (unet.Params, unet.UNet, unet.PRESETS),
}
"""Name: parameters, network, presets. Each has the presets `paper` (the published size) and `small`."""
IMPORTED: dict[str, tuple[type[Any], Callable[[Any], Network]]] = {
    "onnx": (onnx.Params, onnx.Graph),
    "spagan": (spagan.Params, spagan.SpAGAN),
}
"""Networks that nothing here trains: they come from checkpoints of others."""
MOST_BLOCKS, MOST_LEVELS, LARGEST_SIZE = 1000, 20, 1 << 30


def build(architecture: str, parameters: dict[str, Any]) -> Network:
    """Makes a network with random weights.

    Args:
        architecture: A name of NETWORKS or IMPORTED.
        parameters: Arguments of its Params; lists stand for tuples.

    Raises:
        ModelError: The name or a parameter is unknown.
    """
    known = NETWORKS | IMPORTED
    if architecture not in known:
        raise ModelError(
            f"This generator needs the network {architecture!r}; known are {', '.join(sorted(known))}.",
            "Update Unclouded, or choose another generator.",
        )
    params, network = known[architecture][:2]
    try:
        _check_sizes(parameters)
        return network(
            params(**{key: tuple(value) if isinstance(value, list) else value for key, value in parameters.items()})
        )
    except (TypeError, ValueError, RuntimeError, OverflowError, LookupError, AttributeError) as error:
        raise ModelError(
            f"The network {architecture!r} cannot be built from the parameters on its card: {error}.",
            "Export the generator again, or choose another one.",
        ) from error


def _check_sizes(parameters: Mapping[str, Any]) -> None:
    """Raises ValueError for sizes at which building alone would take all memory or forever."""
    for key, value in parameters.items():
        numbers = value if isinstance(value, list | tuple) else [value]
        most = MOST_BLOCKS if "blocks" in key else LARGEST_SIZE
        if len(numbers) > MOST_LEVELS or any(
            isinstance(number, int | float) and not -1 < number <= most for number in numbers
        ):
            raise ValueError(f"its {key} is {str(value)[:60]}")


def preset(architecture: str, name: str) -> dict[str, Any]:
    """Gives the parameters of a preset, to be changed or handed to build.

    Raises:
        ModelError: The architecture or the preset is unknown.
    """
    if architecture not in NETWORKS:
        raise ModelError(f"There is no network {architecture!r}.", f"Known are {', '.join(sorted(NETWORKS))}.")
    presets = NETWORKS[architecture][2]
    if name not in presets:
        raise ModelError(
            f"The network {architecture!r} has no preset {name!r}.", f"It has {', '.join(sorted(presets))}."
        )
    return dataclasses.asdict(presets[name])
