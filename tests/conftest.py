"""What all tests share: real images where they are given, and reasons for what cannot run here."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    without_qgis = pytest.mark.skip(reason="QGIS is not installed for this interpreter")
    without_gpu = pytest.mark.skip(reason="no CUDA device")
    for item in items:
        if "qgis" in item.keywords and importlib.util.find_spec("qgis") is None:
            item.add_marker(without_qgis)
        if "gpu" in item.keywords and not _has_gpu():
            item.add_marker(without_gpu)


def _has_gpu() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real images that UNCLOUDED_DATA names."""
    folder = os.environ.get("UNCLOUDED_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("UNCLOUDED_DATA names no folder of real images")
    return Path(folder)
