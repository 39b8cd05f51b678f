"""The algorithms as Processing calls them, with the real backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import (
    QgsApplication,
    QgsPalettedRasterRenderer,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsRasterLayer,
)

from unclouded.plugin.processing.provider import UncloudedProvider
from unclouded.plugin.processing.removeclouds import RemoveCloudsAlgorithm
from unclouded.plugin.processing.values import Values
from unclouded.plugin.results import RESULT

pytestmark = pytest.mark.qgis


def _algorithm(name: str) -> QgsProcessingAlgorithm:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"unclouded:{name}")
    assert algorithm is not None
    return algorithm


def _context() -> QgsProcessingContext:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    return context


def _run(name: str, parameters: dict[str, Any], feedback: QgsProcessingFeedback) -> dict[str, Any]:
    context = _context()
    algorithm = _algorithm(name)
    acceptable, reason = algorithm.checkParameterValues(parameters, context)
    assert acceptable, reason
    results, succeeded = algorithm.run(parameters, context, feedback)
    assert succeeded
    return results


def _pixels(path: Path | str) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def test_the_provider_brings_its_algorithms_with_help(provider: UncloudedProvider) -> None:
    assert {algorithm.id() for algorithm in provider.algorithms()} == {
        "unclouded:removeclouds",
        "unclouded:detectclouds",
        "unclouded:simulateclouds",
        "unclouded:fetchimages",
        "unclouded:traingenerator",
        "unclouded:evaluateresult",
        "unclouded:backendstatus",
    }
    for algorithm in provider.algorithms():
        assert algorithm.canExecute() == (True, "")
        assert algorithm.shortHelpString()
        assert algorithm.tags()


def test_clear_pixels_stay_and_clouded_ones_do_not(
    provider: UncloudedProvider, cloudy_scene: Path, cloud_mask: Path, tmp_path: Path, ear: Any
) -> None:
    parameters = {
        "OPTICAL": str(cloudy_scene),
        "MASK": str(cloud_mask),
        "GROW": "2",
        "METHOD": "inpaint",
        "OUTPUT": str(tmp_path / "clear.tif"),
        "MASK_OUTPUT": str(tmp_path / "clouds.tif"),
        "UNCERTAINTY_OUTPUT": str(tmp_path / "uncertainty.tif"),
    }
    files = {path.name for path in tmp_path.iterdir()}
    results = _run("removeclouds", parameters, ear)
    assert {path.name for path in tmp_path.iterdir()} == files | {"clear.tif", "clouds.tif", "uncertainty.tif"}
    before, after, mask = (_pixels(path) for path in (cloudy_scene, results["OUTPUT"], results["MASK_OUTPUT"]))
    assert np.array_equal(after[:, mask == 0], before[:, mask == 0])
    assert after.dtype == before.dtype
    assert (mask[_pixels(cloud_mask) == 1] == 1).all()
    assert after[:, 45, 35].max() < 5000 < before[:, 45, 35].min()
    assert results["CLOUD_FRACTION"] == pytest.approx((mask == 1).mean(), abs=1e-4)
    assert results["RECONSTRUCTED_SHARE"] == pytest.approx((mask == 1).mean(), abs=1e-4)
    assert 0 < results["MEAN_UNCERTAINTY"] < 0.2
    assert "SEAM_RATIO" not in results  # one tile has no border
    assert Path(results["UNCERTAINTY_OUTPUT"]).is_file()


def test_samples_and_their_seed_reach_the_job(provider: UncloudedProvider, cloudy_scene: Path) -> None:
    algorithm = RemoveCloudsAlgorithm()
    algorithm.initAlgorithm()
    plain, drawn = (
        algorithm.job(Values(algorithm, {"OPTICAL": str(cloudy_scene), **given}, _context()))
        for given in ({}, {"SAMPLES": 8, "SEED": "5"})
    )

    assert (plain.samples, plain.seed) == (1, 0)
    assert (drawn.samples, drawn.seed) == (8, 5)


def test_an_extent_in_another_crs_limits_the_work(
    provider: UncloudedProvider, cloudy_scene: Path, cloud_mask: Path, tmp_path: Path, ear: Any
) -> None:
    area = "500200,500600,4899300,4899700 [EPSG:32631]"
    parameters = {"OPTICAL": str(cloudy_scene), "MASK": str(cloud_mask), "METHOD": "inpaint", "EXTENT": area}
    results = _run("removeclouds", {**parameters, "OUTPUT": str(tmp_path / "part.tif")}, ear)
    assert _pixels(results["OUTPUT"]).shape == (4, 40, 40)


def test_clouds_are_detected(provider: UncloudedProvider, cloudy_scene: Path, tmp_path: Path, ear: Any) -> None:
    results = _run("detectclouds", {"OPTICAL": str(cloudy_scene), "OUTPUT": str(tmp_path / "clouds.tif")}, ear)
    mask = _pixels(results["OUTPUT"])
    assert mask[45, 35] == 1
    assert mask[5, 90] == 0
    assert 0 < results["CLOUD_FRACTION"] < 0.6


def test_the_same_seed_gives_the_same_clouds(
    provider: UncloudedProvider, cloudy_scene: Path, tmp_path: Path, ear: Any
) -> None:
    files = [tmp_path / name for name in ("a.tif", "b.tif", "c.tif")]
    for path, seed in zip(files, (1, 1, 2), strict=True):
        _run("simulateclouds", {"CLEAR": str(cloudy_scene), "COVER": 0.5, "SEED": seed, "OUTPUT": str(path)}, ear)
    first, again, other = (_pixels(path) for path in files)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_what_is_not_given_has_its_default(
    provider: UncloudedProvider, cloudy_scene: Path, tmp_path: Path, ear: Any
) -> None:
    results = _run("simulateclouds", {"CLEAR": str(cloudy_scene), "OUTPUT": str(tmp_path / "a.tif")}, ear)
    assert results["CLOUD_FRACTION"] > 0.1


def test_a_product_is_taken_though_qgis_cannot_load_it(
    provider: UncloudedProvider, write_raster: Callable[..., Path], tmp_path: Path, ear: Any
) -> None:
    folder = tmp_path / "bands"
    folder.mkdir()
    for band in ("B02", "B03", "B04", "B08"):
        write_raster(f"bands/T31TCJ_20200601_{band}.tif", np.full((64, 64), 900, "uint16"))
    assert not QgsRasterLayer(str(folder)).isValid()
    results = _run("detectclouds", {"OPTICAL": str(folder), "OUTPUT": str(tmp_path / "clouds.tif")}, ear)
    assert _pixels(results["OUTPUT"]).shape == (64, 64)


def _problem(name: str, parameters: dict[str, Any]) -> str:
    acceptable, reason = _algorithm(name).checkParameterValues(parameters, _context())
    assert acceptable == (not reason)
    return reason


def test_bad_values_are_refused_before_the_run(
    provider: UncloudedProvider, cloudy_scene: Path, cloud_mask: Path, tmp_path: Path
) -> None:
    good = {"OPTICAL": str(cloudy_scene), "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT}
    assert _problem("removeclouds", good) == ""
    assert "median needs other dates" in _problem("removeclouds", {**good, "METHOD": "median"})
    assert "exclude each other" in _problem("removeclouds", {**good, "MASK": str(cloud_mask), "MASK_ALL": True})
    assert "is an input" in _problem("removeclouds", {**good, "OUTPUT": str(cloudy_scene)})
    assert "is an input" in _problem("detectclouds", {"OPTICAL": str(cloudy_scene), "OUTPUT": str(cloudy_scene)})
    assert _problem("removeclouds", {**good, "OPTICAL": str(tmp_path / "none.tif")})
    assert _problem("removeclouds", {**good, "THRESHOLD": 2.0})
    assert _problem("removeclouds", {**good, "METHOD": "magic"})
    assert _problem("simulateclouds", {"CLEAR": str(cloudy_scene), "COVER": 1.5, "OUTPUT": good["OUTPUT"]})


def test_a_web_layer_is_refused_with_a_reason(provider: UncloudedProvider) -> None:
    layer = QgsRasterLayer("type=xyz&url=file:///none/{z}/{x}/{y}.png&zmax=1&zmin=0", "web map", "wms")
    QgsProject.instance().addMapLayer(layer)
    reason = _problem("removeclouds", {"OPTICAL": layer.id(), "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT})
    QgsProject.instance().removeMapLayer(layer.id())
    assert "web map" in reason
    assert "service" in reason


def test_a_failure_of_the_backend_fails_the_algorithm(
    provider: UncloudedProvider, cloudy_scene: Path, tmp_path: Path, ear: Any
) -> None:
    parameters = {"OPTICAL": str(cloudy_scene), "BANDS": "B2,B3", "OUTPUT": str(tmp_path / "clear.tif")}
    _, succeeded = _algorithm("removeclouds").run(parameters, _context(), ear)
    assert not succeeded
    assert not (tmp_path / "clear.tif").exists()


def test_what_is_missing_is_said(provider: UncloudedProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNCLOUDED_PYTHON", "/nowhere/python")
    possible, reason = _algorithm("removeclouds").canExecute()
    assert not possible
    assert "/nowhere/python" in reason


def test_results_in_the_project_are_named_and_styled(
    provider: UncloudedProvider, cloudy_scene: Path, tmp_path: Path, ear: Any
) -> None:
    source = QgsRasterLayer(str(cloudy_scene), "June")
    project = QgsProject.instance()
    project.addMapLayer(source)
    context = _context()
    algorithm = _algorithm("detectclouds")
    path = str(tmp_path / "clouds.tif")
    details = QgsProcessingContext.LayerDetails(
        algorithm.parameterDefinition("OUTPUT").description(), project, "OUTPUT"
    )
    context.addLayerToLoadOnCompletion(path, details)
    _, succeeded = algorithm.run({"OPTICAL": source.id(), "OUTPUT": path}, context, ear)
    assert succeeded
    details = context.layerToLoadOnCompletionDetails(path)
    mask = QgsRasterLayer(path, details.name)
    details.postProcessor().postProcessLayer(mask, context, ear)
    project.removeMapLayer(source.id())
    assert details.name == "Clouds and shadows of June"
    assert isinstance(mask.renderer(), QgsPalettedRasterRenderer)
    assert mask.customProperty(RESULT) == "mask"


def test_it_works_as_a_step_of_a_model(
    provider: UncloudedProvider, cloudy_scene: Path, tmp_path: Path, ear: Any
) -> None:
    model = QgsProcessingModelAlgorithm("clouds away")
    model.addModelParameter(QgsProcessingParameterRasterLayer("image"), QgsProcessingModelParameter("image"))
    detect = QgsProcessingModelChildAlgorithm("unclouded:detectclouds")
    detect.setChildId("detect")
    source = QgsProcessingModelChildParameterSource
    detect.addParameterSources("OPTICAL", [source.fromModelParameter("image")])
    remove = QgsProcessingModelChildAlgorithm("unclouded:removeclouds")
    remove.setChildId("remove")
    remove.addParameterSources("OPTICAL", [source.fromModelParameter("image")])
    remove.addParameterSources("MASK", [source.fromChildOutput("detect", "OUTPUT")])
    remove.addParameterSources("METHOD", [source.fromStaticValue("inpaint")])
    result = QgsProcessingModelOutput("clear")
    result.setChildId("remove")
    result.setChildOutputName("OUTPUT")
    remove.setModelOutputs({"clear": result})
    model.addChildAlgorithm(detect)
    model.addChildAlgorithm(remove)
    parameters = {"image": str(cloudy_scene), "remove:clear": str(tmp_path / "clear.tif")}
    assert model.checkParameterValues(parameters, _context()) == (True, "")
    results, succeeded = model.run(parameters, _context(), ear)
    assert succeeded
    assert _pixels(results["remove:clear"])[:, 45, 35].max() < 5000
