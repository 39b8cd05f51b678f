"""What the user chooses is there again in the next session."""

from __future__ import annotations

import sys
from pathlib import Path

from qgis.core import QgsProject, QgsSettings
from qgis.PyQt.QtCore import Qt

from unclouded.plugin.environment import interpreter_of
from unclouded.plugin.settings import Setting
from unclouded.plugin.settings_dialog import SettingsDialog

from .conftest import wait_until


def test_keys_are_unique_and_defaults_come_back():
    assert len({setting.path for setting in Setting}) == len(Setting)
    for setting in Setting:
        assert setting.get() == setting.value.default


def test_values_keep_their_type_through_a_settings_file(tmp_path):
    for value in (True, False):
        QgsSettings().setValue(Setting.MASK_LAYER.path, str(value).lower())
        assert Setting.MASK_LAYER.get() is value
    QgsSettings().setValue(Setting.GROW_PX.path, "12")
    assert Setting.GROW_PX.get() == 12
    QgsSettings().setValue(Setting.GROW_PX.path, "many")
    assert Setting.GROW_PX.get() == -1
    QgsSettings().setValue(Setting.DATES.path, "one")
    assert Setting.DATES.get() == ["one"]


def test_the_dock_is_as_it_was_left(open_dock, add_layer):
    add_layer("a")
    chosen, sar, date = add_layer("b"), add_layer("c"), add_layer("d")
    first = open_dock()
    first.setParent(None)
    first.show()
    for box, layer in ((first.inputs.optical_box, chosen), (first.inputs.sar_box, sar)):
        box.setLayer(layer)
        box.activated.emit(box.currentIndex())
    first.inputs.dates.item(1).setCheckState(Qt.CheckState.Checked)
    pick(first.options.method, "inpaint")
    pick(first.options.area.choice, "haze")
    first.options.threshold.setValue(0.7)
    first.options.grow.setValue(5)
    first.advanced.setCollapsed(False)
    first.advanced.bands.setText("B2")
    first.advanced.offset.setEditText("-900")
    pick(first.advanced.level, "L2A")
    first.advanced.mask_layer.setChecked(False)
    second = open_dock()
    assert second.inputs.optical is chosen
    assert second.inputs.sar is sar
    assert second.inputs.dates.layers() == [date]
    assert second.options.method.currentData() == "inpaint"
    assert second.options.area.area.value == "haze"
    assert second.options.cloud_threshold == 0.7
    assert second.options.grow_px == 5
    assert not second.advanced.isCollapsed()
    assert second.advanced.bands.text() == "B2"
    assert second.advanced.offset_text() == "-900"
    assert second.advanced.level.currentData() == "L2A"
    assert not second.advanced.mask_layer.isChecked()
    assert "bands, level, offset" in second.advanced.title()
    second.advanced.reset_button.click()
    assert second.advanced.title() == "Advanced"
    assert second.advanced.bands.text() == second.advanced.offset_text() == ""


def test_layers_are_chosen_again_when_their_project_is_opened(open_dock, add_layer, tmp_path):
    add_layer("a")
    chosen = add_layer("b")
    dock = open_dock()
    dock.inputs.optical_box.setLayer(chosen)
    dock.inputs.optical_box.activated.emit(dock.inputs.optical_box.currentIndex())
    QgsProject.instance().write(str(tmp_path / "project.qgs"))
    QgsProject.instance().clear()
    assert dock.inputs.optical is None
    QgsProject.instance().read(str(tmp_path / "project.qgs"))
    assert dock.inputs.optical.name() == "b"


def test_the_dialog_has_a_field_for_each_labelled_setting():
    dialog = SettingsDialog()
    assert set(dialog.fields) == {setting for setting in Setting if setting.value.label}
    dialog.fields[Setting.PYTHON].setFilePath("/some/python")
    dialog.reject()
    assert Setting.PYTHON.get() == ""
    dialog.accept()
    assert Setting.PYTHON.get() == "/some/python"


def test_the_dialog_says_what_is_wrong_with_a_python(tmp_path):
    dialog = SettingsDialog()
    dialog.fields[Setting.PYTHON].setFilePath(str(tmp_path / "none"))
    dialog.check_button.click()
    assert "does not exist" in dialog.verdict.text()
    bare = interpreter_of(tmp_path)
    bare.parent.mkdir(parents=True)
    bare.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'raise SystemExit(\"no torch here\")'\n")
    bare.chmod(0o755)
    dialog.fields[Setting.PYTHON].setFilePath(str(bare))
    dialog.check_button.click()
    wait_until(lambda: dialog.check_button.isEnabled(), "the check")
    assert "no torch here" in dialog.verdict.text()
    dialog.reject()


def test_the_check_takes_the_interpreter_that_was_entered(tmp_path):
    fake = Path(__file__).with_name("fake_worker.py")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} {fake} normal\n")
    python.chmod(0o755)
    dialog = SettingsDialog()
    dialog.fields[Setting.PYTHON].setFilePath(str(python))
    dialog.check_button.click()
    wait_until(lambda: dialog.check_button.isEnabled(), "the check")
    assert "Processor (cpu)" in dialog.verdict.text()
    assert "tiny" in dialog.verdict.text()
    dialog.reject()


def test_the_dialog_leads_to_the_environment():
    dialog = SettingsDialog()
    asked = []
    dialog.environment_asked.connect(lambda: asked.append(dialog.result()))
    dialog.fields[Setting.PYTHON].setFilePath("/some/python")
    dialog.environment_button.click()
    assert asked == [SettingsDialog.DialogCode.Rejected]
    assert Setting.PYTHON.get() == ""


def pick(box: object, data: str) -> None:
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())
