"""What a user pastes into a report of a fault."""

from __future__ import annotations

import getpass
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ...backend.errors import BackendError
from ...backend.version import VERSION
from ..environment import user_environment
from .failures import without_secrets
from .places import free_bytes
from .plan import in_words
from .proof import ask_backend
from .stamp import read_stamp
from .state import state
from .variant import read_gpu

SHORTEST_NAME = 3
"""User names shorter than that are part of too many words to be replaced where no path shows them."""


def diagnostics(python: Optional[Path], log_lines: Sequence[str], qgis: Mapping[str, str]) -> str:
    """Gives Markdown: versions, device, driver, environment, check, last log lines; no user names, no passwords.

    Takes some seconds: it runs the backend's check.

    Args:
        python: The backend's interpreter; None if there is none.
        log_lines: The last lines of the log.
        qgis: Versions and settings that QGIS knows, by their names.
    """
    told, failure = _ask(python)
    lines = [
        f"# Unclouded {VERSION}",
        *_section("System", _system()),
        *_section("QGIS", qgis),
        *_section("Environment", _environment(python)),
        *_section("Backend", {**told.get("versions", {}), **_devices(told)}),
        *_section("Check", {"result": failure} if failure else told.get("proof", {})),
        *_block("Log", log_lines),
    ]
    return anonymous("\n".join(lines) + "\n")


def anonymous(text: str) -> str:
    """Takes the home folder, the user's name and passwords out of a text."""
    home, user = str(Path.home()), _user()
    for spelling in dict.fromkeys((home, home.replace("\\", "/"), home.replace("\\", "\\\\"))):
        if len(spelling) > 1:
            text = re.sub(re.escape(spelling) + r"(?![\w.-])", "~", text, flags=re.IGNORECASE)
    text = re.sub(r"(?i)([/\\](?:home|users)[/\\]+)([^/\\:\n]+(?=[/\\])|[^/\\\s:]+)", r"\1USER", text)
    if len(user) >= SHORTEST_NAME:
        text = re.sub(rf"(?i)(?<![\w-]){re.escape(user)}(?![\w-])", "USER", text)
    return without_secrets(text)


def _ask(python: Optional[Path]) -> Tuple[Dict[str, Any], str]:
    """Gives what the backend tells of itself and, if it does not, why."""
    if python is None:
        return {}, "There is no backend."
    try:
        return ask_backend(python, ["--check"]), ""
    except BackendError as error:
        return {}, str(error)


def _system() -> Dict[str, str]:
    gpu = read_gpu()
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "C library": " ".join(platform.libc_ver()),
        "NVIDIA GPU": f"{gpu.name}, driver {gpu.driver}" if gpu else "none, or no driver",
        "proxy in the environment": "yes" if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") else "no",
        "QGIS's Python": f"{platform.python_version()}, {sys.executable}",
    }


def _environment(python: Optional[Path]) -> Dict[str, str]:
    target = user_environment()
    stamp = read_stamp(target)
    made = {"variant": stamp.variant, "made with": stamp.base, "made by version": stamp.plugin} if stamp else {}
    return {
        "folder": str(target),
        "state": state(target).value,
        "free on its disk": in_words(free_bytes(target)),
        **made,
        "Python in use": str(python or "none"),
    }


def _devices(told: Mapping[str, Any]) -> Dict[str, str]:
    return {f"device {one['name']}": one["label"] for one in told.get("devices", [])}


def _section(title: str, facts: Mapping[str, Any]) -> List[str]:
    return ["", f"## {title}", "", *(f"- {name}: {_one_line(value)}" for name, value in facts.items() if value != "")]


def _block(title: str, lines: Sequence[str]) -> List[str]:
    return ["", f"## {title}", "", "```", *(line.replace("```", "'''") for line in lines), "```"]


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
