"""A training run: a job in, checkpoints, logs and pictures in its folder, and at the end a generator."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from ..card import Card, read_card
from ..datasets import registry
from ..datasets.collection import Collection
from ..encoding import Encoding, read_encoding
from ..errors import Cancelled, InputError, ModelError, OutputError, TrainingDiverged, UsageError
from ..installed import find_model
from ..models import weights
from ..models.spectral import load_plain
from ..protocol import Done, TrainGenerator
from ..reporting import Reporter
from .callbacks import BEST, LAST
from .export import check_output, export_checkpoint, read_checkpoint
from .feed import Feed
from .processes import ProcessLost, all_processes
from .recipe import Recipe, make_recipe, read_recipe, recipe_facts, recipes
from .schemes import CLASSIFIERS, find_scheme
from .system import System
from .trainer import is_first, make_trainer, quiet

RECIPE = "recipe.yaml"
OWN_IMAGES = "scenes"
"""The data set of a user's own images."""
OF_IMAGES = (
    f"data.name={OWN_IMAGES}",
    'data.clear=""',
    "data.choices.clouds=simulated",
    "data.choices.real_dates=false",
)
"""What a recipe becomes for them."""


def train(job: TrainGenerator, report: Reporter) -> Done:
    """Trains a generator, or the classifier of a recipe that says so.

    Cancelled or diverged, the run keeps its best checkpoint, and the best generator so far is written, too. Where
    several processes train, all of them call this; only the first writes anything.

    Raises:
        UncloudedError: The subclass says what is wrong.
    """
    recipe = find_recipe(job)
    if recipe.scheme in CLASSIFIERS:
        from .classifier_run import train_classifier

        return train_classifier(recipe, job, report)
    folder = Path(job.folder)
    output = job.output or str(folder / f"{recipe.name}.safetensors")
    check_output(output, job.overwrite or job.resume)
    begun = prepare(folder, recipe, job.resume)
    system = make_system(recipe)
    if job.start_from and not begun:
        _start_from(system, job.start_from)
    report.progress(0.0, "reading the data")
    training, validation, clear = open_data(recipe, job)
    if not begun and not job.start_from:
        system.begin_at(clear.prior)
    report.log("info", f"{len(training.places)} places to learn from, {len(validation.places)} to validate on.")
    feed = Feed(recipe, training, validation, clear if system.unpaired else None, job.workers)
    try:
        with quiet():
            trainer = make_trainer(recipe, folder, job.device, report)
            with all_processes(trainer, train, job, report):
                trainer.fit(system, feed, ckpt_path=folder / LAST if begun else None, weights_only=True)
    except (Cancelled, SystemExit) as error:  # Lightning makes SystemExit of KeyboardInterrupt
        raise Cancelled(_keep_best(folder, output, report)) from error
    except (TrainingDiverged, ProcessLost) as error:
        error.kept = _keep_best(folder, output, report)
        raise
    if is_first():
        export_checkpoint(str(folder / BEST), output, overwrite=True)
    return Done(job.id, output)


def make_system(recipe: Recipe) -> System:
    """Makes the networks of a recipe, always with the same weights.

    Raises:
        UsageError: There are no such networks, or they do not fit the rest of the recipe.
    """
    torch.manual_seed(recipe.fit.seed)
    try:
        return find_scheme(recipe.scheme)(recipe)
    except ModelError as error:
        raise UsageError(
            f"The networks of the recipe {recipe.name} cannot be made: {error.message}", "Change them in the recipe."
        ) from error


