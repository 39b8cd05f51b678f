"""The jobs that measure, as protocol.py carries them. Each writes a report, an `.html`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import List, Optional, Union


@dataclass(frozen=True)
class _OnData:
    """What is measured on images of a data set."""

    id: str
    output: str
    """The `.html`; `.json`, `.csv` (its tables) and, of some, `.cases.csv` (each case) appear beside it."""
    data: Optional[str] = None
    """Root of the data set, or a CSV of pairs; None for UNCLOUDED_DATA."""
    dataset: Optional[str] = None
    """Name of the data set, see datasets/registry.py; None to tell from the data."""
    split: str = "validation"
    limit: Optional[int] = None
    """At most so many cases; None for all."""
    seed: int = 0
    device: str = "auto"
    overwrite: bool = False


@dataclass(frozen=True)
class _OfGenerators(_OnData):
    """What compares generators and methods."""

    models: List[str] = field(default_factory=list)
    """Names of installed generators or paths of `.safetensors`."""
    methods: List[str] = field(default_factory=list)
    """Methods without training beside the rows that every table has."""
    each: int = 1
    """Cases of each place: skies over an image, series of its days."""


@dataclass(frozen=True)
class EvaluateGenerators(_OfGenerators):
    """Measure generators and methods on a data set, beside the baselines, into a report."""

    truth: str = "same-day"
    """`same-day`: clouds laid over a clear image; `other-day`: a cloudy image and a clear one of another day; `haze`:
    haze laid over a clear image that is reconstructed as a whole."""
    bands: Optional[List[str]] = None
    """Bands that a user has; None for all of a place."""
    sar: bool = True
    """Whether Sentinel-1 is given where there is some."""
    dates: int = 3
    """Other dates that are given where there are so many."""
    write_scores: bool = False
    """Whether each model's figures go into its card."""


@dataclass(frozen=True)
class EvaluateLandCover(_OfGenerators):
    """Ask a land-cover classifier what it sees in clear, cloudy and decloudy images."""

    split: str = "test"
    classifier: Optional[str] = None
    """Path of a classifier's `.safetensors`; None for the one that comes along."""
    truth: str = "same-day"


@dataclass(frozen=True)
class EvaluateClassifiers(_OnData):
    """Measure land-cover classifiers on images of several classes."""

    split: str = "test"
    classifiers: List[str] = field(default_factory=list)
    """Paths of `.safetensors`."""


@dataclass(frozen=True)
class EvaluateMasks:
    """Hold the cloud masks of the detector, and those that generators imply, against labels drawn by hand."""

    id: str
    output: str
    labels: List[str] = field(default_factory=list)
    """Each an `IMAGE=LABEL` pair of files, or a folder of chips with labels; empty for those of UNCLOUDED_DATA."""
    models: List[str] = field(default_factory=list)
    tolerance_px: int = 0
    """Pixels this near to the rim of a label do not count."""
    device: str = "auto"
    overwrite: bool = False


@dataclass(frozen=True)
class EvaluateSeries(_OfGenerators):
    """Measure how steadily generators and methods reconstruct the dates of a series."""


@dataclass(frozen=True)
class EvaluateResult:
    """Compare one image with a reference of the same place."""

    id: str
    result: str
    reference: str
    output: str
    """The report, `.html`."""
    error_output: Optional[str] = None
    """A raster of the error of each band, result minus reference."""
    mask: Optional[str] = None
    """Mask of the pixels that were reconstructed; None counts all."""
    cloudy: Optional[str] = None
    """The image before its clouds were removed."""
    uncertainty: Optional[str] = None
    bands: Optional[List[str]] = None
    level: Optional[str] = None
    offset: Optional[float] = None
    overwrite: bool = False


@dataclass(frozen=True)
class DrawContactSheet:
    """Draw what a generator makes of real clouds, pixel for pixel, on pages to be looked at."""

    id: str
    folder: str
    """Where pages and an index appear; made if need be, and then ignored by git."""
    model: str = "default"
    data: Optional[str] = None
    """As in _OnData."""
    dataset: Optional[str] = None
    split: str = "validation"
    limit: int = 24
    """Cases that are shown, if there are so many."""
    bands: Optional[List[str]] = None
    sar: bool = True
    dates: int = 3
    seed: int = 0
    device: str = "auto"
    overwrite: bool = False


EVALUATIONS = (
    EvaluateGenerators,
    EvaluateLandCover,
    EvaluateClassifiers,
    EvaluateMasks,
    EvaluateSeries,
    EvaluateResult,
    DrawContactSheet,
)
Evaluation = Union[
    EvaluateGenerators,
    EvaluateLandCover,
    EvaluateClassifiers,
    EvaluateMasks,
    EvaluateSeries,
    EvaluateResult,
    DrawContactSheet,
]
