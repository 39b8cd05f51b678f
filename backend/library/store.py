"""What generators there are, here and in an index, and what is done with those of the user's folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ..card import Card, read_card
from ..errors import ModelError, OutputError
from ..installed import find_model, is_bundled, model_files
from ..userdata import user_models
from .download import SUFFIX, unfinished
from .entry import Entry, is_name
from .index import Index

ORDER = ("bundled", "installed", "available", "by-hand")
"""The states of a generator, see model_jobs.Models."""
ELSEWHERE = ("file", "mirrors", "sha256", "min_unclouded")
"""Fields of an index that say nothing about the generator itself."""


def listing(index: Index | None) -> list[dict[str, Any]]:
    """Gives what there is, as model_jobs.Models has it: what is here first.

    Args:
        index: What can be had elsewhere, if that is known.
    """
    here = [_here(path) for path in model_files().values()]
    known = {one["name"] for one in here}
    for one in here:
        entry = index.find(one["name"]) if index else None
        if entry is not None:
            one.update(page=entry.page, note=entry.note)
            one["newer"] = entry.version if entry.file and one["version"] not in ("", entry.version) else ""
    there = [_there(entry) for entry in (index.entries if index else []) if entry.name not in known]
    return sorted(here + there, key=lambda one: ORDER.index(one["state"]))


def verify(model: str) -> Card:
    """Holds a generator against its card: the hash of its weights, and its network.

    Args:
        model: Name, or path of a file.

    Raises:
        ModelError: It does not agree, or there is none.
    """
    from ..inference import Generator

    path = find_model(model)
    if not Path(path).is_file():
        raise ModelError(f"There is no generator {path}.", "Give its name, or the path of a .safetensors file.")
    return Generator(path, "cpu", precise=True).card


def remove(model: str) -> list[Path]:
    """Deletes a generator of the user's folder, also a damaged one, and what is left of its downloads.

    Args:
        model: Its name, or the path of its file.

    Returns:
        What was deleted.

    Raises:
        ModelError: It comes along with the program, lies elsewhere, or does not exist.
        OutputError: It cannot be deleted, as when another program has it open.
    """
    own = {path: _here(path)["name"] for path in sorted(user_models().glob(f"*{SUFFIX}"))}
    wanted = Path(model).absolute()
    named = next((path for path in own if path.stem == model), None)
    path = named or next((path for path, name in own.items() if name == model or path.absolute() == wanted), None)
    left = [*([path] if path else []), *(unfinished(user_models(), model) if is_name(model) else [])]
    if not left:
        raise ModelError(*_why_not(model, [path.stem for path in own]))
    try:
        for file in left:
            file.unlink()
    except OSError as error:
        raise OutputError(
            f"{error.filename} cannot be deleted: {error.strerror}.",
            "It may be in use: end the jobs and programs that use it, then try again.",
        ) from error
    return left


def _why_not(model: str, own: list[str]) -> tuple[str, str]:
    """Says why a generator cannot be removed, and what to do."""
    bundled = next(
        (path for path in model_files().values() if is_bundled(path) and model in (path.stem, str(path))), ""
    )
    if bundled or model == "default":
        return f"The generator {model} comes along with Unclouded: it cannot be removed.", "It goes with the program."
    return (
        f"There is no generator {model} among the user's own: {', '.join(own) or 'there are none'}.",
        f"Only those in {user_models()} are removed here.",
    )


def from_file(path: str) -> dict[str, Any]:
    """Gives what is known of one file, as `listing` has it.

    Raises:
        ModelError: It is no generator.
    """
    read_card(path)
    return _here(Path(path))


def _here(path: Path) -> dict[str, Any]:
    try:
        facts, problem = dataclasses.asdict(read_card(str(path))), ""
    except ModelError as error:
        facts, problem = dataclasses.asdict(Entry(path.stem, "", "")), str(error)
        facts = {key: value for key, value in facts.items() if key not in ELSEWHERE}
    state = "bundled" if is_bundled(path) else "installed"
    size_bytes = path.stat().st_size if path.exists() else 0
    common = {"page": "", "note": "", "newer": ""}
    return facts | common | {"state": state, "path": str(path), "size_bytes": size_bytes, "problem": problem}


def _there(entry: Entry) -> dict[str, Any]:
    facts = {key: value for key, value in dataclasses.asdict(entry).items() if key not in ELSEWHERE}
    state = "available" if entry.file else "by-hand"
    return facts | {"state": state, "path": "", "newer": "", "problem": entry.problem}
