"""What the dock asks of plugin/installing, gathered in one object so that another can take its place."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Dict, Optional, Sequence

from qgis.core import Qgis, QgsApplication
from qgis.PyQt.QtCore import QT_VERSION_STR

from ..backend.errors import BackendError
from . import network
from .environment import find_python, interpreter_of, user_environment
from .installing import install, plan, state
from .installing.diagnostics import diagnostics
from .installing.install import Cancelled, Network, Say
from .installing.plan import Plan
from .installing.proof import Proof
from .installing.stamp import read_stamp
from .installing.state import State
from .settings import Setting


class Installer:
    """The environment in the user's data folder.

    Args:
        target: Its folder; the usual one if None.
    """

    def __init__(self, target: Optional[Path] = None) -> None:
        self.target = target or user_environment()

    def state(self) -> State:
        """Tells what is in the folder."""
        return state.state(self.target)

    def variant(self) -> str:
        """Tells which build is installed, `cpu` or `cuda`; empty if none is."""
        stamp = read_stamp(self.target)
        return stamp.variant if stamp is not None else ""

    def python(self) -> Path:
        """Gives the interpreter that the backend runs with.

        Raises:
            NotInstalled: There is none.
            BackendError: The one that was named does not exist.
        """
        return find_python(Setting.PYTHON.get())

    def is_used(self) -> bool:
        """Tells whether the backend runs with this environment."""
        try:
            return self.python() == interpreter_of(self.target)
        except BackendError:
            return False

    def network(self) -> Network:
        """Gives QGIS's way to the network. Call it in the main thread."""
        return network.network()

    def plan(self, variant: str, wheels: Optional[Path]) -> Plan:
        """Makes a plan, see plan.make_plan. Blocks for seconds, as all that follows may."""
        return plan.make_plan(variant, wheels, self.target)

    def install(self, plan: Plan, say: Say, cancelled: Cancelled, network: Network) -> Proof:
        return install.install(plan, say, cancelled, network)

    def update(self, plan: Plan, say: Say, cancelled: Cancelled, network: Network) -> Proof:
        return install.update(plan, say, cancelled, network)

    def repair(self, plan: Plan, say: Say, cancelled: Cancelled, network: Network) -> Proof:
        return install.repair(plan, say, cancelled, network)

    def remove(self) -> None:
        install.remove(self.target)
        network.remove_certificates()

    def diagnostics(self, log_lines: Sequence[str]) -> str:
        """Gives Markdown for a report of a fault."""
        try:
            python: Optional[Path] = self.python()
        except BackendError:
            python = None
        return diagnostics(python, log_lines, qgis_facts())


def qgis_facts() -> Dict[str, str]:
    """Gives what QGIS knows of itself and is of use in a report; no names, no addresses."""
    return {
        "QGIS": Qgis.QGIS_VERSION,
        "Qt": QT_VERSION_STR,
        "Python of QGIS": sys.version.split()[0],
        "Language": QgsApplication.instance().locale(),
        "Proxy": "yes" if network.proxy_url() else "no",
        "Python set by hand": "yes" if Setting.PYTHON.get() else "no",
    }
