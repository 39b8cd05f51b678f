"""Everything that can go wrong for a user, in words that say what to do.

    UncloudedError                 code         exit code
    ├── UsageError                 usage        2    an option or a value that makes no sense
    ├── InputError                 input        3    a file that cannot serve
    │   ├── UnreadableRaster       unreadable
    │   ├── UnreadableSample       sample
    │   ├── NoOverlap              no-overlap
    │   ├── UnknownBands           bands
    │   ├── UncalibratedSar        uncalibrated-sar
    │   ├── NoData                 no-data
    │   └── NothingClear           nothing-clear
    ├── ModelError                 model        4    a generator that cannot be loaded or does not fit
    ├── OutputError                output       5    a place that cannot be written
    ├── DeviceError                device       6    a device that is missing or too small
    ├── BackendError               backend      7    the worker process is missing, died or speaks another protocol
    ├── TrainingDiverged           diverged     8    a training whose losses are no numbers any more
    ├── BatchIncomplete            incomplete   9    a batch of which some scenes have failed
    └── Cancelled                  cancelled    130

Every error has a `message` (what was expected, what came) and a `hint` (what to do). Anything else that escapes is a
bug; both process borders (command line, worker) report it as code `internal`, exit code 1.
"""

from __future__ import annotations

import copyreg
from typing import Any, Optional, Sequence, Tuple

Extent = Tuple[float, float, float, float]


class UncloudedError(Exception):
    """Base of all errors that are the user's to mend.

    Args:
        message: What was expected and what came, in one sentence.
        hint: What to do, in one sentence.
    """

    code = "error"
    exit_code = 1
    kept: Optional[str] = None
    """File that the job leaves all the same."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> Tuple[Any, ...]:
        """Lets it go from one process to another: subclasses cannot be made anew from their message."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class UsageError(UncloudedError):
    code = "usage"
    exit_code = 2


class InputError(UncloudedError):
    code = "input"
    exit_code = 3


class UnreadableRaster(InputError):
    code = "unreadable"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} cannot be read as a raster: {reason.rstrip('.')}.",
            "Give a raster that GDAL reads (GeoTIFF, JPEG 2000, ...), a .SAFE folder, a zip of one, "
            "or a folder of band files.",
        )


class UnreadableSample(InputError):
    """A file of a data set for training is missing or damaged."""

    code = "sample"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} cannot serve for training: {reason.rstrip('.')}.",
            "Get the file again, or set on_bad_file: skip to go on without it.",
        )


class NoOverlap(InputError):
    """Two files show different places; both extents are in the CRS of the optical image."""

    code = "no-overlap"

    def __init__(self, what: str, path: str, extent: Extent, optical_extent: Extent) -> None:
        super().__init__(
            f"The {what} {path} covers {_extent(extent)}, the optical image {_extent(optical_extent)}: "
            "they do not overlap.",
            f"Give a {what} of the same place.",
        )


class UnknownBands(InputError):
    code = "bands"

    def __init__(self, path: str, count: int, reason: str, known: Sequence[str]) -> None:
        super().__init__(
            f"The {count} band(s) of {path} could not be named: {reason}.",
            f"Name them in file order, for example B2,B3,B4,B8. Known names: {', '.join(known)}.",
        )


class UncalibratedSar(InputError):
    code = "uncalibrated-sar"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            f"{path} is no calibrated, terrain-corrected Sentinel-1 backscatter: {reason}.",
            "Calibrate it to sigma0 or gamma0 and terrain-correct it (ESA SNAP does), or go on without SAR.",
        )


class NoData(InputError):
    code = "no-data"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} holds no measured pixel in this area: all is nodata.", "Choose an area inside the image."
        )


class NothingClear(InputError):
    code = "nothing-clear"

    def __init__(self, path: str, needs: str) -> None:
        super().__init__(
            f"The whole area of {path} is cloud or shadow: nothing shows what the ground looks like.",
            f"Give {needs}, choose a larger area, or raise the cloud threshold.",
        )


class ModelError(UncloudedError):
    code = "model"
    exit_code = 4


class OutputError(UncloudedError):
    code = "output"
    exit_code = 5


class DeviceError(UncloudedError):
    code = "device"
    exit_code = 6


class BackendError(UncloudedError):
    code = "backend"
    exit_code = 7


class TrainingDiverged(UncloudedError):
    code = "diverged"
    exit_code = 8

    def __init__(self, epoch: int, step: int, losses: str) -> None:
        remedy = "Lower the learning rates, set fit.clip=1, or fit.precision=32"
        super().__init__(
            f"Training has diverged in epoch {epoch + 1}, step {step + 1}: {losses}.",
            f"The best checkpoint so far is kept. {remedy}; then go on with --resume." if epoch else f"{remedy}.",
        )


class BatchIncomplete(UncloudedError):
    code = "incomplete"
    exit_code = 9

    def __init__(self, failed: int, count: int) -> None:
        super().__init__(
            f"{failed} of {count} scenes failed{'; the others are finished' if failed < count else ''}.",
            "Mend what the reasons name and run the same command again: it goes on with what is missing.",
        )


class Cancelled(UncloudedError):
    """The job was given up.

    Args:
        kept: File that holds the best of what was reached until then.
    """

    code = "cancelled"
    exit_code = 130

    def __init__(self, kept: Optional[str] = None) -> None:
        hint = "Nothing was written." if kept is None else f"The best generator so far was kept: {kept}"
        super().__init__("Cancelled.", hint)
        self.kept = kept


def _extent(extent: Extent) -> str:
    return "[" + ", ".join(f"{value:.10g}" for value in extent) + "]"
