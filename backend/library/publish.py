"""Makes the index of a folder of generators, so that any web server or file share that holds it serves them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..card import Card, read_card, weights_sha256
from ..errors import InputError, ModelError, OutputError
from ..hashing import file_sha256
from ..version import VERSION
from .addresses import INDEX
from .download import SUFFIX
from .entry import is_name
from .index import MAX_BYTES, SCHEMA, parse_index

OF_CARD = (
    "name",
    "version",
    "title",
    "architecture",
    "bands",
    "required_bands",
    "levels",
    "sar",
    "dates",
    "licence",
    "citation",
    "scores",
)
OF_PEOPLE = ("page", "note", "source")
"""What people may write into an index themselves: it stays when the index is made again."""
OF_FILE = ("mirrors", "min_unclouded")
"""What stays as long as the file is the same."""


def write_index(folder: str) -> tuple[Path, list[str]]:
    """Writes index.json into a folder.

    Args:
        folder: Holds `.safetensors` files. What an index that is there says beyond their cards is kept.

    Returns:
        The index, and the names of the generators in it that have a file.

    Raises:
        InputError: There is no such folder, or no generator in it.
        ModelError: A file is no whole generator, or may not have its name; or the index that is there is none.
        OutputError: The index cannot be written.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"There is no folder {folder}.", "Give a folder of .safetensors files.")
    files = sorted(place.glob(f"*{SUFFIX}"))
    if not files:
        raise InputError(
            f"There is no {SUFFIX} file in {folder}.", "Put generators there: `unclouded export` makes them."
        )
    path = place / INDEX
    before = _read(path)
    models = [_entry(file, before) for file in files]
    _check_names(files, models)
    published = {model["name"] for model in models}
    models += [model for model in before.values() if not model.get("file") and model["name"] not in published]
    content = json.dumps({"schema": SCHEMA, "models": models}, indent=1, ensure_ascii=False).encode()
    parse_index(content, str(path))
    _write(path, content)
    return path, [file.stem for file in files]


def _entry(file: Path, before: dict[str, dict[str, Any]]) -> dict[str, Any]:
    card = _checked_card(file)
    facts = {key: getattr(card, key) for key in OF_CARD}
    proof = {"file": file.name, "size_bytes": file.stat().st_size, "sha256": file_sha256(file)}
    old = before.get(card.name, {})
    stays = OF_PEOPLE + (OF_FILE if old.get("sha256") == proof["sha256"] else ())
    return facts | proof | {"min_unclouded": VERSION} | {key: old[key] for key in stays if key in old}


def _checked_card(file: Path) -> Card:
    card = read_card(str(file))
    if weights_sha256(str(file)) != card.sha256:
        raise ModelError(
            f"The weights in {file} are not those of its card: their SHA-256 differs.", "Export or import it again."
        )
    if not is_name(card.name):
        raise ModelError(
            f"The generator in {file} is called {card.name!r}, which no index may hold.",
            "Export it under a name of up to 64 letters, digits, - and _.",
        )
    return card


def _check_names(files: list[Path], models: list[dict[str, Any]]) -> None:
    seen: dict[str, Path] = {}
    for file, model in zip(files, models, strict=True):
        other = seen.setdefault(model["name"].lower(), file)
        if other is not file:
            raise ModelError(
                f"{other.name} and {file.name} are both called {model['name']}.",
                "An index has one file of each name: move the older one away.",
            )


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Gives the models of the index that is there, by their names."""
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", "Move it away to make a new one.") from error
    parse_index(content, str(path))
    return {model["name"]: model for model in json.loads(content)["models"]}


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror}.", "See that the disk has room.") from error
