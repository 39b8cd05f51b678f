"""A run that trains a classifier: labelled images in, checkpoints and a log in its folder, a `.safetensors` out."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from .. import classifier
from ..classifier import Classifier, ClassifierCard
from ..datasets import registry
from ..datasets.collection import data_root
from ..datasets.source import Loaded, Source, Tolerant
from ..devices import find_device
from ..errors import Cancelled, InputError, UsageError
from ..label_metrics import give_labels, label_scores
from ..protocol import Done, TrainGenerator
from ..reporting import Reporter
from .callbacks import LAST, Report
from .classification import Classification, classes_of, parameters_of
from .curves import LOG
from .distillation import Distillation, together, unlabelled
from .export import check_output
from .labelled import MEANINGLESS, Batch, LabelledImages, View, in_memory, scaling
from .loaders import Turns, load, starter
from .processes import all_processes
from .recipe import Recipe
from .run import prepare, train
from .schemes import CLASSIFIERS
from .trainer import PRECISION, find_strategy, is_first, leave_signals, quiet


@dataclass(frozen=True)
class Images:
    training: Source
    validation: Source
    """Chooses the threshold, and nothing else."""
    test: Source | None


def train_classifier(recipe: Recipe, job: TrainGenerator, report: Reporter) -> Done:
    """Trains a classifier. It is that of the last epoch: none is chosen by its scores, so that they can be believed.

    Given up, the run can be gone on with from the last whole epoch.

    Raises:
        UncloudedError: The subclass says what is wrong.
    """
    _check(recipe, job)
    folder = Path(job.folder)
    output = job.output or str(folder / f"{recipe.name}.safetensors")
    check_output(output, job.overwrite or job.resume)
    started = prepare(folder, recipe, job.resume)
    report.progress(0.0, "reading the data")
    images = open_images(recipe, job)
    report.log("info", f"{len(images.training)} images to learn from, {len(images.validation)} to validate on.")
    factor = 1.0 if recipe.scheme == "distillation" else recipe.settings.view.reflectance_range
    torch.manual_seed(recipe.fit.seed)
    system = CLASSIFIERS[recipe.scheme](recipe, *scaling(images.training, recipe.bands, factor))
    feed = Feed(recipe, images, job.workers)
    try:
        with quiet():
            trainer = make_trainer(recipe, folder, job.device, report)
            with all_processes(trainer, train, job, report):
                trainer.fit(system, feed, ckpt_path=str(folder / LAST) if started else None, weights_only=True)
    except SystemExit as error:  # Lightning turns Ctrl+C and SIGTERM into it
        raise Cancelled from error
    if is_first():
        card = _finish(recipe, job, system.cpu(), images, feed)
        classifier.save(output, card, system.network)
        report.log("info", "; ".join(f"{split}: {_in_words(card.scores[split])}" for split in feed.held) + ".")
    return Done(job.id, output)


def _finish(recipe: Recipe, job: TrainGenerator, system: Classification, images: Images, feed: Feed) -> ClassifierCard:
    """Scores a trained classifier with its weights as a file holds them."""
    system.network.half().float()
    card = make_card(recipe, system, images)
    changes = " ".join(f"--set {change}" for change in job.settings)
    scores: dict[str, Any] = {"command": f"unclouded train {job.recipe} {changes}".strip()}
    scores |= score(Classifier(card, system.network), recipe, feed)
    if isinstance(system, Distillation):
        scores["agreement with the teacher"] = system.agreement(unlabelled(data_root(), "validation"))
        scores["teacher"] = system.teacher.card.scores
    return dataclasses.replace(card, scores=scores)


def _check(recipe: Recipe, job: TrainGenerator) -> None:
    if job.images or job.start_from:
        raise UsageError(f"The recipe {recipe.name} trains a classifier on labelled images.", "Give its data set only.")
    if recipe.fit.average or recipe.fit.patience:
        raise UsageError(
            "A classifier is that of the last epoch: fit.average and fit.patience do not apply.", "Leave them out."
        )


def open_images(recipe: Recipe, job: TrainGenerator) -> Images:
    """Opens what is learned from and what is held back.

    Raises:
        UncloudedError: The data set is not there, or has no classes.
    """
    classes_of(recipe)
    root = registry.labelled_root_of(recipe.data.name, job.data)
    opened: dict[str, Source] = {}
    for split in ("train", "validation", "test"):
        try:
            source = Tolerant(registry.open_source(recipe.data.name, root, split), recipe.data.on_bad_file)
        except InputError:
            if split != "test":
                raise
            continue
        opened[split] = in_memory(source, len(recipe.bands), recipe.data.window_px)
    training = opened["train"]
    if recipe.scheme == "distillation":
        factor = recipe.settings.view.reflectance_range
        training = together(Loaded(list(training)), unlabelled(data_root(), "train"), factor)
    return Images(training, opened["validation"], opened.get("test"))


class Feed(L.LightningDataModule):
    """The loaders of a run.

    Args:
        recipe: What is learned.
        images: What from.
        workers: Processes that draw images; 0: none beside the training.
    """

    def __init__(self, recipe: Recipe, images: Images, workers: int) -> None:
        super().__init__()
        self.images = images
        self._recipe, self._workers = recipe, workers
        starter(workers)

    def train_dataloader(self) -> DataLoader[Batch]:
        """The images of the trainer's current epoch."""
        recipe, places = self._recipe, self.images.training
        view = recipe.settings.view
        if recipe.scheme == "distillation":  # its labelled images have been brightened already
            view = dataclasses.replace(view, reflectance_range=1.0)
        begin = partial(self._begin(places, view), recipe.fit.seed)
        return self._loader(begin, self._turns(places, self._epoch), drop_last=len(places) > recipe.fit.batch)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The images of the validation, as they are."""
        places = self.images.validation
        return self._loader(self._as_they_are(places), self._turns(places, lambda: MEANINGLESS), drop_last=False)

    @property
    def held(self) -> dict[str, Source]:
        """The images that are held back, by split."""
        images = self.images
        return {"validation": images.validation} | ({"test": images.test} if images.test is not None else {})

    def held_back(self, places: Source) -> DataLoader[Batch]:
        """Some images, all of them, as they are."""
        return self._loader(self._as_they_are(places), Turns(len(places), lambda: MEANINGLESS), drop_last=False)

    def _epoch(self) -> int:
        return self.trainer.current_epoch if self.trainer else 0

    def _turns(self, places: Source, epoch: Callable[[], int]) -> Turns:
        trainer = self.trainer
        return Turns(len(places), epoch, *((trainer.global_rank, trainer.world_size) if trainer else (0, 1)))

    def _as_they_are(self, places: Source) -> partial[LabelledImages]:
        return partial(self._begin(places, self._recipe.settings.view), 0)

    def _begin(self, places: Source, view: View) -> partial[LabelledImages]:
        recipe = self._recipe
        return partial(LabelledImages, places, recipe.bands, classes_of(recipe), recipe.data.window_px, view)

    def _loader(self, begin: partial[LabelledImages], turns: Turns, drop_last: bool) -> DataLoader[Batch]:
        return load(begin, turns, self._workers, batch_size=self._recipe.fit.batch, drop_last=drop_last)


class Notes(Callback):
    """Tells a reporter what an epoch has brought, and writes it into log.csv.

    Args:
        folder: Of the run.
        report: Is told.
    """

    def __init__(self, folder: Path, report: Reporter) -> None:
        self._path, self._report = folder / LOG, report

    def on_train_epoch_end(self, trainer: L.Trainer, system: L.LightningModule) -> None:
        """Adds a line, in place of that of the same epoch of a run that was broken off."""
        if not isinstance(system, Classification) or not trainer.is_global_zero:
            return
        epoch = trainer.current_epoch + 1
        figures = system.losses | {f"validation_{name}": value for name, value in system.figures.items()}
        self._report.losses(epoch, figures)
        rows: list[dict[str, Any]] = []
        if self._path.exists():
            with self._path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if int(row["epoch"]) < epoch]
        rows.append({"epoch": epoch, **{name: f"{value:.6g}" for name, value in figures.items()}})
        with self._path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[-1])
            writer.writeheader()
            writer.writerows(rows)


def make_trainer(recipe: Recipe, folder: Path, device: str, report: Reporter) -> L.Trainer:
    """Makes Lightning's trainer for a recipe."""
    fit, chosen = recipe.fit, find_device(device)
    many = fit.devices * fit.nodes > 1
    trainer = L.Trainer(
        accelerator={"cuda": "gpu"}.get(chosen.type, chosen.type),
        devices=fit.devices if many or chosen.type != "cuda" else [chosen.index or 0],
        num_nodes=fit.nodes,
        strategy=find_strategy(recipe),
        precision=PRECISION[fit.precision],
        max_epochs=fit.epochs,
        accumulate_grad_batches=fit.accumulate,
        gradient_clip_val=fit.clip or None,
        callbacks=[Report(report), Notes(folder, report), _keep_last(folder)],
        logger=TensorBoardLogger(folder, name="", version="tensorboard"),
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=10,
    )
    leave_signals(trainer)
    return trainer


