"""Where places come from: read when they are asked for, or held in memory; and what to do about files that are bad."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .place import Place
from .splits import Split

Entry = TypeVar("Entry")
OnBadFile = Literal["skip", "stop"]
Root = Path | tuple[Path, ...]
"""Where a data set lies: its folder, or the files that a user names one by one."""
SHOWN = 5
"""How many names an error lists."""


class Source(Protocol):
    """The places of one split of a data set. Asking for one reads its files, and raises InputError if they are bad."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Place: ...

    def __iter__(self) -> Iterator[Place]: ...

    @property
    def names(self) -> Sequence[str]:
        """Of all places, known without reading them."""
        ...

    @property
    def weights(self) -> NDArray[np.float64]:
        """(N,) how often each is drawn."""
        ...


@dataclass(frozen=True)
class Files(Generic[Entry]):
    """A source that reads the files of a place when it is asked for it. Small, and can be handed to other processes."""

    names: tuple[str, ...]
    entries: tuple[Entry, ...]
    """What is known of each place without opening its files."""
    read: Callable[[Entry], Place]

    @property
    def weights(self) -> NDArray[np.float64]:
        return np.ones(len(self.entries))

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int, /) -> Place:
        return self.read(self.entries[index])

    def __iter__(self) -> Iterator[Place]:
        return map(self.read, self.entries)


@dataclass(frozen=True)
class Loaded:
    """A source in memory."""

    places: list[Place]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(place.name for place in self.places)

    @property
    def weights(self) -> NDArray[np.float64]:
        return np.array([place.weight for place in self.places])

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int, /) -> Place:
        return self.places[index]

    def __iter__(self) -> Iterator[Place]:
        return iter(self.places)


class Tolerant:
    """Gives the next place whose files are good instead of one whose files are bad, or stops at the first bad one.

    Each bad place is named in the log once. Worker processes know only of those that they met themselves.

    Args:
        source: To read from.
        on_bad_file: `skip` goes on with the next place, `stop` raises.
    """

    def __init__(self, source: Source, on_bad_file: OnBadFile = "skip") -> None:
        self._source = source
        self._skip = on_bad_file == "skip"
        self.bad: dict[str, str] = {}
        """Names of the bad places met so far, and what is wrong with each."""

    @property
    def names(self) -> Sequence[str]:
        return self._source.names

    @property
    def weights(self) -> NDArray[np.float64]:
        return self._source.weights

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int, /) -> Place:
        """Gives a place.

        Raises:
            InputError: Its files are bad and on_bad_file is `stop`, or those of all places are.
        """
        count = len(self)
        if not -count <= index < count:
            raise IndexError(index)
        for step in range(count):
            name = self.names[(index + step) % count]
            if name not in self.bad:
                try:
                    return self._source[(index + step) % count]
                except InputError as error:
                    self._note(name, error)
        raise self._nothing_good()

    def __iter__(self) -> Iterator[Place]:
        """Gives all good places once; raises as for a single one."""
        for index, name in enumerate(self.names):
            try:
                yield self._source[index]
            except InputError as error:
                self._note(name, error)
        if len(self.bad) == len(self):
            raise self._nothing_good()

    def _nothing_good(self) -> InputError:
        name, reason = next(iter(self.bad.items()))
        return InputError(
            f"Not one of the {len(self)} places can be read, {name} for one: {reason}", "Get the data set again."
        )

    def _note(self, name: str, error: InputError) -> None:
        if not self._skip:
            raise error
        if name not in self.bad:
            self.bad[name] = error.message
            logging.getLogger(__name__).warning(
                "%s is left out (%d of %d so far): %s", name, len(self.bad), len(self), error.message
            )


def listed(
    layout: str, root: Root, split: Split, found: Iterable[tuple[str, Split, Entry]], read: Callable[[Entry], Place]
) -> Files[Entry]:
    """Gives the places of one split.

    Args:
        layout: Of the data set, in one line, for errors.
        root: Where they were sought.
        split: Which of them.
        found: Name, split and entry of every place of every split.
        read: Reads a place.

    Raises:
        InputError: There are none.
    """
    every = list(found)
    if not every:
        raise nothing_found(layout, root)
    chosen = sorted((name, index) for index, (name, side, _) in enumerate(every) if side == split)
    if not chosen:
        held = ", ".join(sorted({side for _, side, _ in every}))
        raise InputError(
            f"{_shown(root)} holds no place of the split {split!r}: its {len(every)} place(s) are all of {held}.",
            "Get the rest of the data set, or give more places.",
        )
    return Files(tuple(name for name, _ in chosen), tuple(every[index][2] for _, index in chosen), read)


def nothing_found(layout: str, root: Root) -> InputError:
    """Words what was expected at a place, and what is there."""
    hint = "Give the folder that holds the data set."
    if isinstance(root, tuple) or not root.exists():
        return InputError(f"There is no {_shown(root)}; {layout} was expected.", hint)
    names = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    held = f"it holds {', '.join(names[:SHOWN])}{more}" if names else "it is empty" if root.is_dir() else "it is a file"
    return InputError(f"{root} was expected to hold {layout}; {held}.", hint)


def _shown(root: Root) -> str:
    return ", ".join(map(str, root)) or "file" if isinstance(root, tuple) else str(root)
