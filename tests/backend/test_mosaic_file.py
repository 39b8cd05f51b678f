"""A VRT with its blocks reads like the one file, and comes and goes with them."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from unclouded.backend.errors import OutputError
from unclouded.backend.geotiff import Layout, Writer
from unclouded.backend.mosaic_file import SIDE_PX, MosaicWriter
from unclouded.backend.outputs import Outputs
from unclouded.backend.protocol import Done, partial_folder
from unclouded.backend.raster import Grid
from unclouded.backend.tiling import Window, tiles

from .disks import disk
from .patience import line_with

CUSTOM = "+proj=laea +lat_0=47.3 +lon_0=8.1 +x_0=321 +y_0=-77 +ellps=bessel +units=m +no_defs"
TAGS = {"SENSOR": "MSI", "NOTE": 'ä <b> & "ö"', "UNCLOUDED_VERSION": "1"}


def looks(path: Path) -> dict[str, Any]:
    """All that a program learns from a raster, pixels included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as dataset:
            names = ("crs", "transform", "shape", "dtypes", "descriptions", "scales", "offsets", "colorinterp")
            tags = [dataset.tags(band) for band in (0, *dataset.indexes)]
            nodata = repr(dataset.nodatavals)
            return {name: getattr(dataset, name) for name in names} | {
                "tags": tags,
                "nodata": nodata,
                "pixels": dataset.read().tobytes(),
            }


def write_both(folder: Path, values: np.ndarray, grid: Grid, layout: Layout, side_px: int) -> tuple[Path, Path]:
    """Writes (C, H, W) values in tiles of 100 px, as one file and as blocks."""
    one, mosaic = folder / "one.tif", folder / "joined.vrt"
    for writer in (Writer(one, grid, layout), MosaicWriter(mosaic, grid, layout, side_px)):
        for tile in tiles(grid.height, grid.width, 100):
            rows, columns = tile.slices_in(Window(0, 0, grid.height, grid.width))
            writer.write(tile, values[:, rows, columns])
        writer.finish()
    return one, mosaic


