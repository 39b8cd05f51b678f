"""A training run: a job in, checkpoints, logs and pictures in its folder, and at the end a generator."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from ..card import read_card
from ..datasets import registry
from ..datasets.collection import Collection
from ..devices import find_device
from ..errors import Cancelled, InputError, OutputError, TrainingDiverged, UsageError
from ..installed import find_model
from ..models import weights
from ..protocol import Done, TrainGenerator
from ..reporting import Reporter
from .callbacks import CsvLog, Guard, Pictures, Report
from .data import Feed
from .export import check_output, export_checkpoint, read_checkpoint
from .recipe import Recipe, make_recipe, read_recipe, recipe_facts, recipes
from .schemes import find_scheme

BEST, LAST = "best.ckpt", "last.ckpt"
RECIPE = "recipe.yaml"
MONITOR = "validation_reconstruction"
PRECISION: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
OWN_IMAGES = "scenes"
"""The data set of a user's own images."""


def train(job: TrainGenerator, report: Reporter) -> Done:
    """Trains a generator.

    Cancelled or diverged, the run keeps its best checkpoint, and the best generator so far is written, too.

    Raises:
        UncloudedError: The subclass says what is wrong.
    """
    recipe = find_recipe(job)
    folder = Path(job.folder)
    output = job.output or str(folder / f"{recipe.name}.safetensors")
    check_output(output, job.overwrite or job.resume)
    started = _prepare(folder, recipe, job.resume)
    report.progress(0.0, "reading the data")
    training, validation = open_data(recipe, job)
    report.log("info", f"{len(training.places)} places to learn from, {len(validation.places)} to validate on.")
    system = find_scheme(recipe.scheme)(recipe)
    if job.start_from and not started:
        _start_from(system.generator, job.start_from, recipe)
    feed = Feed(recipe, training, validation, system.unpaired, job.workers)
    with quiet():
        trainer = make_trainer(recipe, folder, job.device, [Report(report)])
    try:
        with quiet():
            trainer.fit(system, feed, ckpt_path=str(folder / LAST) if started else None, weights_only=True)
    except Cancelled as error:
        raise Cancelled(_keep_best(folder, output, report)) from error
    except TrainingDiverged as error:
        error.kept = _keep_best(folder, output, report)
        raise
    if trainer.is_global_zero:
        export_checkpoint(str(folder / BEST), output, overwrite=True)
    return Done(job.id, output)


def find_recipe(job: TrainGenerator) -> Recipe:
    """Gives the recipe of a job: the one it names, or that of the generator from which it starts.

    Raises:
        UsageError: There is none.
        ModelError: The generator cannot be read.
    """
    changes = list(job.settings)
    if job.images:
        changes.append(f"data.name={OWN_IMAGES}")
    if job.recipe:
        return read_recipe(job.recipe, changes)
    if not job.start_from:
        raise UsageError(
            "Neither a recipe nor a generator to start from was given.", f"Name one of {', '.join(recipes())}."
        )
    card = read_card(find_model(job.start_from))
    for name in recipes():
        recipe = read_recipe(name, changes)
        if recipe.generator.architecture == card.architecture:
            choice = dataclasses.replace(recipe.generator, parameters=card.parameters)
            return dataclasses.replace(recipe, generator=choice, bands=tuple(card.bands), name=f"{card.name}-tuned")
    raise UsageError(f"No recipe trains the network {card.architecture!r} of {card.name}.", "Give a recipe.")


def open_data(recipe: Recipe, job: TrainGenerator) -> tuple[Collection, Collection]:
    """Opens what is learned from and what is validated on.

    Raises:
        UncloudedError: The data set is not there, or not what the recipe names.
    """
    root = registry.files(job.images) if job.images else registry.root_of(recipe.data.name, job.data)
    opened = [
        registry.open_collection(recipe.data.name, root, split, recipe.data.on_bad_file)
        for split in ("train", "validation")
    ]
    for split, collection in zip(("train", "validation"), opened, strict=True):
        if not len(collection.places):
            raise InputError(
                f"The data set {recipe.data.name!r} in {root} has no places for {split}.", "Give more data."
            )
    training, validation = opened
    return training, dataclasses.replace(validation, prior=training.prior)


