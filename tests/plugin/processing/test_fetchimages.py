"""Images are fetched from the toolbox, by area and day or for an image, with the real backend and a catalogue here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from osgeo import gdal
from qgis.core import QgsApplication, QgsProcessing, QgsProcessingContext, QgsProject

from unclouded.plugin.processing.provider import UncloudedProvider

from ..catalogues import LEFT, TOP

pytestmark = [pytest.mark.qgis, pytest.mark.usefixtures("users_data")]

AREA = f"{LEFT},{LEFT + 600},{TOP - 600},{TOP} [EPSG:32632]"


def run(parameters: dict[str, Any], ear: Any) -> tuple[dict[str, Any], QgsProcessingContext]:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("unclouded:fetchimages")
    acceptable, reason = algorithm.checkParameterValues(parameters, context)
    assert acceptable, reason
    results, succeeded = algorithm.run(parameters, context, ear)
    return results if succeeded else {}, context


def test_an_area_and_a_day_become_layers(provider: UncloudedProvider, catalogue: str, tmp_path: Path, ear: Any) -> None:
    asked = {"EXTENT": AREA, "DAY": "2020-06-01", "CATALOGUE": catalogue, "DATES": 1, "OUTPUT": str(tmp_path / "out")}
    results, context = run(asked, ear)

    assert results["OUTPUT"] == str(tmp_path / "out")
    assert results["OPTICAL_OUTPUT"] == str(tmp_path / "out/optical.tif")
    assert results["DATES_OUTPUT"] == [str(tmp_path / "out/date_2020-07-21.tif")]
    left, _, _, top, _, _ = gdal.Open(results["SAR_OUTPUT"]).GetGeoTransform()
    assert (LEFT - 40 < left <= LEFT, TOP <= top < TOP + 40) == (True, True)
    names = {details.name for details in context.layersToLoadOnCompletion().values()}
    assert names == {"optical", "sar", "date_2020-07-21"}
    assert any("is told the area" in word for word in ear.words)
    assert max(ear.fractions) > 50


def test_an_image_gets_what_it_lacks_on_its_grid(
    provider: UncloudedProvider, catalogue: str, tmp_path: Path, ear: Any
) -> None:
    first = {"EXTENT": AREA, "DAY": "2020-06-01", "CATALOGUE": catalogue, "DATES": 0, "SAR": False, "LOAD": False}
    image = run({**first, "OUTPUT": QgsProcessing.TEMPORARY_OUTPUT}, ear)[0]["OPTICAL_OUTPUT"]
    asked = {"LIKE": image, "CATALOGUE": catalogue, "DATES": 1, "OUTPUT": str(tmp_path / "out"), "LOAD": False}
    results, context = run(asked, ear)

    assert "OPTICAL_OUTPUT" not in results
    grids = {gdal.Open(path).GetGeoTransform() for path in (image, results["SAR_OUTPUT"], *results["DATES_OUTPUT"])}
    assert len(grids) == 1
    assert not context.layersToLoadOnCompletion()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "either an area and a day, or an image"),
        ({"EXTENT": AREA}, "Give the day"),
    ],
)
def test_what_is_missing_is_said_before(
    provider: UncloudedProvider, tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("unclouded:fetchimages")
    acceptable, reason = algorithm.checkParameterValues(
        {"OUTPUT": str(tmp_path / "out"), **values}, QgsProcessingContext()
    )
    assert not acceptable
    assert words in reason
