"""How the files of a catalogue are read: GDAL's way through the network, tokens, and what fails in words."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import certifi
import rasterio

from ..errors import InputError, UnreadableRaster
from ..library.addresses import is_remote, shown
from ..library.transport import Network, Patience, checked_proxy, trusted_context
from ..library.trouble import AGAIN, Trouble, of_status
from ..raster import RASTER_ERRORS, Raster, open_raster
from ..reporting import Reporter
from ..version import VERSION
from .threads import Threads

T = TypeVar("T")
STATUS = re.compile(r"(?:HTTP response code|response_code|HTTP error code)\s*[:=]\s*(\d{3})")
QUERY = re.compile(r"\?[^\s'\"]+")
BUCKET = re.compile(r"s3://([A-Za-z0-9][\w.-]+/[^?#\s]+)")
NEVER = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)
SOON = datetime.timedelta(minutes=5)
LASTS = datetime.timedelta(minutes=30)
"""How long a token is used that does not say when it ends."""
WORTH_SAYING_S = 10.0
"""Time without a file after which it is said who is waited for."""
CACHE_BYTES = 1 << 27
FAILS = {
    "resolve host": "is not known: no such server, or no network",
    "timed out": "did not answer in time",
    "too slow": "stopped sending",
    "connect": "cannot be reached",
    "not recognized": "is no raster: the file is of another kind, a web page perhaps, or cut off",
    "does not exist": "is not there",
    "read failed": "was cut off, or is damaged",
    "aws_no_sign_request": "lies in a bucket and needs keys: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
}
"""Words of GDAL and curl, and what they mean; the first that fits."""


class Access:
    """Reads files that a catalogue names.

    Args:
        tokens: Address that gives a token for a collection, see presets.py; empty if files are open.
        proxy: As in library.transport.
        certificates: As in library.transport.
        patience: How long it waits.
        report: Of the job.
    """

    def __init__(self, tokens: str, proxy: str, certificates: str, patience: Patience, report: Reporter) -> None:
        self._network = Network(proxy, certificates, patience)
        self._tokens = tokens
        self._asking = threading.Lock()
        self._token: dict[str, tuple[str, datetime.datetime]] = {}
        self._certificates = certificates
        self._patience = patience
        self._report = report
        self._said: set[str] = set()
        self._saying = threading.Lock()
        self._ended = threading.Event()
        self._options: dict[str, Any] = {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_HTTP_USERAGENT": f"Unclouded/{VERSION}",
            "GDAL_HTTP_CONNECTTIMEOUT": max(1, round(patience.connect_s)),
            "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(patience.silence_s / 3)),  # it asks up to three times at once
            "GDAL_HTTP_LOW_SPEED_LIMIT": 1,
            "GDAL_HTTP_MAX_RETRY": 0,  # see patiently
            "CPL_VSIL_CURL_CACHE_SIZE": CACHE_BYTES,
            "GDAL_HTTP_MULTIRANGE": "SERIAL",  # several files are read at once: connections enough for one server
            "GDAL_NUM_THREADS": 1,  # the same; and threads of GDAL's own print errors, past whoever asked
            **_proxy_options(checked_proxy(proxy.strip())),
        }

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Keeps what reading needs; threads that still wait for a server afterwards give up without a word."""
        with _authorities(self._certificates) as file:
            self._options |= file
            try:
                yield
            finally:
                self._ended.set()

    @contextlib.contextmanager
    def environment(self, fresh: bool = False) -> Iterator[None]:
        """Has GDAL read with this access, in the calling thread.

        Args:
            fresh: Forget what was learnt of files before: that one was not there, or its first bytes.
        """
        options = self._options | ({"CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/"} if fresh else {})
        with rasterio.Env(**options):
            yield

    def threads(self, address: str) -> Threads:
        """Gives threads for reading several files; one of them tells whose server is named if it lets wait."""
        host = urlsplit(address).netloc.rpartition("@")[2]

        def heed(silent_s: float) -> None:
            self._report.check_cancelled()
            if silent_s > WORTH_SAYING_S:
                self._say("info", f"Waiting for {host}.")

        return Threads(heed)

    def sign(self, collection: str, address: str) -> str:
        """Gives the address under which a file may be read now.

        Raises:
            InputError: It is of a kind that is not read, or no token can be had.
        """
        bucket = BUCKET.fullmatch(address)
        if bucket is not None:
            return f"/vsis3/{bucket[1]}"
        if not is_remote(address):
            raise InputError(
                f"The catalogue names a file {address!r}; http, https and s3 addresses are read.",
                "Take another catalogue or collection, planetary-computer or earth-search for example.",
            )
        if not self._tokens:
            return address
        with self._asking:
            token, end = self._token.get(collection, ("", NEVER))
            if datetime.datetime.now(datetime.timezone.utc) + SOON > end:
                token, end = self._token[collection] = self._new_token(collection)
        return f"{address}{'&' if urlsplit(address).query else '?'}{token}"

    def describe(self, collection: str, address: str) -> Raster:
        """Tells what a file is.

        Raises:
            InputError: It cannot be read.
        """
        signed = self.sign(collection, address)
        return self.patiently(lambda: open_raster(signed), address, fresh=True)

    def patiently(self, ask: Callable[[], T], address: str, fresh: bool = False) -> T:
        """Has GDAL read something, and again after a pause if it fails for a reason that may pass.

        Only here is anything asked for again; not after a server had the time that it may be silent since it failed
        first.

        Args:
            ask: Reads.
            address: Of the file.
            fresh: As in environment.

        Raises:
            InputError: It has failed too often.
        """
        waits_s, failed_s = iter(self._patience.waits_s), math.inf
        while True:
            try:
                with self.environment(fresh):
                    return ask()
            except (UnreadableRaster, *RASTER_ERRORS) as error:
                trouble, lasts = _in_words(address, error)
                wait_s, now_s = next(waits_s, None), time.monotonic()
                failed_s = min(failed_s, now_s)
                if wait_s is None or lasts or now_s - failed_s > self._patience.silence_s:
                    raise trouble from error
                self._say("warning", f"{trouble.message} It is asked for again.")
                if self._ended.wait(wait_s):
                    raise trouble from error
            fresh = True

    def _say(self, level: str, text: str) -> None:
        """Says something once."""
        with self._saying:
            if text not in self._said and not self._ended.is_set():
                self._said.add(text)
                self._report.log(level, text)

    def _new_token(self, collection: str) -> tuple[str, datetime.datetime]:
        address = self._tokens.format(collection=collection)
        try:
            pieces = self._network.stream(address)
            told = json.loads(b"".join(piece.block for piece in pieces))
            end = datetime.datetime.fromisoformat(str(told.get("msft:expiry", "")).replace("Z", "+00:00") or _later())
            return str(told["token"]), end
        except Trouble as trouble:
            raise InputError(
                f"{shown(address)}, asked for access to files of {collection}, {trouble.reason}.",
                "This collection may need an account there; take another catalogue, or leave radar out (--no-sar).",
            ) from trouble
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(
                f"{shown(address)}, asked for access to files of {collection}, gives no token.", "Try again later."
            ) from error


