"""The words follow the figures, and say nothing of what is not known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.quality import __doc__ as explained
from unclouded.backend.verdict import details, sentence

GOOD = {
    "reconstructed_share": 0.341,
    "seam_ratio": 1.02,
    "rim_step": 0.0041,
    "rim_bias": 0.001,
    "sharpness_ratio": 0.93,
    "mean_uncertainty": 0.0213,
}
FIGURES = st.dictionaries(st.sampled_from(list(GOOD)), st.floats(0, 10))


def test_a_good_result_in_one_line() -> None:
    assert sentence(GOOD) == (
        "34 % reconstructed, as bright as its surroundings (step at the rim 0.004), as sharp as the clear ground "
        "near by, expected error ±0.021."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rim_step": 0.0}, "as bright as its surroundings (step at the rim below 0.001)"),
        ({"rim_step": 0.015}, "nearly as bright as its surroundings (step at the rim 0.015)"),
        ({"rim_step": 0.03}, "stands out from its surroundings"),
        ({"rim_step": 0.03, "rim_bias": 0.02}, "brighter than its surroundings"),
        ({"rim_step": 0.03, "rim_bias": -0.02}, "darker than its surroundings"),
        ({"sharpness_ratio": 0.5}, "smoother than the clear ground"),
        ({"sharpness_ratio": 0.1}, "much smoother than the clear ground"),
        ({"sharpness_ratio": 2.0}, "rougher than the clear ground"),
        ({"seam_ratio": 1.31}, "borders of tiles may show (ratio 1.31)"),
        ({"reconstructed_share": 0.004}, "less than 1 % reconstructed"),
        ({"reconstructed_share": 0.9997}, "more than 99 % reconstructed"),
        ({"reconstructed_share": 1.0}, "100 % reconstructed"),
    ],
)
def test_what_is_worse_is_said(changes: dict[str, float], words: str) -> None:
    assert words in sentence(GOOD | changes)
    assert words not in sentence(GOOD)


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert sentence({"reconstructed_share": 0.0}) == "Nothing was reconstructed."
    assert sentence({"reconstructed_share": 0.5}) == "50 % reconstructed."
    assert {figure.value for figure in details({"reconstructed_share": 0.5})} == {"50 %", "not known"}


def test_each_figure_is_explained() -> None:
    for name in GOOD:
        assert name in (explained or "")
    figures = details(GOOD)
    assert len(figures) == len(GOOD)
    assert [figure.value for figure in figures] == ["34 %", "0.004", "+0.001", "0.93", "1.02", "±0.021"]
    assert all(figure.name and figure.meaning.endswith(".") and figure.good.endswith(".") for figure in figures)


@given(FIGURES)
def test_any_figures_have_words(figures: dict[str, float]) -> None:
    assert sentence(figures).endswith(".")
    assert "{" not in sentence(figures)
    assert not any("{" in text for row in details(figures) for text in (row.name, row.value, row.meaning, row.good))


def test_all_words_pass_through_the_translation() -> None:
    assert sentence(GOOD, lambda text: "x") == "x, x, x, x."
    assert {row.meaning for row in details({}, lambda text: "x")} == {"x"}
