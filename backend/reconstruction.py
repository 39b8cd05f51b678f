"""From tiles that were read to tiles as they are written: all of an area here, or a block of it anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from . import clouds
from .cloud_finder import MaskRules
from .completion import Completed
from .findings import Excerpt, Findings
from .inference import Generator, check_fit, load_generator
from .methods import find_method
from .observation import Method, Reconstruction
from .protocol import RemoveClouds
from .results import Rendered, Result
from .sampling import draw_latents
from .scene import Log, Scene
from .streams import ahead
from .tile_reader import Tile, TilePlan
from .tiling import Window


def rules_of(job: RemoveClouds) -> MaskRules:
    """Gives how clouds are found.

    Raises:
        UsageError: The mask is to grow by too much.
    """
    return MaskRules(job.mask, job.cloud_threshold, job.grow_px)


def open_generator(job: RemoveClouds, scene: Scene) -> Generator | None:
    """Gives the generator that a job asks for; None if it asks for another method.

    Raises:
        ModelError: It cannot be loaded, or does not fit the scene.
        DeviceError: The device does not exist here.
        UsageError: Samples are asked of what draws none.
    """
    if job.method != "generator":
        draw_latents(job.method, 0, job.samples, job.seed)
        return None
    generator = load_generator(job.model, job.device, job.samples, job.seed)
    optical = scene.optical
    check_fit(generator.card, optical.bands, optical.level, scene.sar is not None, bool(scene.dates))
    return generator


def choose_method(generator: Generator | None, job: RemoveClouds, scene: Scene, log: Log) -> Method:
    """Gives what reconstructs: bands that a generator does not know are filled from around.

    Raises:
        UsageError: There is no such method, or it needs dates.
    """
    if generator is None:
        return find_method(job.method, len(scene.dates))
    unknown = [name for name in scene.optical.bands if name not in generator.card.bands]
    if not unknown:
        return generator
    log(
        "warning",
        f"The generator {generator.card.name!r} does not know {', '.join(unknown)}: there, clouds are filled from the "
        "clear ground around, as the method inpaint does.",
    )
    return Completed(generator)


def plan_of(job: RemoveClouds, scene: Scene, found: Findings, method: Method) -> TilePlan:
    """Gives how a job reads its tiles."""
    return TilePlan(scene, found, method, job.mask == "all", min(clouds.FEATHER_PX, rules_of(job).growth_px))


@dataclass(frozen=True)
class Made:
    """Tiles that were reconstructed together."""

    results: list[Result]
    seconds: float
    """For the reconstruction alone."""


def reconstruct(plan: TilePlan, windows: Sequence[Window]) -> Iterator[Made]:
    """Reconstructs tiles in order where they hold cloud, while a thread reads the next ones."""
    for batch in ahead(lambda: _batches(plan.read(windows), plan.method.batch_size)):
        started = time.monotonic()
        results = in_parts(batch, plan.method)
        yield Made(results, time.monotonic() - started)


@dataclass(frozen=True)
class Block:
    """Tiles of a job, with all that another process needs to reconstruct them but the images and the generator."""

    job: RemoveClouds
    scene: Scene
    windows: tuple[Window, ...]
    """In the area's pixels, in order."""
    excerpt: Excerpt

    def run(self, check: Callable[[], None]) -> RenderedBlock:
        """Reads and reconstructs the tiles.

        Args:
            check: Called again and again; may raise to give up.

        Raises:
            UncloudedError: An image cannot be read any more, or the generator is missing or does not fit.
        """
        method = choose_method(open_generator(self.job, self.scene), self.job, self.scene, _unheard)
        optical, wants_uncertainty = self.scene.optical, self.job.uncertainty_output is not None
        tiles: list[Rendered] = []
        seconds = 0.0
        with self.excerpt.opened(self.scene.grid) as found:
            for made in reconstruct(plan_of(self.job, self.scene, found, method), self.windows):
                check()
                tiles += [result.render(optical, wants_uncertainty) for result in made.results]
                seconds += made.seconds
        return RenderedBlock(tiles, seconds)


@dataclass(frozen=True)
class RenderedBlock:
    """The tiles of a block in order."""

    tiles: list[Rendered]
    seconds: float
    """For the reconstruction alone."""


def _unheard(level: str, text: str) -> None:
    """Takes what was said when the job began."""


def _batches(tiles: Iterator[Tile], size: int) -> Iterator[list[Tile]]:
    batch: list[Tile] = []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def in_parts(tiles: Sequence[Tile], method: Method) -> list[Result]:
    """Reconstructs the parts of some tiles, those of equal size together."""
    seen = {(i, j): part.observation for i, tile in enumerate(tiles) for j, part in enumerate(tile.parts)}
    made: dict[tuple[int, int], Reconstruction] = {}

    def size(place: tuple[int, int]) -> tuple[int, ...]:
        return seen[place].valid.shape

    for _, group in groupby(sorted(seen, key=size), key=size):
        places = list(group)
        made.update(zip(places, method([seen[place] for place in places]), strict=True))
    return [Result(tile, [made[i, j] for j in range(len(tile.parts))]) for i, tile in enumerate(tiles)]
