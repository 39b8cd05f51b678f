"""A world of tiny packages in which an installation takes seconds: real environments, real pip, a local index."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from unclouded.plugin.installing import variant as variants
from unclouded.plugin.installing.base_python import BasePython, choose_base
from unclouded.plugin.installing.install import Step, install
from unclouded.plugin.installing.plan import Plan
from unclouded.plugin.installing.variant import Variant

from .index import Index, serving
from .wheels import make_backend, make_wheel

PINS = ("alpha==1.0", "stub-backend==1.0", "torch==2.13.0", "windows-only==1.0 ; sys_platform == 'win32'")


class World:
    """Wheels, an index that serves them, pins, and a place for an environment."""

    def __init__(self, folder: Path, base: BasePython, index: Index) -> None:
        self.base, self.index = base, index
        self.wheels = index.folder
        self.requirements = folder / "requirements" / "cpu.txt"
        self.target = folder / "data" / "environment"
        self.steps: list[Step] = []
        self.requirements.parent.mkdir()
        self.pin(*PINS)
        make_wheel(self.wheels, "alpha")
        make_wheel(self.wheels, "torch", "2.13.0")
        make_backend(self.wheels)

    def pin(self, *lines: str) -> None:
        self.requirements.write_text("# pins\n" + "\n".join(lines) + "\n")

    def plan(self, offline: bool = False, torch_index: str = "", base: BasePython | None = None) -> Plan:
        variant = Variant("cpu", "No reason.", self.requirements, torch_index, 20_000, 20_000_000)
        return Plan(self.target, base or self.base, variant, self.wheels if offline else None, False, 10**12)

    def install(self, cancelled: Callable[[], bool] = lambda: False, **options: object) -> object:
        return install(self.plan(**options), self.steps.append, cancelled)

    def contents(self) -> set[str]:
        """Gives what lies beside the environment, and the environment."""
        return {path.name for path in self.target.parent.iterdir()} if self.target.parent.is_dir() else set()


@pytest.fixture(scope="session")
def base() -> BasePython:
    found = choose_base()
    if found.problem:
        pytest.skip(found.problem)
    return found


@pytest.fixture
def world(tmp_path: Path, base: BasePython, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with serving(tmp_path / "wheels") as index:
        world = World(tmp_path, base, index)
        for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_CERT", "http_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_TRUSTED_HOST", "127.0.0.1 index.example.org")
        monkeypatch.setenv("PIP_INDEX_URL", f"{index.address}/usual")
        monkeypatch.setattr(variants, "REQUIREMENTS", world.requirements.parent)
        yield world


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, base: BasePython) -> Path:
    """An installed environment to be copied."""
    with serving(tmp_path_factory.mktemp("wheels")) as index:
        world = World(tmp_path_factory.mktemp("made"), base, index)
        world.install(offline=True)
        return world.target


@pytest.fixture
def installed(world: World, made: Path) -> World:
    """A world whose environment is installed."""
    shutil.copytree(made, world.target, symlinks=True)
    return world
