"""The report on generators: figures of all cases, put into sections with tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...calibration import LEVELS
from ...errors import InputError
from ...evaluation_jobs import EvaluateGenerators
from ...sensors import NAMES
from ...statistics import LEAST_GROUPS, Figure
from ...training.curves import LOG, read_log
from ...training.curves import NAMES as CURVES
from ..cases import Cases
from ..reports.facts import command, machine
from ..reports.pictures import binned, curves, error_by_band, reliability, spectra
from ..reports.report import Picture, Report, Section, Table
from ..reports.uncertainty import uncertainty_table
from ..rows import ALONE, IDENTITY, OFFSET, Row
from .distances import distance_table
from .examples import draw_examples
from .findings import Findings
from .haze import HAZE
from .sums import Sums
from .tables import (
    band_table,
    best_untrained,
    class_table,
    cover_table,
    difference_table,
    main_table,
    part_tables,
)
from .trust_tables import trust_tables

LEAST_IN_BIN = 0.001
"""Share of the pixels that a bin of uncertainty needs to be drawn."""


@dataclass(frozen=True)
class Measured:
    """All that a report is made of."""

    job: EvaluateGenerators
    data_set: str
    """Its name."""
    found: Findings
    sums: Sums
    rows: Sequence[Row]
    """Without generators that fit no case."""
    cases: Cases
    remarks: Sequence[str]
    """Sentences on where the figures come from, and what is not known."""
    paths: Mapping[str, str]
    """Of the generators' files, by name."""

    @property
    def generators(self) -> list[str]:
        return [row.name for row in self.rows if row.generator is not None]

    @property
    def untrained(self) -> list[str]:
        return [row.name for row in self.rows if row.generator is None and self.found.measured(row.name).any()]

    @property
    def names(self) -> list[str]:
        """What the tables have a line for."""
        generators = [row for row in self.rows if row.generator is not None]
        return [*self.untrained, *(name for row in generators for name in row.names)]


def make_report(measured: Measured) -> Report:
    """Gives the report."""
    title = _TITLES[measured.job.truth].format(measured.data_set)
    return Report(title, command("evaluate", measured.job), _facts(measured), sections(measured))


def _facts(measured: Measured) -> dict[str, str]:
    job, found = measured.job, measured.found
    cards = {row.name: row.generator.card for row in measured.rows if row.generator is not None}
    hashes = [f"{name}, version {card.version}, SHA-256 {card.sha256[:12]}" for name, card in cards.items()]
    bands = f"the bands {', '.join(job.bands)}" if job.bands else "all bands of a place"
    sar = "Sentinel-1 where there is some" if job.sar else "no Sentinel-1"
    return {
        "Data": f"{measured.data_set}, split {job.split}",
        "Cases": f"{len(found.names)} of {len(set(found.groups))} places",
        "Given": f"{bands}; {sar}; up to {job.dates} other dates",
        "Generators": "; ".join(hashes) or "none",
        "Seed": str(job.seed),
        **machine(job.device),
    }


def sections(measured: Measured) -> list[Section]:
    """Gives all sections."""
    found, names = measured.found, measured.names
    made = [
        _summary(measured),
        Section("Three parts", _PARTS, part_tables(found, names)),
        Section(
            "Bands",
            "",
            [band_table(found, names, "reconstruction"), band_table(found, names, "target")],
            _band_pictures(measured),
        ),
        Section("Cloud cover and land cover", "", [cover_table(found, names), class_table(found, names)]),
    ]
    if measured.generators:
        made += [_differences(measured), _uncertainty(measured)]
    distances = distance_table(measured.sums.seen, names)
    if distances is not None:
        made.append(Section("What a classifier sees", "", [distances]))
    made.append(Section("Examples", _EXAMPLES, (), _examples(measured)))
    made += _training(measured.paths)
    return made


