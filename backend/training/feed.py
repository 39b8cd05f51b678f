"""The loaders of a run, and what a card says of what went through them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import lightning as L
from torch.utils.data import DataLoader

from ..datasets.collection import Collection
from ..datasets.development import ORIGINS
from ..errors import InputError, UncloudedError
from .data import VALIDATION, Batch, Windows, carrying, joined
from .loaders import Turns, load, starter
from .recipe import Recipe

LICENCE = "that of the data it was trained on: {data}"
SHARED = "modified Copernicus Sentinel data and SEN12MS-CR (CC BY 4.0)"
"""What the development data are, for the licence."""
MOST_NAMED = 1000
"""Places of a data set that a card names; of more it gives the number."""


class Feed(L.LightningDataModule):
    """The loaders of a run.

    Of several processes, each takes every so-manieth item, so that their batches together are those that one process
    with so many times the batch would have.

    Args:
        recipe: What is learned.
        training: Places to learn from.
        validation: Places that are never learned from.
        clear: Places whose clear ground is `other`, for schemes that want it.
        workers: Processes that draw samples; 0: none beside the training.
    """

    def __init__(
        self, recipe: Recipe, training: Collection, validation: Collection, clear: Collection | None, workers: int
    ) -> None:
        super().__init__()
        self._training, self._validation = training, validation
        self._recipe, self._clear, self._workers = recipe, clear, workers
        starter(workers)

    @property
    def facts(self) -> dict[str, Any]:
        """What a card says of the data: the prior, the licence and what was seen."""
        learned_from = (self._training, self._clear or self._training)
        origins = ORIGINS if self._recipe.data.name == "shared" else {}
        used = [name for name in (self._recipe.data.name, self._recipe.data.clear) if name]
        return {
            "prior": learned_from[1].prior,
            "licence": LICENCE.format(data=", ".join(SHARED if name == "shared" else name for name in used)),
            "names": seen((name for collection in learned_from for name in collection.names), origins),
        }

    def train_dataloader(self) -> DataLoader[Batch]:
        """The samples of the trainer's current epoch."""
        return self._loader(self._training, self._clear, self._epoch, drop_last=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The same samples every time."""
        return self._loader(self._validation, None, lambda: VALIDATION, drop_last=False)

    def _epoch(self) -> int:
        return self.trainer.current_epoch if self.trainer else 0

    def on_before_batch_transfer(self, batch: Batch | UncloudedError, dataloader_idx: int) -> Batch:
        """Raises the error that drawing the batch ended with."""
        if isinstance(batch, UncloudedError):
            raise batch
        return batch

    def _loader(
        self, collection: Collection, clear: Collection | None, epoch: Callable[[], int], drop_last: bool
    ) -> DataLoader[Any]:
        recipe, count = self._recipe, len(Windows(collection, self._recipe, epoch()))
        processes, rank = (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)
        each = count // processes
        if not each:
            raise InputError(
                f"{count} scene(s) of the data set {recipe.data.name!r} cannot be divided among {processes} processes.",
                "Train on fewer devices, or raise data.samples and data.validation_samples.",
            )
        return load(
            partial(carrying, collection, recipe, clear),
            Turns(count, epoch, rank, processes),
            self._workers,
            batch_size=min(recipe.fit.batch // recipe.data.windows, each),
            drop_last=drop_last,
            collate_fn=joined,
        )


def seen(names: Iterable[str], origins: Mapping[str, str]) -> list[str]:
    """Names the places that are learned from, a line for each data set: cards hold them against leaked scores.

    Args:
        names: Of places.
        origins: Where data sets come from, by their names.
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        group, _, place = name.partition("/")
        groups.setdefault(group, set()).add(place.partition("/")[0])
    titles = {group: f"{group} ({origins[group]})" if group in origins else group for group in groups}
    return [f"{titles[group]}: {_listed(sorted(filter(None, places)))}" for group, places in groups.items()]


def _listed(places: Sequence[str]) -> str:
    return f"{len(places)} places" if len(places) > MOST_NAMED else ", ".join(places) or "all"
