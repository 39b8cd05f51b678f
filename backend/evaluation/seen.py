"""Whether a generator saw a place, by what its card says: nothing is measured on ground that it learned from.

A line of a card's training_data names a data set and its places, as training/export.py words them, or people do:

    sen12ms-cr: 1158_spring_26, 1868_summer_100     places, each perhaps with what lies inside it
    triples (SEN12MS-CR with Sentinel-1): 1302      the same, described
    bigearthnet-v1: 53210 places                    too many to name
    series_boadella: all                            a data set of a single place, or all of one
    SEN12MS-CR, training scenes                     words

Scenes are compared, never patches, and their numbers as numbers: 1158_spring_1 is not 1158_spring_106.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..card import Card
from ..errors import ModelError
from ..reporting import Reporter

SCENE = re.compile(r"(1158|1868|1970|2017)(?:_(?:spring|summer|fall|winter))?_(\d+)")
"""A region of the SEN12 family, whose data sets all show the same ground."""
OWN = ("folder", "scenes")
"""Data sets of users' own files: equal names may be of different files."""
CUT = re.compile(r"\d+_\d+")
SPECIFIC_LETTERS = 6
"""Names shorter than this, or not of a word and a number, are places only together with their data set."""


@dataclass(frozen=True)
class Line:
    """What one line of a card says."""

    text: str
    sets: frozenset[str]
    """Words that may be the data set's name."""
    places: frozenset[str]
    """Keys of the places that it names; empty where it names none."""


@dataclass(frozen=True)
class Ground:
    """A place of the data, as cards name them."""

    data_set: str
    key: str
    """Empty for a data set of a single place, or where the name does not tell one place from another."""
    single: bool


def check_unseen(card: Card, names: Iterable[str]) -> list[str]:
    """Refuses a generator that saw one of the places.

    Args:
        card: Of the generator.
        names: Of the places, as datasets.place.Place has them.

    Returns:
        Sentences on what the card leaves open.

    Raises:
        ModelError: It saw one.
    """
    lines = [read_line(text) for text in card.training_data]
    if not lines:
        return [f"The card of {card.name!r} does not say what it learned from: it may have seen these places."]
    open_lines: dict[str, None] = {}
    for name in names:
        ground = ground_of(name)
        for line in lines:
            if _saw(line, ground):
                raise ModelError(
                    f"The generator {card.name!r} was trained on {name}, says its card: {_short(line.text)}",
                    "Measure it on places that it never saw, or leave it out.",
                )
            if _may_have_seen(line, ground):
                open_lines[line.text] = None
    return [
        f"The card of {card.name!r} says {_short(text)!r} without naming places: it may have seen some of these."
        for text in open_lines
    ]


def was_trained_on(card: Card, name: str) -> bool:
    """Whether a card says that its generator saw a place, named as datasets.place.Place has it."""
    return any(_saw(read_line(text), ground_of(name)) for text in card.training_data)


def check_all_unseen(cards: Iterable[Card], names: Sequence[str], report: Reporter) -> list[str]:
    """Refuses generators that saw one of the places; warns of what their cards leave open, and gives it.

    Raises:
        ModelError: One saw one.
    """
    doubts = [doubt for card in cards for doubt in check_unseen(card, names)]
    for doubt in doubts:
        report.log("warning", doubt)
    return doubts


def read_line(text: str) -> Line:
    """Reads one line of a card's training_data."""
    bare = re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", " ", text)
    head, colon, listed = bare.partition(":")
    if not colon:
        words = re.split(r"[,;\s]+", bare)
        places = {key for word in words for part in word.split("/") if _is_specific(key := _normal(part))}
        return Line(text, frozenset(map(_word, words)), frozenset(places))
    listed = re.sub(r"^\s*(\d+ places|all)\s*\.?$", "", listed)
    data_set = _word((head.split() or [""])[0])
    places = {_normal(_inside(item.strip(), data_set).partition("/")[0]) for item in re.split(r"[,;]", listed)}
    return Line(text, frozenset([data_set]), frozenset(places - {""}))


def ground_of(name: str) -> Ground:
    """Reads the name of a place."""
    data_set, _, inner = name.partition("/")
    parts = inner.split("/")
    if data_set in OWN:
        whole = parts[:-1] if len(parts) > 1 and CUT.fullmatch(parts[-1]) else parts
        return Ground(_word(data_set), _normal(parts[0]) if len(whole) == 1 else "", single=False)
    return Ground(_word(data_set), _normal(parts[0]), single=not inner)


def _saw(line: Line, ground: Ground) -> bool:
    named = ground.data_set in line.sets
    if ground.single:
        return named
    return ground.key in line.places and (named or (_is_specific(ground.key) and ground.data_set not in OWN))


def _may_have_seen(line: Line, ground: Ground) -> bool:
    return ground.data_set in line.sets and not (line.places and ground.key)


def _normal(name: str) -> str:
    """A place's name with numbers as numbers, the same in all data sets of a family."""
    scene = SCENE.fullmatch(name)
    if scene:
        return f"sen12 {scene[1]} {int(scene[2])}"
    return re.sub(r"\d+", lambda number: str(int(number[0])), name.lower())


def _is_specific(key: str) -> bool:
    return len(key) >= SPECIFIC_LETTERS and bool(re.search(r"[a-z].*[_ ].*\d|\d.*[_ ].*[a-z]", key))


def _word(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _inside(item: str, data_set: str) -> str:
    """Takes the data set's name off the beginning of a place's."""
    head, _, rest = item.partition("/")
    return rest if rest and _word(head) == data_set else item


def _short(text: str, letters: int = 120) -> str:
    return text if len(text) <= letters else f"{text[:letters]}..."
