"""Which generators are there: those that come with the program, and the user's own."""

from __future__ import annotations

import logging
from pathlib import Path

from .card import Card, read_card
from .errors import ModelError
from .userdata import user_models

MODELS = Path(__file__).resolve().parent.parent / "resources" / "models"
DEFAULT_MODEL = "fusion"


def installed_models() -> list[tuple[Card, str]]:
    """Gives the card and the path of each installed generator: the default one, those that come along, the user's.

    A damaged one is left out and logged, so that it does not stop jobs that use another; a job that uses it fails.
    """
    found = []
    for path in model_files().values():
        try:
            found.append((read_card(str(path)), str(path)))
        except ModelError as error:
            logging.getLogger(__name__).warning("%s", error)
    return found


def find_model(name_or_path: str) -> str:
    """Gives the path of a generator.

    Args:
        name_or_path: `default`, the name of an installed generator (of its file, else on its card), or the path of a
            file.

    Raises:
        ModelError: There is none.
    """
    if Path(name_or_path).suffix or "/" in name_or_path:
        return name_or_path
    name = DEFAULT_MODEL if name_or_path == "default" else name_or_path
    files = model_files()
    if name in files:
        return str(files[name])
    for card, path in installed_models():
        if card.name == name:
            return path
    raise ModelError(
        f"No generator {name_or_path!r} is installed; installed: {', '.join(files) or 'none'}.",
        f"Name one of them, give a .safetensors file, or put one into {user_models()}.",
    )


def is_bundled(path: Path) -> bool:
    """Whether a file is one of those that come along."""
    return path.parent == MODELS


def model_files() -> dict[str, Path]:
    """Gives the files by their names; of two with the same name the user's, in the place of the other."""
    own = {path.stem: path for path in sorted(user_models().glob("*.safetensors"))}
    bundled = sorted(MODELS.glob("*.safetensors"), key=lambda path: (path.stem != DEFAULT_MODEL, path.stem))
    files = {path.stem: path for path in bundled}
    for name in files.keys() & own.keys():
        logging.getLogger(__name__).warning(
            "The generator %s in %s is used instead of the one that comes along.", name, own[name].parent
        )
    return files | own
