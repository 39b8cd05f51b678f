"""Downloads a generator: resumed where an earlier try stopped, and under its name only when it is proved to be the one.

What has come lies beside the final name as NAME.HASH.part, HASH being the beginning of the SHA-256 that the index
states: what belongs to another file is never gone on with.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ..card import read_card
from ..errors import Cancelled, ModelError, OutputError
from ..hashing import file_sha256
from ..reporting import Reporter
from .addresses import shown
from .entry import Entry
from .heeding import heeding, pause
from .pace import Pace
from .transport import Network, Piece
from .trouble import Trouble

SUFFIX = ".safetensors"
LOCK = ".downloading"


def download(entry: Entry, addresses: list[str], folder: Path, network: Network, report: Reporter) -> Path:
    """Gets the file of an entry into a folder, replacing one of its name.

    Args:
        entry: Of the index.
        addresses: Where its file lies, in the order in which they are tried.
        folder: Made if need be.
        network: What opens addresses.
        report: Of the job.

    Raises:
        ModelError: It cannot be had, is not what the index says, or the index does not say enough.
        OutputError: The folder cannot be written, or its disk is full.
        Cancelled: The job was given up; what has come is kept for the next try.
    """
    if entry.problem or not entry.file:
        raise ModelError(
            f"{entry.name} cannot be downloaded. {entry.problem or 'The index names no file of it.'}".strip(),
            entry.note or "Ask whoever publishes the index.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            return _Download(entry, folder, network, report).run(addresses)
    except OSError as error:
        raise OutputError(
            f"{error.filename or folder} cannot be written: {error.strerror}.",
            "See that the disk has room and that no program holds the file.",
        ) from error
    except Cancelled as cancelled:
        cancelled.hint = "What has come is kept: the next download goes on from there."
        raise


def unfinished(folder: Path, name: str) -> list[Path]:
    """Gives what is left of downloads of a generator that did not come to their end."""
    return sorted(folder.glob(f"{name}.*.part"))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps two processes from writing the same file."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"Another download into {folder} is under way.", "Wait for its end, or end the other QGIS or command."
        ) from error
    try:
        yield
    finally:
        lock.release()


class _Download:
    def __init__(self, entry: Entry, folder: Path, network: Network, report: Reporter) -> None:
        self._entry = entry
        self._path = folder / f"{entry.name}{SUFFIX}"
        self._part = folder / f"{entry.name}.{entry.sha256[:16]}.part"
        self._network = network
        self._report = report
        self._first = ""  # the address that the first byte of the part is from; empty if from an earlier try
        self._tag = ""  # what that address called the state of the file

    def run(self, addresses: list[str]) -> Path:
        for other in set(unfinished(self._path.parent, self._entry.name)) - {self._part}:
            other.unlink()
        if self._have > self._entry.size_bytes:
            self._part.unlink()
        self._check_room()
        if self._have:
            self._report.log("info", f"{_mb(self._have)} of {_mb(self._entry.size_bytes)} MB are there already.")
        self._pace = Pace(self._entry.name, self._have, self._entry.size_bytes, self._report)
        self._try_all(addresses)
        self._check_card()
        with self._part.open("rb+") as file:
            os.fsync(file.fileno())
        self._part.replace(self._path)
        return self._path

    @property
    def _have(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _check_room(self) -> None:
        folder, wanted = self._path.parent, self._entry.size_bytes - self._have
        free = shutil.disk_usage(folder).free
        if free < wanted:
            raise OutputError(
                f"The disk of {folder} has {_mb(free)} MB free; {_mb(wanted)} MB are needed.",
                "Free some room, or name a folder on another disk in UNCLOUDED_MODELS.",
            )

    def _try_all(self, addresses: list[str]) -> None:
        reasons, hint = [], ""
        for address in addresses:
            try:
                self._get(address)
                return
            except Trouble as trouble:
                reasons.append(f"{shown(address)} {trouble.reason}")
                hint = trouble.hint or hint
                self._report.log("warning", f"{reasons[-1]}.")
        raise ModelError(
            f"{self._entry.name} could not be downloaded: {'; '.join(reasons)}.",
            hint or "Check the connection and try again, or ask whoever publishes the index.",
        )

    def _get(self, address: str) -> None:
        """Gets and proves the whole file from one address, in as many tries as it takes.

        Raises:
            Trouble: It cannot be had there.
        """
        came, most, waits = False, self._have, iter(self._network.patience.waits_s)
        while True:
            try:
                self._receive(address)
                self._prove()
                return
            except Trouble as trouble:
                if self._have > most:
                    came, most, waits = True, self._have, iter(self._network.patience.waits_s)
                if trouble.restart and self._have:
                    self._part.unlink()
                    if self._first != address:
                        continue
                wait_s = next(waits, None) if trouble.again or (trouble.unreached and came) else None
                if wait_s is None:
                    raise
                self._report.log("warning", f"{shown(address)} {trouble.reason}; trying again.")
                pause(max(wait_s, trouble.wait_s), self._report)

    def _receive(self, address: str) -> None:
        """Gets what is missing of the file."""
        have, size = self._have, self._entry.size_bytes
        if have == size:
            return
        tag = self._tag if self._first == address else ""
        with contextlib.closing(heeding(lambda: self._network.stream(address, have, tag), self._report)) as coming:
            reply = next(coming)
            self._check_reply(reply)
            if reply.start == 0:
                self._first, self._tag = address, reply.tag
            self._write(reply.start, (piece.block for piece in coming))
        if self._have < size:
            raise Trouble("broke the connection off", again=True)

    def _write(self, start: int, blocks: Iterable[bytes]) -> None:
        """Puts blocks behind the first bytes of the part."""
        with self._part.open("rb+" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            for block in blocks:
                if file.tell() + len(block) > self._entry.size_bytes:
                    raise Trouble("sends more than the index says", restart=True)
                file.write(block)
                self._pace.say(file.tell())

    def _check_reply(self, reply: Piece) -> None:
        if reply.is_page:
            raise Trouble("gives a web page instead of a model", "Open the address in a browser: it may want a login.")
        if reply.total_bytes not in (None, self._entry.size_bytes):
            raise Trouble(f"has a file of {reply.total_bytes} bytes; the index says {self._entry.size_bytes}")

    def _prove(self) -> None:
        """Raises Trouble if the part is not the file of the index."""
        sha256 = file_sha256(self._part, lambda _: self._report.check_cancelled())
        if sha256 != self._entry.sha256:
            raise Trouble(
                f"gives another file than the index says: its SHA-256 begins with {sha256[:12]} instead of "
                f"{self._entry.sha256[:12]}",
                "Ask whoever publishes the index: the file was changed, by them or by others.",
                restart=True,
            )

    def _check_card(self) -> None:
        """Raises ModelError if the file is no generator, or not the one that the index names."""
        entry = self._entry
        try:
            card = read_card(str(self._part))
        except ModelError as error:
            self._part.unlink()
            raise ModelError(
                f"The file that the index names for {entry.name} is no generator of Unclouded.", error.hint
            ) from error
        if (card.name, card.version) != (entry.name, entry.version):
            self._part.unlink()
            raise ModelError(
                f"The file that the index names for {entry.name} {entry.version} is {card.name} {card.version}.",
                "Ask whoever publishes the index to run `unclouded models index` again.",
            )


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f}"
