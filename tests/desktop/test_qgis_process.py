"""`qgis_process` without a window, with the real backend."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

pytestmark = [pytest.mark.qgis, pytest.mark.slow]


@pytest.fixture
def qgis_process(environment: dict[str, str]) -> str:
    # Debian's wrapper in QGIS 3.22 passes an option that the program does not know.
    found = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
    if found is None:
        pytest.skip("qgis_process is not installed")
    return found


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**environment, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def _pixels(path: Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def test_clouds_are_removed_headless(
    qgis_process: str, environment: dict[str, str], cloudy_scene: Path, cloud_mask: Path, tmp_path: Path
) -> None:
    command = [
        qgis_process,
        "run",
        "unclouded:removeclouds",
        "--",
        f"OPTICAL={cloudy_scene}",
        f"MASK={cloud_mask}",
        "GROW=0",
        "METHOD=inpaint",
        f"OUTPUT={tmp_path / 'clear.tif'}",
    ]
    finished = _run(command, environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    before, after, cloud = _pixels(cloudy_scene), _pixels(tmp_path / "clear.tif"), _pixels(cloud_mask) == 1
    assert np.array_equal(after[:, ~cloud], before[:, ~cloud])
    assert (after[:, cloud] != before[:, cloud]).mean() > 0.99


def test_the_generator_gives_the_same_bytes_as_on_the_command_line(
    qgis_process: str, environment: dict[str, str], cloudy_scene: Path, tmp_path: Path
) -> None:
    headless, commanded = tmp_path / "headless.tif", tmp_path / "commanded.tif"
    finished = _run(
        [qgis_process, "run", "unclouded:removeclouds", "--", f"OPTICAL={cloudy_scene}", f"OUTPUT={headless}"],
        environment,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    command = Path(environment["UNCLOUDED_PYTHON"]).with_name("unclouded")
    finished = _run([str(command), "remove", str(cloudy_scene), "--output", str(commanded)], environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert headless.read_bytes() == commanded.read_bytes()


def test_the_state_of_the_backend_is_told_headless(
    qgis_process: str, environment: dict[str, str], tmp_path: Path
) -> None:
    command = [qgis_process, "run", "unclouded:backendstatus"]
    finished = _run(command, environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    told = dict(line.split(":\t") for line in finished.stdout.splitlines() if ":\t" in line)
    assert told["STATE"] == "ready"
    assert "torch 2." in told["VERSIONS"]
    finished = _run(command, {**environment, "UNCLOUDED_PYTHON": str(tmp_path / "none")})
    assert finished.returncode == 0, finished.stdout + finished.stderr
    told = dict(line.split(":\t") for line in finished.stdout.splitlines() if ":\t" in line)
    assert told["STATE"] == "broken"
    assert "does not exist" in told["PROBLEM"]


def test_a_failure_is_told_and_leaves_nothing(
    qgis_process: str, environment: dict[str, str], cloudy_scene: Path, tmp_path: Path
) -> None:
    output = tmp_path / "clear.tif"
    command = [qgis_process, "run", "unclouded:removeclouds", "--", f"OPTICAL={cloudy_scene}", f"OUTPUT={output}"]
    finished = _run([*command, "BANDS=B2,B3"], environment)
    assert finished.returncode != 0
    assert "Name them in file order" in finished.stdout + finished.stderr
    assert not output.exists()


def test_a_result_is_evaluated_headless(
    qgis_process: str,
    environment: dict[str, str],
    cloudy_scene: Path,
    write_raster: Callable[..., Path],
    tmp_path: Path,
) -> None:
    report, error = tmp_path / "report.html", tmp_path / "error.tif"
    reference = write_raster("darker.tif", _pixels(cloudy_scene) - np.uint16(100), ("B2", "B3", "B4", "B8"))
    command = [qgis_process, "run", "unclouded:evaluateresult", "--", f"RESULT={cloudy_scene}"]
    command += [f"REFERENCE={reference}", f"REPORT={report}", f"ERROR_OUTPUT={error}"]
    finished = _run(command, environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    figures = dict(line.split(":\t") for line in finished.stdout.splitlines() if ":\t" in line)
    assert float(figures["MAE"]) == pytest.approx(0.01, abs=1e-5)
    assert np.allclose(_pixels(error), 0.01, atol=1e-5)
    assert "MAE" in report.read_text()


def test_a_trained_generator_serves_the_command_line(
    qgis_process: str, environment: dict[str, str], clear_images: list[Path], tiny_training: str, tmp_path: Path
) -> None:
    clear, trained, removed = clear_images[0], tmp_path / "own.safetensors", tmp_path / "removed.tif"
    command = [
        qgis_process,
        "run",
        "unclouded:traingenerator",
        "--",
        f"OUTPUT={trained}",
        "START_FROM=",
        "RECIPE=fusion",
    ]
    command += ["EPOCHS=2", "WINDOWS=4", f"SETTINGS={tiny_training}", *(f"IMAGES={path}" for path in clear_images)]
    finished = _run(command, environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "Epoch 2 of 2: " in finished.stdout + finished.stderr
    program = Path(environment["UNCLOUDED_PYTHON"]).with_name("unclouded")
    command = [str(program), "remove", str(clear), "--mask", "all", "--model", str(trained), "--output", str(removed)]
    finished = _run(command, environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (_pixels(removed) != _pixels(clear)).mean() > 0.9