_TITLES = {
    "same-day": "Clouds removed from {}: the truth is of the same day",
    "other-day": "Clouds removed from {}: the truth is of another day",
    HAZE: "Haze and thin cloud removed from {}: whole images, the truth is of the same day",
}
_PARTS = (
    "Target counts all pixels whose truth is known, against the truth; Reproduction the clear pixels, against the "
    "input; Reconstruction the pixels under cloud and shadow, against the truth. A generator has two lines: what a "
    "user gets, with the clear pixels put back, and its network alone."
)
_HAZE = (
    "Haze, cirrus or a real cloud made thin lies over clear images, whose every pixel is replaced and counts, as with "
    "`remove --mask all`: methods are told of the clouds that the detector finds, the rest counts as clear ground. "
    "The row offset darkens what is under haze, band by band, to the mean of what is clear; it alone is told where "
    "haze lies in truth."
)
_EXAMPLES = "The best, the median and the worst case of the first generator, and cases of little, half and much cloud."


def _main_tables(measured: Measured) -> list[Table]:
    """The figures of all cases, and where rows served different ones, those of the cases that all served."""
    found, names = measured.found, measured.names
    tables = [main_table(found, names)]
    common = found.common(names)
    if common.any() and any((found.measured(name) != common).any() for name in names):
        tables.append(main_table(found, names, common))
    return tables


def _summary(measured: Measured) -> Section:
    found = measured.found
    floor = found.mean(found.floor)
    if measured.job.truth == HAZE:
        words = _HAZE
    elif measured.job.truth == "other-day":
        words = (
            f"The truth is of another day: the clear pixels of both days differ by {_worded(floor)} on average (MAE). "
            "That is the floor: a perfect reconstruction of the cloudy day would not come to 0."
        )
    else:
        words = (
            "The truth is of the same day: clouds were laid over clear images. The clear pixels of the input differ "
            f"from it by {_worded(floor)} (MAE): haze that no mask shows."
        )
    text = [*_verdicts(measured), words, *_not_measured(measured), *measured.remarks]
    return Section("Summary", "\n\n".join(text), _main_tables(measured))


def _verdicts(measured: Measured) -> list[str]:
    """A sentence on each generator against the best row without training, under haze also against its two rivals."""
    hazy = measured.job.truth == HAZE
    said = []
    for name in measured.generators:
        best = best_untrained(measured.found, name, measured.untrained)
        rivals = {best: f"{best}, the best without training"}
        rivals |= {rival: rival for rival in (IDENTITY, OFFSET) if hazy and rival != best}
        for rival, words in rivals.items():
            difference = measured.found.difference(name, rival, "reconstruction.mae")
            kind = "is better than" if difference.mean < 0 else "is worse than"
            kind = kind if difference.excludes_zero else "cannot be told from"
            said.append(
                f"Under {'haze' if hazy else 'clouds'} {name} {kind} {words}: its MAE minus that of {rival} is "
                f"{_worded(difference)} on the {difference.count} cases of both, of {_places(difference)}."
            )
    return said


def _places(difference: Figure) -> str:
    if difference.groups == 1:
        return "one place: too few for a verdict"
    return f"{difference.groups} places{': too few for a verdict' * (difference.groups < LEAST_GROUPS)}"


def _not_measured(measured: Measured) -> list[str]:
    """Sentences on what does not count, and how often."""
    found = measured.found
    said = [f"{count} case(s) were not measured: {why}." for why, count in sorted(found.unmeasured.items())]
    without = int((found.hidden == 0).sum())
    if without:
        said.append(f"{without} case(s) have no pixel under cloud whose truth is known: no reconstruction.")
    whole = int(np.isnan(found.floor).sum())
    if whole and measured.job.truth != HAZE:
        said.append(f"{whole} case(s) have no clear pixel whose truth is known: no floor.")
    alike: dict[tuple[str, int], list[str]] = {}
    for row, reasons in found.lacking.items():
        for reason in reasons.items():
            alike.setdefault(reason, []).append(row)
    said += [f"Not measured on {count} case(s): {', '.join(rows)}; {why}." for (why, count), rows in alike.items()]
    return said


