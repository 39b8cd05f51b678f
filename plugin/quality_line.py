"""How the last result looks: one line under the dock's buttons, and its figures on demand."""

from __future__ import annotations

from html import escape
from typing import Dict, Mapping, Optional

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from ..backend import verdict
from .wording import tr

DIALOG_WIDTH, DIALOG_HEIGHT = 640, 580


class QualityLine(QWidget):
    """Hidden until there is something to say.

    Args:
        parent: The panel in which it stands.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._quality: Dict[str, float] = {}
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.button = QPushButton(tr("Detail&s…"), self)
        self.button.setToolTip(tr("What the figures mean, and which are good"))
        self.button.clicked.connect(self.show_details)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_quality(self, quality: Optional[Mapping[str, float]]) -> None:
        """Shows the figures of backend/quality.py in words; None clears the line."""
        self._quality = dict(quality or {})
        self.text.setText(verdict.sentence(self._quality, tr) if self._quality else "")
        self.button.setVisible(bool(self._quality.get("reconstructed_share")))
        self.setVisible(bool(self._quality))

    def show_details(self) -> None:
        """Opens the figures in a window of their own."""
        dialog = QualityDialog(self._quality, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


class QualityDialog(QDialog):
    """Each figure, what it means and what is good.

    Args:
        quality: The figures of backend/quality.py.
        parent: Above which it opens.
    """

    def __init__(self, quality: Mapping[str, float], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Quality of the result"))
        self.table = QTextBrowser(self)
        self.table.setHtml(_as_html(quality))
        self.table.setAccessibleName(self.windowTitle())
        self.table.setTabChangesFocus(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self.table, 1)
        column.addWidget(buttons)
        self.resize(DIALOG_WIDTH, DIALOG_HEIGHT)
        buttons.button(QDialogButtonBox.StandardButton.Close).setFocus()


def _as_html(quality: Mapping[str, float]) -> str:
    rows = "".join(
        f"<tr><td><b>{escape(figure.name)}</b></td><td align='right' style='white-space:nowrap'>"
        f"<b>{escape(figure.value)}</b></td><td>{escape(figure.meaning)}<br/><i>{escape(figure.good)}</i></td></tr>"
        for figure in verdict.details(quality, tr)
    )
    caution = tr("All of this is told without a reference: how the result looks, not whether it is true.")
    return (
        f"<p>{escape(verdict.sentence(quality, tr))}</p><table cellpadding='5' width='100%'>{rows}</table>"
        f"<p>{escape(caution)}</p>"
    )
