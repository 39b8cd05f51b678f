"""The tables of trust.py: how many errors lie within their intervals, by thickness of the cloud and by band."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...sensors import NAMES
from ..reports.report import Column, Row, Table
from .trust import LEVEL, THICKNESS, Trust

BY_THICKNESS, BY_BAND = "coverage_thickness", "coverage_bands"
"""Keys of the tables."""
TITLE = f"Share of errors within {LEVEL:.0%} intervals".replace("%", " %")


def trust_tables(trust: Mapping[str, Trust]) -> list[Table]:
    """Gives both tables.

    Args:
        trust: Of each generator.
    """
    return [_by_thickness(trust), _by_band(trust)]


def _by_thickness(trust: Mapping[str, Trust]) -> Table:
    kinds = [kind for kind in THICKNESS if any(one.share(kind) for one in trust.values())]
    rows = []
    for name, one in trust.items():
        held = {kind: one.coverage(thickness=kind) for kind in kinds}
        shares = {f"{kind}_share": one.share(kind) for kind in kinds}
        rows.append(Row(name, {"all": one.coverage(), **held, **shares, "rank": one.rank_correlation()}))
    columns = [
        *(Column(kind, kind, digits=3) for kind in ("all", *kinds)),
        *(Column(f"{kind}_share", f"share {kind}", digits=3) for kind in kinds),
        Column("rank", "rank correlation", digits=3, best="high"),
    ]
    edges = "; ".join(f"{kind} {_range(*THICKNESS[kind])}" for kind in kinds)
    note = (
        "Of all pixels under cloud, each band counted once, with 95 % intervals that resample places. Thickness is by "
        f"how much the cloudy image is brighter than the truth, mean over bands (reflectance): {edges}. Beside it the "
        "share of the pixels, and the rank correlation of predicted uncertainty and absolute error over all pixels."
    )
    return Table(BY_THICKNESS, f"{TITLE}, by thickness of the cloud", columns, rows, "generator", note)


def _by_band(trust: Mapping[str, Trust]) -> Table:
    bands = [band for band in NAMES if any(one.has(band) for one in trust.values())]
    rows = [Row(name, {band: one.coverage(band) for band in bands}) for name, one in trust.items()]
    return Table(BY_BAND, f"{TITLE}, by band", [Column(band, band, digits=3) for band in bands], rows, "generator")


def _range(low: float, high: float) -> str:
    if math.isinf(low):
        return f"below {high:g}"
    return f"from {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
