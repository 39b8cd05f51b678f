"""The choice of how clouded pixels are reconstructed: generators by their cards, and methods that need no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Tuple

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QComboBox, QWidget

from ..backend.card import Card, read_card
from ..backend.errors import ModelError
from ..backend.protocol import NEED_DATES
from .environment import ROOT
from .form_layout import shrinkable
from .settings import Setting
from .wording import tr

BUNDLED = ROOT / "resources" / "models"


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
        self._cards: Dict[str, Dict[str, Any]] = {}
        self.show_models([_fields(card, path) for card, path in bundled_cards()])
        self.activated.connect(lambda _: Setting.METHOD.set(self.currentData()))

    def show_models(self, cards: List[Dict[str, Any]]) -> None:
        """Fills the list anew; what was chosen stays chosen.

        Args:
            cards: Fields of the cards of the installed generators, each with its `path`.
        """
        chosen = self.currentData() or Setting.METHOD.get()
        self.clear()
        self._cards = {f"generator:{card['name']}": card for card in cards}
        for file in Setting.MODEL_FILES.get():
            self._add_file(file)
        for data, card in self._cards.items():
            self._add(card.get("title") or card["name"], data, tr("Generator {}").format(card["path"]))
        if not self._cards:
            self._add(tr("Generator (default)"), "generator:default", tr("The generator that the backend brings"))
        self.insertSeparator(self.count())
        for name, title, tip in _methods():
            self._add(title, name, tip)
        self.setCurrentIndex(max(self.findData(chosen), 0))
        self.view().setMinimumWidth(self.view().sizeHintForColumn(0))

    def choose_file(self, path: str) -> None:
        """Adds the generator of a file and chooses it.

        Raises:
            ModelError: The file holds no generator.
        """
        read_card(path)
        files = [file for file in Setting.MODEL_FILES.get() if file != path]
        Setting.MODEL_FILES.set([path, *files][:10])
        Setting.METHOD.set(f"generator:{path}")
        installed = [card for data, card in self._cards.items() if data == f"generator:{card['name']}"]
        self.show_models(installed)
        self.setCurrentIndex(self.findData(f"generator:{path}"))

    def method_and_model(self) -> Tuple[str, str]:
        """Gives the fields `method` and `model` of the job."""
        method, _, model = str(self.currentData()).partition(":")
        return method, model or "default"

    def missing(self, has_sar: bool, has_dates: bool) -> str:
        """Says what the choice needs and does not have; empty if nothing."""
        card = self._cards.get(str(self.currentData()), {})
        if not has_dates and (card.get("dates") == "required" or self.currentData() in NEED_DATES):
            return tr("“{}” needs other dates: tick at least one image of another day.").format(self.currentText())
        if not has_sar and card.get("sar") == "required":
            return tr("“{}” needs a radar image.").format(self.currentText())
        return ""

    def _add(self, text: str, data: str, tip: str) -> None:
        self.addItem(text, data)
        self.setItemData(self.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    def _add_file(self, file: str) -> None:
        try:
            self._cards[f"generator:{file}"] = _fields(read_card(file), file)
        except ModelError:  # it was moved or replaced since it was chosen: it is no longer offered
            return


def bundled_cards() -> List[Tuple[Card, str]]:
    """Reads the cards of the generators that come with the plugin."""
    found = []
    for path in sorted(Path(BUNDLED).glob("*.safetensors")):
        try:
            found.append((read_card(str(path)), str(path)))
        except ModelError:  # the backend says what is wrong with it when it is asked for
            continue
    return found


def _fields(card: Card, path: str) -> Dict[str, Any]:
    return {**vars(card), "path": path}


def _methods() -> Tuple[Tuple[str, str, str], ...]:
    return (
        ("least-cloudy", tr("Least cloudy date"), tr("Copies the date that is clear where this image is clouded")),
        ("median", tr("Median of the dates"), tr("Takes the median of all clear dates of each pixel")),
        ("interpolate", tr("Interpolate in time"), tr("Fits a damped course through the clear dates of each pixel")),
        ("inpaint", tr("Fill from the surroundings"), tr("Needs no other date; for small clouds")),
    )