def _keep_last(folder: Path) -> ModelCheckpoint:
    return ModelCheckpoint(folder, filename=Path(LAST).stem, save_on_train_epoch_end=True, enable_version_counter=False)


def make_card(recipe: Recipe, system: Classification, images: Images) -> ClassifierCard:
    """Makes the card of a trained classifier, without scores."""
    settings = recipe.settings
    return ClassifierCard(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        description=settings.description,
        parameters=parameters_of(system.network),
        classes=list(system.classes),
        activation=settings.activation,
        threshold=system.figures["threshold"],
        bands=list(recipe.bands),
        mean=_by_band(recipe, system.mean),
        deviation=_by_band(recipe, system.deviation),
        presence=system.presence,
        window_px=recipe.data.window_px,
        training_data=[f"{name}: {count} images" for name, count in Counter(_data_sets(images.training)).items()],
        licence=settings.licence or f"that of the data it was trained on: {recipe.data.name}",
        citation=recipe.citation,
    )


def _by_band(recipe: Recipe, values: torch.Tensor) -> dict[str, float]:
    return {name: round(float(value), 5) for name, value in zip(recipe.bands, values.flatten(), strict=True)}


def _in_words(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {scores[name]:.3f}" for name in ("accuracy", "precision", "recall", "f1", "f2"))


def _data_sets(places: Source) -> list[str]:
    """Gives the beginning of each name."""
    return [name.partition("/")[0] for name in places.names]


def score(trained: Classifier, recipe: Recipe, feed: Feed) -> dict[str, Any]:
    """Scores a classifier, as it was saved, on the images held back."""
    found: dict[str, Any] = {}
    for split, places in feed.held.items():
        said, truth = [], []
        for batch in feed.held_back(places):
            there = [name for name, present in zip(recipe.bands, batch["present"][0], strict=True) if present]
            slots = [recipe.bands.index(name) for name in there]
            with torch.inference_mode():
                said.append(trained(batch["reflectance"][:, slots], there))
            truth.append(batch["target"] > 0)
        right, given = torch.cat(truth).numpy(), give_labels(torch.cat(said).numpy(), trained.card.threshold)
        found[split] = {"images": len(right), **{k: round(v, 4) for k, v in label_scores(right, given).items()}}
    return found
