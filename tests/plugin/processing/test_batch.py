"""QGIS's own batch dialog with the algorithm: rows, autofill of outputs, a row that fails."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsApplication, QgsProject, QgsProxyProgressTask, QgsRasterLayer
from qgis.PyQt import sip
from qgis.PyQt.QtWidgets import QFileDialog

from unclouded.plugin.processing.provider import UncloudedProvider
from unclouded.plugin.results import RESULT

from ..conftest import wait_until

pytestmark = [pytest.mark.qgis, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def dialog(provider: UncloudedProvider, qgis_iface: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The batch dialog of "Remove clouds", as the toolbox opens it."""
    plugins = Path(QgsApplication.pkgDataPath()) / "python" / "plugins"
    if not (plugins / "processing").is_dir():
        pytest.skip("QGIS came without its plugin Processing")
    monkeypatch.setattr(sys, "path", [*sys.path, str(plugins)])
    from processing.core.ProcessingConfig import ProcessingConfig
    from processing.gui.BatchAlgorithmDialog import BatchAlgorithmDialog

    ProcessingConfig.initialize()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("unclouded:removeclouds")
    dialog = BatchAlgorithmDialog(algorithm)
    yield dialog
    dialog.close()
    sip.delete(dialog)
    for task in QgsApplication.taskManager().activeTasks():
        # The dialog's own: it ends with a Python object that a signal still holds, as QGIS would at its end.
        sip.cast(task, QgsProxyProgressTask).finalize(True)
    wait_until(lambda: not QgsApplication.taskManager().activeTasks(), "the dialog's task to end")


def _fill(dialog: Any, name: str, values: list[Any]) -> None:
    """Writes a column, as "Autofill" does."""
    panel = dialog.mainWidget()
    column = panel.parameter_to_column[name]
    fill = panel.tblParameters.cellWidget(0, column)
    for row, value in enumerate(values):
        fill.setRowValue(row, value, panel.processing_context)


def _autofill_outputs(dialog: Any, name: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names a file in the first row and fills the others by the name of the optical image."""
    from processing.gui.AutofillDialog import AutofillDialog

    def answer(autofill: Any) -> int:
        autofill.cmbFillType.setCurrentIndex(AutofillDialog.FILL_WITH_PARAMETER)
        autofill.cmbParameters.setCurrentIndex(autofill.cmbParameters.findText("Optical image"))
        autofill.accept()
        return 1

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (path, "TIF files (*.tif)"))
    monkeypatch.setattr(AutofillDialog, "exec_", answer)
    panel = dialog.mainWidget()
    panel.tblParameters.cellWidget(1, panel.parameter_to_column[name]).showSelectionDialog()


def _pixels(path: Path) -> np.ndarray:
    return gdal.Open(str(path)).ReadAsArray()


def test_rows_become_results_that_are_named_after_their_images(
    dialog: Any,
    write_raster: Callable[..., Path],
    cloudy_scene: Path,
    cloud_mask: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = write_raster("other.tif", _pixels(cloudy_scene)[:, ::-1].copy(), ("B2", "B3", "B4", "B8"))
    layer = QgsRasterLayer(str(other), "May")
    QgsProject.instance().addMapLayer(layer)
    (tmp_path / "broken.tif").write_bytes(b"no image")
    (tmp_path / "out").mkdir()
    _fill(dialog, "OPTICAL", [str(cloudy_scene), layer.id(), str(tmp_path / "broken.tif")])
    _fill(dialog, "MASK", [str(cloud_mask)] * 3)
    _fill(dialog, "METHOD", ["inpaint"] * 3)
    _autofill_outputs(dialog, "OUTPUT", str(tmp_path / "out" / "clear_.tif"), monkeypatch)
    _autofill_outputs(dialog, "MASK_OUTPUT", str(tmp_path / "out" / "mask_.tif"), monkeypatch)
    dialog.mainWidget().checkLoadLayersOnCompletion.setChecked(True)

    dialog.runAlgorithm()

    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "clear_cloudy.tif",
        "mask_cloudy.tif",
        "clear_May.tif",
        "mask_May.tif",
    }
    for source, name in ((cloudy_scene, "cloudy"), (other, "May")):
        before, after = _pixels(source), _pixels(tmp_path / "out" / f"clear_{name}.tif")
        mask = _pixels(tmp_path / "out" / f"mask_{name}.tif")
        assert np.array_equal(after[:, mask == 0], before[:, mask == 0])
        assert (after[:, _pixels(cloud_mask) == 1] != before[:, _pixels(cloud_mask) == 1]).mean() > 0.9
    dialog.saveLogToFile(str(tmp_path / "log.txt"), dialog.LogFormat.FormatPlainText)
    assert "broken.tif cannot be read as a raster" in (tmp_path / "log.txt").read_text()
    shown = [one for one in QgsProject.instance().mapLayers().values() if one.customProperty(RESULT)]
    assert len(shown) == 4
