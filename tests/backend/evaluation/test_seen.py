"""Cards are held against the places that are measured: scenes as wholes, their numbers as numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from unclouded.backend.card import Card, read_card
from unclouded.backend.errors import ModelError
from unclouded.backend.evaluation.seen import check_unseen, was_trained_on
from unclouded.backend.installed import find_model


def card(*lines: str) -> Card:
    return cast(Card, SimpleNamespace(name="made", training_data=list(lines)))


SEEN = [
    ("sen12ms-cr: 1158_spring_26, 1158_spring_106", "sen12ms-cr/1158_spring_106/p30"),
    ("sen12ms-cr: 1158_spring_106/p100", "sen12ms-cr/1158_spring_106/p30"),
    ("sen12ms-cr: 1158_spring_0106", "sen12ms-cr/1158_spring_106/p30"),
    ("SEN12MS-CR (training scenes, official): 1158_spring_106", "sen12ms-cr/1158_spring_106/p30"),
    ("sen12ms-cr (a (b: c) d): sen12ms-cr/1158_spring_106/p2", "sen12ms-cr/1158_spring_106/p30"),
    ("sen12ms: 1158_spring_106", "sen12ms-cr/1158_spring_106/p30"),
    ("sen12ms-cr-ts: 1158_106", "sen12ms-cr/1158_spring_106/p30"),
    ("scenes 1158_spring_26 and 1158_spring_106 of SEN12MS-CR", "sen12ms-cr/1158_spring_106/p30"),
    ("triples (scenes of its TEST split: no score): 1302, 42", "triples/42"),
    ("clear_l1c (cities): beirut_1", "clear_l1c/beirut_1"),
    ("series_boadella: all", "series_boadella"),
    ("series_boadella (a reservoir)", "series_boadella"),
    ("folder: mine", "folder/mine/0_256"),
]
UNSEEN = [
    ("sen12ms-cr: 1158_spring_1, 1158_spring_26", "sen12ms-cr/1158_spring_106/p30"),
    ("sen12ms-cr: 1158_spring_106", "sen12ms-cr/1158_spring_1/p30"),
    ("sen12ms-cr: 1868_summer_106", "sen12ms-cr/1158_spring_106/p30"),
    ("triples: 1302, 142", "triples/42"),
    ("l2a_chips: 42", "triples/42"),
    ("clear_l1c: beirut_2", "clear_l1c/beirut_1"),
    ("series_minicubes: all", "series_boadella"),
    ("folder: others", "folder/mine/0_256"),
]
OPEN = [
    ("sen12ms-cr: 53210 places", "sen12ms-cr/1158_spring_106/p30"),
    ("sen12ms-cr: all", "sen12ms-cr/1158_spring_106/p30"),
    ("SEN12MS-CR, training scenes", "sen12ms-cr/1158_spring_106/p30"),
    ("folder: clear", "folder/clear/mine/0_256"),
]


@pytest.mark.parametrize(("line", "name"), SEEN)
def test_place_that_the_card_names_is_refused(line: str, name: str) -> None:
    with pytest.raises(ModelError, match=f"'made' was trained on {name}, says its card: "):
        check_unseen(card("eurosat: 7", line), ["eurosat/8", name])


@pytest.mark.parametrize(("line", "name"), UNSEEN)
def test_other_places_are_not(line: str, name: str) -> None:
    assert check_unseen(card(line), [name]) == []


@pytest.mark.parametrize(("line", "name"), OPEN)
def test_what_the_card_leaves_open_is_said(line: str, name: str) -> None:
    (said,) = check_unseen(card(line), [name, name])
    assert said == f"The card of 'made' says {line!r} without naming places: it may have seen some of these."


def test_card_without_training_data_is_named() -> None:
    (said,) = check_unseen(card(), ["triples/42"])
    assert "does not say what it learned from" in said


def test_bundled_generator_names_its_places() -> None:
    bundled = read_card(find_model("default"))
    for name in ("sen12ms-cr/1970_fall_136/p2", "triples/1302", "clear_l1c/milano_1", "sar_optical/609U_541L_3_0/L2A"):
        with pytest.raises(ModelError, match="was trained on"):
            check_unseen(bundled, [name])
    unseen = ["sen12ms-cr/1868_summer_102/p1", "triples/2729", "clear_l1c/beirut_1", "series_boadella"]
    assert check_unseen(bundled, unseen) == []


def test_what_is_refused_was_trained_on_and_nothing_else() -> None:
    learned = card("sen12ms-cr: 1158_spring_26", "triples")
    assert was_trained_on(learned, "sen12ms-cr/1158_spring_26/p30")
    assert not was_trained_on(learned, "sen12ms-cr/1158_spring_27/p30")
    assert not was_trained_on(learned, "triples/42"), "it may have been; the card does not say so"
