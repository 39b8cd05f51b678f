"""Train a generator on clear images of the user's own, or on a data set."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsProcessingUtils,
)

from ...backend.errors import ModelError
from ...backend.protocol import Done, TrainGenerator
from .. import generators
from ..backend_process import own_client
from ..client import Client, new_job_id
from ..wording import tr
from . import parameters as of
from .base import BackendAlgorithm
from .values import Values

EPOCHS = 10
WINDOWS = 400
KINDS = ("scenes", "folder", "recipe")
"""What a folder holds: names of data sets, or what the recipe says."""


class TrainGeneratorAlgorithm(BackendAlgorithm):
    image_parameter = ""
    kinds = {}

    def name(self) -> str:
        return "traingenerator"

    def displayName(self) -> str:
        return tr("Train a cloud-removal model")

    def tags(self) -> List[str]:
        return tr("cloud,train,fine-tune,generator,network,model,learn,gan,deep learning,satellite").split(",")

    def shortDescription(self) -> str:
        return tr("Trains a generator on clear images of your own, or on a data set.")

    def shortHelpString(self) -> str:
        return tr(
            "<p>Teaches a generator what your land looks like: it goes on learning from clear images, on which clouds "
            "and shadows are simulated, so that the truth is known. The result is one file that <i>Remove clouds</i> "
            "and the dock use; the dock lists it.</p>"
            "<p><b>Clear images</b>: rasters with hardly any cloud, of the kind that you will remove clouds from. "
            "Several, of several places and seasons, teach more than one. A part of them is kept aside to measure the "
            "error.</p>"
            "<p><b>Folder</b>: instead of images. It holds <i>scenes</i> (clear images, with SCENE_sar.tif and "
            "SCENE_mask.tif beside them if there are any), a <i>folder</i> of pairs (optical/ and clear/ with equal "
            "names in them; sar/ and mask/ if there are any), or the data set that the <i>recipe</i> names.</p>"
            "<p><b>Generator to start from</b>: a name, <i>default</i> for the one that comes along, or a .safetensors "
            "file. Empty to start with random weights by a <b>recipe</b>, which takes far longer.</p>"
            "<p><b>Epochs</b> and <b>windows an epoch</b>: how long it learns. 10 epochs of 400 windows of "
            "the generator that comes along take about a quarter of an hour on two cores of a processor; after each "
            "epoch you read the losses and the error on the images kept aside.</p>"
            "<p><b>Changes of the recipe</b>: one <code>key=value</code> a line, for example "
            "<code>fit.batch=4</code>.</p>"
            "<p><b>Folder of the run</b>: keeps checkpoints, curves and pictures, so that a run can be <b>gone on "
            "with</b>; without it they are thrown away.</p>"
            "<p><b>Cancel</b> ends the training early: the best generator so far is written.</p>"
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        folder = QgsProcessingParameterFile.Behavior.Folder
        whole = QgsProcessingParameterNumber.Type.Integer
        for parameter in (
            of.other_images("IMAGES", tr("Clear images")),
            QgsProcessingParameterFile("DATA", tr("Folder instead of images"), folder, optional=True),
            of.static_enum("KIND", tr("The folder holds"), KINDS),
            of.optional_text("START_FROM", tr("Generator to start from: name or .safetensors file"), "default"),
            QgsProcessingParameterNumber("EPOCHS", tr("Epochs"), whole, EPOCHS, False, 1, 100_000),
            QgsProcessingParameterNumber("WINDOWS", tr("Windows an epoch"), whole, WINDOWS, False, 1, 10_000_000),
            of.advanced(of.optional_text("RECIPE", tr("Recipe: name or .yaml file"), "")),
            of.advanced(of.optional_text("SETTINGS", tr("Changes of the recipe"), "", lines=True)),
            of.advanced(QgsProcessingParameterFile("FOLDER", tr("Folder of the run"), folder, optional=True)),
            of.advanced(QgsProcessingParameterBoolean("RESUME", tr("Go on with the run in that folder"), False)),
            of.advanced_text("DEVICE", tr("Device: auto, cpu, cuda, cuda:1, mps"), "auto"),
            QgsProcessingParameterFileDestination(
                "OUTPUT", tr("Trained generator"), tr("Generators (*.safetensors)"), str(generators.new_file())
            ),
        ):
            self.addParameter(parameter)

    def inputs(self, values: Values) -> List[str]:
        start = values.text("START_FROM")
        return values.images("IMAGES") + [start] * start.endswith(generators.SUFFIX)

    def problem(self, values: Values) -> str:
        images, data = values.images("IMAGES"), values.text("DATA")
        if bool(images) == bool(data):
            return tr("Give either clear images or a folder.")
        if not values.text("START_FROM") and not values.text("RECIPE"):
            return tr("Give a generator to start from, or a recipe.")
        if values.flag("RESUME") and not values.text("FOLDER"):
            return tr("To go on with a run, give its folder.")
        return super().problem(values)

    def job(self, values: Values) -> TrainGenerator:
        kind = values.choice("KIND")
        own = [f"data.name={kind}"] if values.text("DATA") and kind != "recipe" else []
        size = [f"fit.epochs={values.whole_number('EPOCHS')}", f"data.samples={values.whole_number('WINDOWS')}"]
        return TrainGenerator(
            id=new_job_id(),
            recipe=values.text("RECIPE"),
            folder=values.text("FOLDER") or QgsProcessingUtils.generateTempFilename("run"),
            data=values.text("DATA") or None,
            images=values.images("IMAGES"),
            start_from=values.text("START_FROM") or None,
            settings=own + size + [line.strip() for line in values.text("SETTINGS").splitlines() if line.strip()],
            resume=values.flag("RESUME"),
            device=values.text("DEVICE") or "auto",
            overwrite=True,
        )

    def outputs(self, values: Values) -> Dict[str, Any]:
        output = values.file_output("OUTPUT")
        if generators.is_own(output):
            Path(output).parent.mkdir(parents=True, exist_ok=True)
        return {"output": output}

    @contextmanager
    def backend(self) -> Iterator[Client]:
        with own_client() as client:
            yield client

    def results(self, done: Done, context: QgsProcessingContext) -> Dict[str, Any]:
        with suppress(ModelError):  # a recipe may make something else, which is no choice in the dock
            generators.remember_file(done.output)
        return {"OUTPUT": done.output}
