"""Put synthetic clouds and shadows on a clear image."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from qgis.core import QgsProcessingOutputNumber, QgsProcessingParameterNumber

from ...backend.protocol import SimulateClouds
from ..client import new_job_id
from ..wording import tr
from . import parameters as of
from .base import BackendAlgorithm
from .values import Values


class SimulateCloudsAlgorithm(BackendAlgorithm):
    image_parameter = "CLEAR"
    kinds = {"OUTPUT": "image", "MASK_OUTPUT": "mask"}
    result_name = "{} with simulated clouds"

    def name(self) -> str:
        return "simulateclouds"

    def displayName(self) -> str:
        return tr("Simulate clouds and shadows")

    def tags(self) -> List[str]:
        return tr("cloud,shadow,simulate,synthetic,training,test,satellite").split(",")

    def shortDescription(self) -> str:
        return tr("Puts synthetic clouds and their shadows on a clear satellite image.")

    def shortHelpString(self) -> str:
        return tr(
            "<p>Puts synthetic clouds, thin to thick, and their displaced shadows on a clear image: to try methods "
            "where the truth is known, and to train with.</p>"
            "<p>The same seed gives the same clouds. The true mask is 0 clear, 1 cloud, 2 shadow, 255 nodata.</p>"
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        real, whole = QgsProcessingParameterNumber.Type.Double, QgsProcessingParameterNumber.Type.Integer
        for parameter in (
            of.ImageParameter("CLEAR", tr("Clear image")),
            QgsProcessingParameterNumber("COVER", tr("Share of cloud, 0 to 1"), real, 0.4, False, 0.0, 1.0),
            QgsProcessingParameterNumber("SEED", tr("Seed: the same gives the same clouds"), whole, 0, False, 0),
            *of.reading_parameters(),
            of.output("OUTPUT", tr("Cloudy image")),
            of.output("MASK_OUTPUT", tr("True mask"), wanted=False),
        ):
            self.addParameter(parameter)
        self.addOutput(QgsProcessingOutputNumber("CLOUD_FRACTION", tr("Share of the image that is cloud or shadow")))

    def inputs(self, values: Values) -> List[str]:
        return [values.image("CLEAR") or ""]

    def job(self, values: Values) -> SimulateClouds:
        return SimulateClouds(
            id=new_job_id(),
            clear=values.image("CLEAR") or "",
            output="",
            cover=values.number("COVER") or 0.0,
            seed=values.whole_number("SEED") or 0,
            overwrite=True,
            **self.reading(values),
        )