@pytest.mark.parametrize(
    ("dtype", "nodata", "crs"),
    [
        ("uint16", 0, "EPSG:32632"),
        ("float32", float("nan"), "EPSG:4326"),
        ("int16", -9999, CUSTOM),
        ("uint8", None, None),
    ],
)
def test_blocks_read_like_one_file(tmp_path: Path, dtype: str, nodata: float | None, crs: str | None) -> None:
    values = np.random.default_rng(0).integers(0, 200, (3, 330, 270)).astype(dtype)
    transform = Affine(1 / 3, 0, 8.1, 0, -1 / 3, 47.7) if crs else Affine.identity()
    grid = Grid(CRS.from_user_input(crs) if crs else None, transform, 270, 330)
    layout = Layout(3, np.dtype(dtype), nodata, ["B2", "B3", None], [1e-4, 1 / 3, 1.0], [-0.1, 0.0, 0.0], TAGS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        one, mosaic = write_both(tmp_path, values, grid, layout, 128)

    assert looks(mosaic) == looks(one)
    assert looks(mosaic)["pixels"] == values.tobytes()
    assert len(list((tmp_path / "joined").iterdir())) == 9


@pytest.mark.parametrize("resampling", [Resampling.average, Resampling.nearest])
def test_overviews_are_those_of_one_file(tmp_path: Path, resampling: Resampling) -> None:
    values = np.random.default_rng(0).integers(0, 9999, (1, 2304, 1536)).astype(np.uint16)
    grid = Grid(CRS.from_epsg(32632), Affine(10, 0, 6e5, 0, -10, 5e6), 1536, 2304)
    layout = Layout(1, np.dtype("uint16"), None, [None], [1.0], [0.0], {}, resampling)
    one, mosaic = write_both(tmp_path, values, grid, layout, 1024)

    with rasterio.open(one) as whole, rasterio.open(mosaic) as joined:
        assert joined.overviews(1) == whole.overviews(1) == [2, 4, 8]
    for level in range(3):
        with (
            rasterio.open(one, overview_level=level) as whole,
            rasterio.open(mosaic, overview_level=level) as joined,
        ):
            np.testing.assert_array_equal(joined.read(), whole.read())


def test_blocks_are_finished_as_soon_as_they_are_full(tmp_path: Path) -> None:
    grid = Grid(CRS.from_epsg(32632), Affine(10, 0, 6e5, 0, -10, 5e6), 600, 5000)
    writer = MosaicWriter(tmp_path / "m.vrt", grid, Layout(1, np.dtype("uint8"), None, [None], [1.0], [0.0], {}), 1000)
    for tile in list(tiles(5000, 600, 600))[:2]:
        writer.write(tile, np.full((1, tile.height, tile.width), 7, np.uint8))

    first, second = sorted((tmp_path / "m").iterdir())
    with rasterio.open(first) as dataset:
        assert dataset.overviews(1) == [2, 4, 8, 16]
        assert (dataset.read() == 7).all()
    writer.close()
    assert second.name == "row001000_column000000.tif"


LONG = SIDE_PX + 150


@pytest.fixture
def long(shop: Any) -> Any:
    """A scene of more than one block."""
    shop.raster("scene.tif", shop.numbers(3, LONG, 70), tiled=True, descriptions=["B2", "B3", "B4"], nodata=0)
    shop.mask("m.tif", shop.disc(LONG, 70, SIDE_PX, 35, 20))
    return shop


def removed(shop: Any, suffix: str, *more: str) -> subprocess.CompletedProcess[str]:
    layers = ["-o", f"clear{suffix}", "--mask-out", f"mask{suffix}", "--uncertainty-out", f"error{suffix}"]
    done: subprocess.CompletedProcess[str] = shop.command(
        "remove", "scene.tif", "--mask", "m.tif", "--method", "inpaint", *layers, *more
    )
    return done


def test_the_command_leaves_blocks_with_the_pixels_of_one_file(long: Any) -> None:
    for done in (removed(long, ".tif"), removed(long, ".vrt")):
        assert done.returncode == 0, done.stderr
    before = long.contents()

    blocks = {f"{name}/row{row:06}_column000000.tif" for name in ("clear", "mask", "error") for row in (0, SIDE_PX)}
    assert blocks <= before.keys()
    for name in ("clear", "mask", "error"):
        assert looks(long.folder / f"{name}.vrt") == looks(long.folder / f"{name}.tif")
    assert "exists" in removed(long, ".vrt").stderr
    assert removed(long, ".vrt", "--overwrite").returncode == 0
    assert long.contents() == before


def test_a_mosaic_can_be_moved_with_its_folder(long: Any) -> None:
    assert isinstance(long.remove(long.path("scene.tif"), "clear.vrt", mask=long.path("m.tif")).last, Done)
    pixels = long.read("clear.vrt")
    there = long.folder / "there"
    there.mkdir()
    for name in ("clear.vrt", "clear"):
        (long.folder / name).rename(there / name)

    np.testing.assert_array_equal(long.read("there/clear.vrt"), pixels)


def test_a_killed_run_leaves_nothing_under_the_names(long: Any) -> None:
    before = long.contents()
    command = [sys.executable, "-I", "-m", "unclouded.backend", "remove", "scene.tif", "--mask", "m.tif", "--json"]
    with subprocess.Popen(
        [*command, "--method", "inpaint", "-o", "clear.vrt"], stdout=subprocess.PIPE, cwd=long.folder, text=True
    ) as process:
        line_with("reconstructing", process)
        process.kill()

    left = {name for name in long.contents() if not name.startswith(partial_folder("clear.vrt").name)}
    assert left == before.keys()
    assert isinstance(long.remove(long.path("scene.tif"), "clear.vrt", mask=long.path("m.tif")).last, Done)
    assert not list(long.folder.glob(".*"))


def make(outputs: Outputs, path: str, text: str) -> None:
    """Stands for a writer."""
    part = outputs.part(path)
    part.with_suffix("").mkdir(parents=True)
    (part.with_suffix("") / "row000000_column000000.tif").write_text(text)
    part.write_text(text)


@pytest.mark.parametrize("is_there", [False, True])
def test_mosaics_that_cannot_be_finished_leave_those_that_were_there(tmp_path: Path, is_there: bool) -> None:
    names = [str(tmp_path / name) for name in ("image.tif", "a.vrt", "b.vrt")]
    if is_there:
        with Outputs(names[1:], [], overwrite=False, may_be_mosaics=True) as outputs:
            for name in names[1:]:
                make(outputs, name, "old")
            outputs.commit()
    (tmp_path / "in the way").mkdir()

    def contents() -> dict[Path, str]:
        return {path: path.read_text() if path.is_file() else "" for path in tmp_path.rglob("*")}

    with Outputs(names, [], overwrite=True, may_be_mosaics=True) as outputs:
        for name in names[1:]:
            make(outputs, name, "new")
        outputs.part(names[0]).write_text("new")
        (tmp_path / "in the way").rename(names[0])
        before = {path: text for path, text in contents().items() if ".part" not in str(path)}
        with pytest.raises(OutputError, match="could not be finished"):
            outputs.commit()

    assert contents() == before


@pytest.mark.parametrize("name", ["a", "a.vrt"])
def test_a_folder_that_came_meanwhile_is_kept(tmp_path: Path, name: str) -> None:
    mosaic = str(tmp_path / "a.vrt")
    with Outputs([mosaic], [], overwrite=True, may_be_mosaics=True) as outputs:
        make(outputs, mosaic, "new")
        (tmp_path / name).mkdir()
        (tmp_path / name / "row000000_column000000.tif").write_text("of another run")
        with pytest.raises(OutputError, match="could not be finished"):
            outputs.commit()

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "row000000_column000000.tif").read_text() == "of another run"


