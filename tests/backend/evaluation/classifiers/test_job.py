"""Classifiers are compared on images of several classes; the report says what counting by hand says."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unclouded.backend.classifier import Classifier, ClassifierCard, load, save
from unclouded.backend.datasets import bigearthnet, eurosat
from unclouded.backend.datasets.registry import open_source
from unclouded.backend.errors import InputError, ModelError, OutputError, UncloudedError, UsageError
from unclouded.backend.evaluation.classifiers.job import evaluate_classifiers
from unclouded.backend.evaluation_jobs import EvaluateClassifiers
from unclouded.backend.models.resnet import Params, ResNet
from unclouded.backend.protocol import Log
from unclouded.backend.reporting import Reporter

from ...datasets.fakes import CLEAR_PATCH, bigearthnet_v1, eurosat_mosaic

RGB = ["B2", "B3", "B4"]


def write_classifier(path: Path, seed: int = 0, **changes: Any) -> str:
    """A network that has learned nothing, which calls images by their brightness."""
    classes, bands = changes.get("classes", list(eurosat.CLASSES)), changes.get("bands", RGB)
    params = Params(len(bands), len(classes), blocks=(1, 1, 1, 1), widths=(8, 8, 8, 8), stem="small")
    facts = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(params).items()}
    card = ClassifierCard(
        name=path.stem,
        version="1",
        title="A tiny classifier",
        description="Of no worth",
        parameters=facts,
        classes=classes,
        activation="sigmoid",
        threshold=0.5,
        bands=bands,
        mean=dict.fromkeys(bands, 0.1),
        deviation=dict.fromkeys(bands, 0.05),
        presence=False,
        window_px=32,
        training_data=["nothing: 0 images"],
        licence="GPL-2.0-or-later",
    )
    torch.manual_seed(seed)
    save(str(path), dataclasses.replace(card, **changes), ResNet(params))
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return eurosat_mosaic(tmp_path_factory.mktemp("chips"))


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    return write_classifier(tmp_path / "tiny.safetensors")


def evaluate(
    root: Path, output: Path, *files: str, dataset: str | None = "eurosat-mosaic", **options: Any
) -> list[str]:
    """Runs the job; gives what it logs."""
    events: list[Any] = []
    job = EvaluateClassifiers("1", str(output), str(root), dataset, classifiers=list(files), device="cpu", **options)
    evaluate_classifiers(job, Reporter("1", events.append))
    return [event.text for event in events if isinstance(event, Log)]


def table_of(output: Path, key: str) -> dict[str, dict[str, Any]]:
    """The figures of a table by row and column: mean, low, high."""
    content = json.loads(output.with_suffix(".json").read_text())["tables"][key]
    return {row["label"]: row["cells"] for row in content["rows"]}


def means(output: Path, key: str, row: str) -> dict[str, float]:
    return {name: cell["mean"] for name, cell in table_of(output, key)[row].items()}


def told(classifier: Classifier, root: Path, dataset: str = "eurosat-mosaic") -> list[tuple[set[str], set[str]]]:
    """True classes of each test image and those that a classifier gives, image by image."""
    found = []
    for place in open_source(dataset, root, "test"):
        said = classifier(torch.from_numpy(place.days[0].optical)[None], place.bands)[0]
        given = {name for name, share in zip(classifier.card.classes, said.tolist(), strict=True) if share >= 0.5}
        found.append((set(place.labels), given))
    return found


def test_the_report_says_what_counting_says(data: Path, tmp_path: Path, tiny: str) -> None:
    logged = evaluate(data, tmp_path / "r.html", tiny)
    images = told(load(tiny), data)
    hits = [len(true & given) for true, given in images]
    recalls = [hit / len(true) for hit, (true, _) in zip(hits, images, strict=True)]
    f2 = [5 * hit / (4 * len(true) + len(given)) for hit, (true, given) in zip(hits, images, strict=True)]

    found = means(tmp_path / "r.html", "images", "tiny")
    forest = means(tmp_path / "r.html", "classes_1", "Forest")

    assert sum(hits) > 0
    assert found["recall"] == pytest.approx(np.mean(recalls))
    assert found["f2"] == pytest.approx(np.mean(f2))
    assert found["accuracy"] == pytest.approx(np.mean([true == given for true, given in images]))
    assert found["given"] == pytest.approx(np.mean([len(given) for _, given in images]))
    assert forest["images"] == sum("Forest" in true for true, _ in images)
    assert forest["given"] == sum("Forest" in given for _, given in images)
    assert any("Mean over the images" in text and "tiny" in text for text in logged)
    assert "chosen on validation images in training" in (tmp_path / "r.html").read_text()


def test_rows_that_look_at_nothing_come_along(data: Path, tmp_path: Path, tiny: str) -> None:
    evaluate(data, tmp_path / "r.html", tiny)
    labels = [set(place.labels) for place in open_source("eurosat-mosaic", data, "test")]
    rows = table_of(tmp_path / "r.html", "images")
    every = means(tmp_path / "r.html", "images", "all classes, always")
    frequent = next(name for name in rows if "most frequent" in name)

    assert every["recall"] == 1
    assert every["precision"] == pytest.approx(np.mean([len(one) / 10 for one in labels]))
    assert rows[frequent]["f1"]["mean"] >= every["f1"]
    assert rows[frequent]["f1"]["low"] < rows[frequent]["f1"]["mean"] < rows[frequent]["f1"]["high"]
    assert "threshold" not in rows[frequent]
    assert list(rows)[-1] == "tiny"


def test_classes_are_compared_by_name_whatever_their_order(data: Path, tmp_path: Path, tiny: str) -> None:
    """The same network with its classes in reverse says the same."""
    classifier = load(tiny)
    network = classifier.network
    with torch.no_grad():
        network.fc.weight.copy_(network.fc.weight.flip(0))
        network.fc.bias.copy_(network.fc.bias.flip(0))
    turned = tmp_path / "turned.safetensors"
    card = dataclasses.replace(classifier.card, name="turned", classes=classifier.card.classes[::-1])
    save(str(turned), card, network)

    evaluate(data, tmp_path / "r.html", tiny, str(turned))

    assert means(tmp_path / "r.html", "classes", "turned") == means(tmp_path / "r.html", "classes", "tiny")
    difference = table_of(tmp_path / "r.html", "differences")["turned"]["f1"]
    assert (difference["mean"], difference["low"], difference["high"]) == (0, 0, 0)


def test_of_images_of_one_class_the_report_says_so(data: Path, tmp_path: Path) -> None:
    file = write_classifier(tmp_path / "one.safetensors", activation="softmax", threshold=0.0)
    evaluate(data, tmp_path / "r.html", file, dataset="eurosat-rgb")
    found = means(tmp_path / "r.html", "images", "one")

    assert "Every image here has one class only" in (tmp_path / "r.html").read_text()
    assert found["precision"] == found["recall"] == found["f1"] == found["f2"] == found["accuracy"]
    assert found["given"] == 1


def test_two_of_one_name_are_told_apart_by_their_files(data: Path, tmp_path: Path) -> None:
    files = [write_classifier(tmp_path / f"{seed}.safetensors", seed, name="same") for seed in (1, 2)]
    evaluate(data, tmp_path / "r.html", *files)

    assert list(table_of(tmp_path / "r.html", "images"))[-2:] == files


def test_a_limit_draws_images_by_the_seed(data: Path, tmp_path: Path, tiny: str) -> None:
    def facts(name: str, **options: int) -> tuple[str, Any]:
        evaluate(data, tmp_path / name, tiny, **options)
        content = json.loads((tmp_path / name).with_suffix(".json").read_text())
        return content["facts"]["Data"], content["tables"]["classes_1"]

    first, again, other = (facts(f"{n}.html", limit=9, seed=seed) for n, seed in enumerate((0, 0, 1)))

    assert "9 images" in first[0]
    assert first == again
    assert first[1] != other[1]


def test_a_bad_image_is_left_out_and_named(data: Path, tmp_path: Path, tiny: str) -> None:
    root = Path(shutil.copytree(data, tmp_path / "chips"))
    source = open_source("eurosat-rgb", root, "test")
    bad = next(root.rglob(f"{source.names[0].partition('/')[2]}.jpg"))
    bad.write_bytes(b"")
    logged = evaluate(root, tmp_path / "r.html", tiny, dataset="eurosat-rgb")

    assert any(f"{source.names[0]} is left out" in text for text in logged)
    facts = json.loads((tmp_path / "r.json").read_text())["facts"]
    assert f"{len(source) - 1} images" in facts["Data"]


def other_classes(folder: Path) -> str:
    return write_classifier(folder / "other.safetensors", classes=[*eurosat.CLASSES[:-1], "Glacier"])


def fewer_classes(folder: Path) -> str:
    return write_classifier(folder / "fewer.safetensors", classes=list(eurosat.CLASSES[:-2]))


def infrared(folder: Path) -> str:
    return write_classifier(folder / "infrared.safetensors", bands=["B4", "B8"])


def trained_here(folder: Path) -> str:
    return write_classifier(folder / "knows.safetensors", training_data=["eurosat-mosaic: 9 images"])


def no_classifier(folder: Path) -> str:
    (folder / "notes.txt").write_text("no weights")
    return str(folder / "notes.txt")


@pytest.mark.parametrize(
    ("make", "options", "kind", "words"),
    [
        (no_classifier, {}, ModelError, "cannot be read as a .safetensors file"),
        (lambda folder: str(folder / "gone.safetensors"), {}, ModelError, "gone.safetensors"),
        (other_classes, {}, ModelError, "it lacks SeaLake; it alone has Glacier"),
        (fewer_classes, {}, ModelError, "it lacks River, SeaLake"),
        (infrared, {}, ModelError, "needs all of B4, B8; the image has B4, B3, B2"),
        (trained_here, {"split": "train"}, UsageError, "knows has learned from these images"),
        (None, {"dataset": None}, UsageError, "No data set was named"),
        (None, {"dataset": "rice"}, UsageError, "'rice' has no classes"),
        (None, {"split": "exam"}, UsageError, "no split 'exam'"),
        (None, {"dataset": "bigearthnet-v1"}, InputError, "was expected to hold"),
        (None, {"device": "tpu"}, UncloudedError, "tpu"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    make: Any, options: dict[str, Any], kind: type[UncloudedError], words: str, data: Path, tmp_path: Path, tiny: str
) -> None:
    job = EvaluateClassifiers(
        "1",
        str(tmp_path / "r.html"),
        str(data),
        "eurosat-mosaic",
        classifiers=[make(tmp_path) if make else tiny],
    )
    with pytest.raises(kind, match=words) as caught:
        evaluate_classifiers(dataclasses.replace(job, **options), Reporter("1", lambda event: None))

    assert caught.value.hint
    assert not (tmp_path / "r.html").exists()


def test_the_same_classifier_twice_is_refused(data: Path, tmp_path: Path, tiny: str) -> None:
    copy = shutil.copy(tiny, tmp_path / "copy.safetensors")

    for other in (tiny, str(copy)):
        with pytest.raises(UsageError, match="are the same classifier"):
            evaluate(data, tmp_path / "r.html", tiny, other)


def test_an_empty_split_is_refused(tmp_path: Path, tiny: str) -> None:
    eurosat_mosaic(tmp_path / "few", chips=1)

    with pytest.raises(InputError, match="no place of the split 'test'"):
        evaluate(tmp_path / "few", tmp_path / "r.html", tiny)


def test_an_existing_report_is_told_before_the_work(data: Path, tmp_path: Path) -> None:
    (tmp_path / "r.html").write_text("mine")

    with pytest.raises(OutputError):
        evaluate(data, tmp_path / "r.html", str(tmp_path / "gone.safetensors"))
    assert (tmp_path / "r.html").read_text() == "mine"


def test_images_without_labels_are_refused(tmp_path: Path) -> None:
    """Of BigEarthNet, whose one clear patch lost its labels."""
    root = bigearthnet_v1(tmp_path / "ben")
    facts = root / "BigEarthNet-v1.0" / CLEAR_PATCH / f"{CLEAR_PATCH}_labels_metadata.json"
    facts.write_text(json.dumps({"labels": []}))
    file = write_classifier(
        tmp_path / "ben.safetensors", classes=list(bigearthnet.CLASSES), bands=list(bigearthnet.BANDS)
    )

    with pytest.raises(InputError, match="Not one image of bigearthnet-v1 can be read and has a class"):
        evaluate(root, tmp_path / "r.html", file, dataset="bigearthnet-v1", split="train")


def test_bigearthnet_is_measured(tmp_path: Path) -> None:
    root = bigearthnet_v1(tmp_path / "ben")
    file = write_classifier(
        tmp_path / "ben.safetensors", classes=list(bigearthnet.CLASSES), bands=list(bigearthnet.BANDS)
    )
    evaluate(root, tmp_path / "r.html", file, dataset="bigearthnet-v1", split="train")
    cell = table_of(tmp_path / "r.html", "images")["ben"]["recall"]

    assert 0 <= cell["mean"] <= 1
    assert cell["low"] is None


def test_real_chips_are_told_by_the_bundled_classifier(real_data: Path, tmp_path: Path) -> None:
    """Images of one class: its figures are those of its own training, on the same images."""
    bundled = Path(__file__).parents[4] / "resources" / "classifiers" / "landcover.safetensors"
    evaluate(real_data, tmp_path / "r.html", str(bundled), dataset="eurosat-rgb")
    row = next(iter(reversed(table_of(tmp_path / "r.html", "images"))))

    scores = load(str(bundled)).card.scores["test"]
    assert means(tmp_path / "r.html", "images", row)["accuracy"] == pytest.approx(scores["accuracy"], abs=0.02)
