"""The page is HTML that needs nothing else, marks what is best, and shows names of any kind as they are."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from unclouded.backend.evaluation.reports.page import best_rows, page
from unclouded.backend.evaluation.reports.report import Column, Report, Row, Section, Table
from unclouded.backend.statistics import Figure

from .example import HOSTILE, ROWS, report

VOID = {"meta", "img", "br", "link", "hr", "input"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    words: str = ""


@dataclass
class Outline(HTMLParser):
    """The elements of a page in order; raises where they do not nest."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice"
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.words += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    parser.close()
    assert not parser.open
    return parser


@pytest.fixture(scope="module")
def text() -> str:
    return page(report())


@pytest.fixture(scope="module")
def parsed(text: str) -> Outline:
    return outline(text)


def test_the_page_says_what_it_is(text: str, parsed: Outline) -> None:
    assert text.startswith("<!DOCTYPE html>\n")
    assert parsed.all("html")[0].attributes["lang"] == "en"
    metas = [element.attributes for element in parsed.all("meta")]
    assert {"charset": "utf-8"} in metas
    assert any(meta.get("name") == "viewport" for meta in metas)
    assert parsed.all("title")[0].words == parsed.all("h1")[0].words == report().title
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_the_page_needs_nothing_else(text: str, parsed: Outline) -> None:
    assert not {"script", "link", "iframe", "object", "base"} & {element.tag for element in parsed.elements}
    for element in parsed.elements:
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "action"):
                assert value is not None
                assert value.startswith(("data:image/png;base64,", "#"))
    style = parsed.all("style")[0].words
    assert "url(" not in style
    assert "@import" not in style


def test_names_of_any_kind_are_shown_as_they_are(text: str, parsed: Outline) -> None:
    assert "<script" not in text
    assert HOSTILE in [element.words for element in parsed.all("th")]
    assert "a, <b>" in [element.words for element in parsed.all("td")]
    assert "made <here>" in [element.words for element in parsed.all("dd")]
    assert parsed.all("code")[0].words == report().command
    assert parsed.all("img")[0].attributes["alt"] == 'lines, "rising"'


def test_every_link_leads_somewhere_and_every_name_is_given_once(parsed: Outline) -> None:
    names = [element.attributes["id"] for element in parsed.elements if "id" in element.attributes]
    links = [element.attributes["href"] for element in parsed.all("a")]

    assert len(set(names)) == len(names)
    assert {f"#{name}" for name in names} == set(links)
    assert [element.words for element in parsed.all("a")] == ["Three numbers", "Target", "Reconstruction", "Pictures"]


def test_paragraphs_are_divided_by_empty_lines(parsed: Outline) -> None:
    words = [element.words for element in parsed.all("p")]

    assert "First paragraph." in words
    assert "Second & last." in words


def test_a_cell_shows_mean_and_interval_and_counts_its_cases(parsed: Outline) -> None:
    cell = next(element for element in parsed.all("td") if element.words.startswith("0.1400"))

    assert cell.words == "0.14000.1300 to 0.1500"
    assert cell.attributes["title"] == "22 cases; 95 % interval 0.1300 to 0.1500"


def test_the_best_of_each_column_is_marked(parsed: Outline) -> None:
    best = [element.words for element in parsed.all("td") if element.attributes.get("class") == "best"]

    assert best == ["0.0200 (best)0.0100 to 0.0300", "∞ (best)"] * 2


def best(values: list[float], good: str, digits: int = 2) -> set[int]:
    column = Column("x", "X", digits=digits, best=good)  # type: ignore[arg-type]
    return best_rows(Table("t", "T", [column], [Row(str(i), {"x": value}) for i, value in enumerate(values)]), column)


def test_what_is_not_measured_is_never_the_best() -> None:
    assert best([math.nan, 3, 2], "low") == {2}
    assert best([math.nan, 3, 2], "high") == {1}
    assert best([math.nan, math.inf, 2], "high") == {1}


def test_what_looks_equal_is_equally_good() -> None:
    assert best([0.101, 0.104, 0.2], "low") == {0, 1}
    assert best([0.101, 0.104, 0.2], "low", digits=3) == {0}


def test_nothing_is_best_without_a_rival_or_a_direction() -> None:
    assert best([1, math.nan], "low") == set()
    assert best([1, 2], "") == set()


def test_words_and_gaps_are_no_rivals() -> None:
    column = Column("x", "X", best="low")
    rows = [Row("a", {"x": "none"}), Row("b", {}), Row("c", {"x": Figure(1)}), Row("d", {"x": 2})]

    assert best_rows(Table("t", "T", [column], rows), column) == {2}


def test_a_report_of_nothing_is_still_a_page() -> None:
    parsed = outline(page(Report("", "", {})))
    assert not parsed.all("pre")
    outline(page(Report("x", "", {}, [Section("x", tables=[Table("t", "T", [], [])])])))


def test_minus_signs_are_real_ones(parsed: Outline) -> None:
    assert "\N{MINUS SIGN}∞" in [element.words for element in parsed.all("td")]
    assert not re.search(r">-\d", page(report()))
    assert len(ROWS) == len([element for element in parsed.all("th") if element.attributes["scope"] == "row"]) / 2