def test_a_folder_that_holds_other_things_is_refused(long: Any) -> None:
    (long.folder / "clear").mkdir()
    (long.folder / "clear" / "row000000_column000000.tif").write_text("")
    (long.folder / "clear" / "notes.txt").write_text("mine")
    before = long.contents()
    heard = long.remove(long.path("scene.tif"), "clear.vrt", mask=long.path("m.tif"), overwrite=True)

    assert heard.last.code == "output"
    assert "other things are there" in heard.last.message
    assert long.contents() == before


@pytest.mark.parametrize("is_folder", [False, True])
def test_blocks_that_are_an_input_are_never_replaced(tmp_path: Path, is_folder: bool) -> None:
    block = tmp_path / "a" / "row000000_column000000.tif"
    block.parent.mkdir()
    block.write_text("pixels")

    with pytest.raises(OutputError, match="is or holds an input"):
        Outputs(
            [str(tmp_path / "a.vrt")], [str(block.parent if is_folder else block)], overwrite=True, may_be_mosaics=True
        )


@pytest.mark.parametrize("second", ["a.vrt", "a.VRT", "a/row000000_column000000.tif"])
def test_outputs_that_share_blocks_are_refused(tmp_path: Path, second: str) -> None:
    (tmp_path / "a").mkdir()

    with pytest.raises(OutputError, match="same name"):
        Outputs([str(tmp_path / "a.vrt"), str(tmp_path / second)], [], overwrite=True, may_be_mosaics=True)


@pytest.mark.parametrize("free_kb", [4, 60, 200])
def test_a_disk_that_fills_up_gets_no_mosaic(shop: Any, monkeypatch: pytest.MonkeyPatch, free_kb: int) -> None:
    def fill(outputs: Outputs, disk_bytes: int) -> None:
        free = os.statvfs(shop.folder / "disk").f_bavail * 4096
        (shop.folder / "disk" / "other").write_bytes(bytes(free - free_kb * 1024))

    values = np.random.default_rng(0).integers(1, 9999, (4, 200, 200)).astype(np.uint16)
    optical, mask = shop.raster("big.tif", values), shop.mask("m.tif", shop.disc(200, 200, 90, 90, 30))
    monkeypatch.setattr(Outputs, "check_room", fill)
    with disk(shop.folder / "disk", "400k") as folder:
        heard = shop.remove(optical, "disk/clear.vrt", mask=mask)
        left = [path.name for path in folder.iterdir()]

    assert heard.last.code == "output"
    assert "the disk has room" in heard.last.hint
    assert left == ["other"]


def test_other_commands_write_no_mosaics(long: Any) -> None:
    done = long.command("detect", "scene.tif", "-o", "mask.vrt")

    assert done.returncode == 5
    assert "no GeoTIFF by its name" in done.stderr
