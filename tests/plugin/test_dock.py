"""The dock in QGIS, from the button to the layer, with a fake backend that behaves well and badly."""

from __future__ import annotations

from pathlib import Path

import pytest
from qgis.core import Qgis, QgsProject
from qgis.PyQt.QtWidgets import QAbstractButton, QLabel, QMessageBox, QWidget

from unclouded.backend.errors import BackendError
from unclouded.backend.protocol import partial_folder
from unclouded.plugin.dock import Dock
from unclouded.plugin.results import PREVIEW, RESULT

from .conftest import is_idle, results, run, wait_until


def messages(iface: object, level: Qgis.MessageLevel) -> list[str]:
    return iface.messageBar().get_messages(level)


def run_until_progress(dock: Dock) -> None:
    dock.run_panel.run_button.click()
    wait_until(lambda: dock.run_panel.progress.maximum() > 0, "progress")


def test_the_button_gives_a_layer_above_its_source(open_dock, add_layer, qgis_iface):
    add_layer("first")
    source = add_layer("scene")
    add_layer("last")
    dock = open_dock()
    dock.inputs.prefer(source)
    run(dock)
    tree = QgsProject.instance().layerTreeRoot().children()
    place = [node.name() for node in tree].index("scene")
    group = tree[place - 1]
    assert group.name() == "scene without clouds"
    assert [node.name() for node in group.children()] == ["Clouds and shadows", "Uncertainty", "scene without clouds"]
    assert [node.itemVisibilityChecked() for node in group.children()] == [False, False, True]
    assert messages(qgis_iface, Qgis.MessageLevel.Success)


def test_the_last_result_is_offered_for_comparison_until_it_is_gone(open_dock, add_layer):
    source = add_layer("scene")
    dock = open_dock()
    asked = []
    dock.compare_asked.connect(lambda *ids: asked.append(ids))
    assert dock.run_panel.compare_button.isHidden()
    run(dock)
    image = next(layer for layer in results() if layer.customProperty(RESULT) == "image")
    assert not dock.run_panel.compare_button.isHidden()
    dock.run_panel.compare_button.click()
    assert asked == [(source.id(), image.id())]
    QgsProject.instance().removeMapLayer(image.id())
    assert dock.run_panel.compare_button.isHidden()


def test_a_closed_project_takes_the_words_on_its_result_along(open_dock, add_layer):
    add_layer("scene")
    dock = open_dock()
    run(dock)
    dock.run_panel.show_quality({"reconstructed_share": 0.5})
    QgsProject.instance().clear()
    assert dock.run_panel.quality.isHidden()


def test_a_further_result_is_named_after_its_method(open_dock, add_layer):
    add_layer("scene")
    dock = open_dock()
    dock.options.method.setCurrentIndex(dock.options.method.findData("inpaint"))
    for _ in range(2):
        run(dock)
    names = [layer.name() for layer in results() if layer.customProperty(RESULT) == "image"]
    assert sorted(names) == ["scene without clouds", "scene without clouds (inpaint)"]


def test_the_estimate_and_the_log_are_shown(open_dock, add_layer):
    add_layer()
    dock = open_dock("slow")
    run_until_progress(dock)
    status = dock.run_panel.status.text()
    assert "25 %" in status
    assert "2 min" in status
    assert "4 MB" in status
    assert "about 45 s left" in status
    assert "Bands were named by their count." in dock.run_panel.log.toPlainText()
    dock.cancel()
    wait_until(lambda: is_idle(dock), "idle")


def test_how_the_result_looks_is_said_until_the_next_job(open_dock, add_layer):
    add_layer()
    dock = open_dock("slow")
    line = dock.run_panel.quality
    assert line.isHidden()
    run_until_progress(dock)
    release(dock)
    assert not line.isHidden()
    assert line.text.text().startswith(
        "25 % reconstructed, as bright as its surroundings (step at the rim 0.004), smoother"
    )
    assert line.text.text() in dock.run_panel.log.toPlainText()
    run_until_progress(dock)
    assert line.isHidden()
    release(dock)


def test_cancel_leaves_nothing_and_the_dock_idle(open_dock, add_layer, qgis_iface):
    add_layer()
    dock = open_dock("slow")
    run_until_progress(dock)
    dock.run_panel.cancel_button.click()
    assert not dock.run_panel.cancel_button.isEnabled()
    wait_until(lambda: is_idle(dock), "idle")
    assert not results()
    assert any("Cancelled" in text for text in messages(qgis_iface, Qgis.MessageLevel.Info))
    assert not messages(qgis_iface, Qgis.MessageLevel.Critical)


