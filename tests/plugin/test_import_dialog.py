"""From a foreign file to a generator in the dock: seen, filled in, previewed, saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qgis.PyQt.QtGui import QImage
from qgis.PyQt.QtWidgets import QMessageBox

from unclouded.plugin.dock import Dock
from unclouded.plugin.import_dialog import ImportDialog

from .conftest import wait_until, write_generator


@pytest.fixture
def open_import(open_dock, qgis_iface) -> Iterator[Callable[..., tuple[Dock, ImportDialog]]]:
    """Opens the dialog from the model manager of a dock, and reads a file."""
    docks: list[Dock] = []

    def make(path: str, behaviour: str = "normal") -> tuple[Dock, ImportDialog]:
        docks.append(open_dock(behaviour))
        docks[-1].open_models()
        wait_until(lambda: not docks[-1]._models.row.busy, "the list")
        docks[-1]._models.import_button.click()
        dialog = docks[-1]._models._importing
        dialog.file.setFilePath(path)
        settle(dialog)
        return docks[-1], dialog

    yield make
    for dock in docks:
        dock._models.reject()


@pytest.fixture
def checkpoint(tmp_path: Path) -> str:
    return write_generator(tmp_path / "foreign" / "snow.safetensors", bands=["B2", "B3"], prior={"B2": 0.1, "B3": 0.1})


@pytest.fixture
def see_scene(add_layer, qgis_iface) -> Callable[[], object]:
    """Adds an image and zooms the map into it."""

    def see() -> object:
        layer = add_layer("scene")
        canvas = qgis_iface.mapCanvas()
        canvas.setDestinationCrs(layer.crs())
        canvas.setExtent(layer.extent().buffered(-20))
        return layer

    return see


def settle(dialog: ImportDialog) -> None:
    wait_until(lambda: not dialog.row.busy and not dialog.pictures.is_drawing, "the dialog to be idle")


def test_what_the_file_is_and_holds_is_shown(open_import, checkpoint):
    _, dialog = open_import(checkpoint)
    assert dialog.found.text() == "A fake network of fakes"
    rows = [dialog.tensors.topLevelItem(number) for number in range(dialog.tensors.topLevelItemCount())]
    assert [row.text(0) for row in rows] == ["conv.weight", "conv.bias", "and 3 more"]
    assert rows[0].text(1) == "64 x 3 x 3 x 3"
    form = dialog.form
    assert (form.name.text(), form.bands.text(), form.licence.text()) == ("snow", "B2, B3", "BSD")
    assert (form.optical_range.values, form.optical_limit.value()) == ([-1.0, 1.0], 1.0)
    assert form.level.currentData() == "L2A"
    assert form.sar_range.isHidden()
    assert dialog.save_button.isEnabled()


def test_the_range_of_radar_is_asked_where_the_network_has_one(open_import, tmp_path):
    _, dialog = open_import(write_generator(tmp_path / "foreign" / "radar.safetensors"))
    assert not dialog.form.sar_range.isHidden()
    assert dialog.form.sar_range.values == [0.0, 2.0]


def test_an_unknown_file_shows_what_was_found_and_what_is_expected(open_import, tmp_path):
    path = tmp_path / "notes.pth"
    path.write_text("hello")
    _, dialog = open_import(str(path))
    assert dialog.found.text() == "Expected weights, found text."
    assert dialog.tensors.topLevelItemCount() == 2
    assert not dialog.form.isEnabled()
    assert not dialog.save_button.isEnabled()
    assert not dialog.preview_button.isEnabled()


def test_a_path_is_read_once_it_is_complete(open_import, checkpoint):
    _, dialog = open_import(checkpoint[:-5])
    assert dialog.row.status.text() == f"There is no file {checkpoint[:-5]}."
    assert not dialog.form.isEnabled()
    dialog.file.setFilePath(checkpoint)
    settle(dialog)
    assert dialog.form.isEnabled()


def test_a_file_that_cannot_be_read_is_refused_in_words(open_import, checkpoint):
    _, dialog = open_import(checkpoint, "fail")
    assert dialog.row.status.text() == "Its hash is another one. Choose another."
    assert not dialog.save_button.isEnabled()


def test_save_makes_a_generator_with_what_was_filled_in(open_import, checkpoint, tmp_path):
    dock, dialog = open_import(checkpoint)
    dialog.form.name.setText("hills")
    dialog.form.bands.setText("B3 B2")
    dialog.form.optical_limit.setValue(0.8)
    dialog.form.level.setCurrentIndex(0)
    dialog.form.citation.setText("A. Author")
    dialog.save_button.click()
    wait_until(lambda: dock._models._importing is None, "the import")
    path = tmp_path / "models" / "hills.safetensors"
    job = json.loads(Path(f"{path}.json").read_text())
    assert {key: job[key] for key in ("kind", "bands", "choices", "levels", "licence", "citation", "output")} == {
        "kind": "fake",
        "bands": ["B3", "B2"],
        "choices": {"optical_limit": 0.8},
        "levels": ["L1C", "L2A"],
        "licence": "BSD",
        "citation": "A. Author",
        "output": str(path),
    }
    manager = dock._models
    wait_until(lambda: not manager.row.busy, "the list")
    assert manager.row.status.text().startswith("hills was imported and is offered in the dock.")
    assert dock.options.method.findData(f"generator:{path}") >= 0


def test_a_generator_of_the_same_name_is_replaced_only_if_the_user_says_so(
    open_import, checkpoint, tmp_path, monkeypatch
):
    existing = Path(write_generator(tmp_path / "models" / "snow.safetensors", title="Precious"))
    before = existing.read_bytes()
    dock, dialog = open_import(checkpoint)
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *words: answers.pop(0))
    dialog.save_button.click()
    assert existing.read_bytes() == before
    dialog.save_button.click()
    wait_until(lambda: dock._models._importing is None, "the import")
    assert existing.read_bytes() != before


def test_a_folder_that_cannot_be_made_is_said(open_import, checkpoint, tmp_path):
    _, dialog = open_import(checkpoint)
    (tmp_path / "models").write_text("no folder")
    dialog.save_button.click()
    assert f"The folder {tmp_path / 'models'} cannot be made" in dialog.row.status.text()
    assert not dialog.row.busy


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("name", "a/b", "The name serves as a file's name"),
        ("name", "", "The name serves as a file's name"),
        ("name", "v1.2", "The name serves as a file's name"),
        ("bands", "B2", "The network reads 2 bands, 1 are named."),
    ],
)
def test_what_is_filled_in_wrongly_is_said_at_once(open_import, checkpoint, field, text, words):
    _, dialog = open_import(checkpoint)
    getattr(dialog.form, field).setText(text)
    assert words in dialog.problem.text()
    assert not dialog.save_button.isEnabled()


def test_a_range_must_end_above_its_beginning(open_import, checkpoint):
    _, dialog = open_import(checkpoint)
    dialog.form.optical_range.set_values([1.0, 1.0])
    assert dialog.problem.text() == "A range ends above its beginning."
    dialog.form.optical_range.set_values([0.0, 1.0])
    assert not dialog.problem.text()


def test_the_preview_shows_the_view_before_and_after(open_import, checkpoint, see_scene):
    layer = see_scene()
    _, dialog = open_import(checkpoint)
    dialog.preview_button.click()
    settle(dialog)
    assert dialog.row.status.text().startswith("The whole view went through the network")
    before, after = dialog.pictures.before.image, dialog.pictures.after.image
    assert not before.isNull()
    assert colours(before) == colours(after)
    assert len(colours(before)) > 1
    assert not (Path(layer.source()).parent / "models" / "snow.safetensors").exists()


def test_a_preview_leaves_no_file_when_the_dialog_is_closed(open_import, checkpoint, see_scene):
    see_scene()
    _, dialog = open_import(checkpoint)
    dialog.preview_button.click()
    settle(dialog)
    scratch = Path(dialog._scratch.path())
    assert list(scratch.glob("*.safetensors"))
    dialog.reject()
    assert not scratch.exists()


def test_another_file_takes_the_pictures_of_the_one_before_away(open_import, checkpoint, see_scene, tmp_path):
    see_scene()
    _, dialog = open_import(checkpoint)
    dialog.preview_button.click()
    settle(dialog)
    dialog.file.setFilePath(write_generator(tmp_path / "foreign" / "lake.safetensors"))
    settle(dialog)
    assert dialog.pictures.after.image.isNull()
    assert dialog.pictures.after.text() == "No preview yet"


def test_a_preview_without_image_is_refused_in_words(open_import, checkpoint):
    _, dialog = open_import(checkpoint)
    dialog.preview_button.click()
    assert dialog.row.status.text().startswith("No image is chosen in the dock.")
    assert not dialog.row.busy


def test_a_preview_of_another_place_is_refused_in_words(open_import, checkpoint, see_scene, qgis_iface):
    layer = see_scene()
    extent = layer.extent()
    extent.setXMinimum(extent.xMaximum() + 1000)
    extent.setXMaximum(extent.xMinimum() + 1000)
    qgis_iface.mapCanvas().setExtent(extent)
    _, dialog = open_import(checkpoint)
    dialog.preview_button.click()
    assert "does not touch the image" in dialog.row.status.text()


def test_another_file_can_be_chosen_and_a_new_dialog_is_empty(open_import, checkpoint, tmp_path):
    dock, dialog = open_import(checkpoint)
    dialog.file.setFilePath(write_generator(tmp_path / "foreign" / "lake.safetensors"))
    settle(dialog)
    assert dialog.form.name.text() == "lake"
    dialog.reject()
    dock._models.import_button.click()
    assert dock._models._importing is not dialog
    assert not dock._models._importing.form.isEnabled()


def test_closing_the_manager_closes_the_import(open_import, checkpoint):
    dock, _ = open_import(checkpoint)
    dock._models.reject()
    assert dock._models._importing is None


def test_each_field_has_a_tooltip(open_import, checkpoint):
    _, dialog = open_import(checkpoint)
    form = dialog.form
    fields = (dialog.file, form.name, form.bands, form.optical_limit, form.level, form.licence, form.citation)
    assert all(field.toolTip() for field in (*fields, form.optical_range.low, form.sar_range.high))
    assert dialog.preview_button.toolTip()
    assert dialog.save_button.toolTip()


def colours(image: QImage) -> set[int]:
    return {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
