"""Cards are shown as text, whatever they hold."""

from __future__ import annotations

import pytest
from qgis.PyQt.QtWidgets import QWidget

from unclouded.plugin import generators
from unclouded.plugin.card_page import CardDialog, card_html, short_score, summary_html, web_page


def test_the_bundled_card_says_all_that_a_user_asks(qgis_app):
    card = generators.bundled()[0]
    parent = QWidget()
    text = CardDialog(card, parent).page.toPlainText()
    for wanted in (card["title"], card["licence"], card["citation"], card["sha256"], "B8A", "radar optional"):
        assert wanted in text
    assert "unclouded evaluate --model default" in text
    assert "clear_l1c" in text
    assert short_score(card["scores"])[0].startswith("PSNR 32.")


def test_nothing_in_a_card_becomes_markup(qgis_app):
    evil = "<img src='https://example.org/x'><b>bold</b>"
    entry = {
        "name": evil, "title": evil, "licence": evil, "citation": evil, "training_data": [evil], "note": evil,
        "problem": evil, "scores": {evil: {evil: 1.0, "command": evil}, "plain": evil}, "state": "by-hand",
        "page": "javascript:alert(1)",
    }  # fmt: skip
    for html in (card_html(entry), summary_html(entry, evil)):
        assert "<img" not in html
        assert "<b>bold" not in html
        assert "javascript" not in html


def test_how_to_get_a_generator_by_hand_is_said():
    entry = {"name": "x", "state": "by-hand", "licence": "ask them"}
    assert "mind its licence (ask them)" in summary_html(entry, "")
    assert "It does not fit the chosen layers: it needs a radar image." in summary_html(entry, "needs a radar image")
    assert "by hand" not in summary_html({**entry, "state": "available"}, "")


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ({}, ("", "")),
        ({"a": {"mae": 0.02, "psnr": 30.123}}, ("PSNR 30.12 dB", "a")),
        ({"a": {"deep": {"mae": 0.02}}, "b": 3}, ("MAE 0.02", "a deep")),
        ({"psnr": [29.5, 31.0]}, ("PSNR 29.5 dB to 31 dB", "")),
    ],
)
def test_one_figure_stands_for_all(scores, words):
    assert short_score(scores) == words


def test_only_the_web_is_linked():
    assert web_page({"page": "https://example.org/a"}) == "https://example.org/a"
    assert web_page({"page": "file:///etc/passwd"}) == ""
    assert web_page({}) == ""
