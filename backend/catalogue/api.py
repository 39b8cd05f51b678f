"""Asks a STAC API for items, through the user's proxy and with the authorities that the user trusts."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import pystac
import requests
import urllib3
from pystac_client import Client
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests.adapters import HTTPAdapter

from ..errors import Extent, InputError
from ..library.addresses import shown
from ..library.transport import Patience, checked_proxy, trusted_context
from ..library.trouble import Trouble, causes_of, of_error, of_status
from ..reporting import Reporter
from ..version import VERSION
from .entry import Entry, read_entry

PAGE_ITEMS = 100
MAX_ITEMS = 2000
T = TypeVar("T")
NO_ITEM = (pystac.STACError, pystac.STACTypeError, ValueError, KeyError, TypeError, AttributeError)
"""What pystac raises of JSON that is something else."""
CODES_TRIED_AGAIN = (429, 502, 503, 504)
NO_API = "Give the address of a STAC API: the one at which its description (JSON) appears in a browser."


class Api:
    """A STAC API.

    Args:
        address: Of its first page.
        proxy: As in library.transport.
        certificates: As in library.transport.
        patience: How long it waits.

    Raises:
        InputError: It cannot be reached, or is none.
    """

    def __init__(self, address: str, proxy: str, certificates: str, patience: Patience) -> None:
        self._address = address
        io, limits_s = _io(proxy, certificates, patience), (patience.connect_s, patience.silence_s)
        self._client = self._in_words(lambda: Client.open(address, stac_io=io, timeout=limits_s))
        search = [link for link in self._client.links if link.rel == "search"]
        if not search:
            raise InputError(f"{shown(address)} is a catalogue without a search.", NO_API)
        posts = any(link.extra_fields.get("method") == "POST" for link in search)
        self._method = "POST" if posts else "GET"

    def collection(self, names: tuple[str, ...]) -> pystac.Collection:
        """Gives the first of some collections that there is.

        Raises:
            InputError: There is none.
        """
        for name in names:
            found = self._in_words(partial(self._collection, name))
            if found is not None:
                return found
        known = self._in_words(lambda: sorted(one.id for one in self._client.get_collections()))
        raise InputError(
            f"{shown(self._address)} has no collection {' or '.join(names)}; it has {', '.join(known[:40]) or 'none'}.",
            "Name the collection (--collection, --sar-collection), or another catalogue.",
        )

    def search(
        self, collection: str, bbox: Extent, first: datetime.date, last: datetime.date, report: Reporter
    ) -> list[Entry]:
        """Gives all items of a collection that touch an area in degrees between two days, both included.

        Raises:
            InputError: The search failed, or found too much to choose from, or nothing that says what it is.
        """

        def find() -> list[dict[str, Any]]:
            found = self._client.search(
                method=self._method,
                collections=[collection],
                bbox=list(bbox),
                datetime=f"{first}T00:00:00Z/{last}T23:59:59Z",
                limit=PAGE_ITEMS,
                max_items=MAX_ITEMS,
            )
            return list(found.items_as_dicts())

        items = self._in_words(find)
        if len(items) >= MAX_ITEMS:
            raise InputError(
                f"{shown(self._address)} has {MAX_ITEMS} items or more in {collection} for this area and these days.",
                "Ask for fewer days (--within) or a smaller area.",
            )
        entries = [entry for entry in map(self._entry, items) if entry is not None]
        if len(entries) < len(items):
            told = f"{len(items) - len(entries)} item(s) of {collection} state no valid time, place or files"
            if not entries:
                raise InputError(
                    f"{shown(self._address)} cannot be chosen from: {told}.", "Take another collection or catalogue."
                )
            report.log("warning", f"{told}: they are left out.")
        return entries

    def _entry(self, item: dict[str, Any]) -> Entry | None:
        """Reads an item; None if it is none that could serve."""
        try:
            return read_entry(pystac.Item.from_dict(item, root=self._client, preserve_dict=False))
        except NO_ITEM:
            return None

    def _collection(self, name: str) -> pystac.Collection | None:
        try:
            return self._client.get_collection(name)
        except APIError as error:
            if _status(error) == 404:
                return None
            raise

    def _in_words(self, ask: Callable[[], T]) -> T:
        """Asks something and puts what fails into words.

        What the libraries warn of (a page that states no conformance) does no harm here.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ask()
        except APIError as error:
            trouble = _trouble(error)
        except NO_ITEM:
            trouble = Trouble("gives something else than a STAC API does, a web page perhaps", NO_API)
        raise InputError(
            f"The catalogue {shown(self._address)} {trouble.reason}.",
            trouble.hint or "Try again later, check the address and the connection, or name another catalogue.",
        ) from trouble


def _status(error: APIError) -> int | None:
    """The HTTP status; None if there was no answer."""
    return getattr(error, "status_code", None)


def _trouble(error: APIError) -> Trouble:
    status = _status(error)
    if status == 404:
        return Trouble("is not there (HTTP 404)", NO_API)
    if status is not None:
        return of_status(status)
    causes = causes_of(error)
    told = (urllib3.exceptions.TimeoutError, urllib3.exceptions.HTTPError, requests.RequestException)
    cause = next((one for kind in told for one in causes if isinstance(one, kind)), error)
    if isinstance(cause, urllib3.exceptions.ReadTimeoutError):
        return Trouble("did not answer in time")
    return of_error(cause)


def _io(proxy: str, certificates: str, patience: Patience) -> StacApiIO:
    retries = urllib3.Retry(
        total=len(patience.waits_s),
        connect=0,
        read=0,
        status=len(patience.waits_s),
        status_forcelist=CODES_TRIED_AGAIN,
        allowed_methods=None,
        backoff_factor=patience.waits_s[0] if patience.waits_s else 0,
        raise_on_status=False,
        respect_retry_after_header=False,  # it may be an hour
    )
    io = StacApiIO(headers={"User-Agent": f"Unclouded/{VERSION}"}, max_retries=None)
    io.session.mount("http://", HTTPAdapter(max_retries=retries))
    io.session.mount("https://", _Trusting(certificates, retries))
    through = checked_proxy(proxy.strip())
    if through:
        io.session.trust_env = False
        io.session.proxies = {"http": through, "https": through}
    return io


class _Trusting(HTTPAdapter):
    """Trusts the system's authorities and the user's, besides those that requests brings along."""

    def __init__(self, certificates: str, retries: urllib3.Retry) -> None:
        self._context = trusted_context(certificates)
        super().__init__(max_retries=retries)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **options)
