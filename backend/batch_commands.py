"""The command that removes clouds from many scenes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import masking, reading, reconstructing

if TYPE_CHECKING:
    from .batch.job_file import Convert
    from .batch.plan import Wishes

COLUMNS = (
    "method", "model", "samples", "seed", "cloud_threshold", "grow", "bbox", "bands", "level", "offset",
)  # fmt: skip
"""Of a job file, besides those that name files."""


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar='JOBS.csv|FOLDER|"PATTERN"')
@click.option("-o", "--output", "folder", required=True, metavar="FOLDER", help="Gets the images without clouds.")
@click.option(
    "--sar", metavar="FOLDER|PATTERN", help="SAR images; each scene gets that of its name, or the nearest day."
)
@click.option("--dates", type=click.IntRange(0, 50), default=0, metavar="N", help="Other dates for each scene.")
@click.option("--dates-from", metavar="FOLDER|PATTERN", help="Where to find them; the batch's other scenes by default.")
@click.option(
    "--within",
    "within_days",
    type=click.IntRange(0),
    metavar="DAYS",
    help="Most days from a scene to its SAR and dates.",
)
@click.option(
    "--mask",
    default="auto",
    show_default=True,
    metavar="auto|all|FILE|FOLDER",
    help="Masks of a folder are named like their scenes.",
)
@masking
@reconstructing
@click.option("--mask-out", is_flag=True, help="Also write each mask, as NAME_mask.tif.")
@click.option("--uncertainty-out", is_flag=True, help="Also write each standard error, as NAME_uncertainty.tif.")
@click.option(
    "--cluster",
    metavar="ADDRESS|local[:N]",
    help="Run on a Dask cluster, a scene on each worker at a time: its scheduler's address, or N workers here.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@reading
def batch(sources: tuple[str, ...], as_json: bool, dry_run: bool, cluster: str | None, **options: Any) -> None:
    """Remove clouds from many scenes: those of a job file, a folder, or a pattern in quotes.

    A second run goes on: finished results are verified and kept, damaged and outdated ones are made again. Files of
    somebody else are replaced with --overwrite only. Ends with 0 if all scenes are finished, with 9 if some failed.
    """
    from .batch import display
    from .batch.command import run_batch

    show = display.Lines() if as_json else display.Screen()
    command = shlex.join(["unclouded", *sys.argv[1:]])
    sys.exit(run_batch(sources, _wishes(options), _converters(), show, dry_run, command, cluster))


def _wishes(options: dict[str, Any]) -> Wishes:
    from .batch.plan import Wishes

    own = ("sar", "dates", "dates_from", "within_days", "mask", "mask_out", "uncertainty_out")
    said = {name: options.pop(name) for name in own}
    folder = Path(options.pop("folder"))
    bbox = options.pop("bbox")
    return Wishes(folder, {**options, "bbox": list(bbox) if bbox else None}, **said)


def _converters() -> dict[str, Convert]:
    """Gives what makes values of a job file's cells: the options of this command, so that both mean the same."""
    from .batch.plan import known_model

    context = click.get_current_context()
    options = {option.opts[-1].lstrip("-").replace("-", "_"): option for option in context.command.params}

    def converter(option: click.Parameter) -> Convert:
        def convert(cell: str) -> Any:
            parts = cell.replace(",", " ").split() if option.nargs > 1 else cell
            try:
                value = option.type_cast_value(context, parts)
            except click.BadParameter as error:
                raise ValueError(error.message) from error
            return list(value) if isinstance(value, tuple) else value

        return convert

    plain: dict[str, Convert] = {name: converter(options[name]) for name in COLUMNS}
    files: dict[str, Convert] = {"sar": str, "mask": str, "dates": _specs}
    return {**files, **plain, "model": known_model}


def _specs(cell: str) -> list[str]:
    return [spec.strip() for spec in cell.split(";") if spec.strip()]
