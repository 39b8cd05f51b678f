"""Runs inside the real QGIS: gets a generator of a registry by click, uses it, imports another, removes the first.

QGIS executes this file (`qgis --code`); test_models.py starts it and reads `seen.json`. UNCLOUDED_TEST_FOLDER holds
cloudy.tif, mask.tif, the weights plain.safetensors and the registry's address in address.txt.
"""

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QMessageBox
from qgis.utils import iface
from walk import FOLDER, POLL_MS, Walk, seen

NAME = "fusion-copy"


def load():
    """Opens the image and its mask and shows the dock."""
    project = QgsProject.instance()
    layers = [QgsRasterLayer(str(FOLDER / name), name[:-4]) for name in ("cloudy.tif", "mask.tif")]
    project.addMapLayers(layers)
    iface.mapCanvas().setExtent(layers[0].extent())
    dock().setUserVisible(True)
    dock().inputs.optical_box.setLayer(layers[0])
    dock().inputs.mask_box.setLayer(layers[1])
    return lambda: dock().run_panel.run_button.isEnabled()


def open_manager():
    """Presses the dock's button and waits for the bundled list."""
    press(dock().options.models_button)
    return idle


def choose_registry():
    """Types the registry's address."""
    seen["bundled"] = states()
    QTest.keyClicks(manager().registry.address, (FOLDER / "address.txt").read_text())
    QTest.keyClick(manager().registry.address, Qt.Key.Key_Return)
    return idle


def download():
    """Gets its generator."""
    seen["registry"] = states()
    manager().table.choose(NAME)
    press(manager().download_button)
    return idle


def verify():
    """Checks it."""
    seen["downloaded"] = states()
    press(manager().verify_button)
    return idle


def import_plain():
    """Opens the dialog for weights of others and waits until they are recognised."""
    seen["verified"] = manager().row.status.text()
    manager().grab().save(str(FOLDER / "manager.png"))
    press(manager().import_button)
    importing().file.setFilePath(str(FOLDER / "plain.safetensors"))
    return lambda: not importing().row.busy


def preview():
    """Has them reconstruct what is visible."""
    seen["found"] = importing().found.text()
    press(importing().preview_button)
    return lambda: not importing().row.busy and not importing().pictures.is_drawing


def save():
    """Makes a generator of them."""
    seen["previewed"] = importing().row.status.text()
    importing().grab().save(str(FOLDER / "import.png"))
    press(importing().save_button)
    return lambda: importing() is None and idle()


def run_downloaded():
    """Closes the manager and uses the downloaded generator."""
    seen["imported"] = states()
    manager().reject()
    method = dock().options.method
    seen["offered"] = [method.itemText(row) for row in range(method.count())]
    method.setCurrentIndex(next(row for row, text in enumerate(seen["offered"]) if text.startswith(NAME)))
    dock().options.output.setFilePath(str(FOLDER / "from_downloaded.tif"))
    press(dock().run_panel.run_button)
    return lambda: (FOLDER / "from_downloaded.tif").exists() and dock().run_panel.run_button.isVisible()


def remove():
    """Removes the downloaded generator again."""
    press(dock().options.models_button)
    manager().table.choose(NAME)
    return idle


def confirm():
    QTimer.singleShot(10 * POLL_MS, lambda: press(question().button(QMessageBox.StandardButton.Yes)))
    press(manager().remove_button)
    return idle


def look_at_the_end():
    """Notes what is left."""
    method = dock().options.method
    seen["removed"] = states()
    seen["left"] = [method.itemText(row) for row in range(method.count())]
    return lambda: True


def dock():
    return iface.mainWindow().findChild(QDockWidget, "UncloudedDock")


def manager():
    return dock()._models


def importing():
    return manager()._importing


def question():
    return QApplication.activeModalWidget()


def idle():
    return not manager().row.busy


def states():
    return {entry["name"]: entry["state"] for entry in manager().table.entries}


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


walk = Walk(
    [
        load,
        open_manager,
        choose_registry,
        download,
        verify,
        import_plain,
        preview,
        save,
        run_downloaded,
        remove,
        confirm,
        look_at_the_end,
    ]
)
QTimer.singleShot(1000, walk.go)