def _in_words(address: str, error: Exception) -> tuple[InputError, bool]:
    """Gives the error of a file that GDAL could not read, and whether that will last.

    GDAL's own words may hold a token, which is left out.
    """
    told = _told(error)
    status = STATUS.search(told)
    lasts = "AWS_NO_SIGN_REQUEST" in told
    if status is not None:
        lasts = int(status[1]) not in AGAIN
        words = f"The server of {shown(address)} {of_status(int(status[1])).reason}"
    else:
        known = next((words for sign, words in FAILS.items() if sign in told.lower()), "")
        words = f"The file {shown(address)} {known or 'cannot be read: ' + QUERY.sub('', str(error)).rstrip('.')}"
    hint = "Run the same again later: what is complete is kept. If it stays, take another day, catalogue or collection."
    return InputError(f"{words}.", hint), lasts


def _told(error: BaseException) -> str:
    """All that GDAL said."""
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    return " ".join(causes)


def _later() -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + LASTS).isoformat()


def _proxy_options(proxy: str) -> dict[str, str]:
    """Gives GDAL a proxy; its user and password apart, as curl wants them."""
    if not proxy:
        return {}
    parts = urlsplit(proxy)
    user, _, host = parts.netloc.rpartition("@")
    options = {"GDAL_HTTP_PROXY": f"{parts.scheme}://{host}", "GDAL_HTTPS_PROXY": f"{parts.scheme}://{host}"}
    return options | ({"GDAL_HTTP_PROXYUSERPWD": unquote(user)} if user else {})


@contextlib.contextmanager
def _authorities(certificates: str) -> Iterator[dict[str, str]]:
    """Gives curl one file of the usual authorities and the user's; raises InputError if theirs holds none."""
    if not certificates:
        yield {}
        return
    trusted_context(certificates)
    number, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(Path(certifi.where()).read_bytes() + b"\n" + Path(certificates).read_bytes())
        yield {"GDAL_CURL_CA_BUNDLE": path, "CURL_CA_BUNDLE": path}
    finally:
        Path(path).unlink()
