"""SHA-256 of files and folders, remembered for as long as size and time of change stay."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import TypedDict

CHUNK_BYTES = 1 << 20


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

    def of(self, path: str) -> str:
        """Gives the hash of a file or folder; empty for what is not here, such as an address.

        Raises:
            OSError: It cannot be read.
        """
        now = stamp(path)
        known = self._known.get(path)
        if not now:
            return ""
        if known is None or known["stamp"] != now:
            known = self._known[path] = {"stamp": now, "sha256": sha256(path)}
        return known["sha256"]

    def kept(self, paths: Collection[str]) -> dict[str, Digest]:
        """Gives those of some paths, to be remembered."""
        return {path: self._known[path] for path in sorted(set(paths)) if path in self._known}


def stamp(path: str) -> str:
    """Gives what changes when a file does, without reading it; empty where nothing is."""
    place = Path(path)
    if place.is_dir():
        parts = "\n".join(f"{file.relative_to(place)} {_stamp(file)}" for file in _files(place))
        return hashlib.sha256(parts.encode()).hexdigest()
    return _stamp(place) if place.exists() else ""


def sha256(path: str) -> str:
    """Gives the hash of a file, or of the names and hashes of a folder's files.

    Raises:
        OSError: It cannot be read.
    """
    place = Path(path)
    digest = hashlib.sha256()
    if place.is_dir():
        for file in _files(place):
            digest.update(f"{file.relative_to(place).as_posix()}\n{sha256(str(file))}\n".encode())
        return digest.hexdigest()
    with place.open("rb") as opened:
        while chunk := opened.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
