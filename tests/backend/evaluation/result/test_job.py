"""One result against a reference: figures that others would find too, and a clear word where there are none."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.warp import reproject

from unclouded.backend import jobs, metrics
from unclouded.backend.errors import Cancelled
from unclouded.backend.evaluation.result import images as result_images
from unclouded.backend.evaluation.result.measures import VIEW_PX
from unclouded.backend.evaluation_jobs import EvaluateResult
from unclouded.backend.protocol import Done, Failed, Progress
from unclouded.backend.reporting import Reporter

BANDS = ("B2", "B3", "B4", "B8")
HEIGHT, WIDTH = 60, 50


@pytest.fixture
def made(shop: Any) -> dict[str, Any]:
    """A reference, a cloudy image, its result, the mask and an uncertainty of 60 x 50 px."""
    truth = shop.numbers(4, HEIGHT, WIDTH)
    cloud = shop.disc(HEIGHT, WIDTH, 25, 20, 12)
    noise = np.random.default_rng(0).normal(0, 150, truth.shape)
    result = np.where(cloud, np.clip(truth + noise, 1, None), truth).astype(np.uint16)
    unsure = np.where(cloud, 150, 0).astype(np.uint16)[None].repeat(4, axis=0)
    return {
        "cloud": cloud,
        "truth": truth / 10000,
        "image": result / 10000,
        "result": shop.raster("result.tif", result, descriptions=BANDS, nodata=0),
        "reference": shop.raster("truth.tif", truth, descriptions=BANDS, nodata=0),
        "cloudy": shop.raster("cloudy.tif", np.where(cloud, 8000, truth).astype(np.uint16), descriptions=BANDS),
        "mask": shop.mask("mask.tif", cloud),
        "uncertainty": shop.raster(
            "unsure.tif",
            unsure,
            descriptions=[f"{band} standard error" for band in BANDS],
            scales=[1e-4] * 4,
            nodata=65535,
        ),
    }


def evaluate(shop: Any, made: dict[str, Any], *given: str, **options: Any) -> Any:
    """Runs the job with those of the optional files that are named."""
    files = {name: made[name] for name in ("result", "reference", *given)}
    return shop.run(EvaluateResult("1", **({"output": shop.path("out.html")} | files | options)))


def figures(shop: Any) -> dict[str, dict[str, dict[str, float]]]:
    """By table, row and column."""
    content = json.loads(Path(shop.path("out.json")).read_text())
    return {
        key: {
            row["label"]: {column: cell["mean"] for column, cell in row["cells"].items() if isinstance(cell, dict)}
            for row in table["rows"]
        }
        for key, table in content["tables"].items()
    }


def done(heard: Any) -> Done:
    assert isinstance(heard.last, Done), heard.last
    return heard.last


@pytest.mark.parametrize("tile_px", [16, 512])
def test_figures_are_those_of_the_whole_images(
    shop: Any, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tile_px: int
) -> None:
    monkeypatch.setattr(result_images, "TILE_PX", tile_px)
    done(evaluate(shop, made, "mask", "cloudy"))
    found, cloud = figures(shop), made["cloud"]
    image, truth = made["image"].astype(np.float32), made["truth"].astype(np.float32)

    for part, mask in (("target", None), ("reconstruction", cloud)):
        row = found[part]["result"]
        assert row["mae"] == pytest.approx(metrics.mae(image, truth, mask), rel=1e-4)
        assert row["rmse"] == pytest.approx(metrics.rmse(image, truth, mask), rel=1e-4)
        assert row["psnr"] == pytest.approx(metrics.psnr(image, truth, mask), rel=1e-4)
        assert row["ssim"] == pytest.approx(metrics.ssim(image, truth, mask), rel=1e-4)
        assert row["sam"] == pytest.approx(metrics.sam(image, truth, mask), rel=1e-4)
        assert row["ndvi"] == pytest.approx(metrics.ndvi_error(image, truth, BANDS, mask), rel=1e-4)
    assert found["reconstruction"]["result"]["pixels"] == cloud.sum()
    assert [found["bands"]["result"][band] for band in BANDS] == pytest.approx(
        metrics.rmse_of_bands(image, truth, cloud), rel=1e-4
    )


def test_trivial_rows_stand_beside_the_result(shop: Any, made: dict[str, Any]) -> None:
    heard = evaluate(shop, made, "mask", "cloudy")
    found, cloud, truth = figures(shop), made["cloud"], made["truth"]
    fill = made["image"][:, ~cloud].mean(axis=1)

    done(heard)
    assert list(found["reconstruction"]) == ["identity", "clear mean", "result"]
    assert found["reconstruction"]["identity"]["mae"] == pytest.approx(np.abs(0.8 - truth[:, cloud]).mean(), rel=1e-4)
    expected = np.abs(fill[:, None] - truth[:, cloud]).mean()
    assert found["reconstruction"]["clear mean"]["mae"] == pytest.approx(expected, rel=1e-4)
    assert {row["mae"] for row in found["reproduction"].values()} == {0}
    assert {row["ssim"] for row in found["reproduction"].values()} == {1}
    assert "clear pixels of the cloudy image and the reference differ by 0.0000" in heard.logs("info")
    assert "Reconstruction: pixels under the mask" in heard.logs("info")


def test_a_result_that_changes_clear_pixels_is_told_so(shop: Any, made: dict[str, Any]) -> None:
    numbers = shop.read("result.tif")
    numbers[:, ~made["cloud"]] += 100
    made["result"] = shop.raster("changed.tif", numbers, descriptions=BANDS)
    done(evaluate(shop, made, "mask", "cloudy"))

    found, cloud, truth = figures(shop), made["cloud"], made["truth"]
    fill = made["image"][:, ~cloud].mean(axis=1)
    expected = np.abs(fill[:, None] - truth[:, cloud]).mean()
    assert found["reproduction"]["result"]["mae"] == pytest.approx(0.01, rel=1e-3)
    assert found["reproduction"]["clear mean"]["mae"] == 0
    assert found["reconstruction"]["clear mean"]["mae"] == pytest.approx(expected, rel=1e-4)


def test_without_a_mask_all_pixels_count(shop: Any, made: dict[str, Any]) -> None:
    heard = evaluate(shop, made, "cloudy")
    found = figures(shop)

    done(heard)
    assert set(found) == {"target", "reconstruction", "bands"}
    assert found["target"] == found["reconstruction"]
    assert found["target"]["result"]["pixels"] == HEIGHT * WIDTH
    assert "floor of the error is unknown" in heard.logs("info")


def test_the_uncertainty_is_held_against_the_errors(shop: Any, made: dict[str, Any]) -> None:
    for given in (("mask", "uncertainty"), ("uncertainty",)):
        done(evaluate(shop, made, *given, overwrite=True))
        row = figures(shop)["uncertainty"]["result"]
        assert row["uncertainty"] == pytest.approx(0.015, rel=1e-3)
        assert row["rmse"] == pytest.approx(0.015, rel=0.1)
        assert row["within_50"] == pytest.approx(0.5, abs=0.05)
        assert row["within_95"] == pytest.approx(0.95, abs=0.03)


def test_an_uncertainty_that_is_zero_everywhere_is_no_figure(shop: Any, made: dict[str, Any]) -> None:
    made["uncertainty"] = shop.raster("zero.tif", np.zeros((4, HEIGHT, WIDTH), np.float32), descriptions=BANDS)
    done(evaluate(shop, made, "uncertainty"))

    assert "No pixel that was compared has an uncertainty" in Path(shop.path("out.html")).read_text()


def test_the_error_is_a_raster_of_its_own(shop: Any, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_images, "TILE_PX", 16)
    numbers = shop.read("result.tif")
    numbers[:, :4, :6] = 0
    made["result"] = shop.raster("gap.tif", numbers, descriptions=BANDS, nodata=0)
    last = done(evaluate(shop, made, "mask", error_output=shop.path("error.tif")))

    assert last.error_output == shop.path("error.tif")
    with rasterio.open(shop.path("error.tif")) as error, rasterio.open(made["result"]) as result:
        assert error.dtypes == ("float32",) * 4
        assert error.descriptions == BANDS
        assert np.isnan(error.nodata)
        assert (error.transform, error.crs) == (result.transform, result.crs)
        values = error.read()
    assert np.isnan(values[:, :4, :6]).all()
    expected = made["image"] - made["truth"]
    expected[:, :4, :6] = np.nan
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_bands_are_matched_by_name(shop: Any, made: dict[str, Any]) -> None:
    done(evaluate(shop, made, "mask"))
    before = figures(shop)
    order = [3, 1, 2]
    reference = shop.read("truth.tif")[order]
    made["reference"] = shop.raster("fewer.tif", reference, descriptions=[BANDS[i] for i in order])
    heard = evaluate(shop, made, "mask", overwrite=True)
    after = figures(shop)

    done(heard)
    assert "bands that all images have: B3, B4, B8" in heard.logs("info")
    assert set(after["bands"]["result"]) == {"B3", "B4", "B8"}
    for band in ("B3", "B4", "B8"):
        assert after["bands"]["result"][band] == before["bands"]["result"][band]


def test_a_reference_of_another_grid_is_warped(shop: Any, made: dict[str, Any]) -> None:
    truth = made["truth"].astype(np.float32)
    with rasterio.open(made["reference"]) as source:
        finer = Affine(5, 0, source.transform.c, 0, -5, source.transform.f)
        values = np.zeros((4, 2 * HEIGHT, 2 * WIDTH), np.float32)
        reproject(
            truth,
            values,
            src_transform=source.transform,
            src_crs=source.crs,
            dst_transform=finer,
            dst_crs=source.crs,
            resampling=Resampling.nearest,
        )
    made["reference"] = shop.raster("finer.tif", values, transform=finer, descriptions=BANDS)
    done(evaluate(shop, made, "mask"))
    cloud = made["cloud"]

    expected = metrics.mae(made["image"].astype(np.float32), truth, cloud)
    assert figures(shop)["reconstruction"]["result"]["mae"] == pytest.approx(expected, rel=0.05)


def test_a_mask_of_another_grid_is_warped(shop: Any, made: dict[str, Any]) -> None:
    coarse = made["cloud"][::2, ::2]
    made["mask"] = shop.mask("coarse.tif", coarse, step=20.0)
    done(evaluate(shop, made, "mask"))

    assert figures(shop)["reconstruction"]["result"]["pixels"] == 4 * coarse.sum()


def test_a_mask_of_a_part_counts_as_clear_beyond(shop: Any, made: dict[str, Any]) -> None:
    made["mask"] = shop.mask("part.tif", made["cloud"][:30])
    heard = evaluate(shop, made, "mask")

    done(heard)
    assert "covers a part of the result" in heard.logs("warning")
    assert figures(shop)["reconstruction"]["result"]["pixels"] == made["cloud"][:30].sum()


def test_equal_images_have_no_error(shop: Any, made: dict[str, Any]) -> None:
    made["reference"] = shop.raster("same.tif", shop.read("result.tif"), descriptions=BANDS)
    done(evaluate(shop, made))
    row = figures(shop)["target"]["result"]

    assert row["mae"] == 0
    assert row["psnr"] == "inf"
    assert row["ssim"] == 1


def test_constant_images_have_figures(shop: Any, made: dict[str, Any]) -> None:
    for name, value in (("result", 2000), ("reference", 3000)):
        numbers = np.full((4, HEIGHT, WIDTH), value, np.uint16)
        made[name] = shop.raster(f"constant_{name}.tif", numbers, descriptions=BANDS)
    done(evaluate(shop, made, "uncertainty"))
    row = figures(shop)["target"]["result"]

    assert row["psnr"] == pytest.approx(20, rel=1e-4)
    assert 0.9 < row["ssim"] < 1
    assert figures(shop)["uncertainty"]["result"]["rank"] is None


def test_everything_under_the_mask_leaves_nothing_clear(shop: Any, made: dict[str, Any]) -> None:
    made["mask"] = shop.mask("all.tif", np.ones((HEIGHT, WIDTH), bool))
    heard = evaluate(shop, made, "mask", "cloudy")

    done(heard)
    assert set(figures(shop)["reconstruction"]) == {"identity", "result"}
    assert "floor of the error is unknown" in heard.logs("info")


def test_images_larger_than_what_is_shown_are_thinned(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_images, "TILE_PX", 101)
    numbers = shop.numbers(1, 7, VIEW_PX + 137)
    made = {name: shop.raster(f"{name}.tif", numbers, descriptions=["B8"]) for name in ("result", "reference")}
    done(evaluate(shop, made))

    assert figures(shop)["target"]["result"]["ssim"] is None


def other_reference(shop: Any, what: str) -> str:
    """Gives a reference that cannot serve."""
    truth = shop.read("truth.tif")
    hole = np.where(shop.read("mask.tif") > 0, 0, truth).astype(np.uint16)
    nothing = np.full(truth.shape, np.nan, np.float32)
    makers = {
        "elsewhere": lambda: shop.raster("far.tif", truth, descriptions=BANDS, west=700_000.0),
        "other bands": lambda: shop.raster("swir.tif", truth[:2], descriptions=["B11", "B12"]),
        "NaN": lambda: shop.raster("nan.tif", nothing, descriptions=BANDS),
        "nodata": lambda: shop.raster("nothing.tif", np.zeros_like(truth), descriptions=BANDS, nodata=0),
        "cloudy too": lambda: shop.raster("hole.tif", hole, descriptions=BANDS, nodata=0),
        "another size": lambda: shop.raster("bare.tif", truth[:, :40], descriptions=BANDS, crs=None),
        "missing": lambda: shop.path("missing.tif"),
    }
    return makers[what]()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("elsewhere", "no-overlap", "reference .*far.tif covers"),
        ("other bands", "input", r"no band in common \(result: B2, B3, B4, B8; reference: B11, B12"),
        ("NaN", "no-data", "nan.tif holds no measured pixel"),
        ("nodata", "input", "No pixel is measured in both"),
        ("cloudy too", "input", "Under the mask .*no pixel is measured in all images"),
        ("another size", "input", "bare.tif is 50 x 40 px"),
        ("missing", "unreadable", "missing.tif cannot be read"),
    ],
)
def test_a_reference_that_cannot_serve_is_named(
    shop: Any, made: dict[str, Any], what: str, code: str, words: str
) -> None:
    made["reference"] = other_reference(shop, what)
    assert_refused(shop, made, code, words)


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("empty mask", "input", "none.tif holds no cloud or shadow"),
        ("mask elsewhere", "no-overlap", "mask .*far_mask.tif covers"),
        ("uncertainty of one band", "input", "one.tif has the bands B8 and lacks B2, B3, B4"),
        ("uncertainty below 0", "input", "uncertainty of -1"),
    ],
)
def test_a_layer_that_cannot_serve_is_named(shop: Any, made: dict[str, Any], what: str, code: str, words: str) -> None:
    below = np.full((4, HEIGHT, WIDTH), -1, np.float32)
    layer, make = {
        "empty mask": ("mask", lambda: shop.mask("none.tif", np.zeros((HEIGHT, WIDTH), bool))),
        "mask elsewhere": ("mask", lambda: shop.mask("far_mask.tif", made["cloud"], west=700_000.0)),
        "uncertainty of one band": ("uncertainty", lambda: shop.raster("one.tif", below[:1], descriptions=["B8"])),
        "uncertainty below 0": ("uncertainty", lambda: shop.raster("below.tif", below, descriptions=BANDS)),
    }[what]
    made[layer] = make()
    assert_refused(shop, made, code, words)


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("error_output", "result.tif", "also an input"),
        ("error_output", "error.png", "no GeoTIFF by its name"),
        ("output", "out.pdf", "no HTML file by its name"),
        ("output", "missing/out.html", "missing does not exist"),
    ],
)
def test_an_output_that_cannot_be_written_is_named(
    shop: Any, made: dict[str, Any], option: str, name: str, words: str
) -> None:
    assert_refused(shop, made, "output", words, **{option: shop.path(name), "overwrite": True})


def assert_refused(shop: Any, made: dict[str, Any], code: str, words: str, **options: Any) -> None:
    before = shop.contents()
    heard = evaluate(shop, made, "mask", "uncertainty", **options)

    assert isinstance(heard.last, Failed)
    assert heard.last.code == code
    assert re.search(words, heard.last.message)
    assert heard.last.hint
    assert shop.contents() == before


def test_a_cancelled_comparison_leaves_nothing(shop: Any, made: dict[str, Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(result_images, "TILE_PX", 16)
    before, heard = shop.contents(), []
    reporter = Reporter("1", heard.append, lambda: sum(isinstance(event, Progress) for event in heard) > 20)
    files = {name: made[name] for name in ("result", "reference", "mask")}

    with pytest.raises(Cancelled):
        jobs.run(EvaluateResult("1", output=shop.path("out.html"), error_output=shop.path("e.tif"), **files), reporter)
    assert shop.contents() == before


def test_progress_grows(shop: Any, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_images, "TILE_PX", 16)
    heard = evaluate(shop, made, "mask")
    shares = [event.fraction for event in heard.events if isinstance(event, Progress)]

    assert shares == sorted(shares)
    assert 0.9 < shares[-1] <= 1


def test_the_command_makes_the_report_that_it_names(shop: Any, made: dict[str, Any]) -> None:
    ran = shop.command(
        "evaluate-result",
        "result.tif",
        "truth.tif",
        "--mask",
        "mask.tif",
        "--cloudy",
        "cloudy.tif",
        "--report",
        "a b.html",
    )

    assert ran.returncode == 0, ran.stderr
    content = json.loads(Path(shop.path("a b.json")).read_text())
    assert content["command"].endswith(
        "evaluate-result result.tif truth.tif --mask mask.tif --cloudy cloudy.tif --report 'a b.html'"
    )