def test_a_worker_that_ignores_cancel_is_killed(open_dock, add_layer):
    add_layer()
    dock = open_dock("hang")
    run_until_progress(dock)
    job = dock._run.task.job
    worker = dock.client._living_worker()
    dock.run_panel.cancel_button.click()
    wait_until(lambda: is_idle(dock), "idle")
    assert worker.killed_for == job.id
    assert not partial_folder(job.output).exists()


def test_a_death_gives_one_message_and_the_dock_works_again(open_dock, add_layer, qgis_iface):
    add_layer()
    dock = open_dock("die")
    run(dock)
    assert len(messages(qgis_iface, Qgis.MessageLevel.Critical)) == 1
    assert "last words" in dock.run_panel.log.toPlainText()
    dock.client._command[-1] = "normal"
    run(dock)
    assert len(results()) == 3


def test_a_failure_says_what_and_what_to_do(open_dock, add_layer, qgis_iface):
    add_layer()
    run(open_dock("fail"))
    assert messages(qgis_iface, Qgis.MessageLevel.Critical)[0].endswith("All is nodata. Choose another area.")


def test_an_image_without_cloud_and_warnings_are_said(open_dock, add_layer, qgis_iface):
    add_layer("scene")
    dock = open_dock("clear")
    run(dock)
    text = messages(qgis_iface, Qgis.MessageLevel.Success)[0]
    assert "No cloud found in “scene”" in text
    assert "See the warnings in the log." in text
    assert "Warning: The darkest pixels" in dock.run_panel.log.toPlainText()


def test_a_layer_removed_meanwhile_does_no_harm(open_dock, add_layer):
    source = add_layer("gone")
    add_layer("other")
    dock = open_dock("slow")
    dock.inputs.prefer(source)
    run_until_progress(dock)
    QgsProject.instance().removeMapLayer(source.id())
    release(dock)
    assert QgsProject.instance().layerTreeRoot().children()[0].name() == "gone without clouds"


def test_a_project_closed_meanwhile_gets_no_layer_but_an_offer(open_dock, add_layer, qgis_iface):
    add_layer("scene")
    dock = open_dock("slow")
    run_until_progress(dock)
    QgsProject.instance().clear()
    release(dock)
    assert not results()
    assert "whose project was closed" in offer(qgis_iface).text()
    offer(qgis_iface).findChild(QWidget, "AddResult").click()
    assert len(results()) == 3


def test_a_preview_takes_the_visible_part_and_replaces_the_one_before(open_dock, add_layer, qgis_iface):
    source = add_layer("scene")
    dock = open_dock()
    canvas = qgis_iface.mapCanvas()
    canvas.setDestinationCrs(source.crs())
    canvas.setExtent(source.extent().buffered(-20))
    for _ in range(2):
        dock.run_panel.preview_button.click()
        job = dock._run.task.job
        wait_until(lambda: is_idle(dock), "the preview")
    assert job.bbox[0] >= source.extent().xMinimum()
    assert job.bbox is not None
    groups = QgsProject.instance().layerTreeRoot().findGroups()
    assert [group.customProperty(PREVIEW) for group in groups] == [source.id()]
    assert len(results()) == 3


def test_a_preview_outside_the_map_is_refused(open_dock, add_layer, qgis_iface):
    source = add_layer("scene")
    dock = open_dock()
    canvas = qgis_iface.mapCanvas()
    canvas.setDestinationCrs(source.crs())
    extent = source.extent()
    extent.setXMinimum(extent.xMaximum() + 1000)
    extent.setXMaximum(extent.xMaximum() + 2000)
    canvas.setExtent(extent)
    dock.run_panel.preview_button.click()
    assert is_idle(dock)
    assert "does not touch the image" in messages(qgis_iface, Qgis.MessageLevel.Warning)[-1]


def test_a_vanished_file_is_refused_with_its_name(open_dock, add_layer, qgis_iface):
    layer = add_layer()
    dock = open_dock()
    Path(layer.source()).unlink()
    dock.run_panel.run_button.click()
    assert is_idle(dock)
    assert layer.source() in messages(qgis_iface, Qgis.MessageLevel.Warning)[-1]


