"""A registered provider, and a feedback that remembers what it was told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback

from unclouded.plugin.processing.provider import UncloudedProvider

ROOT = Path(__file__).resolve().parents[3]
FAKE_WORKER = Path(__file__).parents[1] / "fake_worker.py"


class Ear(QgsProcessingFeedback):
    """Remembers what the user would read."""

    def __init__(self) -> None:
        super().__init__(False)
        self.words: list[str] = []
        self.tables: list[str] = []
        self.warnings: list[str] = []
        self.fractions: list[float] = []
        self.progressChanged.connect(self.fractions.append)

    def pushInfo(self, info: str) -> None:
        self.words.append(info)

    def pushConsoleInfo(self, info: str) -> None:
        self.tables.append(info.replace("\u00a0", " "))

    def pushFormattedMessage(self, html: str, text: str) -> None:
        self.tables.append(text)

    def pushWarning(self, warning: str) -> None:
        self.warnings.append(warning)

    def setProgressText(self, text: str) -> None:
        self.words.append(text)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def behave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Has the plugin start a fake worker as its backend."""

    def choose(behaviour: str) -> None:
        script = tmp_path / "python"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE_WORKER}" {behaviour}\n')
        script.chmod(0o755)
        monkeypatch.setenv("UNCLOUDED_PYTHON", str(script))

    return choose


@pytest.fixture
def provider(qgis_app: QgsApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[UncloudedProvider]:
    """Registered as the plugin does it, with the checkout's backend; skips where that is not installed."""
    python = ROOT / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.is_file():
        pytest.skip("the backend is not installed: run make test")
    monkeypatch.setenv("UNCLOUDED_PYTHON", str(python))
    provider = UncloudedProvider()
    registry = QgsApplication.processingRegistry()
    registry.addProvider(provider)
    yield provider
    registry.removeProvider(provider)
