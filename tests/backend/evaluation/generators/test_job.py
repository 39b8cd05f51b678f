"""The evaluation of generators: all rows in all parts, bad input in words, and no case lost or measured twice."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend import jobs, protocol
from unclouded.backend.card import read_card
from unclouded.backend.errors import Cancelled, UncloudedError
from unclouded.backend.evaluation_jobs import EvaluateGenerators
from unclouded.backend.reporting import Reporter
from unclouded.backend.sensors import NAMES

from ...datasets.fakes import write
from ...generators import write_cyclegan, write_fusion
from ..pairs import CLOUD, ground, write_pairs

DATA = {"dataset": "sen12ms-cr", "device": "cpu"}
UNTRAINED = ["identity", "constant", "clear mean"]


class Listener:
    """Keeps what a job says, and gives it up at will."""

    def __init__(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        self.events: list[Any] = []
        self.reporter = Reporter("1", self.events.append, cancelled)

    def said(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, protocol.Log))

    def stages(self) -> list[str]:
        return [event.stage for event in self.events if isinstance(event, protocol.Progress)]


def evaluate(folder: Path, listener: Listener | None = None, **options: Any) -> dict[str, Any]:
    """Runs a job and gives its tables."""
    output = folder / "out.html"
    job = EvaluateGenerators("1", str(output), **(DATA | options))
    done = jobs.run(job, (listener or Listener()).reporter)
    assert done.output == str(output)
    found: dict[str, Any] = json.loads(output.with_suffix(".json").read_text())
    return found


def cells(report: dict[str, Any], table: str, column: str) -> dict[str, Any]:
    """The means of a column by row."""
    rows = report["tables"][table]["rows"]
    return {row["label"]: row["cells"][column]["mean"] for row in rows if column in row["cells"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_pairs(tmp_path_factory.mktemp("pairs")))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_fusion(folder, training_data=["made: 1"])
    write_fusion(
        folder,
        "second",
        training_data=["made: 1"],
        prior=dict.fromkeys(NAMES, 0.3),
    )
    write_cyclegan(folder, "radar", sar="required", training_data=["made: 1"])
    write_fusion(folder, "seen", training_data=["sen12ms-cr: 1158_spring_17"])
    write_fusion(folder, "silent")
    write_fusion(folder, "l2a", levels=["L2A"], training_data=["made: 1"])
    return folder


def model(models: Path, name: str) -> str:
    return str(models / f"{name}.safetensors")


@pytest.fixture(scope="module")
def other_day(tmp_path_factory: pytest.TempPathFactory, data: str, models: Path) -> tuple[Path, dict[str, Any]]:
    """An evaluation of two generators on pairs."""
    folder = tmp_path_factory.mktemp("other_day")
    both = [model(models, "tiny"), model(models, "second")]
    return folder, evaluate(folder, data=data, models=both, methods=["inpaint"], truth="other-day")


def test_every_row_is_there_and_generators_have_two(other_day: tuple[Path, dict[str, Any]]) -> None:
    _, report = other_day
    generators = ["tiny", "tiny, network alone", "second", "second, network alone"]
    for table in ("overall", "target", "reproduction", "reconstruction", "bands_target"):
        assert [row["label"] for row in report["tables"][table]["rows"]] == [*UNTRAINED, "inpaint", *generators]
    assert set(cells(report, "overall", "cases").values()) == {10}


def test_parts_say_what_they_promise(other_day: tuple[Path, dict[str, Any]]) -> None:
    _, report = other_day
    reproduction = cells(report, "reproduction", "mae")
    assert {reproduction[row] for row in ("identity", "clear mean", "inpaint", "tiny", "second")} == {0}
    assert reproduction["constant"] > 0
    assert reproduction["tiny, network alone"] > 0
    assert cells(report, "reproduction", "psnr")["tiny"] == "inf"
    reconstruction = cells(report, "reconstruction", "mae")
    assert reconstruction["tiny"] == reconstruction["tiny, network alone"]
    assert reconstruction["identity"] > 0.3 > reconstruction["inpaint"]
    target = cells(report, "overall", "target_mae")
    assert target["identity"] < reconstruction["identity"]


def test_floor_is_said_beside_the_scores(other_day: tuple[Path, dict[str, Any]]) -> None:
    _, report = other_day
    summary = report["sections"][0]["text"]
    assert "The truth is of another day: the clear pixels of both days differ by 0.0100" in summary
    assert "over the data set's places for training" in summary


def test_generators_are_compared_case_by_case(other_day: tuple[Path, dict[str, Any]]) -> None:
    _, report = other_day
    rows = {row["label"]: row["cells"] for row in report["tables"]["differences"]["rows"]}
    errors = cells(report, "reconstruction", "mae")
    best = min((*UNTRAINED, "inpaint"), key=errors.__getitem__)
    for name in ("tiny", "second"):
        difference = rows[f"{name} - {best} (best without training)"]
        assert difference["mae"]["mean"] == pytest.approx(errors[name] - errors[best], abs=1e-6)
        assert difference["cases"]["mean"] == 10
    between = rows["tiny - second"]
    low, high = between["mae"]["low"], between["mae"]["high"]
    assert low <= between["mae"]["mean"] <= high
    assert between["verdict"] == ("not told apart" if low <= 0 <= high else "better" if high < 0 else "worse")


def test_cases_are_listed_and_make_up_the_means(other_day: tuple[Path, dict[str, Any]]) -> None:
    folder, report = other_day
    with (folder / "out.cases.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len({line["case"] for line in lines}) == 10
    assert len({line["place"] for line in lines}) == 5
    errors = [float(line["reconstruction.mae"]) for line in lines if line["method"] == "tiny"]
    assert len(errors) == 10
    assert cells(report, "reconstruction", "mae")["tiny"] == pytest.approx(np.mean(errors))
    assert all(line["reproduction.psnr"] == "inf" for line in lines if line["method"] == "tiny")


def test_the_rest_of_the_report_is_there(other_day: tuple[Path, dict[str, Any]]) -> None:
    folder, report = other_day
    assert {row["label"] for row in report["tables"]["uncertainty"]["rows"]} == {"tiny", "second"}
    assert set(report["tables"]) >= {"cover", "classes", "distances", "bands_reconstruction"}
    for table in ("coverage_thickness", "coverage_bands"):
        assert [row["label"] for row in report["tables"][table]["rows"]] == ["tiny", "second"]
    held, within = cells(report, "coverage_thickness", "all"), cells(report, "uncertainty", "within_90")
    assert held == pytest.approx(within)
    assert "a guess" in report["tables"]["classes"]["note"]
    examples = next(section for section in report["sections"] if section["title"] == "Examples")
    assert 3 <= len(examples["pictures"]) <= 6
    assert not list(folder.glob(".*")), "a state or a partial file was left"


def test_same_day_truth_lays_clouds_over_clear_images(tmp_path: Path, data: str) -> None:
    listener = Listener()
    report = evaluate(tmp_path, listener, data=data, methods=["inpaint"], each=2, limit=7)
    assert set(cells(report, "overall", "cases").values()) == {7}
    assert "differences" not in report["tables"]
    assert "The truth is of the same day" in report["sections"][0]["text"]
    assert "The truth is of the same day" in listener.said()
    assert re.search("target +reproduction +reconstruction", listener.said())
    errors = cells(report, "reconstruction", "mae")
    assert errors["identity"] > errors["inpaint"] > 0


def test_bands_sar_and_dates_can_be_taken_away(tmp_path: Path, data: str, models: Path) -> None:
    bands = ["B2", "B3", "B4", "B8"]
    given = {"bands": bands, "sar": False, "dates": 0, "limit": 2}
    report = evaluate(tmp_path, data=data, models=[model(models, "tiny")], **given)
    columns = [column["key"] for column in report["tables"]["bands_target"]["columns"]]
    assert columns == bands
    assert "no Sentinel-1; up to 0 other dates" in report["facts"]["Given"]


def pairs_csv(folder: Path, *further: str) -> str:
    """Three pairs, the last without SAR."""
    lines = ["optical,clear,sar,split"]
    for number in range(3):
        clear = ground(number)
        cloudy = clear + np.float32(0.01)
        cloudy[CLOUD] = 0.7
        for name, image in (("cloudy", cloudy), ("clear", clear)):
            write(folder / f"{name}_{number}.tif", np.rint(image * 10000).astype(np.uint16))
        radar = np.stack([-18 + 30 * clear[7], -25 + 30 * clear[7]]).astype(np.float32)
        sar = "" if number == 2 else write(folder / f"sar_{number}.tif", radar).name
        lines.append(f"cloudy_{number}.tif,clear_{number}.tif,{sar},validation")
    (folder / "pairs.csv").write_text("\n".join([*lines, *further]))
    return str(folder / "pairs.csv")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_generator_is_measured_where_it_fits_and_compared_where_all_do(tmp_path: Path, models: Path) -> None:
    listener = Listener()
    both = [model(models, "tiny"), model(models, "radar")]
    report = evaluate(tmp_path, listener, data=pairs_csv(tmp_path), dataset=None, models=both, truth="other-day")
    counts = cells(report, "overall", "cases")
    assert (counts["tiny"], counts["radar"]) == (3, 2)
    assert set(cells(report, "common", "cases").values()) == {2}
    assert "Not measured on 1 case(s): radar; The generator 'radar' needs Sentinel-1" in report["sections"][0]["text"]
    assert "best" not in json.dumps(report["tables"]["overall"]["columns"]).replace('"best": ""', "")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_bad_files_of_a_table_are_left_out_and_counted(tmp_path: Path) -> None:
    data = pairs_csv(tmp_path, "cloudy_0.tif,nowhere.tif,,validation")
    listener = Listener()
    report = evaluate(tmp_path, listener, data=data, dataset=None, truth="other-day")
    assert set(cells(report, "overall", "cases").values()) == {3}
    assert "1 case(s) were not measured: its files are bad." in report["sections"][0]["text"]
    assert "nowhere.tif" in listener.said()


def failure(folder: Path, **options: Any) -> UncloudedError:
    with pytest.raises(UncloudedError) as raised:
        evaluate(folder, **options)
    return raised.value


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ({"dataset": None}, "usage", "holds cannot be told"),
        ({"dataset": "no"}, "usage", "There is no data set 'no'"),
        ({"split": "no"}, "usage", "There is no split 'no'"),
        ({"split": "test"}, "input", "holds no place of the split 'test'"),
        ({"truth": "no"}, "usage", "'no' is unknown"),
        ({"bands": ["B2", "B99"]}, "usage", "B99.* is unknown"),
        ({"models": ["nobody"]}, "model", "No generator 'nobody' is installed"),
        ({"models": ["tiny", "tiny"]}, "usage", "tiny.safetensors is given several times"),
        ({"models": ["seen"]}, "model", "'seen' was trained on sen12ms-cr/1158_spring_17/p"),
        ({"models": ["l2a"], "limit": 1}, "model", "l2a fits no case: .* needs level L2A"),
        ({"models": ["radar"], "sar": False, "limit": 1}, "model", "radar fits no case: .* needs Sentinel-1"),
        ({"device": "cuda:77"}, "device", "cuda:77"),
    ],
)
def test_bad_input_is_refused_in_words(
    tmp_path: Path, data: str, models: Path, options: dict[str, Any], code: str, message: str
) -> None:
    paths = [model(models, name) for name in options.get("models", [])]
    named = {"models": [path if Path(path).exists() else Path(path).stem for path in paths]}
    error = failure(tmp_path, **{"data": data} | options | named)
    assert error.code == code
    assert error.hint
    assert re.search(message, error.message), error.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (",,,validation", "without an optical and a clear image"),
        ("a.tif,b.tif,,nowhere", "There is no split 'nowhere'"),
    ],
)
def test_bad_line_of_a_table_is_named(tmp_path: Path, line: str, message: str) -> None:
    data = pairs_csv(tmp_path, line)
    assert message in failure(tmp_path, data=data, dataset=None).message


def test_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("left,right\na.tif,b.tif\n")
    error = failure(tmp_path, data=str(tmp_path / "pairs.csv"), dataset=None)
    assert "has the columns left, right" in error.message


def test_report_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, data: str) -> None:
    listener = Listener()
    (tmp_path / "out.html").write_text("mine")
    error = failure(tmp_path, listener=listener, data=data)
    assert (error.code, listener.stages()) == ("output", [])
    missing = EvaluateGenerators("1", str(tmp_path / "no" / "out.html"), data=data, **DATA)
    with pytest.raises(UncloudedError, match="does not exist"):
        jobs.run(missing, listener.reporter)
    assert (tmp_path / "out.html").read_text() == "mine"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_clouds_of_another_day_need_a_cloudy_day(tmp_path: Path) -> None:
    write(tmp_path / "clear.tif", np.rint(ground(0) * 10000).astype(np.uint16))
    (tmp_path / "pairs.csv").write_text("optical,clear,split\n,clear.tif,validation\n")
    error = failure(tmp_path, data=str(tmp_path / "pairs.csv"), dataset=None, truth="other-day")
    assert error.code == "input"
    assert "No case could be measured: no day of the place serves" in error.message


def test_generator_without_training_data_is_doubted(tmp_path: Path, data: str, models: Path) -> None:
    listener = Listener()
    report = evaluate(tmp_path, listener, data=data, models=[model(models, "silent")], limit=1)
    assert "does not say what it learned from" in listener.said()
    assert "does not say what it learned from" in report["sections"][0]["text"]


def test_scores_go_into_the_card_beside_those_of_other_data(tmp_path: Path, data: str, models: Path) -> None:
    mine = tmp_path / "tiny.safetensors"
    shutil.copy(model(models, "tiny"), mine)
    report = evaluate(tmp_path, data=data, models=[str(mine)], limit=2, write_scores=True)
    evaluate(tmp_path, data=data, models=[str(mine)], limit=2, truth="other-day", write_scores=True, overwrite=True)
    before, card = read_card(model(models, "tiny")), read_card(str(mine))
    assert card.sha256 == before.sha256
    assert set(card.scores) == {
        "sen12ms-cr, validation, same-day truth, with SAR, 3 dates",
        "sen12ms-cr, validation, other-day truth, with SAR, 3 dates",
    }
    scores = card.scores["sen12ms-cr, validation, same-day truth, with SAR, 3 dates"]
    assert scores["cases"] == 2
    assert scores["command"] == report["command"]
    assert scores["reconstruction"]["mae"] == pytest.approx(cells(report, "reconstruction", "mae")["tiny"], abs=1e-5)
    assert all(math.isfinite(value) for part in ("target", "reconstruction") for value in scores[part].values())


class AfterCases:
    """Gives a job up once so many cases were measured."""

    def __init__(self, count: int) -> None:
        self.listener = Listener(self)
        self._stage = f"measured {count} of"

    def __call__(self) -> bool:
        return any(stage.startswith(self._stage) for stage in self.listener.stages())


def test_cancelled_evaluation_goes_on(tmp_path: Path, data: str, models: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    asked = {"data": data, "models": [model(models, "tiny")], "bands": ["B2", "B3", "B4"], "limit": 7}
    whole = evaluate(tmp_path / "whole", **asked)
    with pytest.raises(Cancelled) as raised:
        evaluate(tmp_path / "parts", AfterCases(5).listener, **asked)
    assert raised.value.hint == "What was measured is kept: the same command goes on with it."
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [".out.html.state"]

    other = failure(tmp_path / "parts", **asked | {"seed": 1})
    assert "unfinished evaluation of another kind: seed differ" in other.message

    listener = Listener()
    parts = evaluate(tmp_path / "parts", listener, **asked)
    assert "Going on behind 5 cases" in listener.said()
    assert listener.stages()[0] == "measured 5 of up to 7 cases"
    assert parts["tables"] == whole["tables"]
    assert not (tmp_path / "parts" / ".out.html.state").exists()
