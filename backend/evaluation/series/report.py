"""The report of series: tables and curves over the days, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...evaluation_jobs import EvaluateSeries
from ...sensors import Float
from ..reports.facts import command, machine
from ..reports.figures import fair
from ..reports.pictures import curves
from ..reports.report import Cell, Column, Picture, Report, Row, Section, Table
from ..rows import ALONE, CLEAR_MEAN, CONSTANT, IDENTITY
from .cases import Series
from .measures import CLOUDED, DAY, TRUTH, WHOLE, Figures, vegetation

COLUMNS = (
    Column("pairs", "pairs"),
    Column("ssim", "SSIM of successive days"),
    Column("gap", "|SSIM - truth's|", best="low"),
    Column("change", "MAE of successive days"),
    Column("change_error", "error of the change", best="low"),
    Column(DAY, "reconstruction MAE", best="low"),
)
MEANING = (
    "Each clear day of a place lies under clouds of its own and is reconstructed from that image and from the other "
    "days as dates, clouded as they are, with their masks. Then each two successive days are compared.\n\n"
    "Papers report the SSIM of successive predictions as temporal consistency, high for good. A constant has 1 in it, "
    "and what smooths away all change comes near it. The truth's own SSIM is below 1, as ground changes: what counts "
    "is the distance from it, and the error of the change, the mean absolute difference between the predicted change "
    "from day to day and the true one. Errors that come and go lower the SSIM and may meet the truth's by accident; "
    "they show in the error of the change. Errors that stay the same every day do not: the reconstruction error stands "
    "beside it.\n\n"
    "Generators are measured twice: as a user gets the image, clear pixels as they were measured, and the network "
    "alone."
)
RIVALS = ("median", "interpolate")
DIFFERENCES = {"change_error": "error of the change", DAY: "reconstruction MAE"}
PIXELS = {
    WHOLE: ("Whole images", "All pixels whose truth is known on both days; reconstruction over all of a day's."),
    CLOUDED: (
        "Clouded pixels",
        "Pixels that are cloud or shadow on at least one of the two days; reconstruction over those of a day.",
    ),
}


@dataclass(frozen=True)
class Shown:
    """What the report says of a series."""

    name: str
    days: int
    span_days: float
    cover: tuple[float, ...]
    """Share of cloud and shadow of each day."""

    @staticmethod
    def of(series: Series) -> Shown:
        """Leaves out the images."""
        cover = tuple(float(sample.observation.cloud.mean()) for sample in series.samples)
        return Shown(series.name, len(series.days), series.days[-1] - series.days[0], cover)


@dataclass(frozen=True)
class Curve:
    """A figure over the days of one series."""

    series: str
    days: tuple[float, ...]
    """From the first."""
    what: str
    rows: Mapping[str, Sequence[float]]

    @staticmethod
    def of(series: Series, means: Mapping[str, Float]) -> Curve:
        """Makes the curve of mean reflectances (T, C) by row; the networks alone are left out."""
        users = {name: values for name, values in means.items() if not name.endswith(ALONE)}
        what, rows = vegetation(users, series.samples[0].observation.bands)
        return Curve(series.name, tuple(day - series.days[0] for day in series.days), what, rows)


@dataclass
class Measured:
    """What was measured."""

    figures: Figures = field(default_factory=Figures)
    shown: list[Shown] = field(default_factory=list)
    """The series."""
    curve: Curve | None = None
    """Of the first series."""
    notes: list[str] = field(default_factory=list)
    """What could not be measured, and what cards leave open."""


def build(job: EvaluateSeries, data: str, constant: str, found: Measured) -> Report:
    """Makes the report.

    Args:
        job: What was asked for.
        data: Name of the data set.
        constant: What the constant row is.
        found: What was measured.
    """
    figures = found.figures
    places = len(figures.places)
    facts = {
        "Data": f"{data}, split {job.split}",
        "Places": str(places),
        "Series": "; ".join(map(_described, found.shown)),
        "Seed": str(job.seed),
        "Constant row": constant,
        **machine(job.device),
    }
    tables = [*(_table(figures, pixels, places) for pixels in PIXELS), _differences(figures)]
    text = "\n\n".join([MEANING, *found.notes])
    sections = [Section("Temporal consistency", text, tables), *_curves(found.curve)]
    return Report("Series", command("evaluate-series", job), facts, sections)


def _table(figures: Figures, pixels: str, places: int) -> Table:
    title, note = PIXELS[pixels]
    if places == 1:
        note += (
            " Intervals (95 %) are drawn by pairs of days, which are not independent here: there is one place, and "
            "neighbouring pairs share a day. They say nothing of other places."
        )
    else:
        note += " Intervals (95 %) are drawn by place."
    rows = [Row(row, _cells(figures, pixels, row)) for row in figures.values[pixels]]
    return fair(Table(f"consistency_{pixels}", title, COLUMNS, rows, "row", note))


def _cells(figures: Figures, pixels: str, row: str) -> dict[str, Cell]:
    keys = ["ssim", "change"] if row == TRUTH else ["ssim", "gap", "change", "change_error", DAY]
    return {"pairs": figures.count(row), **{key: figures.mean(pixels, row, key) for key in keys}}


def _differences(figures: Figures) -> Table:
    """Sets all rows but the trivial ones against each of RIVALS, pair by pair."""
    columns = [
        Column(f"{key}_{rival.replace('-', '_')}", f"{title}, minus {rival}'s")
        for rival in RIVALS
        for key, title in DIFFERENCES.items()
    ]
    rows = [
        Row(
            row,
            {
                f"{key}_{rival.replace('-', '_')}": figures.difference(CLOUDED, row, rival, key)
                for rival in RIVALS
                for key in DIFFERENCES
                if rival != row
            },
        )
        for row in figures.values[CLOUDED]
        if row not in (TRUTH, IDENTITY, CONSTANT, CLEAR_MEAN)
    ]
    note = "Clouded pixels; below zero is better than the rival. The interval is that of the difference."
    return Table("differences", "Paired differences", columns, rows, "row", note)


def _curves(curve: Curve | None) -> list[Section]:
    if curve is None:
        return []
    lines = {name: (curve.days, values) for name, values in curve.rows.items()}
    picture = Picture(
        f"{curve.what} of {curve.series} over its days",
        curves(lines, "days from the first", curve.what),
        f"A line for the truth and one for each row: the {curve.what} of the mean of all pixels known on every day.",
    )
    text = f"{curve.what} of the mean over the whole image; the cloudy input is the row identity."
    return [Section("Over the days", text, pictures=[picture])]


def _described(shown: Shown) -> str:
    cover = ", ".join(f"{share:.0%}" for share in shown.cover)
    return f"{shown.name}: {shown.days} days within {shown.span_days:.0f}, cloud and shadow {cover}"
