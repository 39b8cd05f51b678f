"""An installer that downloads nothing: the window is under test, not pip."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from unclouded.backend.errors import BackendError, Cancelled
from unclouded.plugin.environment import NotInstalled, interpreter_of
from unclouded.plugin.installer import Installer
from unclouded.plugin.installing.base_python import BasePython
from unclouded.plugin.installing.install import Network, Step
from unclouded.plugin.installing.plan import Plan
from unclouded.plugin.installing.proof import Proof
from unclouded.plugin.installing.state import State
from unclouded.plugin.installing.variant import Variant

PROOF = Proof("cuda:0", "Some GPU", 12.4)


class FakeInstaller(Installer):
    """Installs by setting its own state, after `go` is set; `outcomes` are errors and proofs to end with, in order."""

    def __init__(self, target: Path, first: State = State.MISSING) -> None:
        super().__init__(target)
        self.now = first
        self.go = threading.Event()
        self.outcomes: list[BackendError | Proof] = []
        self.plan_error: BackendError | None = None
        self.needs_uv = False
        self.foreign: Path | None = None
        self.calls: list[tuple[object, ...]] = []

    def state(self) -> State:
        return self.now

    def variant(self) -> str:
        return "cpu"

    def python(self) -> Path:
        if self.foreign is not None:
            return self.foreign
        if self.now in (State.MISSING, State.HALF_MADE):
            raise NotInstalled("The backend is not installed.")
        return interpreter_of(self.target)

    def network(self) -> Network:
        return Network("http://proxy.example.org:8080")

    def plan(self, variant: str, wheels: Path | None) -> Plan:
        self.calls.append(("plan", variant, wheels))
        if self.plan_error is not None:
            raise self.plan_error
        base = BasePython(Path("/usr/bin/python3"), (3, 11, 2), "x86_64", "It is too old." if self.needs_uv else "")
        chosen = Variant(variant or "cuda", "There is a GPU.", Path("cuda.txt"), "", 3_000_000_000, 6_000_000_000)
        return Plan(self.target, base, chosen, wheels, self.needs_uv, 50_000_000_000)

    def install(
        self, plan: Plan, say: Callable[[Step], None], cancelled: Callable[[], bool], network: Network
    ) -> Proof:
        return self._work("install", plan, say, cancelled, network)

    def update(self, plan: Plan, say: Callable[[Step], None], cancelled: Callable[[], bool], network: Network) -> Proof:
        return self._work("update", plan, say, cancelled, network)

    def repair(self, plan: Plan, say: Callable[[Step], None], cancelled: Callable[[], bool], network: Network) -> Proof:
        return self._work("repair", plan, say, cancelled, network)

    def remove(self) -> None:
        self.calls.append(("remove",))
        self.now = State.MISSING

    def diagnostics(self, log_lines: object) -> str:
        return "# Diagnostics\n" + "\n".join(log_lines)

    def _work(
        self, kind: str, plan: Plan, say: Callable[[Step], None], cancelled: Callable[[], bool], network: Network
    ) -> Proof:
        self.calls.append((kind, plan.variant.name, plan.wheels, network.proxy))
        self.now = State.HALF_MADE
        say(Step(0.25, "Downloading torch (200 MB)"))
        while not self.go.is_set():
            if cancelled():
                raise Cancelled
            time.sleep(0.01)
        outcome = self.outcomes.pop(0) if self.outcomes else PROOF
        if isinstance(outcome, BackendError):
            raise outcome
        self.now = State.READY
        return outcome
