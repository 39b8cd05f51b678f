"""A clouded copy of a clear file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import rasterio

from unclouded.backend.protocol import Done, SimulateClouds


@pytest.fixture
def clear(shop: Any) -> str:
    values = shop.numbers(4, 560, 540)
    values[:, :10] = 0
    return shop.raster("clear.tif", values, nodata=0, descriptions=["B2", "B3", "B4", "B8"], tags={"SENSOR": "MSI"})


def simulate(shop: Any, clear: str, name: str = "cloudy.tif", **options: Any) -> Any:
    return shop.run(SimulateClouds("1", clear, shop.path(name), **options))


def test_only_pixels_under_clouds_and_shadows_change(shop: Any, clear: str) -> None:
    heard = simulate(shop, clear, mask_output=shop.path("mask.tif"), cover=0.4, seed=3)
    old, new, mask = shop.read(clear), shop.read("cloudy.tif"), shop.read("mask.tif")[0]

    assert isinstance(heard.last, Done)
    assert (mask[:10] == 255).all()
    assert (new[:, :10] == 0).all()
    assert (new[:, 10:] != 0).all()
    assert set(np.unique(mask)) <= {0, 1, 2, 255}
    changed = (old != new).any(axis=0)
    assert changed[mask == 1].mean() > 0.99
    assert new[:, mask == 1].mean() > 1.3 * old[:, mask == 1].mean()
    assert (mask == 1).sum() / mask.size == pytest.approx(heard.last.cloud_fraction, abs=0.03)
    assert heard.last.cloud_fraction == pytest.approx(0.4, abs=0.1)


def test_the_file_keeps_its_looks_and_says_that_it_is_made_up(shop: Any, clear: str) -> None:
    simulate(shop, clear, seed=5)

    with rasterio.open(clear) as old, rasterio.open(shop.path("cloudy.tif")) as new:
        assert (new.crs, new.transform, new.shape) == (old.crs, old.transform, old.shape)
        assert (new.dtypes, new.nodata, new.descriptions) == (old.dtypes, old.nodata, old.descriptions)
        assert old.tags().items() <= new.tags().items()
        assert "seed 5" in new.tags()["UNCLOUDED_SIMULATED"]


def test_a_seed_is_a_sky(shop: Any, clear: str) -> None:
    for name, seed in (("a.tif", 1), ("b.tif", 1), ("c.tif", 2)):
        simulate(shop, clear, name, seed=seed)

    files = shop.contents()
    assert files["a.tif"] == files["b.tif"]
    assert (shop.read("a.tif") != shop.read("c.tif")).any()


def test_no_cover_changes_nothing(shop: Any, clear: str) -> None:
    simulate(shop, clear, cover=0.0)

    np.testing.assert_array_equal(shop.read("cloudy.tif"), shop.read(clear))


@pytest.mark.parametrize("options", [{"cover": 1.2}, {"cover": -0.1}, {"cover": float("nan")}, {"seed": -1}])
def test_senseless_values_are_refused(shop: Any, clear: str, options: dict[str, Any]) -> None:
    before = shop.contents()
    heard = simulate(shop, clear, **options)

    assert heard.last.code == "usage"
    assert shop.contents() == before


def test_the_input_is_never_the_output(shop: Any, clear: str) -> None:
    before = shop.contents()

    assert simulate(shop, clear, "clear.tif", overwrite=True).last.code == "output"
    assert shop.contents() == before
