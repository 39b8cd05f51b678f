"""The algorithm that evaluates a result, as Processing calls it: with a fake backend, and with the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputHtml,
    QgsProcessingOutputNumber,
    QgsProject,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)

from unclouded.backend.evaluation_jobs import EvaluateResult
from unclouded.plugin.processing.evaluateresult import EvaluateResultAlgorithm
from unclouded.plugin.processing.provider import UncloudedProvider
from unclouded.plugin.processing.values import Values
from unclouded.plugin.results import RESULT, SOURCE

from ..conftest import write_raster

pytestmark = pytest.mark.qgis

Parameters = dict[str, Any]


@pytest.fixture
def algorithm() -> QgsProcessingAlgorithm:
    return EvaluateResultAlgorithm().create()


@pytest.fixture
def context() -> QgsProcessingContext:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    return context


@pytest.fixture
def parameters(tmp_path: Path) -> Parameters:
    return {
        "RESULT": write_raster(tmp_path / "result.tif", value=1000),
        "REFERENCE": write_raster(tmp_path / "reference.tif", value=1200),
        "REPORT": str(tmp_path / "report.html"),
        "ERROR_OUTPUT": str(tmp_path / "error.tif"),
    }


def test_report_table_and_numbers_come_out(algorithm, context, parameters, behave: Callable[[str], None], ear):
    behave("normal")
    results, succeeded = algorithm.run(parameters, context, ear)

    assert succeeded
    paths = {name: parameters[name] for name in ("REPORT", "ERROR_OUTPUT")}
    assert results == {**paths, "MAE": 0.02, "RMSE": 0.03, "PSNR": 30.0, "SSIM": 0.9}
    assert Path(results["REPORT"]).read_text() == "<html>report</html>"
    assert ear.tables == ["Reconstruction\nimage      MAE  PSNR (dB)\nresult  0.0200      30.00"]


def test_the_error_is_named_styled_and_tied_to_the_result(algorithm, context, parameters, behave, ear):
    behave("normal")
    layer = QgsRasterLayer(parameters["RESULT"], "June")
    QgsProject.instance().addMapLayer(layer)
    path = parameters["ERROR_OUTPUT"]
    description = algorithm.parameterDefinition("ERROR_OUTPUT").description()
    context.addLayerToLoadOnCompletion(
        path, QgsProcessingContext.LayerDetails(description, QgsProject.instance(), "ERROR_OUTPUT")
    )
    _, succeeded = algorithm.run({**parameters, "RESULT": layer.id()}, context, ear)
    details = context.layerToLoadOnCompletionDetails(path)
    error = QgsRasterLayer(path, details.name)
    details.postProcessor().postProcessLayer(error, context, ear)

    assert succeeded
    assert details.name == "Error of June"
    assert (error.customProperty(RESULT), error.customProperty(SOURCE)) == ("error", layer.id())
    assert isinstance(error.renderer(), QgsSingleBandPseudoColorRenderer)
    assert error.styleManager().styles() == ["B2", "B3", "B4", "B8"]


def test_a_report_alone_is_enough(algorithm, context, parameters, behave, ear):
    behave("normal")
    results, succeeded = algorithm.run({**parameters, "ERROR_OUTPUT": None}, context, ear)

    assert succeeded
    assert "ERROR_OUTPUT" not in results
    assert results["REPORT"] == parameters["REPORT"]


def test_processing_knows_the_report_as_a_page_and_the_figures_as_numbers(algorithm):
    kinds = {output.name(): type(output) for output in algorithm.outputDefinitions()}

    assert kinds["REPORT"] is QgsProcessingOutputHtml
    assert {name for name, kind in kinds.items() if kind is QgsProcessingOutputNumber} == {
        "MAE",
        "RMSE",
        "PSNR",
        "SSIM",
        "SAM",
    }


def _job(algorithm: QgsProcessingAlgorithm, given: Parameters, context: QgsProcessingContext) -> EvaluateResult:
    acceptable, reason = algorithm.checkParameterValues(given, context)
    assert acceptable, reason
    return algorithm.job(Values(algorithm, given, context))


def test_every_value_reaches_the_job(algorithm, context, parameters, tmp_path):
    more = {name: write_raster(tmp_path / f"{name}.tif") for name in ("MASK", "CLOUDY", "UNCERTAINTY")}
    job = _job(algorithm, {**parameters, **more, "BANDS": "B2, B3", "LEVEL": "L2A", "OFFSET": "-1000"}, context)

    assert (job.result, job.reference) == (parameters["RESULT"], parameters["REFERENCE"])
    assert (job.mask, job.cloudy, job.uncertainty) == tuple(more.values())
    assert (job.bands, job.level, job.offset, job.overwrite) == (["B2", "B3"], "L2A", -1000.0, True)
    bare = _job(algorithm, parameters, context)
    assert (bare.mask, bare.cloudy, bare.uncertainty, bare.bands, bare.level, bare.offset) == (None,) * 6


def test_inputs_and_files_of_others_are_not_written_over(algorithm, context, parameters, tmp_path):
    def reason(**changes: object) -> str:
        return algorithm.checkParameterValues({**parameters, **changes}, context)[1]

    assert reason() == ""
    assert "is an input" in reason(ERROR_OUTPUT=parameters["REFERENCE"])
    assert reason(REPORT=QgsProcessing.TEMPORARY_OUTPUT) == ""
    (tmp_path / "report.csv").write_text("precious")
    assert "report.csv exists" in reason()
    (tmp_path / "report.html").write_text("an earlier report")
    assert reason() == ""


def test_the_real_backend_measures(
    provider: UncloudedProvider, algorithm, context, write_raster: Callable[..., Path], tmp_path, ear
):
    names = ("B2", "B3", "B4", "B8")
    ground = np.random.default_rng(0).integers(500, 3000, (4, 64, 64)).astype("uint16")
    result = write_raster("made.tif", ground + 100, names)
    reference = write_raster("truth.tif", ground, names)
    outputs = {"REPORT": str(tmp_path / "out.html"), "ERROR_OUTPUT": str(tmp_path / "error.tif")}
    results, succeeded = algorithm.run({"RESULT": str(result), "REFERENCE": str(reference), **outputs}, context, ear)

    assert succeeded
    assert results["MAE"] == pytest.approx(0.01, abs=1e-5)
    assert results["PSNR"] == pytest.approx(40.0, abs=1e-2)
    assert set(results) == {"REPORT", "ERROR_OUTPUT", "MAE", "RMSE", "PSNR", "SSIM", "SAM"}
    assert np.allclose(gdal.Open(results["ERROR_OUTPUT"]).ReadAsArray(), 0.01, atol=1e-5)
    assert "<html" in Path(results["REPORT"]).read_text().lower()
    assert any("MAE" in table for table in ear.tables)


@pytest.mark.parametrize(
    ("name", "words"), [("result", "are the same file"), ("far", "do not overlap"), ("grey", "band")]
)
def test_what_cannot_be_compared_is_said_by_the_backend(
    provider: UncloudedProvider, algorithm, context, parameters, tmp_path, name, words, ear
):
    write_raster(tmp_path / "far.tif", left=700_000)
    write_raster(tmp_path / "grey.tif", bands=1)
    given = {**parameters, "REFERENCE": str(tmp_path / f"{name}.tif")}
    with pytest.raises(QgsProcessingException, match=words):
        algorithm.run(given, context, ear, catchExceptions=False)

    assert not Path(parameters["REPORT"]).exists()
