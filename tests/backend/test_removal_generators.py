"""The promises of the whole path with the networks of the zoo, from files to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from unclouded.backend.protocol import Done, Failed

from .generators import RGB, write_augmented, write_cyclegan, write_stgan

WRITERS = {"cyclegan": write_cyclegan, "augmented": write_augmented}


@pytest.fixture
def clouded(shop: Any) -> dict[str, Any]:
    """150 x 130 px of three bands, with a cloud, nodata at a corner, another date and SAR."""
    truth = shop.numbers(3, 150, 130)
    cloud = shop.disc(150, 130, 60, 70, 30)
    cloudy = np.where(cloud, 7500, truth).astype(np.uint16)
    cloudy[:, :20, :30] = 0
    date = shop.numbers(3, 150, 130, seed=1)
    date[:, 70:] = 8000
    sar = (-11 - 7 * shop.land(2, 150, 130)).astype(np.float32)
    return {
        "optical": shop.raster("o_20200601.tif", cloudy, nodata=0, descriptions=RGB),
        "date": shop.raster("d_20200611.tif", date, descriptions=RGB),
        "sar": shop.raster("s.tif", sar),
        "mask": shop.mask("m.tif", cloud),
        "cloud": cloud,
        "values": cloudy,
    }


def remove(shop: Any, clouded: dict[str, Any], output: str, model: str, **options: Any) -> Any:
    options = {"mask": clouded["mask"], "method": "generator", "model": model, "device": "cpu", **options}
    return shop.remove(clouded["optical"], output, **options)


@pytest.mark.parametrize("name", WRITERS)
def test_clear_pixels_keep_their_bits(shop: Any, clouded: dict[str, Any], name: str) -> None:
    heard = remove(shop, clouded, "clear.tif", WRITERS[name](shop.folder))

    assert isinstance(heard.last, Done)
    made = shop.read("clear.tif")
    np.testing.assert_array_equal(made[:, ~clouded["cloud"]], clouded["values"][:, ~clouded["cloud"]])
    assert (made[:, clouded["cloud"]] != 7500).any(axis=0).mean() > 0.9


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 70), (31, 33), (33, 16)])
def test_scenes_of_any_size_are_reconstructed(shop: Any, height: int, width: int) -> None:
    values = shop.numbers(3, height, width)
    cloud = np.zeros((height, width), bool)
    cloud[height // 3 :, width // 2 :] = True
    image = shop.raster("o.tif", values, descriptions=RGB)
    options = {"mask": shop.mask("m.tif", cloud), "method": "generator", "model": write_cyclegan(shop.folder)}
    heard = shop.remove(image, device="cpu", **(options | ({"mask": "all"} if height == width == 1 else {})))

    assert isinstance(heard.last, Done), heard.last
    made = shop.read("clear.tif")
    if height > 1:
        np.testing.assert_array_equal(made[:, ~cloud], values[:, ~cloud])
    assert (made != values).any()


def test_the_seed_fixes_the_bytes_and_samples_give_an_uncertainty(shop: Any, clouded: dict[str, Any]) -> None:
    model = write_augmented(shop.folder)
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        error = shop.path(f"{name}_error.tif")
        heard = remove(shop, clouded, f"{name}.tif", model, samples=3, seed=seed, uncertainty_output=error)
        assert "does not know" not in heard.logs("warning")

    files = shop.contents()
    assert files["a.tif"] == files["b.tif"] != files["c.tif"]
    assert files["a_error.tif"] == files["b_error.tif"] != files["c_error.tif"]
    error = shop.read("a_error.tif")
    measured = (clouded["values"] > 0).all(axis=0)
    assert (error[:, clouded["cloud"] & measured] < 65535).all()
    assert error[:, clouded["cloud"]].mean() > 0
    assert not error[:, measured & ~clouded["cloud"]].any()
    with rasterio.open(shop.path("a.tif")) as dataset:
        parameters = json.loads(dataset.tags()["UNCLOUDED_PARAMETERS"])
    assert (parameters["samples"], parameters["seed"]) == (3, 5)


def test_provenance_names_no_samples_where_none_are_drawn(shop: Any, clouded: dict[str, Any]) -> None:
    remove(shop, clouded, "clear.tif", write_cyclegan(shop.folder), seed=4)

    with rasterio.open(shop.path("clear.tif")) as dataset:
        assert not {"samples", "seed"} & set(json.loads(dataset.tags()["UNCLOUDED_PARAMETERS"]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": 2}, "'cycle' always gives the same reconstruction"),
        ({"samples": 2, "method": "inpaint"}, "'inpaint' always gives the same reconstruction"),
        ({"samples": 0}, "0 samples of seed 0 were asked for"),
        ({"seed": -1}, "1 samples of seed -1 were asked for"),
    ],
)
def test_samples_that_make_no_sense_are_refused(
    shop: Any, clouded: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    model = write_cyclegan(shop.folder)
    before = shop.contents()
    heard = remove(shop, clouded, "clear.tif", model, **options)

    assert isinstance(heard.last, Failed)
    assert heard.last.code == "usage"
    assert words in heard.last.message
    assert shop.contents() == before


def test_an_error_that_nobody_knows_is_nodata_and_it_is_said(shop: Any, clouded: dict[str, Any]) -> None:
    model = write_cyclegan(shop.folder, errors={"B2": 0.02, "B4": 0.03})
    heard = remove(shop, clouded, "clear.tif", model, uncertainty_output=shop.path("error.tif"))

    assert "does not know its errors in B3: reconstructed pixels are nodata there" in heard.logs("warning")
    error = shop.read("error.tif")
    measured = (clouded["values"] > 0).all(axis=0)
    replaced = clouded["cloud"] & measured
    np.testing.assert_array_equal(np.unique(error[:, replaced], axis=1)[:, 0], [200, 65535, 300])
    assert not error[:, measured & ~replaced].any()


def test_a_network_of_several_dates_shows_what_they_measured(shop: Any, clouded: dict[str, Any]) -> None:
    model = write_stgan(shop.folder)
    for name, dates in (("alone", []), ("two", [clouded["date"]]), ("three", [clouded["date"], clouded["optical"]])):
        heard = remove(shop, clouded, f"{name}.tif", model, sar=clouded["sar"], dates=dates)
        assert isinstance(heard.last, Done), heard.last

    made = {name: shop.read(f"{name}.tif") for name in ("alone", "two", "three")}
    for name in made:
        np.testing.assert_array_equal(made[name][:, ~clouded["cloud"]], clouded["values"][:, ~clouded["cloud"]])
    assert (made["alone"] != made["two"]).any()
    assert (made["two"] != made["three"]).any()


def test_a_generator_that_lives_on_sar_says_so_before_it_starts(shop: Any, clouded: dict[str, Any]) -> None:
    heard = remove(shop, clouded, "clear.tif", write_stgan(shop.folder))

    assert heard.last.code == "model"
    assert heard.last.message == "The generator 'dates' needs Sentinel-1."
    assert not Path(shop.path("clear.tif")).exists()
