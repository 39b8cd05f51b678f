"""The job holds what the widgets show."""

from __future__ import annotations

from pathlib import Path

import pytest
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt

from unclouded.backend.errors import OutputError, UsageError
from unclouded.backend.protocol import RemoveClouds
from unclouded.plugin.job_builder import Choices, build_job, existing_outputs, output_path, parse_bands, parse_offset


def test_a_fresh_dock_leaves_everything_to_the_backend(open_dock, add_layer):
    source = add_layer("My scene: Ümläut")
    dock = open_dock()
    job = build_job(dock.form.choices(preview=False), "1")
    output = Path(job.output)
    assert output.name == "My_scene_Ümläut_clear.tif"
    assert output.parent.is_dir()
    assert job == RemoveClouds(
        "1",
        source.source(),
        job.output,
        model=dock.options.method.method_and_model()[1],
        mask_output=str(output.with_name("My_scene_Ümläut_clear_mask.tif")),
        uncertainty_output=str(output.with_name("My_scene_Ümläut_clear_uncertainty.tif")),
        overwrite=True,
    )


def test_each_widget_reaches_the_job(open_dock, add_layer, tmp_path, qgis_iface):
    optical, sar, mask = add_layer("a_optical"), add_layer("b_sar"), add_layer("c_mask")
    dates = [add_layer("d_date"), add_layer("e_date")]
    dock = open_dock()
    dock.inputs.optical_box.setLayer(optical)
    dock.inputs.sar_box.setLayer(sar)
    dock.inputs.mask_box.setLayer(mask)
    for row in range(2):
        dock.inputs.dates.item(row).setCheckState(Qt.CheckState.Checked)
    dock.options.method.setCurrentIndex(dock.options.method.findData("interpolate"))
    choose(dock.options.area.choice, "canvas")
    canvas = qgis_iface.mapCanvas()
    canvas.setDestinationCrs(optical.crs())
    canvas.setExtent(optical.extent().buffered(1000))
    dock.options.threshold.setValue(0.35)
    dock.options.grow.setValue(0)
    dock.options.output.setFilePath(str(tmp_path / "out" / "clear"))
    (tmp_path / "out").mkdir()
    dock.advanced.bands.setText("B2, B3,B4 B8")
    choose(dock.advanced.level, "L2A")
    dock.advanced.offset.setCurrentIndex(2)
    dock.advanced.show_devices([{"name": "cuda:0", "label": "A card"}])
    choose(dock.advanced.device, "cuda:0")
    dock.advanced.uncertainty_layer.setChecked(False)
    extent = optical.extent()
    assert build_job(dock.form.choices(preview=False), "7") == RemoveClouds(
        id="7",
        optical=optical.source(),
        output=str(tmp_path / "out" / "clear.tif"),
        sar=sar.source(),
        dates=[date.source() for date in dates],
        mask=mask.source(),
        cloud_threshold=0.35,
        grow_px=0,
        method="interpolate",
        model="default",
        bbox=[extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()],
        bands=["B2", "B3", "B4", "B8"],
        level="L2A",
        offset=-1000.0,
        device="cuda:0",
        mask_output=str(tmp_path / "out" / "clear_mask.tif"),
        uncertainty_output=None,
        overwrite=True,
    )


def test_haze_means_every_pixel_of_the_whole_image(open_dock, add_layer):
    add_layer()
    dock = open_dock()
    choose(dock.options.area.choice, "haze")
    job = build_job(dock.form.choices(preview=False), "1")
    assert (job.mask, job.bbox) == ("all", None)
    assert not dock.options.threshold.isEnabled()


def test_a_chosen_generator_is_named(open_dock, add_layer):
    add_layer()
    dock = open_dock()
    dock.options.method.show_models([{"name": "tiny", "title": "Tiny", "path": "/x"}])
    choose(dock.options.method, "generator:tiny")
    job = build_job(dock.form.choices(preview=False), "1")
    assert (job.method, job.model) == ("generator", "tiny")


def test_a_preview_goes_into_a_temporary_file(open_dock, add_layer, tmp_path):
    add_layer()
    dock = open_dock()
    dock.options.output.setFilePath(str(tmp_path / "final.tif"))
    assert dock.form.choices(preview=True).output == ""


@pytest.mark.parametrize(
    ("text", "bands"), [("", None), (" ", None), ("B2,B3", ["B2", "B3"]), ("B2; B8A  red", ["B2", "B8A", "red"])]
)
def test_bands_are_read_with_any_separator(text, bands):
    assert parse_bands(text) == bands


@pytest.mark.parametrize(("text", "offset"), [("", None), ("0", 0.0), ("-1000 (Sentinel-2 since 2022)", -1000.0)])
def test_an_offset_is_the_number_at_the_beginning(text, offset):
    assert parse_offset(text) == offset


def test_an_offset_that_is_no_number_is_refused():
    with pytest.raises(UsageError, match="“none” came"):
        parse_offset("none")


def test_an_output_without_folder_is_refused(tmp_path):
    for name in (str(tmp_path / "missing" / "x.tif"), "x.tif"):
        with pytest.raises(OutputError, match="does not exist"):
            output_path(name, "scene")


def test_an_output_gets_the_ending_that_it_has_to_have(tmp_path):
    assert output_path(str(tmp_path / "clear.2020"), "scene") == tmp_path / "clear.2020.tif"
    assert output_path(str(tmp_path / "CLEAR.TIFF"), "scene") == tmp_path / "CLEAR.TIFF"


def test_a_mask_beside_the_output_that_is_open_is_refused(add_layer, tmp_path):
    add_layer("clear_mask")
    with pytest.raises(OutputError, match="open in QGIS as layer “clear_mask”"):
        output_path(str(tmp_path / "clear.tif"), "scene")
    QgsProject.instance().clear()
    assert output_path(str(tmp_path / "clear.tif"), "scene") == tmp_path / "clear.tif"
    assert existing_outputs(tmp_path / "clear.tif") == [tmp_path / "clear_mask.tif"]


def test_choices_need_only_an_image(add_layer):
    assert build_job(Choices(add_layer()), "1").mask == "auto"


def choose(box: object, data: str) -> None:
    box.setCurrentIndex(box.findData(data))
