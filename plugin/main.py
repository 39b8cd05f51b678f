"""What QGIS calls: register the algorithms, add the dock, and undo both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from qgis.core import QgsApplication
from qgis.gui import QgisInterface
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from .backend_process import close_clients
from .environment import ROOT
from .wording import tr

if TYPE_CHECKING:
    from .compare import Comparison
    from .dock import Dock
    from .processing.provider import UncloudedProvider

ICON = ROOT / "resources" / "icons" / "unclouded.svg"
MENU = "&Unclouded"


class Unclouded:
    """The plugin.

    Args:
        iface: QGIS; None in `qgis_process`, which only asks for the algorithms.
    """

    def __init__(self, iface: Optional[QgisInterface]) -> None:
        self._iface = iface
        self._provider: Optional[UncloudedProvider] = None
        self._dock: Optional[Dock] = None
        self._action: Optional[QAction] = None
        self._comparison: Optional[Comparison] = None
        self._environment_action: Optional[QAction] = None
        self._settings_action: Optional[QAction] = None

    def initProcessing(self) -> None:
        """Registers the algorithms; touches no window, since `qgis_process` has none."""
        from .processing.provider import UncloudedProvider

        self._provider = UncloudedProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:
        """Adds algorithms, dock, comparison, buttons and menu."""
        from .compare import Comparison
        from .dock import Dock

        self.initProcessing()
        self._dock = Dock(self._iface)
        self._iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self._dock)
        self._dock.setUserVisible(False)
        self._action = QAction(QIcon(str(ICON)), tr("Remove clouds"), self._iface.mainWindow())
        self._action.setObjectName("UncloudedAction")
        self._action.setToolTip(tr("Remove clouds from a satellite image (Unclouded)"))
        self._dock.setToggleVisibilityAction(self._action)
        self._iface.addToolBarIcon(self._action)
        self._iface.addPluginToRasterMenu(MENU, self._action)
        self._comparison = Comparison(self._iface)
        self._dock.compare_asked.connect(self._comparison.show_layers)
        self._iface.addToolBarIcon(self._comparison.action)
        self._iface.addPluginToRasterMenu(MENU, self._comparison.action)
        self._environment_action = QAction(tr("Backend environment…"), self._iface.mainWindow())
        self._environment_action.triggered.connect(self._dock.open_environment)
        self._iface.addPluginToRasterMenu(MENU, self._environment_action)
        self._settings_action = QAction(tr("Settings…"), self._iface.mainWindow())
        self._settings_action.triggered.connect(self._dock.open_settings)
        self._iface.addPluginToRasterMenu(MENU, self._settings_action)

    def unload(self) -> None:
        """Undoes initGui line by line, from its end to its beginning."""
        if self._dock is not None:
            self._iface.removePluginRasterMenu(MENU, self._settings_action)
            self._settings_action.deleteLater()
            self._iface.removePluginRasterMenu(MENU, self._environment_action)
            self._environment_action.deleteLater()
            self._iface.removePluginRasterMenu(MENU, self._comparison.action)
            self._iface.removeToolBarIcon(self._comparison.action)
            self._dock.compare_asked.disconnect(self._comparison.show_layers)
            self._comparison.tear_down()
            self._iface.removePluginRasterMenu(MENU, self._action)
            self._iface.removeToolBarIcon(self._action)
            self._action.deleteLater()
            self._iface.removeDockWidget(self._dock)
            self._dock.tear_down()
            self._dock.deleteLater()
            self._dock = self._action = self._comparison = None
            self._environment_action = self._settings_action = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        close_clients()
