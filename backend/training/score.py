"""`python -m unclouded.backend.training.score`: a generator beside the methods without training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from ..datasets.collection import data_root, load
from ..errors import ModelError, UncloudedError
from ..inference import Generator
from ..installed import find_model
from ..models import weights
from .cases import SETTINGS, Case, Score, Setting, draw_cases, in_setting, reconstructions, score

RESAMPLINGS = 2000
COMMAND = "python -m unclouded.backend.training.score {model} --each {each} --seed {seed}"
ALONE = "optical alone"
"""The generator without SAR and dates, on the same cases."""
RIVALS = ("inpaint", ALONE)

Scores = dict[str, list[Score]]
Figures = dict[str, Any]


def measure(cases: Sequence[Case], setting: Setting, generator: Generator) -> Figures:
    """Gives the mean errors of all methods in one setting.

    Returns:
        Number of cases and places; for each method its mean absolute error under the masks; the generator minus its
        rivals, each with the 95 % interval; errors outside the masks; coverage of the 90 % interval.
    """
    scores: Scores = {}
    places = []
    for case in cases:
        sample = in_setting(case, setting)
        if sample is None:
            continue
        places.append(case.place)
        for name, found in reconstructions(sample.observation, generator, generator.card.prior):
            scores.setdefault(name, []).append(score(sample, found))
        plain = in_setting(case, Setting(ALONE, setting.bands)) if setting.sar or setting.dates else None
        if plain is not None:
            scores.setdefault(ALONE, []).append(score(plain, generator([plain.observation])[0]))
    errors = {name: np.array([one.error for one in ones]) for name, ones in scores.items()}
    differences = {rival: errors["generator"] - errors[rival] for rival in RIVALS if rival in errors}
    return {
        "cases": len(places),
        "places": len(set(places)),
        "error": {name: _rounded(values.mean()) for name, values in errors.items()},
        "generator_minus": {
            rival: {"mean": _rounded(values.mean()), "interval_95": [_rounded(x) for x in interval(values, places)]}
            for rival, values in differences.items()
        },
        "outside_the_mask": {
            name: _rounded(np.nanmean([one.clear_error for one in scores[name]])) for name in ("identity", "generator")
        },
        "coverage_90": _rounded(np.mean([one.coverage for one in scores["generator"]])),
    }


def interval(differences: np.ndarray, places: Sequence[str], seed: int = 0) -> tuple[float, float]:
    """Gives the 95 % interval of the mean by resampling whole places: cases of one place are not independent.

    Args:
        differences: (N,) one for each case.
        places: N names.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    names = sorted(set(places))
    groups = [differences[[place == name for place in places]] for name in names]
    sums, counts = np.array([group.sum() for group in groups]), np.array([len(group) for group in groups])
    drawn = rng.integers(len(names), size=(RESAMPLINGS, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def check_unseen(generator: Generator, cases: Sequence[Case]) -> None:
    """Refuses a generator whose card says that it saw a place of the cases.

    Raises:
        ModelError: It saw one.
    """
    seen = " ".join(generator.card.training_data)
    for case in cases:
        _, _, name = case.place.partition("/")
        if name and f" {name}" in seen.replace(",", " "):
            raise ModelError(
                f"The generator {generator.card.name!r} was trained on {case.place}.", "Score another one."
            )


def table(figures: dict[str, Figures]) -> Table:
    """Shows figures() for people: a row for each setting, a column for each method."""
    methods = list(dict.fromkeys(method for one in figures.values() for method in one["error"]))
    shown = Table(
        "setting",
        "cases",
        *methods,
        *(f"generator - {rival}" for rival in RIVALS),
        "coverage",
        title="Mean absolute error",
    )
    for name, one in figures.items():
        errors = [f"{one['error'][method]:.4f}" if method in one["error"] else "" for method in methods]
        paired = [_with_interval(one["generator_minus"].get(rival)) for rival in RIVALS]
        shown.add_row(name, str(one["cases"]), *errors, *paired, f"{one['coverage_90']:.2f}")
    return shown


@click.command()
@click.argument("model", default="default")
@click.option("--each", default=4, show_default=True, help="Cases of each place.")
@click.option("--seed", default=0, show_default=True, help="Fixes places, clouds and masks.")
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Also write the figures here."
)
@click.option("--write", is_flag=True, help="Write the figures into the model's card.")
def main(model: str, each: int, seed: int, json_path: Path | None, write: bool) -> None:
    """Scores MODEL on the validation places of UNCLOUDED_DATA."""
    try:
        generator = Generator(model)
        unseen = dataclasses.replace(load(data_root(), "validation"), prior=generator.card.prior)
        cases = draw_cases(unseen, each, seed)
        check_unseen(generator, cases)
        figures = {setting.name: measure(cases, setting, generator) for setting in SETTINGS}
    except UncloudedError as error:
        raise click.ClickException(str(error)) from error
    Console(width=220).print(table(figures))
    scores = {"command": COMMAND.format(model=model, each=each, seed=seed), "settings": figures}
    if json_path:
        json_path.write_text(json.dumps(scores, indent=2))
    if write:
        path = find_model(model)
        card, network = weights.load(path)
        weights.save(path, dataclasses.replace(card, scores=scores), network.state_dict())


def _with_interval(difference: Figures | None) -> str:
    if difference is None:
        return ""
    low, high = difference["interval_95"]
    return f"{difference['mean']:+.4f} [{low:+.4f}, {high:+.4f}]"


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 5)


if __name__ == "__main__":
    main()
