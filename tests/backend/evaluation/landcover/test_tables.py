"""What the tables of the land-cover test say in words follows from their figures."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from unclouded.backend.evaluation.landcover.answers import CLEAR, CLOUDY, Answers
from unclouded.backend.evaluation.landcover.tables import accuracy, by_cover, cases, verdict
from unclouded.backend.sensors import Float

COUNT = 100


def said(shares_right: dict[str, float]) -> Answers:
    """Two classes; of each kind of image the first so many percent are right."""
    truth = np.arange(COUNT) % 2

    def answers(share: float) -> Float:
        right = np.arange(COUNT) < share * COUNT
        given = np.where(right, truth, 1 - truth)
        return np.where(given[:, None] == [0, 1], 0.9, 0.1).astype(np.float32)

    names = [f"place {number}" for number in range(COUNT)]
    table = {kind: answers(share) for kind, share in shares_right.items()}
    return Answers(("land", "water"), table, truth, names, names, np.linspace(0, 1, COUNT, dtype=np.float32))


def test_the_verdict_tells_help_from_harm_and_chance() -> None:
    words = verdict(
        said({CLEAR: 0.9, CLOUDY: 0.5, "good": 0.7, "bad": 0.2, "alike": 0.5}), ["good", "bad", "alike"], labelled=True
    )

    assert "Better than with clouds: good; worse: bad; too close to tell: alike." in words
    assert "After good it gets 70.0 %" in words
    assert "wins back 50% of what the clouds cost" in words
    assert words.count("wins back") == 1
    assert "Best is good, ahead of alike by 20.0 points" in words


def test_the_verdict_serves_where_nothing_is_compared() -> None:
    words = verdict(said({CLEAR: 1.0, CLOUDY: 0.5}), [], labelled=False)

    assert words.startswith("Of the cloudy images")
    assert "constant class, gets 50.0 %" in words


@pytest.mark.parametrize("labelled", [True, False])
def test_clear_images_stand_in_the_table_where_they_can_be_wrong(labelled: bool) -> None:
    table = accuracy(said({CLEAR: 0.9, CLOUDY: 0.5}), labelled)

    assert (CLEAR in [row.label for row in table.rows]) is labelled
    assert ("agreement" in [column.key for column in table.columns]) is labelled


def test_each_image_is_in_one_bin_of_cover() -> None:
    table = by_cover(said({CLEAR: 0.9, CLOUDY: 0.5}), [CLOUDY])

    assert [row.label for row in table.rows] == [
        "0% to 10%",
        "10% to 30%",
        "30% to 50%",
        "50% to 70%",
        "70% to 100%",
    ]
    assert [row.cells["places"] for row in table.rows] == [10, 20, 20, 20, 30]


def test_the_cases_name_what_could_not_be_reconstructed() -> None:
    found = said({CLEAR: 0.9, CLOUDY: 0.5, "made, by hand": 0.7})
    found.said["made, by hand"][0] = np.nan

    first, second, *_ = csv.DictReader(io.StringIO(cases(found).decode()))

    assert (first["made, by hand"], second["made, by hand"]) == ("", "water")
    assert first["probability of truth: made, by hand"] == ""
    assert (second["true"], second["cover"]) == ("water", "0.0101")
    assert second["probability of truth: made, by hand"] == "0.9000"
