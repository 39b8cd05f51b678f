"""The report of cloud masks, from labelled images made by script and from the real ones."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend import jobs, protocol
from unclouded.backend.clouds import grow
from unclouded.backend.errors import Cancelled
from unclouded.backend.evaluation_jobs import EvaluateMasks
from unclouded.backend.mask_metrics import count
from unclouded.backend.reporting import Reporter

from ...conftest import Heard, Workshop
from ...generators import write_cyclegan, write_fusion, write_stgan

SIDE = 120
FOUR = ("B2", "B3", "B4", "B8")


def scene(shop: Workshop, name: str, row: float, seed: int) -> tuple[str, np.ndarray]:
    """A labelled image with a round white cloud; gives IMAGE=LABEL and the cloud."""
    cloud = shop.disc(SIDE, SIDE, row, 60, 25)
    ground = shop.land(4, SIDE, SIDE, seed)
    ground[2] = 0.15  # soil: nothing of it is hazy
    values = np.where(cloud, 0.6, ground)
    image = shop.raster(f"{name}.tif", np.rint(values * 10000).astype(np.uint16), descriptions=FOUR)
    return f"{image}={shop.mask(f'{name}_label.tif', cloud)}", cloud


def evaluate(shop: Workshop, *labels: str, **options: Any) -> Heard:
    return shop.run(EvaluateMasks("1", shop.path("report.html"), list(labels), **({"device": "cpu"} | options)))


def tables(shop: Workshop) -> dict[str, dict[str, dict[str, Any]]]:
    """The figures of the report: by table, row and column."""
    content = json.loads(Path(shop.path("report.json")).read_text())
    return {
        key: {row["label"]: {name: mean(cell) for name, cell in row["cells"].items()} for row in table["rows"]}
        for key, table in content["tables"].items()
    }


def mean(cell: Any) -> Any:
    return cell["mean"] if isinstance(cell, dict) else cell


def test_the_detector_is_held_against_labels(shop: Workshop) -> None:
    (first, cloud), (second, _) = scene(shop, "first", 50, 1), scene(shop, "second", 70, 2)
    heard = evaluate(shop, first, second)
    assert isinstance(heard.last, protocol.Done), heard.last
    found = tables(shop)

    shop.run(protocol.DetectClouds("2", first.partition("=")[0], shop.path("mask.tif")))
    expected = count(shop.read("mask.tif")[0] == 1, cloud)
    row = found["masks_of_images"]["first: detector, grown"]
    assert row["precision"] == pytest.approx(expected.precision)
    assert row["recall"] == pytest.approx(expected.recall)
    assert found["masks"]["detector, grown"]["f1"] > 0.7
    assert found["masks"]["everything is cloud"]["precision"] == pytest.approx(cloud.mean(), rel=0.01)
    assert found["masks"]["nothing is cloud"]["precision"] is None
    assert found["masks"]["nothing is cloud"]["recall"] == 0
    assert found["thresholds"]["0.4"] == {
        name: value for name, value in found["masks"]["detector, grown"].items() if name != "mean_f1"
    }


def test_near_a_rim_pixels_do_not_count(shop: Workshop) -> None:
    pair, cloud = scene(shop, "first", 50, 1)
    evaluate(shop, pair, tolerance_px=6)
    inner = ~(grow(cloud, 6) & grow(~cloud, 6))
    assert tables(shop)["masks"]["everything is cloud"]["precision"] == pytest.approx(cloud[inner].mean())


def test_generators_are_asked_or_named_as_not_measured(shop: Workshop) -> None:
    pair, _ = scene(shop, "first", 50, 1)
    models = [write_fusion(shop.folder), write_cyclegan(shop.folder), write_stgan(shop.folder)]
    heard = evaluate(shop, pair, models=models)
    assert isinstance(heard.last, protocol.Done), heard.last
    rows = tables(shop)["implied"]
    assert set(rows) == {
        "detector, grown",
        "brightness",
        "tiny: change, told clear",
        "tiny: change, told cloud",
        "cycle: change",
    }
    assert rows["brightness"]["average_precision"] > 0.99
    assert "'dates' needs Sentinel-1" in Path(shop.path("report.html")).read_text().replace("&#x27;", "'")


def test_large_images_are_asked_about_in_windows(shop: Workshop) -> None:
    cloud = shop.disc(560, 130, 505, 60, 40)
    values = np.rint(np.where(cloud, 0.6, shop.land(4, 560, 130)) * 10000).astype(np.uint16)
    image = shop.raster("large.tif", values, descriptions=FOUR)
    heard = evaluate(shop, f"{image}={shop.mask('label.tif', cloud)}", models=[write_cyclegan(shop.folder)])
    assert isinstance(heard.last, protocol.Done), heard.last
    assert "cycle: change" in tables(shop)["implied"]


def test_labels_without_cloud_are_refused(shop: Workshop) -> None:
    pair, _ = scene(shop, "first", 50, 1)
    image = pair.partition("=")[0]
    heard = evaluate(shop, f"{image}={shop.mask('none.tif', np.zeros((SIDE, SIDE), bool))}")
    assert "The labels hold no cloud" in heard.last.message
    assert not Path(shop.path("report.html")).exists()


def test_labels_that_are_all_rim_are_refused(shop: Workshop) -> None:
    pair, _ = scene(shop, "first", 50, 1)
    assert "No pixel of first counts" in evaluate(shop, pair, tolerance_px=100).last.message


def test_a_generator_that_is_named_twice_is_refused(shop: Workshop) -> None:
    pair, _ = scene(shop, "first", 50, 1)
    model = write_fusion(shop.folder)
    assert "Several generators are called tiny" in evaluate(shop, pair, models=[model, model]).last.message


def test_an_unknown_generator_is_named(shop: Workshop) -> None:
    pair, _ = scene(shop, "first", 50, 1)
    assert "No generator 'nobody'" in evaluate(shop, pair, models=["nobody"]).last.message


def test_without_labels_their_folder_is_asked_for(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNCLOUDED_DATA", raising=False)
    assert "UNCLOUDED_DATA" in evaluate(shop).last.message


def test_a_report_that_exists_is_kept(shop: Workshop) -> None:
    pair, _ = scene(shop, "first", 50, 1)
    Path(shop.path("report.html")).write_text("mine")
    assert "exists" in evaluate(shop, pair).last.message
    assert Path(shop.path("report.html")).read_text() == "mine"


def test_a_job_that_is_given_up_writes_nothing(shop: Workshop) -> None:
    pair, _ = scene(shop, "first", 50, 1)
    reporter = Reporter("1", lambda event: None, lambda: True)
    with pytest.raises(Cancelled):
        jobs.run(EvaluateMasks("1", shop.path("report.html"), [pair]), reporter)
    assert not Path(shop.path("report.html")).exists()


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("UNCLOUDED_DATA"), reason="UNCLOUDED_DATA is not set")
def test_real_labels_clear_places_and_simulated_clouds(shop: Workshop) -> None:
    heard = evaluate(shop)
    assert isinstance(heard.last, protocol.Done), heard.last
    found = tables(shop)
    assert found["masks"]["detector, grown"]["f1"] > 0.85
    assert found["false_cloud"]["all, validation"]["grown"] < 0.2
    assert found["simulated"]["brightness"]["cases"] > 15
