"""The command line: one function for each command, which makes a job and runs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from .batch_commands import batch
from .catalogue_commands import fetch
from .evaluation_commands import COMMANDS
from .memory import keep_freed
from .model_commands import models
from .options import execute, masking, reading, reconstructing
from .protocol import DetectClouds, RemoveClouds, SimulateClouds, TrainGenerator
from .version import VERSION

LIBRARY_OPTIONS = {"GDAL_CACHEMAX": "512", "GDAL_NUM_THREADS": "ALL_CPUS", "OMP_WAIT_POLICY": "PASSIVE"}
"""Set before the libraries are loaded: GDAL's cache would take 5 % of the memory, and it would decode with one thread
(three rows of blocks of a Sentinel-2 product are 425 MB; with less, each block would be decoded two or three times);
the network's threads would take time from those that read and write by waiting busily."""

OPTICAL_HELP = (
    "OPTICAL is an optical satellite image: any raster that GDAL reads, a Sentinel-2 .SAFE folder, a zip of one, "
    "or a folder with one file for each band."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION)
def main() -> None:
    """Removes clouds from satellite images.

    Start with:  unclouded remove IMAGE.tif -o CLEAR.tif
    """
    os.environ.update({key: os.environ.get(key, value) for key, value in LIBRARY_OPTIONS.items()})
    keep_freed()


@main.command(epilog=OPTICAL_HELP)
@click.argument("optical")
@click.option(
    "-o", "--output", required=True, metavar="OUT.tif|.vrt", help="The image without clouds; .vrt: COGs that it joins."
)
@click.option("--sar", metavar="FILE", help="Sentinel-1 VV and VH of the same place, dB or linear, any grid.")
@click.option(
    "--date", "dates", multiple=True, metavar="FILE[@DAY]", help="Another date of the place; may be repeated."
)
@click.option(
    "--mask", default="auto", show_default=True, metavar="FILE|auto|all", help="all: the whole image, haze too."
)
@masking
@reconstructing
@click.option("--mask-out", "mask_output", metavar="FILE", help="Also write the mask: 0 clear, 1 cloud, 2 shadow.")
@click.option("--uncertainty-out", "uncertainty_output", metavar="FILE", help="Also write the standard error.")
@click.option(
    "--cluster", metavar="ADDRESS|local[:N]", help="Run on a Dask cluster: its scheduler's address, or N workers here."
)
@reading
def remove(as_json: bool, dates: tuple[str, ...], **options: Any) -> None:
    """Reconstruct the clouded pixels of OPTICAL; clear pixels stay as they are."""
    bbox = options.pop("bbox")
    execute(RemoveClouds("1", dates=list(dates), bbox=list(bbox) if bbox else None, **options), as_json)


@main.command(epilog=OPTICAL_HELP)
@click.argument("optical")
@click.option("-o", "--output", required=True, metavar="MASK.tif", help="0 clear, 1 cloud, 2 shadow, 255 nodata.")
@masking
@reading
def detect(as_json: bool, **options: Any) -> None:
    """Find the clouds and shadows of OPTICAL."""
    bbox = options.pop("bbox")
    execute(DetectClouds("1", bbox=list(bbox) if bbox else None, **options), as_json)


@main.command()
@click.argument("clear")
@click.option("-o", "--output", required=True, metavar="CLOUDY.tif", help="The image with clouds.")
@click.option("--mask-out", "mask_output", metavar="FILE", help="Also write the true mask.")
@click.option("--cover", type=float, default=0.4, show_default=True, metavar="0..1", help="Share of cloud.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same clouds.")
@reading
def simulate(as_json: bool, **options: Any) -> None:
    """Put synthetic clouds and shadows on a CLEAR image, to try and to train with."""
    execute(SimulateClouds("1", **options), as_json)


@main.command()
@click.argument("recipe", default="")
@click.option("--list", "wants_list", is_flag=True, help="List the recipes.")
@click.option("--data", metavar="ROOT", help="Root of the recipe's data set; UNCLOUDED_DATA by default.")
@click.option(
    "--image", "images", multiple=True, metavar="FILE", help="Clear image to learn from instead; may be repeated."
)
@click.option("--start-from", metavar="NAME|FILE", help="Generator whose weights are the start: fine-tuning.")
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change the recipe: fit.epochs=3; may be repeated."
)
@click.option("--out", "folder", metavar="FOLDER", help="Gets checkpoints, logs, pictures; runs/RECIPE by default.")
@click.option("-o", "--output", metavar="MODEL.safetensors", help="The generator; into the run's folder by default.")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N]|mps", help="Where it runs.")
@click.option(
    "--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="Processes that draw samples."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing generator.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, for programs.")
def train(
    as_json: bool,
    wants_list: bool,
    recipe: str,
    folder: str | None,
    images: tuple[str, ...],
    settings: tuple[str, ...],
    **options: Any,
) -> None:
    """Train a generator by RECIPE: a name of --list, or a .yaml file; with --start-from that generator's own.

    Ctrl+C ends it early and keeps the best generator so far.
    """
    start = recipe or options["start_from"]
    if wants_list or not start:
        from .console import show_recipes

        show_recipes()
        return
    place = folder or str(Path("runs") / Path(start).stem)
    execute(TrainGenerator("1", recipe, place, images=list(images), settings=list(settings), **options), as_json)


@main.command()
@click.argument("checkpoint")
@click.option("-o", "--output", required=True, metavar="MODEL.safetensors", help="The generator.")
@click.option("--overwrite", is_flag=True, help="Replace an existing generator.")
def export(checkpoint: str, output: str, overwrite: bool) -> None:
    """Write the generator of a training's CHECKPOINT, or of the best in a run's folder, as one file."""
    from .console import run_export

    sys.exit(run_export(checkpoint, output, overwrite))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--check", is_flag=True, help="Also run a generator on a small tile.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="Where --check runs.")
def info(as_json: bool, check: bool, device: str) -> None:
    """Show versions, devices and installed generators."""
    from .console import show_info

    sys.exit(show_info(as_json, device if check else ""))


@main.command()
@click.argument("optical", required=False)
@click.option("--sar", metavar="FILE", help="Sentinel-1 of the same place.")
@click.option("--folder", default="demo", show_default=True, help="Where to put everything.")
def demo(folder: str, optical: str | None, sar: str | None) -> None:
    """Remove clouds from a synthetic scene, or from OPTICAL, and draw a picture of it."""
    from .console import run_demo

    sys.exit(run_demo(folder, optical, sar))


@main.command()
def worker() -> None:
    """Serve QGIS: jobs on standard input, events on standard output."""
    from .worker import Worker, claim_standard_output, standard_input

    Worker(standard_input(), claim_standard_output()).serve()


for command in (batch, *COMMANDS, fetch, models):
    main.add_command(command)

if __name__ == "__main__":
    main()
