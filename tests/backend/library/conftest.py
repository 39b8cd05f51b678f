"""A generator to be published, a web server, and a folder to download into."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend.library.entry import Entry
from unclouded.backend.userdata import MODELS_VARIABLE

from ..generators import write_fusion
from .client import Client
from .servers import Site, serving

OPENSSL = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
PADDING = ["a place with a name that makes the card long"] * 7000


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A generator of some 400 KB, so that it comes in several blocks."""
    path = write_fusion(tmp_path_factory.mktemp("published"), "alder", training_data=PADDING)
    return Path(path).read_bytes()


@pytest.fixture(scope="session")
def entry(content: bytes) -> Callable[..., Entry]:
    """Makes the entry of that generator, or of other content."""

    def make(of: bytes = content, **facts: Any) -> Entry:
        proof = {"size_bytes": len(of), "sha256": hashlib.sha256(of).hexdigest()}
        return Entry(**({"name": "alder", "version": "1", "title": "A", "file": "alder.safetensors"} | proof | facts))

    return make


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as one:
        yield one


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path / "own")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, which does not exist yet."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that nobody has signed, with its key in the same file."""
    folder = tmp_path_factory.mktemp("certificate")
    made = subprocess.run(
        [*OPENSSL.split(), "-keyout", "key.pem", "-out", "certificate.pem"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("openssl cannot make a certificate here")
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return both
