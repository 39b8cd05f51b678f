"""A recipe: all that a training run depends on, read from a YAML file and held against the types below.

A file may name others as its `base`, a list, and says what differs from them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..datasets.samples import Choices
from ..encoding import Encoding
from ..errors import UsageError
from ..models.zoo import preset
from ..sensors import NAMES, Level

COMPARE = "Compare it with those that come with Unclouded, in backend/training/recipes."
FOLDER = Path(__file__).parent / "recipes"
LEAST = (
    ("fit", "epochs", 1),
    ("fit", "batch", 1),
    ("fit", "accumulate", 1),
    ("fit", "clip", 0),
    ("fit", "patience", 0),
    ("fit", "seed", 0),
    ("fit", "devices", 1),
    ("fit", "nodes", 1),
    ("encoding", "frames", 1),
    ("data", "window_px", 1),
    ("data", "windows", 1),
    ("data", "samples", 0),
    ("data", "validation_samples", 0),
)
"""Least values of numbers of a recipe."""


@dataclass(frozen=True)
class NetworkChoice:
    """A network of the zoo: a preset, and what differs from it. For classifiers, a preset of models/resnet.py."""

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
    clear: str = ""
    """The data set of the clear images of schemes without pairs; validation then takes its images, under simulated
    clouds. Empty: the same."""
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
    precision: Literal["bf16", 16, 32] = "bf16"
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
    if not path.is_file() or not (own or path.parent == FOLDER):
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

    from .schemes import find_settings

    settings = find_settings(str(facts.get("scheme", "")))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Recipe, skip={"settings"})
    parser.add_class_arguments(settings, "settings")
    try:
        found = parser.instantiate(parser.parse_object(dict(facts)))
    except (ArgumentError, TypeError, ValueError) as error:
        raise UsageError(
            f"The recipe {source} cannot be used: {_in_short(error)}",
            COMPARE,
        ) from error
    recipe = Recipe(**{entry.name: found[entry.name] for entry in dataclasses.fields(Recipe)})
    wrong = _senseless(recipe)
    if wrong:
        raise UsageError(f"The recipe {source} makes no sense: {wrong}.", "Change that.")
    return recipe


def _senseless(recipe: Recipe) -> str:
    """Says what no type tells; empty if all is well."""
    fit, data = recipe.fit, recipe.data
    for part, name, least in LEAST:
        value = getattr(getattr(recipe, part), name)
        if value < least:
            return f"{part}.{name} is {value}, and at least {least} was expected"
    if not 0 <= fit.average < 1:
        return f"fit.average is {fit.average}, and 0 to 1, without 1, was expected"
    if fit.batch % data.windows:
        return f"fit.batch is {fit.batch}, no multiple of data.windows, which is {data.windows}"
    if not all(low < high for low, high in filter(None, (recipe.encoding.optical_range, recipe.encoding.sar_range))):
        return "a range of its encoding does not begin below its end"
    unknown = [name for name in recipe.bands if name not in NAMES]
    if unknown or not recipe.bands or len(set(recipe.bands)) < len(recipe.bands):
        return f"its bands are {', '.join(recipe.bands) or 'none'}; some of {', '.join(NAMES)} were expected, each once"
    return ""


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
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"The recipe {path} cannot be read: {reason}.", COMPARE) from error
    if not isinstance(facts, dict):
        raise UsageError(f"The recipe {path} holds no keys and values.", COMPARE)
    return facts


def _whole(facts: dict[str, Any]) -> dict[str, Any]:
    """Puts a recipe on top of those that it names as its `base`, and of recipes/parts."""
    found: dict[str, Any] = {}
    base = facts.pop("base", [])
    for name in base if isinstance(base, list) else [base]:
        paths = (FOLDER / f"{name}.yaml", FOLDER / "parts" / f"{name}.yaml")
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise UsageError(
                f"There is no recipe {name!r}, which a recipe names as its base.", f"Known are {', '.join(recipes())}."
            )
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
    words = re.sub(r"a typing\.Literal", "one of ", re.sub(r"a <class '(\w+)'>", r"\1", " ".join(lines[:3])))
    return words[:400].rstrip(".") + "."
