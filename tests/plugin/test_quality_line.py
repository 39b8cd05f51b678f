"""The line says what is known, and its details are a click or a key away."""

from __future__ import annotations

import pytest
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QWidget

from unclouded.plugin.quality_line import QualityDialog, QualityLine

QUALITY = {"reconstructed_share": 0.34, "rim_step": 0.004, "sharpness_ratio": 0.93, "mean_uncertainty": 0.021}


@pytest.fixture
def line(qgis_app):
    window = QWidget()
    line = QualityLine(window)
    window.show()
    yield line
    window.close()
    window.deleteLater()


def test_it_is_hidden_until_there_is_something_to_say(line):
    assert not line.isVisible()
    line.show_quality(QUALITY)
    assert line.isVisible()
    assert line.button.isVisible()
    assert line.text.text().startswith("34 % reconstructed, as bright as its surroundings")
    line.show_quality(None)
    assert not line.isVisible()
    line.show_quality(QUALITY)
    line.show_quality({})
    assert not line.isVisible()


def test_a_copy_has_no_details(line):
    line.show_quality({"reconstructed_share": 0.0})
    assert line.text.text() == "Nothing was reconstructed."
    assert not line.button.isVisible()


def test_a_narrow_dock_wraps_it(line):
    line.show_quality(QUALITY)
    assert line.minimumSizeHint().width() < 200
    line.resize(220, 400)
    assert line.text.heightForWidth(140) > line.text.heightForWidth(600)


def test_the_keyboard_opens_and_closes_the_details(line):
    line.show_quality(QUALITY)
    line.button.setFocus()
    QTest.keyClick(line.button, Qt.Key.Key_Space)
    dialog = line.findChild(QualityDialog)
    assert dialog.isVisible()
    text = dialog.table.toPlainText()
    assert "Sharpness" in text
    assert "0.93" in text
    assert "Seams" in text
    assert "not known" in text
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_it_takes_the_colours_of_the_theme(line):
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Base, QColor("black"))
    palette.setColor(QPalette.ColorRole.Text, QColor("white"))
    dialog = QualityDialog(QUALITY, line)
    dialog.setPalette(palette)
    picture = dialog.table.viewport().grab().toImage()
    assert picture.pixelColor(1, 1) == QColor("black")
    assert "color" not in dialog.table.toHtml().replace("background-color:transparent", "")
