"""How far an installation has come, told from what pip prints and from the files that it writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Set

BEGUN, INSTALLED = 0.04, 0.94
"""Shares of the whole at which the environment is made, and all is installed."""
DOWNLOAD = 0.65
"""Share of the download in what lies between."""
WHEEL = re.compile(r"(?P<name>[A-Za-z0-9_.]+?)-\d[^/\s]*\.whl")


@dataclass(frozen=True)
class Step:
    """How far an installation has come."""

    fraction: float
    """0..1"""
    text: str
    """What it does now, with the name of the package."""


class PipProgress:
    """Follows pip, in one run or several.

    Args:
        say: Gets the steps.
        download_bytes: About what there is to download.
        packages: How many packages there are to install.
        downloads: Folder into which pip downloads.
        site_packages: Folder into which it installs.
    """

    def __init__(
        self, say: Callable[[Step], None], download_bytes: int, packages: int, downloads: Path, site_packages: Path
    ) -> None:
        self._say = say
        self._total_bytes, self._packages = max(download_bytes, 1), max(packages, 1)
        self._downloads, self._site_packages = downloads, site_packages
        self._earlier_bytes = self._local_bytes = self._bytes = 0
        self._done = 0
        self._fraction = BEGUN
        self.begin()

    def begin(self) -> None:
        """Begins with another run of pip."""
        self._earlier_bytes += self._bytes
        self._bytes = self._local_bytes = 0
        self._order: List[str] = []
        self._text = "Looking for the packages"

    def line(self, line: str) -> None:
        """Takes a line that pip printed."""
        line = line.strip()
        wheel = WHEEL.search(line)
        if line.startswith("Installing collected packages:"):
            self._order = [_plain(name) for name in line.partition(":")[2].split(",")]
        elif line.startswith("Processing ") and wheel:
            self._local_bytes += _size(Path(line[len("Processing ") :]))
            self._text = f"Reading {wheel['name']}"
        elif line.startswith(("Downloading ", "Using cached ")) and wheel and ".metadata" not in line:
            self._text = f"Downloading {wheel['name']}{_bracket(line)}"
        self.look()

    def look(self) -> None:
        """Looks at what has been written, and tells it."""
        if self._order:
            done = installed(self._site_packages)
            left = [name for name in self._order if name not in done]
            self._text = f"Installing {left[0]}" if left else "Installing the last files"
            self._done = len(done)
        else:
            self._bytes = max(self._bytes, self._local_bytes + _total_size(self._downloads))
        self._tell()

    def _tell(self) -> None:
        loaded = min((self._earlier_bytes + self._bytes) / self._total_bytes, 1.0)
        share = DOWNLOAD * loaded + (1 - DOWNLOAD) * min(self._done / self._packages, 1.0)
        self._fraction = max(self._fraction, BEGUN + (INSTALLED - BEGUN) * share)
        self._say(Step(self._fraction, self._text))


def installed(site_packages: Path) -> Set[str]:
    """Gives the names of the packages that pip has installed to the end: it writes INSTALLER after all their files."""
    return {_plain(path.parent.name.partition("-")[0]) for path in site_packages.glob("*.dist-info/INSTALLER")}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).strip().lower()


def _bracket(line: str) -> str:
    """Gives the size that pip prints behind a file: " (191.8 MB)"."""
    return f" ({line.rpartition('(')[2]}" if line.endswith(")") else ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _total_size(folder: Path) -> int:
    return sum(_size(path) for path in folder.rglob("*.whl"))
