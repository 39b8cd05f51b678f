"""A recipe: all that a training run depends on, read from one YAML file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import UsageError

FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    name: str
    """Of the generator."""
    title: str
    """One line for people."""
    version: str
    architecture: str
    parameters: dict[str, Any]
    steps: int
    batch: int
    """Windows a step."""
    windows: int
    """Cut out of each drawn scene."""
    window_px: int
    learning_rate: float
    weight_decay: float
    absolute_weight: float
    """Of the absolute error beside the likelihood in the loss."""
    clear_weight: float
    """Of clear pixels; clouded ones weigh 1."""
    average: float
    """Decay of the moving average of the weights."""
    validate_every: int
    seed: int
    tile_px: int
    citation: str


def read_recipe(name_or_path: str) -> Recipe:
    """Reads a recipe.

    Args:
        name_or_path: A name in recipes/, or the path of a YAML file.

    Raises:
        UsageError: There is none, or it lacks a field or has one too many.
    """
    import yaml  # type: ignore[import-untyped]

    path = FOLDER / f"{name_or_path}.yaml" if "." not in name_or_path else Path(name_or_path)
    try:
        return Recipe(**yaml.safe_load(path.read_text()))
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise UsageError(f"No recipe {name_or_path!r}.", f"Name one of {known}, or give a YAML file.") from error
    except (TypeError, yaml.YAMLError) as error:
        names = ", ".join(field.name for field in fields(Recipe))
        raise UsageError(f"{path} is no recipe: {error}.", f"A recipe has {names}.") from error
