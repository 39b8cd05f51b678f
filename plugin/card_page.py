"""A model card as people read it."""

from __future__ import annotations

from html import escape
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from .fit import needs_words
from .wording import size, tr

SIZE_PX = (720, 620)
SCORE_ORDER = ("psnr", "ssim", "rmse", "mae")
"""The figure that stands for all others, if it is there."""
UNITS = {"psnr": " dB", "sam": "°"}


class CardDialog(QDialog):
    """Shows the card of one generator."""

    def __init__(self, entry: Mapping[str, Any], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("ModelCard")
        self.setWindowTitle(tr("Model card: {}").format(entry["name"]))
        self.resize(*SIZE_PX)
        self.page = QTextBrowser(self)
        self.page.setOpenExternalLinks(True)
        self.page.setHtml(card_html(entry))
        self.page.setAccessibleName(tr("Model card"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self.page)
        column.addWidget(buttons)


def card_html(entry: Mapping[str, Any]) -> str:
    """Gives a card, or what an index says of a generator, as a page.

    Args:
        entry: As in model_jobs.Models.
    """
    title = f"<h2>{escape(str(entry.get('title') or entry['name']))}</h2>"
    rows = "".join(
        f"<tr><td style='padding: 2px 12px 6px 0'><b>{escape(label)}</b></td><td>{text}</td></tr>"
        for label, text in _facts(entry)
        if text
    )
    return f"{title}<table>{rows}</table>{_scores_html(entry.get('scores') or {})}"


def summary_html(entry: Mapping[str, Any], misfit: str) -> str:
    """Says in a few lines what a generator is, what stands in its way, and how to get it by hand.

    Args:
        entry: As in model_jobs.Models.
        misfit: Why it does not fit the chosen layers; empty if it does.
    """
    lines = [f"<b>{escape(str(entry.get('title') or entry['name']))}</b>"]
    if entry.get("problem"):
        lines.append(escape(tr("It cannot be used: {}").format(entry["problem"])))
    if misfit:
        lines.append(escape(tr("It does not fit the chosen layers: it {}.").format(misfit)))
    if entry.get("state") == "by-hand":
        licence = entry.get("licence") or tr("not stated")
        steps = tr("Get it by hand: open its page, mind its licence ({}), save its file, press “Import from file…”.")
        lines.append(escape(steps.format(licence)))
    if entry.get("note"):
        lines.append(escape(str(entry["note"])))
    return "<br>".join(lines)


def short_score(scores: Mapping[str, Any]) -> Tuple[str, str]:
    """Gives the first figure that tells how good a generator is, `PSNR 32.1 dB`, and the test that it is of.

    Returns:
        Both empty if nothing was measured.
    """
    figures = list(_figures(scores))
    for wanted in SCORE_ORDER:
        for path, value in figures:
            if path[-1] == wanted:
                return f"{wanted.upper()} {_number(wanted, value)}", " ".join(path[:-1])
    return "", ""


def web_page(entry: Mapping[str, Any]) -> str:
    """Gives the address of an entry's page; empty if it has none on the web."""
    address = str(entry.get("page") or "")
    return address if QUrl(address).scheme() in ("http", "https") else ""


def _facts(entry: Mapping[str, Any]) -> Iterator[Tuple[str, str]]:
    page = escape(web_page(entry), quote=True)
    yield tr("Name"), escape(f"{entry['name']} {entry.get('version', '')}".strip())
    yield tr("Cannot be used"), escape(str(entry.get("problem") or ""))
    yield tr("Needs"), escape(needs_words(entry))
    yield tr("Bands"), escape(", ".join(entry.get("bands") or []))
    yield tr("Licence"), escape(str(entry.get("licence") or tr("not stated")))
    yield tr("Citation"), escape(str(entry.get("citation") or ""))
    yield tr("Source"), escape(str(entry.get("source") or ""))
    yield tr("Training data"), "<br>".join(escape(str(line)) for line in entry.get("training_data") or [])
    yield tr("Note"), escape(str(entry.get("note") or ""))
    yield tr("Page"), f'<a href="{page}">{page}</a>' if page else ""
    yield tr("Network"), escape(str(entry.get("architecture") or ""))
    yield tr("Size"), size(entry["size_bytes"]) if entry.get("size_bytes") else ""
    yield tr("File"), escape(str(entry.get("path") or ""))
    yield tr("SHA-256"), f"<code>{escape(str(entry['sha256']))}</code>" if entry.get("sha256") else ""


def _scores_html(scores: Mapping[str, Any]) -> str:
    if not scores:
        return f"<h3>{escape(tr('Scores'))}</h3><p>{escape(tr('None were measured.'))}</p>"
    return f"<h3>{escape(tr('Scores'))}</h3>" + "".join(_score_html(name, value) for name, value in scores.items())


def _score_html(name: str, value: object) -> str:
    if not isinstance(value, dict):
        return f"<p><b>{escape(name)}</b>: {escape(_number(name, value))}</p>"
    groups: Dict[str, List[str]] = {}
    for path, number in _figures({key: one for key, one in value.items() if key != "command"}):
        groups.setdefault(" ".join(path[:-1]), []).append(f"{path[-1]} {_number(path[-1], number)}")
    lines = [escape(f"{group}: {', '.join(words)}" if group else ", ".join(words)) for group, words in groups.items()]
    if value.get("command"):
        lines.append(f"<code>{escape(str(value['command']))}</code>")
    return f"<p><b>{escape(name)}</b><br>{'<br>'.join(lines)}</p>"


def _figures(scores: Mapping[str, Any], path: Tuple[str, ...] = ()) -> Iterator[Tuple[Tuple[str, ...], object]]:
    """Yields each figure of nested scores with the names that lead to it."""
    for name, value in scores.items():
        if isinstance(value, dict):
            yield from _figures(value, (*path, name))
        else:
            yield (*path, name), value


def _number(name: str, value: object) -> str:
    if isinstance(value, list):
        return tr("{} to {}").format(*(_number(name, one) for one in value)) if len(value) == 2 else str(value)
    return f"{value:.4g}{UNITS.get(name, '')}" if isinstance(value, float) else str(value)
