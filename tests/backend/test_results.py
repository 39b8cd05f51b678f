"""Reconstructed pixels replace clouded ones and nothing else; files say what they hold."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unclouded.backend.observation import Reconstruction
from unclouded.backend.outputs import Outputs
from unclouded.backend.protocol import RemoveClouds
from unclouded.backend.results import UNCERTAINTY_SCALE, Result, ResultWriter, composite, disk_bytes, image_layout
from unclouded.backend.scene import open_optical, open_scene
from unclouded.backend.sensors import Scaling
from unclouded.backend.tile_reader import Part, Tile
from unclouded.backend.tiling import Window

from .observations import stored


@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "float32", "float64"]),
    data=st.data(),
    share=hnp.arrays(np.float32, (5, 6), elements=st.sampled_from([0, 0, 0.25, 0.75, 1])),
    nodata=st.sampled_from([None, 0.0, 7.0]),
)
def test_what_is_not_replaced_keeps_its_bits(
    dtype: str, data: st.DataObject, share: np.ndarray, nodata: float | None
) -> None:
    numbers = data.draw(hnp.arrays(dtype, (2, 5, 6)))
    floating = dtype.startswith("float")
    numbers = np.where(share > 0, np.asarray(9, dtype), numbers)  # a clouded pixel is measured, so it is finite
    reflectance = np.full((2, 5, 6), 0.0007, np.float32)

    with np.errstate(all="ignore"):
        made = composite(numbers, share, reflectance, Scaling.uniform(2, 1e-4), nodata)

    assert made.dtype == dtype
    kept = np.broadcast_to(share == 0, made.shape)
    assert made[kept].tobytes() == numbers[kept].tobytes()
    if nodata is not None and not floating:
        assert not (made[~kept] == nodata).any()


def test_on_the_rim_measurement_and_reconstruction_blend() -> None:
    share = np.array([[0, 0.25, 0.5, 1]], np.float32)
    numbers = np.full((1, 1, 4), 9000, np.uint16)

    made = composite(numbers, share, np.full((1, 1, 4), 0.1, np.float32), Scaling.uniform(1, 1e-4), None)

    np.testing.assert_array_equal(made[0, 0], [9000, 7000, 5000, 1000])


def test_a_measurement_that_is_replaced_whole_does_not_shine_through() -> None:
    numbers = np.full((1, 1, 2), np.nan, np.float32)
    share = np.array([[1, 0]], np.float32)

    made = composite(numbers, share, np.full((1, 1, 2), 0.1, np.float32), Scaling.uniform(1, 1.0), None)

    assert made[0, 0, 0] == np.float32(0.1)
    assert np.isnan(made[0, 0, 1])


def quiet(level: str, text: str) -> None:
    pass


def test_unknown_uncertainty_is_nodata_and_no_number(shop: Any) -> None:
    numbers = np.full((2, 4, 5), 9000, np.uint16)
    replaced = np.zeros((4, 5), np.float32)
    replaced[1:3, 1:4] = 1
    errors = np.full((2, 4, 5), np.nan, np.float32)
    errors[0] = 0.0123
    errors[0, 1, 1], errors[0, 1, 2] = np.nan, 99
    path = shop.raster("o.tif", numbers, descriptions=["B2", "B3"])
    scene = open_scene(open_optical(path, None, "L2A", None, quiet), None, [], None, quiet)
    job = RemoveClouds("1", path, shop.path("clear.tif"), uncertainty_output=shop.path("error.tif"))
    outputs = Outputs([job.output, job.uncertainty_output], [path], False)
    with outputs, contextlib.ExitStack() as stack:
        writer = ResultWriter(stack, job, scene, {}, outputs)
        part = Part((slice(None), slice(None)), stored(("B2", "B3"), 4, 5), (slice(None), slice(None)))
        clear = np.zeros((4, 5), np.uint8)
        tile = Tile(Window(0, 0, 4, 5), numbers, clear, replaced, (part,))
        made = Result(tile, [Reconstruction(np.full((2, 4, 5), 0.1, np.float32), errors)])
        writer.write(made.render(scene.optical, with_uncertainty=True))
        writer.finish()
        stack.close()
        outputs.commit()

    with rasterio.open(shop.path("error.tif")) as dataset:
        found = dataset.read(masked=True) * dataset.scales[0]
    assert found.mask[1].sum() == 6
    np.testing.assert_array_equal(found.mask[:, replaced == 0], False)
    np.testing.assert_array_equal(found.filled(-1)[:, replaced == 0], 0)
    np.testing.assert_allclose(found.filled(-1)[0, 1:3, 1:4], [[-1, 6.5534, 0.0123], [0.0123] * 3], rtol=1e-6)


def test_the_layout_is_that_of_the_input(shop: Any) -> None:
    path = shop.raster(
        "o.tif",
        shop.numbers(3, 20, 20),
        nodata=7,
        descriptions=["Blue (B2)", "B03", "red"],
        scales=[1e-4] * 3,
        offsets=[-0.1, 0, 0.1],
        tags={"SENSOR": "MSI"},
    )
    layout = image_layout(open_optical(path, None, None, None, quiet), {"MADE_BY": "a test"})

    assert (layout.count, layout.dtype, layout.nodata) == (3, np.uint16, 7)
    assert list(layout.descriptions) == ["Blue (B2)", "B03", "red"]
    assert list(layout.scales) == [1e-4] * 3
    assert list(layout.offsets) == [-0.1, 0, 0.1]
    assert {"SENSOR": "MSI", "MADE_BY": "a test"}.items() <= layout.tags.items()


def test_bands_without_names_get_those_they_were_taken_for(shop: Any) -> None:
    path = shop.raster("o.tif", shop.numbers(4, 20, 20))

    assert list(image_layout(open_optical(path, None, None, None, quiet), {}).descriptions) == ["B2", "B3", "B4", "B8"]


@pytest.mark.parametrize("noise", [False, True])
def test_disk_space_is_not_underestimated(shop: Any, noise: bool) -> None:
    values = shop.numbers(4, 700, 700)
    if noise:
        values = np.random.default_rng(0).integers(1, 65535, values.shape).astype(np.uint16)
    path = shop.raster("o.tif", values)
    cloud = shop.disc(700, 700, 300, 300, 100)
    scene = open_scene(open_optical(path, None, None, None, quiet), None, [], None, quiet)
    job = RemoveClouds("1", path, "a.tif", mask_output="b.tif", uncertainty_output="c.tif")

    shop.remove(
        path,
        "a.tif",
        mask=shop.mask("m.tif", cloud),
        mask_output=shop.path("b.tif"),
        uncertainty_output=shop.path("c.tif"),
    )

    # Noise does not compress; files have headers of some KB.
    assert sum((shop.folder / f"{name}.tif").stat().st_size for name in "abc") <= disk_bytes(scene, job) + 20_000


def test_mask_and_uncertainty_say_what_they_hold(shop: Any) -> None:
    values = shop.numbers(4, 90, 90)
    values[:, :5] = 0
    cloud = shop.disc(90, 90, 50, 40, 20)
    truth = values.astype(float) / 10_000
    path = shop.raster("o.tif", np.where(cloud, 8000, values).astype(np.uint16))
    shop.remove(
        path,
        mask=shop.mask("m.tif", cloud),
        mask_output=shop.path("mask.tif"),
        uncertainty_output=shop.path("error.tif"),
    )

    with rasterio.open(shop.path("mask.tif")) as dataset:
        mask = dataset.read(1)
        assert (dataset.count, dataset.nodata) == (1, 255)
        assert "1 cloud" in dataset.tags()["MEANING"]
        assert "UNCLOUDED_VERSION" in dataset.tags()
    with rasterio.open(shop.path("error.tif")) as dataset:
        error = dataset.read()
        assert dataset.descriptions == (
            "B2 standard error",
            "B3 standard error",
            "B4 standard error",
            "B8 standard error",
        )
        assert set(dataset.scales) == {UNCERTAINTY_SCALE}
        assert dataset.nodata == 65535
        assert "standard error" in dataset.tags()["MEANING"]
    np.testing.assert_array_equal(mask[5:], cloud[5:])
    assert (mask[:5] == 255).all()
    assert (error[:, :5] == 65535).all()
    assert (error[:, 5:][:, ~cloud[5:]] == 0).all()
    assert (error[:, cloud] > 0).all()
    off = np.abs(shop.read("clear.tif") / 10_000 - truth)[:, cloud]
    assert 0.3 < (off < error[:, cloud] * UNCERTAINTY_SCALE).mean() <= 1
