"""A registry of generators on a local server, made of the bundled one and of the command `models index`."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .web_server import listening

ROOT = Path(__file__).parents[1]
BUNDLED = ROOT / "resources" / "models" / "fusion.safetensors"


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves a folder, and gives its address."""
    with listening(functools.partial(_QuietHandler, directory=str(folder))) as address:
        yield f"{address}/"


def make_registry(folder: Path, name: str, python: Path) -> None:
    """Makes a folder with the bundled generator under another name and its index, with the checkout's backend."""
    folder.mkdir()
    copy_generator(folder / f"{name}.safetensors", {**_card(BUNDLED), "name": name})
    subprocess.run([python, "-m", "unclouded.backend", "models", "index", folder], check=True, capture_output=True)


def copy_generator(target: Path, card: dict[str, object] | None) -> None:
    """Copies the bundled generator with another card; without one it is weights as any program writes them."""
    header, weights = _parts(BUNDLED)
    header.pop("__metadata__")
    text = json.dumps(header | ({"__metadata__": {"card": json.dumps(card)}} if card else {})).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + weights)


def _card(path: Path) -> dict[str, object]:
    return json.loads(_parts(path)[0]["__metadata__"]["card"])


def _parts(path: Path) -> tuple[dict[str, dict[str, str]], bytes]:
    content = path.read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:end]), content[end:]
