"""What QGIS calls, and that unload undoes it."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QObject, Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QMainWindow

import unclouded
from unclouded.plugin.backend_process import shared_client
from unclouded.plugin.main import ICON

ROOT = Path(unclouded.__file__).parent


class Window(QObject):
    """As much of QGIS's interface as the plugin uses; counts what is added and removed."""

    def __init__(self, iface: object) -> None:
        super().__init__()
        self._iface = iface
        self.window = QMainWindow()
        self.added: list[tuple[str, object]] = []

    def mainWindow(self) -> QMainWindow:
        return self.window

    def mapCanvas(self) -> object:
        return self._iface.mapCanvas()

    def messageBar(self) -> object:
        return self._iface.messageBar()

    def activeLayer(self) -> None:
        return None

    def addDockWidget(self, area: Qt.DockWidgetArea, dock: object) -> None:
        self.window.addDockWidget(area, dock)
        self.added.append(("dock", dock))

    def removeDockWidget(self, dock: object) -> None:
        self.window.removeDockWidget(dock)
        self.added.remove(("dock", dock))

    def addToolBarIcon(self, action: object) -> None:
        self.added.append(("icon", action))

    def removeToolBarIcon(self, action: object) -> None:
        self.added.remove(("icon", action))

    def addPluginToRasterMenu(self, menu: str, action: object) -> None:
        self.added.append((menu, action))

    def removePluginRasterMenu(self, menu: str, action: object) -> None:
        self.added.remove((menu, action))


@pytest.fixture
def window(qgis_iface, monkeypatch) -> Window:
    monkeypatch.setenv("UNCLOUDED_PYTHON", sys.executable)
    return Window(qgis_iface)


def test_unload_undoes_init_gui(window):
    providers = {provider.id() for provider in QgsApplication.processingRegistry().providers()}
    items = len(window.mapCanvas().scene().items())
    plugin = unclouded.classFactory(window)
    plugin.initGui()
    assert {"dock", "icon"} <= {kind for kind, _ in window.added}
    assert QgsApplication.processingRegistry().providerById("unclouded") is not None
    client = shared_client()
    plugin.unload()
    assert window.added == []
    assert {provider.id() for provider in QgsApplication.processingRegistry().providers()} == providers
    assert len(window.mapCanvas().scene().items()) == items
    assert shared_client() is not client


def test_unload_ends_a_comparison(window, add_layer):
    canvas = window.mapCanvas()
    items, tool = len(canvas.scene().items()), canvas.mapTool()
    plugin = unclouded.classFactory(window)
    plugin.initGui()
    plugin._dock.compare_asked.emit(add_layer("before").id(), add_layer("after").id())
    assert len(canvas.scene().items()) > items
    plugin.unload()
    assert window.added == []
    assert len(canvas.scene().items()) == items
    assert canvas.mapTool() is tool


def test_it_can_be_loaded_again(window, add_layer):
    for _ in range(2):
        plugin = unclouded.classFactory(window)
        plugin.initGui()
        add_layer()
        plugin.unload()
        QgsProject.instance().clear()


def test_processing_alone_touches_no_window():
    plugin = unclouded.classFactory(None)
    plugin.initProcessing()
    assert QgsApplication.processingRegistry().providerById("unclouded").algorithms()
    plugin.unload()
    assert QgsApplication.processingRegistry().providerById("unclouded") is None


def test_the_package_imports_nothing_at_its_top():
    loaded = "import sys, unclouded; print([n for n in ('qgis', 'unclouded.plugin', 'torch') if n in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True, env={**os.environ}, timeout=300
    )
    assert result.stdout.strip() == "[]"


def test_the_metadata_name_an_icon_that_can_be_drawn():
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(ROOT / "metadata.txt", encoding="utf-8")
    assert ROOT / metadata["general"]["icon"] == ICON
    assert not QIcon(str(ICON)).pixmap(24, 24).isNull()
