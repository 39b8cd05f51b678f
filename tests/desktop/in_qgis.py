"""Runs inside the real QGIS: presses the dock's button, runs the toolbox, unloads, writes down what was seen.

QGIS executes this file (`qgis --code`); test_desktop.py starts it and reads `seen.json`. UNCLOUDED_TEST_FOLDER names
the folder that holds cloudy.tif, mask.tif, large.tif and, to train on, may.tif, july.tif and the changes of a recipe in
tiny.txt; it takes the outcome.
"""

import processing
from processing.core.ProcessingResults import resultsList
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDockWidget, QTextEdit
from qgis.utils import iface, plugins, unloadPlugin
from walk import FOLDER, Walk, seen

RESULT = "unclouded/result"


def load():
    """Opens the image and its mask and shows the dock."""
    assert "unclouded" in plugins, "QGIS has not loaded the plugin"
    project = QgsProject.instance()
    layers = [QgsRasterLayer(str(FOLDER / name), name[:-4]) for name in ("cloudy.tif", "mask.tif")]
    project.addMapLayers(layers)
    iface.mapCanvas().setExtent(layers[0].extent())
    dock = iface.mainWindow().findChild(QDockWidget, "UncloudedDock")
    dock.setUserVisible(True)
    dock.inputs.optical_box.setLayer(layers[0])
    dock.inputs.mask_box.setLayer(layers[1])
    dock.options.method.setCurrentIndex(dock.options.method.findData("inpaint"))
    dock.options.output.setFilePath(str(FOLDER / "from_dock.tif"))
    seen["button"] = dock.run_panel.run_button.text()
    return lambda: dock.run_panel.run_button.isEnabled()


def press():
    """Presses the dock's button and waits for its layers."""
    dock = iface.mainWindow().findChild(QDockWidget, "UncloudedDock")
    dock.run_panel.run_button.click()
    return lambda: len(results()) == 3 and dock.run_panel.run_button.isVisible()


def refresh():
    """Waits until the map is drawn, for the picture."""
    iface.mapCanvas().refreshAllLayers()
    return lambda: not iface.mapCanvas().isDrawing()


def look_at_dock():
    """Notes the layers of the dock's job and takes a picture."""
    seen["dock"] = results()
    iface.mainWindow().grab().save(str(FOLDER / "dock.png"))
    return lambda: True


