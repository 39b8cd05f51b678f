"""`python -m unclouded.backend.training.curves RUN... -o FILE`: figures of several runs over their epochs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..drawing import label, line, save
from ..errors import InputError, UncloudedError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOG = "log.csv"
"""In the folder of a run: figures of each epoch."""
NAMES = {
    "reconstruction": "mean absolute error under cloud (reflectance)",
    "rmse": "root mean square error (reflectance)",
    "sam": "spectral angle (degrees)",
    "reproduction": "mean absolute change of clear pixels (reflectance)",
    "frechet": "Frechet distance to clear images",
    "inception_score": "inception score",
    "variety": "variance of features (share of the clear images')",
}
BESIDE = {"frechet": "frechet_cloudy", "inception_score": "inception_score_clear", "variety": "variety_cloudy"}
"""What a figure is to be held against: that of the cloudy or the clear images."""


def read_log(run: Path) -> list[dict[str, float]]:
    """Reads the figures of a run's epochs.

    Raises:
        InputError: The folder holds no log of a run.
    """
    try:
        with (run / LOG).open(newline="") as file:
            return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    except (OSError, ValueError) as error:
        raise InputError(f"{run} holds no log of a training run: {error}.", "Give the folder of a run.") from error


def draw(runs: list[Path], figures: list[str], output: Path) -> None:
    """Draws a panel for each figure, in it a line for each run: whole for validation, dotted for training.

    Dashed is what generators are held against, see BESIDE.

    Args:
        runs: Folders of runs.
        figures: Keys of NAMES.
        output: A .png, .svg or .pdf.

    Raises:
        InputError: A folder holds no log.
    """
    logs = {run.name: read_log(run) for run in runs}

    def panels(picture: Figure) -> None:
        for axes, figure in zip(picture.subplots(1, len(figures), squeeze=False)[0], figures, strict=True):
            for number, (name, log) in enumerate(logs.items()):
                _draw_run(axes, log, figure, line(number) | {"marker": ""}, label(name))
            axes.set(xlabel="epoch", ylabel=NAMES[figure], ylim=(0, None))
            axes.locator_params("x", integer=True)
        axes.legend(title="validation; dotted: training; dashed: cloudy or clear images")

    save(output, 5.2 * len(figures), 4, panels)


def _draw_run(axes: Axes, log: list[dict[str, float]], figure: str, look: dict[str, Any], name: str) -> None:
    beside = f"validation_{BESIDE.get(figure, '')}"
    lines = ((f"validation_{figure}", {"label": name}), (f"training_{figure}", {"linestyle": ":"}))
    for key, other in (*lines, (beside, {"linestyle": "--", "linewidth": 1})):
        points = [(row["epoch"], row[key]) for row in log if key in row]
        if points:
            axes.plot(*zip(*points, strict=True), **look | other)


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A .png, .svg or .pdf.")
@click.option("--figure", "figures", multiple=True, type=click.Choice(list(NAMES)), default=("rmse", "sam"))
def main(runs: tuple[Path, ...], output: Path, figures: tuple[str, ...]) -> None:
    """Draws the figures of RUNS over their epochs."""
    try:
        draw(list(runs), list(figures), output)
    except UncloudedError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