def make_trainer(recipe: Recipe, folder: Path, device: str, further: list[Callback]) -> L.Trainer:
    """Makes Lightning's trainer for a recipe."""
    fit = recipe.fit
    chosen = find_device(device)
    many = fit.devices * fit.nodes > 1
    patience = [EarlyStopping(MONITOR, patience=fit.patience)] if fit.patience else []
    best = ModelCheckpoint(
        folder, filename=Path(BEST).stem, monitor=MONITOR, save_last=True, enable_version_counter=False
    )
    return L.Trainer(
        accelerator={"cuda": "gpu"}.get(chosen.type, chosen.type),
        devices=fit.devices if many or chosen.type != "cuda" else [chosen.index or 0],
        num_nodes=fit.nodes,
        strategy="ddp_find_unused_parameters_true" if many else "auto",
        precision=PRECISION[fit.precision],
        max_epochs=fit.epochs,
        callbacks=[Guard(), best, *patience, CsvLog(folder), Pictures(folder), *further],
        logger=TensorBoardLogger(folder, name="", version="tensorboard"),
        reload_dataloaders_every_n_epochs=1,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=10,
        use_distributed_sampler=True,
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps Lightning from saying what the reporter says, and from advice that does not apply."""
    names = ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero")
    before = [logging.getLogger(name).level for name in names]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", module="torch.utils.data")
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in zip(names, before, strict=True):
                logging.getLogger(name).setLevel(level)


def _prepare(folder: Path, recipe: Recipe, resume: bool) -> bool:
    """Makes the folder of a run ready.

    Returns:
        Whether it holds a run that is to be gone on with.
    """
    import yaml  # type: ignore[import-untyped]

    facts = recipe_facts(recipe)
    begun = (folder / LAST).exists()
    if resume and not begun:
        raise UsageError(f"{folder} holds no run to go on with ({LAST} is missing).", "Leave out --resume.")
    if begun and not resume:
        raise UsageError(f"{folder} holds a run already.", "Go on with it by --resume, or choose another folder.")
    if begun:
        _check_same(folder, recipe)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RECIPE).write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"The folder {folder} cannot be written: {error.strerror}.", "Choose another one.") from error
    return begun


def _check_same(folder: Path, recipe: Recipe) -> None:
    """A run may go on for longer, not with another network or scheme."""
    before = make_recipe(read_checkpoint(str(folder / LAST))["recipe"], str(folder / LAST))
    for what in ("name", "scheme", "generator", "bands", "encoding"):
        then, now = getattr(before, what), getattr(recipe, what)
        if then != now:
            raise UsageError(
                f"The run in {folder} has the {what} {then!r}, the recipe has {now!r}.",
                "Go on with the same recipe, or choose another folder.",
            )


def _start_from(generator: torch.nn.Module, model: str, recipe: Recipe) -> None:
    card, network = weights.load(find_model(model))
    try:
        generator.load_state_dict(network.state_dict())
    except RuntimeError as error:
        raise UsageError(
            f"The generator {card.name} ({card.architecture} {card.parameters}) is not of the size of the recipe "
            f"{recipe.name} ({recipe.generator.architecture} {recipe.generator.full}).",
            "Choose a recipe of the same network, or set generator.parameters.",
        ) from error


def _keep_best(folder: Path, output: str, report: Reporter) -> str | None:
    """Writes the best generator so far and gives its path; None if no epoch has ended."""
    if not (folder / BEST).exists():
        return None
    export_checkpoint(str(folder / BEST), output, overwrite=True)
    report.log("info", f"The best generator so far was written to {output}.")
    return output
