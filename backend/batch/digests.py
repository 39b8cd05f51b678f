"""SHA-256 of files and folders, remembered for as long as size and time of change stay."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypedDict

from ..hashing import file_sha256


class Digest(TypedDict):
    stamp: str
    """Size and time of change, of a folder those of all its files together."""
    sha256: str


class Digests:
    """The hashes that are known.

    Args:
        known: By path, as they were remembered.
    """

    def __init__(self, known: dict[str, Digest]) -> None:
        self._known = known

    def of(self, path: str, heard: Callable[[int], None] = lambda _: None) -> str:
        """Gives the hash of a file or folder; empty for what is not here, such as an address.

        Args:
            path: Of the file or folder.
            heard: Told how many bytes were read, block by block; may raise to stop it.

        Raises:
            OSError: It cannot be read.
        """
        now = stamp(path)
        if not now:
            return ""
        if not self._is_known(path, now):
            self._known[path] = {"stamp": now, "sha256": sha256(Path(path), heard)}
        return self._known[path]["sha256"]

    def unread_bytes(self, path: str) -> int:
        """Gives how much is to be read for the hash of a file or folder; 0 where that cannot be told."""
        try:
            return 0 if self._is_known(path, stamp(path)) else sum(file.stat().st_size for file in _files(Path(path)))
        except OSError:
            return 0

    def kept(self, paths: Collection[str]) -> dict[str, Digest]:
        """Gives those of some paths, to be remembered."""
        return {path: self._known[path] for path in sorted(set(paths)) if path in self._known}

    def _is_known(self, path: str, now: str) -> bool:
        return path in self._known and self._known[path]["stamp"] == now


def stamp(path: str) -> str:
    """Gives what changes when a file does, without reading it; empty where nothing is."""
    place = Path(path)
    if place.is_dir():
        parts = "\n".join(f"{file.relative_to(place)} {_stamp(file)}" for file in _files(place))
        return hashlib.sha256(parts.encode()).hexdigest()
    return _stamp(place) if place.exists() else ""


def sha256(place: Path, heard: Callable[[int], None] = lambda _: None) -> str:
    """Gives the hash of a file, or of the names and hashes of a folder's files; for the rest see Digests.of."""
    if not place.is_dir():
        return file_sha256(place, heard)
    digest = hashlib.sha256()
    for file in _files(place):
        digest.update(f"{file.relative_to(place).as_posix()}\n{file_sha256(file, heard)}\n".encode())
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _files(place: Path) -> list[Path]:
    """Gives a file alone, or all files of a folder."""
    return [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
