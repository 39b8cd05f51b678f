"""Where generators are offered: a web address, a folder or a file share."""

from __future__ import annotations

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QKeySequence
from qgis.PyQt.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from .settings import Setting
from .wording import tr


class RegistryRow(QWidget):
    """The registry's address, which is remembered once it is asked, and the button to ask it again."""

    asked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.address = QLineEdit(self)
        self.browse_button = QToolButton(self)
        self.refresh_button = QPushButton(tr("&Refresh"), self)
        self._build()

    def remembered(self) -> str:
        """Gives the address that is filled in, and remembers it; empty for the index that comes along."""
        Setting.MODEL_INDEX.set(self.address.text().strip())
        return Setting.MODEL_INDEX.get()

    def choose_folder(self) -> None:
        """Lets the user choose a folder or file share as the registry."""
        folder = QFileDialog.getExistingDirectory(self, tr("Choose the folder of a registry"), self.address.text())
        if folder:
            self.address.setText(folder)
            self.asked.emit()

    def _build(self) -> None:
        self.address.setText(Setting.MODEL_INDEX.get())
        self.address.setPlaceholderText(tr("The list that comes along"))
        self.address.setClearButtonEnabled(True)
        self.address.setToolTip(
            tr("Where generators are offered: the web address, the folder or the file share of an index.json")
        )
        self.address.returnPressed.connect(self.asked)
        self.browse_button.setText("…")
        self.browse_button.setToolTip(tr("Choose a folder or a file share as the registry"))
        self.browse_button.setAccessibleName(tr("Choose the registry's folder"))
        self.browse_button.clicked.connect(self.choose_folder)
        self.refresh_button.setToolTip(tr("Look again at this computer and the registry (F5)"))
        self.refresh_button.setShortcut(QKeySequence(QKeySequence.StandardKey.Refresh))
        self.refresh_button.setAutoDefault(False)
        self.refresh_button.clicked.connect(self.asked)
        label = QLabel(tr("Re&gistry"), self)
        label.setBuddy(self.address)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (label, self.address, self.browse_button, self.refresh_button):
            row.addWidget(widget)
