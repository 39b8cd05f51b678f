"""Tiles leave no seams: whatever their size, the scene that is put together from them is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend import clouds
from unclouded.backend.cloud_finder import MaskRules
from unclouded.backend.findings import findings_of
from unclouded.backend.inference import Generator
from unclouded.backend.installed import installed_models
from unclouded.backend.methods import UNTRAINED, Untrained
from unclouded.backend.observation import Method
from unclouded.backend.reconstruction import in_parts
from unclouded.backend.reporting import Reporter
from unclouded.backend.scene import Scene, open_optical, open_scene
from unclouded.backend.survey import Survey, survey
from unclouded.backend.tile_reader import Tile, TilePlan

from .generators import RGB, write_augmented, write_cyclegan

HEIGHT, WIDTH = 230, 310


def quiet(level: str, text: str) -> None:
    pass


@pytest.fixture(scope="module")
def scene(module_shop: Any) -> tuple[Scene, Survey]:
    """Four bands, two other dates on other grids, SAR, clouds and a hole without data."""
    shop = module_shop
    cloud = shop.disc(HEIGHT, WIDTH, 80, 90, 50) | shop.disc(HEIGHT, WIDTH, 200, 260, 60)
    numbers = np.where(cloud, 7000, shop.numbers(4, HEIGHT, WIDTH)).astype(np.uint16)
    numbers[:, 150:170, 40:60] = 0
    date = shop.numbers(4, HEIGHT, WIDTH, seed=1)
    date[:, 60:120, 70:200] = 8000
    backscatter = (-11 - 7 * shop.land(2, HEIGHT + 20, WIDTH)).astype(np.float32)
    optical = open_optical(shop.raster("o_20200601.tif", numbers), None, None, None, quiet)
    dates = [
        shop.raster("a_20200520.tif", date, west=600_003),
        shop.raster("b_20200620.tif", shop.numbers(4, 200, 200, seed=2), step=15),
    ]
    found = open_scene(optical, shop.raster("s.tif", backscatter, west=600_007), dates, None, quiet)
    rules = MaskRules(shop.mask("m.tif", cloud), grow_px=2)
    return found, survey(found, rules, lambda name: shop.folder / f"scratch_{name}", Reporter("1", lambda _: None), 0.2)


def reconstructed(tile: Tile, method: Method) -> dict[str, np.ndarray]:
    """Gives reflectance and uncertainty (4, H, W) of a tile; 0 where nothing was reconstructed."""
    (result,) = in_parts([tile], method)
    whole = {name: np.zeros(tile.digital_numbers.shape, np.float32) for name in ("reflectance", "uncertainty")}
    for part, made in zip(tile.parts, result.made, strict=True):
        used = part.of_tile(tile.replaced) > 0
        for name, array in whole.items():
            part.of_tile(array)[:] = np.where(used, part.of_observation(getattr(made, name)), 0)
    return whole


def put_together(plan: TilePlan) -> dict[str, np.ndarray]:
    """Runs a plan tile by tile.

    Returns:
        What it read and made of each pixel of the area; 0 where nothing was reconstructed.
    """
    area = plan.scene.area
    whole = {
        "numbers": np.zeros((4, area.height, area.width), np.uint16),
        "replaced": np.full((area.height, area.width), np.nan, np.float32),
        "reflectance": np.zeros((4, area.height, area.width), np.float32),
        "uncertainty": np.zeros((4, area.height, area.width), np.float32),
    }
    for tile in plan.read():
        rows = slice(tile.area.row, tile.area.row + tile.area.height)
        columns = slice(tile.area.column, tile.area.column + tile.area.width)
        whole["numbers"][:, rows, columns] = tile.digital_numbers
        whole["replaced"][rows, columns] = tile.replaced
        for name, made in reconstructed(tile, plan.method).items():
            whole[name][:, rows, columns] = made
    return whole


def plan(scene: tuple[Scene, Survey], method: Method, whole: bool = False) -> TilePlan:
    prior = np.full(4, 0.2, np.float32)
    return TilePlan(scene[0], findings_of(scene[1], prior), method, whole, clouds.FEATHER_PX)


@pytest.mark.parametrize("name", UNTRAINED)
@pytest.mark.parametrize("tile_px", [37, 64, 100])
def test_tiles_of_any_size_give_the_same_scene(scene: tuple[Scene, Survey], name: str, tile_px: int) -> None:
    one = put_together(plan(scene, Untrained(UNTRAINED[name], tile_px=10_000)))
    many = put_together(plan(scene, Untrained(UNTRAINED[name], tile_px=tile_px)))

    assert (one["replaced"] > 0).any()
    for part in ("numbers", "replaced"):
        np.testing.assert_array_equal(many[part], one[part])
    for part in ("reflectance", "uncertainty"):
        np.testing.assert_allclose(many[part], one[part], atol=2e-6)


@pytest.mark.parametrize("tile_px", [88, 120])
def test_tiles_of_the_generator_give_the_same_scene(scene: tuple[Scene, Survey], tile_px: int) -> None:
    if not installed_models():
        pytest.skip("no generator is bundled")
    generator = Generator(device="cpu", precise=True)
    generator.tile_px = 10_000
    one = put_together(plan(scene, generator))
    generator.tile_px = tile_px
    many = put_together(plan(scene, generator))

    np.testing.assert_array_equal(many["numbers"], one["numbers"])
    for part in ("reflectance", "uncertainty"):
        assert np.isfinite(one[part]).all()
        np.testing.assert_allclose(many[part], one[part], atol=5e-5)


@pytest.mark.parametrize("write", [write_cyclegan, write_augmented])
@pytest.mark.parametrize("whole", [False, True])
def test_blended_windows_give_the_same_scene_whatever_the_tiles(
    scene: tuple[Scene, Survey], tmp_path: Path, write: Callable[..., str], whole: bool
) -> None:
    generator = Generator(write(tmp_path, bands=list(scene[0].optical.bands), errors=dict.fromkeys(RGB, 0.1)), "cpu")
    assert (generator.tile_px, generator.overlap_px, generator.align_px) == (64, 16, 16)
    generator.tile_px = 10_000
    one = put_together(plan(scene, generator, whole))
    for tile_px in (37, 64, 100):
        generator.tile_px = tile_px
        many = put_together(plan(scene, generator, whole))

        np.testing.assert_array_equal(many["numbers"], one["numbers"])
        np.testing.assert_allclose(many["reflectance"], one["reflectance"], atol=1e-5)
        np.testing.assert_array_equal(many["uncertainty"], one["uncertainty"])
    assert np.isnan(one["uncertainty"][3][one["replaced"] > 0]).all()


def methods(folder: Path, bands: list[str]) -> dict[str, tuple[Method, float]]:
    """A method of each kind with tiles as large as the scene, and how far its parts may be from the whole."""
    found: dict[str, tuple[Method, float]] = {name: (Untrained(UNTRAINED[name]), 2e-6) for name in UNTRAINED}
    generators = {
        write.__name__: Generator(write(folder, bands=bands), "cpu") for write in (write_cyclegan, write_augmented)
    }
    if installed_models():
        generators["default"] = Generator(device="cpu", precise=True)
    for name, generator in generators.items():
        generator.tile_px = 512
        found[name] = generator, 5e-5 if name == "default" else 1e-5
    return found


def test_parts_of_a_tile_are_made_as_the_whole_is(scene: tuple[Scene, Survey], tmp_path: Path) -> None:
    for name, (method, tolerance) in methods(tmp_path, list(scene[0].optical.bands)).items():
        (tile,) = plan(scene, method).read()
        (everything,) = plan(scene, method, whole=True).read()
        assert (len(tile.parts), len(everything.parts)) == (2, 1), name
        assert plan(scene, method).computed()[0] < plan(scene, method, whole=True).computed()[0]
        np.testing.assert_array_equal(tile.digital_numbers, everything.digital_numbers)
        made, whole = reconstructed(tile, method), reconstructed(everything, method)
        for part in ("reflectance", "uncertainty"):
            wanted = np.where(tile.replaced > 0, whole[part], 0)
            np.testing.assert_allclose(made[part], wanted, atol=tolerance, err_msg=name)


def test_tiles_that_are_handed_over_together_are_made_as_each_alone(scene: tuple[Scene, Survey]) -> None:
    tiles = list(plan(scene, Untrained(UNTRAINED["inpaint"], tile_px=100)).read())
    together = in_parts(tiles, Untrained(UNTRAINED["inpaint"]))

    assert len({part.observation.valid.shape for tile in tiles for part in tile.parts}) > 3
    for tile, result in zip(tiles, together, strict=True):
        (alone,) = in_parts([tile], Untrained(UNTRAINED["inpaint"]))
        assert result.tile is tile
        for one, other in zip(result.made, alone.made, strict=True):
            np.testing.assert_array_equal(one.reflectance, other.reflectance)
            np.testing.assert_array_equal(one.uncertainty, other.uncertainty)


def test_windows_of_a_network_that_cannot_say_nodata_end_with_the_scene(
    scene: tuple[Scene, Survey], tmp_path: Path
) -> None:
    generator = Generator(write_cyclegan(tmp_path, bands=list(scene[0].optical.bands)), "cpu")
    generator.tile_px = 50
    observed = {}
    for tile in plan(scene, generator, whole=True).read():
        (part,) = tile.parts
        observed[tile.area.row, tile.area.column] = part.observation.valid.shape
        assert part.observation.valid[part.core].shape == tile.classes[part.place].shape

    assert observed[0, 0] == (80, 80)  # to the multiple of 16 that lies 16 px behind 50
    assert observed[200, 300] == (230 - 176, 310 - 272)


def test_each_pixel_is_read_once_as_it_is_stored(scene: tuple[Scene, Survey], module_shop: Any) -> None:
    one = put_together(plan(scene, Untrained(UNTRAINED["inpaint"], tile_px=50)))

    np.testing.assert_array_equal(one["numbers"], module_shop.read("o_20200601.tif"))


def test_only_tiles_that_hold_cloud_are_observed(scene: tuple[Scene, Survey], module_shop: Any) -> None:
    tiles = plan(scene, Untrained(UNTRAINED["inpaint"], tile_px=60))
    cloud = np.isin(module_shop.read(scene[1].mask.path)[0], (clouds.CLOUD, clouds.SHADOW))
    expected = [cloud[w.row : w.row + w.height, w.column : w.column + w.width].any() for w in tiles.windows()]

    assert [computed > 0 for computed in tiles.computed()] == expected
    assert [bool(tile.parts) for tile in tiles.read()] == expected
    assert 0 < sum(expected) < len(expected)


def test_feathering_stays_inside_the_cloud(scene: tuple[Scene, Survey], module_shop: Any) -> None:
    replaced = put_together(plan(scene, Untrained(UNTRAINED["inpaint"], tile_px=64)))["replaced"]
    cloud = np.isin(module_shop.read(scene[1].mask.path)[0], (clouds.CLOUD, clouds.SHADOW))

    np.testing.assert_array_equal(replaced > 0, cloud)
    assert ((replaced > 0) & (replaced < 1)).any()
    assert replaced.max() == 1


def test_the_whole_image_is_replaced_without_a_rim(scene: tuple[Scene, Survey]) -> None:
    made = put_together(plan(scene, Untrained(UNTRAINED["inpaint"], tile_px=64), whole=True))

    np.testing.assert_array_equal(made["replaced"], (made["numbers"] > 0).any(axis=0))


def test_observations_know_their_dates(scene: tuple[Scene, Survey]) -> None:
    (tile,) = plan(scene, Untrained(UNTRAINED["median"]), whole=True).read()
    (part,) = tile.parts
    seen, (rows, columns) = part.observation, part.core

    assert list(seen.days) == [19, -12]  # the least cloudy one first
    bright = seen.dates[1][:, rows, columns][:, 75:105, 90:190]
    assert not seen.dates_clear[1][part.core][75:105, 90:190].any()
    np.testing.assert_allclose(bright, 0.8, atol=1e-6)  # as measured, cloud and all
    assert not seen.dates[:, :, 0, 0].any()  # beyond the scene nothing is
    assert seen.clear.any()
    assert not (seen.clear & seen.cloud).any()
    assert np.isfinite(seen.sar[:, rows, columns][:, :, 1:]).all()
