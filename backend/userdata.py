"""Where a user's own files lie, in QGIS and in the backend alike. Standard library only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Mapping

MODELS_VARIABLE = "UNCLOUDED_MODELS"


def user_data(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Gives the folder of a user's own files; it lies outside the plugin's folder."""
    home = Path(environ.get("HOME") or Path.home())
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Unclouded"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "Unclouded"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "unclouded"


def user_models(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Gives the folder of the generators that a user has trained or added: UNCLOUDED_MODELS, or one of user_data."""
    named = environ.get(MODELS_VARIABLE, "").strip()
    return Path(named).expanduser() if named else user_data(environ, platform) / "models"
