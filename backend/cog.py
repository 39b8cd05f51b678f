"""Puts a tiled GeoTIFF with overviews into the order of a cloud-optimised one: copies bytes, decodes nothing.

GDAL appends overviews as it makes them. Programs that read over a network want what describes the file at its
beginning and the smallest overview first: header, directories (the image's, then those of its overviews, each half as
large), and the tiles of the directories in reverse order.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

TILE_OFFSETS, TILE_BYTE_COUNTS = 324, 325
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value of each type of TIFF 6.0 and BigTIFF."""
INTEGERS = {3: "H", 4: "I", 16: "Q"}
ALIGNED_BYTES = 16
COPIED_BYTES = 2**24
"""At a time."""


@dataclass(frozen=True)
class _Dialect:
    """Classic TIFF or BigTIFF, in one order of bytes."""

    order: str
    header: bytes
    """Up to the offset of the first directory."""
    offset: str
    """Format of an offset, which is also the number of values of an entry."""
    entries: str
    """Format of the number of entries in a directory."""

    def pack(self, form: str, *values: int) -> bytes:
        return struct.pack(self.order + form, *values)

    def read(self, file: BinaryIO, form: str) -> tuple[int, ...]:
        return struct.unpack(self.order + form, file.read(struct.calcsize(self.order + form)))

    @property
    def offset_bytes(self) -> int:
        return struct.calcsize(self.order + self.offset)


@dataclass
class _Directory:
    """What describes one image of the file."""

    dialect: _Dialect
    entries: dict[int, tuple[int, int, bytes]]
    """Type, number and bytes of the values of each tag."""

    def numbers(self, tag: int) -> tuple[int, ...]:
        kind, count, raw = self.entries[tag]
        return struct.unpack(f"{self.dialect.order}{count}{INTEGERS[kind]}", raw)

    def tiles(self) -> list[tuple[int, int, int]]:
        """Gives offset, bytes and index of the tiles that lie in the file, in their order there."""
        offsets, sizes = self.numbers(TILE_OFFSETS), self.numbers(TILE_BYTE_COUNTS)
        return sorted((offset, size, i) for i, (offset, size) in enumerate(zip(offsets, sizes, strict=True)) if size)

    def place_tiles(self, start: int) -> int:
        """Says that the tiles lie one after the other from here on; gives where they end."""
        kind, count, _ = self.entries[TILE_OFFSETS]
        tiles, offsets = self.tiles(), [0] * count
        ends = list(accumulate((size for _, size, _ in tiles), initial=start))
        for (_, _, index), offset in zip(tiles, ends, strict=False):
            offsets[index] = offset
        self.entries[TILE_OFFSETS] = kind, count, self.dialect.pack(f"{count}{INTEGERS[kind]}", *offsets)
        return ends[-1]

    def pack(self, start: int, is_last: bool) -> bytes:
        """Gives the directory and its values as they lie in the file from here on; the next one follows."""
        dialect, at_once = self.dialect, self.dialect.offset_bytes
        table = dialect.pack(dialect.entries, len(self.entries))
        position = start + len(table) + len(self.entries) * (4 + 2 * at_once) + at_once
        values = b""
        for tag, (kind, count, raw) in sorted(self.entries.items()):
            table += dialect.pack(f"HH{dialect.offset}", tag, kind, count)
            if len(raw) <= at_once:
                table += raw.ljust(at_once, b"\0")
            else:
                table += dialect.pack(dialect.offset, position + len(values))
                values += _aligned(raw)
        packed = table + dialect.pack(dialect.offset, 0) + values
        following = 0 if is_last else start + len(_aligned(packed))
        return _aligned(table + dialect.pack(dialect.offset, following) + values)


def reorder(path: Path) -> None:
    """Puts a file into the order of a cloud-optimised one.

    Args:
        path: A tiled TIFF whose directories describe an image, then its overviews, the largest first. It is replaced.

    Raises:
        OSError: The disk is full, or the file is damaged; it is as it was.
    """
    part = path.with_name(f"{path.name}.ordered")
    try:
        with path.open("rb") as source, part.open("wb") as target:
            dialect, directories = _read(source)
            sources = [directory.tiles() for directory in directories]
            start = len(dialect.header) + dialect.offset_bytes
            head = sum(len(directory.pack(0, False)) for directory in directories)
            end = start + head
            for directory in reversed(directories):
                end = directory.place_tiles(end)
            target.write(dialect.header + dialect.pack(dialect.offset, start))
            for directory in directories:
                target.write(directory.pack(target.tell(), directory is directories[-1]))
            for tiles in reversed(sources):
                for offset, size in _runs(tiles):
                    _copy(source, offset, size, target)
        os.replace(part, path)
    except struct.error as error:
        raise OSError("what describes the file is damaged") from error
    finally:
        part.unlink(missing_ok=True)


def _read(file: BinaryIO) -> tuple[_Dialect, list[_Directory]]:
    mark = file.read(4)
    order = {b"II": "<", b"MM": ">"}[mark[:2]]
    is_big = struct.unpack(order + "H", mark[2:])[0] == 43
    dialect = _Dialect(order, mark + file.read(4), "Q", "Q") if is_big else _Dialect(order, mark, "I", "H")
    directories = []
    (position,) = dialect.read(file, dialect.offset)
    while position:
        file.seek(position)
        entries, position = _read_entries(file, dialect)
        directories.append(_Directory(dialect, entries))
    return dialect, directories


def _read_entries(file: BinaryIO, dialect: _Dialect) -> tuple[dict[int, tuple[int, int, bytes]], int]:
    """Reads a directory with all its values, and the offset of the next one."""
    entries: dict[int, tuple[int, int, bytes]] = {}
    (number,) = dialect.read(file, dialect.entries)
    for _ in range(number):
        tag, kind, count = dialect.read(file, f"HH{dialect.offset}")
        inline, size = file.read(dialect.offset_bytes), SIZES[kind] * count
        if size > dialect.offset_bytes:
            here = file.tell()
            file.seek(struct.unpack(dialect.order + dialect.offset, inline)[0])
            inline = file.read(size)
            file.seek(here)
        entries[tag] = kind, count, inline[:size]
    return entries, dialect.read(file, dialect.offset)[0]


def _aligned(raw: bytes) -> bytes:
    return raw.ljust(-(-len(raw) // ALIGNED_BYTES) * ALIGNED_BYTES, b"\0")


def _runs(tiles: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """Joins tiles that lie one after the other: offset and bytes of each run."""
    begin, length = 0, 0
    for offset, size, _ in tiles:
        if offset != begin + length:
            yield begin, length
            begin, length = offset, 0
        length += size
    yield begin, length


def _copy(source: BinaryIO, offset: int, size: int, target: BinaryIO) -> None:
    source.seek(offset)
    while size > 0:
        chunk = source.read(min(size, COPIED_BYTES))
        if not chunk:
            raise OSError("a tile of the file is missing")
        target.write(chunk)
        size -= len(chunk)
