"""Ties a widget to a setting: the widget starts with what was remembered, and what the user changes is remembered."""

from __future__ import annotations

from qgis.gui import QgsCollapsibleGroupBox
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from .settings import Setting


def remember(widget: QWidget, setting: Setting) -> None:
    """Restores a widget's value and keeps it in the settings from now on."""
    restore(widget, setting)
    if isinstance(widget, QgsCollapsibleGroupBox):
        widget.collapsedStateChanged.connect(setting.set)
    elif isinstance(widget, QCheckBox):
        widget.toggled.connect(setting.set)
    elif isinstance(widget, (QSpinBox, QDoubleSpinBox)):
        widget.valueChanged.connect(setting.set)
    elif isinstance(widget, QLineEdit):
        widget.textChanged.connect(setting.set)
    elif isinstance(widget, QComboBox) and widget.isEditable():
        widget.editTextChanged.connect(setting.set)
    elif isinstance(widget, QComboBox):
        widget.activated.connect(lambda _: setting.set(widget.currentData()))


def restore(widget: QWidget, setting: Setting) -> None:
    """Gives a widget the remembered value, if it can take it."""
    value = setting.get()
    if isinstance(widget, QgsCollapsibleGroupBox):
        widget.setCollapsed(value)
    elif isinstance(widget, QCheckBox):
        widget.setChecked(value)
    elif isinstance(widget, (QSpinBox, QDoubleSpinBox)):
        widget.setValue(value)
    elif isinstance(widget, QLineEdit):
        widget.setText(value)
    elif isinstance(widget, QComboBox) and widget.isEditable():
        widget.setEditText(value)
    elif isinstance(widget, QComboBox):
        widget.setCurrentIndex(max(widget.findData(value), 0))
