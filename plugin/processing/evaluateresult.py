"""Hold a result against a reference of the same place."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterRasterDestination,
)

from ...backend.evaluation_jobs import EvaluateResult
from ...backend.protocol import Done
from ..client import new_job_id
from ..wording import tr
from . import parameters as of
from .base import BackendAlgorithm
from .values import Values

BESIDE = (".json", ".csv")
"""What the backend writes beside the report."""


class EvaluateResultAlgorithm(BackendAlgorithm):
    image_parameter = "RESULT"
    kinds = {"ERROR_OUTPUT": "error"}
    result_name = "Error of {}"

    def name(self) -> str:
        return "evaluateresult"

    def displayName(self) -> str:
        return tr("Evaluate against a reference")

    def tags(self) -> List[str]:
        return tr("cloud,evaluate,compare,validate,error,accuracy,metric,rmse,psnr,ssim,sam,report,satellite").split(
            ","
        )

    def shortDescription(self) -> str:
        return tr("Measures how far an image is from a reference of the same place, and writes a report.")

    def shortHelpString(self) -> str:
        return tr(
            "<p>Measures how far a result is from a clear image of the same place, band by band. The report opens in "
            "Processing, Results Viewer, and its tables stand in the log.</p>"
            "<p><b>Result</b> and <b>reference</b>: images of the same sensor; the reference may have another grid, "
            "CRS or extent. A reference of the same day is the truth; the ground of another day has changed meanwhile, "
            "and the report says how much the clear pixels differ by themselves.</p>"
            "<p><b>Mask of what was reconstructed</b>: 0 and 1, or the layer <i>Clouds and shadows</i>. With it, three "
            "numbers are kept apart: <i>target</i> (all pixels against the reference), <i>reproduction</i> (clear "
            "pixels against the image before) and <i>reconstruction</i> (clouded and shaded pixels against the "
            "reference). Without it, all pixels count as reconstructed.</p>"
            "<p><b>Image before</b>: the cloudy one. It gives the row to be better than.</p>"
            "<p><b>Uncertainty</b>: the layer that came with the result, held against the errors.</p>"
            "<p><b>Error of each band</b>: result minus reference, in reflectance. The layer has one style for each "
            "band: Styles in its context menu.</p>"
            "<p>The numbers that the algorithm gives are those of the reconstruction: the mean absolute (MAE) and root "
            "mean square error (RMSE) of reflectance, PSNR in dB, SSIM, and the spectral angle (SAM) in degrees.</p>"
            "<p>What is left empty is taken from the images: bands, level, offset.</p>"
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        for parameter in (
            of.ImageParameter("RESULT", tr("Result")),
            of.ImageParameter("REFERENCE", tr("Reference")),
            of.other_image("MASK", tr("Mask of what was reconstructed")),
            of.other_image("CLOUDY", tr("Image before, with clouds")),
            of.other_image("UNCERTAINTY", tr("Uncertainty of the result")),
            *of.reading_parameters(),
            QgsProcessingParameterFileDestination("REPORT", tr("Report"), tr("HTML files (*.html)")),
            QgsProcessingParameterRasterDestination("ERROR_OUTPUT", tr("Error of each band"), None, True, True),
        ):
            self.addParameter(parameter)
        for key, description in _figures():
            self.addOutput(QgsProcessingOutputNumber(key, description))

    def inputs(self, values: Values) -> List[str]:
        images = [values.image(name) for name in ("RESULT", "REFERENCE", "MASK", "CLOUDY", "UNCERTAINTY")]
        return [path for path in images if path]

    def problem(self, values: Values) -> str:
        taken = values.beside("REPORT", BESIDE)
        if taken:
            return tr("{path} exists and is no part of an earlier report: choose another name.").format(path=taken)
        return super().problem(values)

    def job(self, values: Values) -> EvaluateResult:
        return EvaluateResult(
            id=new_job_id(),
            result=values.image("RESULT") or "",
            reference=values.image("REFERENCE") or "",
            mask=values.image("MASK"),
            cloudy=values.image("CLOUDY"),
            uncertainty=values.image("UNCERTAINTY"),
            output="",
            overwrite=True,
            **self.reading(values),
        )

    def outputs(self, values: Values) -> Dict[str, Any]:
        return {"output": values.file_output("REPORT"), "error_output": values.output("ERROR_OUTPUT")}

    def results(self, done: Done, context: QgsProcessingContext) -> Dict[str, Any]:
        found: Dict[str, Any] = {"REPORT": done.output}
        if done.error_output:
            found["ERROR_OUTPUT"] = done.error_output
            self.dress("ERROR_OUTPUT", done.error_output, context)
        figures = done.figures or {}
        return {**found, **{key: figures[key.lower()] for key, _ in _figures() if key.lower() in figures}}


def _figures() -> Tuple[Tuple[str, str], ...]:
    """Gives the numbers of the reconstruction: what Processing calls them, and what they are."""
    return (
        ("MAE", tr("Mean absolute error of reflectance")),
        ("RMSE", tr("Root mean square error of reflectance")),
        ("PSNR", tr("Peak signal-to-noise ratio in dB")),
        ("SSIM", tr("Structural similarity")),
        ("SAM", tr("Spectral angle in degrees")),
    )
