"""Every bad input ends in one message that says what was expected, what came and what to do, and leaves no trace."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner

from unclouded.backend.__main__ import main

# The product hides it once for all when it is loaded, see raster.py; pytest shows it again.
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SIDE = 64


class Kit:
    """Good inputs, from which each case breaks one."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.values = shop.numbers(4, SIDE, SIDE)
        self.cloud = shop.disc(SIDE, SIDE, 30, 30, 12)
        self.optical = shop.raster("o.tif", self.values)
        self.mask = shop.mask("m.tif", self.cloud)
        self.output = shop.path("clear.tif")

    def good(self, *more: str, method: str = "inpaint") -> list[str]:
        return [self.optical, "--mask", self.mask, "--method", method, *more]

    def optical_of(self, values: np.ndarray, **options: Any) -> list[str]:
        path = self.shop.raster("broken.tif", values, **options)
        return [path, "--mask", self.mask, "--method", "inpaint"]

    def file(self, name: str, content: bytes) -> str:
        (self.shop.folder / name).write_bytes(content)
        return self.shop.path(name)

    def sar(self, **options: Any) -> list[str]:
        return self.good("--sar", self.shop.raster("s1.tif", np.full((2, SIDE, SIDE), -11, np.float32), **options))

    def cut(self, name: str, share: float) -> str:
        content = Path(self.optical).read_bytes()
        return self.file(name, content[: int(len(content) * share)])

    def folder(self, name: str) -> str:
        (self.shop.folder / name).mkdir()
        return self.shop.path(name)


def archive_sar(kit: Kit) -> list[str]:
    path = kit.shop.raster("s1.tif", np.full((2, SIDE, SIDE), 150, np.uint16), crs=None)
    points = [
        rasterio.control.GroundControlPoint(row, column, 10 + column / 1e4, 46 - row / 1e4)
        for row, column in ((0, 0), (0, 60), (60, 0))
    ]
    with rasterio.open(path, "r+") as dataset:
        dataset.gcps = (points, rasterio.crs.CRS.from_epsg(4326))
    return kit.good("--sar", path)


