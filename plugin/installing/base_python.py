"""The Python from which the backend's environment is made: where one may lie, and why one does not fit."""

from __future__ import annotations

import json
import os
import subprocess  # nosec B404 - asks interpreters about themselves; the question is a constant
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from ..worker import clean_environment
from .fitness import PROBE, problem_of

VERSIONS = ("3.12", "3.11", "3.13", "3.14", "3.10")
"""Those that have all the wheels, the best tried first."""
TIMEOUT_S = 20

PLACES: Dict[str, Tuple[str, ...]] = {
    "linux": (
        "{prefix}/bin/python3",
        "/usr/bin/python3",
        "/usr/bin/python{version}",
        "/usr/local/bin/python{version}",
        "{HOME}/.local/bin/python{version}",
        "{path}/python{version}",
    ),
    "darwin": (
        "{bundle}/MacOS/bin/python3",
        "{bundle}/MacOS/bin/python{version}",
        "{bundle}/Frameworks/bin/python{version}",
        "{bundle}/Frameworks/Python.framework/Versions/{version}/bin/python{version}",
        "{prefix}/bin/python3",
        "/opt/homebrew/bin/python{version}",
        "/Library/Frameworks/Python.framework/Versions/{version}/bin/python{version}",
        "/usr/local/bin/python{version}",
        "{HOME}/.local/bin/python{version}",
        "{path}/python{version}",
    ),
    "win32": (
        "{prefix}/python.exe",
        "{folder}/../apps/Python{digits}/python.exe",
        "{OSGEO4W_ROOT}/apps/Python{digits}/python.exe",
        "{folder}/python.exe",
        "{LOCALAPPDATA}/Programs/Python/Python{digits}/python.exe",
        "{LOCALAPPDATA}/Python/pythoncore-{version}-64/python.exe",
        "{ProgramFiles}/Python{digits}/python.exe",
        "{SystemDrive}/Python{digits}/python.exe",
    ),
}
"""Where a Python may lie, the likeliest first: QGIS's own, then others.

{prefix} is sys.base_prefix, {folder} that of sys.executable, {bundle} the Contents of QGIS.app, {path} each folder of
PATH; others are environment variables. A place that needs something that is not there is left out. macOS's
/usr/bin/python3 and those in Windows's WindowsApps are stubs that open a window, and not asked.
"""


@dataclass(frozen=True)
class BasePython:
    """An interpreter that was asked about itself."""

    path: Path
    version: Tuple[int, int, int]
    machine: str
    """As platform.machine() says: x86_64, AMD64, arm64, aarch64."""
    problem: str = ""
    """Why it does not fit, in a sentence; empty if it fits."""
    curable: bool = True
    """Whether another Python would fit on this machine."""


def find_bases(
    platform: str, executable: Path, prefix: Path, environ: Mapping[str, str], exists: Callable[[Path], bool]
) -> List[Path]:
    """Gives the interpreters that there are, the likeliest first, none twice.

    Args:
        platform: As sys.platform says.
        executable: sys.executable, which on Windows and macOS may be QGIS itself.
        prefix: sys.base_prefix.
        environ: The environment variables.
        exists: Tells whether a file exists.
    """
    known = {**environ, "prefix": str(prefix), "folder": str(executable.parent)}
    if ".app/Contents/" in executable.as_posix():
        known["bundle"] = executable.as_posix().partition(".app/Contents/")[0] + ".app/Contents"
    found: Dict[str, Path] = {}
    for pattern in PLACES.get(platform, PLACES["linux"]):
        for place in _filled(pattern, known, platform):
            if exists(place):
                found.setdefault(os.path.normcase(place), place)
    return list(found.values())


def examine(path: Path) -> BasePython:
    """Runs an interpreter and asks it about itself; takes a second or so."""
    try:
        done = subprocess.run(  # nosec B603 - a list, no shell; the question is a constant
            [str(path), "-I", "-c", PROBE],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
            env=clean_environment(os.environ),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        facts = json.loads(done.stdout.strip().splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return BasePython(path, (0, 0, 0), "", f"{path} does not run as a Python.")
    major, minor, micro = facts["version"]
    problem = problem_of(facts)
    return BasePython(
        path,
        (major, minor, micro),
        facts["machine"],
        f"{path} {problem.words}." if problem else "",
        problem.curable if problem else True,
    )


def choose_base(bases: Optional[List[Path]] = None) -> BasePython:
    """Gives the first interpreter that fits; if none does, the first one, with its problem.

    Args:
        bases: Interpreters to ask; those of this machine if None.
    """
    if bases is None:
        bases = bases_here()
    best: Optional[BasePython] = None
    for path in bases:
        base = examine(path)
        if not base.problem:
            return base
        if best is None or best.version == (0, 0, 0):
            best = base
    return best or BasePython(Path("python3"), (0, 0, 0), "", "No Python was found on this machine.")


def bases_here() -> List[Path]:
    """Gives the interpreters of this machine."""
    return find_bases(sys.platform, Path(sys.executable or ""), Path(sys.base_prefix), os.environ, Path.is_file)


def _filled(pattern: str, known: Mapping[str, str], platform: str) -> Iterator[Path]:
    """Yields the places that a pattern stands for."""
    versions = VERSIONS if "{version}" in pattern or "{digits}" in pattern else ("",)
    separator = ";" if platform == "win32" else ":"
    folders = known.get("PATH", "").split(separator) if "{path}" in pattern else [""]
    for folder in folders:
        for version in versions:
            names = {**known, "version": version, "digits": version.replace(".", ""), "path": folder}
            try:
                yield Path(os.path.normpath(pattern.format_map(names)))
            except KeyError:
                return
