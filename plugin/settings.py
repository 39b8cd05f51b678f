"""All that Unclouded remembers between sessions, as one enum. Dialogs and the dock are built from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from qgis.core import QgsSettings

from ..backend.catalogue_jobs import DEFAULT_CATALOGUE

GROUP = "unclouded"


@dataclass(frozen=True)
class Spec:
    key: str
    default: Any
    """Its type is the setting's type: str, bool, int, float or list of str."""
    label: str = ""
    """English; a setting with a label is shown in the settings dialog."""
    tip: str = ""
    is_file: bool = True
    """Whether the dialog offers to browse for it."""


class Setting(Enum):
    """A remembered value; read and written through QGIS's settings."""

    PYTHON = Spec(
        "python",
        "",
        "Python of the backend",
        "The interpreter (or its virtual environment's folder) that has the backend's libraries. "
        "Empty: UNCLOUDED_PYTHON, the environment in your data folder, or the plugin folder's .venv.",
    )
    CATALOGUE = Spec(
        "catalogue",
        DEFAULT_CATALOGUE,
        "Catalogue of images",
        "Where SAR and other dates are looked for: planetary-computer, earth-search, or the address of a STAC API. "
        "It is told the extent and the day of your image, and nothing before you ask it.",
        is_file=False,
    )
    METHOD = Spec("method", "")
    AREA = Spec("area", "whole")
    CLOUD_THRESHOLD = Spec("cloud_threshold", 0.0)
    GROW_PX = Spec("grow_px", -1)
    BANDS = Spec("bands", "")
    LEVEL = Spec("level", "")
    OFFSET = Spec("offset", "")
    DEVICE = Spec("device", "auto")
    MASK_LAYER = Spec("mask_layer", True)
    UNCERTAINTY_LAYER = Spec("uncertainty_layer", True)
    OPTICAL = Spec("layer/optical", "")
    SAR = Spec("layer/sar", "")
    MASK = Spec("layer/mask", "")
    DATES = Spec("layer/dates", [])
    COMPARE_BEFORE = Spec("layer/compare_before", "")
    COMPARE_AFTER = Spec("layer/compare_after", "")
    MODEL_FILES = Spec("model_files", [])
    MODEL_INDEX = Spec("model_index", "")
    FOLDER = Spec("folder", "")
    ADVANCED_SHUT = Spec("advanced_shut", True)
    LOG_SHUT = Spec("log_shut", True)

    def get(self) -> Any:
        """Gives the remembered value, or the default if there is none or it is of another type."""
        default = self.value.default
        value = QgsSettings().value(self.path, default)
        try:
            return _as(type(default), value)
        except (TypeError, ValueError):
            return default

    def set(self, value: Any) -> None:
        QgsSettings().setValue(self.path, value)

    @property
    def path(self) -> str:
        return f"{GROUP}/{self.value.key}"


def _as(kind: type, value: Any) -> Any:
    """Brings a value to its type: settings files know text only, and QSettings gives a list of one as that one."""
    if kind is bool:
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind is list:
        return list(value) if isinstance(value, (list, tuple)) else [value] if value else []
    return kind("" if value is None else value)
