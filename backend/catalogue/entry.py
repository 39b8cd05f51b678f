"""What an item of a catalogue tells: day, clouds, orbit, the file of each band, and how its numbers are meant."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Any

import pystac
import shapely
from shapely.geometry.base import BaseGeometry

from ..errors import Extent
from ..sensors import NAMES, band_name

POLARISATIONS = ("VV", "VH")
RESOLUTION = re.compile(r"_(\d+)m$")
PICTURES = {"thumbnail", "overview", "visual"}
OFFSET_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
BASELINE = ("s2:processing_baseline", "processing:version", "sentinel:processing_baseline")
TILE = ("grid:code", "s2:mgrs_tile", "sentinel:grid_square")
SCALE = 1e-4
BASELINE_OFFSET = -0.1
"""In reflectance, of products since baseline 04.00."""

Meaning = tuple[float, float]
"""Scale and offset: reflectance = number * scale + offset."""


@dataclass(frozen=True)
class Entry:
    """One item."""

    id: str
    collection: str
    time: datetime.datetime
    footprint: BaseGeometry
    """In degrees."""
    cloud_share: float | None
    """0..1 of the item's whole tile; None if it does not say."""
    files: dict[str, str]
    """Address of the finest file of each band that is known: B2, VV."""
    meanings: dict[str, Meaning]
    """Of the bands whose meaning the item states."""
    properties: dict[str, Any]

    @property
    def day(self) -> datetime.date:
        """In universal time."""
        return self.time.date()

    @property
    def orbit(self) -> tuple[Any, ...]:
        """What tells the passes of a radar satellite apart."""
        return self.day, self.properties.get("sat:orbit_state"), self.properties.get("sat:relative_orbit")

    @property
    def same_picture(self) -> tuple[Any, ...]:
        """What two processings of the same measurement have in common."""
        tile = next((self.properties[key] for key in TILE if key in self.properties), None)
        place = tile or tuple(round(value, 2) for value in self.footprint.bounds)
        return self.collection, self.time.replace(microsecond=0), self.properties.get("platform"), place

    @property
    def processing(self) -> tuple[float, str]:
        """Orders processings by age, the newest last."""
        when = next((self.properties[key] for key in ("s2:generation_time", "created") if key in self.properties), "")
        return _baseline(self.properties) or 0.0, str(when)

    def coverage(self, bbox: Extent) -> float:
        """Share (0..1) of an area that its footprint covers."""
        return covered([self], bbox)


def covered(entries: list[Entry], bbox: Extent) -> float:
    """Share (0..1) of an area in degrees that items cover together."""
    area = shapely.box(*bbox)
    whole = shapely.union_all([entry.footprint for entry in entries])
    return float(whole.intersection(area).area / area.area)


def read_entry(item: pystac.Item) -> Entry | None:
    """Gives what an item tells; None if it tells neither when nor where."""
    time = item.datetime or _time(item.properties.get("start_datetime"))
    if time is None or not item.geometry:
        return None
    cloud = item.properties.get("eo:cloud_cover")
    files, meanings = {}, {}
    for band, asset in _assets(item).items():
        files[band] = asset.get_absolute_href() or asset.href
        meaning = _meaning(item.properties, asset)
        if meaning is not None:
            meanings[band] = meaning
    return Entry(
        item.id,
        item.collection_id or "",
        time.astimezone(datetime.timezone.utc) if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc),
        shapely.make_valid(shapely.geometry.shape(item.geometry)),
        float(cloud) / 100 if isinstance(cloud, (int, float)) else None,
        files,
        meanings,
        dict(item.properties),
    )


def _assets(item: pystac.Item) -> dict[str, pystac.Asset]:
    """Gives the finest asset of each band."""
    found: dict[str, tuple[float, pystac.Asset]] = {}
    for key, asset in item.assets.items():
        band = _band(key, asset)
        if band is not None and not PICTURES & set(asset.roles or ()):
            resolution_m = _resolution_m(key, asset)
            if band not in found or resolution_m < found[band][0]:
                found[band] = resolution_m, asset
    order = [*NAMES, *POLARISATIONS]
    return {band: found[band][1] for band in sorted(found, key=order.index)}


def _band(key: str, asset: pystac.Asset) -> str | None:
    """Names the band of an asset by its key, else by the one band that it lists."""
    if key.upper() in POLARISATIONS:
        return key.upper()
    listed = asset.extra_fields.get("eo:bands") or asset.extra_fields.get("bands") or []
    names = [listed[0].get(word, "") for word in ("name", "common_name", "eo:common_name")] if len(listed) == 1 else []
    if "-" in key:  # the same picture in another format
        return None
    return next((band for band in map(band_name, (key, *names)) if band), None)


def _resolution_m(key: str, asset: pystac.Asset) -> float:
    """Tells the finest of several files of a band; 0 where nothing tells."""
    stated = asset.extra_fields.get("gsd") or asset.extra_fields.get("raster:spatial_resolution")
    named = RESOLUTION.search(key)
    return float(stated or (named[1] if named else 0))


def _meaning(properties: dict[str, Any], asset: pystac.Asset) -> Meaning | None:
    """Tells scale and offset from the item: a flag that they were applied, the file's own, the baseline's."""
    if any(properties.get(key) is True for key in OFFSET_APPLIED):
        return SCALE, 0.0
    fields = asset.extra_fields
    told = {**((fields.get("raster:bands") or fields.get("bands") or [{}])[0]), **fields}
    scale = told.get("raster:scale", told.get("scale"))
    offset = told.get("raster:offset", told.get("offset"))
    if isinstance(scale, (int, float)):
        return float(scale), float(offset or 0.0)
    baseline = _baseline(properties)
    return None if baseline is None else (SCALE, BASELINE_OFFSET if baseline >= 4 else 0.0)


def _baseline(properties: dict[str, Any]) -> float | None:
    text = str(next((properties[key] for key in BASELINE if key in properties), "")).lstrip("Nn")
    found = re.match(r"\d\d?\.\d\d|\d{4}$", text)
    if found is None:
        return None
    return float(found[0]) if "." in found[0] else int(found[0]) / 100


def _time(text: Any) -> datetime.datetime | None:
    try:
        return datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