def find_recipe(job: TrainGenerator) -> Recipe:
    """Gives the recipe of a job: the one it names, or that of the generator from which it starts.

    Raises:
        UsageError: There is none.
        ModelError: The generator cannot be read.
    """
    changes = [*(OF_IMAGES if job.images else ()), *job.settings]
    if job.recipe:
        return read_recipe(job.recipe, changes)
    if not job.start_from:
        raise UsageError(
            "Neither a recipe nor a generator to start from was given.", f"Name one of {', '.join(recipes())}."
        )
    card = read_card(find_model(job.start_from))
    fitting = [name for name in recipes() if read_recipe(name).generator.architecture == card.architecture]
    if not fitting:
        raise UsageError(f"No recipe trains the network {card.architecture!r} of {card.name}.", "Give a recipe.")
    recipe = read_recipe(card.name if card.name in fitting else fitting[0], changes)
    tuned = dataclasses.replace(
        recipe,
        name=f"{card.name}-tuned",
        generator=dataclasses.replace(recipe.generator, parameters=card.parameters),
        bands=tuple(card.bands),
        encoding=_encoding(card),
    )
    return find_scheme(recipe.scheme).tuning(tuned)


def _encoding(card: Card) -> Encoding:
    """Gives the encoding of a card as its training had it."""
    return dataclasses.replace(read_encoding(card.encoding), spread=1.0)


def open_data(recipe: Recipe, job: TrainGenerator) -> tuple[Collection, Collection, Collection]:
    """Opens what is learned from, what is validated on, and where clear images of schemes without pairs come from.

    Raises:
        UncloudedError: A data set is not there, or not what the recipe names.
    """
    data = recipe.data
    root = registry.files(job.images) if job.images else registry.root_of(data.name, job.data)

    def opened(name: str, split: str) -> Collection:
        collection = registry.open_collection(name, root, split, data.on_bad_file)
        if not len(collection.places):
            raise InputError(f"The data set {name!r} in {root} has no places for {split}.", "Give more data.")
        return collection

    training, validation = opened(data.name, "train"), opened(data.clear or data.name, "validation")
    clear = opened(data.clear, "train") if data.clear else training
    return training, dataclasses.replace(validation, prior=clear.prior), clear


def prepare(folder: Path, recipe: Recipe, resume: bool) -> bool:
    """Makes the folder of a run ready.

    Returns:
        Whether it holds a run that is to be gone on with.
    """
    import yaml  # type: ignore[import-untyped]

    begun = (folder / LAST).exists()
    if resume and not begun:
        raise UsageError(f"{folder} holds no run to go on with ({LAST} is missing).", "Leave out --resume.")
    if begun and not resume:
        raise UsageError(f"{folder} holds a run already.", "Go on with it by --resume, or choose another folder.")
    if begun:
        _check_same(folder, recipe)
    try:
        if is_first():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / RECIPE).write_text(yaml.safe_dump(recipe_facts(recipe), sort_keys=False), encoding="utf-8")
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


def _start_from(system: System, model: str) -> None:
    """Gives a system, and the average of its weights, those of a generator."""
    recipe, (card, network) = system.recipe, weights.load(find_model(model))
    hint = "Choose a recipe of the same network, or leave the recipe out."
    if (tuple(card.bands), _encoding(card)) != (recipe.bands, recipe.encoding):
        raise UsageError(
            f"The generator {card.name} reads the bands {', '.join(card.bands)} in another way than the recipe "
            f"{recipe.name} ({', '.join(recipe.bands)}).",
            hint,
        )
    try:
        for generator in filter(None, (system.generator, system.averaged)):
            load_plain(generator, network.state_dict())
    except RuntimeError as error:
        raise UsageError(
            f"The generator {card.name} ({card.architecture} {card.parameters}) is not of the size of the recipe "
            f"{recipe.name} ({recipe.generator.architecture} {recipe.generator.full}).",
            hint,
        ) from error


def _keep_best(folder: Path, output: str, report: Reporter) -> str | None:
    """Writes the best generator so far and gives its path; None if no epoch has ended."""
    if not (folder / BEST).exists():
        return None
    if is_first():
        export_checkpoint(str(folder / BEST), output, overwrite=True)
    report.log("info", f"The best generator so far was written to {output}.")
    return output
