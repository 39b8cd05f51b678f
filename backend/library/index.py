"""The index of models: a JSON file that says which generators can be had, where, and what they need.

    {"schema": 1, "models": [{"name": "alder", "version": "1", "title": "...", "file": "alder.safetensors", ...}]}

Whoever writes an index is a stranger: each field is held against what it may be, and one that is wrong refuses the
index. Fields that are not known are passed over, so that later versions can have more of them.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

from ..errors import ModelError
from ..installed import MODELS
from ..reporting import Reporter
from .addresses import INDEX, index_address, resolve, shown
from .entry import Entry, read_entry
from .heeding import heeding, pause
from .transport import Network
from .trouble import Trouble

SCHEMA = 1
MAX_BYTES = 4 << 20
MAX_MODELS = 2000


@dataclass(frozen=True)
class Index:
    address: str
    """Where it was found, which its files are relative to."""
    entries: list[Entry]

    def find(self, name: str) -> Entry | None:
        """Gives the entry of a name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def addresses(self, entry: Entry) -> list[str]:
        """Gives where the file of an entry lies, in the order in which the places are to be tried."""
        return [resolve(self.address, file) for file in filter(None, (entry.file, *entry.mirrors))]


def read_index(given: str, network: Network, report: Reporter) -> Index:
    """Reads an index.

    Args:
        given: URL, folder or file; empty for the one that comes along.
        network: What opens addresses.
        report: Of the job.

    Raises:
        UsageError: It is no kind of address that is read.
        ModelError: It cannot be had, or is no index that this version reads.
        Cancelled: The job was given up.
    """
    address = index_address(given) if given.strip() else str(MODELS / INDEX)
    try:
        found, content = _patiently(address, network, report)
    except Trouble as trouble:
        raise ModelError(
            f"The index of models at {shown(address)} {trouble.reason}.",
            trouble.hint or "Check the address of the index and the connection.",
        ) from trouble
    return parse_index(content, found)


def parse_index(content: bytes, address: str) -> Index:
    """Gives the index that a file holds.

    Args:
        content: Of the file.
        address: Where it was found.

    Raises:
        ModelError: It is no index that this version reads.
    """
    try:
        found = json.loads(content)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()  # refuses NaN and halves of characters
        if not isinstance(found, dict) or "schema" not in found:
            raise ValueError("it is no object with a schema")
        if found["schema"] != SCHEMA:
            raise _OtherSchema(repr(found["schema"])[:40])
        if not isinstance(found.get("models"), list):
            raise ValueError("it holds no list of models")
        return Index(address, _entries(found["models"], address))
    except _OtherSchema as error:
        raise ModelError(
            f"The index of models at {shown(address)} is of schema {error}; this version reads schema {SCHEMA}.",
            "Update Unclouded, or use another index.",
        ) from error
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:300]
        raise ModelError(
            f"{shown(address)} is no index of models: {reason}.",
            "Give the address of a folder for which `unclouded models index` was run.",
        ) from error


class _OtherSchema(Exception):
    pass


def _patiently(address: str, network: Network, report: Reporter) -> tuple[str, bytes]:
    """Gives where an index was found in the end, and what it holds."""
    for wait_s in network.patience.waits_s:
        try:
            return _get(address, network, report)
        except Trouble as trouble:
            if not trouble.again:
                raise
            pause(max(wait_s, trouble.wait_s), report)
    return _get(address, network, report)


def _get(address: str, network: Network, report: Reporter) -> tuple[str, bytes]:
    with contextlib.closing(heeding(lambda: network.stream(address), report)) as coming:
        first, content = next(coming), b""
        if first.is_page:
            raise Trouble("is a web page, no index")
        for piece in coming:
            content += piece.block
            if len(content) > MAX_BYTES:
                raise Trouble(f"is larger than {MAX_BYTES >> 20} MiB, which is refused")
    return first.address, content


def _entries(found: list[Any], address: str) -> list[Entry]:
    if len(found) > MAX_MODELS:
        raise ValueError(f"it has {len(found)} models; {MAX_MODELS} are allowed")
    entries = [_entry(number, one, address) for number, one in enumerate(found, 1)]
    names = [entry.name.lower() for entry in entries]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"it has two models of the name {twice!r}")
    return entries


def _entry(number: int, found: Any, address: str) -> Entry:
    try:
        return read_entry(found, address)
    except ValueError as error:
        name = repr(found["name"])[:64] if isinstance(found, dict) and "name" in found else "without a name"
        raise ValueError(f"its model {number} ({name}): {error}") from error
