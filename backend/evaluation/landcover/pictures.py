"""The pictures of the land-cover test that only it has: images with the class that was given to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...drawing import QUIET, label, png
from ...sensors import Float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RIGHT, WRONG = "#00694d", "#b23c00"
SIDE_IN, CAPTION_IN, TITLE_IN = 1.25, 0.42, 0.3


@dataclass(frozen=True)
class Shown:
    """A place as several images, with what the classifier says of each."""

    title: str
    images: Mapping[str, Float]
    """(H, W, 3) for the eye, by kind."""
    given: Mapping[str, str]
    """The class of each, in words."""
    right: Mapping[str, bool]


def strip(places: Sequence[Shown]) -> bytes:
    """Draws places below each other, each image with its class below it, right ones in green; gives a PNG."""
    kinds = list(places[0].images)

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.01, wspace=0.0, hspace=0.0)
        grid = figure.subplots(len(places), len(kinds), squeeze=False)
        for line, place in zip(grid, places, strict=True):
            line[0].set_ylabel(place.title, fontsize=7, color=QUIET)
            for axes, kind in zip(line, kinds, strict=True):
                axes.imshow(place.images[kind], interpolation="nearest")
                axes.grid(visible=False)
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                mark, colour = ("+", RIGHT) if place.right[kind] else ("-", WRONG)
                axes.set_xlabel(f"{mark} {label(place.given[kind])}", fontsize=7, color=colour, labelpad=2)
        for axes, kind in zip(grid[0], kinds, strict=True):
            axes.set_title(label(kind), fontsize=8, loc="center")

    return png(len(kinds) * SIDE_IN + 0.4, len(places) * (SIDE_IN + CAPTION_IN - 0.2) + TITLE_IN, draw)
