"""Puts what pip, venv and uv say when they fail into words that say what to do."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Tuple

from ...backend.errors import BackendError

TAIL_LINES = 8
SECRET = re.compile(r"(?<=://)[^/\s@]+@")
AGAIN = "Then press Install again: what was downloaded is kept."
OFFLINE = "or install from a folder of wheels"


@dataclass(frozen=True)
class Cause:
    """A cause of failure, told by what the programs print."""

    name: str
    patterns: Tuple[str, ...]
    """Regular expressions, any of which tells it; letters of either case."""
    message: str
    hint: str
    platforms: Tuple[str, ...] = ()
    """Where it can happen; empty: everywhere."""


CAUSES = (
    Cause(
        "no space",
        (r"No space left on device", r"\[Errno 28\]", r"WinError 112", r"not enough space on the disk", r"Errno 122"),
        "The disk is full.",
        f"Free space where the environment lies. {AGAIN}",
    ),
    Cause(
        "path too long",
        (
            r"WinError 206",
            r"filename or extension is too long",
            r"File name too long",
            r"Errno 36\]",
            r"Long Path supp",
        ),
        "A path has become too long for this system.",
        "On Windows, let an administrator switch on long paths (LongPathsEnabled); else set a data folder with a "
        "shorter path.",
    ),
    Cause(
        "file in use",
        (r"WinError 32\b", r"WinError 5\b", r"being used by another process", r"Access is denied"),
        "A file of the environment is in use, or an antivirus program holds it.",
        "Close other windows of QGIS, let the antivirus program leave out the environment's folder, and try again.",
        ("win32",),
    ),
    Cause(
        "not allowed",
        (r"\[Errno 13\]", r"Permission denied", r"Read-only file system"),
        "The folder of the environment cannot be written.",
        "Make it writable for you. On a managed computer, ask who manages it.",
    ),
    Cause(
        "proxy",
        (
            r"407 Proxy Authentication",
            r"\b407\b.*[Pp]roxy",
            r"ProxyError",
            r"Cannot connect to proxy",
            r"Tunnel connection failed",
            r"Missing dependencies for SOCKS",
        ),
        "The proxy refused the connection, or cannot be reached.",
        f"Check address, user and password in QGIS's settings (Network, Proxy), {OFFLINE}.",
    ),
    Cause(
        "certificate",
        (
            r"CERTIFICATE_VERIFY_FAILED",
            r"SSLCertVerificationError",
            r"certificate verify failed",
            r"self[- ]signed certificate",
            r"invalid peer certificate",
            r"Could not find a suitable TLS CA certificate",
            r"OSError:.*TLS CA",
        ),
        "The server's certificate is not trusted here: mostly a firewall looks into encrypted traffic.",
        f"Add your organisation's certificate to QGIS's (Settings, Authentication), {OFFLINE}.",
    ),
    Cause(
        "checksum",
        (
            r"DO NOT MATCH THE HASHES",
            r"hash(es)? (mismatch|do not match)",
            r"Hash mismatch",
            r"BadZipFile",
            r"zlib.error",
        ),
        "What was downloaded is not what was asked for: a file is damaged, or a proxy has changed it.",
        "Press Repair, which downloads everything again. If it happens again, use another network.",
    ),
    Cause(
        "no network",
        (
            r"NewConnectionError",
            r"Name or service not known",
            r"Temporary failure in name resolution",
            r"getaddrinfo failed",
            r"Network is unreachable",
            r"nodename nor servname",
            r"Connection refused",
            r"No route to host",
            r"ConnectTimeoutError",
            r"ReadTimeoutError",
            r"Read timed out",
            r"Connection (was )?(reset|aborted|broken)",
            r"RemoteDisconnected",
            r"IncompleteRead",
            r"error sending request",
            r"dns error",
        ),
        "The package index cannot be reached, or the connection broke.",
        f"Check the network and QGIS's proxy. {AGAIN} Without network, install from a folder of wheels.",
    ),
    Cause(
        "driver too old",
        (r"NVIDIA driver on your system is too old", r"CUDA driver version is insufficient"),
        "The NVIDIA driver is too old for the CUDA build of torch.",
        "Update the driver, or install the CPU variant.",
    ),
    Cause(
        "glibc too old",
        (r"version `GLIBC_[\d.]+' not found", r"GLIBCXX_[\d.]+' not found"),
        "The C library of this system is too old for torch's builds (glibc 2.28 or newer is needed).",
        "Update the system; or use an existing Python with a torch that was built for it.",
        ("linux",),
    ),
    Cause(
        "libgomp missing",
        (r"libgomp\.so\.1: cannot open",),
        "A library of the system is missing: libgomp.",
        "Install it (on Debian and Ubuntu: apt install libgomp1; on Fedora: dnf install libgomp), then try again.",
        ("linux",),
    ),
    Cause(
        "Intel Mac",
        (r"macosx_\d+_\d+_x86_64", r"incompatible architecture.*x86_64", r"have 'x86_64', need 'arm64"),
        "torch has no build for Macs with an Intel processor, nor for an Intel Python under Rosetta.",
        "On Apple silicon, install a QGIS or a Python for it; on an Intel Mac, use the command line elsewhere.",
        ("darwin",),
    ),
    Cause(
        "ensurepip missing",
        (
            r"ensurepip is not\s+available",
            r"No module named '?ensurepip",
            r"No module named '?venv\b",
            r"No module named pip",
        ),
        "This Python cannot make environments: its module venv, ensurepip or pip is missing.",
        "On Debian and Ubuntu: apt install python3-venv. Else choose another Python.",
    ),
    Cause(
        "Python too old",
        (r"Requires-Python", r"requires a different Python", r"not supported on this Python", r"requires Python"),
        "This Python has the wrong version for the libraries.",
        "Use Python 3.10 to 3.14.",
    ),
    Cause(
        "no wheel",
        (
            r"No matching distribution found for (?P<what>\S+)",
            r"Could not find a version that satisfies the requirement (?P<what>\S+)",
            r"is not a supported wheel on this platform",
            r"Failed (to build|building wheel)",
            r"Microsoft Visual C\+\+ .* is required",
        ),
        "There is no ready-made wheel{of} for this Python and system, and compiling is not tried.",
        "Use another Python (3.10 to 3.14, 64 bit); if you use a mirror or a folder of wheels, add the file.",
    ),
    Cause(
        "index refuses",
        (r"\b40[13] Client Error", r"HTTP error 40[13]", r"User for .+:"),
        "The package index asks for a user name and a password, or refuses access.",
        "Put them into pip's configuration, or into its keyring.",
    ),
)
"""The surest first: a full disk also makes hashes wrong, and a proxy also breaks connections."""


def explain(output: str, platform: str = sys.platform) -> BackendError:
    """Finds the cause in the output of a failed program; for an unknown one, gives its last lines."""
    for cause in CAUSES:
        if cause.platforms and platform not in cause.platforms:
            continue
        for pattern in cause.patterns:
            match = re.search(pattern, output, re.IGNORECASE)
            if match:
                what = match.groupdict().get("what")
                return BackendError(cause.message.replace("{of}", f" of {what}" if what else ""), cause.hint)
    lines = [line for line in without_secrets(output).splitlines() if line.strip()]
    last = "\n".join(lines[-TAIL_LINES:]) or "It printed nothing."
    return BackendError(
        f"The installation failed. The last lines were:\n{last}",
        "Press Repair; if it happens again, copy the diagnostics into a report.",
    )


def without_secrets(text: str) -> str:
    """Takes user names and passwords out of addresses."""
    return SECRET.sub("***@", text)
