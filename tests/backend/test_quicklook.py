"""The picture of a result: opened again and looked at, panel by panel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from unclouded.backend import quicklook
from unclouded.backend.errors import InputError, OutputError
from unclouded.backend.sensors import BY_COUNT

HEIGHT, WIDTH = 60, 80
FILES = ("cloudy", "result", "truth", "mask", "uncertainty")


def save(
    path: Path, values: np.ndarray, names: tuple[str, ...], offset: tuple[int, int] = (0, 0), **profile: object
) -> None:
    transform = Affine(10, 0, 500_000, 0, -10, 5_000_000) @ Affine.translation(offset[1], offset[0])
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2], "dtype": values.dtype}
    place = {"crs": CRS.from_epsg(32632), "transform": transform}
    with rasterio.open(path, "w", driver="GTiff", **{**shape, **place, **profile}) as dataset:
        dataset.write(values)
        dataset.descriptions = names


def scene(folder: Path, bands: tuple[str, ...], dtype: type = np.uint16) -> dict[str, str]:
    """Ground with a bright square of cloud in its middle, removed with a small error; a shadow below it."""
    full = np.iinfo(dtype).max if dtype == np.uint8 else 10_000
    truth = np.random.default_rng(0).uniform(0.05, 0.2, (len(bands), HEIGHT, WIDTH))
    classes = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    classes[0, 20:40, 30:50], classes[0, 45:55, 30:50] = 1, 2
    cloudy = np.where(classes == 1, 0.8, np.where(classes == 2, truth * 0.3, truth))
    result = np.where(classes > 0, truth + 0.03, truth)
    doubt = np.where(classes > 0, 400, 0).astype(np.uint16).repeat(len(bands), axis=0)
    for name, image in (("cloudy", cloudy), ("result", result), ("truth", truth)):
        save(folder / f"{name}.tif", (image * full).astype(dtype), bands, nodata=0)
    save(folder / "mask.tif", classes, ("cloud mask",), nodata=255)
    save(folder / "uncertainty.tif", doubt, bands, nodata=65535)
    with rasterio.open(folder / "uncertainty.tif", "r+") as dataset:
        dataset.scales = (1e-4,) * len(bands)
    return {name: str(folder / f"{name}.tif") for name in FILES}


def panels(path: Path, count: int, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    picture = np.asarray(Image.open(path))
    columns = 3 if count > 4 else count
    step_y = height + quicklook.CAPTION_PX + quicklook.GAP_PX
    step_x = max(width, quicklook.MIN_PANEL_PX) + quicklook.GAP_PX
    found = []
    for number in range(count):
        top = quicklook.GAP_PX + number // columns * step_y + quicklook.CAPTION_PX
        left = quicklook.GAP_PX + number % columns * step_x
        found.append(picture[top : top + height, left : left + width].astype(int))
    assert picture.shape[1] == columns * step_x + quicklook.GAP_PX
    return found


@pytest.mark.parametrize("count", [13, 12, 10, 4, 3])
def test_panels_show_what_they_say(tmp_path: Path, count: int) -> None:
    files = scene(tmp_path, BY_COUNT[count])
    quicklook.write(str(tmp_path / "q.png"), **files)
    before, after, truth, error, mask, uncertainty = panels(tmp_path / "q.png", 6)
    clear = np.s_[:15, :25]
    np.testing.assert_array_equal(before[clear], after[clear])
    np.testing.assert_array_equal(after[clear], truth[clear])
    cloud, shadow = np.s_[22:38, 32:48], np.s_[46:54, 32:48]
    assert before[cloud].min() == 255
    assert truth[cloud].mean() < 200
    assert before[shadow].mean() < 0.5 * truth[shadow].mean()
    assert 0 < np.abs(after[cloud] - truth[cloud]).mean() < 60
    assert error[clear].max() == 0
    assert error[cloud].min(axis=(0, 1)).max() > 0
    assert uncertainty[clear].max() == 0
    assert uncertainty[cloud].max() > 200
    assert (mask[cloud][..., 0] > mask[cloud][..., 2]).all()  # orange
    assert (mask[shadow][..., 2] > mask[shadow][..., 0]).all()  # blue
    assert (mask[clear].max(axis=-1) == mask[clear].min(axis=-1)).all()  # grey


def test_true_colours_use_the_whole_range_on_clear_ground(tmp_path: Path) -> None:
    quicklook.write(str(tmp_path / "q.png"), **scene(tmp_path, BY_COUNT[4]))
    truth = panels(tmp_path / "q.png", 6)[2]
    assert truth.min() == 0
    assert truth.max() == 255
    assert 100 < truth.mean() < 180


def test_without_truth_four_panels_stand_in_a_row(tmp_path: Path) -> None:
    files = scene(tmp_path, BY_COUNT[13]) | {"truth": None}
    quicklook.write(str(tmp_path / "q.png"), **files)
    before, after, mask, uncertainty = panels(tmp_path / "q.png", 4)
    for one, other in ((before, after), (after, mask), (mask, uncertainty)):
        assert np.abs(one - other).mean() > 5


def test_eight_bit_images(tmp_path: Path) -> None:
    quicklook.write(str(tmp_path / "q.png"), **scene(tmp_path, BY_COUNT[3], np.uint8))
    assert panels(tmp_path / "q.png", 6)[0].max() == 255


def test_captions_are_written(tmp_path: Path) -> None:
    quicklook.write(str(tmp_path / "q.png"), **scene(tmp_path, BY_COUNT[4]))
    strip = np.asarray(Image.open(tmp_path / "q.png"))[: quicklook.CAPTION_PX]
    assert (strip > 200).all(axis=-1).sum() > 50


def test_large_images_are_read_small(tmp_path: Path) -> None:
    large = scene(tmp_path, BY_COUNT[3])
    for path in large.values():
        with rasterio.open(path) as dataset:
            values, names, nodata = dataset.read().repeat(15, 1).repeat(15, 2), dataset.descriptions, dataset.nodata
        save(Path(path), values, names, nodata=nodata)
    quicklook.write(str(tmp_path / "q.png"), **large)
    size = (quicklook.PANEL_PX * HEIGHT // WIDTH, quicklook.PANEL_PX)
    before = panels(tmp_path / "q.png", 6, *size)[0]
    assert before[size[0] // 2, size[1] // 2].min() == 255


def test_a_result_of_a_part_shows_that_part(tmp_path: Path) -> None:
    files = scene(tmp_path, BY_COUNT[3])
    for name in ("result", "mask", "uncertainty"):
        with rasterio.open(files[name]) as dataset:
            values, names, nodata = dataset.read()[:, 10:50, 20:70], dataset.descriptions, dataset.nodata
        save(Path(files[name]), values, names, (10, 20), nodata=nodata)
    quicklook.write(str(tmp_path / "q.png"), **files)
    before, after, *_ = panels(tmp_path / "q.png", 6, 40, 50)
    np.testing.assert_array_equal(before[:8, :8], after[:8, :8])
    assert before[12:28, 12:28].min() == 255


def test_an_image_of_another_place_is_refused(tmp_path: Path) -> None:
    files = scene(tmp_path, BY_COUNT[3])
    with rasterio.open(files["cloudy"]) as dataset:
        values, names = dataset.read(), dataset.descriptions
    save(Path(files["cloudy"]), values, names, (500, 500), nodata=0)
    with pytest.raises(InputError, match="do not lie on each other"):
        quicklook.write(str(tmp_path / "q.png"), **files)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    files = scene(tmp_path, BY_COUNT[3])
    with pytest.raises(OutputError, match=r"q\.png could not be written: No such file or directory"):
        quicklook.write(str(tmp_path / "none" / "q.png"), **files)
