"""How the files of a catalogue are read: GDAL's way through the network, tokens, and what fails in words."""

from __future__ import annotations

import contextlib
import datetime
import json
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
from ..library.transport import Network, Patience, checked_proxy
from ..library.trouble import AGAIN, Trouble, of_status
from ..raster import RASTER_ERRORS, Raster, open_raster
from ..version import VERSION

T = TypeVar("T")
STATUS = re.compile(r"(?:HTTP response code|response_code|HTTP error code)\s*[:=]\s*(\d{3})")
QUERY = re.compile(r"\?[^\s'\"]+")
NEVER = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)
SOON = datetime.timedelta(minutes=5)
LASTS = datetime.timedelta(minutes=30)
"""How long a token is used that does not say when it ends."""
CACHE_BYTES = 1 << 27
FAILS = {
    "resolve host": "is not known: no such server, or no network",
    "timed out": "did not answer in time",
    "too slow": "stopped sending",
    "connect": "cannot be reached",
    "not recognized": "is no raster: the file is of another kind, a web page perhaps, or cut off",
    "does not exist": "is not there",
}
"""Words of GDAL and curl, and what they mean; the first that fits."""


class Access:
    """Reads files that a catalogue names.

    Args:
        tokens: Address that gives a token for a collection, see presets.py; empty if files are open.
        proxy: As in library.transport.
        certificates: As in library.transport.
        patience: How long it waits.
    """

    def __init__(self, tokens: str, proxy: str, certificates: str, patience: Patience) -> None:
        self._network = Network(proxy, certificates, patience)
        self._tokens = tokens
        self._asking = threading.Lock()
        self._token: dict[str, tuple[str, datetime.datetime]] = {}
        self._certificates = certificates
        self._waits_s = patience.waits_s
        self._options: dict[str, Any] = {
            "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
            "GDAL_HTTP_USERAGENT": f"Unclouded/{VERSION}",
            "GDAL_HTTP_CONNECTTIMEOUT": max(1, round(patience.connect_s)),
            "GDAL_HTTP_LOW_SPEED_TIME": max(1, round(patience.silence_s)),
            "GDAL_HTTP_LOW_SPEED_LIMIT": 1,
            "GDAL_HTTP_MAX_RETRY": len(patience.waits_s),
            "GDAL_HTTP_RETRY_DELAY": patience.waits_s[0] if patience.waits_s else 0,
            "CPL_VSIL_CURL_CACHE_SIZE": CACHE_BYTES,
            "GDAL_HTTP_MULTIRANGE": "SERIAL",  # several files are read at once: connections enough for one server
            **_proxy_options(checked_proxy(proxy.strip())),
        }

    @contextlib.contextmanager
    def environment(self, fresh: bool = False) -> Iterator[None]:
        """Has GDAL read with this access, in the calling thread.

        Args:
            fresh: Forget what was learnt of files before: that one was not there, or its first bytes.
        """
        options = self._options | ({"CPL_VSIL_CURL_NON_CACHED": "/vsicurl/"} if fresh else {})
        with _authorities(self._certificates) as file, rasterio.Env(**options, **file):
            yield

    def sign(self, collection: str, address: str) -> str:
        """Gives the address under which a file may be read now.

        Raises:
            InputError: It is of a kind that is not read, or no token can be had.
        """
        if not is_remote(address):
            kind = address.partition("://")[0]
            raise InputError(
                f"The catalogue names files at {kind}:// addresses, which ask for keys; http and https are read.",
                "Take a catalogue with open files, planetary-computer or earth-search for example.",
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
        try:
            return self.patiently(lambda: open_raster(signed), fresh=True)
        except UnreadableRaster as error:
            raise unreadable(address, str(error)) from error

    def patiently(self, ask: Callable[[], T], fresh: bool = False) -> T:
        """Has GDAL do something, and again after a pause if it fails for a reason that may pass.

        Raises:
            UnreadableRaster: It has failed too often.
            RasterioError: The same, as GDAL says it.
        """
        for wait_s in self._waits_s:
            try:
                with self.environment(fresh):
                    return ask()
            except (UnreadableRaster, *RASTER_ERRORS) as error:
                status = STATUS.search(str(error))
                if status is not None and int(status[1]) not in AGAIN:
                    raise
            time.sleep(wait_s)
            fresh = True
        with self.environment(fresh):
            return ask()

    def _new_token(self, collection: str) -> tuple[str, datetime.datetime]:
        address = self._tokens.format(collection=collection)
        try:
            pieces = self._network.stream(address)
            told = json.loads(b"".join(piece.block for piece in pieces))
            end = datetime.datetime.fromisoformat(str(told.get("msft:expiry", "")).replace("Z", "+00:00") or _later())
            return str(told["token"]), end
        except Trouble as trouble:
            raise InputError(
                f"{shown(address)}, which allows files of {collection} to be read, {trouble.reason}.",
                "This collection may need an account there; take another catalogue, or leave radar out (--no-sar).",
            ) from trouble
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise InputError(
                f"{shown(address)}, which allows files of {collection} to be read, gives no token.", "Try again later."
            ) from error


def unreadable(address: str, reason: str) -> InputError:
    """Gives the error of a file that GDAL could not read; its own words may hold a token, which is left out."""
    status = STATUS.search(reason)
    if status is not None:
        words = of_status(int(status[1])).reason
    else:
        words = next((words for sign, words in FAILS.items() if sign in reason.lower()), "")
        words = words or f"cannot be read: {QUERY.sub('', reason).rstrip('.')}"
    return InputError(
        f"The file {shown(address)} {words}.",
        "Run the same again later: what is complete is kept. If it stays, take another day, catalogue or collection.",
    )


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
    """Gives curl one file of the usual authorities and the user's."""
    if not certificates:
        yield {}
        return
    number, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(Path(certifi.where()).read_bytes() + b"\n" + Path(certificates).read_bytes())
        yield {"GDAL_CURL_CA_BUNDLE": path, "CURL_CA_BUNDLE": path}
    finally:
        Path(path).unlink()
