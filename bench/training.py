"""`python bench/training.py [--tflops 40]`: what the published sizes cost to train, reckoned from operations counted.

Counts the operations of each recipe's generator for one window on PyTorch's meta device (nothing is computed), times
the passes of generators in a training step, times three for the way back. Discriminators and the perceptual loss are
left out. Hours are those of a device that sustains the given rate; a third of its peak is common. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from unclouded.backend.models.zoo import build
from unclouded.backend.training.recipe import Recipe, read_recipe, recipes
from unclouded.backend.training.schemes import SCHEMES

WINDOWS = 100_000
BACK = 3
PASSES = {"supervised": 1, "cgan": 1, "cyclegan": 6, "augmented": 4, "hybrid": 4}
"""Passes of generators of this size in a step; one more with temporal coherence."""


def main() -> None:
    """Prints the cost of each recipe of a published size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflops", type=float, default=40.0, help="sustained, in 10^12 operations a second")
    rate = parser.parse_args().tflops * 1e12
    for name in recipes():
        recipe = read_recipe(name)
        if recipe.scheme in SCHEMES and not name.endswith("_small"):
            print(json.dumps(cost(recipe, rate)), flush=True)


def cost(recipe: Recipe, rate: float) -> dict[str, Any]:
    """Gives operations and hours of a recipe."""
    forward = operations(recipe)
    passes = PASSES[recipe.scheme] + bool(getattr(recipe.settings, "coherence_weight", 0))
    total = BACK * passes * forward
    return {
        "recipe": recipe.name,
        "window_px": recipe.data.window_px,
        "gflop_forward": round(forward / 1e9, 1),
        "gflop_a_window": round(total / 1e9, 1),
        f"hours_for_{WINDOWS}_windows": round(total * WINDOWS / rate / 3600, 2),
    }


def operations(recipe: Recipe) -> int:
    """Counts the operations of one window forwards."""
    size = recipe.data.window_px
    with torch.device("meta"):
        network = build(recipe.generator.architecture, recipe.generator.full).eval()
        arguments = [torch.empty(1, network.in_channels, size, size)]
        if network.latent:
            arguments.append(torch.empty(1, network.latent))
    with FlopCounterMode(display=False) as counter:
        network(*arguments)
    return int(counter.get_total_flops())


if __name__ == "__main__":
    main()
