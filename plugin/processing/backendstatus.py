"""Tell in what state the backend is; for those who have no window, and for scripts that want to know before a job."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from qgis.core import (
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
)

from ...backend.errors import BackendError, Cancelled
from ..environment import NotInstalled
from ..installer import Installer
from ..installing.proof import ask_backend
from ..installing.running import Programs
from ..installing.state import State
from ..wording import tr

BROKEN = "broken"
"""What none of the environment's states says: there is an interpreter, and the backend does not run in it."""


class BackendStatusAlgorithm(QgsProcessingAlgorithm):
    """Never fails because of the backend: that it is missing is an answer, too."""

    def createInstance(self) -> BackendStatusAlgorithm:
        return type(self)()

    def name(self) -> str:
        return "backendstatus"

    def displayName(self) -> str:
        return tr("Backend status")

    def tags(self) -> List[str]:
        return tr("backend,environment,gpu,cuda,device,version,check,install").split(",")

    def shortDescription(self) -> str:
        return tr("Tells whether the backend is installed, with which Python it runs, on which device, which versions.")

    def shortHelpString(self) -> str:
        return tr(
            "<p>Tells in what state the backend is, and does not fail where it is missing.</p>"
            "<p><b>State</b>: <i>ready</i>; <i>outdated</i> (it runs, but this version of the plugin needs other "
            "libraries: press Update in the dock); <i>half-made</i> (an installation was cut off: resume it in the "
            "dock); <i>missing</i>; <i>broken</i> (there is a Python, but the backend does not run in it).</p>"
            "<p><b>Run the generator</b>: lets the bundled generator work on a small tile and tells the time, which "
            "proves that the device works.</p>"
            "<p>Headless machines need no dock: make an environment from resources/requirements/cpu.txt or cuda.txt "
            "in the plugin's folder, and name its Python in the variable UNCLOUDED_PYTHON.</p>"
        )

    def initAlgorithm(self, configuration: Optional[Dict[str, Any]] = None) -> None:
        self.addParameter(QgsProcessingParameterBoolean("PROVE", tr("Run the generator"), False))
        for key, description in (
            ("STATE", tr("State: ready, outdated, half-made, missing or broken")),
            ("PYTHON", tr("Interpreter of the backend")),
            ("DEVICE", tr("Device that is taken by default")),
            ("DEVICE_NAME", tr("Name of the device")),
            ("VERSIONS", tr("Versions of backend and libraries")),
            ("PROBLEM", tr("What is wrong and what to do")),
        ):
            self.addOutput(QgsProcessingOutputString(key, description))
        self.addOutput(QgsProcessingOutputNumber("MODELS", tr("Number of installed generators")))
        self.addOutput(QgsProcessingOutputNumber("MILLISECONDS", tr("Time of one tile, if the generator was run")))

    def processAlgorithm(
        self, parameters: Dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Dict[str, Any]:
        results: Dict[str, Any] = {"STATE": State.READY.value, "PYTHON": "", "DEVICE": "", "VERSIONS": "", "MODELS": 0}
        try:
            self._look(results, ["--check"] if self.parameterAsBoolean(parameters, "PROVE", context) else [], feedback)
        except Cancelled as cancelled:
            raise QgsProcessingException(tr("Cancelled.")) from cancelled
        except BackendError as error:
            results["PROBLEM"] = str(error)
        for key, value in results.items():
            if value not in ("", 0):
                feedback.pushInfo(f"{self.outputDefinition(key).description()}: {value}")
        return results

    def _look(self, results: Dict[str, Any], options: List[str], feedback: QgsProcessingFeedback) -> None:
        """Fills in what it learns, one after the other, so that an error leaves what was learnt before."""
        installer = Installer()
        results["STATE"] = BROKEN
        try:
            python = installer.python()
        except NotInstalled:
            results["STATE"] = installer.state().value
            raise
        results["PYTHON"] = str(python)
        told = ask_backend(python, options, Programs(feedback.isCanceled, {}))
        results["STATE"] = installer.state().value if installer.is_used() else State.READY.value
        results["VERSIONS"] = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
        results["MODELS"] = len(told["models"])
        results["DEVICE"], results["DEVICE_NAME"] = told["devices"][0]["name"], told["devices"][0]["label"]
        if "proof" in told:
            results["MILLISECONDS"] = told["proof"]["milliseconds"]
            results["PROBLEM"] = told["proof"].get("warning", "")
