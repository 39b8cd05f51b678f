"""The command that fetches images through a catalogue: `unclouded fetch ...`."""

from __future__ import annotations

from typing import Any

import click

from .catalogue_jobs import CATALOGUES, DEFAULT_CATALOGUE, FetchImages
from .options import BandList, execute

CATALOGUE_VARIABLE = "UNCLOUDED_CATALOG"


@click.command()
@click.option(
    "--bbox", type=float, nargs=4, metavar="WEST SOUTH EAST NORTH", help="Area in degrees; needs --day as well."
)
@click.option("--day", default="", metavar="YYYY-MM-DD", help="Day of the image; the nearest with one is taken.")
@click.option(
    "--like",
    metavar="FILE[@DAY]",
    help="Find radar and other dates for this image instead: on its grid, with its bands.",
)
@click.option("-o", "--output", required=True, metavar="FOLDER", help="Gets optical.tif, sar.tif, date_DAY.tif.")
@click.option(
    "--within",
    "within_days",
    type=click.IntRange(0, 3650),
    default=60,
    show_default=True,
    metavar="DAYS",
    help="How far from the day other images may be.",
)
@click.option(
    "--dates", type=click.IntRange(0, 50), default=3, show_default=True, metavar="N", help="Other dates at most."
)
@click.option("--sar/--no-sar", default=True, help="Whether Sentinel-1 is fetched.")
@click.option("--bands", type=BandList(), help="Only these bands, or the names of FILE's bands in its order.")
@click.option(
    "--catalog",
    "catalogue",
    default=DEFAULT_CATALOGUE,
    envvar=CATALOGUE_VARIABLE,
    show_default=True,
    metavar="NAME|URL",
    help=f"A STAC API: {', '.join(CATALOGUES)}, or an address. Also {CATALOGUE_VARIABLE}.",
)
@click.option("--collection", default="", metavar="ID", help="Of the optical images, if not the usual one.")
@click.option("--sar-collection", default="", metavar="ID", help="Of calibrated, terrain-corrected radar images.")
@click.option("--certificates", default="", metavar="FILE.pem", help="Further authorities to trust.")
@click.option("--overwrite", is_flag=True, help="Replace files of another fetch.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON lines, for programs.")
def fetch(as_json: bool, **options: Any) -> None:
    """Find an image, radar and other dates of a place in a catalogue, and write them on one grid.

    The area and the day are sent to the catalogue. A proxy is taken from HTTPS_PROXY. Run again, it goes on: files that
    are complete are kept.

    Example:  unclouded fetch --bbox 11.2 46.5 11.5 46.7 --day 2020-06-01 -o scene
    """
    bbox = options.pop("bbox")
    execute(FetchImages("1", bbox=list(bbox) if bbox else None, **options), as_json)
