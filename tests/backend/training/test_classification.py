"""Classifiers learn classes that can be told, go on as if never stopped, and come out as files with honest cards."""

import csv
import dataclasses
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from unclouded.backend.classifier import load
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.datasets.splits import by_hash
from unclouded.backend.errors import Cancelled, UsageError
from unclouded.backend.protocol import TrainGenerator
from unclouded.backend.reporting import Reporter
from unclouded.backend.training.classification import Classification, Settings, classes_of, label_loss, mixed
from unclouded.backend.training.labelled import LabelledImages, View
from unclouded.backend.training.recipe import Recipe, read_recipe
from unclouded.backend.training.run import train
from unclouded.backend.training.trainer import quiet

COLOURS = {"AnnualCrop": (180, 150, 120), "Forest": (30, 60, 70), "SeaLake": (40, 70, 160)}
EACH = 20
SHORT = ["fit.epochs=2", "data.window_px=32", "fit.batch=16", "fit.precision=32", "settings.learning_rate=0.003"]


@pytest.fixture(scope="module")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as EuroSAT's RGB images: three of its classes, told by their colours."""
    root, random = tmp_path_factory.mktemp("eurosat"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir()
        for number in range(EACH):
            pixels = np.clip(random.normal(colour, 12, (64, 64, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{name}_{number}.jpg")
    return root


def job(chips: Path, folder: Path, *changes: str, **options: object) -> TrainGenerator:
    return TrainGenerator(
        "1", "landcover_teacher", str(folder), data=str(chips), settings=[*SHORT, *changes], device="cpu", **options
    )


def run(*arguments: object, **options: object) -> str:
    return train(job(*arguments, **options), Reporter("1", lambda event: None)).output  # type: ignore[arg-type]


def log_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def count_of(split: str) -> int:
    return sum(by_hash(f"{name}_{number}") == split for name in COLOURS for number in range(EACH))


def test_a_run_learns_and_writes_a_classifier_that_is_scored_on_unseen_images(chips: Path, tmp_path: Path) -> None:
    classifier = load(run(chips, tmp_path / "run", "fit.epochs=4"))
    card = classifier.card
    scores = card.scores["test"]

    assert scores["images"] == count_of("test") > 0
    assert scores["accuracy"] == scores["f1"] >= 0.8
    assert card.scores["validation"]["images"] == count_of("validation")
    assert card.training_data == [f"eurosat: {count_of('train')} images"]
    assert (card.bands, card.threshold, card.activation) == (["B2", "B3", "B4"], 0.0, "softmax")
    forest = torch.tensor(COLOURS["Forest"][::-1])[None, :, None, None] / 255 * 0.275 * torch.ones(1, 3, 64, 64)
    assert card.classes[int(classifier(forest, card.bands).argmax())] == "Forest"


def test_a_run_that_was_stopped_goes_on_as_if_it_never_was(chips: Path, tmp_path: Path) -> None:
    changes = ("fit.schedule=constant",)
    whole = load(run(chips, tmp_path / "whole", *changes))
    run(chips, tmp_path / "parts", *changes, "fit.epochs=1")
    parts = load(run(chips, tmp_path / "parts", *changes, resume=True))

    assert log_of(tmp_path / "parts") == log_of(tmp_path / "whole")
    assert parts.card.sha256 == whole.card.sha256


def test_a_run_that_is_given_up_writes_no_classifier_and_can_be_gone_on_with(chips: Path, tmp_path: Path) -> None:
    def given_up() -> bool:
        return (tmp_path / "run" / "last.ckpt").exists()

    with pytest.raises(Cancelled):
        train(job(chips, tmp_path / "run"), Reporter("1", lambda event: None, given_up))

    assert not list(tmp_path.glob("run/*.safetensors"))
    assert [row["epoch"] for row in log_of(tmp_path / "run")] == ["1"]
    run(chips, tmp_path / "run", resume=True)
    assert [row["epoch"] for row in log_of(tmp_path / "run")] == ["1", "2"]


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        (["data.name=rice"], {}, "'rice' has no classes"),
        (["fit.average=0.99"], {}, "fit.average and fit.patience do not apply"),
        ([], {"start_from": "default"}, "trains a classifier on labelled images"),
        (["settings.activation=argmax"], {}, "cannot be used"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(
    chips: Path, tmp_path: Path, changes: list[str], options: dict, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        run(chips, tmp_path / "run", *changes, **options)


SCORES = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
TARGET = torch.tensor([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_loss_is_the_cross_entropy_with_the_shares(smoothing: float) -> None:
    wanted = TARGET * (1 - smoothing) + smoothing / 3
    shares = SCORES.exp() / SCORES.exp().sum(dim=1, keepdim=True)

    torch.testing.assert_close(label_loss(SCORES, TARGET, "softmax", smoothing), -(wanted * shares.log()).sum() / 2)


def test_sigmoid_loss_takes_each_class_for_itself() -> None:
    chance = 1 / (1 + (-SCORES).exp())
    likelihood = torch.where(TARGET > 0, chance, 1 - chance)

    torch.testing.assert_close(label_loss(SCORES, TARGET, "sigmoid", 0.0), -likelihood.log().mean())


def test_images_are_mixed_as_their_targets_are_and_with_their_kind() -> None:
    torch.manual_seed(0)
    kind = torch.tensor([3.0, 13.0, 3.0, 13.0, 3.0, 13.0])

    channels, target = mixed(torch.eye(6)[:, :, None, None], torch.eye(6), kind, alpha=1.0)

    torch.testing.assert_close(channels[:, :, 0, 0], target)
    torch.testing.assert_close(target.sum(dim=1), torch.ones(6))
    assert (target.amax(dim=1) < 1).sum() >= 2
    assert target[kind == 3][:, kind == 13].abs().max() == target[kind == 13][:, kind == 3].abs().max() == 0
    assert all(target[:, each].sum() == pytest.approx(1) for each in range(6))


def several_classes(seed: int, count: int) -> Loaded:
    """Images of two to three halves: dark is water, bright is town, and both may be in one."""
    random = np.random.default_rng(seed)
    places = []
    for index in range(count):
        optical = random.normal(0.05, 0.02, (3, 32, 32)).astype(np.float32)
        labels = [("River",), ("Industrial",), ("River", "Industrial")][index % 3]
        if "Industrial" in labels:
            optical[:, : 16 if len(labels) == 2 else 32] += 0.3
        places.append(Place(f"fake/{seed}/{index}", ("B2", "B3", "B4"), "L1C", [clear_day(optical)], labels=labels))
    return Loaded(places)


@pytest.mark.parametrize(("activation", "alone"), [("softmax", 0.5), ("sigmoid", 0.0)])
def test_images_of_several_classes_are_learned(activation: str, alone: float, tmp_path: Path) -> None:
    view = View(single_label_share=alone)
    settings = Settings(activation=activation, learning_rate=0.003, view=view)  # type: ignore[arg-type]
    recipe = dataclasses.replace(read_recipe("landcover_teacher"), settings=settings)
    recipe = dataclasses.replace(recipe, fit=dataclasses.replace(recipe.fit, schedule="constant"))
    names, rgb = classes_of(recipe), ("B2", "B3", "B4")
    torch.manual_seed(0)
    system = Classification(recipe, dict.fromkeys(rgb, 0.2), dict.fromkeys(rgb, 0.15))
    learned = LabelledImages(several_classes(0, 48), rgb, names, 32, view, epoch=0)
    scored = LabelledImages(several_classes(1, 24), rgb, names, 32, view)
    options = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)

    with quiet():
        trainer = L.Trainer(max_epochs=8, accelerator="cpu", num_sanity_val_steps=0, **options)
        trainer.fit(system, DataLoader(learned, batch_size=12), DataLoader(scored, batch_size=24))

    assert 0 < system.figures["threshold"] < 0.6
    assert system.figures["f1"] > 0.9
    assert system.figures["recall"] > 0.9


def published(name: str) -> Recipe:
    return read_recipe(name)


def test_the_recipes_of_the_papers_are_as_published() -> None:
    eurosat, bigearthnet = published("eurosat_resnet50"), published("bigearthnet_resnet18")

    assert eurosat.fit.milestones == (50, 100, 200, 250)
    assert (eurosat.fit.schedule, eurosat.fit.divide_by) == ("steps", 5)
    assert (eurosat.settings.optimizer, eurosat.settings.learning_rate) == ("adam", 1e-3)
    assert (eurosat.generator.preset, len(eurosat.bands), len(classes_of(eurosat))) == ("resnet50", 13, 10)
    assert (bigearthnet.settings.activation, bigearthnet.settings.view.single_label_share) == ("softmax", 0.5)
    assert (bigearthnet.generator.preset, len(bigearthnet.bands), len(classes_of(bigearthnet))) == ("resnet18", 12, 43)
