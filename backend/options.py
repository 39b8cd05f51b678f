"""What the commands share: options that say how an image is read, and the end of each command."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from .protocol import METHODS, Job


class BandList(click.ParamType[list[str]]):
    """Band names separated by commas."""

    name = "B2,B3,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        return value if isinstance(value, list) else [name.strip() for name in value.split(",")]


def masking(command: Any) -> Any:
    """Adds the options that say how clouds are found."""
    for option in (
        click.option(
            "--bbox", type=float, nargs=4, metavar="XMIN YMIN XMAX YMAX", help="Area, in the image's coordinates."
        ),
        click.option("--grow", "grow_px", type=click.IntRange(0, 100), metavar="PX", help="Grow the mask by pixels."),
        click.option(
            "--cloud-threshold",
            type=click.FloatRange(0, 1),
            metavar="P",
            help="Probability from which a pixel is cloud.",
        ),
    ):
        command = option(command)
    return command


def reconstructing(command: Any) -> Any:
    """Adds the options that say how clouds are replaced."""
    for option in (
        click.option(
            "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]|mps", help="Where it runs."
        ),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="The same seed draws the same ones."
        ),
        click.option(
            "--samples",
            type=click.IntRange(1),
            default=1,
            show_default=True,
            help="Reconstructions to draw and average.",
        ),
        click.option("--model", default="default", show_default=True, metavar="NAME|FILE", help="Generator to use."),
        click.option(
            "--method",
            type=click.Choice(METHODS),
            default="generator",
            show_default=True,
            help="How to reconstruct.",
        ),
    ):
        command = option(command)
    return command


def reading(command: Any) -> Any:
    """Adds the options that say how an optical image is read."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, for programs."),
        click.option("--overwrite", is_flag=True, help="Replace existing outputs."),
        click.option("--offset", type=float, metavar="N", help="Added to digital numbers before scaling, e.g. -1000."),
        click.option("--level", type=click.Choice(["L1C", "L2A"]), help="Processing level, if the file does not tell."),
        click.option("--bands", type=BandList(), help="Names of the bands in file order, if the file does not tell."),
    ):
        command = option(command)
    return command


def execute(job: Job, as_json: bool) -> NoReturn:
    """Runs a job in this process and leaves with its exit code."""
    from .console import run_job

    sys.exit(run_job(job, as_json))
