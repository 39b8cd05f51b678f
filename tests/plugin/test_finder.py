"""SAR and other dates for a layer: what is told before, what is sent, and what becomes of it, with the real backend."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from osgeo import gdal
from qgis.core import QgsProject, QgsRasterLayer, QgsSettings
from qgis.PyQt.QtWidgets import QDialogButtonBox

from unclouded.plugin.client import Client
from unclouded.plugin.dock import Dock
from unclouded.plugin.environment import interpreter_of
from unclouded.plugin.fetch_dialog import FetchDialog
from unclouded.plugin.fetched_layers import read_record
from unclouded.plugin.settings import Setting
from unclouded.plugin.settings_dialog import SettingsDialog

from .catalogues import CHECKOUT, LEFT, TOP
from .conftest import wait_until, write_raster

pytestmark = [pytest.mark.qgis, pytest.mark.usefixtures("users_data")]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    client = Client(interpreter_of(CHECKOUT / ".venv"))
    yield client
    client.close()


@pytest.fixture
def scene(tmp_path: Path) -> QgsRasterLayer:
    """A layer of 8 x 8 px in the land of the catalogue, whose name tells its day."""
    path = write_raster(tmp_path / "scene_20200601.tif", epsg=32632, left=LEFT)
    file = gdal.Open(path, gdal.GA_Update)
    file.SetGeoTransform((LEFT, 10, 0, TOP, 0, -10))
    del file
    layer = QgsRasterLayer(path, "scene", "gdal")
    QgsProject.instance().addMapLayer(layer)
    return layer


@pytest.fixture
def dock(client: Client, qgis_iface: object, scene: QgsRasterLayer) -> Iterator[Dock]:
    dock = Dock(qgis_iface, lambda: client)
    dock.inputs.prefer(scene)
    yield dock
    dock.tear_down()
    dock.deleteLater()
    qgis_iface.messageBar().clear_messages()


def dialog_of(dock: Dock, address: str) -> FetchDialog:
    dialog = FetchDialog(dock.inputs.optical, None, dock)
    dialog.catalogue.setEditText(address)
    return dialog


def idle(dock: Dock) -> bool:
    return not dock.inputs.finder.row.busy


def test_sar_and_dates_are_found_shown_and_chosen(dock, scene, catalogue, tmp_path):
    dialog = dialog_of(dock, catalogue)
    dialog.dates.setValue(2)
    dock.inputs.finder.look(dialog, scene)
    assert not dock.inputs.finder.button.isEnabled()
    wait_until(lambda: idle(dock), "the images")

    status = dock.inputs.finder.row.status.text()
    folder = tmp_path / "scene_found"
    assert "Found: SAR and 2 other date(s)." in status
    assert dock.inputs.optical is scene
    assert dock.inputs.sar.source() == str(folder / "sar.tif")
    assert [layer.name() for layer in dock.inputs.dates.layers()] == ["2020-06-21", "2020-07-21"]
    assert {layer.extent() == scene.extent() for layer in (dock.inputs.sar, *dock.inputs.dates.layers())} == {True}
    tree = QgsProject.instance().layerTreeRoot()
    assert [child.name() for child in tree.children()] == ["scene", "SAR and dates of scene"]
    assert dock.inputs.finder.button.isEnabled()

    again = dialog_of(dock, catalogue)
    again.dates.setValue(2)
    count = len(QgsProject.instance().mapLayers())
    dock.inputs.finder.look(again, scene)
    wait_until(lambda: idle(dock), "the images again")
    assert len(QgsProject.instance().mapLayers()) == count


def test_the_job_uses_what_was_found(dock, scene, catalogue, tmp_path):
    dock.inputs.finder.look(dialog_of(dock, catalogue), scene)
    wait_until(lambda: idle(dock), "the images")
    job = dock.form.choices(preview=False)
    assert job.sar.source() == str(tmp_path / "scene_found" / "sar.tif")
    assert len(job.dates) == 3


def test_the_user_is_told_what_goes_where(dock, catalogue):
    dialog = dialog_of(dock, "earth-search")
    send = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    told = dialog.notice.text()
    assert "The extent of “scene” and its day will be sent to https://earth-search.aws.element84.com/v1." in told
    dialog.catalogue.setEditText(catalogue)
    assert f"sent to {catalogue}" in dialog.notice.text()
    assert send.isEnabled()
    for field, text in ((dialog.catalogue.setEditText, "nowhere"), (dialog.day.setText, "yesterday")):
        field(text)
        assert not send.isEnabled()
        dialog.catalogue.setEditText(catalogue)
    dialog.day.setText("2020-06-01")
    assert send.isEnabled()
    assert dialog.job().day == "2020-06-01"
    dialog.accept()
    assert Setting.CATALOGUE.get() == catalogue


def test_a_failure_is_said_and_changes_nothing(dock, scene, tmp_path):
    dock.inputs.finder.look(dialog_of(dock, "http://127.0.0.1:9"), scene)
    wait_until(lambda: idle(dock), "the failure")
    assert "The catalogue http://127.0.0.1:9 cannot be reached." in dock.inputs.finder.row.status.text()
    assert dock.inputs.sar is None
    assert list(QgsProject.instance().mapLayers().values()) == [scene]


def test_a_search_is_cancelled(dock, scene, catalogue):
    dock.inputs.finder.look(dialog_of(dock, catalogue), scene)
    dock.inputs.finder.row.cancel()
    wait_until(lambda: idle(dock), "the end")
    assert "Cancelled" in dock.inputs.finder.row.status.text()
    assert dock.inputs.sar is None


def test_a_layer_from_the_web_cannot_be_looked_for(dock, scene):
    tiles = QgsRasterLayer("type=xyz&url=http://localhost:1/{z}/{x}/{y}.png&zmax=1&zmin=0", "tiles", "wms")
    QgsProject.instance().addMapLayer(tiles)
    dock.inputs.optical_box.setLayer(tiles)
    refused = []
    dock.inputs.refused.connect(refused.append)
    dock.inputs.finder.ask()
    assert "it comes from a web" in str(refused[0])


def test_a_closed_project_gets_no_layers(dock, scene, catalogue, tmp_path):
    dialog = dialog_of(dock, catalogue)
    dialog.dates.setValue(0)
    dock.inputs.finder.look(dialog, scene)
    QgsProject.instance().clear()
    wait_until(lambda: idle(dock), "the images")
    assert "The image is gone from the project." in dock.inputs.finder.row.status.text()
    assert not QgsProject.instance().mapLayers()
    assert read_record(str(tmp_path / "scene_found" / "fetch.json")).dates == []


def test_the_catalogue_is_a_setting(qgis_app):
    dialog = SettingsDialog()
    assert dialog.fields[Setting.CATALOGUE].filePath() == "planetary-computer"
    dialog.fields[Setting.CATALOGUE].setFilePath("https://stac.example.org/v1")
    dialog.accept()
    assert QgsSettings().value(Setting.CATALOGUE.path) == "https://stac.example.org/v1"
    dialog.deleteLater()
