"""Where indexes and files lie: on a web server, in a folder, on a file share.

An address is an http or https URL, or the absolute path of a local file.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.request import url2pathname

from ..errors import UsageError

INDEX = "index.json"
SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+)://?")
"""Of a URL; one letter is a drive of Windows."""


def index_address(given: str) -> str:
    """Gives the address of an index.

    Args:
        given: A URL, a folder or a file. Unless it ends in `.json`, it is what holds `index.json`.

    Raises:
        UsageError: It is of a kind that is not read.
    """
    scheme = _scheme(given)
    if scheme in ("http", "https"):
        parts = urlsplit(given.strip())
        path = parts.path if parts.path.endswith(".json") else f"{parts.path.rstrip('/')}/{INDEX}"
        return urlunsplit(parts._replace(path=path, fragment=""))
    if scheme not in ("", "file"):
        raise UsageError(
            f"An index of models lies at an http, https or file address or in a folder; {scheme}: was given.",
            "Give one of these, for example https://example.org/models.",
        )
    place = Path(_local(given) if scheme else given.strip()).expanduser().absolute()
    return str(place if place.suffix == ".json" else place / INDEX)


def is_remote(address: str) -> bool:
    """Whether an address is a web server's."""
    return _scheme(address) in ("http", "https")


def resolve(index: str, file: str) -> str:
    """Gives the address of a file that an index names: relative to the index, or a URL.

    Raises:
        ValueError: It says why the name is refused: it leads elsewhere than below the index, or is no http(s) URL.
    """
    if _scheme(file):
        check_page(file)
        return file
    steps = file.split("/")
    if not file.isprintable() or set("\\:") & set(file) or any(step in ("", ".", "..") for step in steps):
        raise ValueError(f"{file!r} is no path below the index, nor an http or https address")
    if is_remote(index):
        return urljoin(index, quote(file))
    return str(Path(index).parent.joinpath(*steps))


def check_page(address: str) -> None:
    """Raises ValueError unless an address is an http or https one with a host."""
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or not address.isprintable() or " " in address:
        raise ValueError(f"{address!r} is no http or https address")


def shown(address: str) -> str:
    """Gives an address as it may be logged: without user, password and query."""
    if not is_remote(address):
        return address
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _scheme(address: str) -> str:
    found = SCHEME.match(address.strip())
    return found[1].lower() if found else ""


def _local(url: str) -> str:
    parts = urlsplit(url.strip())
    host = parts.netloc if parts.netloc not in ("", "localhost") else ""
    return url2pathname(f"//{host}{parts.path}" if host else parts.path)
