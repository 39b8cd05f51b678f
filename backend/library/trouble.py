"""What can go wrong between here and a file elsewhere, in words."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, replace

from urllib3 import exceptions

AGAIN = (408, 425, 429, 500, 502, 503, 504)
"""Answers of a server that may be others in a moment."""
STATUSES = {
    401: "asks for a user and a password",
    403: "does not allow it",
    404: "has no such file",
    407: "cannot be reached: the proxy asks for a user and a password",
    410: "has no such file any more",
    416: "has less of the file than was asked for",
    429: "has been asked too often",
    503: "is too busy",
}
PROXY_HINT = "Check the proxy's settings, its user and its password."
CERTIFICATE_HINT = "If your organisation has an authority of its own, give its certificate (a PEM file)."


@dataclass(eq=False)
class Trouble(Exception):
    """An address did not give what was asked of it."""

    reason: str
    """Goes on from `ADDRESS ...`."""
    hint: str = ""
    again: bool = False
    """Whether it is worth to be tried again."""
    unreached: bool = False
    """Whether there was no connection at all."""
    restart: bool = False
    """Whether what is there of the file must be thrown away."""
    wait_s: float = 0.0
    """How long the server wants to be left alone."""


KINDS: dict[type[Exception], Trouble] = {
    ValueError: Trouble("is no address of a server"),
    exceptions.NameResolutionError: Trouble("is not known: no such server, or no network", unreached=True),
    exceptions.NewConnectionError: Trouble("cannot be reached", unreached=True),
    exceptions.ConnectTimeoutError: Trouble("did not answer in time", unreached=True),
    exceptions.TimeoutError: Trouble("stopped sending", again=True),
    Exception: Trouble("broke the connection off", again=True),
}
"""What errors mean; the first that fits."""


def of_status(status: int, retry_after: str = "") -> Trouble:
    """Gives the trouble that an HTTP status is."""
    reason = STATUSES.get(status, "failed" if status >= 500 else "refused")
    wait_s = min(float(retry_after), 30.0) if retry_after.isascii() and retry_after.isdigit() else 0.0
    hint = PROXY_HINT if status == 407 else ""
    return Trouble(f"{reason} (HTTP {status})", hint, again=status in AGAIN, restart=status == 416, wait_s=wait_s)


def of_error(error: Exception) -> Trouble:
    """Gives the trouble that an error of urllib3 is. None of its own words are used: they could hold a password."""
    causes = list(causes_of(error))
    if any(isinstance(cause, exceptions.ProxyError) for cause in causes):
        if any(re.search(r"failed: 407\b", str(cause)) for cause in causes):
            return of_status(407)
        return Trouble("cannot be reached through the proxy", PROXY_HINT, unreached=True)
    if any(isinstance(cause, (exceptions.SSLError, ssl.SSLError)) for cause in causes):
        reason = next((cause.verify_message for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), "")
        return Trouble(f"is not trusted: {reason or 'no secure connection came about'}", CERTIFICATE_HINT)
    return replace(next(trouble for kind, trouble in KINDS.items() if isinstance(error, kind)))


def causes_of(error: BaseException | None) -> list[BaseException]:
    """The error, what it wraps and what it came from."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, *(arg for arg in one.args if isinstance(arg, BaseException))]
            waiting.append(getattr(one, "original_error", None))
    return found
