"""What the commands share: options that say how an image is read, and the end of each command."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import click

from .protocol import Job


class BandList(click.ParamType[list[str]]):
    """Band names separated by commas."""

    name = "B2,B3,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        return value if isinstance(value, list) else [name.strip() for name in value.split(",")]


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
