"""The job that fetches images through a catalogue, and the catalogues that are known by name.

Part of the protocol. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

CATALOGUES: Dict[str, str] = {
    "planetary-computer": "https://planetarycomputer.microsoft.com/api/stac/v1",
    "earth-search": "https://earth-search.aws.element84.com/v1",
}
"""Public STAC APIs. Not verified here: none was in reach where this was tested, with a server of its own."""
DEFAULT_CATALOGUE = "planetary-computer"
RECORD = "fetch.json"
"""Name of the file that says what was fetched; see backend/catalogue/folder.py."""


@dataclass(frozen=True)
class FetchImages:
    """Find images of a place through STAC and write them on one grid, as inputs of RemoveClouds.

    Either `bbox` and `day` say what is wanted, or `like` names an image whose radar and other dates are missing.
    """

    id: str
    output: str
    """A folder; it is made if need be. It gets optical.tif, sar.tif, date_DAY.tif and RECORD."""
    bbox: Optional[List[float]] = None
    """West, south, east, north in degrees (WGS 84)."""
    day: str = ""
    """As 2020-06-01; may be empty with `like` if that image tells its day."""
    like: Optional[str] = None
    """An optical image, or `FILE@2020-06-01`: its grid, bands and day are taken, and no optical image is fetched."""
    within_days: int = 60
    """How far from the day other images may be."""
    dates: int = 3
    """Other dates that are wanted at most."""
    sar: bool = True
    bands: Optional[List[str]] = None
    """Of the images; None for all. With `like`, the names of its bands; None to read them from the file."""
    catalogue: str = DEFAULT_CATALOGUE
    """A name of CATALOGUES or the address of a STAC API."""
    collection: str = ""
    """Of the optical images; empty for the catalogue's usual one."""
    sar_collection: str = ""
    """Of radar images that are calibrated and terrain-corrected."""
    proxy: str = ""
    """URL of a proxy, with user and password if it needs them. Never logged."""
    certificates: str = ""
    """PEM file of further authorities to trust."""
    overwrite: bool = False


def catalogue_address(catalogue: str) -> str:
    """Gives the address of a catalogue by its name; an address as it is."""
    wanted = catalogue.strip() or DEFAULT_CATALOGUE
    return CATALOGUES.get(wanted, wanted)
