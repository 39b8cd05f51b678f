"""The commands that measure: one function for each, which makes a job and runs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .evaluation_jobs import (
    DrawContactSheet,
    EvaluateClassifiers,
    EvaluateGenerators,
    EvaluateLandCover,
    EvaluateMasks,
    EvaluateResult,
    EvaluateSeries,
)
from .options import BandList, execute, reading
from .protocol import METHODS

UNTRAINED = METHODS[1:]


def _report(command: Any) -> Any:
    """Adds the options of every command that writes a report."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, for programs."),
        click.option("--overwrite", is_flag=True, help="Replace an existing report."),
        click.option(
            "--report", "output", required=True, metavar="OUT.html", help="The report; .json and .csv appear beside it."
        ),
    ):
        command = option(command)
    return command


def _device(command: Any) -> Any:
    return click.option(
        "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]|mps", help="Where it runs."
    )(command)


def _data(split: str) -> Callable[[Any], Any]:
    """Gives what adds the options that say what is measured on."""

    def add(command: Any) -> Any:
        for option in (
            click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Fixes what is drawn."),
            click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many cases."),
            click.option(
                "--split", default=split, show_default=True, metavar="train|validation|test", help="Its part."
            ),
            click.option(
                "--dataset", metavar="NAME", help="What ROOT holds, see docs/datasets.md; told by ROOT if it can be."
            ),
            click.option("--data", metavar="ROOT|PAIRS.csv", help="Data set; UNCLOUDED_DATA by default."),
        ):
            command = option(command)
        return command

    return add


def _rivals(command: Any) -> Any:
    """Adds the options that name what is compared."""
    for option in (
        click.option(
            "--method",
            "methods",
            multiple=True,
            type=click.Choice(UNTRAINED),
            help="Method without training; may be repeated.",
        ),
        click.option("--model", "models", multiple=True, metavar="NAME|FILE", help="Generator; may be repeated."),
    ):
        command = option(command)
    return command


def _given(command: Any) -> Any:
    """Adds the options that say what a generator is given."""
    for option in (
        click.option("--dates", type=click.IntRange(0), default=3, show_default=True, help="Other dates given."),
        click.option("--sar/--no-sar", default=True, show_default=True, help="Give Sentinel-1 where there is some."),
        click.option("--bands", type=BandList(), help="Bands that are given; all of a place by default."),
    ):
        command = option(command)
    return command


def _truth(*more: str, words: str = "") -> Callable[[Any], Any]:
    """Gives what adds the option that says what the truth is."""
    return click.option(
        "--truth",
        type=click.Choice(["same-day", "other-day", *more]),
        default="same-day",
        show_default=True,
        help=f"same-day: clouds laid over clear images; other-day: cloudy ones, and clear ones of another day{words}.",
    )


@click.command()
@_rivals
@_data("validation")
@_truth("haze", words="; haze: thin cloud over clear images that are reconstructed whole, as by remove --mask all")
@click.option("--each", type=click.IntRange(1), default=1, show_default=True, help="Cases of each place.")
@_given
@click.option("--write-scores", is_flag=True, help="Write each model's figures into its card.")
@_device
@_report
def evaluate(as_json: bool, models: tuple[str, ...], methods: tuple[str, ...], **options: Any) -> None:
    """Measure generators and methods on a data set, beside the baselines.

    An interrupted evaluation goes on when the same command is given again.
    """
    execute(EvaluateGenerators("1", models=list(models), methods=list(methods), **options), as_json)


@click.command()
@_rivals
@_data("test")
@_truth()
@click.option("--each", type=click.IntRange(1), default=1, show_default=True, help="Skies over each image.")
@click.option("--classifier", metavar="FILE", help="Land-cover classifier; the one that comes along by default.")
@_device
@_report
def landcover(as_json: bool, models: tuple[str, ...], methods: tuple[str, ...], **options: Any) -> None:
    """Ask a land-cover classifier what it sees in clear, cloudy and decloudy images."""
    execute(EvaluateLandCover("1", models=list(models), methods=list(methods), **options), as_json)


