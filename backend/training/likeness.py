"""How much the images of a validation look like clear ones to the land-cover classifier that comes with Unclouded.

The Frechet distance over the epochs is the curve of Zotov and Gamper (2020). It may fall while the generator paints one
ground under all clouds; `inception_score` and `variety` fall with it then. See frechet.py for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ..classifier import default_classifier
from ..errors import InputError
from ..frechet import Seen, estimate_distance, relative_variety
from ..perception import Perception, comparable, crops, together
from .data import Batch
from .recipe import Recipe
from .validation import as_reflectance

GENERATED = "generated"
SHOWN = (GENERATED, "truth", "cloudy")


class Likeness:
    """Sums over the windows of a validation, from which the figures are made.

    `frechet`: from the generator's images to the clear ones, freed of the bias of few windows, `frechet_plain` with it;
    `frechet_cloudy` from the cloudy images, which is the same in all epochs. `inception_score` and that of the clear
    images, `inception_score_clear`. `variety`: variance of the features relative to that of the clear images, and
    `variety_cloudy`. Windows are cut into crops of the classifier's size; see perception.py for those that count.

    Args:
        recipe: What is trained.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._perception: Perception | None = None
        self._seen: dict[str, Seen] = {}
        self._known: dict[str, Seen] = {}
        """Of the truth and the cloudy images of all processes: they are the same in all epochs, and seen once."""
        self._scenes = 0
        self.lacking = ""
        """Why there is no distance; empty if there is one."""

    def begin(self, device: torch.device) -> None:
        """Starts to count anew; the random numbers of the training stay as they are."""
        if self._perception is None:
            with torch.random.fork_rng(devices=[]):
                self._perception = Perception(default_classifier(), device)
        self._seen = {name: self._perception.nothing for name in SHOWN if name not in self._known}
        self._scenes = 0

    def add(self, output: Tensor, batch: Batch, process: int = 0, processes: int = 1) -> None:
        """Counts some windows; those of one scene follow each other.

        Args:
            output: (N, C or 2 C, H, W) of the generator.
            batch: What it was made from.
            process: Which of several; they take scenes in turns.
            processes: How many there are.
        """
        windows = torch.arange(len(output)) // self._recipe.data.windows
        scenes = (self._scenes + windows) * processes + process
        self._scenes += int(windows[-1]) + 1
        there = (batch["known"].amax(dim=(2, 3)) > 0).cpu()
        shown = {key: batch[key] for key in ("truth", "cloudy", "known")} | {GENERATED: output[:, : there.shape[1]]}
        for bands in sorted(set(map(tuple, there.tolist()))):
            alike = (there == torch.tensor(bands)).all(dim=1).nonzero()[:, 0]
            slots = [slot for slot, known in enumerate(bands) if known]
            if slots:
                of_alike = {key: planes[alike][:, slots].cpu() for key, planes in shown.items()}
                self._see(of_alike, batch["cloud"][alike].cpu(), scenes[alike], slots)

    def _see(self, images: dict[str, Tensor], under: Tensor, scenes: Tensor, slots: list[int]) -> None:
        """Looks at windows that have the same bands.

        Args:
            images: SHOWN and known, (N, bands, H, W).
            under: (N, 1, H, W) cloud and shadow.
            scenes: (N,)
            slots: Places of the bands among those of the recipe.
        """
        if self._perception is None:
            raise RuntimeError("Likeness.begin comes first.")
        truth, known, size_px = images["truth"], images["known"].amin(dim=1, keepdim=True), self._perception.size_px
        chosen = comparable(truth, known, under, size_px)
        numbers = scenes.repeat_interleave(len(chosen) // len(scenes))[chosen].tolist()
        names = [self._recipe.bands[slot] for slot in slots]
        for name in self._seen:
            cut = crops(together(images[name], truth, known), size_px)[chosen]
            self._seen[name] += self._perception.see(as_reflectance(cut, self._recipe.encoding), names, numbers)

    def gather(self, of_all: Callable[[Tensor], Tensor]) -> None:
        """Puts the sums of all processes together.

        Args:
            of_all: Gives the tensors of all processes, (processes, ...), for that of this one.
        """
        for name, seen in self._seen.items():
            parts = [seen.from_vector(part) for part in of_all(torch.from_numpy(seen.vector())).double().numpy()]
            self._seen[name] = sum(parts[1:], parts[0])
        self._known |= {name: seen for name, seen in self._seen.items() if name != GENERATED}

    def figures(self) -> dict[str, float]:
        """Gives what is known; what too few windows do not tell is missing."""
        made, clear, cloudy = self._all()
        found = {
            "inception_score": made.classes.score,
            "inception_score_clear": clear.classes.score,
            "variety": relative_variety(made, clear),
            "variety_cloudy": relative_variety(cloudy, clear),
        }
        return {name: round(value, 6) for name, value in (self._distances() | found).items() if math.isfinite(value)}

    def _distances(self) -> dict[str, float]:
        made, clear, cloudy = self._all()
        try:
            distance, before = estimate_distance(made, clear), estimate_distance(cloudy, clear)
        except InputError as error:
            self.lacking = f"No Frechet distance is measured: {error.message} Raise data.validation_samples."
            return {}
        return {"frechet": distance.value, "frechet_plain": distance.plain, "frechet_cloudy": before.value}

    def _all(self) -> list[Seen]:
        return [(self._known | self._seen)[name] for name in SHOWN]
