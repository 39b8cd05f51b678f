"""What a generator needs, held against the layers that are chosen, in words for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Mapping, Optional, Tuple

from qgis.core import QgsRasterLayer

from ..backend.errors import UncloudedError
from .layers import PRODUCT
from .product_layer import band_files
from .results import BAND_NAME
from .wording import tr

MOST_NAMED = 4
"""Bands are counted instead of named from here on."""
PRODUCT_LEVEL = re.compile(r"MSI(L1C|L2A)")


@dataclass(frozen=True)
class Given:
    """What is known of the chosen layers."""

    bands: Tuple[str, ...] = ()
    """Of the image; empty if they are not known by name."""
    band_count: int = 0
    """0 if it is not known."""
    level: str = ""
    sar: bool = False
    dates: bool = False


def describe(
    optical: Optional[QgsRasterLayer], has_sar: bool, has_dates: bool, bands: Optional[List[str]], level: str
) -> Optional[Given]:
    """Tells what is known of the chosen layers without opening their files.

    Args:
        optical: The image; without one there is nothing to hold a generator against.
        has_sar: Whether a radar image is chosen.
        has_dates: Whether other dates are.
        bands: Names of the image's bands as the user gave them; None to take the layer's.
        level: As the user gave it; empty to tell from the product's name, or from the bands as the backend does.
    """
    if optical is None:
        return None
    product = str(optical.customProperty(PRODUCT) or "")
    descriptions = bands or _descriptions(optical, product)
    names = tuple(_band_name(text) for text in descriptions)
    known = names if all(names) else ()
    stated = PRODUCT_LEVEL.search(product)
    by_bands = ("L1C" if "B10" in known else "L2A") if known and not product else ""
    return Given(known, len(names), level or (stated[1] if stated else by_bands), has_sar, has_dates)


def misfit(card: Mapping[str, Any], given: Optional[Given]) -> str:
    """Says what of its needs a generator does not get; empty if it fits, as far as is known.

    Args:
        card: Fields of a card; those that are missing ask for nothing.
        given: What there is; None if nothing is chosen yet.
    """
    if given is None:
        return ""
    lacks = _missing_bands(card, given)
    levels = card.get("levels") or []
    if given.level and levels and given.level not in levels:
        lacks.append(tr("an image of level {} (this is {})").format(tr(" or ").join(levels), given.level))
    if needs_sar(card) and not given.sar:
        lacks.append(tr("a radar image"))
    if card.get("dates") == "required" and not given.dates:
        lacks.append(tr("other dates: tick at least one image of another day"))
    return tr("needs {}").format("; ".join(lacks)) if lacks else ""


def needed_bands(card: Mapping[str, Any]) -> List[str]:
    """Gives the bands without which a generator does not work: networks of layout `frames` leave none out."""
    frames = (card.get("encoding") or {}).get("layout") == "frames"
    return list((card.get("bands") if frames else card.get("required_bands")) or [])


def needs_sar(card: Mapping[str, Any]) -> bool:
    """Whether a generator does not work without a radar image."""
    return card.get("sar") == "required" or (card.get("encoding") or {}).get("sar_range") is not None


def needs_words(card: Mapping[str, Any]) -> str:
    """Says in a few words what a generator needs: `B2 B3 B4 of 13 bands, radar optional, L1C or L2A`.

    Returns:
        Empty if not even its bands are known.
    """
    needed, known = needed_bands(card), card.get("bands") or []
    if not known:
        return ""
    words = []
    if needed and len(needed) <= MOST_NAMED < len(known):
        words.append(tr("{} of {} bands").format(" ".join(needed), len(known)))
    else:
        words.append(" ".join(known) if len(known) <= MOST_NAMED else tr("{} bands").format(len(needed or known)))
    words.append(_optional(tr("radar"), "required" if needs_sar(card) else str(card.get("sar", "none"))))
    words.append(_optional(tr("dates"), str(card.get("dates", "none"))))
    words.append(tr(" or ").join(card.get("levels") or []))
    return ", ".join(filter(None, words))


def _optional(what: str, need: str) -> str:
    return {"required": what, "optional": tr("{} optional").format(what)}.get(need, "")


def _missing_bands(card: Mapping[str, Any], given: Given) -> List[str]:
    needed = needed_bands(card)
    missing = [name for name in needed if name not in given.bands]
    if given.bands and missing:
        return [tr("the band(s) {}, which the image does not have").format(", ".join(missing))]
    if 0 < given.band_count < len(needed):
        return [tr("{} bands (the image has {})").format(len(needed), given.band_count)]
    return []


def _descriptions(optical: QgsRasterLayer, product: str) -> List[str]:
    if product:
        try:
            return [f"B{band}" for band in band_files(Path(product))]
        except UncloudedError:  # it is gone: the job says so
            return []
    return [optical.bandName(number) for number in range(1, optical.bandCount() + 1)]


def _band_name(text: str) -> str:
    match = BAND_NAME.search(text)
    return f"B{match[1].upper()}" if match else ""
