"""Detectors on scenes made by script, where the truth is known, and on real images where they are given."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from scipy import ndimage

from unclouded.backend import clouds
from unclouded.backend.datasets.place import without_offset
from unclouded.backend.errors import InputError, UsageError
from unclouded.backend.sensors import BY_COUNT, NAMES, Level

FOUR = BY_COUNT[4]
RGB = BY_COUNT[3]

# Reflectance of surfaces in the 13 bands at the top of the atmosphere, as typical scenes have it.
PLANTS = [0.13, 0.10, 0.09, 0.06, 0.09, 0.22, 0.28, 0.28, 0.30, 0.08, 0.002, 0.16, 0.08]
SOIL = [0.15, 0.13, 0.13, 0.14, 0.16, 0.19, 0.21, 0.22, 0.24, 0.07, 0.002, 0.28, 0.22]
WATER = [0.12, 0.09, 0.07, 0.04, 0.03, 0.02, 0.02, 0.02, 0.02, 0.01, 0.001, 0.01, 0.01]
SNOW = [0.75, 0.72, 0.70, 0.70, 0.70, 0.69, 0.68, 0.66, 0.65, 0.20, 0.004, 0.08, 0.06]
CLOUD_TOP = [0.62, 0.60, 0.58, 0.58, 0.60, 0.62, 0.63, 0.60, 0.63, 0.25, 0.015, 0.42, 0.32]
CLEAR_AIR = [0.10, 0.07, 0.045, 0.025, 0.02, 0.015, 0.01, 0.01, 0.01, 0.0, 0.0, 0.0, 0.0]


def noise(shape: tuple[int, int], smooth_px: float, seed: int) -> np.ndarray:
    """(H, W) smooth noise, mean 0 and deviation 1."""
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), smooth_px, mode="wrap")
    return (field - field.mean()) / field.std()


class Scene:
    """Fields and a lake under clouds that cast shadows to the lower right.

    Args:
        side_px: Height and width.
        level: L2A is the same without what clear air adds.
        seed: Of the noise.
        cover: Whether there are clouds.
        snow: Whether the ground is covered with snow.
    """

    def __init__(self, side_px: int = 360, level: Level = "L1C", seed: int = 0, cover: bool = True, snow: bool = False):
        shape = (side_px, side_px)
        field = noise(shape, 12, seed)[None] > 0
        ground = np.where(field, np.reshape(PLANTS, (13, 1, 1)), np.reshape(SOIL, (13, 1, 1)))
        if snow:
            ground = np.broadcast_to(np.reshape(SNOW, (13, 1, 1)), ground.shape)
        self.lake = np.zeros(shape, bool)
        self.lake[side_px // 2 : side_px // 2 + 40, 20:90] = True
        ground = np.where(self.lake, np.reshape(WATER, (13, 1, 1)), ground)
        thickness = np.clip(1.5 * noise(shape, 14, seed + 1) - 1.5, 0, 1) * cover
        self.cloud = thickness > 0.1
        opacity = np.clip(1.2 * thickness, 0, 1)
        shade = np.roll(opacity, (30, 25), (0, 1))
        self.shadow = (shade > 0.6) & ~self.cloud & ~self.lake
        air = np.reshape(CLEAR_AIR, (13, 1, 1))
        lit = air + (ground - air) * (1 - 0.75 * shade)
        seen = lit * (1 - opacity) + np.reshape(CLOUD_TOP, (13, 1, 1)) * opacity
        seen = seen - (air if level == "L2A" else 0)
        grain = np.random.default_rng(seed + 2).normal(0, 0.004, seen.shape)
        self.level = level
        self.optical = np.clip(seen + grain, 0.0001, None).astype(np.float32)
        self.valid = np.ones(shape, bool)

    def bands(self, names: tuple[str, ...]) -> np.ndarray:
        return self.optical[[NAMES.index(name) for name in names]]

    def detect(self, names: tuple[str, ...], resolution_m: float = 10.0) -> np.ndarray:
        return clouds.choose(names, self.level, None, resolution_m)(self.bands(names), self.valid)


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    return float(2 * (found & truth).sum() / (found.sum() + truth.sum()))


CASES = [("L1C", NAMES), ("L1C", FOUR), ("L1C", RGB), ("L2A", BY_COUNT[12]), ("L2A", BY_COUNT[10]), ("L2A", FOUR)]


@pytest.mark.parametrize(("level", "names"), CASES)
def test_simulated_clouds_are_found(level: Level, names: tuple[str, ...]) -> None:
    scene = Scene(level=level)
    assert 0.05 < scene.cloud.mean() < 0.4
    found = scene.detect(names) == clouds.CLOUD
    assert found[scene.cloud].mean() > 0.95
    near = ndimage.distance_transform_edt(~scene.cloud) <= (18 if names == NAMES else 4)  # cells of 60 and of 20 m
    assert near[found].mean() > 0.95


@pytest.mark.parametrize(("level", "names"), CASES)
def test_clear_ground_stays_clear(level: Level, names: tuple[str, ...]) -> None:
    assert (Scene(level=level, cover=False).detect(names) == clouds.CLEAR).all()


@pytest.mark.parametrize(("level", "names"), [("L1C", NAMES), ("L2A", BY_COUNT[12]), ("L2A", BY_COUNT[10])])
def test_snow_is_no_cloud_where_short_wave_infrared_shows_it(level: Level, names: tuple[str, ...]) -> None:
    assert (Scene(level=level, cover=False, snow=True).detect(names) == clouds.CLEAR).all()


@pytest.mark.parametrize(("level", "names"), [case for case in CASES if "B8" in case[1]])
def test_shadows_are_found_and_water_is_none(level: Level, names: tuple[str, ...]) -> None:
    scene = Scene(level=level)
    classes = scene.detect(names)
    sought = scene.shadow & (classes != clouds.CLOUD)
    assert (classes[sought] == clouds.SHADOW).mean() > 0.6
    assert (classes == clouds.SHADOW)[scene.lake].mean() < 0.05
    away = ~ndimage.binary_dilation(scene.shadow | scene.lake, iterations=6)
    assert (classes == clouds.SHADOW)[away].mean() < 0.05


def test_without_infrared_no_shadow_is_claimed() -> None:
    assert clouds.SHADOW not in Scene(level="L2A").detect(RGB)


def test_a_lower_threshold_finds_more() -> None:
    scene = Scene()
    for names in (NAMES, FOUR):
        shares = [
            (clouds.choose(names, "L1C", threshold, 10)(scene.bands(names), scene.valid) == clouds.CLOUD).mean()
            for threshold in (0.1, 0.4, 0.8)
        ]
        assert shares[0] > shares[1] > shares[2]


def tiled(scene: Scene, names: tuple[str, ...], resolution_m: float, tile_px: int) -> np.ndarray:
    """Classifies tile by tile, each with the margin that the detector asks for; beyond the scene nothing is valid."""
    detector = clouds.choose(names, scene.level, None, resolution_m)
    align, side = detector.align_px, scene.valid.shape[0]
    assert tile_px % align == 0
    margin = -(-detector.margin_px // align) * align
    around = ((margin, margin + tile_px), (margin, margin + tile_px))
    optical = np.pad(scene.bands(names), ((0, 0), *around))
    valid = np.pad(scene.valid, around)
    classes = np.empty(scene.valid.shape, np.uint8)
    outer = tile_px + 2 * margin
    for row, column in tiles(side, tile_px):
        window = np.s_[row : row + outer, column : column + outer]
        found = detector(optical[:, window[0], window[1]], valid[window])
        core = found[margin : margin + tile_px, margin : margin + tile_px]
        part = classes[row : row + tile_px, column : column + tile_px]
        part[...] = core[: part.shape[0], : part.shape[1]]
    return classes


def tiles(side: int, tile_px: int) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(0, side, tile_px) for column in range(0, side, tile_px))


@pytest.mark.parametrize("resolution_m", [10.0, 30.0])
@pytest.mark.parametrize(("level", "names"), [("L1C", NAMES), ("L2A", BY_COUNT[12]), ("L2A", FOUR), ("L1C", RGB)])
def test_tiles_agree_with_the_whole(level: Level, names: tuple[str, ...], resolution_m: float) -> None:
    scene = Scene(330, level, seed=5)
    scene.valid[noise(scene.valid.shape, 4, 9) > 1.5] = False
    scene.valid[100:112] = False
    scene.optical *= scene.valid
    whole = tiled(scene, names, resolution_m, 384)
    assert {clouds.CLEAR, clouds.CLOUD, clouds.NODATA} <= set(np.unique(whole))
    assert (tiled(scene, names, resolution_m, 96) == whole).all()


@pytest.mark.parametrize(("level", "names"), CASES)
def test_a_window_without_valid_pixels_is_nodata(level: Level, names: tuple[str, ...]) -> None:
    detector = clouds.choose(names, level, None, 10)
    classes = detector(np.zeros((len(names), 61, 47), np.float32), np.zeros((61, 47), bool))
    assert classes.dtype == np.uint8
    assert (classes == clouds.NODATA).all()


@pytest.mark.parametrize(("level", "names"), CASES)
def test_unmeasured_pixels_are_nodata_and_leave_the_others_alone(level: Level, names: tuple[str, ...]) -> None:
    scene = Scene(level=level, cover=False)
    scene.valid[:, ::7] = False
    scene.optical *= scene.valid
    classes = scene.detect(names)
    assert (classes[~scene.valid] == clouds.NODATA).all()
    assert (classes[scene.valid] == clouds.CLEAR).all()


def test_the_best_detector_is_chosen() -> None:
    assert clouds.choose(NAMES, "L1C", None, 10).name == "s2cloudless"
    for names, level in ((BY_COUNT[12], "L1C"), (NAMES, "L2A"), (FOUR, "L2A")):
        assert "network" in clouds.choose(names, level, None, 10).name
    assert clouds.choose(RGB, "L2A", None, 10).name.startswith("rules")


def test_bands_in_any_order_give_the_same() -> None:
    scene = Scene()
    for names in (NAMES, FOUR):
        assert (scene.detect(names) == scene.detect(names[::-1])).all()


def test_bands_that_do_not_suffice_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        clouds.choose(("B8", "B4"), "L2A", None, 10)
    assert "bands B8, B4" in caught.value.message
    assert "B2, B3 and B4" in caught.value.message
    assert "Give a mask" in caught.value.hint


def test_a_threshold_that_is_no_probability_is_refused() -> None:
    with pytest.raises(UsageError, match="probability from 0 to 1"):
        clouds.choose(NAMES, "L1C", 40, 10)


def test_only_grown_rim_is_blended() -> None:
    assert 0 < clouds.FEATHER_PX <= clouds.GROW_PX


def test_s2cloudless_is_used_without_the_web_client_of_its_package() -> None:
    code = (
        "import sys, numpy as np; from unclouded.backend import clouds; from unclouded.backend.sensors import NAMES\n"
        "assert 'lightgbm' not in sys.modules\n"
        "clouds.choose(NAMES, 'L1C', None, 10)(np.full((13, 12, 12), 0.1, np.float32), np.ones((12, 12), bool))\n"
        "assert 'lightgbm' in sys.modules and not {'s2cloudless', 'sentinelhub', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_probabilities_are_those_of_the_package() -> None:
    package = pytest.importorskip("s2cloudless")
    from unclouded.backend import probability_detector

    cells = Scene(60).bands(probability_detector.BANDS)
    expected = package.S2PixelCloudDetector().get_cloud_probability_maps(np.moveaxis(cells, 0, -1)[None])[0]
    found = probability_detector._probability(cells, np.ones((60, 60), bool))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def read(path: Path, shape: tuple[int, int] | None = None) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and reflectance of a file of digital numbers."""
    with rasterio.open(path) as dataset:
        size = (dataset.count, *(shape or dataset.shape))
        numbers = dataset.read(out_shape=size, resampling=Resampling.bilinear)
        return dataset.descriptions, numbers.astype(np.float32) / 10000


