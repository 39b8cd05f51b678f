"""The pins of a variant: which of them count on a system, and which of their wheels lie in a folder."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

LINE = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(\s*;\s*(?P<marker>.+))?")
CONDITION = re.compile(r"(?P<what>python_version|sys_platform) (?P<how><|>=|==) '(?P<value>[^']+)'")
INDEXED = "torch"
"""The package of which PyTorch's own index has other builds."""


@dataclass(frozen=True)
class System:
    """Where the libraries will run."""

    version: Tuple[int, int]
    """Of Python."""
    platform: str
    """As sys.platform says."""
    machine: str
    """As platform.machine() says."""


@dataclass(frozen=True)
class Pin:
    """A package in one version."""

    name: str
    version: str
    marker: str = ""

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


def read_pins(requirements: Path) -> List[Pin]:
    """Gives the pins of a file.

    Raises:
        ValueError: A line is no pin.
    """
    pins = []
    for line in _lines(requirements):
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{requirements}: expected NAME==VERSION, got {line!r}")
        pins.append(Pin(match["name"], match["version"], match["marker"] or ""))
    return pins


def pins_for(requirements: Path, system: System) -> List[Pin]:
    """Gives the pins that count on a system."""
    return [pin for pin in read_pins(requirements) if _holds(pin.marker, system)]


def hash_of(requirements: Path) -> str:
    """Gives the hash of the pins of a file; comments do not count."""
    return hashlib.sha256("\n".join(_lines(requirements)).encode()).hexdigest()


def missing_wheels(requirements: Path, folder: Path, system: System) -> List[Pin]:
    """Gives the pins for which no wheel that fits the system lies in a folder."""
    names = [path.name for path in folder.glob("*.whl")]
    return [pin for pin in pins_for(requirements, system) if not any(_serves(name, pin, system) for name in names)]


def _lines(requirements: Path) -> List[str]:
    lines = (line.partition("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def _holds(marker: str, system: System) -> bool:
    return all(_condition(part.strip(), system) for part in marker.split(" and ") if part)


def _condition(text: str, system: System) -> bool:
    match = CONDITION.fullmatch(text)
    if match is None:
        raise ValueError(f"expected python_version or sys_platform, compared with <, >= or ==, got {text!r}")
    if match["what"] == "sys_platform":
        return match["value"] == system.platform
    value = tuple(int(part) for part in match["value"].split("."))
    return {"<": system.version < value, ">=": system.version >= value, "==": system.version == value}[match["how"]]


def _serves(wheel: str, pin: Pin, system: System) -> bool:
    """Tells whether a wheel is of a pin and fits, by its name: NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl."""
    parts = wheel[: -len(".whl")].split("-")
    if len(parts) < 5 or _plain(parts[0]) != _plain(pin.name) or parts[1].partition("+")[0] != pin.version:
        return False
    pythons, abi, platforms = parts[-3].split("."), parts[-2], parts[-1].split(".")
    return any(_fits_python(one, abi, system) for one in pythons) and any(_fits(one, system) for one in platforms)


def _fits_python(tag: str, abi: str, system: System) -> bool:
    if tag in ("py3", f"py3{system.version[1]}"):
        return True
    if not tag.startswith("cp3") or not tag[3:].isdigit():
        return False
    minor = int(tag[3:])
    return minor == system.version[1] or (abi == "abi3" and minor <= system.version[1])


def _fits(tag: str, system: System) -> bool:
    if tag == "any":
        return True
    machine = system.machine.lower()
    if system.platform == "win32":
        return tag == f"win_{machine}"
    if system.platform == "darwin":
        return tag.startswith("macosx_") and tag.endswith((machine, "universal2"))
    return tag.startswith(("manylinux", "linux")) and tag.endswith(machine)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
