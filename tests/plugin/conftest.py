"""Small rasters, a clean project and clean settings, and a dock with a fake backend."""

from __future__ import annotations

import json
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from osgeo import gdal, osr
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer, QgsSettings
from qgis.PyQt.QtCore import QCoreApplication, QEvent

from unclouded.backend.card import Card, card_json
from unclouded.backend.userdata import MODELS_VARIABLE
from unclouded.plugin.client import Client
from unclouded.plugin.dock import Dock
from unclouded.plugin.results import RESULT
from unclouded.plugin.settings import GROUP

from .catalogues import serving

FAKE = Path(__file__).with_name("fake_worker.py")
SIDE_PX = 8


def write_raster(path: Path, bands: int = 4, epsg: int | None = 32633, left: float = 500_000, value: int = 1000) -> str:
    """Writes a GeoTIFF of 8x8 px of 10 m, its bands named B2, B3, B4, B8; each pixel has a value of its own."""
    gdal.UseExceptions()
    file = gdal.GetDriverByName("GTiff").Create(str(path), SIDE_PX, SIDE_PX, bands, gdal.GDT_UInt16)
    if epsg is not None:
        reference = osr.SpatialReference()
        reference.ImportFromEPSG(epsg)
        file.SetProjection(reference.ExportToWkt())
        file.SetGeoTransform((left, 10, 0, 5_000_080, 0, -10))
    for index in range(bands):
        band = file.GetRasterBand(index + 1)
        numbers = [value + 100 * index + pixel for pixel in range(SIDE_PX**2)]
        band.WriteRaster(0, 0, SIDE_PX, SIDE_PX, struct.pack(f"<{SIDE_PX**2}H", *numbers))
        if bands == 4:
            band.SetDescription(("B2", "B3", "B4", "B8")[index])
    del file
    return str(path)


def write_generator(path: Path, **changes: object) -> str:
    """Writes a generator that has a card and no weights."""
    fields = {
        "name": "mine", "version": "1", "title": "My generator", "architecture": "x", "parameters": {},
        "bands": ["B2"], "required_bands": ["B2"], "levels": ["L2A"], "sar": "optional", "dates": "optional",
        "overlap_px": 8, "align_px": 8, "tile_px": 64, "prior": {"B2": 0.1}, "licence": "CC0", "citation": "",
        "training_data": [], **changes,
    }  # fmt: skip
    header = json.dumps({"__metadata__": {"card": card_json(Card(**fields))}}).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return str(path)


def wait_until(condition: Callable[[], bool], what: str = "") -> None:
    """Lets QGIS handle its events until a condition holds."""
    end = time.monotonic() + 300
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for {what or condition}")
        QCoreApplication.processEvents()
        time.sleep(0.01)


def is_idle(dock: Dock) -> bool:
    """Tells whether no job runs."""
    return not dock.run_panel.run_button.isHidden()


def run(dock: Dock) -> None:
    """Presses the button and waits for the end of the job."""
    dock.run_panel.run_button.click()
    wait_until(lambda: is_idle(dock), "the job to end")


def results() -> list[QgsRasterLayer]:
    """Gives the layers that jobs have made."""
    return [layer for layer in QgsProject.instance().mapLayers().values() if layer.customProperty(RESULT)]


@pytest.fixture(autouse=True)
def clean(qgis_app: QgsApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "models"))
    QgsSettings().remove(GROUP)
    QgsProject.instance().clear()
    yield
    QgsProject.instance().clear()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def users_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Authorities that QGIS trusts are written here, not into the user's folder."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "data"))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a catalogue."""
    with serving(tmp_path_factory.mktemp("world") / "files") as address:
        yield address


@pytest.fixture
def add_layer(tmp_path: Path) -> Callable[..., QgsRasterLayer]:
    """Adds a small raster to the project."""

    def add(name: str = "cloudy", **options: object) -> QgsRasterLayer:
        layer = QgsRasterLayer(write_raster(tmp_path / f"{name}.tif", **options), name, "gdal")
        QgsProject.instance().addMapLayer(layer)
        return layer

    return add


@pytest.fixture
def open_dock(qgis_iface: object) -> Iterator[Callable[..., Dock]]:
    """Makes a dock whose backend is a fake worker of some behaviour, see fake_worker.py."""
    docks: list[Dock] = []
    clients: list[Client] = []

    def make(behaviour: str = "normal") -> Dock:
        client = Client(Path(sys.executable), [sys.executable, str(FAKE), behaviour])
        clients.append(client)
        docks.append(Dock(qgis_iface, lambda: client))
        docks[-1].client = client
        return docks[-1]

    yield make
    for dock in docks:
        dock.tear_down()
        dock.deleteLater()
    for client in clients:
        client.close()
    qgis_iface.messageBar().clear_messages()
    wait_until(lambda: not QgsApplication.taskManager().activeTasks(), "the tasks to end")
