"""The land-cover test: what it counts as true, that clouds lie on reflectance, and that bad input is put into words."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unclouded.backend.classifier import ClassifierCard, save
from unclouded.backend.datasets.eurosat import CLASSES, SHOWN_RANGE
from unclouded.backend.datasets.samples import with_context
from unclouded.backend.datasets.splits import by_hash
from unclouded.backend.errors import Cancelled
from unclouded.backend.evaluation.cases import Case
from unclouded.backend.evaluation.landcover.cases import open_images
from unclouded.backend.evaluation.landcover.job import evaluate_landcover, labels_of
from unclouded.backend.evaluation_jobs import EvaluateLandCover
from unclouded.backend.protocol import Failed
from unclouded.backend.reporting import Reporter
from unclouded.backend.sensors import NAMES

from ...conftest import Heard, Workshop
from ...datasets.fakes import UTM, bigearthnet_v1, clouded, eurosat_mosaic, ground, sen12mscr, write
from ...generators import write_cyclegan
from ...test_classifier import CARD, network_of

LABELS = ("AnnualCrop", "Forest", "Highway", "SeaLake")
SEED = 3


def chips(root: Path, count: int = 3, size: int = 64) -> Path:
    """RGB chips of four classes for the split `test`, each class of its own brightness and grain."""
    rng = np.random.default_rng(0)
    for step, label in enumerate(LABELS):
        names = [name for name in (f"{label}_{number}" for number in range(200)) if by_hash(name) == "test"]
        for name in names[:count]:
            grain = rng.normal(0, 10 * step, (3, size, size))
            write(root / label / f"{name}.jpg", np.clip(50 * (step + 1) + grain, 1, 255).astype(np.uint8))
    return root


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chips(tmp_path_factory.mktemp("chips"))


@pytest.fixture(scope="module")
def done(module_shop: Workshop, data: Path) -> Path:
    """The report of one test with a generator and a method."""
    folder = module_shop.fresh()
    heard = judge(folder, data, methods=["inpaint"], models=[write_cyclegan(folder.folder)])
    assert heard.last.output == folder.path("report.html"), heard.last
    return Path(heard.last.output)


def judge(shop: Workshop, data: Path, **options: Any) -> Heard:
    options = {"dataset": "eurosat-rgb", "data": str(data), "seed": SEED} | options
    return shop.run(EvaluateLandCover("1", shop.path("report.html"), **options))


def failure(shop: Workshop, data: Path, **options: Any) -> Failed:
    """How a job fails; it leaves no report."""
    heard = judge(shop, data, **options)
    assert isinstance(heard.last, Failed), heard.last
    assert not list(shop.folder.glob("report.*"))
    return heard.last


def tables(report: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report.with_suffix(".json").read_text())["tables"]
    return found


def cells(table: dict[str, Any]) -> dict[str, Any]:
    return {row["label"]: row["cells"] for row in table["rows"]}


def lines(report: Path) -> list[dict[str, str]]:
    with report.with_suffix(".cases.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def classifier(folder: Path, **facts: Any) -> str:
    path = str(folder / "tiny.safetensors")
    card: ClassifierCard = dataclasses.replace(CARD, **facts)
    save(path, card, network_of(card))
    return path


def test_every_row_stands_beside_the_trivial_ones(done: Path) -> None:
    found = cells(tables(done)["accuracy"])

    assert list(found) == [
        "clear",
        "cloudy",
        "constant class",
        "constant image",
        "clear mean",
        "inpaint",
        "cycle",
        "cycle, network alone",
    ]
    assert {row["places"]["mean"] for row in found.values()} == {12}
    assert found["constant class"]["accuracy"]["mean"] == 25


def test_labels_are_the_truth_and_the_table_counts_what_the_cases_say(done: Path) -> None:
    found, places = cells(tables(done)["accuracy"]), lines(done)

    assert sorted(place["true"] for place in places) == sorted(LABELS * 3)
    assert all(place["name"].startswith(f"eurosat/{place['true']}_") for place in places)
    for kind in ("clear", "cloudy", "inpaint", "cycle"):
        right = [place[kind] == place["true"] for place in places]
        assert found[kind]["accuracy"]["mean"] == pytest.approx(100 * np.mean(right))


def test_tables_add_up(done: Path) -> None:
    found = tables(done)

    assert sum(row["places"]["mean"] for row in cells(found["cover"]).values()) == 12
    assert set(cells(found["recall"])) == set(LABELS)
    for kind in ("label", "clear", "cloudy", "cycle"):
        assert sum(row[kind]["mean"] for row in cells(found["distribution"]).values()) == pytest.approx(100)


def test_the_page_says_what_came_out(done: Path) -> None:
    text = done.read_text()

    assert "The truth is the label" in text
    assert "Better than with clouds:" in text
    assert "Of the cloudy images the classifier gets" in text
    assert "--dataset eurosat-rgb" in text


def test_the_same_test_gives_the_same_files(shop: Workshop, data: Path) -> None:
    first, again = shop.fresh(), shop.fresh()
    judge(first, data, limit=4)
    judge(again, data, limit=4)

    for suffix in (".cases.csv", ".csv"):
        assert Path(first.path(f"report{suffix}")).read_bytes() == Path(again.path(f"report{suffix}")).read_bytes()


def test_several_skies_over_a_place_are_of_one_group(data: Path) -> None:
    cases = drawn(data, each=2)
    twice = [case for case in cases if case.group == cases[0].group]

    assert len(cases) == 24
    assert len({case.name for case in cases}) == 24
    np.testing.assert_array_equal(twice[0].sample.truth, twice[1].sample.truth)
    assert (twice[0].sample.observation.optical != twice[1].sample.observation.optical).any()


def test_a_limit_takes_places_of_several_classes(shop: Workshop, data: Path) -> None:
    judge(shop, data, limit=5)
    places = lines(Path(shop.path("report.html")))

    assert len(places) == 5
    assert len({place["true"] for place in places}) > 1


def test_without_labels_the_answer_on_the_clear_image_is_the_truth(shop: Workshop, tmp_path: Path) -> None:
    root = sen12mscr(tmp_path / "pairs", patches=3)
    heard = judge(shop, root, dataset="sen12ms-cr", split="train", truth="other-day", methods=["inpaint"])
    report = Path(heard.last.output)

    assert all(place["true"] == place["clear"] for place in lines(report))
    assert {place["group"] for place in lines(report)} == {"sen12ms-cr/1158_spring_1"}
    assert "clear" not in cells(tables(report)["accuracy"])
    assert "The data have no labels" in report.read_text()
    assert all(0.3 < float(place["cover"]) < 0.6 for place in lines(report))


def test_a_table_of_pairs_serves(shop: Workshop, tmp_path: Path) -> None:
    rows = ["optical,clear,split"]
    for seed in range(2):
        write(tmp_path / f"clear{seed}.tif", ground(seed=seed), **UTM)
        write(tmp_path / f"cloudy{seed}.tif", clouded(ground(seed=seed)), **UTM)
        rows.append(f"cloudy{seed}.tif,clear{seed}.tif,test")
    (tmp_path / "pairs.csv").write_text("\n".join(rows))

    heard = judge(shop, tmp_path / "pairs.csv", dataset=None, truth="other-day")

    assert len(lines(Path(heard.last.output))) == 2


def test_images_of_several_classes_are_left_out_and_counted(shop: Workshop, tmp_path: Path) -> None:
    heard = judge(shop, eurosat_mosaic(tmp_path / "mosaics"), dataset="eurosat-mosaic")

    assert "several, and the test is of one class each" in heard.logs("warning")
    assert {place["true"] for place in lines(Path(heard.last.output))} <= set(LABELS)


def drawn(data: Path, **options: Any) -> list[Case]:
    images = open_images(str(data), "eurosat-rgb", "test", "same-day", **({"each": 1, "seed": SEED} | options))
    found = [images.draw(number) for number in range(len(images))]
    return [case for case in found if isinstance(case, Case)]


def test_clouds_are_laid_on_reflectance_and_the_classifier_sees_what_the_screen_would_show(data: Path) -> None:
    images = open_images(str(data), "eurosat-rgb", "test", "same-day", 1, SEED)
    cases = drawn(data)
    brightest = [case.sample.observation.optical.max() for case in cases]

    assert max(case.sample.truth.max() for case in cases) <= SHOWN_RANGE
    assert max(brightest) > 0.5
    assert images.shown(cases[int(np.argmax(brightest))].sample.observation.optical).max() == np.float32(SHOWN_RANGE)


def test_clouds_cover_little_and_much_and_go_on_to_the_edge(data: Path) -> None:
    cases = [case for seed in range(4) for case in drawn(data, seed=seed)]
    cover = np.array([case.cover for case in cases])
    rim = np.array([case.sample.observation.cloud[0].mean() for case in cases])

    assert cover.min() < 0.2
    assert cover.max() > 0.8
    assert {case.sample.truth.shape for case in cases} == {(3, 64, 64)}
    assert rim.mean() > 0.9 * cover.mean()


def test_what_lay_beyond_the_edge_is_forgotten(data: Path) -> None:
    images = open_images(str(data), "eurosat-rgb", "test", "same-day", 1, SEED)
    for case in drawn(data):
        seen = case.sample.observation
        again = with_context(seen, images.cases.collection.prior)
        np.testing.assert_array_equal(seen.background, again.background)


def test_larger_images_are_cut_to_their_largest_size(tmp_path: Path) -> None:
    (first, *_) = drawn(chips(tmp_path, count=1, size=300))

    assert first.sample.truth.shape == (3, 256, 256)


def test_names_of_labels_may_differ_in_blanks_and_case() -> None:
    names = ["Sea Lake", "annual crop", *LABELS[1:3], "Pasture", "Industrial", "residential", "River"]
    names += ["HERBACEOUS_VEGETATION", "Permanent Crop", "Snow"]
    card = dataclasses.replace(CARD, classes=names)

    found = labels_of("eurosat-rgb", card, Reporter("1", lambda _: None))

    assert (found[0], found[1], found[-1]) == ("SeaLake", "AnnualCrop", "")


def test_a_cancelled_test_leaves_nothing(shop: Workshop, data: Path) -> None:
    job = EvaluateLandCover("1", shop.path("report.html"), data=str(data), dataset="eurosat-rgb")
    with pytest.raises(Cancelled):
        evaluate_landcover(job, Reporter("1", lambda _: None, lambda: True))

    assert not list(shop.folder.iterdir())


BAD = [
    pytest.param({"split": "validation"}, "input", "holds no place of the split 'validation'", id="no chips"),
    pytest.param({"split": "train"}, "usage", "learned from the split 'train'", id="learned chips"),
    pytest.param({"truth": "other-day"}, "input", "no day of the place serves", id="no cloudy days"),
    pytest.param({"classifier": "here.safetensors"}, "model", "cannot be read", id="no classifier there"),
    pytest.param({"dataset": "eurosat-cmyk"}, "usage", "no data set 'eurosat-cmyk'", id="no such data set"),
    pytest.param({"models": ["nothing"]}, "model", "nothing", id="no such generator"),
    pytest.param({"device": "abacus"}, "device", "abacus", id="no such device"),
]


@pytest.mark.parametrize(("options", "code", "words"), BAD)
def test_bad_input_is_put_into_words(
    shop: Workshop, tmp_path: Path, options: dict[str, Any], code: str, words: str
) -> None:
    root = chips(tmp_path / "chips", count=1)
    learned = next(name for name in (f"River_{number}" for number in range(99)) if by_hash(name) == "train")
    write(root / "River" / f"{learned}.jpg", np.full((3, 64, 64), 90, np.uint8))

    failed = failure(shop, root, **options)

    assert (failed.code, words in failed.message) == (code, True), failed
    assert failed.hint


def test_a_classifier_that_lacks_bands_of_the_data_is_refused(shop: Workshop, data: Path, tmp_path: Path) -> None:
    path = classifier(
        tmp_path,
        classes=list(CLASSES),
        presence=False,
        parameters=CARD.parameters | {"in_channels": 4, "classes": 10},
    )

    failed = failure(shop, data, classifier=path)

    assert (failed.code, "needs all of B2, B3, B4, B8" in failed.message) == ("model", True)


def test_a_generator_is_no_classifier(shop: Workshop, data: Path, tmp_path: Path) -> None:
    failed = failure(shop, data, classifier=write_cyclegan(tmp_path))

    assert (failed.code, "no card of a land-cover classifier" in failed.message) == ("model", True)


def test_a_generator_that_needs_other_bands_is_refused(shop: Workshop, data: Path, tmp_path: Path) -> None:
    failed = failure(shop, data, models=[write_cyclegan(tmp_path, bands=list(NAMES))])

    assert (failed.code, "needs band(s) B1" in failed.message) == ("model", True)


def test_labels_of_which_the_classifier_knows_some_are_refused(shop: Workshop, data: Path, tmp_path: Path) -> None:
    failed = failure(shop, data, classifier=classifier(tmp_path))

    assert (failed.code, "AnnualCrop" in failed.message, "Forest" in failed.message) == ("input", True, False)


def test_labels_that_the_classifier_does_not_know_are_passed_over_aloud(
    shop: Workshop, data: Path, tmp_path: Path
) -> None:
    heard = judge(shop, data, classifier=classifier(tmp_path, classes=["blue", "red", "grey"]))

    assert "knows no class of eurosat-rgb" in heard.logs("warning")
    assert {place["true"] for place in lines(Path(heard.last.output))} <= {"blue", "red", "grey"}


def test_data_without_a_clear_image_are_refused(shop: Workshop, tmp_path: Path) -> None:
    root = bigearthnet_v1(tmp_path / "cloudy")

    failed = failure(shop, root, dataset="bigearthnet-v1-cloudy", split="train")

    assert (failed.code, "No place of bigearthnet-v1-cloudy can serve" in failed.message) == ("input", True)


def test_methods_that_need_dates_are_left_out_where_there_are_none(shop: Workshop, data: Path) -> None:
    heard = judge(shop, data, limit=2, methods=["median"])

    assert "median could serve for no image" in heard.logs("warning")
    assert "median" not in cells(tables(Path(heard.last.output))["accuracy"])


def test_a_generator_that_saw_the_places_is_refused(shop: Workshop, tmp_path: Path) -> None:
    root = sen12mscr(tmp_path / "pairs")
    seen = write_cyclegan(tmp_path, training_data=["sen12ms-cr: 1158_spring_1"])

    failed = failure(shop, root, dataset="sen12ms-cr", split="train", truth="other-day", models=[seen])

    assert (failed.code, "was trained on sen12ms-cr/1158_spring_1" in failed.message) == ("model", True)


def test_an_existing_report_is_kept(shop: Workshop, data: Path) -> None:
    Path(shop.path("report.json")).write_text("mine")

    heard = judge(shop, data)

    assert heard.last.code == "output"
    assert Path(shop.path("report.json")).read_text() == "mine"


def test_removing_clouds_from_real_chips_is_measured(shop: Workshop, real_data: Path) -> None:
    """The ceiling is what the classifier's card says of the same images."""
    heard = judge(shop, real_data, limit=60)
    found = cells(tables(Path(heard.last.output))["accuracy"])

    assert found["clear"]["accuracy"]["mean"] > 80
    assert found["constant image"]["accuracy"]["mean"] < found["cloudy"]["accuracy"]["mean"]
