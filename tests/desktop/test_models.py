"""The model manager in the real desktop under Xvfb: download by click, verify, import, run, remove."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal

from ..registry import copy_generator, make_registry, served

pytestmark = [pytest.mark.qgis, pytest.mark.slow]

SCRIPT = Path(__file__).parent / "in_qgis_models.py"
NAME = "fusion-copy"


@pytest.fixture
def seen(
    run_qgis: Callable[[Path, dict[str, str]], dict[str, Any]],
    environment: dict[str, str],
    cloudy_scene: Path,
    cloud_mask: Path,
    tmp_path: Path,
) -> dict[str, Any]:
    """What in_qgis_models.py wrote down."""
    make_registry(tmp_path / "registry", NAME, Path(environment["UNCLOUDED_PYTHON"]))
    copy_generator(tmp_path / "plain.safetensors", None)
    places = {"UNCLOUDED_TEST_FOLDER": str(tmp_path), "UNCLOUDED_MODELS": str(tmp_path / "models")}
    with served(tmp_path / "registry") as address:
        (tmp_path / "address.txt").write_text(address)
        return run_qgis(SCRIPT, {**environment, **places})


def test_a_generator_comes_is_used_and_goes_by_click(seen: dict[str, Any], cloudy_scene: Path, tmp_path: Path) -> None:
    assert seen["errors"] == []
    assert seen["step"] == "look_at_the_end"
    assert "by-hand" in seen["bundled"].values()
    assert seen["registry"] == {"fusion": "bundled", NAME: "available"}
    assert seen["downloaded"] == {"fusion": "bundled", NAME: "installed"}
    assert "the weights are those that the card names" in seen["verified"]
    assert "13 bands" in seen["found"]
    assert seen["previewed"].startswith("The whole view went through the network")
    assert seen["imported"] == {"fusion": "bundled", NAME: "installed", "plain": "installed"}
    assert [text.split(":")[0] for text in seen["offered"][1:3]] == [NAME, "plain"]
    before, after = (gdal.Open(str(path)).ReadAsArray() for path in (cloudy_scene, tmp_path / "from_downloaded.tif"))
    changed = (before != after).any(axis=0)
    assert 0 < changed.mean() < 0.5
    assert np.median(after[:, changed]) < np.median(before[:, changed])
    assert seen["removed"] == {"fusion": "bundled", NAME: "available", "plain": "installed"}
    assert not any(text.startswith(NAME) for text in seen["left"])
    assert [path.name for path in (tmp_path / "models").glob("*.safetensors")] == ["plain.safetensors"]
    assert all((tmp_path / picture).stat().st_size > 10_000 for picture in ("manager.png", "import.png"))
