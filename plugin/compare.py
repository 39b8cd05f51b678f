"""The comparison of an image before and after, on the map: switched on and off by an action."""

from __future__ import annotations

from typing import Callable, List, Optional

from qgis.core import Qgis, QgsMapLayer, QgsProject
from qgis.gui import QgisInterface
from qgis.PyQt.QtCore import QObject
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction, QWidget

from .compare_layers import Pair, ask_for_pair, pair_of, raster_count
from .environment import ROOT
from .swipe import Swipe
from .wording import tr

ICON = ROOT / "resources" / "icons" / "compare.svg"
NAME = "Unclouded"
MESSAGE_S = 8


class Comparison(QObject):
    """Lays a swipe over the map.

    Args:
        iface: QGIS.
        ask: Has the user choose two rasters; gets the window and the active layer.
    """

    def __init__(
        self, iface: QgisInterface, ask: Callable[[QWidget, Optional[QgsMapLayer]], Optional[Pair]] = ask_for_pair
    ) -> None:
        super().__init__(iface.mainWindow())
        self._iface = iface
        self._ask = ask
        self._pair: Optional[Pair] = None
        self.swipe: Optional[Swipe] = None
        self.action = QAction(QIcon(str(ICON)), tr("Compare before and after"), iface.mainWindow())
        self.action.setObjectName("UncloudedCompareAction")
        self.action.setCheckable(True)
        self.action.setToolTip(
            tr("Compare an image before and after on the map: drag the bar, hold Space to flip (Unclouded)")
        )
        self.action.toggled.connect(self._switch)

    def show_layers(self, before_id: str, after_id: str) -> None:
        """Compares two layers of the project."""
        project = QgsProject.instance()
        before, after = project.mapLayer(before_id), project.mapLayer(after_id)
        if before is None or after is None:
            self._say(tr("The result or its source has been removed. Choose two rasters: Raster, Unclouded, Compare."))
            return
        self._start(Pair(before, after))

    def stop(self) -> None:
        """Shows the map as it was."""
        if self.swipe is None:
            return
        QgsProject.instance().layersWillBeRemoved.disconnect(self._note_removal)
        self.swipe.stop()
        self.swipe.deleteLater()
        self.swipe = self._pair = None
        self.action.setChecked(False)

    def tear_down(self) -> None:
        """Ends the comparison and takes the action away."""
        self.stop()
        self.action.deleteLater()
        self.deleteLater()

    def _switch(self, on: bool) -> None:
        if not on:
            self.stop()
        elif self.swipe is None:
            self._start(pair_of(QgsProject.instance(), self._iface.activeLayer()) or self._choose())

    def _choose(self) -> Optional[Pair]:
        if raster_count(QgsProject.instance()) < 2:
            self._say(tr("Two raster layers are needed. Add the image before and the one after to the project."))
            return None
        return self._ask(self._iface.mainWindow(), self._iface.activeLayer())

    def _choose_others(self) -> None:
        pair = self._choose()
        if pair is not None:
            self._start(pair)

    def _start(self, pair: Optional[Pair]) -> None:
        self.stop()
        if pair is None:
            self.action.setChecked(False)
            return
        self._pair = pair
        pair.remember()
        self.swipe = Swipe(self._iface.mapCanvas(), pair.before, pair.after, pair.is_kin)
        self.swipe.ended.connect(self.stop)
        self.swipe.others_asked.connect(self._choose_others)
        QgsProject.instance().layersWillBeRemoved.connect(self._note_removal)
        self.action.setChecked(True)

    def _note_removal(self, layer_ids: List[str]) -> None:
        for layer in (self._pair.before, self._pair.after) if self._pair is not None else ():
            if layer.id() in layer_ids:
                name = layer.name()
                self.stop()
                # All at once are removed when a project is closed, which the user knows.
                if len(layer_ids) < QgsProject.instance().count():
                    self._say(tr("The comparison has ended: “{}” was removed.").format(name))
                return

    def _say(self, text: str) -> None:
        self._iface.messageBar().pushMessage(NAME, text, Qgis.MessageLevel.Info, MESSAGE_S)
