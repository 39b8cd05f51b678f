"""From the figures of all cases to the tables of the report on generators."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ...sensors import NAMES
from ...statistics import LEAST_GROUPS, Figure
from ..reports.figures import FIGURES, PARTS, Part, column, fair
from ..reports.report import Cell, Column, Row, Table
from .findings import Chosen, Findings

COVERS = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)
"""Edges of the bins of cloud cover."""
MOST_CLASSES = 12
MAIN = (
    ("target", "mae"),
    ("target", "psnr"),
    ("target", "ssim"),
    ("reproduction", "mae"),
    ("reconstruction", "mae"),
    ("reconstruction", "rmse"),
    ("reconstruction", "psnr"),
    ("reconstruction", "ssim"),
    ("reconstruction", "sam"),
    ("reconstruction", "ndvi"),
)
BRIEF = (
    "cases",
    "target_mae",
    "reproduction_mae",
    *(f"reconstruction_{name}" for name in ("mae", "psnr", "ssim", "sam")),
)
"""Keys of the columns of main_table that fit into a terminal of 80 characters."""
ERROR = "reconstruction.mae"
"""The figure that rows are ranked by."""
WORDS: dict[Part, str] = {
    "target": "all pixels whose truth is known, against the truth",
    "reproduction": "clear pixels, against the input",
    "reconstruction": "pixels under cloud and shadow, against the truth",
}
PAIRED = ("mae", "rmse", "psnr", "ssim", "sam", "ndvi")


def main_table(found: Findings, rows: Sequence[str], chosen: Chosen | None = None) -> Table:
    """The figures that matter most, of all three parts.

    Args:
        found: All figures.
        rows: Names of what is shown.
        chosen: (N,) cases that count; None for all that a row could serve.
    """
    columns = [column(figure, part) for part, figure in MAIN]
    shown = [
        Row(
            row,
            {
                "cases": int((found.measured(row) if chosen is None else chosen).sum()),
                **{f"{part}_{figure}": found.figure(row, f"{part}.{figure}", chosen) for part, figure in MAIN},
            },
        )
        for row in rows
    ]
    key, title = ("overall", "All cases") if chosen is None else ("common", "The cases that every row could serve")
    note = (
        "Means over cases with 95 % intervals that resample places. PSNR leaves out cases without any error. Where "
        "rows are of different cases none is marked as the best."
    )
    return fair(Table(key, title, [Column("cases", "cases", digits=0), *columns], shown, "method", note))


def brief(table: Table) -> Table:
    """Gives a main table for a terminal."""
    kept = [shown for shown in table.columns if shown.key in BRIEF]
    columns = [dataclasses.replace(shown, unit=shown.unit.replace("degrees", "deg")) for shown in kept]
    return dataclasses.replace(table, columns=columns)


def part_tables(found: Findings, rows: Sequence[str]) -> list[Table]:
    """All figures, a table for each part."""
    tables = []
    for part in PARTS:
        cells = [Row(row, {name: found.figure(row, f"{part}.{name}") for name in FIGURES}) for row in rows]
        title = f"{part.capitalize()}: {WORDS[part]}"
        tables.append(fair(Table(part, title, [column(name) for name in FIGURES], cells, "method")))
    return tables


def band_table(found: Findings, rows: Sequence[str], part: Part) -> Table:
    """The root mean square error of each band."""
    cells = [Row(row, {band: found.figure(row, f"{part}.rmse.{band}") for band in NAMES}) for row in rows]
    bands = [band for band in NAMES if any(row.cells[band].count for row in cells)]  # type: ignore[union-attr]
    columns = [Column(band, band, best="low") for band in bands]
    return fair(Table(f"bands_{part}", f"RMSE of each band, {part}", columns, cells, "method"))


def cover_table(found: Findings, rows: Sequence[str]) -> Table:
    """The mean absolute error under clouds by how much is cloud."""
    bins = {}
    for low, high in itertools.pairwise(COVERS):
        inside = (found.cover >= low) & ((found.cover < high) | (high == COVERS[-1])) & (found.hidden > 0)
        bins[f"{low:.0%} to {high:.0%}".replace("%", " %")] = inside
    return _by_kind(found, rows, bins, "cover", "Reconstruction MAE by cloud cover", "")


def class_table(found: Findings, rows: Sequence[str]) -> Table:
    """The mean absolute error under clouds by land cover; a case of several classes counts in each."""
    counts = Counter(label for labels in found.labels for label in labels)
    most = [label for label, _ in counts.most_common(MOST_CLASSES)]
    bins = {label: np.array([label in labels for labels in found.labels]) for label in sorted(most)}
    source = (
        "Classes are those that the land-cover classifier sees in the clear image: a guess."
        if found.guessed
        else "Classes are those of the data set."
    )
    left_out = len(counts) - len(most)
    note = f"{source} {left_out} rarer classes are left out." if left_out else source
    return _by_kind(found, rows, bins, "classes", "Reconstruction MAE by land cover", note)


def _by_kind(found: Findings, rows: Sequence[str], bins: dict[str, Chosen], key: str, title: str, note: str) -> Table:
    """A column for each kind of case that there is."""
    kinds = {name: inside for name, inside in bins.items() if inside.any()}
    columns = [
        Column(_key(name), f"{name} ({inside.sum()} case{'s' if inside.sum() > 1 else ''})", best="low")
        for name, inside in kinds.items()
    ]
    cells = [Row(row, {_key(name): found.figure(row, ERROR, inside) for name, inside in kinds.items()}) for row in rows]
    return fair(Table(key, title, columns, cells, "method", note))


def best_untrained(found: Findings, generator: str, untrained: Sequence[str]) -> str:
    """Gives the row without training that has the least error among those that serve all cases of a generator."""
    needed = found.measured(generator)
    able = [row for row in untrained if (found.measured(row) | ~needed).all()]
    errors = {row: found.figure(row, ERROR, needed).mean for row in able}
    known = {row: error for row, error in errors.items() if not np.isnan(error)}
    return min(known, key=lambda row: known[row]) if known else able[0]


def difference_table(found: Findings, generators: Sequence[str], untrained: Sequence[str]) -> Table:
    """Each generator minus every row without training and every other generator, case by case, under clouds."""
    rows = []
    for number, generator in enumerate(generators):
        best = best_untrained(found, generator, untrained)
        rivals = [best, *(row for row in untrained if row != best), *generators[number + 1 :]]
        for rival in rivals:
            name = f"{rival} (best without training)" if rival == best else rival
            rows.append(_difference(found, generator, rival, f"{generator} - {name}"))
    columns = [Column("cases", "cases", digits=0)]
    columns += [column(name, best=False) for name in PAIRED]
    columns += [Column("verdict", "by MAE")]
    note = (
        "Of the same cases, reconstruction; below 0 the first is better in MAE, RMSE, SAM and NDVI, above 0 in PSNR "
        "and SSIM. The verdict says whether the 95 % interval of the difference in MAE leaves out 0, if "
        f"it is of {LEAST_GROUPS} places or more."
    )
    return Table("differences", "Paired differences", columns, rows, "difference", note)


def verdict(difference: Figure) -> str:
    """Words a difference of errors."""
    if not difference.excludes_zero:
        return "not told apart"
    return "better" if difference.mean < 0 else "worse"


def _difference(found: Findings, one: str, other: str, label: str) -> Row:
    cells: dict[str, Cell] = {name: found.difference(one, other, f"reconstruction.{name}") for name in PAIRED}
    error = cells["mae"]
    if isinstance(error, Figure):
        cells |= {"cases": error.count, "verdict": verdict(error)}
    return Row(label, cells)


def _key(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())
