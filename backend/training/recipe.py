"""A recipe: all that a training run depends on, read from a YAML file and held against the types below.

A file may name others as its `base`, a list, and says what differs from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..datasets.samples import Choices
from ..encoding import Encoding
from ..errors import UsageError
from ..models.zoo import preset
from ..sensors import NAMES, Level

FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class NetworkChoice:
    """A network of the zoo: a preset, and what differs from it."""

    architecture: str
    preset: str = "small"
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def full(self) -> dict[str, Any]:
        """All parameters of the network."""
        return preset(self.architecture, self.preset) | self.parameters


@dataclass(frozen=True)
class Data:
    """What is learned from."""

    name: str = "shared"
    """An entry of datasets/registry.py."""
    on_bad_file: Literal["skip", "stop"] = "skip"
    """Whether a missing or damaged file is named, counted and left out, or ends the run."""
    window_px: int = 128
    windows: int = 2
    """Cut out of each drawn scene."""
    samples: int = 0
    """Windows an epoch; 0: one scene of each place."""
    validation_samples: int = 48
    choices: Choices = field(default_factory=Choices)


@dataclass(frozen=True)
class Fit:
    """How long, in which steps and on what."""

    epochs: int
    batch: int = 8
    """Windows a step, on each device."""
    accumulate: int = 1
    """Steps whose gradients are added up before the weights move."""
    precision: Literal["32", "bf16", "16"] = "bf16"
    """Of the arithmetic; weights stay in 32 bits."""
    schedule: Literal["constant", "cosine", "linear", "steps"] = "constant"
    """Of the learning rates: cosine rises over the first twentieth and falls to a hundredth; linear falls to 0 over the
    second half; steps divides at each of `milestones`."""
    milestones: tuple[int, ...] = ()
    """Epochs at which `steps` divides by `divide_by`."""
    divide_by: float = 5.0
    clip: float = 0.0
    """Largest norm of the gradients; 0: no limit."""
    average: float = 0.0
    """Decay of a moving average of the generator's weights, which is then what is validated and exported; 0: none."""
    patience: int = 0
    """Epochs without a better validation error after which training ends; 0: never."""
    seed: int = 0
    devices: int = 1
    nodes: int = 1


@dataclass(frozen=True)
class Recipe:
    name: str
    """Of the generator."""
    title: str
    """One line for people."""
    scheme: str
    """How it is trained: a name of schemes.SCHEMES."""
    settings: Any
    """Of the scheme: an instance of its Settings."""
    generator: NetworkChoice
    fit: Fit
    data: Data = field(default_factory=Data)
    bands: tuple[str, ...] = NAMES
    levels: tuple[Level, ...] = ("L1C", "L2A")
    encoding: Encoding = field(default_factory=Encoding)
    tile_px: int = 512
    """Side of the tiles that the generator reconstructs at a time."""
    version: str = "1"
    citation: str = ""


def recipes() -> dict[str, str]:
    """Gives the names of the recipes that come with the program, and their titles."""
    return {path.stem: _read(path)["title"] for path in sorted(FOLDER.glob("*.yaml"))}


def read_recipe(name_or_path: str, changes: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        name_or_path: A name in recipes/, or the path of a YAML file.
        changes: `key=value`, the key dotted (`fit.epochs=3`), the value as YAML.

    Raises:
        UsageError: There is none; or a key is unknown, missing, or its value of another type.
    """
    own = name_or_path.endswith((".yaml", ".yml"))
    path = Path(name_or_path) if own else FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        raise UsageError(
            f"There is no recipe {name_or_path!r}; known are {', '.join(recipes())}.",
            "Name one of them, or give a .yaml file.",
        )
    return make_recipe(_changed(_whole(_read(path)), changes), str(path))


def make_recipe(facts: Mapping[str, Any], source: str) -> Recipe:
    """Makes a recipe of what a YAML file holds.

    Args:
        facts: What recipe_facts gives.
        source: Named in errors.

    Raises:
        UsageError: See read_recipe.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    from .schemes import find_scheme

    scheme = find_scheme(str(facts.get("scheme")))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Recipe, skip={"settings"})
    parser.add_class_arguments(scheme.Settings, "settings")
    try:
        found = parser.instantiate_classes(parser.parse_object(dict(facts)))
    except (ArgumentError, TypeError, ValueError) as error:
        raise UsageError(
            f"The recipe {source} cannot be used: {_in_short(error)}",
            "Compare it with those in backend/training/recipes.",
        ) from error
    values = {entry.name: found[entry.name] for entry in dataclasses.fields(Recipe)}
    return Recipe(**values)


def recipe_facts(recipe: Recipe) -> dict[str, Any]:
    """Gives a recipe as a YAML file holds it: dictionaries, lists, numbers and strings."""
    plain: dict[str, Any] = _plain(dataclasses.asdict(recipe))
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _read(path: Path) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is no YAML: {error}.", "Compare it with a recipe that comes with Unclouded."
        ) from error
    if not isinstance(facts, dict):
        raise UsageError(f"{path} holds no keys and values.", "Compare it with a recipe that comes with Unclouded.")
    return facts


def _whole(facts: dict[str, Any]) -> dict[str, Any]:
    """Puts a recipe on top of those that it names as its `base`, and of recipes/parts."""
    found: dict[str, Any] = {}
    for name in facts.pop("base", []):
        paths = (FOLDER / f"{name}.yaml", FOLDER / "parts" / f"{name}.yaml")
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise UsageError(f"The base {name!r} of the recipe does not exist.", f"Known are {', '.join(recipes())}.")
        found = _merged(found, _whole(_read(path)))
    return _merged(found, facts)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Gives all keys of both; where both have one, dictionaries are merged and anything else is taken from above."""
    both = {
        key: _merged(below[key], value) if isinstance(value, dict) and isinstance(below.get(key), dict) else value
        for key, value in above.items()
    }
    return below | both


def _changed(facts: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    import yaml

    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key:
            raise UsageError(f"{change!r} is no change of a recipe.", "Write key=value, for example fit.epochs=3.")
        *parents, last = key.strip().split(".")
        at = facts
        for parent in parents:
            at = at.setdefault(parent, {})
            if not isinstance(at, dict):
                raise UsageError(f"{key!r} is no key of the recipe: {parent!r} has no keys.", "See the recipe.")
        try:
            at[last] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"The value of {change!r} is no YAML.", "Quote it.") from error
    return facts


def _in_short(error: Exception) -> str:
    """Keeps what names the key: the parser adds pages on how types are written."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:3])[:400].rstrip(".") + "."
