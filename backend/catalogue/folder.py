"""The folder that is fetched into: files appear in it whole, and a record tells what they are.

`fetch.json` holds for each file the digest of what was asked for, the SHA-256 of what was written, and the items that
it is made of. A file whose digest and hash agree is kept by the next run of the same job.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..catalogue_jobs import RECORD
from ..errors import OutputError
from ..hashing import file_sha256
from ..protocol import partial_folder
from ..reporting import Reporter

LOCK = ".fetching"


class Folder:
    """What lies in a folder of fetched images.

    Args:
        output: The folder; its parent must exist.
        overwrite: Whether files that are of another job may be replaced.
        report: Of the job.
    """

    def __init__(self, output: str, overwrite: bool, report: Reporter) -> None:
        self.path = Path(output)
        self._part = partial_folder(str(self.path.absolute()))
        self._overwrite = overwrite
        self._report = report
        self._files: dict[str, dict[str, Any]] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Makes the folder and keeps others from writing into it; it is gone again if nothing was fetched into it.

        Raises:
            OutputError: It cannot be made or written, or somebody writes into it.
        """
        new = not self.path.exists()
        with _writing(self.path):
            self.path.mkdir(exist_ok=True)
        lock = FileLock(self.path / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise OutputError(
                f"Another run is fetching into {self.path}.", "Wait for its end, end it, or choose another folder."
            ) from error
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            with _writing(self.path):
                shutil.rmtree(self._part, ignore_errors=True)
                self._part.mkdir()
            self._files = self._recorded()
            yield
        finally:
            shutil.rmtree(self._part, ignore_errors=True)
            lock.release()
            if not (self.path / RECORD).exists():
                self._forget(new)

    def keeps(self, name: str, request: dict[str, Any]) -> bool:
        """Tells whether a file is there, whole, and what is asked for.

        Raises:
            OutputError: There is one of this name that is something else, and it may not be replaced.
        """
        path, known = self.path / name, self._files.get(name, {})
        if not path.exists():
            return False
        if known.get("request") != digest(request):
            if self._overwrite:
                return False
            raise OutputError(
                f"{path} exists and is not what this job would fetch.",
                "Choose another folder, or allow overwriting (--overwrite).",
            )
        if file_sha256(path, lambda _: self._report.check_cancelled()) == known.get("sha256"):
            return True
        self._report.log("warning", f"{name} was changed or damaged since it was fetched; it is fetched again.")
        return False

    def add(self, name: str, request: dict[str, Any], make: Callable[[Path], None]) -> None:
        """Has a file made aside and gives it its name.

        Raises:
            OutputError: It cannot be written.
        """
        part = self._part / name
        make(part)
        with _writing(self.path):
            self._files[name] = {
                "request": digest(request),
                "sha256": file_sha256(part, lambda _: self._report.check_cancelled()),
                **{key: request[key] for key in ("items", "day", "collection")},
            }
            self._flush(part)
            self._write_record({})  # before the name: a file that is there and not recorded would be a stranger's
            os.replace(part, self.path / name)

    def finish(self, told: dict[str, Any]) -> Path:
        """Writes the record of a whole job and gives its path; raises OutputError if it cannot be written."""
        with _writing(self.path):
            self._write_record(told)
        return self.path / RECORD

    def check_room(self, needed_bytes: int) -> None:
        """Raises OutputError if the disk has less room."""
        free = shutil.disk_usage(self.path).free
        if free < needed_bytes:
            raise OutputError(
                f"The disk of {self.path} has {free / 1e6:.0f} MB free; up to {needed_bytes / 1e6:.0f} MB are needed.",
                "Free some room, choose another disk, a smaller area, or fewer dates or bands.",
            )

    def _forget(self, new: bool) -> None:
        with contextlib.suppress(OSError):  # another run has begun here
            (self.path / LOCK).unlink(missing_ok=True)
            if new:
                self.path.rmdir()

    def _write_record(self, told: dict[str, Any]) -> None:
        part = self._part / RECORD
        part.write_text(json.dumps({**told, "files": self._files}, indent=1), encoding="utf-8")
        self._flush(part)
        os.replace(part, self.path / RECORD)

    def _recorded(self) -> dict[str, dict[str, Any]]:
        try:
            files = json.loads((self.path / RECORD).read_text(encoding="utf-8"))["files"]
            return {name: dict(facts) for name, facts in files.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._report.log("warning", f"{self.path / RECORD} cannot be read; what lies beside it is not known.")
            return {}

    @staticmethod
    def _flush(path: Path) -> None:
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def digest(request: dict[str, Any]) -> str:
    """Gives the hash of what a file is made of."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"The folder {folder} cannot be written: {error.strerror or error}.",
        "See that its parent exists, that it is writable, and that the disk has room.",
    )
