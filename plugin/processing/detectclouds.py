"""Find the clouds and shadows of one optical image."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from qgis.core import QgsProcessingOutputNumber

from ...backend.protocol import DetectClouds
from ..client import new_job_id
from ..wording import tr
from . import parameters as of
from .base import BackendAlgorithm
from .values import Values


class DetectCloudsAlgorithm(BackendAlgorithm):
    result_name = "Clouds and shadows of {}"
    kinds = {"OUTPUT": "mask"}

    def name(self) -> str:
        return "detectclouds"

    def displayName(self) -> str:
        return tr("Detect clouds and shadows")

    def tags(self) -> List[str]:
        return tr("cloud,shadow,mask,detect,sentinel,satellite").split(",")

    def shortDescription(self) -> str:
        return tr("Writes a mask of the clouds and shadows of a satellite image.")

    def shortHelpString(self) -> str:
        return tr(
            "<p>Writes a mask on the grid of the image: 0 clear, 1 cloud, 2 shadow, 255 nodata.</p>"
            "<p><b>Optical image</b>: a raster layer, or the path of a Sentinel-2 .SAFE folder, a zip of one, or a "
            "folder with one file for each band.</p>"
            "<p>What is left empty is taken from the image or by the detector: area, threshold, growth, bands, level, "
            "offset.</p>"
            "<p>The mask can be corrected by hand and given to <i>Remove clouds</i>.</p>"
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        for parameter in (
            of.ImageParameter("OPTICAL", tr("Optical image")),
            of.extent(),
            of.threshold(),
            of.grow(),
            *of.reading_parameters(),
            of.output("OUTPUT", tr("Clouds and shadows")),
        ):
            self.addParameter(parameter)
        self.addOutput(QgsProcessingOutputNumber("CLOUD_FRACTION", tr("Share of the image that is cloud or shadow")))

    def inputs(self, values: Values) -> List[str]:
        return [values.image("OPTICAL") or ""]

    def job(self, values: Values) -> DetectClouds:
        return DetectClouds(
            id=new_job_id(),
            optical=values.image("OPTICAL") or "",
            output="",
            overwrite=True,
            **self.masking(values),
            **self.reading(values),
        )
