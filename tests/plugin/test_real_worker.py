"""The client and the dock with the real backend; skipped where it is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from qgis.core import QgsProject

from unclouded.backend.protocol import PROTOCOL, DetectClouds
from unclouded.plugin.client import Client, new_job_id
from unclouded.plugin.dock import Dock
from unclouded.plugin.environment import interpreter_of
from unclouded.plugin.results import RESULT

from .conftest import wait_until

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    python = interpreter_of(CHECKOUT / ".venv")
    if not python.is_file():
        pytest.skip(f"no backend in {python}: run make")
    client = Client(python)
    yield client
    client.close()


def test_it_shakes_hands_and_knows_its_devices(client):
    assert client.start().protocol == PROTOCOL
    assert "cpu" in {device["name"] for device in client.wait_ready().devices}


def test_its_errors_come_with_a_hint(client, tmp_path):
    text = tmp_path / "text.tif"
    text.write_text("no raster")
    failed = list(client.run(DetectClouds(new_job_id(), str(text), str(tmp_path / "mask.tif"))))[-1]
    assert failed.code == "unreadable"
    assert failed.hint


def test_a_job_of_the_dock_becomes_a_layer(client, qgis_iface, add_layer, tmp_path):
    source = add_layer("scene")
    mask = add_layer("mask", bands=1, value=0)
    dock = Dock(qgis_iface, lambda: client)
    dock.inputs.prefer(source)
    dock.inputs.mask_box.setLayer(mask)
    dock.options.method.setCurrentIndex(dock.options.method.findData("inpaint"))
    dock.run_panel.run_button.click()
    wait_until(lambda: not dock.run_panel.run_button.isHidden(), "the job to end")
    kinds = {layer.customProperty(RESULT) for layer in QgsProject.instance().mapLayers().values()}
    assert {"image", "mask", "uncertainty"} <= kinds, dock.run_panel.log.toPlainText()
    dock.tear_down()
    dock.deleteLater()
