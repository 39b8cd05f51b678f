"""The two pages that the dock shows when there is nothing to work on or nothing to work with."""

from __future__ import annotations

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QSize, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..backend.errors import UncloudedError
from .wording import tr

ICON_PX = 20


class EmptyPage(QWidget):
    """Says what to do in a project without images.

    Args:
        menu: The ways to open an image.
        parent: The dock.
    """

    def __init__(self, menu: QMenu, parent: QWidget) -> None:
        super().__init__(parent)
        text = QLabel(
            tr(
                "<h3>Remove clouds from a satellite image</h3>"
                "<ol style='margin-left:-20px'>"
                "<li>Open a Sentinel-2 image (or one of another optical sensor): add it to the map as a raster layer, "
                "or press the button below.</li>"
                "<li>Add a radar image or other dates of the same place, if you have them.</li>"
                "<li>Press <b>Remove clouds</b>. The result appears above the image; clear pixels stay.</li>"
                "</ol>"
            ),
            self,
        )
        text.setWordWrap(True)
        text.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.open_button = QPushButton(QgsApplication.getThemeIcon("/mActionFileOpen.svg"), tr("&Open an image"), self)
        self.open_button.setToolTip(tr("An image file, a .SAFE folder, a zip of one, or a folder of band files"))
        self.open_button.setMenu(menu)
        column = QVBoxLayout(self)
        column.addWidget(text)
        column.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)


class Banner(QFrame):
    """Says that the backend cannot serve, and offers the ways out."""

    settings_asked = pyqtSignal()
    environment_asked = pyqtSignal()
    retry_asked = pyqtSignal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.icon = QLabel(self)
        self.text = QLabel(self)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.settings_button = QPushButton(tr("&Settings…"), self)
        self.settings_button.clicked.connect(self.settings_asked)
        self.environment_button = QPushButton(tr("Environment…"), self)
        self.environment_button.setToolTip(tr("Repair or remove what was installed for the backend"))
        self.environment_button.clicked.connect(self.environment_asked)
        self.retry_button = QPushButton(tr("Try agai&n"), self)
        self.retry_button.clicked.connect(self.retry_asked)
        self.shut_button = QPushButton(tr("OK"), self)
        self.shut_button.setToolTip(tr("Hide this note"))
        self.shut_button.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.addWidget(self.settings_button)
        buttons.addWidget(self.environment_button)
        buttons.addWidget(self.retry_button)
        buttons.addWidget(self.shut_button)
        buttons.addStretch(1)
        column = QVBoxLayout()
        column.addWidget(self.text)
        column.addLayout(buttons)
        row = QHBoxLayout(self)
        row.addWidget(self.icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(column, 1)
        self.hide()

    def show_error(self, error: UncloudedError) -> None:
        """Shows what is wrong and what to do."""
        self._show(f"{error.message}\n{error.hint}".strip(), "/mIconWarning.svg", is_error=True)

    def show_note(self, text: str, is_warning: bool) -> None:
        """Shows what needs no deed of the user, until the user has read it."""
        self._show(text, "/mIconWarning.svg" if is_warning else "/mIconSuccess.svg", is_error=False)

    def _show(self, text: str, icon: str, is_error: bool) -> None:
        self.text.setText(text)
        self.icon.setPixmap(QgsApplication.getThemeIcon(icon).pixmap(QSize(ICON_PX, ICON_PX)))
        for button in (self.settings_button, self.environment_button, self.retry_button):
            button.setVisible(is_error)
        self.shut_button.setVisible(not is_error)
        self.show()
