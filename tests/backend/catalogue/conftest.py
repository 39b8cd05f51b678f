"""A catalogue of a small piece of land, served on this computer, and ways to fetch from it."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend import protocol
from unclouded.backend.catalogue.runner import fetch
from unclouded.backend.catalogue_jobs import FetchImages
from unclouded.backend.errors import UncloudedError
from unclouded.backend.library.transport import Patience
from unclouded.backend.reporting import Reporter

from ..conftest import Heard, Workshop
from ..library.conftest import no_proxy_of_this_machine  # noqa: F401 - a fixture
from .server import World, serving
from .worlds import bbox, fill

HASTE = Patience(connect_s=30, silence_s=60, waits_s=(0.2,))
ONCE = Patience(connect_s=30, silence_s=60, waits_s=())
HURRY = Patience(connect_s=5, silence_s=6, waits_s=())
"""For servers that are silent; a busy machine must not make one of another."""
AREA = bbox(100, 200, 400, 50)
"""Degrees of 300 x 150 px across both tiles."""

Fetch = Callable[..., Heard]


@pytest.fixture(scope="session")
def land(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, written once."""
    folder = tmp_path_factory.mktemp("land")
    fill(World(folder))
    return folder


@contextmanager
def served(land: Path, folder: Path, context: ssl.SSLContext | None = None) -> Iterator[World]:
    """The catalogue; its files are linked, so that a test may replace one."""
    shutil.copytree(land, folder, copy_function=lambda source, target: Path(target).hardlink_to(source))
    with serving(World(folder), context) as world:
        yield fill(world)


def fetch_from(
    world: World, output: str, patience: Patience = HASTE, cancelled: Callable[[], bool] = lambda: False, **changes: Any
) -> Heard:
    """Fetches a small part of few bands and gives what was heard."""
    given = {"bbox": AREA, "day": "2020-06-01", "catalogue": world.address, "dates": 1, "bands": ["B2", "B3", "B4"]}
    if "like" in changes:
        given |= {"bbox": None, "day": "", "bands": None}
    heard = Heard()
    job = FetchImages("1", output, **(given | changes))
    try:
        heard.events.append(fetch(job, Reporter("1", heard.events.append, cancelled), patience))
    except UncloudedError as error:
        heard.events.append(protocol.failure("1", error))
    return heard


@pytest.fixture
def world(land: Path, tmp_path: Path) -> Iterator[World]:
    with served(land, tmp_path / "served") as one:
        yield one


@pytest.fixture
def fetched(world: World, shop: Workshop) -> Fetch:
    """Fetches into the folder `out` of the test."""
    return partial(fetch_from, world, shop.path("out"))
