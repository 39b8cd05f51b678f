"""The algorithm that trains, as Processing calls it, with a backend that only pretends to learn."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProcessingAlgorithm, QgsProcessingContext, QgsProject, QgsRasterLayer
from qgis.PyQt.QtWidgets import QWidget

from unclouded.backend.protocol import TrainGenerator
from unclouded.plugin import backend_process
from unclouded.plugin.method_box import MethodBox
from unclouded.plugin.processing.traingenerator import TrainGeneratorAlgorithm
from unclouded.plugin.processing.values import Values

from ..conftest import write_generator, write_raster

pytestmark = pytest.mark.qgis


@pytest.fixture
def algorithm() -> QgsProcessingAlgorithm:
    return TrainGeneratorAlgorithm().create()


@pytest.fixture
def context() -> QgsProcessingContext:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    return context


@pytest.fixture
def parent() -> QWidget:
    return QWidget()


@pytest.fixture
def parameters(algorithm: QgsProcessingAlgorithm, tmp_path: Path) -> dict[str, Any]:
    """What the dialog gives if only an image and a generator are chosen."""
    output = algorithm.parameterDefinition("OUTPUT").defaultValue()
    start = write_generator(tmp_path / "start.safetensors")
    return {"IMAGES": [write_raster(tmp_path / "clear.tif")], "START_FROM": start, "OUTPUT": output}


def _job(algorithm: QgsProcessingAlgorithm, given: dict[str, Any], context: QgsProcessingContext) -> TrainGenerator:
    acceptable, reason = algorithm.checkParameterValues(given, context)
    assert acceptable, reason
    return algorithm.job(Values(algorithm, given, context))


def test_each_round_is_told_and_the_result_is_listed(
    algorithm: QgsProcessingAlgorithm,
    context: QgsProcessingContext,
    parameters: dict[str, Any],
    behave: Callable[[str], None],
    ear: Any,
    parent: QWidget,
    tmp_path: Path,
) -> None:
    behave("normal")
    box = MethodBox(parent)
    results, succeeded = algorithm.run(parameters, context, ear)
    box.showPopup()
    box.hidePopup()

    assert succeeded
    assert results == {"OUTPUT": str(tmp_path / "models" / "trained-1.safetensors")}
    assert Path(results["OUTPUT"]).read_bytes() == Path(parameters["START_FROM"]).read_bytes()
    assert [words for words in ear.words if words.startswith("Epoch")] == [
        "Epoch 1 of 2: l1 0.5.",
        "Epoch 2 of 2: l1 0.25.",
    ]
    assert max(ear.fractions) > 60
    assert box.findData(f"generator:{results['OUTPUT']}") >= 0
    assert backend_process._own == []


def test_cancel_keeps_the_best_generator(
    algorithm: QgsProcessingAlgorithm,
    context: QgsProcessingContext,
    parameters: dict[str, Any],
    behave: Callable[[str], None],
    ear: Any,
    parent: QWidget,
    tmp_path: Path,
) -> None:
    behave("slow")
    ear.progressChanged.connect(lambda fraction: threading.Timer(0.1, ear.cancel).start())
    output = str(tmp_path / "best.safetensors")
    results, succeeded = algorithm.run({**parameters, "OUTPUT": output}, context, ear)

    assert succeeded
    assert results == {"OUTPUT": output}
    assert ear.warnings == [f"Cancelled. The best generator so far was kept: {output}"]
    assert MethodBox(parent).findData(f"generator:{output}") >= 0


def test_a_training_that_dies_is_one_error(
    algorithm: QgsProcessingAlgorithm,
    context: QgsProcessingContext,
    parameters: dict[str, Any],
    behave: Callable[[str], None],
    ear: Any,
) -> None:
    behave("die")
    _, succeeded = algorithm.run(parameters, context, ear)

    assert not succeeded
    assert not Path(parameters["OUTPUT"]).exists()
    assert backend_process._own == []


def test_what_is_left_empty_tunes_the_bundled_generator(
    algorithm: QgsProcessingAlgorithm, context: QgsProcessingContext, tmp_path: Path
) -> None:
    layer = QgsRasterLayer(write_raster(tmp_path / "clear.tif"), "clear")
    QgsProject.instance().addMapLayer(layer)
    job = _job(algorithm, {"IMAGES": [layer.id()], "OUTPUT": "tuned.safetensors"}, context)

    assert (job.recipe, job.start_from, job.data) == ("", "default", None)
    assert job.images == [str(tmp_path / "clear.tif")]
    assert job.settings == ["fit.epochs=10", "data.samples=400"]
    assert not job.resume
    assert not Path(job.folder).exists()


def test_recipes_and_their_changes_are_passed_on(
    algorithm: QgsProcessingAlgorithm, context: QgsProcessingContext, tmp_path: Path
) -> None:
    given = {
        "DATA": str(tmp_path),
        "KIND": "recipe",
        "START_FROM": "",
        "RECIPE": "unet_small",
        "EPOCHS": "3",
        "SETTINGS": "fit.batch=4\n\n data.window_px=32 ",
        "FOLDER": str(tmp_path / "run"),
        "RESUME": True,
        "DEVICE": "cpu",
        "OUTPUT": "tuned.safetensors",
    }
    job = _job(algorithm, given, context)

    assert (job.recipe, job.start_from, job.data, job.images) == ("unet_small", None, str(tmp_path), [])
    assert job.settings == ["fit.epochs=3", "data.samples=400", "fit.batch=4", "data.window_px=32"]
    assert (job.folder, job.resume, job.device) == (str(tmp_path / "run"), True, "cpu")


@pytest.mark.parametrize("kind", ["scenes", "folder"])
def test_what_a_folder_holds_is_told_to_the_recipe(
    algorithm: QgsProcessingAlgorithm, context: QgsProcessingContext, tmp_path: Path, kind: str
) -> None:
    job = _job(algorithm, {"DATA": str(tmp_path), "KIND": kind, "OUTPUT": "tuned.safetensors"}, context)

    assert (job.data, job.start_from) == (str(tmp_path), "default")
    assert f"data.name={kind}" in job.settings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"IMAGES": None}, "either clear images or a folder"),
        ({"DATA": "."}, "either clear images or a folder"),
        ({"START_FROM": ""}, "a generator to start from, or a recipe"),
        ({"RESUME": True}, "give its folder"),
        ({"EPOCHS": 0}, "EPOCHS"),
        ({"IMAGES": ["/nowhere/clear.tif"]}, "/nowhere/clear.tif"),
    ],
)
def test_bad_values_are_refused_before_the_run(
    algorithm: QgsProcessingAlgorithm,
    context: QgsProcessingContext,
    parameters: dict[str, Any],
    change: dict[str, Any],
    words: str,
) -> None:
    acceptable, reason = algorithm.checkParameterValues({**parameters, **change}, context)

    assert not acceptable
    assert words in reason


def test_the_generator_to_start_from_is_not_written_over(
    algorithm: QgsProcessingAlgorithm, context: QgsProcessingContext, parameters: dict[str, Any]
) -> None:
    acceptable, reason = algorithm.checkParameterValues({**parameters, "OUTPUT": parameters["START_FROM"]}, context)

    assert not acceptable
    assert "is an input" in reason


def test_a_new_result_never_has_the_name_of_an_old_one(tmp_path: Path) -> None:
    write_generator(tmp_path / "models" / "trained-1.safetensors")
    fresh = TrainGeneratorAlgorithm().create()

    assert fresh.parameterDefinition("OUTPUT").defaultValue() == str(tmp_path / "models" / "trained-2.safetensors")
