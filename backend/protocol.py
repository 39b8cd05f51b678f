"""The messages between QGIS and the worker: one JSON object a line, `{"type": "Progress", "id": "7", ...}`.

QGIS sends jobs, `Cancel` and `Ping`; the worker answers with events. A conversation:

    worker  Hello                      as soon as the interpreter runs, before torch is loaded
    worker  Ready                      torch is loaded, devices and models are known
    QGIS    RemoveClouds(id="1", ...)  jobs queue; one runs at a time
    worker  Estimate, Progress, Log,   any number of times
            Losses, Models, Checkpoint
    worker  Done or Failed             exactly once for each job; a cancelled one fails with code `cancelled`

The worker ends when its standard input closes, and by itself after an idle time.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Type, Union

from .catalogue_jobs import FetchImages
from .errors import BackendError, UncloudedError
from .evaluation_jobs import EVALUATIONS, Evaluation
from .model_jobs import MODEL_JOBS, Checkpoint, ModelAnswer, ModelJob, Models

PROTOCOL = 4

PASSWORD = re.compile(r"//[^/@\s]*@")
"""Of a proxy's address."""
NEED_DATES = ("least-cloudy", "median", "interpolate")
"""Methods that combine other dates of the place."""
METHODS = ("generator", *NEED_DATES, "inpaint")
"""How clouded pixels are reconstructed; `generator` is the network named by `model`."""


@dataclass(frozen=True)
class RemoveClouds:
    """Reconstruct the clouded pixels of one optical image."""

    id: str
    optical: str
    """A raster that GDAL reads, a .SAFE folder, a zip of one, or a folder of band files."""
    output: str
    sar: Optional[str] = None
    dates: List[str] = field(default_factory=list)
    """Other dates of the same place, each `FILE` or `FILE@2020-06-01`."""
    mask: str = "auto"
    """`auto`, `all` (the whole image is reconstructed, haze too), or the path of a mask."""
    cloud_threshold: Optional[float] = None
    """Cloud probability (0..1) from which a pixel is cloud; None for the detector's own."""
    grow_px: Optional[int] = None
    """Pixels by which the mask is grown; None for the default."""
    method: str = "generator"
    model: str = "default"
    """Name of an installed generator or path of a `.safetensors`."""
    samples: int = 1
    """Reconstructions that a generator with a latent draws: their mean is the result, their spread its uncertainty."""
    seed: int = 0
    """Of these: the same seed gives the same bytes."""
    bbox: Optional[List[float]] = None
    """xmin, ymin, xmax, ymax in the CRS of the optical image; None for the whole image."""
    bands: Optional[List[str]] = None
    """Names of the file's bands in file order; None to read them from the file."""
    level: Optional[str] = None
    """`L1C` or `L2A`; None to tell from the product or the bands."""
    offset: Optional[float] = None
    """Added to the digital numbers before scaling; None to read it from the file."""
    device: str = "auto"
    mask_output: Optional[str] = None
    uncertainty_output: Optional[str] = None
    overwrite: bool = False
    cluster: Optional[str] = None
    """Address of a Dask scheduler, or `local[:N]` for N workers on this machine; None for this process."""


@dataclass(frozen=True)
class DetectClouds:
    """Write a mask of clouds and shadows: 0 clear, 1 cloud, 2 shadow, 255 nodata."""

    id: str
    optical: str
    output: str
    cloud_threshold: Optional[float] = None
    grow_px: Optional[int] = None
    bbox: Optional[List[float]] = None
    bands: Optional[List[str]] = None
    level: Optional[str] = None
    offset: Optional[float] = None
    overwrite: bool = False


@dataclass(frozen=True)
class SimulateClouds:
    """Put synthetic clouds and their shadows on a clear image."""

    id: str
    clear: str
    output: str
    mask_output: Optional[str] = None
    cover: float = 0.4
    """Share of the image that is clouded, 0..1."""
    seed: int = 0
    bands: Optional[List[str]] = None
    level: Optional[str] = None
    offset: Optional[float] = None
    overwrite: bool = False


