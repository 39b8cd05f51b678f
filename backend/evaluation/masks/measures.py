"""Masks held against what is known, image by image: labels, ground that is clear, simulated clouds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ... import clouds
from ...cloud_finder import MaskRules
from ...datasets.place import Place
from ...mask_files import Classes
from ...observation import Observation
from ...scene import Log, OpticalReader
from ...sensors import Bool, Float
from ...survey import classified
from ...tiling import Window, tiles
from ..cases import Case
from ..reports.panels import Panel, true_colours
from .implied import Implied, Question, brightness, changed
from .labels import Labelled, LabelReader
from .tallies import Tallies

WINDOW_PX = 512
"""Side of the windows that generators are asked about; they see at least CONTEXT_PX around."""
CONTEXT_PX = 64
EXAMPLES = 4
EXAMPLE_PX = 256
"""Largest side of a picture."""
RESOLUTION_M = 10.0
"""Of the places of data sets."""
FOUND, GROWN, REPLACED = "detector, as found", "detector, grown", "detector, grown, with shadows"
EVERYTHING, NOTHING, BRIGHT = "everything is cloud", "nothing is cloud", "brightness"
BRIGHT_LIMIT = 0.2
"""Mean reflectance above which the row `brightness` calls a pixel cloud."""


Lacking = dict[str, dict[str, str]]
"""By generator, then by image: what the image lacks for it."""


@dataclass(frozen=True)
class Example:
    """One image as panels."""

    name: str
    panels: tuple[Panel, ...]


@dataclass
class Measured:
    """All that the report tells."""

    groups: dict[str, str] = field(default_factory=dict)
    """Of images and cases: those of one group show the same ground."""
    labelled: Tallies = field(default_factory=Tallies)
    thresholds: dict[float, Tallies] = field(default_factory=dict)
    implied: Tallies = field(default_factory=Tallies)
    """On the labelled images."""
    simulated: Tallies = field(default_factory=Tallies)
    beside: Tallies = field(default_factory=Tallies)
    """By question, on its cases: the detector's mask, and brightness as the score."""
    clear: list[FalseCloud] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    """Of the labelled images, EXAMPLES at most."""
    simulated_example: Example | None = None
    """The case about which most questions could be asked."""
    warnings: list[str] = field(default_factory=list)
    """What the cards of the generators leave open."""
    lacking: Lacking = field(default_factory=dict)
    """Why generators could not be asked about labelled images."""
    lacking_simulated: Lacking = field(default_factory=dict)
    """The same about simulated clouds."""


@dataclass(frozen=True)
class FalseCloud:
    """What the detector calls cloud where there is none."""

    place: str
    group: str
    found: float
    """Share of the measured pixels."""
    grown: float


def measure_detector(chip: Labelled, tolerance_px: int, found: Measured, log: Log) -> None:
    """Holds the detector's masks, the trivial ones and brightness against a label."""
    found.groups[chip.name] = chip.name
    for label, counted, classes in _compared(chip, MaskRules(grow_px=0), tolerance_px):
        found.labelled[FOUND].add(chip.name, classes == clouds.CLOUD, label, counted)
    with LabelReader(chip, tolerance_px) as labels:
        for window, reflectance, classes in classified(chip.optical, chip.grid, MaskRules(), False, log):
            label, counted = labels.read(window)
            counted &= classes != clouds.NODATA
            cloud, bright = classes == clouds.CLOUD, brightness(reflectance)
            rows = {GROWN: cloud, REPLACED: cloud | (classes == clouds.SHADOW)}
            if len(found.examples) < EXAMPLES and (not found.examples or found.examples[-1].name != chip.name):
                found.examples.append(_example(chip, reflectance, label, counted, classes))
            for name, mask in (rows | _trivial(cloud)).items():
                found.labelled[name].add(chip.name, mask, label, counted)
            found.implied[BRIGHT].add(chip.name, bright > BRIGHT_LIMIT, label, counted, bright)


