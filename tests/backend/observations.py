"""Random observations, and windows of them."""

from __future__ import annotations

import dataclasses

import numpy as np

from unclouded.backend.background import REGION_PX, near
from unclouded.backend.matching import Match
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import NAMES, Scaling
from unclouded.backend.stored import Pixels, StoredDate, StoredGround, StoredObservation


def observation(bands: tuple[str, ...] = NAMES, height: int = 40, width: int = 48, seed: int = 0) -> Observation:
    """One date without SAR; a tenth of it is not measured, half is clouded."""
    random = np.random.default_rng(seed)
    shape = (len(bands), height, width)
    valid = random.random(shape[1:]) > 0.1
    return Observation(
        bands=bands,
        level="L1C",
        optical=np.where(valid, random.random(shape, np.float32), 0),
        valid=valid,
        cloud=random.random(shape[1:]) > 0.5,
        background=random.random(shape, np.float32),
    )


def with_dates(plain: Observation, count: int = 2, seed: int = 1) -> Observation:
    """The same with other dates, as bright as cloud where they are not clear, and sometimes not measured."""
    random = np.random.default_rng(seed)
    clear = random.random((count, *plain.valid.shape)) > 0.4
    clouded = np.where(random.random(clear.shape) > 0.2, np.float32(0.9), np.float32(0))
    dates = np.where(clear[:, None], random.random((count, *plain.optical.shape), np.float32), clouded[:, None])
    return dataclasses.replace(plain, dates=dates, dates_clear=clear, days=np.linspace(-30, 5, count, dtype=np.float32))


def with_sar(plain: Observation, seed: int = 2) -> Observation:
    """The same with SAR that lacks its first rows."""
    sar = np.random.default_rng(seed).uniform(-30, 2, (2, *plain.valid.shape)).astype(np.float32)
    sar[:, :5] = np.nan
    return dataclasses.replace(plain, sar=sar)


def other_clouds_on_dates(seen: Observation, seed: int = 3) -> Observation:
    """The same but for what the dates show where they are not clear."""
    random = np.random.default_rng(seed)
    garbage = random.uniform(-3, 3, seen.dates.shape).astype(np.float32)
    return dataclasses.replace(seen, dates=np.where(seen.dates_clear[:, None], seen.dates, garbage))


def window(seen: Observation, rows: slice, columns: slice) -> Observation:
    """A part of an observation."""
    cut = {
        field.name: value[..., rows, columns]
        for field in dataclasses.fields(seen)
        if isinstance(value := getattr(seen, field.name), np.ndarray) and value.ndim > 1
    }
    return dataclasses.replace(seen, **cut)


def stored(bands: tuple[str, ...] = NAMES, count: int = 2, side: int = 48, seed: int = 0) -> StoredObservation:
    """A window as its files hold it, with SAR; the first of the other dates as floating point."""
    random = np.random.default_rng(seed)
    channels, at = len(bands), (70, 300, side, side)

    def mask(share: float) -> np.ndarray:
        return random.random((side, side)) < share

    def field(cells: int, bands: int = channels) -> np.ndarray:
        return random.uniform(0.05, 0.3, (bands, cells, cells)).astype(np.float32)

    def pixels(kind: str = "uint16") -> Pixels:
        values = random.integers(0, 9000, (channels, side, side)).astype(kind)
        return Pixels(values, Scaling.uniform(channels, 1e-4, -0.1), mask(0.9))

    def date(i: int) -> StoredDate:
        gain = random.normal(0, 0.02, (channels, channels)).astype(np.float32)
        match = Match(gain, field(1)[:, 0, 0], field(20), field(20, 1)).at(*at)
        image = pixels("uint16" if i else "float32")
        return StoredDate(image, image.valid & mask(0.6), match)

    ground = StoredGround(near(field(20), *at), near(field(3), *at, REGION_PX), near(field(3), *at, REGION_PX))
    image = pixels()
    sar = random.uniform(-30, 2, (2, side, side)).astype(np.float32)
    sar[:, :5] = np.nan
    days = np.linspace(-30, 5, count, dtype=np.float32) if count else None
    return StoredObservation(bands, "L1C", image, mask(0.5), ground, sar, [date(i) for i in range(count)], days)
