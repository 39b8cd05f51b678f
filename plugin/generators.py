"""The generators that QGIS can offer without asking the backend: bundled ones, the user's own, and chosen files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

from ..backend.card import read_card
from ..backend.errors import ModelError
from ..backend.userdata import user_models
from .environment import ROOT
from .settings import Setting

BUNDLED = ROOT / "resources" / "models"
SUFFIX = ".safetensors"
REMEMBERED = 10


def bundled() -> List[Dict[str, Any]]:
    """Reads the cards of the generators that come with the plugin: their fields, each with its `path`."""
    return _cards(sorted(BUNDLED.glob(f"*{SUFFIX}")))


def own() -> List[Dict[str, Any]]:
    """Reads the cards of the files that were chosen or trained, the last one first, then of the user's folder."""
    files = [Path(file) for file in Setting.MODEL_FILES.get()]
    return _cards(list(dict.fromkeys([*files, *sorted(user_models().glob(f"*{SUFFIX}"))])))


def is_own(path: str) -> bool:
    """Whether a generator lies in the user's folder."""
    return Path(path).parent == user_models()


def remember_file(path: str) -> None:
    """Has the file of a generator offered from now on.

    Raises:
        ModelError: The file holds no generator.
    """
    read_card(path)
    files = [file for file in Setting.MODEL_FILES.get() if file != path]
    Setting.MODEL_FILES.set([path, *files][:REMEMBERED])


def new_file() -> Path:
    """Gives a name in the user's folder that no generator has yet."""
    number = 1
    while (path := user_models() / f"trained-{number}{SUFFIX}").exists():
        number += 1
    return path


def _cards(paths: List[Path]) -> List[Dict[str, Any]]:
    found = []
    for path in paths:
        try:
            found.append({**vars(read_card(str(path))), "path": str(path)})
        except ModelError:  # moved, replaced or damaged: not offered; the backend says why when it is asked for it
            continue
    return found
