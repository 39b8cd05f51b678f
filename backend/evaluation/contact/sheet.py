"""Pages of a contact sheet: each case in a row of panels, pixel for pixel, small ones enlarged by whole numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ...observation import Observation, Reconstruction
from ...sensors import Bool, Float
from ..reports.panels import true_colours

Picture = NDArray[np.uint8]

PANEL_PX = 256
GAP_PX = 6
LINE_PX = 18
CAPTION_PX = 3 * LINE_PX
ROWS = 4
"""Cases of a page."""
BACKGROUND, INK, MARKED = (24, 26, 30), (235, 235, 235), (255, 90, 70)
CLEAR, CLOUD, UNMEASURED = (40, 44, 50), (255, 150, 60), (120, 124, 130)
UNCERTAINTY_END = 0.1
"""Reflectance at which the scale of the uncertainty ends, the same in all cases."""
HEAT = np.array([(0, 0, 0), (60, 10, 90), (170, 40, 90), (240, 120, 40), (255, 235, 140)], np.float32)
"""Colours from no uncertainty to the end of the scale."""


@dataclass(frozen=True)
class Strip:
    """One case as it is drawn."""

    panels: dict[str, Picture]
    """(H, W, 3) by what stands above them."""
    words: tuple[str, str]
    """Lines above them."""
    marked: bool = False
    """Whether it is one of the worst."""


def panels(seen: Observation, made: Reconstruction, image: Float, truth: Float, known: Bool) -> dict[str, Picture]:
    """Draws what is shown of a case.

    Args:
        seen: The cloudy image.
        made: What the generator gave.
        image: (C, H, W) reflectance that a user gets.
        truth: (C, H, W) reflectance.
        known: (H, W) where the truth is known; by it and what was reconstructed, true colours are stretched in all
            panels alike.
    """
    both, counted = np.concatenate([truth, image], axis=2), np.concatenate([known, seen.cloud], axis=1)

    def colours(shown: Float, where: Bool) -> Picture:
        share = true_colours(np.where(where, shown, 0), seen.bands, both, counted)
        picture: Picture = (share * 255).round().astype(np.uint8)
        return picture

    mask = np.select([~seen.valid[..., None], seen.cloud[..., None]], [UNMEASURED, CLOUD], CLEAR)
    doubt = np.where(seen.cloud, made.uncertainty.mean(axis=0), np.float32(0))
    return {
        "cloudy": colours(seen.optical, seen.valid),
        "result": colours(image, seen.valid),
        "truth": colours(truth, known),
        f"uncertainty, 0 to {UNCERTAINTY_END:g}": heat(doubt / UNCERTAINTY_END),
        "mask": mask.astype(np.uint8),
    }


def heat(share: Float) -> Picture:
    """Gives (H, W) of 0 (black) to 1 (bright) and beyond as colours (H, W, 3); what is unknown is grey."""
    position = np.clip(np.nan_to_num(share), 0, 1) * (len(HEAT) - 1)
    lower = np.minimum(position.astype(int), len(HEAT) - 2)
    weight = (position - lower)[..., None]
    colours = HEAT[lower] * (1 - weight) + HEAT[lower + 1] * weight
    return np.where(np.isnan(share)[..., None], UNMEASURED, colours).astype(np.uint8)


def enlarged(picture: Picture) -> Picture:
    """Repeats the pixels of a small picture (H, W, 3) as often as PANEL_PX has room for."""
    times = max(1, PANEL_PX // max(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def pages(strips: Sequence[Strip]) -> Iterator[bytes]:
    """Gives PNGs of up to ROWS cases each."""
    for first in range(0, len(strips), ROWS):
        file = io.BytesIO()
        _page(strips[first : first + ROWS]).save(file, format="PNG")
        yield file.getvalue()


def _page(strips: Sequence[Strip]) -> Image.Image:
    columns = max(len(strip.panels) for strip in strips)
    step = CAPTION_PX + PANEL_PX + GAP_PX
    picture = Image.new("RGB", (GAP_PX + columns * (PANEL_PX + GAP_PX), GAP_PX + len(strips) * step), BACKGROUND)
    for row, strip in enumerate(strips):
        _draw_strip(picture, strip, GAP_PX + row * step)
    return picture


def _draw_strip(picture: Image.Image, strip: Strip, top: int) -> None:
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=14)
    for line, words in enumerate(strip.words):
        colour = MARKED if strip.marked and line == 0 else INK
        draw.text((GAP_PX, top + line * LINE_PX), words, fill=colour, font=font)
    for column, (name, panel) in enumerate(strip.panels.items()):
        left = GAP_PX + column * (PANEL_PX + GAP_PX)
        draw.text((left, top + 2 * LINE_PX), name, fill=INK, font=font)
        shown = Image.fromarray(enlarged(panel))
        picture.paste(shown, (left, top + CAPTION_PX))
    if strip.marked:
        draw.rectangle((1, top - 3, picture.width - 2, top + CAPTION_PX + PANEL_PX + 1), outline=MARKED, width=2)
