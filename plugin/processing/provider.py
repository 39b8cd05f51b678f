"""The Processing provider: one line for each algorithm."""

from __future__ import annotations

from typing import List

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from ..backend_process import close_clients
from ..environment import ROOT
from .backendstatus import BackendStatusAlgorithm
from .detectclouds import DetectCloudsAlgorithm
from .evaluateresult import EvaluateResultAlgorithm
from .fetchimages import FetchImagesAlgorithm
from .removeclouds import RemoveCloudsAlgorithm
from .simulateclouds import SimulateCloudsAlgorithm
from .traingenerator import TrainGeneratorAlgorithm


class UncloudedProvider(QgsProcessingProvider):
    """Clouds: remove, detect, simulate; fetch images, train generators, evaluate what came out, ask the backend."""

    def id(self) -> str:
        return "unclouded"

    def name(self) -> str:
        return "Unclouded"

    def icon(self) -> QIcon:
        return QIcon(str(ROOT / "resources" / "icons" / "unclouded.svg"))

    def loadAlgorithms(self) -> None:
        for algorithm in (
            RemoveCloudsAlgorithm(),
            DetectCloudsAlgorithm(),
            SimulateCloudsAlgorithm(),
            FetchImagesAlgorithm(),
            TrainGeneratorAlgorithm(),
            EvaluateResultAlgorithm(),
            BackendStatusAlgorithm(),
        ):
            self.addAlgorithm(algorithm)

    def supportedOutputRasterLayerExtensions(self) -> List[str]:
        return ["tif", "tiff"]

    def defaultRasterFileExtension(self, hasGeometry: bool = True) -> str:
        return "tif"

    def unload(self) -> None:
        close_clients()
        super().unload()
