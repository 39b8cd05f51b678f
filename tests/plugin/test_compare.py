"""The action that compares: which layers it takes, what it says, and that it leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from qgis.core import Qgis, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QDialogButtonBox, QMainWindow

from unclouded.backend.protocol import Done
from unclouded.plugin.compare import Comparison
from unclouded.plugin.compare_layers import Pair, PairDialog, pair_of
from unclouded.plugin.results import RESULT, SOURCE, Source, add_result

from .conftest import write_raster

OK = QDialogButtonBox.StandardButton.Ok


@pytest.fixture
def iface(qgis_iface: object) -> SimpleNamespace:
    """As much of QGIS as a comparison uses, with an active layer that can be set."""
    qgis_iface.messageBar().clear_messages()
    face = SimpleNamespace(active=None, window=QMainWindow())
    face.mainWindow = lambda: face.window
    face.mapCanvas = qgis_iface.mapCanvas
    face.messageBar = qgis_iface.messageBar
    face.activeLayer = lambda: face.active
    return face


@pytest.fixture
def compare(iface: SimpleNamespace) -> Iterator[Callable[..., Comparison]]:
    """Makes a comparison whose question has a given answer; without one, asking is an error."""
    made: list[Comparison] = []

    def make(*answers: Pair | None) -> Comparison:
        left = list(answers)
        made.append(Comparison(iface, lambda *_: left.pop(0)))
        return made[-1]

    yield make
    for comparison in made:
        comparison.tear_down()


@pytest.fixture
def result(add_layer: Callable[..., QgsRasterLayer], tmp_path) -> tuple[QgsRasterLayer, QgsRasterLayer]:
    """A source and what a job made from it."""
    source = add_layer("scene")
    return source, _made_from(source, tmp_path, "clear")


def _made_from(source: QgsRasterLayer, folder, name: str) -> QgsRasterLayer:
    files = [write_raster(folder / f"{name}{extra}.tif", bands=bands) for extra, bands in (("", 4), ("_mask", 1))]
    return add_result(QgsProject.instance(), Done("1", *files), Source(source.id(), source.name()))


def said(iface: SimpleNamespace) -> list[str]:
    return iface.messageBar().get_messages(Qgis.MessageLevel.Info)


def shown(comparison: Comparison) -> tuple[str, ...]:
    return tuple(layer.name() for layer in comparison.swipe._pair)


def test_a_result_is_compared_with_its_source_whichever_of_them_is_active(result, iface, compare):
    source, image = result
    mask = next(layer for layer in QgsProject.instance().mapLayers().values() if layer.customProperty(RESULT) == "mask")
    comparison = compare()
    for active in (image, source, mask):
        iface.active = active
        comparison.action.setChecked(True)
        assert shown(comparison) == ("scene", "scene without clouds")
        comparison.action.setChecked(False)
        assert comparison.swipe is None


def test_the_error_of_a_result_belongs_to_it(result, add_layer):
    source, image = result
    error = add_layer("error")
    error.setCustomProperty(RESULT, "error")
    error.setCustomProperty(SOURCE, image.id())
    project = QgsProject.instance()
    assert pair_of(project, error) == Pair(source, image)
    error.setCustomProperty(SOURCE, "")
    assert pair_of(project, error) is None


def test_the_newest_result_is_taken_unless_another_is_active(result, tmp_path):
    source, first = result
    second = _made_from(source, tmp_path, "again")
    project = QgsProject.instance()
    assert pair_of(project, source) == Pair(source, second)
    assert pair_of(project, first) == Pair(source, first)


def test_layers_without_a_partner_have_no_pair(add_layer):
    project, lone = QgsProject.instance(), add_layer("lone")
    orphan = add_layer("orphan")
    orphan.setCustomProperty(RESULT, "image")
    orphan.setCustomProperty(SOURCE, "gone")
    nameless = add_layer("nameless")
    nameless.setCustomProperty(RESULT, "image")
    nameless.setCustomProperty(SOURCE, "")
    assert [pair_of(project, layer) for layer in (None, lone, orphan, nameless)] == [None] * 4


def test_other_layers_are_asked_for(add_layer, iface, compare):
    may, june = add_layer("may"), add_layer("june")
    iface.active = may
    comparison = compare(Pair(may, june))
    comparison.action.trigger()
    assert shown(comparison) == ("may", "june")


def test_a_question_without_an_answer_compares_nothing(add_layer, compare):
    add_layer("may")
    add_layer("june")
    comparison = compare(None)
    comparison.action.trigger()
    assert not comparison.action.isChecked()
    assert comparison.swipe is None


def test_one_raster_is_too_few(add_layer, iface, compare):
    iface.active = add_layer("lone")
    comparison = compare()
    comparison.action.trigger()
    assert not comparison.action.isChecked()
    assert said(iface) == [
        "Unclouded:Two raster layers are needed. Add the image before and the one after to the project."
    ]


def test_other_layers_can_be_chosen_on_the_way(result, add_layer, iface, compare):
    source, iface.active = result
    other = add_layer("other")
    comparison = compare(Pair(other, source), None)
    comparison.action.trigger()
    comparison.swipe.others_asked.emit()
    assert shown(comparison) == ("other", "scene")
    comparison.swipe.others_asked.emit()
    assert shown(comparison) == ("other", "scene")
    assert comparison.action.isChecked()


@pytest.mark.parametrize("which", [0, 1])
def test_a_removed_layer_ends_it_with_a_word(result, iface, compare, which):
    iface.active = result[0]
    comparison = compare()
    comparison.action.trigger()
    name = result[which].name()
    QgsProject.instance().removeMapLayer(result[which].id())
    assert comparison.swipe is None
    assert not comparison.action.isChecked()
    assert said(iface) == [f"Unclouded:The comparison has ended: “{name}” was removed."]


def test_another_layer_may_be_removed(result, add_layer, iface, compare):
    iface.active = result[0]
    other = add_layer("other")
    comparison = compare()
    comparison.action.trigger()
    QgsProject.instance().removeMapLayer(other.id())
    assert comparison.swipe is not None


def test_a_closed_project_ends_it(result, iface, compare):
    iface.active = result[0]
    comparison = compare()
    comparison.action.trigger()
    QgsProject.instance().clear()
    assert comparison.swipe is None
    assert not said(iface)


def test_only_a_result_and_its_source_are_called_before_and_after(result, add_layer, compare):
    comparison = compare()
    for pair, labels in (
        (Pair(*result), ["before: scene", "after: scene without clouds"]),
        (Pair(result[1], add_layer("other")), ["scene without clouds", "other"]),
    ):
        comparison.show_layers(pair.before.id(), pair.after.id())
        assert list(comparison.swipe._item._labels.values()) == labels


def test_escape_ends_it_and_the_layer_tree_is_as_it_was(result, iface, compare):
    root = QgsProject.instance().layerTreeRoot()
    tree = [(node.name(), node.isVisible()) for node in root.findLayers()]
    items = len(iface.mapCanvas().scene().items())
    iface.active = result[0]
    comparison = compare()
    comparison.action.trigger()
    QTest.keyPress(iface.mapCanvas(), Qt.Key.Key_Escape)
    assert not comparison.action.isChecked()
    assert len(iface.mapCanvas().scene().items()) == items
    assert [(node.name(), node.isVisible()) for node in root.findLayers()] == tree


def test_the_docks_button_shows_the_last_result(result, iface, compare):
    source, image = result
    comparison = compare()
    ids = source.id(), image.id()
    comparison.show_layers(*ids)
    comparison.show_layers(*reversed(ids))
    assert shown(comparison) == ("scene without clouds", "scene")
    QgsProject.instance().removeMapLayer(image.id())
    comparison.show_layers(*ids)
    assert comparison.swipe is None
    assert "Choose two rasters" in said(iface)[-1]


def test_the_dialog_wants_two_different_layers_and_proposes_the_last_ones(add_layer, iface, compare):
    may, june, july = (add_layer(name) for name in ("may", "june", "july"))
    dialog = PairDialog(iface.window)
    assert dialog.buttons.button(OK).isEnabled()
    dialog.before_box.setLayer(june)
    dialog.after_box.setLayer(june)
    assert not dialog.buttons.button(OK).isEnabled()
    dialog.after_box.setLayer(may)
    assert dialog.pair() == Pair(june, may)
    compare(dialog.pair()).action.trigger()
    assert PairDialog(iface.window).pair() == Pair(june, may)
    assert PairDialog(iface.window, may).pair() == Pair(june, may)
    assert PairDialog(iface.window, july).pair() == Pair(july, may)
    QgsProject.instance().removeMapLayers([june.id(), may.id()])
    add_layer("august")
    again = PairDialog(iface.window).pair()
    assert again.before is not again.after
    assert july in (again.before, again.after)
