"""What an unfinished evaluation has measured so far, on disk: it goes on where it stopped, even after it was killed.

    .OUT.html.state/
      fingerprint.json    what is measured with what; another evaluation does not go on with it
      cases.jsonl         one line for each case, in order, flushed to the disk
      sums.npz            sums over cases, and of how many: written aside and renamed
      lock                held by the process that is at work

Lines behind those that the sums hold are dropped, and so is a torn one: their cases are measured again, and in the end
all numbers are those of an evaluation that was never interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import OutputError, UsageError

FINGERPRINT, CASES, SUMS, LOCK = "fingerprint.json", "cases.jsonl", "sums.npz", "lock"
HELD = "cases"
"""Key of the number of cases that the sums hold."""
EVERY = 8
"""Cases after which sums are saved."""
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Record:
    """What is kept of one case."""

    index: int
    unmeasured: str = ""
    """Why it was not measured; all below is empty then."""
    name: str = ""
    group: str = ""
    labels: list[str] = field(default_factory=list)
    guessed: bool = False
    """Whether the labels are what a classifier sees, not what the data set says."""
    cover: float = 0.0
    """Share of the pixels that is cloud or shadow."""
    pixels: int = 0
    """Of known truth."""
    hidden: int = 0
    """Those of them under cloud or shadow."""
    floor: float = 0.0
    """See measures.floor_of."""
    truth_means: list[float] = field(default_factory=list)
    rows: dict[str, list[float]] = field(default_factory=dict)
    """measures.KEYS of each row that could be measured."""
    lacking: dict[str, str] = field(default_factory=dict)
    """Why the others could not."""
    trust: dict[str, list[int]] = field(default_factory=dict)
    """trust.tally of each generator."""


class Ledger:
    """The state of an evaluation; one process at a time has it open.

    Args:
        output: The report: the state lies beside it.
        fingerprint: Whatever decides what comes out, as JSON has it.
        overwrite: Whether the state of another evaluation may be dropped.

    Raises:
        UsageError: The state is that of another evaluation, or one is at work on it.
        OutputError: It cannot be written.
    """

    def __init__(self, output: str, fingerprint: Mapping[str, Any], overwrite: bool) -> None:
        self.folder = Path(output).parent / f".{Path(output).name}.state"
        self._taken: Arrays = {}
        try:
            self.folder.mkdir(exist_ok=True)
            self._lock = _hold(self.folder / LOCK)
            self._open(output, json.loads(json.dumps(fingerprint)), overwrite)
            self.count = self._recover()
            self._lines = (self.folder / CASES).open("a", encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"{error.filename or self.folder} cannot be written: {error.strerror}.", "Choose another folder."
            ) from error

    def _open(self, output: str, fingerprint: dict[str, Any], overwrite: bool) -> None:
        path = self.folder / FINGERPRINT
        before = _read_json(path)
        if before == fingerprint:
            return
        if before is not None and not overwrite:
            self._lock.close()
            differing = sorted(key for key in {*before, *fingerprint} if before.get(key) != fingerprint.get(key))
            raise UsageError(
                f"{self.folder} holds an unfinished evaluation of another kind: {', '.join(differing)} differ.",
                f"Give the same command as before, write another report than {output}, or begin anew with --overwrite.",
            )
        for name in (FINGERPRINT, SUMS, CASES):
            (self.folder / name).unlink(missing_ok=True)
        _write(path, json.dumps(fingerprint, indent=1).encode())

    def _recover(self) -> int:
        """Cuts the lines off to those that the sums hold, and gives their number."""
        self._taken = _read_arrays(self.folder / SUMS)
        held = int(self._taken.pop(HELD, np.zeros(())))
        ends = [0, *(end for end, _ in _whole_lines(self.folder / CASES))]
        if held >= len(ends):
            held, self._taken = 0, {}
        with (self.folder / CASES).open("ab") as file:
            file.truncate(ends[held])
        return held

    @property
    def sums(self) -> Arrays:
        """As they were saved last; empty if there are none."""
        return self._taken

    def records(self) -> Iterator[Record]:
        """Reads all cases in order."""
        self._lines.flush()
        return (record for _, record in _whole_lines(self.folder / CASES))

    def add(self, record: Record) -> bool:
        """Writes a case down.

        Returns:
            Whether the sums should be saved now.
        """
        self._put(json.dumps(asdict(record), separators=(",", ":")) + "\n")
        self.count += 1
        return self.count % EVERY == 0

    def _put(self, line: str) -> None:
        try:
            self._lines.write(line)
            self._lines.flush()
            os.fsync(self._lines.fileno())
        except OSError as error:
            raise _no_room(self.folder, error) from error

    def save(self, sums: Arrays) -> None:
        """Saves the sums over all cases so far.

        Raises:
            OutputError: The disk is full.
        """
        part = self.folder / f"{SUMS}.part"
        try:
            with part.open("wb") as file:
                np.savez(file, **{**sums, HELD: np.array(self.count)})  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.folder / SUMS)
        except OSError as error:
            raise _no_room(self.folder, error) from error

    def close(self) -> None:
        """Leaves the state for the same command to go on with."""
        with contextlib.suppress(OSError):  # a full disk, which was said
            self._lines.close()
        self._lock.close()

    def remove(self) -> None:
        """Drops the state: the report is written."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _hold(path: Path) -> IO[str]:
    """Takes a lock that ends with the process, however it ends; file systems without locks go without.

    Raises:
        UsageError: Another process holds it.
    """
    file = path.open("a")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
            file.close()
            raise UsageError(
                f"Another evaluation is at work on the report that {path.parent} belongs to.",
                "Wait for it, or write another report.",
            ) from error
    return file


def _whole_lines(path: Path) -> Iterator[tuple[int, Record]]:
    """Yields where each line ends, and what it says, up to the first that is torn."""
    if not path.exists():
        return
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line)
            try:
                if not line.endswith(b"\n"):
                    return
                record = Record(**json.loads(line))
            except (ValueError, TypeError):
                return
            yield end, record


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _read_arrays(path: Path) -> Arrays:
    """Reads what save has written; empty if there is nothing whole."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            return {key: saved[key] for key in saved.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return {}


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _no_room(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"What was measured cannot be kept in {folder}: {error.strerror}.",
        "Make room on the disk and give the same command again: it goes on.",
    )
