"""What users bring as a mask is understood, or refused with words that help."""

from __future__ import annotations

import numpy as np
import pytest

from unclouded.backend.errors import InputError, UsageError
from unclouded.backend.mask_files import CLEAR, CLOUD, NODATA, SHADOW, from_user, interpret

KINDS = [
    # values, data type, declared nodata, name of the band, kind
    ([0, 1], "uint8", None, "", "binary"),
    ([0, 1], "uint8", 0, "", "binary"),
    ([0, 1], "float32", None, "", "binary"),
    ([0, 0], "uint8", 0, "", "binary"),
    ([1, 1], "uint8", 0, "", "binary"),
    ([0, 1, 255], "uint8", 255, "", "binary"),
    ([0, 1, 2, 255], "uint8", 255, "", "classes"),
    ([0, 1, 2], "uint8", None, "", "classes"),
    ([0, 2], "uint8", None, "", "classes"),
    ([0.0, 0.25, 1.0], "float32", None, "", "probability"),
    ([0.2, 0.3, np.nan], "float32", None, "", "probability"),
    ([0.2, -9999.0], "float64", -9999.0, "", "probability"),
    ([0.0, 0.5, 99.5], "float32", None, "", "percent"),
    ([0, 40, 100], "uint8", None, "", "percent"),
    ([0, 12], "uint8", None, "", "percent"),
    ([0, 3, 5], "uint8", None, "cloud_prob", "percent"),
    ([0, 3, 5], "uint8", None, "MSK_CLDPRB_20m", "percent"),
    ([0, 2, 3, 4, 5, 8, 9, 10, 11], "uint8", 0, "", "scl"),
    ([4, 5], "int16", -32767, "", "scl"),
    ([4.0, 8.0, 11.0], "float32", None, "", "scl"),
]


@pytest.mark.parametrize(("values", "dtype", "nodata", "band", "kind"), KINDS)
def test_kind_is_told_from_the_values(
    values: list[float], dtype: str, nodata: float | None, band: str, kind: str
) -> None:
    found, sentence = interpret("mask.tif", np.array([values], dtype), nodata, band)
    assert found == kind
    assert "0" in sentence


def test_the_name_of_the_file_tells_percentages_from_classes() -> None:
    low = np.array([[0, 5, 7]], np.uint8)
    assert interpret("T31TDG_MSK_CLDPRB_20m.jp2", low, None)[0] == "percent"
    assert interpret("probable/scl.tif", low, None)[0] == "scl"


@pytest.mark.parametrize(
    ("values", "dtype", "shown"),
    [
        ([0, 255], "uint8", "0, 255"),
        ([0, 1, 2, 3], "uint8", "0, 1, 2, 3"),
        ([-0.5, 0.5], "float32", "-0.5, 0.5"),
        ([0, 4000, 10000], "uint16", "0, 4000, 10000"),
        (list(range(500)), "uint16", "0 to 499"),
    ],
)
def test_senseless_values_are_refused_with_what_came(values: list[float], dtype: str, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        interpret("odd.tif", np.array([values], dtype), None)
    assert "odd.tif" in caught.value.message
    assert f"its values are {shown}," in caught.value.message
    assert "0 for clear and 1 for cloud" in caught.value.hint


@pytest.mark.parametrize("values", [np.full((2, 2), np.nan), np.full((2, 2), 255.0), np.empty((0, 0))])
def test_a_mask_without_values_is_refused(values: np.ndarray) -> None:
    with pytest.raises(InputError, match="nothing but nodata"):
        interpret("empty.tif", values, 255)


def test_scene_classes_become_classes() -> None:
    expected = [NODATA, CLEAR, CLEAR, SHADOW, CLEAR, CLEAR, CLEAR, CLEAR, CLOUD, CLOUD, CLOUD, CLEAR, NODATA]
    assert from_user(np.arange(13, dtype=np.uint8)[None], "scl").tolist() == [expected]


@pytest.mark.parametrize(
    ("kind", "values", "threshold", "expected"),
    [
        ("binary", [0, 1, 255, 7], None, [CLEAR, CLOUD, NODATA, NODATA]),
        ("binary", [0, 1], 1.0, [CLEAR, CLOUD]),
        ("classes", [0, 1, 2, 255], None, [CLEAR, CLOUD, SHADOW, NODATA]),
        ("probability", [0.0, 0.4, 0.5, 1.0], None, [CLEAR, CLEAR, CLOUD, CLOUD]),
        ("probability", [0.4, 0.8, np.nan, -1.0, 2.0], 0.7, [CLEAR, CLOUD, NODATA, NODATA, NODATA]),
        ("percent", [0, 40, 41, 100, 255], None, [CLEAR, CLEAR, CLOUD, CLOUD, NODATA]),
        ("percent", [69.5, 70.5, np.nan], 0.7, [CLEAR, CLOUD, NODATA]),
        ("percent", [0, 1], 0.0, [CLEAR, CLOUD]),
    ],
)
def test_values_become_classes(kind: str, values: list[float], threshold: float | None, expected: list[int]) -> None:
    classes = from_user(np.array([values]), kind, threshold)  # type: ignore[arg-type]
    assert classes.dtype == np.uint8
    assert classes.tolist() == [expected]


def test_integers_of_any_width_keep_their_meaning() -> None:
    for dtype in ("uint8", "int16", "uint16", "int32", "float32", "float64"):
        assert from_user(np.array([[0, 41, 100]], dtype), "percent").tolist() == [[CLEAR, CLOUD, CLOUD]]


@pytest.mark.parametrize("threshold", [-0.1, 40.0, float("nan")])
def test_a_threshold_that_is_no_probability_is_refused(threshold: float) -> None:
    with pytest.raises(UsageError, match="probability from 0 to 1"):
        from_user(np.zeros((1, 1)), "probability", threshold)
