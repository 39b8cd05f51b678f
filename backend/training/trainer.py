"""Lightning's trainer, as a recipe asks for it, and silent."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from ..devices import find_device
from ..errors import DeviceError, UsageError
from ..reporting import Reporter
from .callbacks import Guard, Keep, Log, Report
from .pictures import Pictures
from .processes import TIMEOUT
from .recipe import Recipe
from .schemes import find_scheme
from .system import MONITOR

PRECISION: dict[int | str, Any] = {32: "32-true", "bf16": "bf16-mixed", 16: "16-mixed"}


def is_first() -> bool:
    """Whether this process is the only one of a training, or the first of several."""
    return int(rank_zero_only.rank) == 0  # type: ignore[attr-defined]


def make_trainer(recipe: Recipe, folder: Path, device: str, report: Reporter) -> L.Trainer:
    """Makes the trainer of a run.

    Args:
        recipe: How long, how precisely and on how many devices.
        folder: Of the run.
        device: See devices.find_device.
        report: Hears of it.

    Raises:
        DeviceError: There are not so many such devices here.
        UsageError: There are more or fewer processes than the recipe says.
    """
    wanted, started = recipe.fit.devices * recipe.fit.nodes, _started()
    if started and started != wanted:
        raise UsageError(
            f"{started} processes were started; the recipe wants {wanted} "
            f"(fit.devices={recipe.fit.devices}, fit.nodes={recipe.fit.nodes}).",
            "Start as many as these say, or change them.",
        )
    try:
        return _trainer(recipe, folder, device, report)
    except MisconfigurationException as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DeviceError(
            f"There are no {recipe.fit.devices} devices here: {reason}.", "Change fit.devices."
        ) from error


def _started() -> int:
    """Gives how many processes torchrun or srun has started; 0 if neither has."""
    told = (os.environ.get(name) for name in ("WORLD_SIZE", "SLURM_STEP_NUM_TASKS"))
    return int(next(filter(None, told), 0))


def _trainer(recipe: Recipe, folder: Path, device: str, report: Reporter) -> L.Trainer:
    fit = recipe.fit
    chosen = find_device(device)
    many = fit.devices * fit.nodes > 1
    patience = [EarlyStopping(MONITOR, patience=fit.patience)] if fit.patience else []
    trainer = L.Trainer(
        accelerator={"cuda": "gpu"}.get(chosen.type, chosen.type),
        devices=fit.devices if many or chosen.type != "cuda" else [chosen.index or 0],
        num_nodes=fit.nodes,
        strategy=find_strategy(recipe, find_scheme(recipe.scheme).in_turns),
        precision=PRECISION[fit.precision],
        max_epochs=fit.epochs,
        callbacks=[Guard(), Log(folder), Pictures(folder), Report(report), *patience, Keep(folder)],
        logger=TensorBoardLogger(folder, name="", version="tensorboard", default_hp_metric=False),
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    leave_signals(trainer)
    return trainer


def find_strategy(recipe: Recipe, in_turns: bool = False) -> DDPStrategy | str:
    """Says how processes work together.

    Args:
        recipe: How many there are.
        in_turns: Whether a step has parts that move some of the weights only.
    """
    if recipe.fit.devices * recipe.fit.nodes == 1:
        return "auto"
    return DDPStrategy(find_unused_parameters=in_turns, timeout=TIMEOUT)


def leave_signals(trainer: L.Trainer) -> None:
    """Leaves signals to whom they were before the training: Lightning's handler waits for processes amid their work."""
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps Lightning from saying what the reporter says, and from advice that does not apply."""
    names = ("lightning", "lightning.pytorch", "lightning.fabric", "lightning_utilities")
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
