"""A model of an index: what may stand there. Whoever writes an index is a stranger, so each field is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from ..version import VERSION
from .addresses import check_page, resolve

MAX_TEXT = 2000
MAX_ITEMS = 64
MAX_SIZE_BYTES = 1 << 40
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Of a generator. No dot: what has one is taken for a file, see installed.find_model."""
RESERVED = re.compile(r"default|con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)
"""What Unclouded or Windows takes for something else."""
DOTTED = re.compile(r"\d{1,6}(\.\d{1,6}){0,3}", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}")
LEVELS = ("L1C", "L2A")
NEEDS = ("none", "optional", "required")


@dataclass(frozen=True)
class Entry:
    """A generator of an index."""

    name: str
    version: str
    title: str
    file: str = ""
    """A path below the index's folder, or a URL; empty for one that must be got from its page and imported."""
    mirrors: list[str] = field(default_factory=list)
    """Others like `file`, tried in turn."""
    size_bytes: int = 0
    sha256: str = ""
    """Of the whole file."""
    licence: str = ""
    citation: str = ""
    source: str = ""
    """Who made it, from what."""
    min_unclouded: str = ""
    """Least version of Unclouded that runs it."""
    architecture: str = ""
    bands: list[str] = field(default_factory=list)
    required_bands: list[str] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    sar: str = "none"
    dates: str = "none"
    scores: dict[str, Any] = field(default_factory=dict)
    page: str = ""
    """Where people read more, http or https."""
    note: str = ""
    """What they must know."""

    @property
    def problem(self) -> str:
        """Why it cannot be downloaded; empty if it can."""
        if self.min_unclouded and _numbers(self.min_unclouded) > _numbers(VERSION):
            return f"It needs Unclouded {self.min_unclouded} or later; this is {VERSION}."
        if self.file and not (self.sha256 and self.size_bytes):
            return "The index gives no SHA-256 or no size: nobody could tell whether the file is the right one."
        return ""


def read_entry(found: Any, address: str) -> Entry:
    """Makes an entry of what an index holds.

    Args:
        found: Of its list of models; fields that are not known are passed over.
        address: Of the index.

    Raises:
        ValueError: It says what is wrong.
    """
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    hints = get_type_hints(Entry)
    known = {key: value for key, value in found.items() if key in hints}
    for key in ("name", "version", "title"):
        if not known.get(key):
            raise ValueError(f"it has no {key}")
    for key, value in known.items():
        _check_type(key, value, hints[key])
    entry = Entry(**known)
    for problem in _problems(entry):
        raise ValueError(problem)
    _check_addresses(entry, address)
    return entry


def is_name(name: str) -> bool:
    """Whether a generator may be published under a name, which is its file's too."""
    return bool(NAME.fullmatch(name)) and not RESERVED.fullmatch(name)


def _check_type(key: str, value: Any, hint: Any) -> None:
    wanted = get_origin(hint) or hint
    items = value if wanted is list and isinstance(value, list) else [value] if wanted is str else []
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise ValueError(f"its {key} is {str(value)[:60]!r}")
    if any(not isinstance(item, str) or len(item) > MAX_TEXT or not item.isprintable() for item in items):
        raise ValueError(f"its {key} is no plain text of one line, or too long")
    if get_args(hint) and len(value) > MAX_ITEMS:
        raise ValueError(f"its {key} has {len(value)} items; {MAX_ITEMS} are allowed")


def _problems(entry: Entry) -> Iterator[str]:
    if not is_name(entry.name):
        yield "a name has up to 64 letters, digits, - and _, and is no word with a meaning of its own"
    if entry.sar not in NEEDS or entry.dates not in NEEDS:
        yield f"its sar is {entry.sar!r}, its dates {entry.dates!r}; {', '.join(NEEDS)} are known"
    if not set(entry.levels) <= set(LEVELS):
        yield f"its levels are {', '.join(entry.levels)}; {', '.join(LEVELS)} are known"
    if not set(entry.required_bands) <= set(entry.bands):
        yield "its required_bands are not all among its bands"
    if entry.sha256 and not SHA256.fullmatch(entry.sha256):
        yield "its sha256 is not 64 digits of 0-9 and a-f"
    if entry.min_unclouded and not DOTTED.fullmatch(entry.min_unclouded):
        yield f"its min_unclouded is {entry.min_unclouded!r}; a version such as 1.2.0 was expected"
    if not 0 <= entry.size_bytes <= MAX_SIZE_BYTES:
        yield f"its size_bytes is {entry.size_bytes}"
    if not (entry.file or entry.page or entry.note):
        yield "it has neither a file nor a page or note that says how to get one"


def _check_addresses(entry: Entry, address: str) -> None:
    if entry.page:
        check_page(entry.page)
    for file in filter(None, (entry.file, *entry.mirrors)):
        resolve(address, file)


def _numbers(version: str) -> tuple[int, ...]:
    """A version as numbers that can be compared: 1.2 is 1.2.0.0."""
    found = [int(part) for part in version.split(".")]
    return tuple(found + [0] * (4 - len(found)))