CASES: dict[str, tuple[Callable[[Kit], list[str]], int, str, str]] = {
    "no raster": (
        lambda k: [k.file("a.tif", b"hello"), "--mask", k.mask],
        3,
        "unreadable",
        r"a\.tif cannot be read.*not recog.*GeoTIFF",
    ),
    "no such file": (lambda k: [k.shop.path("missing.tif")], 3, "unreadable", r"missing\.tif.*no such file"),
    "empty file": (lambda k: [k.file("a.tif", b"")], 3, "unreadable", r"a\.tif cannot be read"),
    "empty folder": (lambda k: [k.folder("empty")], 3, "input", r"empty holds no band files.*_B02.*were expected"),
    "cut off": (
        lambda k: [k.cut("cut.tif", 0.5), "--mask", k.mask, "--method", "inpaint"],
        3,
        "unreadable",
        r"cut\.tif cannot be read.*(damaged or cut off|directory)",
    ),
    "cut off float": (
        lambda k: [
            k.file(
                "cut.tif",
                Path(k.shop.raster("f.tif", k.values / np.float32(10_000), dtype="float32")).read_bytes()[:-30_000],
            ),
            "--mask",
            k.mask,
            "--method",
            "inpaint",
        ],
        3,
        "unreadable",
        r"cut\.tif cannot be read",
    ),
    "rotated": (
        lambda k: k.optical_of(k.values, transform=Affine(10, 2, 0, 2, -10, 0)),
        3,
        "input",
        "rotated grid; a north-up one was expected.*Warp",
    ),
    "five bands": (
        lambda k: k.optical_of(k.shop.numbers(5, SIDE, SIDE)),
        3,
        "bands",
        r"The 5 band\(s\) .* could not be named.*B2,B3,B4,B8",
    ),
    "wrong names": (
        lambda k: k.good("--bands", "B2,B3,B4,B99"),
        3,
        "bands",
        "4 names were expected|could not be named",
    ),
    "complex": (lambda k: k.optical_of(np.ones((4, SIDE, SIDE), np.complex64)), 3, "unreadable", "complex"),
    "all nodata": (
        lambda k: k.optical_of(np.zeros((4, SIDE, SIDE), np.uint16)),
        3,
        "no-data",
        "holds no measured pixel.*all is nodata",
    ),
    "all NaN": (
        lambda k: k.optical_of(np.full((4, SIDE, SIDE), np.nan, np.float32)),
        3,
        "no-data",
        "holds no measured pixel",
    ),
    "all cloud": (
        lambda k: [k.optical, "--mask", k.shop.mask("all.tif", np.ones((SIDE, SIDE))), "--method", "inpaint"],
        3,
        "nothing-clear",
        "whole area .* is cloud or shadow.*Give other dates",
    ),
    "all cloud for the generator": (
        lambda k: [k.optical, "--mask", k.shop.mask("all.tif", np.ones((SIDE, SIDE)))],
        3,
        "nothing-clear",
        "whole area .* is cloud or shadow.*Give SAR or other dates, choose",
    ),
    "SAR elsewhere": (
        lambda k: k.sar(west=900_000),
        3,
        "no-overlap",
        r"SAR file .*s1\.tif covers \[900000.*optical image \[600000.*same place",
    ),
    "SAR of one band": (
        lambda k: k.good("--sar", k.shop.raster("s1.tif", np.ones((1, 9, 9), np.float32))),
        3,
        "input",
        "has 1 band; VV and VH were expected",
    ),
    "SAR of another size without place": (
        lambda k: k.good("--sar", k.shop.raster("s1.tif", np.full((2, 9, 9), -9, np.float32), crs=None)),
        3,
        "input",
        "9 x 9 px, the optical image 64 x 64 px",
    ),
    "SAR uncalibrated": (
        lambda k: k.good("--sar", k.shop.raster("s1.tif", np.full((2, SIDE, SIDE), 180, np.uint16))),
        3,
        "uncalibrated-sar",
        "median is 180.*Calibrate",
    ),
    "SAR from the archive": (archive_sar, 3, "uncalibrated-sar", "ground control points.*Calibrate"),
    "SAR that is no raster": (
        lambda k: k.good("--sar", k.file("s1.tif", b"no")),
        3,
        "unreadable",
        r"s1\.tif cannot be read",
    ),
    "date elsewhere": (
        lambda k: k.good("--date", k.shop.raster("d.tif", k.values, north=9_000_000)),
        3,
        "no-overlap",
        r"date .*d\.tif covers .*optical image \[600000",
    ),
    "date with other bands": (
        lambda k: k.good("--date", k.shop.raster("d.tif", k.values[:3], descriptions=["B2", "B3", "B5"])),
        3,
        "input",
        "lacks B4, B8",
    ),
    "date with a senseless day": (
        lambda k: k.good("--date", k.optical + "@noon"),
        3,
        "input",
        "a date like 2020-06-01 was expected, 'noon' came",
    ),
    "mask elsewhere": (
        lambda k: [k.optical, "--method", "inpaint", "--mask", k.shop.mask("far.tif", k.cloud, west=0)],
        3,
        "no-overlap",
        r"mask .*far\.tif covers \[0,",
    ),
    "mask of senseless values": (
        lambda k: [
            k.optical,
            "--mask",
            k.shop.raster("x.tif", np.full((1, SIDE, SIDE), 777, np.uint16)),
            "--method",
            "inpaint",
        ],
        3,
        "input",
        r"mask .* was expected to hold 0 and 1.*777.*Rewrite",
    ),
    "mask of three bands": (
        lambda k: [
            k.optical,
            "--mask",
            k.shop.raster("x.tif", np.ones((3, SIDE, SIDE), np.uint8)),
            "--method",
            "inpaint",
        ],
        3,
        "input",
        "has 3 bands; one was expected",
    ),
    "mask that is missing": (
        lambda k: [k.optical, "--mask", k.shop.path("nomask.tif")],
        3,
        "unreadable",
        r"nomask\.tif",
    ),
    "area outside": (
        lambda k: k.good("--bbox", "0", "0", "10", "10"),
        3,
        "input",
        r"lies outside the optical image, which covers \[600000",
    ),
    "area of nothing": (
        lambda k: k.good("--bbox", "10", "0", "5", "5"),
        2,
        "usage",
        "xmin ymin xmax ymax were expected",
    ),
    "area of nan": (lambda k: k.good("--bbox", "nan", "0", "5", "5"), 2, "usage", "xmin ymin xmax ymax were expected"),
    "dates missing": (lambda k: k.good(method="median"), 2, "usage", "median needs other dates.*--date"),
    "a generator of no name": (
        lambda k: k.good("--model", "magic", method="generator"),
        4,
        "model",
        "No generator 'magic' is installed; installed:",
    ),
    "a device that is not there": (
        lambda k: k.good("--device", "toaster", method="generator"),
        6,
        "device",
        "'toaster' was asked for; here are .*cpu",
    ),
    "output is the input": (
        lambda k: [*k.good("--overwrite"), "-o", k.optical],
        5,
        "output",
        "is also an input.*never written",
    ),
    "output is the mask": (lambda k: [*k.good("--overwrite"), "-o", k.mask], 5, "output", "is also an input"),
    "output exists": (
        lambda k: [*k.good(), "-o", k.shop.raster("there.tif", k.values)],
        5,
        "output",
        r"there\.tif exists.*--overwrite|allow overwriting",
    ),
    "output folder missing": (
        lambda k: [*k.good(), "-o", k.shop.path("no/where.tif")],
        5,
        "output",
        "no does not exist",
    ),
    "output below a file": (lambda k: [*k.good(), "-o", k.optical + "/clear.tif"], 5, "output", "does not exist"),
    "output of no GeoTIFF": (
        lambda k: [*k.good(), "-o", k.shop.path("clear.png")],
        5,
        "output",
        "no GeoTIFF by its name.*.tif",
    ),
    "outputs of one name": (lambda k: k.good("--mask-out", k.output), 5, "output", "same name"),
}


