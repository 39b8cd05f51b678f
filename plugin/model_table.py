"""The generators that there are, as a table: those that fit the chosen layers first."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QIcon, QPalette
from qgis.PyQt.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from . import generators
from .card_page import short_score
from .fit import Given, misfit, needs_words
from .wording import size, tr

STATES = ("bundled", "installed", "available", "by-hand")
"""In the order in which they are shown."""
LICENCE_PX = 180
SIZE_PX = (1000, 250)
ICONS = {
    "bundled": "/mIconSuccess.svg",
    "installed": "/mIconSuccess.svg",
    "available": "/downloading_svg.svg",
    "by-hand": "/mActionSharingImport.svg",
}


class ModelTable(QTreeWidget):
    """One row for each generator; rows are entries as in model_jobs.Models."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.given: Optional[Given] = None
        """What the entries are held against."""
        self.setHeaderLabels(
            [tr("Name"), tr("State"), tr("Needs"), tr("Size"), tr("Licence"), tr("Score")],
        )
        self.headerItem().setToolTip(5, tr("Figures of different tests cannot be compared; the card says which it was"))
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setAccessibleName(tr("Generators"))
        self.header().setStretchLastSection(False)
        self.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.header().setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.header().setSectionResizeMode(4, QHeaderView.ResizeMode.Interactive)
        self.header().resizeSection(4, LICENCE_PX)

    def sizeHint(self) -> QSize:
        """Room for all columns and some rows."""
        return QSize(*SIZE_PX)

    def show_entries(self, entries: List[Dict[str, Any]], given: Optional[Given]) -> None:
        """Fills the table anew; the row that was chosen stays chosen.

        Args:
            entries: In any order.
            given: The layers to hold them against; None if none are chosen.
        """
        chosen = self.entry
        self.given = given
        self.clear()
        for entry in sorted(entries, key=self._rank):
            self.addTopLevelItem(self._row(entry))
        self.choose(chosen["name"] if chosen else "", chosen.get("path", "") if chosen else "")

    @property
    def entries(self) -> List[Dict[str, Any]]:
        """All entries, in the order of the rows."""
        rows = (self.topLevelItem(number) for number in range(self.topLevelItemCount()))
        return [row.data(0, Qt.ItemDataRole.UserRole) for row in rows]

    @property
    def entry(self) -> Optional[Dict[str, Any]]:
        """The chosen entry."""
        item = self.currentItem()
        return item.data(0, Qt.ItemDataRole.UserRole) if item is not None else None

    def choose(self, name: str, path: str = "") -> None:
        """Chooses the row of a file, else the first of a name, else the first of all."""
        entries = self.entries
        rows = [number for number, entry in enumerate(entries) if path and entry.get("path") == path]
        rows += [number for number, entry in enumerate(entries) if entry["name"] == name]
        self.setCurrentItem(self.topLevelItem(rows[0] if rows else 0))

    def misfit(self, entry: Mapping[str, Any]) -> str:
        """Says why an entry does not fit the chosen layers; empty if it does."""
        return misfit(entry, self.given)

    def _rank(self, entry: Mapping[str, Any]) -> tuple[bool, bool, int]:
        return bool(entry.get("problem")), bool(self.misfit(entry)), STATES.index(entry["state"])

    def _row(self, entry: Dict[str, Any]) -> QTreeWidgetItem:
        licence = str(entry.get("licence") or tr("not stated"))
        score, test = short_score(entry.get("scores") or {})
        cells = [
            name_words(entry),
            state_words(entry),
            needs_words(entry) or tr("not stated"),
            size(entry["size_bytes"]) if entry.get("size_bytes") else "",
            licence,
            score,
        ]
        row = QTreeWidgetItem(cells)
        row.setData(0, Qt.ItemDataRole.UserRole, entry)
        row.setTextAlignment(3, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        reason = str(entry.get("problem") or "") or self.misfit(entry)
        tip = f"<p>{escape(str(entry.get('title') or entry['name']))}</p>" + (
            f"<p>{escape(reason)}</p>" if reason else ""
        )
        faded = self.palette().brush(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)
        for column in range(len(cells)):
            row.setToolTip(column, tip)
            if reason:
                row.setForeground(column, faded)
        row.setToolTip(4, f"<p>{escape(licence)}</p>")
        if score:
            row.setToolTip(5, f"<p>{escape(test)}</p>")
        row.setIcon(0, _icon(entry, bool(reason)))
        return row


def name_words(entry: Mapping[str, Any]) -> str:
    """Names a generator, by its file too where that is called otherwise: a trained one has the name of its origin."""
    name, stem = str(entry["name"]), Path(entry.get("path") or entry["name"]).stem
    return name if stem == name else f"{stem} ({name})"


def state_words(entry: Mapping[str, Any]) -> str:
    """Says where a generator is."""
    words = {
        "bundled": tr("bundled"),
        "installed": tr("installed"),
        "available": tr("available"),
        "by-hand": tr("import by hand"),
    }
    state = words[entry["state"]]
    return tr("{}, version {} available").format(state, entry["newer"]) if entry.get("newer") else state


def local_entries() -> List[Dict[str, Any]]:
    """Gives the entries of the generators on this computer, as far as QGIS can tell without the backend."""
    own = [card for card in generators.own() if generators.is_own(card["path"])]
    return [
        {**card, "state": state, "size_bytes": os.path.getsize(card["path"])}
        for state, cards in (("bundled", generators.bundled()), ("installed", own))
        for card in cards
    ]


def _icon(entry: Mapping[str, Any], is_unfit: bool) -> QIcon:
    return QgsApplication.getThemeIcon("/mIconWarning.svg" if is_unfit else ICONS[entry["state"]])
