"""Measures what Sentinel-1 brings to a generator: the same cases with and without it, on the same day's truth.

    python bench/sar.py [--model default] [--each 4] [--dates 0]

Prints the error under cloud with and without, and their paired difference with its interval over places, as JSON.
"""

from __future__ import annotations

import dataclasses
import json

import click
import numpy as np

from unclouded.backend.evaluation.cases import Case, Cases, choose, open_places
from unclouded.backend.inference import Generator
from unclouded.backend.observation import Observation
from unclouded.backend.statistics import summarise


@click.command()
@click.option("--model", default="default")
@click.option("--each", default=4)
@click.option("--dates", default=0)
def main(model: str, each: int, dates: int) -> None:
    """Measures the validation places of the development data that have Sentinel-1."""
    generator = Generator(model, "auto")
    _, collection = open_places(None, None, "validation")
    drawn = Cases(collection, choose("same-day", None, True, dates), each, 0)
    cases = [case for case in map(drawn.__getitem__, range(len(drawn))) if case is not None and _serves(case)]
    errors = np.array([[_error(generator, case, sar) for sar in (True, False)] for case in cases])
    groups = [case.group for case in cases]
    names = {"with": errors[:, 0], "without": errors[:, 1], "with minus without": errors[:, 0] - errors[:, 1]}
    print(json.dumps({name: dataclasses.asdict(summarise(values, groups)) for name, values in names.items()}, indent=1))


def _serves(case: Case) -> bool:
    return case.sample.observation.sar is not None and bool(_hidden(case).any())


def _hidden(case: Case) -> np.ndarray:
    """(H, W) under cloud, where the truth is known."""
    hidden: np.ndarray = case.sample.observation.cloud & case.sample.known
    return hidden


def _error(generator: Generator, case: Case, sar: bool) -> float:
    """Mean absolute error under cloud."""
    seen: Observation = case.sample.observation
    made = generator([seen if sar else dataclasses.replace(seen, sar=None)])[0].reflectance
    return float(np.abs(np.clip(made, 0, 1) - case.sample.truth)[:, _hidden(case)].mean())


if __name__ == "__main__":
    main()