def compare():
    """Presses the dock's button for before and after and drags the bar to the right."""
    dock = iface.mainWindow().findChild(QDockWidget, "UncloudedDock")
    canvas = iface.mapCanvas()
    seen["items"] = len(canvas.scene().items())
    dock.run_panel.compare_button.click()
    viewport, left = canvas.viewport(), Qt.MouseButton.LeftButton
    middle = QPoint(viewport.width() // 2, 200)
    QTest.mousePress(viewport, left, pos=middle)
    QTest.mouseMove(viewport, middle + QPoint(60, 0))
    QTest.mouseRelease(viewport, left, pos=middle + QPoint(60, 0))
    swipe = plugins["unclouded"]._comparison.swipe
    return lambda: not swipe.is_drawing and not canvas.isDrawing()


def look_at_comparison():
    """Takes a picture and ends the comparison with the key."""
    iface.mainWindow().grab().save(str(FOLDER / "compare.png"))
    QTest.keyClick(iface.mapCanvas(), Qt.Key.Key_Escape)
    seen["items_left"] = len(iface.mapCanvas().scene().items())
    return lambda: plugins["unclouded"]._comparison.swipe is None


def run_toolbox():
    """Runs the same job from the toolbox's dialog and waits for its layers."""
    parameters = {
        "OPTICAL": QgsProject.instance().mapLayersByName("cloudy")[0].id(),
        "MASK": QgsProject.instance().mapLayersByName("mask")[0].id(),
        "METHOD": "inpaint",
        "OUTPUT": str(FOLDER / "from_toolbox.tif"),
        "MASK_OUTPUT": "TEMPORARY_OUTPUT",
    }
    run_toolbox.dialog = processing.createAlgorithmDialog("unclouded:removeclouds", parameters)
    run_toolbox.dialog.show()
    run_toolbox.dialog.runButton().click()
    return lambda: len(results()) == 5


def look_at_toolbox():
    """Notes the layers of the toolbox's job and takes a picture."""
    seen["toolbox"] = [layer for layer in results() if layer not in seen["dock"]]
    run_toolbox.dialog.grab().save(str(FOLDER / "toolbox.png"))
    run_toolbox.dialog.close()
    return lambda: True


def evaluate():
    """Holds the image against a brighter one from the toolbox's dialog and waits for the layer of errors."""
    project = QgsProject.instance()
    parameters = {
        "RESULT": project.mapLayersByName("cloudy without clouds")[0].id(),
        "REFERENCE": project.mapLayersByName("cloudy")[0].id(),
        "MASK": project.mapLayersByName("mask")[0].id(),
    }
    evaluate.dialog = processing.createAlgorithmDialog("unclouded:evaluateresult", parameters)
    evaluate.dialog.show()
    evaluate.dialog.runButton().click()
    return lambda: any(layer["kind"] == "error" for layer in results())


def look_at_evaluation():
    """Notes the figures, the log, the layer, and what QGIS's viewer of results lists."""
    seen["figures"] = evaluate.dialog.results()
    seen["tables"] = evaluate.dialog.findChild(QTextEdit, "txtLog").toPlainText()
    seen["error"] = next(layer for layer in results() if layer["kind"] == "error")
    seen["viewer"] = [str(result.filename) for result in resultsList.getResults()]
    evaluate.dialog.grab().save(str(FOLDER / "evaluation.png"))
    evaluate.dialog.close()
    return lambda: True


def train():
    """Trains a generator on two layers from the toolbox's dialog, and waits for its file."""
    layers = [QgsRasterLayer(str(FOLDER / f"{name}.tif"), name) for name in ("may", "july")]
    QgsProject.instance().addMapLayers(layers)
    parameters = {
        "IMAGES": [layer.id() for layer in layers],
        "START_FROM": "",
        "RECIPE": "fusion",
        "EPOCHS": 2,
        "WINDOWS": 4,
        "SETTINGS": (FOLDER / "tiny.txt").read_text(),
    }
    train.dialog = processing.createAlgorithmDialog("unclouded:traingenerator", parameters)
    train.dialog.show()
    train.dialog.runButton().click()
    return lambda: "OUTPUT" in train.dialog.results()


def look_at_training():
    """Notes what was told and where the generator lies, and takes a picture."""
    seen["told"] = train.dialog.findChild(QTextEdit, "txtLog").toPlainText()
    seen["trained"] = train.dialog.results()["OUTPUT"]
    train.dialog.grab().save(str(FOLDER / "training.png"))
    train.dialog.close()
    return lambda: True


def choose_trained():
    """Opens the dock's list, chooses what was trained and runs it."""
    dock = iface.mainWindow().findChild(QDockWidget, "UncloudedDock")
    method = dock.options.method
    method.showPopup()
    method.hidePopup()
    method.setCurrentIndex(method.findData(f"generator:{seen['trained']}"))
    seen["chosen"] = method.method_and_model()
    dock.options.output.setFilePath(str(FOLDER / "from_trained.tif"))
    dock.run_panel.run_button.click()
    return lambda: (FOLDER / "from_trained.tif").exists() and dock.run_panel.run_button.isVisible()


def start_large():
    """Starts a job that takes long, and waits until it is under way."""
    layer = QgsRasterLayer(str(FOLDER / "large.tif"), "large")
    QgsProject.instance().addMapLayer(layer, False)
    dock = iface.mainWindow().findChild(QDockWidget, "UncloudedDock")
    dock.inputs.optical_box.setLayer(layer)
    dock.inputs.mask_box.setLayer(None)
    dock.options.output.setFilePath(str(FOLDER / "cancelled" / "large.tif"))
    dock.run_panel.run_button.click()
    return lambda: dock.run_panel.progress.value() > 0


def cancel():
    """Cancels it and waits until the dock is idle again."""
    dock = iface.mainWindow().findChild(QDockWidget, "UncloudedDock")
    dock.run_panel.cancel_button.click()
    return lambda: dock.run_panel.run_button.isVisible()


def unload():
    """Unloads the plugin: nothing of it may stay."""
    unloadPlugin("unclouded")
    docks = (iface.mainWindow().findChild(QDockWidget, "UncloudedDock"), processing_provider())
    return lambda: docks[1] is None and iface.mainWindow().findChild(QDockWidget, "UncloudedDock") is None


def processing_provider():
    return QgsApplication.processingRegistry().providerById("unclouded")


def results():
    """Gives what the plugin has added to the project."""
    return [
        {
            "name": layer.name(),
            "kind": layer.customProperty(RESULT),
            "file": layer.source(),
            "renderer": type(layer.renderer()).__name__,
        }
        for layer in QgsProject.instance().mapLayers().values()
        if layer.customProperty(RESULT)
    ]


STEPS = [
    load,
    press,
    refresh,
    look_at_dock,
    compare,
    look_at_comparison,
    run_toolbox,
    look_at_toolbox,
    evaluate,
    look_at_evaluation,
    train,
    look_at_training,
    choose_trained,
    start_large,
    cancel,
    unload,
]


walk = Walk(STEPS)
QTimer.singleShot(1000, walk.go)