@pytest.mark.parametrize("chip", ["chip_1", "chip_3", "chip_4"])
def test_hand_drawn_clouds_are_found(real_data: Path, chip: str) -> None:
    names, optical = read(real_data / "cloud_labels" / chip / "optical.tif")
    with rasterio.open(real_data / "cloud_labels" / chip / "label.tif") as dataset:
        label = dataset.read(1) == 1
    found = clouds.choose(names, "L2A", None, 10)(optical, (optical > 0).all(axis=0)) == clouds.CLOUD
    assert f1(found, label) >= 0.85
    assert f1(clouds.grow(found, clouds.GROW_PX), label) >= 0.85


def test_clear_places_are_free_of_cloud_in_12_bands(real_data: Path) -> None:
    for path in sorted((real_data / "clear_l2a").glob("*.tif")):
        names, optical = read(path)
        classes = clouds.choose(names, "L2A", None, 10)(without_offset(optical), (optical > 0).all(axis=0))
        assert (classes == clouds.CLOUD).mean() < 0.05, path.name


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_clear_places_are_free_of_cloud_in_13_bands(real_data: Path) -> None:
    for folder in sorted((real_data / "clear_l1c").iterdir()):
        names, optical = read(folder / "10m.tif")
        for other in ("20m.tif", "60m.tif"):
            more, coarse = read(folder / other, optical.shape[1:])
            names, optical = names + more, np.concatenate([optical, coarse])
        classes = clouds.choose(names, "L1C", None, 10)(optical, (optical > 0).all(axis=0))
        assert (classes == clouds.CLOUD).mean() < 0.05, folder.name
