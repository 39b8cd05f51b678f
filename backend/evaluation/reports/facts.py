"""What every report says of how it was made: the command that makes it again, and what it was made on."""

from __future__ import annotations

import dataclasses
import os
import platform
import shlex
from importlib.metadata import version

from ...devices import find_device
from ...evaluation_jobs import Evaluation
from ...version import VERSION

ARGUMENTS = ("result", "reference", "labels", "classifiers")
UNSAID = ("id", "overwrite")
OPTIONS = {
    "models": "model",
    "methods": "method",
    "error_output": "error-out",
    "tolerance_px": "tolerance",
    "write_scores": "write-scores",
    "output": "report",
}
"""Those that are not called like their field."""


def command(name: str, job: Evaluation) -> str:
    """Gives the command that runs a job again, without what is so by default.

    Args:
        name: Of the command, as evaluation_commands.py calls it.
        job: Its options are its fields.
    """
    said = [field for field in dataclasses.fields(job) if field.name not in UNSAID]
    arguments = [field for field in said if field.name in ARGUMENTS]
    options = sorted((field for field in said if field.name not in ARGUMENTS), key=lambda field: field.name == "output")
    words = [word for field in arguments for word in _words("", getattr(job, field.name))]
    for field in options:
        value = getattr(job, field.name)
        if value not in (field.default, []):
            words += _words(OPTIONS.get(field.name, field.name), value)
    return shlex.join(["unclouded", name, *words])


def machine(device: str) -> dict[str, str]:
    """Says what a job ran on.

    Args:
        device: As the job names it.
    """
    return {
        "Device": str(find_device(device)),
        "Machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Software": f"Unclouded {VERSION}, PyTorch {version('torch')}, Python {platform.python_version()}",
    }


def _words(option: str, value: object) -> list[str]:
    """Gives an option with its value as words of a command; without a name, the value alone."""
    if isinstance(value, bool):
        return [f"--{option}" if value else f"--no-{option}"]
    if option == "bands" and isinstance(value, list):
        return ["--bands", ",".join(value)]
    values = value if isinstance(value, list) else [value]
    return [word for one in values for word in ([f"--{option}"] if option else []) + [str(one)]]
