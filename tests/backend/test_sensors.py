"""Band names, digital numbers and backscatter mean what the products say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unclouded.backend import sensors
from unclouded.backend.errors import InputError, UncalibratedSar, UnknownBands
from unclouded.backend.sensors import NAMES, SENTINEL2, Scaling, band_name, find_scaling, name_bands, sar_bands


def test_the_table_of_bands_agrees_with_itself() -> None:
    wavelengths = [band.wavelength_nm for band in SENTINEL2]

    assert len(set(NAMES)) == 13
    assert wavelengths == sorted(wavelengths)
    assert {band.resolution_m for band in SENTINEL2} == {10, 20, 60}
    for count, names in sensors.BY_COUNT.items():
        assert len(names) == len(set(names)) == count
        assert set(names) <= set(NAMES)


@pytest.mark.parametrize(
    ("description", "name"),
    [
        ("B2", "B2"),
        ("B02", "B2"),
        ("b8a", "B8A"),
        ("B08A", "B8A"),
        ("Band 12", "B12"),
        ("band_4", "B4"),
        ("B4, central wavelength 665 nm", "B4"),
        ("S2A_B11", "B11"),
        ("blue", "B2"),
        ("NIR", "B8"),
        ("Red ", "B4"),
        ("swir16", "B11"),
        ("842 nm", "B8"),
        ("490.5nm", "B2"),
        ("B13", None),
        ("", None),
        ("cloud", None),
        ("300 nm", None),
        ("B2B", None),
        ("Band 1 of 4 (grey)", "B1"),
    ],
)
def test_descriptions_name_bands(description: str, name: str | None) -> None:
    assert band_name(description) == name


@pytest.mark.parametrize("band", SENTINEL2, ids=NAMES)
def test_each_band_is_known_by_all_its_names(band: sensors.Band) -> None:
    number = band.name[1:]
    padded = f"B{number.zfill(3 if number.endswith('A') else 2)}"

    for text in (band.name, padded, band.name.lower(), band.colour, f"{band.wavelength_nm} nm"):
        assert band_name(text) == band.name


@pytest.mark.parametrize("count", sensors.BY_COUNT)
def test_unnamed_stacks_are_told_by_their_number_and_it_is_said(count: int) -> None:
    names, source = name_bands("a.tif", [None] * count, None)

    assert names == sensors.BY_COUNT[count]
    assert all(name in source for name in names)


def test_the_user_has_the_last_word_on_names() -> None:
    assert name_bands("a.tif", ["B2", "B3"], ["B08", "red"])[0] == ("B8", "B4")


@pytest.mark.parametrize(
    ("descriptions", "asked"),
    [
        ([None] * 5, None),
        ([None, "B2", None, None], None),
        (["B2", "B2"], None),
        (["B2", "B3"], ["B2"]),
        (["B2", "B3"], ["B2", "B2"]),
        (["B2"], ["purple"]),
    ],
)
def test_bands_without_a_name_of_their_own_are_refused(descriptions: list[str | None], asked: list[str] | None) -> None:
    with pytest.raises(UnknownBands, match=rf"The {len(descriptions)} band\(s\) of a\.tif") as error:
        name_bands("a.tif", descriptions, asked)

    assert "Name them" in error.value.hint
    assert "B8A" in error.value.hint


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
@pytest.mark.parametrize(("scale", "shift"), [(1e-4, 0.0), (1e-4, -0.1), (1 / 255, 0.0), (2.75e-5, -0.2)])
def test_whole_numbers_come_back_from_reflectance(dtype: str, scale: float, shift: float) -> None:
    limits = np.iinfo(dtype)
    numbers = np.arange(limits.min, limits.max + 1).astype(dtype)[None, None]
    scaling = Scaling.uniform(1, scale, shift)

    reflectance = scaling.to_reflectance(numbers)

    np.testing.assert_allclose(reflectance, numbers.astype(float) * scale + shift, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(scaling.to_digital_numbers(reflectance, np.dtype(dtype), None), numbers)


@given(
    hnp.arrays(np.float32, (1, 4, 4), elements=st.floats(-1e6, 1e6, width=32)),
    st.sampled_from(["uint8", "uint16", "int16", "int32", "uint32", "float32", "float64"]),
    st.sampled_from([None, 0.0, 255.0, -9999.0, 65535.0]),
)
def test_no_reconstructed_pixel_is_nodata_or_wraps_round(
    reflectance: np.ndarray, dtype: str, nodata: float | None
) -> None:
    if nodata is not None and dtype.startswith(("u", "i")):
        limits = np.iinfo(dtype)
        nodata = nodata if limits.min <= nodata <= limits.max else None
    scaling = Scaling.uniform(1, 1e-4)

    numbers = scaling.to_digital_numbers(reflectance, np.dtype(dtype), nodata)

    assert numbers.dtype == dtype
    assert nodata is None or not (numbers == nodata).any()
    wide = numbers.astype(np.float64)
    expected = reflectance / 1e-4
    if dtype.startswith(("u", "i")):
        expected = np.clip(expected, limits_of(dtype)[0], limits_of(dtype)[1])
    np.testing.assert_allclose(wide, expected, rtol=1e-5, atol=1.51)


def limits_of(dtype: str) -> tuple[int, int]:
    return np.iinfo(dtype).min, np.iinfo(dtype).max


PLAIN = (1.0, 0.0)


@pytest.mark.parametrize(
    ("dtype", "tags", "offset", "typical", "number", "reflectance", "said"),
    [
        ("uint16", PLAIN, None, 0, 3000, 0.3, "no offset"),
        ("uint16", PLAIN, -1000.0, 0, 3000, 0.2, "-1000"),
        ("uint16", PLAIN, 0.0, 0, 3000, 0.3, "(DN +0)"),
        ("uint16", (1e-4, -0.1), None, 0, 3000, 0.2, "from the file's scale and offset"),
        ("uint16", (1e-4, -0.1), 0.0, 0, 3000, 0.3, "(DN +0)"),
        ("int16", PLAIN, None, 0, -20, -0.002, "no offset"),
        ("uint8", PLAIN, None, 0, 51, 0.2, "8 bit"),
        ("float32", PLAIN, None, 0.4, 0.3, 0.3, "taken as reflectance"),
        ("float32", PLAIN, None, 4000, 3000, 0.3, "no offset"),
        ("float64", (1e-4, 0.0), None, 0.4, 3000, 0.3, "from the file's scale and offset"),
    ],
)
def test_how_numbers_become_reflectance_is_found_and_said(
    dtype: str,
    tags: tuple[float, float],
    offset: float | None,
    typical: float,
    number: float,
    reflectance: float,
    said: str,
) -> None:
    scaling, meaning = find_scaling(np.dtype(dtype), [tags] * 2, offset, typical)

    values = scaling.to_reflectance(np.full((2, 1, 1), number, dtype))

    np.testing.assert_allclose(values, reflectance, atol=1e-6)
    assert said in meaning


def test_decibels_pass_and_linear_power_is_converted() -> None:
    decibels = np.array([[[-11.0, np.nan]], [[-18.0, -40.0]]], np.float32)
    linear = 10 ** (decibels / 10)

    np.testing.assert_array_equal(sensors.sar_decibels("a", decibels, -12.0), decibels)
    np.testing.assert_allclose(sensors.sar_decibels("a", linear, 0.06), decibels, rtol=1e-5)


def test_power_of_zero_is_missing_and_not_minus_infinity() -> None:
    values = sensors.sar_decibels("a", np.array([[[0.0, 0.1]], [[-0.1, 0.2]]], np.float32), 0.1)

    np.testing.assert_array_equal(np.isnan(values), [[[True, False]], [[True, False]]])


def test_amplitudes_are_refused_with_their_median() -> None:
    with pytest.raises(UncalibratedSar, match=r"s1\.tif.*its median is 143\.2.*-11 \(VV\)") as error:
        sensors.sar_decibels("s1.tif", np.full((2, 1, 1), 143.2, np.float32), 143.2)

    assert "Calibrate" in error.value.hint


@pytest.mark.parametrize(
    ("descriptions", "found"),
    [
        ([None, None], (0, 1)),
        (["VH", "VV"], (1, 0)),
        (["angle", "Sigma0_VH_db", "Sigma0_VV_db"], (2, 1)),
        (["one", "two", "three"], (0, 1)),
    ],
)
def test_polarisations_are_found(descriptions: list[str | None], found: tuple[int, int]) -> None:
    assert sar_bands("a.tif", descriptions) == found


def test_a_single_polarisation_is_refused() -> None:
    with pytest.raises(InputError, match=r"has 1 band; VV and VH were expected"):
        sar_bands("a.tif", ["VV"])


def test_the_cirrus_band_tells_the_level() -> None:
    assert sensors.level_of(NAMES) == "L1C"
    assert sensors.level_of([name for name in NAMES if name != "B10"]) == "L2A"


def test_backscatter_of_the_clip_ranges_is_plausible() -> None:
    for low, high in (sensors.VV_DB, sensors.VH_DB):
        assert math.isclose(high, 0)
        assert low < -20