def _example(chip: Labelled, image: Float, label: Bool, counted: Bool, classes: Classes) -> Example:
    """Shows the first window of an image, thinned out."""
    step = -(-max(label.shape) // EXAMPLE_PX)
    thin = np.s_[..., ::step, ::step]
    known = np.where(counted, label, np.uint8(clouds.NODATA))[thin]
    colours = true_colours(image[thin], chip.optical.bands, image[thin], (counted & ~label)[thin])
    return Example(
        chip.name, (Panel("image", colours), Panel("label", mask=known), Panel("detector, grown", mask=classes[thin]))
    )


def measure_threshold(chip: Labelled, threshold: float, tolerance_px: int, found: Measured) -> None:
    """Holds the detector's grown mask at another threshold against a label; nothing where a product has classes."""
    if chip.optical.product.scl is not None:
        return
    for label, counted, classes in _compared(chip, MaskRules(threshold=threshold), tolerance_px):
        tallies = found.thresholds.setdefault(threshold, Tallies())
        tallies[GROWN].add(chip.name, classes == clouds.CLOUD, label, counted)


def _trivial(like: Bool) -> dict[str, Bool]:
    return {EVERYTHING: np.ones_like(like), NOTHING: np.zeros_like(like)}


def _compared(chip: Labelled, rules: MaskRules, tolerance_px: int) -> Iterator[tuple[Bool, Bool, Classes]]:
    """Yields what is cloud, what counts, and the detector's classes, of each window."""
    with LabelReader(chip, tolerance_px) as labels:
        for window, _, classes in classified(chip.optical, chip.grid, rules, False, _unheard):
            label, counted = labels.read(window)
            yield label, counted & (classes != clouds.NODATA), classes


def _unheard(level: str, text: str) -> None:
    """Takes what was said before."""


def measure_implied(chip: Labelled, question: Question, tolerance_px: int, found: Measured) -> None:
    """Holds the mask that a generator implies against a label."""
    margin_px = max(question.generator.overlap_px, CONTEXT_PX)
    with LabelReader(chip, tolerance_px) as labels:
        for window, outer, seen in _observed(chip, margin_px):
            lacking = question.lacks(seen)
            if lacking:
                found.lacking.setdefault(question.generator.card.name, {})[chip.name] = lacking
                return
            core = window.slices_in(outer)
            label, counted = labels.read(window)
            answer = question.ask(seen)
            tally = found.implied[question.name]
            tally.add(chip.name, answer.cloud[core], label, counted & seen.valid[core], answer.score[core])


def _observed(chip: Labelled, margin_px: int) -> Iterator[tuple[Window, Window, Observation]]:
    """Yields windows, what lies around them, and what is seen there: one image, nothing known of its clouds."""
    height, width = chip.grid.height, chip.grid.width
    with OpticalReader(chip.optical, chip.grid, warped=False) as reader:
        for window in tiles(height, width, WINDOW_PX):
            outer = window.padded(margin_px).clipped(height, width) or window
            pixels = reader.read(outer)
            seen, unknown = pixels.reflectance, np.zeros_like(pixels.valid)
            yield window, outer, Observation(chip.optical.bands, chip.optical.level, seen, pixels.valid, unknown, seen)


def measure_clear(place: Place, found: Measured) -> None:
    """Counts what the detector calls cloud on the first, clear day of a place."""
    day = place.days[0]
    classes = clouds.whole(clouds.choose(place.bands, place.level, None, RESOLUTION_M), day.optical, day.clear)
    measured, cloud = classes != clouds.NODATA, classes == clouds.CLOUD
    grown = clouds.grow(cloud, clouds.GROW_PX) & measured
    shares = (float(mask.sum() / max(measured.sum(), 1)) for mask in (cloud, grown))
    found.clear.append(FalseCloud(place.name, place.group or place.name, *shares))


def measure_simulated(case: Case, asked: Sequence[Question], found: Measured) -> None:
    """Holds masks against simulated clouds and shadows: what changed the ground by more than CHANGED."""
    seen, name = case.sample.observation, case.name
    found.groups[name] = case.group
    label, counted = changed(case.sample.truth, seen.optical).cloud, case.sample.known & seen.valid
    classes = clouds.whole(clouds.choose(seen.bands, seen.level, None, RESOLUTION_M), seen.optical, seen.valid)
    mask = clouds.grow((classes == clouds.CLOUD) | (classes == clouds.SHADOW), clouds.GROW_PX)
    for row, trivial in ({REPLACED: mask} | _trivial(mask)).items():
        found.simulated[row].add(name, trivial, label, counted)
    bright = brightness(seen.optical)
    found.simulated[BRIGHT].add(name, bright > BRIGHT_LIMIT, label, counted, bright)
    answers = _answers(case, asked, found)
    for question, answer in answers.items():
        found.simulated[question].add(name, answer.cloud, label, counted, answer.score)
        found.beside[question].add(name, mask, label, counted, bright)
    colours = true_colours(seen.optical, seen.bands, case.sample.truth, counted)
    panels = [Panel(question, mask=answer.cloud) for question, answer in answers.items()]
    if found.simulated_example is None or len(panels) + 2 > len(found.simulated_example.panels):
        found.simulated_example = Example(name, (Panel("input", colours), Panel("truth", mask=label), *panels))


def _answers(case: Case, asked: Sequence[Question], found: Measured) -> dict[str, Implied]:
    """Asks all that can be asked of a case."""
    answers = {}
    for question in asked:
        lacking = question.lacks(case.sample.observation)
        if lacking:
            found.lacking_simulated.setdefault(question.generator.card.name, {})[case.name] = lacking
        else:
            answers[question.name] = question.ask(case.sample.observation)
    return answers