def _band_pictures(measured: Measured) -> list[Picture]:
    found, names = measured.found, [name for name in measured.names if not name.endswith(ALONE)]
    bands = [band for band in NAMES if np.isfinite(found.column(IDENTITY, f"reconstruction.mean.{band}")).any()]
    if not bands:
        return []
    errors = {name: [found.figure(name, f"reconstruction.rmse.{band}").mean for band in bands] for name in names}
    truth = {"truth": [float(np.nanmean(found.truth_means[:, NAMES.index(band)])) for band in bands]}
    means = {name: [found.figure(name, f"reconstruction.mean.{band}").mean for band in bands] for name in names}
    return [
        Picture("Error of each band under clouds", error_by_band(bands, errors), "RMSE by band."),
        Picture("Mean spectra under clouds", spectra(bands, truth | means), "Mean reflectance over wavelength."),
    ]


def _differences(measured: Measured) -> Section:
    return Section("Better or not", "", [difference_table(measured.found, measured.generators, measured.untrained)])


def _uncertainty(measured: Measured) -> Section:
    known = {name: one for name, one in measured.sums.uncertainty.items() if one.counts.any()}
    known = {name: one for name, one in known.items() if name in measured.generators}
    if not known:
        return Section("Uncertainty", "No generator gave an uncertainty under clouds.")
    points = {}
    for name, one in known.items():
        bins = [each for each in one.by_uncertainty() if each.count > LEAST_IN_BIN * one.counts.sum()]
        points[name] = ([each.uncertainty for each in bins], [each.rmse for each in bins])
    held = {name: one.coverage().tolist() for name, one in known.items()}
    pictures = [
        Picture("Reliability", reliability(LEVELS, held), "Observed against promised coverage of intervals."),
        Picture("Error against uncertainty", binned(points), "RMSE of pixels against their predicted standard error."),
    ]
    trust = {name: one for name, one in measured.found.trust.items() if name in known}
    return Section("Uncertainty", "", [uncertainty_table(known), *trust_tables(trust)], pictures)


def _examples(measured: Measured) -> list[Picture]:
    by_name = {row.name: row for row in measured.rows}
    shown = [by_name[name] for name in measured.generators]
    first = shown[0].name if shown else measured.untrained[0]
    best = by_name[best_untrained(measured.found, first, measured.untrained)]
    return draw_examples(measured.found, measured.cases, [*shown, best])


def _training(paths: Mapping[str, str]) -> list[Section]:
    """Curves over epochs of generators that lie in the folder of their run."""
    logs = {}
    for name, path in paths.items():
        if (Path(path).parent / LOG).is_file():
            try:
                logs[name] = read_log(Path(path).parent)
            except InputError:
                continue
    pictures = []
    for figure, words in CURVES.items():
        key = f"validation_{figure}"
        lines = {name: _points(log, key) for name, log in logs.items() if any(key in row for row in log)}
        if lines:
            pictures.append(
                Picture(f"Validation while training: {figure}", curves(lines, "epoch", words, whole=True), words)
            )
    return (
        [Section("Training", "Of generators whose file lies in the folder of its run.", (), pictures)]
        if pictures
        else []
    )


def _points(log: Sequence[Mapping[str, float]], key: str) -> tuple[list[float], list[float]]:
    known = [row for row in log if key in row]
    return [row["epoch"] for row in known], [row[key] for row in known]


def _worded(figure: Figure) -> str:
    if np.isnan(figure.mean):
        return "an unknown amount"
    if np.isnan(figure.low):
        return f"{figure.mean:.4f}"
    return f"{figure.mean:.4f} [{figure.low:.4f}, {figure.high:.4f}]"
