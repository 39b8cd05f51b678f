"""Measures a full Sentinel-2 tile, from disk to a finished file with overviews, and what its parts take alone.

    make bench-scene                    10980 x 10980 px: half an hour on four cores
    make bench-scene SIDE=2040          a quick look

What is made once is kept in .cache/bench. The figures are seconds by the clock and of the processor, and peaks of
resident memory, of the real command in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import rasterio
from measuring import machine, prepare, run_command, time_parts
from rich.console import Console
from rich.table import Table
from scenes import COARSEST, make_cog, make_image, make_mask, make_product, make_zip

prepare()

CLEAR, BANK, SCATTERED, WHOLE = "0 %", "10 %, one bank", "10 %, scattered", "100 %"
COVERS = {CLEAR: 0.0, BANK: 0.1, SCATTERED: 0.1, WHOLE: 1.0}
"""Of the masks that are given."""
FOUND = "found"
"""The mask is not given: clouds are looked for."""
FORMATS = ("GeoTIFF", "COG", "SAFE", "zip of SAFE")
SMALL_FORMATS = ("GeoTIFF", "SAFE")
UNCLOUDED = (sys.executable, "-c", "from unclouded.backend.__main__ import main; main()")


@click.command()
@click.option("--side", default=10980, show_default=True, help="Of the tile in pixels.")
@click.option("--small-side", default=4092, show_default=True, help="Of the one that memory is compared with.")
@click.option("--cache", default=".cache/bench", show_default=True, help="Where scenes are kept and results made.")
@click.option("--json", "json_path", default="docs/bench_scene.json", show_default=True, help="Where the figures go.")
@click.option("--parts", "parts_of", hidden=True, help="Time the parts of a job on this image, in this process.")
def main(side: int, small_side: int, cache: str, json_path: str, parts_of: str | None) -> None:
    """Makes the scenes, runs every measurement, prints tables and writes JSON."""
    from unclouded.backend.protocol import RemoveClouds

    if parts_of:
        job = RemoveClouds("1", parts_of, str(Path(cache) / "parts.tif"), overwrite=True)
        print(json.dumps(time_parts(job)))
        return
    side, small_side = (length - length % COARSEST for length in (side, small_side))
    console = Console(highlight=False)
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    scenes, small = make_scenes(folder, side, console), make_scenes(folder, small_side, console)
    figures: dict[str, Any] = {"machine": machine(), "side_px": side, "small_side_px": small_side}
    figures["remove"] = {
        name: remove(folder, scenes["GeoTIFF"], mask, name, console)
        for name, mask in {**{cover: scenes[cover] for cover in COVERS}, FOUND: None}.items()
    }
    figures["computed_px"] = {cover: computed_px(scenes[cover]) for cover in COVERS}
    figures["parts"] = parts_alone(folder, scenes["GeoTIFF"], console)
    figures["detect"] = {name: detect(folder, scenes[name], name, console) for name in FORMATS}
    figures["remove_small"] = {name: remove(folder, small[name], None, name, console) for name in SMALL_FORMATS}
    figures["ratios"] = ratios(figures)
    figures["commands"] = [
        "make bench-scene",
        "unclouded remove IMAGE -o OUT.tif [--mask MASK]",
        "unclouded detect ...",
    ]
    Path(json_path).write_text(json.dumps(figures, indent=2) + "\n")
    show(figures, console)
    console.print(f"Figures written to {json_path}.")


def _made(path: Path, make: Callable[[Path], Any], console: Console) -> Path:
    """Makes a file or folder unless it is there; half-made ones have another name."""
    if not path.exists():
        console.print(f"making {path} ...")
        part = path.with_name(f"part-{path.name}")
        shutil.rmtree(part, ignore_errors=True)
        part.unlink(missing_ok=True)
        make(part)
        part.rename(path)
    return path


def make_scenes(folder: Path, side: int, console: Console) -> dict[str, Path]:
    """Gives the tile in each of FORMATS, and a mask for each of COVERS."""
    image = _made(folder / f"scene{side}.tif", lambda path: make_image(path, side), console)
    cog = _made(folder / f"scene{side}_cog.tif", lambda path: make_cog(image, path), console)
    safe = _made(folder / f"product{side}", lambda path: make_product(image, path), console)
    product = next(safe.glob("*.SAFE"))
    archive = _made(folder / f"product{side}.zip", lambda path: make_zip(product, path), console)
    scenes = dict(zip(FORMATS, (image, cog, product, archive), strict=True))
    for name, cover in COVERS.items():
        mask = folder / f"mask{side}_{round(100 * cover)}{'_bank' if name == BANK else ''}.tif"
        scenes[name] = _made(mask, partial(make_mask, side=side, cover=cover, is_bank=name == BANK), console)
    return scenes


def remove(folder: Path, image: Path, mask: Path | None, what: str, console: Console) -> dict[str, float]:
    """Runs `unclouded remove`."""
    console.print(f"remove, {image.name}, clouds {what} ...")
    given = ["--mask", str(mask)] if mask else []
    output = folder / "out.tif"
    return run_command([*UNCLOUDED, "remove", str(image), "-o", str(output), "--overwrite", "--json", *given])


def computed_px(mask: Path) -> int:
    """Gives how many pixels the bundled network computes under a mask, context included."""
    from unclouded.backend.card import read_card
    from unclouded.backend.clouds import CLOUD, GROW_PX, grow
    from unclouded.backend.installed import find_model
    from unclouded.backend.tiling import Window, cover, tiles

    card = read_card(find_model("default"))
    with rasterio.open(mask) as dataset:
        cloud = grow(dataset.read(1) == CLOUD, GROW_PX)
    whole = Window(0, 0, *cloud.shape)
    parts = (
        part
        for tile in tiles(*cloud.shape, card.tile_px)
        for part in cover(cloud[tile.slices_in(whole)], card.overlap_px)
    )
    return sum(part.padded(card.overlap_px, card.align_px).pixels for part in parts)


def detect(folder: Path, image: Path, what: str, console: Console) -> dict[str, float]:
    """Runs `unclouded detect`: reading and the mask."""
    console.print(f"detect, {what} ...")
    return run_command([*UNCLOUDED, "detect", str(image), "-o", str(folder / "mask.tif"), "--overwrite", "--json"])


def parts_alone(folder: Path, image: Path, console: Console) -> dict[str, Any]:
    """Times the parts one after the other, in a process of their own."""
    console.print("the parts, one after the other ...")
    command = [sys.executable, __file__, "--parts", str(image), "--cache", str(folder)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(output.splitlines()[-1]))


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """What the figures come down to; reading and writing, which is what a clear scene takes, set apart."""
    runs, computed = figures["remove"], figures["computed_px"]
    peaks = [run["peak_mb"] for run in runs.values()]

    def share(cover: str, *keys: str) -> float:
        clear, here, whole = (sum(runs[name][key] for key in keys) for name in (CLEAR, cover, WHOLE))
        return (here - clear) / (whole - clear)

    return {
        "end_to_end_over_parts": runs[FOUND]["seconds"] / sum(figures["parts"]["seconds"].values()),
        "ten_percent_in_one_bank_over_all": share(BANK, "seconds"),
        "ten_percent_scattered_over_all": share(SCATTERED, "seconds"),
        "the_same_in_one_bank_by_the_processor": share(BANK, "user_s", "system_s"),
        "the_same_scattered_by_the_processor": share(SCATTERED, "user_s", "system_s"),
        "the_same_in_one_bank_in_computed_px": computed[BANK] / computed[WHOLE],
        "the_same_scattered_in_computed_px": computed[SCATTERED] / computed[WHOLE],
        "peak_gb": max(peaks) / 1024,
        "memory_of_the_larger_scene": runs[FOUND]["peak_mb"] / figures["remove_small"]["GeoTIFF"]["peak_mb"],
    }


def show(figures: dict[str, Any], console: Console) -> None:
    """Prints the figures as tables."""
    side, small = figures["side_px"], figures["small_side_px"]
    runs = Table("command", "seconds", "processor", "system", "peak MB", title=f"{side} x {side} px, 13 bands")
    for group, label in (
        ("remove", "remove, clouds"),
        ("detect", "detect,"),
        ("remove_small", f"remove, {small} px,"),
    ):
        for name, run in figures[group].items():
            times = [f"{run[key]:.1f}" for key in ("seconds", "user_s", "system_s")]
            runs.add_row(f"{label} {name}", *times, f"{run['peak_mb']:.0f}")
    console.print(runs)
    seconds = figures["parts"]["seconds"]
    parts = Table("part alone", "seconds", "share")
    for part, value in seconds.items():
        parts.add_row(part, f"{value:.1f}", f"{value / sum(seconds.values()):.0%}")
    parts.add_row("sum of the parts", f"{sum(seconds.values()):.1f}", "100%")
    parts.add_row("end to end", f"{figures['remove'][FOUND]['seconds']:.1f}", "")
    console.print(parts)
    facts = Table(show_header=False)
    for name, value in figures["ratios"].items():
        facts.add_row(name, f"{value:.3f}")
    for name in ("tiles", "windows", "achieved_gflops", "peak_gflops"):
        facts.add_row(name, f"{figures['parts'][name]:.0f}")
    console.print(facts)


if __name__ == "__main__":
    main()
