"""The report of series, on a tiny data set of several days."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend import jobs, protocol
from unclouded.backend.errors import Cancelled
from unclouded.backend.evaluation_jobs import EvaluateSeries
from unclouded.backend.reporting import Reporter

from ...conftest import Heard, Workshop
from ...datasets import fakes
from ...generators import write_cyclegan, write_fusion, write_stgan

REGIONS = ("22", "117")
"""Of the official validation split."""


def write_days(root: Path, days: int, regions: tuple[str, ...] = REGIONS, side: int = 40) -> str:
    """Fields that brighten a little from day to day, in the layout of SEN12MS-CR-TS."""
    for region in regions:
        for number in range(days):
            image = fakes.ground(size=side, seed=int(region)) + np.uint16(60 * number)
            name = f"s2_ROIs2017_{region}_ImgNo_{number}_2018-01-{1 + 3 * number:02d}_patch_0.tif"
            fakes.write(root / "ROIs2017" / region / "S2" / str(number) / name, image)
    return str(root)


def evaluate(shop: Workshop, root: str, **options: Any) -> Heard:
    plain = {"data": root, "dataset": "sen12ms-cr-ts", "device": "cpu", "output": shop.path("report.html")}
    return shop.run(EvaluateSeries("1", **(plain | options)))


def tables(shop: Workshop) -> dict[str, dict[str, dict[str, Any]]]:
    """The cells of the report: by table, row and column."""
    content = json.loads(Path(shop.path("report.json")).read_text())
    return {
        key: {row["label"]: row["cells"] for row in table["rows"]} | {"note": {"text": table["note"]}}
        for key, table in content["tables"].items()
    }


def test_rows_are_held_against_the_change_of_the_truth(shop: Workshop) -> None:
    root = write_days(shop.folder / "data", 4)
    heard = evaluate(shop, root, models=[write_fusion(shop.folder)], methods=["inpaint"])
    assert isinstance(heard.last, protocol.Done), heard.last

    for pixels in ("whole", "clouded"):
        table = tables(shop)[f"consistency_{pixels}"]
        named = {"truth", "identity", "constant", "clear mean", "inpaint", "least-cloudy", "median", "interpolate"}
        assert set(table) == named | {"tiny", "tiny, network alone", "note"}
        truth, constant = table["truth"], table["constant"]
        assert truth["pairs"]["mean"] == 6
        assert truth["change"]["mean"] == pytest.approx(0.006, abs=1e-4)
        assert constant["ssim"]["mean"] == pytest.approx(1)
        assert constant["gap"]["mean"] == pytest.approx(1 - truth["ssim"]["mean"], abs=1e-6)
        assert constant["change_error"]["mean"] == pytest.approx(truth["change"]["mean"], abs=1e-6)
        assert table["median"]["reconstruction"]["mean"] < table["identity"]["reconstruction"]["mean"]
        assert "drawn by place" in table["note"]["text"]
    differences = tables(shop)["differences"]
    assert set(differences) == {
        "inpaint",
        "least-cloudy",
        "median",
        "interpolate",
        "tiny",
        "tiny, network alone",
        "note",
    }
    clouded = tables(shop)["consistency_clouded"]
    for key in ("change_error", "reconstruction"):
        expected = clouded["tiny"][key]["mean"] - clouded["median"][key]["mean"]
        assert differences["tiny"][f"{key}_median"]["mean"] == pytest.approx(expected)
    assert "NDVI" in Path(shop.path("report.html")).read_text()


def test_one_place_gives_intervals_by_pairs_with_a_warning(shop: Workshop) -> None:
    heard = evaluate(shop, write_days(shop.folder / "data", 4, REGIONS[:1]), each=2)
    assert isinstance(heard.last, protocol.Done), heard.last
    whole = tables(shop)["consistency_whole"]
    assert "not independent" in whole["note"]["text"]
    assert whole["identity"]["pairs"]["mean"] == 6
    assert whole["identity"]["ssim"]["low"] < whole["identity"]["ssim"]["high"]


def test_places_that_are_too_small_are_left_out(shop: Workshop) -> None:
    root = write_days(shop.folder / "data", 3, side=8)
    assert "3 clear days of at least 11 x 11 px" in evaluate(shop, root).last.message


def test_at_most_so_many_series(shop: Workshop) -> None:
    evaluate(shop, write_days(shop.folder / "data", 3), limit=1)
    assert tables(shop)["consistency_whole"]["truth"]["pairs"]["mean"] == 2


def test_a_generator_that_cannot_serve_is_named(shop: Workshop) -> None:
    models = [write_stgan(shop.folder), write_cyclegan(shop.folder)]
    evaluate(shop, write_days(shop.folder / "data", 3, REGIONS[:1]), models=models)
    whole = tables(shop)["consistency_whole"]
    assert "cycle" in whole
    assert "dates" not in whole
    assert "dates was not measured" in Path(shop.path("report.html")).read_text()


def test_a_generator_that_saw_the_place_is_refused(shop: Workshop) -> None:
    model = write_fusion(shop.folder, training_data=["sen12ms-cr-ts: 2017_22"])
    heard = evaluate(shop, write_days(shop.folder / "data", 3), models=[model])
    assert "was trained on sen12ms-cr-ts/2017_22" in heard.last.message
    assert not Path(shop.path("report.html")).exists()


def test_fewer_than_three_days_are_refused(shop: Workshop) -> None:
    heard = evaluate(shop, write_days(shop.folder / "data", 2))
    assert "Not one of the 2 place(s) of sen12ms-cr-ts (validation) has 3 clear days" in heard.last.message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"models": ["nobody"]}, "No generator 'nobody'"),
        ({"split": "train"}, "no place of the split 'train'"),
        ({"dataset": "nothing"}, "no data set 'nothing'"),
        ({"output": "report.txt"}, "no HTML file"),
    ],
)
def test_what_cannot_be_is_refused(shop: Workshop, options: dict[str, Any], words: str) -> None:
    assert words in evaluate(shop, write_days(shop.folder / "data", 3), **options).last.message


def test_a_job_that_is_given_up_writes_nothing(shop: Workshop) -> None:
    job = EvaluateSeries("1", shop.path("report.html"), write_days(shop.folder / "data", 3), "sen12ms-cr-ts")
    with pytest.raises(Cancelled):
        jobs.run(job, Reporter("1", lambda event: None, lambda: True))
    assert not Path(shop.path("report.html")).exists()


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("UNCLOUDED_DATA"), reason="UNCLOUDED_DATA is not set")
def test_real_days_of_one_place(shop: Workshop) -> None:
    heard = evaluate(shop, os.environ["UNCLOUDED_DATA"], dataset="shared")
    assert isinstance(heard.last, protocol.Done), heard.last
    whole = tables(shop)["consistency_whole"]
    assert whole["truth"]["pairs"]["mean"] == 5
    assert whole["constant"]["gap"]["mean"] > whole["clear mean"]["gap"]["mean"]
