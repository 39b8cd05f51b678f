"""The look that the dock's panels share."""

from __future__ import annotations

from typing import List

from qgis.PyQt.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

SHORTEST_TEXT = 6


def new_form(parent: QWidget) -> QFormLayout:
    """Gives a panel its form: labels on the left, fields that take the rest, in a narrow dock too."""
    form = QFormLayout(parent)
    form.setContentsMargins(0, 0, 0, 0)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def align(panels: List[QWidget]) -> None:
    """Gives the labels of several forms the same width, so that their fields stand in one column."""
    labels = [label for panel in panels for label in _labels(panel.layout())]
    width = max(label.sizeHint().width() for label in labels)
    for label in labels:
        label.setMinimumWidth(width)


def shrinkable(box: QComboBox) -> None:
    """Lets a list become narrower than its longest text."""
    box.setMinimumContentsLength(SHORTEST_TEXT)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)


def _labels(form: QFormLayout) -> List[QLabel]:
    items = [form.itemAt(row, QFormLayout.ItemRole.LabelRole) for row in range(form.rowCount())]
    return [item.widget() for item in items if item is not None]