def run(kit: Kit, arguments: list[str]) -> tuple[int, dict[str, Any]]:
    """Runs `remove --json`.

    Returns:
        The exit code and the last event.
    """
    place = [] if "-o" in arguments else ["-o", kit.output]
    result = CliRunner().invoke(main, ["remove", *arguments, *place, "--json"])
    assert "Traceback" not in result.output
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_bad_input(shop: Any, case: str) -> None:
    build, exit_code, code, words = CASES[case]
    kit = Kit(shop)
    arguments = build(kit)
    before = shop.contents()

    status, event = run(kit, arguments)

    assert event["type"] == "Failed", event
    said = f"{event['message']} {event['hint']}"
    assert (event["code"], status) == (code, exit_code), said
    assert re.search(f"(?i){words}", said), said
    assert event["hint"], said
    assert shop.contents() == before


def test_the_kit_itself_is_good(shop: Any) -> None:
    status, event = run(Kit(shop), Kit(shop).good())

    assert (status, event["type"]) == (0, "Done")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--method", "magic"],
        ["--cloud-threshold", "1.5"],
        ["--cloud-threshold", "nan"],
        ["--grow", "-1"],
        ["--level", "L9"],
        ["--bbox", "1", "2", "3"],
        ["--offset", "much"],
        ["--colour", "red"],
    ],
)
def test_options_that_make_no_sense(shop: Any, arguments: list[str]) -> None:
    kit = Kit(shop)
    before = shop.contents()
    result = CliRunner().invoke(main, ["remove", kit.optical, "-o", kit.output, *arguments])

    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert shop.contents() == before


@pytest.mark.parametrize("arguments", [["--cover", "2"], ["--cover", "-1"], ["--cover", "nan"], ["--seed", "-3"]])
def test_simulated_clouds_that_make_no_sense(shop: Any, arguments: list[str]) -> None:
    kit = Kit(shop)
    before = shop.contents()
    result = CliRunner().invoke(main, ["simulate", kit.optical, "-o", kit.output, *arguments])

    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert shop.contents() == before


@pytest.mark.parametrize("command", ["detect", "simulate"])
def test_other_commands_refuse_what_is_no_raster(shop: Any, command: str) -> None:
    kit = Kit(shop)
    result = CliRunner().invoke(main, [command, kit.file("a.tif", b"hello"), "-o", kit.output, "--json"])

    assert result.exit_code == 3
    assert json.loads(result.stdout.splitlines()[-1])["code"] == "unreadable"
    assert not Path(kit.output).exists()


def test_without_a_georeference_the_job_runs_and_warns(shop: Any) -> None:
    kit = Kit(shop)
    optical = shop.raster("plain.tif", kit.values, crs=None)
    date = shop.raster("plain_date.tif", kit.values, crs=None)
    mask = shop.mask("plain_mask.tif", kit.cloud, crs=None)
    heard = shop.remove(optical, mask=mask, dates=[date], method="median")

    assert type(heard.last).__name__ == "Done"
    assert "no georeference" in heard.logs("warning")
    np.testing.assert_array_equal(shop.read("clear.tif")[:, ~kit.cloud], kit.values[:, ~kit.cloud])


def test_nan_is_no_cloud_and_stays(shop: Any) -> None:
    kit = Kit(shop)
    values = kit.values.astype(np.float32) / 10_000
    values[2, 10:14, 10:14] = np.nan
    values[:, 40, 30] = np.nan
    heard = shop.remove(shop.raster("f.tif", values), mask=kit.mask)
    made = shop.read("clear.tif")

    assert type(heard.last).__name__ == "Done"
    lost = np.isnan(values).any(axis=0)
    assert made[:, lost].tobytes() == values[:, lost].tobytes()
    assert np.isfinite(made[:, ~lost]).all()