def test_a_missing_backend_is_explained_and_can_be_tried_again(qgis_iface, add_layer, open_dock):
    add_layer()
    answers = [BackendError("The backend is not installed.", "Run `make`."), open_dock().client]

    def backend():
        answer = answers.pop(0)
        if isinstance(answer, BackendError):
            raise answer
        return answer

    dock = Dock(qgis_iface, backend)
    dock.find_backend()
    assert "Run `make`." in dock.banner.text.text()
    assert not dock.banner.isHidden()
    dock.banner.retry_button.click()
    assert dock.banner.isHidden()
    wait_until(lambda: dock._starting is None, "the backend")
    dock.tear_down()


def test_a_broken_backend_is_explained(open_dock, add_layer):
    add_layer()
    dock = open_dock("broken")
    dock.find_backend()
    wait_until(lambda: not dock.banner.isHidden(), "the banner")
    assert "The libraries cannot be loaded. Install them again." in dock.banner.text.text().replace("\n", " ")


def test_models_and_devices_come_from_the_backend(open_dock, add_layer):
    add_layer()
    dock = open_dock()
    dock.find_backend()
    wait_until(lambda: dock._starting is None, "the backend")
    assert dock.options.method.findData("generator:tiny") >= 0
    assert dock.advanced.device.findData("cpu") >= 0


def test_an_existing_output_is_replaced_only_if_the_user_says_so(open_dock, add_layer, tmp_path, monkeypatch):
    add_layer()
    dock = open_dock()
    existing = tmp_path / "result_mask.tif"
    existing.write_bytes(b"precious")
    dock.options.output.setFilePath(str(tmp_path / "result.tif"))
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[2]) or QMessageBox.StandardButton.No)
    dock.run_panel.run_button.click()
    assert is_idle(dock)
    assert str(existing) in asked[0]
    assert existing.read_bytes() == b"precious"


def test_an_output_that_is_open_in_qgis_is_refused(open_dock, add_layer, qgis_iface):
    layer = add_layer("scene")
    dock = open_dock()
    dock.options.output.setFilePath(layer.source())
    dock.run_panel.run_button.click()
    assert "is open in QGIS as layer “scene”" in messages(qgis_iface, Qgis.MessageLevel.Warning)[-1]


def test_closing_the_dock_during_a_job_ends_it(open_dock, add_layer):
    add_layer()
    dock = open_dock("slow")
    run_until_progress(dock)
    output = dock._run.task.job.output
    dock.tear_down()
    wait_until(lambda: not dock.client.busy, "the end of the job")
    assert not Path(output).exists()


def test_each_field_has_a_tooltip_and_the_keyboard_follows_the_eye(open_dock, add_layer):
    add_layer()
    dock = open_dock()
    dock.show()
    fields = [
        dock.inputs.optical_box,
        dock.inputs.sar_box,
        dock.inputs.dates,
        dock.inputs.mask_box,
        dock.options.method,
        dock.options.area.choice,
        dock.options.threshold,
        dock.options.grow,
        dock.options.output,
        dock.advanced.bands,
        dock.advanced.level,
        dock.advanced.offset,
        dock.advanced.device,
        dock.advanced.mask_layer,
        dock.advanced.uncertainty_layer,
        dock.run_panel.preview_button,
        dock.run_panel.run_button,
    ]
    assert all(field.toolTip() for field in fields)
    chain = focus_chain(fields[0])
    places = [
        next(i for i, widget in enumerate(chain) if widget is field or field.isAncestorOf(widget)) for field in fields
    ]
    assert places == sorted(places)


def test_no_two_fields_share_a_key(open_dock, add_layer):
    add_layer()
    dock = open_dock()
    texts = [widget.text() for kind in (QLabel, QAbstractButton) for widget in dock.form.findChildren(kind)]
    texts += [dock.run_panel.preview_button.text(), dock.run_panel.run_button.text()]
    keys = [text[text.index("&") + 1].lower() for text in texts if "&" in text]
    assert len(keys) >= 15
    assert len(keys) == len(set(keys))


def focus_chain(first: QWidget) -> list[QWidget]:
    chain = [first]
    while (following := chain[-1].nextInFocusChain()) is not first:
        chain.append(following)
    return chain


def release(dock: Dock) -> None:
    """Lets the slow worker finish its job."""
    Path(dock._run.task.job.output + ".go").touch()
    wait_until(lambda: is_idle(dock), "the job to end")


def offer(iface: object) -> QWidget:
    return iface.messageBar().currentItem()


@pytest.fixture(autouse=True)
def fresh_bar(qgis_iface):
    qgis_iface.messageBar().clearWidgets()
    qgis_iface.messageBar().clear_messages()