@click.command("evaluate-classifiers")
@click.argument("classifiers", nargs=-1, required=True, metavar="FILE...")
@_data("test")
@_device
@_report
def evaluate_classifiers(as_json: bool, classifiers: tuple[str, ...], **options: Any) -> None:
    """Measure land-cover classifiers: precision, recall, F1 and F2 on images of several classes."""
    execute(EvaluateClassifiers("1", classifiers=list(classifiers), **options), as_json)


@click.command("evaluate-masks")
@click.argument("labels", nargs=-1, metavar="[IMAGE=LABEL|FOLDER]...")
@click.option("--model", "models", multiple=True, metavar="NAME|FILE", help="Generator; may be repeated.")
@click.option(
    "--tolerance",
    "tolerance_px",
    type=click.IntRange(0, 256),
    default=0,
    metavar="PX",
    help="Rim of labels that does not count.",
)
@_device
@_report
def evaluate_masks(as_json: bool, labels: tuple[str, ...], models: tuple[str, ...], **options: Any) -> None:
    """Hold cloud masks, and those that generators imply, against labels drawn by hand."""
    execute(EvaluateMasks("1", labels=list(labels), models=list(models), **options), as_json)


@click.command("evaluate-series")
@_rivals
@_data("validation")
@click.option("--each", type=click.IntRange(1), default=1, show_default=True, help="Series drawn of each place.")
@_device
@_report
def evaluate_series(as_json: bool, models: tuple[str, ...], methods: tuple[str, ...], **options: Any) -> None:
    """Measure how steadily the dates of a series are reconstructed."""
    execute(EvaluateSeries("1", models=list(models), methods=list(methods), **options), as_json)


@click.command("evaluate-result")
@click.argument("result")
@click.argument("reference")
@click.option("--mask", metavar="FILE", help="Mask of what was reconstructed; all pixels count without.")
@click.option("--cloudy", metavar="FILE", help="The image before its clouds were removed.")
@click.option("--uncertainty", metavar="FILE", help="Standard error that came with the result.")
@click.option("--error-out", "error_output", metavar="FILE", help="Also write result minus reference.")
@reading
@click.option(
    "--report", "output", required=True, metavar="OUT.html", help="The report; .json and .csv appear beside it."
)
def evaluate_result(as_json: bool, **options: Any) -> None:
    """Compare one RESULT with a clear REFERENCE of the same place."""
    execute(EvaluateResult("1", **options), as_json)


@click.command("contact-sheet")
@click.option("--model", default="default", show_default=True, metavar="NAME|FILE", help="Generator that is shown.")
@click.option("--data", metavar="ROOT|PAIRS.csv", help="Data set; UNCLOUDED_DATA by default.")
@click.option("--dataset", metavar="NAME", help="What ROOT holds, see docs/datasets.md; told by ROOT if it can be.")
@click.option("--split", default="validation", show_default=True, metavar="train|validation|test", help="Its part.")
@click.option("--limit", type=click.IntRange(1), default=24, show_default=True, metavar="N", help="Cases to show.")
@_given
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Fixes what is drawn.")
@_device
@click.option(
    "--folder", default="contact-sheet", show_default=True, help="Pages and index.md appear there; git ignores it."
)
@click.option("--overwrite", is_flag=True, help="Replace existing pages.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, for programs.")
def contact_sheet(as_json: bool, **options: Any) -> None:
    """Draw results on real clouds at full resolution: cloudy, result, truth, uncertainty, mask; the worst marked."""
    execute(DrawContactSheet("1", **options), as_json)


COMMANDS = (
    evaluate,
    landcover,
    evaluate_classifiers,
    evaluate_masks,
    evaluate_series,
    evaluate_result,
    contact_sheet,
)
