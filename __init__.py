"""Unclouded: removes clouds from satellite images, in QGIS and on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qgis.gui import QgisInterface

    from .plugin.main import Unclouded


def classFactory(iface: QgisInterface) -> Unclouded:
    """Called by QGIS to make the plugin."""
    from .plugin.main import Unclouded

    return Unclouded(iface)
