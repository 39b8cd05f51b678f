"""What an interpreter is asked about itself, and what of its answers keeps the backend from running."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Mapping, Optional, Tuple

Facts = Mapping[str, Any]

OLDEST, NEWEST = (3, 10), (3, 14)
"""For which all pins have wheels."""
OLDEST_GLIBC = (2, 28)
"""Of torch's wheels: manylinux_2_28."""
OLDEST_MACOS = (14, 0)
"""Of torch's wheels: macosx_14_0_arm64."""

PROBE = """
import importlib.util, json, os, platform, struct, subprocess, sys
def known(name):
    return importlib.util.find_spec(name) is not None
def launcher():
    if sys.platform != "win32" or not known("venv"):
        return True
    folder = os.path.join(os.path.dirname(importlib.util.find_spec("venv").origin), "scripts", "nt")
    return any(os.path.isfile(os.path.join(folder, name)) for name in ("venvlauncher.exe", "python.exe"))
def translated():
    if sys.platform != "darwin":
        return False
    told = subprocess.run(["/usr/sbin/sysctl", "-n", "sysctl.proc_translated"], capture_output=True, text=True)
    return told.stdout.strip() == "1"
print(json.dumps({
    "version": sys.version_info[:3],
    "machine": platform.machine(),
    "platform": sys.platform,
    "bits": struct.calcsize("P") * 8,
    "venv": known("venv"),
    "ensurepip": known("ensurepip"),
    "launcher": launcher(),
    "translated": translated(),
    "libc": platform.libc_ver(),
    "macos": platform.mac_ver()[0],
}))
"""
"""Runs in any Python from 3.5 on."""


@dataclass(frozen=True)
class Problem:
    """Something that keeps an interpreter from serving."""

    applies: Callable[[Facts], bool]
    words: str
    """What comes after the interpreter's path; the facts are put in by name."""
    curable: bool
    """Whether another Python on the same machine would do."""


def version_of(text: str) -> Tuple[int, ...]:
    """Gives the numbers of a version: "2.36" -> (2, 36)."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())


PROBLEMS = (
    Problem(
        lambda facts: facts["platform"] == "linux" and facts["libc"][0] != "glibc",
        "runs on a system without glibc (such as Alpine), for which torch has no build",
        curable=False,
    ),
    Problem(
        lambda facts: facts["platform"] == "linux" and version_of(facts["libc"][1]) < OLDEST_GLIBC,
        f"runs on a system with glibc {{libc[1]}}; torch needs {OLDEST_GLIBC[0]}.{OLDEST_GLIBC[1]} or newer",
        curable=False,
    ),
    Problem(
        lambda facts: facts["translated"],
        "is an Intel build that runs under Rosetta; torch needs one for Apple silicon",
        curable=True,
    ),
    Problem(
        lambda facts: facts["platform"] == "darwin" and facts["machine"] == "x86_64",
        "runs on a Mac with an Intel processor, for which torch has no build any more",
        curable=False,
    ),
    Problem(
        lambda facts: facts["platform"] == "darwin" and version_of(facts["macos"]) < OLDEST_MACOS,
        f"runs on macOS {{macos}}; torch needs {OLDEST_MACOS[0]} or newer",
        curable=False,
    ),
    Problem(lambda facts: facts["bits"] != 64, "is a {bits}-bit build; 64 bit are needed", curable=True),
    Problem(
        lambda facts: tuple(facts["version"][:2]) < OLDEST,
        f"is Python {{release}}; {OLDEST[0]}.{OLDEST[1]} or newer is needed",
        curable=True,
    ),
    Problem(
        lambda facts: tuple(facts["version"][:2]) > NEWEST,
        f"is Python {{release}}; the libraries are there up to {NEWEST[0]}.{NEWEST[1]}",
        curable=True,
    ),
    Problem(
        lambda facts: not (facts["venv"] and facts["ensurepip"]),
        "cannot make environments: its module venv or ensurepip is missing (on Debian and Ubuntu: "
        "apt install python3-venv)",
        curable=True,
    ),
    Problem(
        lambda facts: not facts["launcher"],
        "cannot make environments: its file venvlauncher.exe is missing",
        curable=True,
    ),
)
"""What torch and the other wheels need; what concerns the machine comes before what concerns the interpreter."""


def problem_of(facts: Facts) -> Optional[Problem]:
    """Gives the first problem of an interpreter, worded; None if it fits.

    Args:
        facts: What PROBE has printed.
    """
    release = ".".join(map(str, facts["version"]))
    for problem in PROBLEMS:
        if problem.applies(facts):
            return Problem(problem.applies, problem.words.format(release=release, **facts), problem.curable)
    return None
