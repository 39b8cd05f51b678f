"""CPU or CUDA: which build of torch this machine can use, and why."""

from __future__ import annotations

import os
import shutil
import subprocess  # nosec B404 - asks the NVIDIA driver; the command holds nothing that came from outside
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Tuple

from ...backend.errors import BackendError
from ..environment import ROOT

REQUIREMENTS = ROOT / "resources" / "requirements"
VARIANTS = ("cpu", "cuda")
INDEX_VARIABLE = "UNCLOUDED_TORCH_INDEX"
MIRROR_VARIABLE = "PIP_INDEX_URL"

INDEXES = {
    ("cpu", "linux"): "https://download.pytorch.org/whl/cpu",
    ("cuda", "win32"): "https://download.pytorch.org/whl/cu130",
}
"""Where PyPI has the other build of torch: on Linux that for CUDA 13.0, on Windows that for the CPU."""

SIZES: Dict[Tuple[str, str], Tuple[int, int]] = {
    ("cpu", "linux"): (423_000_000, 1_720_000_000),
    ("cpu", "win32"): (346_000_000, 1_520_000_000),
    ("cpu", "darwin"): (306_000_000, 1_420_000_000),
    ("cuda", "linux"): (2_920_000_000, 6_620_000_000),
    ("cuda", "win32"): (2_220_000_000, 5_620_000_000),
}
"""Bytes to download and bytes on the disk. Those of the CPU on Linux are measured, the others added up or estimated."""

OLDEST_DRIVER = (580, 0)
"""Of CUDA 13, on Linux and on Windows (NVIDIA, CUDA Compatibility, minor version compatibility)."""
OLDEST_CAPABILITY = 7.5
"""CUDA 13 knows no GPU from before Turing (2018)."""
QUERY_TIMEOUT_S = 20
WINDOWS_PLACES = (
    "{SystemRoot}/System32/nvidia-smi.exe",
    "{ProgramFiles}/NVIDIA Corporation/NVSMI/nvidia-smi.exe",
)


@dataclass(frozen=True)
class Variant:
    """One build of the backend's libraries."""

    name: str
    """`cpu` or `cuda`."""
    reason: str
    """Why this one, in a sentence for the user."""
    requirements: Path
    """The file of pins."""
    index: str
    """Package index that has this build of torch; empty where the usual one has it."""
    download_bytes: int
    disk_bytes: int
    """What lies on the disk afterwards."""


@dataclass(frozen=True)
class Gpu:
    """What nvidia-smi tells of the first GPU."""

    name: str
    driver: str
    capability: Optional[float]
    """Compute capability; None where the driver is too old to tell."""


def choose_variant(wanted: str = "", platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Variant:
    """Chooses by what the NVIDIA driver supports.

    Args:
        wanted: `cpu` or `cuda` overrides the choice.
        platform: As sys.platform says.
        environ: The environment variables to look into.

    Raises:
        BackendError: Another name was given, or CUDA on a Mac.
    """
    if wanted not in ("", *VARIANTS):
        raise BackendError(f"Expected {' or '.join(VARIANTS)}, got {wanted!r}.", "Choose one of them.")
    if wanted == "cuda" and platform == "darwin":
        raise BackendError("CUDA was chosen, and no Mac has it.", "Choose cpu: it uses the GPU of Apple silicon too.")
    name, reason = _advice(platform, environ)
    if wanted and wanted != name:
        name, reason = wanted, f"{wanted} was chosen by hand; by itself it would be {name}: {reason}"
    download_bytes, disk_bytes = SIZES[name, platform if platform in ("win32", "darwin") else "linux"]
    return Variant(name, reason, requirements_of(name), index_of(name, platform, environ), download_bytes, disk_bytes)


def requirements_of(name: str) -> Path:
    """Gives the file of pins of a variant."""
    return REQUIREMENTS / f"{name}.txt"


def index_of(name: str, platform: str, environ: Mapping[str, str]) -> str:
    """Gives the package index for torch.

    UNCLOUDED_TORCH_INDEX names another one, or if empty the usual one; who has set PIP_INDEX_URL has a mirror of
    everything.
    """
    if INDEX_VARIABLE in environ:
        return environ[INDEX_VARIABLE].strip()
    return "" if environ.get(MIRROR_VARIABLE) else INDEXES.get((name, platform), "")


def read_gpu(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Optional[Gpu]:
    """Asks nvidia-smi for the first GPU; None if there is no NVIDIA driver, or it does not answer."""
    program = _find_nvidia_smi(platform, environ)
    if program is None:
        return None
    fields = _query(program, "name,driver_version,compute_cap") or _query(program, "name,driver_version")
    if not fields:
        return None
    return Gpu(fields[0], fields[1], _number(fields[2]) if len(fields) > 2 else None)


def _advice(platform: str, environ: Mapping[str, str]) -> Tuple[str, str]:
    """Gives the variant that fits this machine, and why."""
    if platform == "darwin":
        return "cpu", "On a Mac there is one build, which uses the CPU and Apple's GPU."
    gpu = read_gpu(platform, environ)
    if gpu is None:
        return "cpu", "No NVIDIA driver was found (nvidia-smi does not answer)."
    wanted = ".".join(map(str, OLDEST_DRIVER[:1]))
    if _version(gpu.driver) < OLDEST_DRIVER:
        return "cpu", f"The driver {gpu.driver} of the {gpu.name} is too old: CUDA 13 needs {wanted} or newer."
    if gpu.capability is not None and gpu.capability < OLDEST_CAPABILITY:
        return "cpu", (
            f"The {gpu.name} has compute capability {gpu.capability:g}: CUDA 13 needs {OLDEST_CAPABILITY:g} or more."
        )
    return "cuda", f"The {gpu.name} has the driver {gpu.driver}, which runs CUDA 13 (it needs {wanted} or newer)."


def _find_nvidia_smi(platform: str, environ: Mapping[str, str]) -> Optional[str]:
    found = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if found or platform != "win32":
        return found
    for pattern in WINDOWS_PLACES:
        try:
            place = pattern.format_map(environ)
        except KeyError:
            continue
        if Path(place).is_file():
            return place
    return None


def _query(program: str, fields: str) -> List[str]:
    """Gives the fields of the first GPU; nothing if the driver does not answer or does not know them."""
    try:
        done = subprocess.run(  # nosec B603 - a list, no shell; the program is the driver's own
            [program, f"--query-gpu={fields}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=QUERY_TIMEOUT_S,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = done.stdout.strip().splitlines()
    values = [value.strip() for value in lines[0].split(",")] if lines else []
    return values if done.returncode == 0 and len(values) == fields.count(",") + 1 else []


def _version(text: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None
