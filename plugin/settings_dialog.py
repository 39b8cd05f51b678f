"""The settings dialog: a row for each setting that has a label, and a check of the backend."""

from __future__ import annotations

from typing import Dict, Optional

from qgis.core import QgsApplication
from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ..backend.errors import BackendError
from ..backend.protocol import Ready
from .client import Client
from .environment import find_python
from .settings import Setting
from .task import StartTask
from .wording import tr

WIDTH_PX = 520


class SettingsDialog(QDialog):
    """Edits the settings; they are written when the user accepts."""

    environment_asked = pyqtSignal()
    """The user wants to see what is installed; the dialog is closed by then."""

    def __init__(self, parent: Optional[QWidget] = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Settings of Unclouded"))
        self.setMinimumWidth(WIDTH_PX)
        self.fields: Dict[Setting, QgsFileWidget] = {}
        self.check_button = QPushButton(tr("&Check"), self)
        self.environment_button = QPushButton(tr("&Environment…"), self)
        self.verdict = QLabel(self)
        self._client: Optional[Client] = None
        self._task: Optional[StartTask] = None
        self._build()

    def accept(self) -> None:
        """Remembers what was entered."""
        for setting, field in self.fields.items():
            setting.set(field.filePath().strip())
        super().accept()

    def done(self, result: int) -> None:
        """Ends a check that is still under way."""
        self._stop_check()
        super().done(result)

    def show_environment(self) -> None:
        """Leaves for the page on which the backend is installed, repaired and removed."""
        self.reject()
        self.environment_asked.emit()

    def check(self) -> None:
        """Starts the backend with what was entered, and shows what it says of itself."""
        self._stop_check()
        try:
            python = find_python(self.fields[Setting.PYTHON].filePath())
        except BackendError as error:
            self._show(error)
            return
        self.check_button.setEnabled(False)
        self.verdict.setText(tr("Starting {}…").format(python))
        self._client = Client(python)
        self._task = StartTask(self._client, tr("Checking Unclouded's backend"))
        self._task.over.connect(self._show)
        QgsApplication.taskManager().addTask(self._task)

    def _show(self, outcome: object) -> None:
        if isinstance(outcome, Ready):
            devices = ", ".join(f"{device['label']} ({device['name']})" for device in outcome.devices)
            models = ", ".join(str(card["name"]) for card in outcome.models) or tr("none")
            self.verdict.setText(tr("The backend works. Devices: {}. Generators: {}.").format(devices, models))
        else:
            self.verdict.setText(str(outcome))
        self._stop_check()

    def _stop_check(self) -> None:
        self.check_button.setEnabled(True)
        if self._task is not None:
            self._task.over.disconnect(self._show)
            self._task = None
        if self._client is not None:
            self._client.close()
            self._client = None

    def _build(self) -> None:
        form = QFormLayout()
        for setting in Setting:
            if setting.value.label:
                field = QgsFileWidget(self)
                field.setFilePath(setting.get())
                field.setFileWidgetButtonVisible(setting.value.is_file)
                field.setToolTip(tr(setting.value.tip))
                field.lineEdit().setPlaceholderText(setting.value.default or tr("Found automatically"))
                self.fields[setting] = field
                form.addRow(tr(setting.value.label), field)
                tip = QLabel(tr(setting.value.tip), self)
                tip.setWordWrap(True)
                form.addRow("", tip)
        self.check_button.setToolTip(tr("Start the backend and ask for its devices and generators"))
        self.check_button.clicked.connect(self.check)
        self.environment_button.setToolTip(tr("Install, update, repair or remove the backend; copy diagnostics"))
        self.environment_button.clicked.connect(self.show_environment)
        self.verdict.setWordWrap(True)
        kinds = QDialogButtonBox.StandardButton
        buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel, self)
        buttons.addButton(self.check_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.environment_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(self.verdict)
        column.addStretch(1)
        column.addWidget(buttons)
