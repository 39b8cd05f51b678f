"""The choice of how clouded pixels are reconstructed: generators by their cards, and methods that need no training."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath
from typing import Any, Callable, Dict, List, Optional, Tuple

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QBrush, QPalette
from qgis.PyQt.QtWidgets import QComboBox, QWidget

from ..backend.protocol import NEED_DATES
from . import generators
from .fit import Given, misfit
from .form_layout import shrinkable
from .settings import Setting
from .wording import tr


class MethodBox(QComboBox):
    """A list of generators and methods; the data of an item is `generator:MODEL` or the method's name."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setToolTip(
            tr(
                "A generator is a trained network. The other methods copy or combine the clear pixels "
                "of the other dates, or of the surroundings."
            )
        )
        shrinkable(self)
        self._installed: List[Dict[str, Any]] = []
        self._cards: Dict[str, Dict[str, Any]] = {}
        self._misfits: Dict[str, str] = {}
        self.given: Callable[[], Optional[Given]] = lambda: None
        """Tells what the generators are held against."""
        self.show_models(generators.bundled())
        self.activated.connect(lambda _: Setting.METHOD.set(self.currentData()))

    def show_models(self, cards: List[Dict[str, Any]]) -> None:
        """Fills the list anew; what was chosen stays chosen.

        Args:
            cards: Fields of the cards of the installed generators, each with its `path`.
        """
        self._installed = cards
        self.refresh()

    def refresh(self) -> None:
        """Lists the generators that are there now, those first that fit what is given."""
        offered = self._offered()
        misfits = self._held_against_given(offered)
        if (list(offered.items()), misfits) != (list(self._cards.items()), self._misfits) or not self.count():
            self._fill(offered, misfits)

    def showPopup(self) -> None:
        """Opens the list; a generator that was trained or removed since shows."""
        self.refresh()
        super().showPopup()

    def choose_file(self, path: str) -> None:
        """Adds the generator of a file and chooses it.

        Raises:
            ModelError: The file holds no generator.
        """
        generators.remember_file(path)
        Setting.METHOD.set(f"generator:{path}")
        self.refresh()
        self.setCurrentIndex(self.findData(f"generator:{path}"))

    def method_and_model(self) -> Tuple[str, str]:
        """Gives the fields `method` and `model` of the job."""
        method, _, model = str(self.currentData()).partition(":")
        return method, model or "default"

    def missing(self, has_sar: bool, has_dates: bool) -> str:
        """Says what the choice needs and does not have; empty if nothing."""
        card = self._cards.get(str(self.currentData()), {})
        if self.currentData() in NEED_DATES:
            card = {"dates": "required"}
        lacks = misfit(card, Given(sar=has_sar, dates=has_dates))
        return tr("“{}” {}.").format(self.currentText(), lacks) if lacks else ""

    def _offered(self) -> Dict[str, Dict[str, Any]]:
        """Gives the cards by the data of their items; a generator of the user's goes by its path."""
        installed = {
            f"generator:{card['name']}": card for card in self._installed if not generators.is_own(card["path"])
        }
        return {**installed, **{f"generator:{card['path']}": card for card in generators.own()}}

    def _held_against_given(self, cards: Dict[str, Dict[str, Any]]) -> Dict[str, str]:
        """Gives the reasons why generators do not fit, by the data of their items."""
        given = self.given()
        reasons = {data: misfit(card, given) for data, card in cards.items()}
        return {data: reason for data, reason in reasons.items() if reason}

    def _fill(self, cards: Dict[str, Dict[str, Any]], misfits: Dict[str, str]) -> None:
        chosen = self.currentData() or Setting.METHOD.get()
        self.clear()
        self._cards, self._misfits = cards, misfits
        titles = {data: card.get("title") or card["name"] for data, card in cards.items()}
        count = Counter(titles.values())
        for data in sorted(cards, key=lambda data: data in misfits):
            path = cards[data]["path"]
            named = generators.is_own(path) or count[titles[data]] > 1
            text = f"{PurePath(path).stem}: {titles[data]}" if named else titles[data]
            reason = tr("It {}.").format(misfits[data]) if data in misfits else ""
            self._add(text, data, f"{tr('Generator {}').format(path)}\n{reason}".strip())
            if reason:
                self.setItemData(self.count() - 1, self._faded(), Qt.ItemDataRole.ForegroundRole)
        if not cards:
            self._add(tr("Generator (default)"), "generator:default", tr("The generator that the backend brings"))
        self.insertSeparator(self.count())
        for name, title, tip in _methods():
            self._add(title, name, tip)
        self.setCurrentIndex(max(self.findData(chosen), 0))
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0))

    def _faded(self) -> QBrush:
        return self.palette().brush(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text)

    def _add(self, text: str, data: str, tip: str) -> None:
        self.addItem(text, data)
        self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)


def _methods() -> Tuple[Tuple[str, str, str], ...]:
    return (
        ("least-cloudy", tr("Least cloudy date"), tr("Copies the date that is clear where this image is clouded")),
        ("median", tr("Median of the dates"), tr("Takes the median of all clear dates of each pixel")),
        ("interpolate", tr("Interpolate in time"), tr("Fits a damped course through the clear dates of each pixel")),
        ("inpaint", tr("Fill from the surroundings"), tr("Needs no other date; for small clouds")),
    )
