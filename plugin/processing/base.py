"""What the algorithms share: a job is made from the parameters, the backend runs it, its files become layers."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
)

from ...backend.errors import UncloudedError
from ...backend.protocol import Done, Job
from ..backend_process import shared_client
from ..client import Client
from ..environment import find_python
from ..job_builder import parse_bands
from ..settings import Setting
from ..wording import tr
from .running import run
from .styling import ResultStyle
from .values import Values


class BackendAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that the backend runs. Subclasses describe the parameters and make the job."""

    image_parameter = "OPTICAL"
    """The one image that the results stem from; empty if there is none."""
    kinds: Dict[str, str] = {"OUTPUT": "image", "MASK_OUTPUT": "mask", "UNCERTAINTY_OUTPUT": "uncertainty"}
    """What each output shows, see styling.py."""
    result_name = "{}"
    """Name of the output's layer, made from the name of the image; to be translated."""

    def __init__(self) -> None:
        super().__init__()
        self._job: Optional[Job] = None
        self._source_id = ""
        self._source_name = ""

    def createInstance(self) -> BackendAlgorithm:
        return type(self)()

    def canExecute(self) -> Tuple[bool, str]:
        try:
            find_python(Setting.PYTHON.get())
        except UncloudedError as error:
            return False, str(error)
        return True, ""

    def checkParameterValues(self, parameters: Dict[str, Any], context: QgsProcessingContext) -> Tuple[bool, str]:
        acceptable, reason = super().checkParameterValues(parameters, context)
        if not acceptable:
            return acceptable, reason
        try:
            problem = self.problem(Values(self, parameters, context))
        except UncloudedError as error:
            problem = str(error)
        return not problem, problem

    def prepareAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        values = Values(self, parameters, context)
        with spoken_errors():
            self._job = self.job(values)
            if self.image_parameter:
                self._note_source(values)
        return True

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        if self._job is None:
            raise QgsProcessingException(tr("The algorithm was not prepared."))
        # Not while preparing: Processing forgets the layers to load of any context but this one.
        job = dataclasses.replace(self._job, **self.outputs(Values(self, parameters, context)))
        with spoken_errors(), self.backend() as client:
            done = run(client, job, feedback)
        return self.results(done, context)

    @contextmanager
    def backend(self) -> Iterator[Client]:
        """Gives the backend that runs the job."""
        yield shared_client()

    def results(self, done: Done, context: QgsProcessingContext) -> Dict[str, Any]:
        """Gives the values of the outputs."""
        files = {"OUTPUT": done.output, "MASK_OUTPUT": done.mask_output, "UNCERTAINTY_OUTPUT": done.uncertainty_output}
        outputs = {name: path for name, path in files.items() if path}
        for name, path in outputs.items():
            self.dress(name, path, context)
        return {**outputs, "CLOUD_FRACTION": done.cloud_fraction}

    def _note_source(self, values: Values) -> None:
        self._source_name = Path(values.image(self.image_parameter) or "").stem
        layer = values.layer(self.image_parameter)
        if layer is not None:
            self._source_id, self._source_name = layer.id(), layer.name()

    def dress(self, name: str, path: str, context: QgsProcessingContext) -> None:
        """Has an output that goes into the project styled, and named unless the user or a model has named it."""
        if not context.willLoadLayerOnCompletion(path):
            return
        details = context.layerToLoadOnCompletionDetails(path)
        if (
            name == next(iter(self.kinds))
            and self._source_name
            and details.name == self.parameterDefinition(name).description()
        ):
            details.name = tr(self.result_name).format(self._source_name)
        details.setPostProcessor(ResultStyle(self.kinds[name], self._source_id))

    def job(self, values: Values) -> Job:
        """Gives the job that the values ask for, but for its outputs.

        Raises:
            UncloudedError: A layer has no file that the backend could open.
        """
        raise NotImplementedError

    def outputs(self, values: Values) -> Dict[str, Any]:
        """Gives the fields of the job that say where the outputs go."""
        return {name.lower(): values.output(name) for name in self.kinds}

    def inputs(self, values: Values) -> List[str]:
        """Gives the files that the job reads and must not write.

        Raises:
            UncloudedError: One of them cannot be opened by the backend.
        """
        raise NotImplementedError

    def problem(self, values: Values) -> str:
        """Says what can be seen to be wrong with the values before the algorithm runs; empty if nothing is."""
        clash = values.overwritten(self.inputs(values))
        return (
            tr("{path} is an input or another output already: choose another file.").format(path=clash) if clash else ""
        )

    def reading(self, values: Values) -> Dict[str, Any]:
        """Gives the fields of a job that say how the optical image is read."""
        level = values.choice("LEVEL")
        return {
            "bands": parse_bands(values.text("BANDS")),
            "level": level if level in ("L1C", "L2A") else None,
            "offset": values.number("OFFSET"),
        }

    def masking(self, values: Values) -> Dict[str, Any]:
        """Gives the fields of a job that say where and how clouds are found."""
        return {
            "bbox": values.bbox("EXTENT", "OPTICAL"),
            "cloud_threshold": values.number("THRESHOLD"),
            "grow_px": values.whole_number("GROW"),
        }


@contextmanager
def spoken_errors() -> Iterator[None]:
    """Turns errors of the backend into Processing's own."""
    try:
        yield
    except UncloudedError as error:
        raise QgsProcessingException(str(error)) from error
