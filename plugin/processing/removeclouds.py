"""Remove clouds from one optical image."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from qgis.core import QgsProcessingContext, QgsProcessingOutputNumber, QgsProcessingParameterBoolean

from ...backend import verdict
from ...backend.protocol import METHODS, NEED_DATES, Done, RemoveClouds
from ..client import new_job_id
from ..wording import tr
from . import parameters as of
from .base import BackendAlgorithm
from .values import Values


class RemoveCloudsAlgorithm(BackendAlgorithm):
    result_name = "{} without clouds"

    def name(self) -> str:
        return "removeclouds"

    def displayName(self) -> str:
        return tr("Remove clouds")

    def tags(self) -> List[str]:
        return tr("cloud,haze,shadow,gap,fill,reconstruct,sentinel,sar,optical,satellite").split(",")

    def shortDescription(self) -> str:
        return tr("Reconstructs the clouded pixels of a satellite image; every clear pixel stays as it is.")

    def shortHelpString(self) -> str:
        return tr(
            "<p>Reconstructs what lies under clouds and their shadows. Clear pixels keep their digital numbers, bit by "
            "bit, and the result has the grid, data type and bands of the input.</p>"
            "<p><b>Optical image</b>: a raster layer, or the path of a Sentinel-2 .SAFE folder, a zip of one, or a "
            "folder with one file for each band.</p>"
            "<p><b>SAR image</b>: Sentinel-1 VV and VH of the same place, calibrated, in dB or linear. It sees through "
            "clouds; grid, CRS and extent may differ.</p>"
            "<p><b>Other dates</b>: images of the same place without clouds where this one has them. A path may carry "
            "its day: <code>FILE@2020-06-01</code>.</p>"
            "<p><b>Cloud mask</b>: 0 and 1, probabilities (0 to 1 or 0 to 100), or scene classes (SCL); without it "
            "clouds and shadows are detected.</p>"
            "<p><b>Whole image, haze too</b>: every pixel is reconstructed; the promise for clear pixels does not "
            "apply.</p>"
            "<p><b>Method</b>: <i>generator</i> is the network. <i>least-cloudy</i>, <i>median</i> and "
            "<i>interpolate</i> need other dates and no training; <i>inpaint</i> spreads what surrounds a cloud.</p>"
            "<p><b>Samples</b>: some generators draw one of the grounds that a cloud may hide. The mean of several is "
            "the result, and how they differ its uncertainty.</p>"
            "<p>What is left empty is taken from the image or by the detector: area, threshold, growth, bands, level, "
            "offset.</p>"
            "<p><b>Clouds and shadows</b>: 0 clear, 1 cloud, 2 shadow, 255 nodata. <b>Uncertainty</b>: the standard "
            "error of each reconstructed pixel; a reconstructed pixel is no measurement.</p>"
            "<p><b>Numbers</b>: how the result looks where it was reconstructed: the step at the rim of the mask and "
            "the mean standard error in reflectance; sharpness and seams as ratios, 1 being as good as clear ground. "
            "One that is not known is missing.</p>"
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        for parameter in (
            of.ImageParameter("OPTICAL", tr("Optical image")),
            of.other_image("SAR", tr("SAR image")),
            of.other_dates("DATES"),
            of.other_image("MASK", tr("Cloud mask")),
            QgsProcessingParameterBoolean("MASK_ALL", tr("Whole image, haze too"), False),
            of.static_enum("METHOD", tr("Method"), METHODS),
            of.extent(),
            of.threshold(),
            of.grow(),
            of.advanced_text("MODEL", tr("Generator: name or .safetensors file"), "default"),
            of.advanced(of.count("SAMPLES", tr("Samples that the generator draws and averages"), 1, 1)),
            of.advanced(of.count("SEED", tr("Seed: the same gives the same samples"), 0, 0)),
            *of.reading_parameters(),
            of.advanced_text("DEVICE", tr("Device: auto, cpu, cuda, cuda:1, mps"), "auto"),
            of.output("OUTPUT", tr("Image without clouds")),
            of.output("MASK_OUTPUT", tr("Clouds and shadows"), wanted=False),
            of.output("UNCERTAINTY_OUTPUT", tr("Uncertainty"), wanted=False),
        ):
            self.addParameter(parameter)
        self.addOutput(QgsProcessingOutputNumber("CLOUD_FRACTION", tr("Share of the image that was reconstructed")))
        for key, (title, _, _) in verdict.explained(tr).items():
            self.addOutput(QgsProcessingOutputNumber(key.upper(), title))

    def results(self, done: Done, context: QgsProcessingContext) -> Dict[str, Any]:
        """Adds the figures of backend/quality.py; what is not known is missing."""
        figures = {key.upper(): value for key, value in (done.quality or {}).items()}
        return {**super().results(done, context), **figures}

    def inputs(self, values: Values) -> List[str]:
        images = [values.image(name) for name in ("OPTICAL", "SAR", "MASK")]
        return [path for path in images if path] + values.dates("DATES")

    def problem(self, values: Values) -> str:
        method = values.choice("METHOD")
        if method in NEED_DATES and not values.dates("DATES"):
            return tr("The method {method} needs other dates of the same place.").format(method=method)
        if values.image("MASK") and values.flag("MASK_ALL"):
            return tr("A cloud mask and the whole image exclude each other: give one of them.")
        return super().problem(values)

    def job(self, values: Values) -> RemoveClouds:
        return RemoveClouds(
            id=new_job_id(),
            optical=values.image("OPTICAL") or "",
            sar=values.image("SAR"),
            dates=values.dates("DATES"),
            mask="all" if values.flag("MASK_ALL") else values.image("MASK") or "auto",
            method=values.choice("METHOD"),
            model=values.text("MODEL") or "default",
            samples=values.whole_number("SAMPLES") or 1,
            seed=values.whole_number("SEED") or 0,
            device=values.text("DEVICE") or "auto",
            output="",
            overwrite=True,
            **self.masking(values),
            **self.reading(values),
        )
