"""The promises of the whole path from files to files."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from scipy.ndimage import distance_transform_edt

from unclouded.backend.card import Card
from unclouded.backend.errors import Cancelled, OutputError
from unclouded.backend.installed import installed_models
from unclouded.backend.jobs import run
from unclouded.backend.models.fusion import Fusion, Params
from unclouded.backend.models.weights import save
from unclouded.backend.protocol import Done, Estimate, Failed, Progress, RemoveClouds
from unclouded.backend.removal import Here, remove
from unclouded.backend.reporting import Reporter
from unclouded.backend.version import VERSION

FACTORS = {"uint8": 255, "uint16": 10_000, "int16": 10_000, "float32": 1}
CUSTOM = "+proj=laea +lat_0=47.3 +lon_0=8.1 +x_0=321 +y_0=-77 +ellps=bessel +units=m +no_defs"


@st.composite
def images(draw: st.DrawFn) -> dict[str, Any]:
    """An image of any type and size with a mask, and how to remove the clouds."""
    height, width, bands = draw(st.integers(1, 80)), draw(st.integers(1, 80)), draw(st.sampled_from([3, 4]))
    dtype = draw(st.sampled_from(list(FACTORS)))
    dates = draw(st.integers(0, 2))
    methods = ["inpaint"] + (["median", "least-cloudy", "interpolate"] if dates else [])
    if installed_models() and draw(st.integers(0, 7)) == 0:
        methods = ["generator"]
    return {
        "shape": (bands, height, width),
        "dtype": dtype,
        "nodata": draw(st.sampled_from([None, 0, 7] + ([float("nan"), -9999] if dtype == "float32" else []))),
        "tagged": draw(st.booleans()) and dtype != "uint8",
        "crs": draw(st.sampled_from(["EPSG:32632", CUSTOM, "EPSG:4326"])),
        "seed": draw(st.integers(0, 10**6)),
        "cover": draw(st.sampled_from([0.0, 0.1, 0.5, 0.95])),
        "dates": dates,
        "method": draw(st.sampled_from(methods)),
        "grow_px": draw(st.sampled_from([None, 0, 3])),
    }


def write(shop: Any, case: dict[str, Any]) -> tuple[str, str, np.ndarray]:
    """Writes image and mask.

    Returns:
        Their paths, and the values of the image.
    """
    random = np.random.default_rng(case["seed"])
    bands, height, width = case["shape"]
    dtype, nodata = case["dtype"], case["nodata"]
    values = shop.land(bands, height, width, case["seed"]) * FACTORS[dtype]
    values = values.astype(dtype) if dtype == "float32" else np.rint(values).astype(dtype)
    holes = random.random((height, width)) < 0.05
    if nodata is not None:
        values[:, holes] = nodata
    if dtype == "float32":
        values[random.random(values.shape) < 0.02] = np.nan
    values[:, 0, 0] = np.asarray(max(0.1 * FACTORS[dtype], 9 if dtype != "float32" else 0), dtype)  # something is seen
    cloud = random.random((height, width)) < case["cover"]
    cloud[0, 0] = False
    tags = {"scales": [1 / FACTORS[dtype]] * bands, "offsets": [-0.01] * bands} if case["tagged"] else {}
    step = 1e-4 if case["crs"] == "EPSG:4326" else 10.0
    names = ["B2", "B3", "B4", "B8"][:bands]
    image = shop.raster(
        "image.tif",
        values,
        crs=case["crs"],
        nodata=nodata,
        west=8,
        north=47,
        step=step,
        descriptions=names,
        tags={"SENSOR": "MSI", "NOTE": "ä ö"},
        **tags,
    )
    return image, shop.mask("mask.tif", cloud, crs=case["crs"], west=8, north=47, step=step), values


@given(images())
@settings(max_examples=35, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_clear_pixels_keep_their_bits_and_the_file_its_looks(module_shop: Any, case: dict[str, Any]) -> None:
    shop = module_shop.fresh()
    image, mask, values = write(shop, case)
    dates = []
    for i in range(case["dates"]):
        other = shop.fresh()
        dates.append(write(other, case | {"seed": case["seed"] + i + 1, "method": "inpaint"})[0])
    before = shop.contents()
    heard = shop.remove(
        image,
        mask=mask,
        method=case["method"],
        dates=dates,
        grow_px=case["grow_px"],
        device="cpu",
        mask_output=shop.path("classes.tif"),
    )

    if isinstance(heard.last, Failed):
        assert heard.last.code == "nothing-clear"
        cloud = shop.read("mask.tif")[0] == 1
        assert (distance_transform_edt(~cloud) <= (case["grow_px"] or 0))[0, 0]
        assert not (shop.folder / "clear.tif").exists()
        return
    classes = shop.read("classes.tif")[0]
    made = shop.read("clear.tif")
    kept = np.broadcast_to((classes == 0) | (classes == 255), made.shape)
    assert made.dtype == values.dtype
    assert made[kept].tobytes() == values[kept].tobytes()
    if case["grow_px"] in (None, 0):
        measured = classes != 255
        np.testing.assert_array_equal((classes == 1)[measured], (shop.read("mask.tif")[0] == 1)[measured])
    new = made[~kept]
    assert np.isfinite(new).all()
    if case["nodata"] is not None:
        assert not (new == case["nodata"]).any()
    with rasterio.open(image) as old, rasterio.open(heard.last.output) as dataset:
        assert dataset.crs == old.crs
        assert dataset.transform == old.transform
        assert dataset.dtypes == old.dtypes
        assert dataset.descriptions == old.descriptions
        assert dataset.scales == old.scales
        assert dataset.offsets == old.offsets
        assert dataset.nodata == old.nodata or (np.isnan(dataset.nodata) and np.isnan(old.nodata))
        assert old.tags().items() <= dataset.tags().items()
    assert before.items() <= shop.contents().items()
    assert not list(shop.folder.glob(".*"))


@pytest.fixture
def clouded(shop: Any) -> dict[str, Any]:
    """700 x 600 px of four bands with one cloud."""
    truth = shop.numbers(4, 700, 600)
    cloud = shop.disc(700, 600, 300, 320, 60)
    optical = shop.raster("o_20200601.tif", np.where(cloud, 7500, truth).astype(np.uint16), crs=CUSTOM)
    return {"optical": optical, "mask": shop.mask("m.tif", cloud, crs=CUSTOM), "truth": truth, "cloud": cloud}


def test_the_output_is_tiled_compressed_and_has_overviews(shop: Any, clouded: dict[str, Any]) -> None:
    shop.remove(clouded["optical"], mask=clouded["mask"])

    with rasterio.open(shop.path("clear.tif")) as dataset:
        assert set(dataset.block_shapes) == {(512, 512)}
        assert dataset.compression.value == "DEFLATE"
        assert dataset.overviews(1) == [2]
        assert dataset.crs == CRS.from_string(CUSTOM)
        overview = dataset.read(out_shape=(4, 350, 300))
    full = shop.read("clear.tif").astype(float)
    means = full.reshape(4, 350, 2, 300, 2).mean((2, 4))
    np.testing.assert_allclose(overview, means, atol=1)


def test_the_ground_comes_back(shop: Any, clouded: dict[str, Any]) -> None:
    cloud, truth = clouded["cloud"], clouded["truth"].astype(float)
    date = shop.raster("d_20200611.tif", clouded["truth"], crs=CUSTOM)
    error = {}
    for method in ("inpaint", "median", "interpolate", "least-cloudy"):
        shop.remove(clouded["optical"], f"{method}.tif", mask=clouded["mask"], method=method, dates=[date])
        error[method] = np.abs(shop.read(f"{method}.tif").astype(float) - truth)[:, cloud].mean()

    assert error["inpaint"] < 1200 < np.abs(7500 - truth)[:, cloud].mean()
    # The date is as the truth is, but for the specks of made-up ground that a detector takes for cloud.
    assert max(error["median"], error["interpolate"], error["least-cloudy"]) < 20


def test_the_same_job_gives_the_same_bytes_at_another_time(shop: Any, clouded: dict[str, Any]) -> None:
    options = {"mask": clouded["mask"], "grow_px": 3}
    shop.remove(clouded["optical"], "a.tif", uncertainty_output=shop.path("ua.tif"), **options)
    time.sleep(1.1)  # times in files have seconds
    shop.remove(clouded["optical"], "b.tif", uncertainty_output=shop.path("ub.tif"), **options)

    files = shop.contents()
    assert files["a.tif"] == files["b.tif"]
    assert files["ua.tif"] == files["ub.tif"]


def test_the_generator_gives_the_same_bytes_twice(shop: Any, clouded: dict[str, Any]) -> None:
    if not installed_models():
        pytest.skip("no generator is bundled")
    for name in ("a.tif", "b.tif"):
        heard = shop.remove(
            clouded["optical"],
            name,
            mask=clouded["mask"],
            method="generator",
            device="cpu",
            bbox=[602_500, 5_096_500, 603_900, 5_097_500],
        )
        assert heard.last.cloud_fraction > 0.5
    files = shop.contents()
    assert files["a.tif"] == files["b.tif"]


def test_provenance_says_what_was_done_and_not_when_or_where(shop: Any, clouded: dict[str, Any]) -> None:
    shop.remove(clouded["optical"], mask=clouded["mask"], grow_px=2, offset=-1000.0, bands=["B2", "B3", "B4", "B8"])

    with rasterio.open(shop.path("clear.tif")) as dataset:
        tags = dataset.tags()
    parameters = json.loads(tags["UNCLOUDED_PARAMETERS"])
    assert tags["UNCLOUDED_VERSION"] == VERSION
    assert parameters["method"] == "inpaint"
    assert parameters["optical"] == "o_20200601.tif"
    assert parameters["mask"] == "m.tif"
    assert (parameters["grow_px"], parameters["offset"]) == (2, -1000)
    assert parameters["bands"] == ["B2", "B3", "B4", "B8"]
    assert str(shop.folder) not in str(tags)
    assert time.strftime("%Y") not in str(tags)


def test_the_generator_names_itself(shop: Any, clouded: dict[str, Any]) -> None:
    models = installed_models()
    if not models:
        pytest.skip("no generator is bundled")
    shop.remove(clouded["optical"], mask=clouded["mask"], method="generator", device="cpu")

    with rasterio.open(shop.path("clear.tif")) as dataset:
        tags = dataset.tags()
    card = models[0][0]
    assert tags["UNCLOUDED_MODEL"] == f"{card.name} {card.version}"
    assert tags["UNCLOUDED_MODEL_SHA256"] == card.sha256
    assert len(card.sha256) == 64


def test_bands_that_a_generator_does_not_know_are_filled_from_around(shop: Any, clouded: dict[str, Any]) -> None:
    params = Params(3, (16, 16, 16), (1, 1, 1))
    bands = ["B2", "B3", "B4"]
    card = Card(
        name="rgb",
        version="1",
        title="Three bands",
        architecture="fusion",
        parameters=dataclasses.asdict(params),
        bands=bands,
        required_bands=bands,
        levels=["L1C", "L2A"],
        sar="optional",
        dates="optional",
        overlap_px=64,
        align_px=8,
        tile_px=256,
        prior=dict.fromkeys(bands, 0.1),
        licence="",
        citation="",
        training_data=[],
    )
    save(shop.path("rgb.safetensors"), card, Fusion(params).state_dict())
    options = {"mask": clouded["mask"], "model": shop.path("rgb.safetensors"), "device": "cpu"}
    heard = shop.remove(clouded["optical"], method="generator", **options)
    shop.remove(clouded["optical"], "around.tif", mask=clouded["mask"], method="inpaint")
    numbers = shop.read(clouded["optical"])
    three = shop.raster("three.tif", numbers[:3], crs=CUSTOM, descriptions=("B2", "B3", "B4"))
    shop.remove(three, "three_clear.tif", method="generator", **options)

    assert "does not know B8" in heard.logs("warning")
    result = shop.read("clear.tif")
    np.testing.assert_array_equal(result[3], shop.read("around.tif")[3])
    np.testing.assert_array_equal(result[:3], shop.read("three_clear.tif"))


def test_a_file_without_nodata_gets_none(shop: Any, clouded: dict[str, Any]) -> None:
    shop.remove(clouded["optical"], mask=clouded["mask"])

    with rasterio.open(shop.path("clear.tif")) as dataset:
        assert dataset.nodata is None


def test_four_bands_of_8_bit_stay_four_bands(shop: Any) -> None:
    values = (shop.land(4, 60, 60) * 255).astype(np.uint8)
    cloud = shop.disc(60, 60, 30, 30, 9)
    image = shop.raster("o.tif", values, descriptions=["B2", "B3", "B4", "B8"])
    shop.remove(image, mask=shop.mask("m.tif", cloud))
    shop.remove(shop.path("clear.tif"), "again.tif", mask=shop.path("m.tif"))

    for name in ("clear.tif", "again.tif"):
        np.testing.assert_array_equal(shop.read(name)[:, ~cloud], values[:, ~cloud])
        with rasterio.open(shop.path(name)) as dataset:
            assert rasterio.enums.ColorInterp.alpha not in dataset.colorinterp


def test_an_image_without_cloud_is_copied_and_it_is_said(shop: Any) -> None:
    values = shop.numbers(4, 60, 60)
    heard = shop.remove(shop.raster("o.tif", values), mask=shop.mask("m.tif", np.zeros((60, 60))))

    np.testing.assert_array_equal(shop.read("clear.tif"), values)
    assert heard.last.cloud_fraction == 0
    assert "the output is a copy" in heard.logs("warning")


def test_the_whole_image_on_request(shop: Any, clouded: dict[str, Any]) -> None:
    heard = shop.remove(clouded["optical"], mask="all", cloud_threshold=0.4)

    assert isinstance(heard.last, Done)
    assert "does not apply" in heard.logs("warning")
    changed = (shop.read("clear.tif") != shop.read(clouded["optical"])).any(axis=0)
    assert changed[~clouded["cloud"]].mean() > 0.95


def test_an_area_gives_a_file_of_that_area(shop: Any, clouded: dict[str, Any]) -> None:
    west, north = 600_000, 5_100_000
    box = [west + 2_000, north - 4_000, west + 4_500, north - 1_500]
    shop.remove(clouded["optical"], "whole.tif", mask=clouded["mask"])
    shop.remove(clouded["optical"], "part.tif", mask=clouded["mask"], bbox=box)

    with rasterio.open(shop.path("part.tif")) as dataset:
        assert list(dataset.bounds) == box
    cloud = clouded["cloud"][150:400, 200:450]
    part, whole = shop.read("part.tif"), shop.read("whole.tif")[:, 150:400, 200:450]
    np.testing.assert_array_equal(part[:, ~cloud], whole[:, ~cloud])


def test_an_offset_is_applied_and_undone(shop: Any) -> None:
    truth = shop.numbers(4, 80, 80)
    cloud = shop.disc(80, 80, 40, 40, 15)
    mask = shop.mask("m.tif", cloud)
    shop.remove(shop.raster("a.tif", truth), "without.tif", mask=mask)
    shop.remove(shop.raster("b.tif", truth + np.uint16(1000)), "with.tif", mask=mask, offset=-1000.0)

    np.testing.assert_allclose(shop.read("with.tif").astype(int) - 1000, shop.read("without.tif"), atol=1)


def test_progress_rises_to_the_end_and_the_estimate_comes_once(shop: Any, clouded: dict[str, Any]) -> None:
    events = shop.remove(clouded["optical"], mask=clouded["mask"]).events
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    estimates = [event for event in events if isinstance(event, Estimate)]

    assert fractions == sorted(fractions)
    assert fractions[0] > 0
    assert 0.9 < fractions[-1] <= 1
    assert len(estimates) == 1
    assert estimates[0].cloud_fraction == pytest.approx(clouded["cloud"].mean(), abs=1e-6)


@pytest.mark.parametrize("after", [1, 2, 3, 4, 5])
def test_a_cancelled_job_leaves_nothing(shop: Any, clouded: dict[str, Any], after: int) -> None:
    before = shop.contents()
    heard: list[Any] = []
    job = RemoveClouds("1", clouded["optical"], shop.path("clear.tif"), mask=clouded["mask"], method="inpaint")
    reporter = Reporter("1", heard.append, lambda: sum(isinstance(e, Progress) for e in heard) >= after)

    with pytest.raises(Cancelled):
        run(job, reporter)

    assert shop.contents() == before


def test_a_product_folder_is_read_whole_and_never_written(shop: Any) -> None:
    cloud = shop.disc(60, 60, 20, 20, 8)
    for band, resolution_m in (("B02", 10), ("B03", 10), ("B04", 10), ("B11", 20)):
        size = 600 // resolution_m
        shop.raster(f"bands/x_{band}_{resolution_m}m.tif", shop.numbers(1, size, size), step=resolution_m)
    heard = shop.remove(shop.path("bands"), mask=shop.mask("m.tif", cloud))

    assert isinstance(heard.last, Done)
    fine = shop.read("bands/x_B11_20m.tif").repeat(2, 1).repeat(2, 2)
    np.testing.assert_array_equal(shop.read("clear.tif")[3][~cloud], fine[0][~cloud])
    refused = shop.remove(shop.path("bands"), "bands/x_B02_10m.tif", mask=shop.path("m.tif"), overwrite=True)
    assert refused.last.code == "output"


def test_a_result_that_another_run_finishes_while_images_are_opened_is_kept(shop: Any) -> None:
    optical = shop.raster("o.tif", shop.numbers(4, 60, 60))

    class Overtaken(Here):
        def open_generator(self, job: RemoveClouds, scene: Any) -> None:
            shop.remove(optical, grow_px=3)

    job = RemoveClouds("2", optical, shop.path("clear.tif"), method="inpaint")
    with pytest.raises(OutputError, match="exists"):
        remove(job, Reporter("2", lambda _: None), Overtaken())
    with rasterio.open(shop.path("clear.tif")) as dataset:
        assert json.loads(dataset.tags()["UNCLOUDED_PARAMETERS"])["grow_px"] == 3
