"""The real desktop under Xvfb: what an analyst does with the mouse, from the button to the layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal

pytestmark = [pytest.mark.qgis, pytest.mark.slow]

PICTURES = ("dock.png", "compare.png", "toolbox.png", "evaluation.png", "training.png")
SCRIPT = Path(__file__).parent / "in_qgis.py"


@pytest.fixture
def seen(
    run_qgis: Callable[[Path, dict[str, str]], dict[str, Any]],
    environment: dict[str, str],
    cloudy_scene: Path,
    cloud_mask: Path,
    write_raster: Callable[..., Path],
    clear_images: list[Path],
    tiny_training: str,
    tmp_path: Path,
) -> dict[str, Any]:
    """What in_qgis.py wrote down."""
    (tmp_path / "tiny.txt").write_text(tiny_training)
    write_raster("large.tif", np.tile(_pixels(cloudy_scene), (1, 30, 30)), ("B2", "B3", "B4", "B8"))
    (tmp_path / "cancelled").mkdir()
    return run_qgis(SCRIPT, {**environment, "UNCLOUDED_TEST_FOLDER": str(tmp_path)})


def _pixels(path: str | Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def _files(layers: list[dict[str, str]]) -> dict[str, str]:
    return {layer["kind"]: layer["file"] for layer in layers}


def test_from_the_button_to_the_layer(
    seen: dict[str, Any], cloudy_scene: Path, cloud_mask: Path, tmp_path: Path
) -> None:
    assert seen["errors"] == []
    assert seen["step"] == "unload"
    dock, toolbox = _files(seen["dock"]), _files(seen["toolbox"])
    assert set(dock) == {"image", "mask", "uncertainty"}
    assert set(toolbox) == {"image", "mask"}
    assert dock["image"] == str(tmp_path / "from_dock.tif")
    before, mask = _pixels(cloudy_scene), _pixels(dock["mask"])
    after = _pixels(dock["image"])
    assert np.array_equal(after[:, mask == 0], before[:, mask == 0])
    assert (mask[_pixels(cloud_mask) == 1] == 1).all()
    assert after[:, 45, 35].max() < 5000 < before[:, 45, 35].min()
    assert Path(toolbox["image"]).read_bytes() == Path(dock["image"]).read_bytes()
    assert {layer["renderer"] for layer in seen["toolbox"]} == {
        "QgsMultiBandColorRenderer",
        "QgsPalettedRasterRenderer",
    }
    assert {layer["name"] for layer in seen["toolbox"]} == {"cloudy without clouds", "Clouds and shadows"}
    assert seen["items_left"] == seen["items"]
    report = Path(seen["figures"]["REPORT"])
    assert seen["viewer"] == [str(report)]
    assert report.is_file()
    assert 0.1 < seen["figures"]["MAE"] < 1
    assert "Reconstruction: " in seen["tables"]
    assert (seen["error"]["name"], seen["error"]["renderer"]) == (
        "Error of cloudy without clouds",
        "QgsSingleBandPseudoColorRenderer",
    )
    trained = Path(seen["trained"])
    assert trained.is_file()
    assert "Epoch 2 of 2: " in seen["told"]
    assert seen["chosen"] == ["generator", str(trained)]
    from_trained = _pixels(tmp_path / "from_trained.tif")
    assert np.array_equal(from_trained[:, mask == 0], before[:, mask == 0])
    assert (from_trained[:, mask == 1] != after[:, mask == 1]).mean() > 0.5
    assert list((tmp_path / "cancelled").iterdir()) == []
    assert all((tmp_path / picture).stat().st_size > 10_000 for picture in PICTURES)
