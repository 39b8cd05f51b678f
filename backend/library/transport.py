"""Gets bytes from an address: over http(s), through a proxy if need be, or from a local file."""

from __future__ import annotations

import contextlib
import re
import ssl
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import certifi
import urllib3
from urllib3.util import Timeout, make_headers

from ..errors import InputError
from ..version import VERSION
from .addresses import is_remote
from .trouble import Trouble, of_error, of_status

BLOCK_BYTES = 1 << 16
MAX_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for."""

    connect_s: float = 10.0
    silence_s: float = 30.0
    """Time without a byte after which a connection is given up."""
    waits_s: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    """Pauses before tries that follow one that brought nothing; then an address is given up."""


@dataclass(frozen=True)
class Piece:
    """Some bytes of a file, and what the address says of all of it."""

    address: str
    """Where the file was found in the end."""
    start: int
    """Position in the file where the answer starts."""
    total_bytes: int | None
    """Of the file, if the server says so."""
    tag: str = ""
    """What the server calls this state of the file, if it does; strong tags only."""
    is_page: bool = False
    """Whether it says of itself that it is a web page."""
    block: bytes = b""
    """Empty in the first piece."""


class Network:
    """Opens addresses.

    Args:
        proxy: URL of a proxy, with user and password if it needs them; empty for that of the environment, if any.
        certificates: PEM file of authorities that are trusted besides the system's.
        patience: How long it waits.
    """

    def __init__(self, proxy: str = "", certificates: str = "", patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._proxy = proxy.strip()
        self._certificates = certificates
        self._pools: dict[tuple[str, bool], urllib3.PoolManager] = {}

    def stream(self, address: str, start: int = 0, tag: str = "") -> Iterator[Piece]:
        """Yields a file in order, after a first piece that is empty.

        Args:
            address: Of the file.
            start: First byte that is wanted; the answer may start earlier.
            tag: State of the file that the bytes before belong to; of another state all of it is given.

        Raises:
            Trouble: It cannot be had.
            InputError: It is remote, and the proxy is none that can be used, or the file of certificates holds none.
        """
        if not is_remote(address):
            yield from _read(address, start)
            return
        try:
            yield from self._get(address, start, tag)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise of_error(error) from error

    def _get(self, address: str, start: int, tag: str) -> Iterator[Piece]:
        for _ in range(MAX_REDIRECTS + 1):
            with contextlib.closing(self._ask(address, start, tag)) as response:
                target = response.headers.get("Location", "")
                if response.status not in REDIRECTS or not target:
                    first = _first(address, start, response)
                    yield first
                    for block in response.stream(BLOCK_BYTES, decode_content=False):
                        yield replace(first, block=block)
                    return
            before, address = address, urljoin(address, target)
            if not is_remote(address) or (urlsplit(before).scheme, urlsplit(address).scheme) == ("https", "http"):
                raise Trouble("sends on to an address that is less safe, which is refused")
        raise Trouble(f"sends on to another address more than {MAX_REDIRECTS} times")

    def _ask(self, address: str, start: int, tag: str) -> urllib3.BaseHTTPResponse:
        parts = urlsplit(address)
        user, _, host = parts.netloc.rpartition("@")
        headers = {"User-Agent": f"Unclouded/{VERSION}", "Accept-Encoding": "identity"}
        if user:
            headers |= make_headers(basic_auth=unquote(user))
        if start:
            headers["Range"] = f"bytes={start}-"
            if tag:
                headers["If-Range"] = tag
        url = urlunsplit(parts._replace(netloc=host, fragment=""))
        return self._pool(url).request(
            "GET", url, headers=headers, redirect=False, preload_content=False, decode_content=False
        )

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Gives what opens a URL: by itself, or through the proxy."""
        proxy = checked_proxy(self._proxy or _proxy_of_environment(url))
        secure = "https" in (urlsplit(url).scheme, urlsplit(proxy).scheme)
        if (proxy, secure) not in self._pools:
            common: dict[str, Any] = {
                "retries": False,
                "timeout": Timeout(connect=self.patience.connect_s, read=self.patience.silence_s),
                "ssl_context": trusted_context(self._certificates) if secure else None,
            }
            self._pools[proxy, secure] = _through(proxy, common) if proxy else urllib3.PoolManager(**common)
        return self._pools[proxy, secure]


def _through(proxy: str, common: dict[str, Any]) -> urllib3.ProxyManager:
    parts = urlsplit(proxy)
    user, _, host = parts.netloc.rpartition("@")
    headers = make_headers(proxy_basic_auth=unquote(user)) if user else None
    return urllib3.ProxyManager(
        f"{parts.scheme}://{host}",
        proxy_headers=headers,
        proxy_ssl_context=common["ssl_context"],
        **common,
    )


def _proxy_of_environment(url: str) -> str:
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    found = urllib.request.getproxies()
    return found.get(parts.scheme, found.get("all", ""))


def checked_proxy(proxy: str) -> str:
    """Gives the address of a proxy with its scheme.

    Raises:
        InputError: It is none that can be used. Its words never hold the address: there may be a password in it.
    """
    whole = proxy if "://" in proxy or not proxy else f"http://{proxy}"
    with contextlib.suppress(ValueError):
        parts = urlsplit(whole)
        if not whole or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0):
            return whole
    raise InputError(
        "The address of the proxy is none of an http or https proxy; SOCKS is not known.",
        "Give http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with signs such as @ as %40.",
    )


def trusted_context(certificates: str) -> ssl.SSLContext:
    """Trusts what the system trusts, what certifi does where the system names nobody, and what the user adds.

    Raises:
        InputError: The file of certificates holds none.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if certificates:
        try:
            context.load_verify_locations(certificates)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                f"{certificates} cannot be read as certificates.", "Give a PEM file of the authorities to trust."
            ) from error
    return context


def _first(address: str, start: int, response: urllib3.BaseHTTPResponse) -> Piece:
    """Says what an answer is, before its content is read; raises Trouble if it is not what was asked for."""
    headers = response.headers
    if response.status not in (200, 206):
        raise of_status(response.status, headers.get("Retry-After", ""))
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Trouble("sends the file packed in another way than was asked for")
    length = headers.get("Content-Length", "")
    begin, total = 0, int(length) if length.isascii() and length.isdigit() else None
    if response.status == 206:
        told = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", headers.get("Content-Range", ""), re.ASCII)
        if told is None or int(told[1]) != start:
            raise Trouble("sends another part of the file than was asked for", restart=True, again=True)
        begin, total = start, None if told[2] == "*" else int(told[2])
    tag, is_page = headers.get("ETag", ""), headers.get("Content-Type", "").lower().startswith("text/html")
    return Piece(address, begin, total, "" if tag.startswith("W/") else tag, is_page)


def _read(address: str, start: int) -> Iterator[Piece]:
    try:
        with Path(address).open("rb") as file:
            first = Piece(address, start, Path(address).stat().st_size)
            yield first
            file.seek(start)
            while block := file.read(BLOCK_BYTES):
                yield replace(first, block=block)
    except OSError as error:
        raise Trouble(f"cannot be read: {error.strerror}") from error
