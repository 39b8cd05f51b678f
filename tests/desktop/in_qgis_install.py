"""Runs inside the real QGIS of a new user: installs the backend by a click and is killed half way; then resumes it,
runs a job and removes everything.

test_install.py starts it twice; UNCLOUDED_TEST_STAGE says which half it is.
"""

import json
import os
import signal

from qgis.core import QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QMessageBox
from qgis.utils import iface, plugins
from walk import FOLDER, Walk, seen


def dock():
    return iface.mainWindow().findChild(QDockWidget, "UncloudedDock")


def show():
    """Shows the dock and waits for its offer."""
    dock().setUserVisible(True)
    page = dock().install_page
    return lambda: page.install_button.isVisible() and page.install_button.isEnabled()


def look():
    """Notes the offer and takes a picture."""
    page = dock().install_page
    seen.update(title=page.title.text(), offer=page.text.text(), button=page.install_button.text())
    iface.mainWindow().grab().save(str(FOLDER / f"{os.environ['UNCLOUDED_TEST_STAGE']}.png"))
    return lambda: True


def press():
    """Presses the button and waits until the server has been asked for the library that it holds back."""
    dock().install_page.install_button.click()
    return lambda: (FOLDER / "stalled").exists() and dock().install_page.progress.maximum() > 0


def die():
    """Dies without a word, as QGIS does when its process is killed."""
    iface.mainWindow().grab().save(str(FOLDER / "progress.png"))
    (FOLDER / "seen.json").write_text(json.dumps(seen, indent=1))
    os.kill(os.getpid(), signal.SIGKILL)


def resume():
    """Presses the button again and waits for the end."""
    dock().install_page.install_button.click()
    return lambda: not dock().installation.busy


def run():
    """Runs a job with what was installed."""
    page = dock().install_page
    seen.update(problem=page.problem.text(), note=dock().banner.text.text(), log=dock().run_panel.log_lines())
    layers = [QgsRasterLayer(str(FOLDER / name), name) for name in ("cloudy.tif", "mask.tif")]
    QgsProject.instance().addMapLayers(layers)
    dock().inputs.optical_box.setLayer(layers[0])
    dock().inputs.mask_box.setLayer(layers[1])
    dock().options.output.setFilePath(str(FOLDER / "clear.tif"))
    dock().run_panel.run_button.click()
    return lambda: (FOLDER / "clear.tif").exists() and dock().run_panel.run_button.isVisible()


def remove():
    """Removes everything through the menu's page and says yes."""
    iface.mainWindow().grab().save(str(FOLDER / "ran.png"))
    plugins["unclouded"]._environment_action.trigger()
    seen["installed"] = dock().install_page.text.text()
    QTimer.singleShot(500, agree)
    dock().install_page.remove_button.click()
    return lambda: not dock().installation.busy and dock().install_page.install_button.isVisible()


def agree():
    for window in QApplication.topLevelWidgets():
        if isinstance(window, QMessageBox) and window.isVisible():
            seen["question"] = window.text()
            window.button(QMessageBox.StandardButton.Yes).click()


STAGES = {"install": [show, look, press, die], "resume": [show, look, resume, run, remove]}
walk = Walk(STAGES[os.environ["UNCLOUDED_TEST_STAGE"]])
QTimer.singleShot(1000, walk.go)