@dataclass(frozen=True)
class TrainGenerator:
    """Train a generator, on a data set or on clear images under simulated clouds.

    Cancelled, it keeps the best generator so far: `Failed` names its file.
    """

    id: str
    recipe: str
    """Name of a recipe or path of a YAML file; empty for the recipe of start_from's architecture."""
    folder: str
    """Of the run: checkpoints, logs, pictures."""
    output: Optional[str] = None
    """The `.safetensors` to write; None for FOLDER/NAME.safetensors."""
    data: Optional[str] = None
    """Root of the recipe's data set; None for UNCLOUDED_DATA."""
    images: List[str] = field(default_factory=list)
    """Clear rasters to learn from instead of a data set, under simulated clouds."""
    start_from: Optional[str] = None
    """Name of an installed generator or path of a `.safetensors` whose weights are the start."""
    settings: List[str] = field(default_factory=list)
    """Changes of the recipe, each `key=value` with a dotted key: `fit.epochs=3`."""
    resume: bool = False
    """Go on with the run that the folder holds."""
    device: str = "auto"
    workers: int = 0
    """Processes that draw samples beside the one that trains."""
    overwrite: bool = False


@dataclass(frozen=True)
class Cancel:
    """Give up the job of this id, running or queued."""

    id: str


@dataclass(frozen=True)
class Ping:
    id: str


@dataclass(frozen=True)
class Hello:
    protocol: int
    version: str


@dataclass(frozen=True)
class Ready:
    devices: List[Dict[str, str]]
    """Each `{"name": "cuda:0", "label": "NVIDIA ..."}`; the first is what `auto` takes."""
    models: List[Dict[str, Any]]
    """Cards (see card.py) of the installed generators, each with its `path`."""


@dataclass(frozen=True)
class Estimate:
    """What the rest of the job takes, reckoned from the first clouded tiles."""

    id: str
    seconds: float
    disk_bytes: int
    cloud_fraction: float
    """Share of the measured pixels that will be reconstructed, 0..1."""


@dataclass(frozen=True)
class Progress:
    id: str
    fraction: float
    stage: str
    seconds_left: Optional[float] = None


@dataclass(frozen=True)
class Log:
    id: str
    level: str
    """`info` or `warning`."""
    text: str


@dataclass(frozen=True)
class Losses:
    """The curves of a training: one point of each."""

    id: str
    epoch: int
    """Counted from 1."""
    values: Dict[str, float]


@dataclass(frozen=True)
class Done:
    id: str
    output: str
    mask_output: Optional[str] = None
    uncertainty_output: Optional[str] = None
    cloud_fraction: float = 0.0
    error_output: Optional[str] = None
    quality: Optional[Dict[str, float]] = None
    """What can be said of a result without a reference, see quality.py."""
    figures: Optional[Dict[str, float]] = None
    """What a result scores against a reference where it was reconstructed: mae, rmse, psnr and so on."""


@dataclass(frozen=True)
class Failed:
    id: str
    code: str
    message: str
    hint: str = ""
    kept: Optional[str] = None
    """File that a cancelled job leaves on purpose: the best generator of a training so far."""


@dataclass(frozen=True)
class Pong:
    id: str


JOBS = (RemoveClouds, DetectClouds, SimulateClouds, TrainGenerator, FetchImages, *EVALUATIONS, *MODEL_JOBS)
Job = Union[RemoveClouds, DetectClouds, SimulateClouds, TrainGenerator, FetchImages, Evaluation, ModelJob]
Message = Union[Job, Cancel, Ping, Hello, Ready, Estimate, Progress, Log, Losses, ModelAnswer, Done, Failed, Pong]

MESSAGES: Dict[str, Type[Any]] = {
    kind.__name__: kind
    for kind in (
        *JOBS,
        Cancel,
        Ping,
        Hello,
        Ready,
        Estimate,
        Progress,
        Log,
        Losses,
        Models,
        Checkpoint,
        Done,
        Failed,
        Pong,
    )
}


def failure(job_id: str, error: UncloudedError) -> Failed:
    """Gives the event that ends a job with an error."""
    return Failed(job_id, error.code, error.message, error.hint, error.kept)


def partial_folder(output: str) -> Path:
    """Gives the folder in which an output is made; a killed worker leaves it behind, and the plugin removes it."""
    path = Path(output)
    return path.parent / f".{path.name}.part"


def encode(message: Message) -> str:
    """Gives the message as one line of JSON, without the line's end."""
    return json.dumps({"type": type(message).__name__, **dataclasses.asdict(message)}, allow_nan=False)


def decode(line: str) -> Message:
    """Gives the message that a line of JSON holds.

    Raises:
        BackendError: The line is no JSON object, or of an unknown type, or lacks a field or has one too many.
    """
    try:
        fields = json.loads(line)
        return MESSAGES[fields.pop("type")](**fields)  # type: ignore[no-any-return]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BackendError(
            f"Expected a message of protocol {PROTOCOL}, got {PASSWORD.sub('//', line).strip()[:120]!r} ({error}).",
            "The plugin and its backend are of different versions: restart QGIS.",
        ) from error
