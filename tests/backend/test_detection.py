"""The cloud mask as a file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio

from unclouded.backend import clouds
from unclouded.backend.protocol import DetectClouds, Done, Progress


def image(shop: Any, **options: Any) -> tuple[str, np.ndarray]:
    """Writes four bands with a white cloud.

    Returns:
        The path, and where the cloud is.
    """
    cloud = shop.disc(260, 300, 120, 150, 60)
    values = np.where(cloud, 6000, shop.numbers(4, 260, 300)).astype(np.uint16)
    values[:, :20] = 0
    return shop.raster("o.tif", values, **options), cloud


def detect(shop: Any, path: str, **options: Any) -> Any:
    return shop.run(DetectClouds("1", path, shop.path("mask.tif"), **options))


def test_the_mask_lies_on_the_grid_of_the_image(shop: Any) -> None:
    path, cloud = image(shop, crs="+proj=laea +lat_0=47 +lon_0=8 +ellps=bessel +units=m")
    heard = detect(shop, path)

    with rasterio.open(path) as optical, rasterio.open(shop.path("mask.tif")) as dataset:
        assert (dataset.crs, dataset.transform, dataset.shape) == (optical.crs, optical.transform, optical.shape)
        assert (dataset.count, dataset.dtypes, dataset.nodata) == (1, ("uint8",), clouds.NODATA)
        assert "2 shadow" in dataset.tags()["MEANING"]
        mask = dataset.read(1)
    assert (mask[cloud] == clouds.CLOUD).mean() > 0.95
    assert (mask[:20] == clouds.NODATA).all()
    assert (mask[~shop.disc(260, 300, 120, 150, 80)] == clouds.CLOUD).mean() < 0.05
    measured = mask != clouds.NODATA
    assert heard.last.cloud_fraction == pytest.approx((mask[measured] != clouds.CLEAR).mean(), abs=1e-6)


def test_growing_adds_what_the_user_asks(shop: Any) -> None:
    path, _ = image(shop)
    found = {}
    for grow_px in (0, 6):
        detect(shop, path, grow_px=grow_px, overwrite=True)
        found[grow_px] = shop.read("mask.tif")[0] == clouds.CLOUD

    assert found[0].any()
    assert found[6][found[0]].all()
    assert found[6].sum() > found[0].sum()


def test_an_area_agrees_with_the_whole(shop: Any) -> None:
    path, _ = image(shop)
    detect(shop, path)
    whole = shop.read("mask.tif")
    detect(shop, path, bbox=[601_000, 5_098_000, 602_000, 5_099_500], overwrite=True)

    assert (shop.read("mask.tif") == whole[:, 50:200, 100:200]).mean() > 0.99


def test_the_removal_uses_the_same_mask(shop: Any) -> None:
    path, _ = image(shop)
    detect(shop, path)
    shop.remove(path, mask_output=shop.path("used.tif"))

    np.testing.assert_array_equal(shop.read("used.tif"), shop.read("mask.tif"))


def test_progress_is_told(shop: Any) -> None:
    heard = detect(shop, image(shop)[0])

    assert isinstance(heard.last, Done)
    assert any(isinstance(event, Progress) for event in heard.events)
    assert "found by" in heard.logs("info")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"cloud_threshold": 1.5}, "usage"),
        ({"cloud_threshold": float("nan")}, "usage"),
        ({"grow_px": -1}, "usage"),
        ({"bbox": [0, 0, 1, 1]}, "input"),
        ({"bands": ["B2"]}, "bands"),
        ({"level": "L3"}, "usage"),
    ],
)
def test_senseless_options_leave_no_mask(shop: Any, options: dict[str, Any], code: str) -> None:
    path, _ = image(shop)
    before = shop.contents()

    assert detect(shop, path, **options).last.code == code
    assert shop.contents() == before
