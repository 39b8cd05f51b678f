"""What is known of catalogues: which of their collections serve, and how their files may be read.

Not verified here: no public catalogue was in reach where this was written. Collections and ways of access are as their
publishers describe them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..catalogue_jobs import CATALOGUES, catalogue_address
from ..errors import UsageError
from ..library.addresses import is_remote

OPTICAL = ("sentinel-2-c1-l2a", "sentinel-2-l2a", "sentinel-2-l1c")
SAR = ("sentinel-1-rtc",)
"""Usual names of collections, the first that a catalogue has is taken."""


@dataclass(frozen=True)
class Catalogue:
    """A STAC API and what is taken from it."""

    address: str
    optical: tuple[str, ...] = OPTICAL
    sar: tuple[str, ...] = SAR
    """Empty if it has no radar that could serve: what comes straight from the archive is neither calibrated nor on a
    grid."""
    tokens: str = ""
    """Address that gives a token for a collection's files, with {collection} in it; empty if they are open."""


PRESETS: dict[str, Catalogue] = {
    # Its Sentinel-1 RTC may want a subscription key, see TokenSource.
    "planetary-computer": Catalogue(
        CATALOGUES["planetary-computer"],
        ("sentinel-2-l2a",),
        ("sentinel-1-rtc",),
        "https://planetarycomputer.microsoft.com/api/sas/v1/token/{collection}",
    ),
    # The items of its older sentinel-2-l2a misstate whether the offset of baseline 04.00 was applied.
    "earth-search": Catalogue(CATALOGUES["earth-search"], ("sentinel-2-c1-l2a",), ()),
}


def find_catalogue(wanted: str) -> Catalogue:
    """Gives a catalogue by its name or address.

    Raises:
        UsageError: It is neither.
    """
    name, address = wanted.strip(), catalogue_address(wanted)
    if name in PRESETS:
        return PRESETS[name]
    known = next((preset for preset in PRESETS.values() if preset.address == address.rstrip("/")), None)
    if known is not None:
        return known
    if not is_remote(address):
        raise UsageError(
            f"There is no catalogue {wanted!r}; a name or the http(s) address of a STAC API was expected.",
            f"Known names: {', '.join(PRESETS)}. For example https://example.org/stac/v1.",
        )
    return Catalogue(address.rstrip("/"))
