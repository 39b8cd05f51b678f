"""Generators are offered by their cards, before and after the backend is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QWidget

from unclouded.backend.errors import ModelError
from unclouded.backend.protocol import METHODS
from unclouded.plugin.fit import Given
from unclouded.plugin.method_box import MethodBox

from .conftest import write_generator


@pytest.fixture
def parent(qgis_app) -> QWidget:
    return QWidget()


@pytest.fixture
def box(parent) -> MethodBox:
    return MethodBox(parent)


def test_every_method_of_the_protocol_is_offered(box):
    offered = {box.itemData(row) for row in range(box.count())}
    assert set(METHODS) - {"generator"} <= offered
    assert box.method_and_model()[0] == "generator"


def test_a_file_is_chosen_and_remembered(box, parent, tmp_path):
    path = write_generator(tmp_path / "mine.safetensors")
    box.choose_file(path)
    assert box.currentText() == "My generator"
    assert box.method_and_model() == ("generator", path)
    again = MethodBox(parent)
    assert again.method_and_model() == ("generator", path)
    again.show_models([{"name": "tiny", "title": "Tiny", "path": "/tiny"}])
    assert again.method_and_model() == ("generator", path)
    assert again.findData("generator:tiny") >= 0


def test_a_file_without_card_is_refused(box, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"pickle")
    with pytest.raises(ModelError):
        box.choose_file(str(path))
    assert box.currentText() != "model.pt"


def test_what_a_generator_needs_is_said(box, tmp_path):
    box.choose_file(write_generator(tmp_path / "sar.safetensors", sar="required"))
    assert "needs a radar image" in box.missing(has_sar=False, has_dates=False)
    assert not box.missing(has_sar=True, has_dates=False)
    box.choose_file(write_generator(tmp_path / "dates.safetensors", dates="required"))
    assert "needs other dates" in box.missing(has_sar=True, has_dates=False)


def test_a_remembered_file_that_is_gone_is_no_longer_offered(box, parent, tmp_path):
    path = Path(write_generator(tmp_path / "mine.safetensors"))
    box.choose_file(str(path))
    path.unlink()
    assert MethodBox(parent).method_and_model()[1] != str(path)


def test_generators_trained_since_are_listed_when_the_list_is_opened(box, tmp_path):
    first = write_generator(tmp_path / "models" / "delta.safetensors", title="Tuned")
    second = write_generator(tmp_path / "models" / "alps.safetensors", title="Tuned")
    assert box.findData(f"generator:{first}") < 0
    box.showPopup()
    box.hidePopup()
    assert box.itemText(box.findData(f"generator:{first}")) == "delta: Tuned"
    assert box.itemText(box.findData(f"generator:{second}")) == "alps: Tuned"
    assert box.method_and_model() == ("generator", "fusion")


def test_a_generator_that_was_trained_anew_needs_what_its_new_card_says(box, tmp_path):
    path = write_generator(tmp_path / "models" / "delta.safetensors", sar="none")
    box.choose_file(path)
    assert not box.missing(has_sar=False, has_dates=False)
    write_generator(Path(path), sar="required")
    box.showPopup()
    box.hidePopup()
    assert box.method_and_model() == ("generator", path)
    assert "needs a radar image" in box.missing(has_sar=False, has_dates=False)


def test_the_worker_and_the_folder_name_a_generator_once(box, tmp_path):
    path = write_generator(tmp_path / "models" / "delta.safetensors")
    box.show_models([{"name": "mine", "title": "My generator", "path": path}])
    assert [box.itemData(row) for row in range(box.count())].count(f"generator:{path}") == 1
    assert box.findData("generator:mine") < 0


def test_generators_that_fit_come_first_and_the_others_say_why(box, tmp_path):
    path = write_generator(tmp_path / "models" / "alps.safetensors", title="Alps", sar="required")
    other = write_generator(tmp_path / "models" / "delta.safetensors", title="Delta")
    box.refresh()
    order = [box.itemData(row) for row in range(3)]
    box.given = lambda: Given(("B2", "B3", "B4"), 3, "L2A")
    box.showPopup()
    box.hidePopup()
    fitting = [data for data in order if data != f"generator:{path}"]
    assert [box.itemData(row) for row in range(3)] == [*fitting, f"generator:{path}"]
    row = box.findData(f"generator:{path}")
    assert box.itemData(row, Qt.ItemDataRole.ToolTipRole).endswith("It needs a radar image.")
    assert box.itemData(row, Qt.ItemDataRole.ForegroundRole) is not None
    assert box.itemData(box.findData(f"generator:{other}"), Qt.ItemDataRole.ForegroundRole) is None
