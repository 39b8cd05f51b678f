"""Clusters that are not there, not what they seem, or gone half way: one clear message for each, and nothing left."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend import cluster, remote
from unclouded.backend.errors import BackendError
from unclouded.backend.jobs import run
from unclouded.backend.protocol import Failed, Log, RemoveClouds
from unclouded.backend.reporting import Reporter

from .dask_cluster import scheduler


@pytest.fixture(scope="module")
def scene(module_shop: Any) -> dict[str, Any]:
    """An image with a cloud, on which nothing is learned."""
    cloud = module_shop.disc(500, 700, 200, 300, 60)
    optical = module_shop.raster("o.tif", module_shop.numbers(4, 500, 700))
    return {"optical": optical, "mask": module_shop.mask("m.tif", cloud), "method": "inpaint"}


def remove(shop: Any, scene: dict[str, Any], address: str) -> Any:
    return shop.remove(output="clear.tif", cluster=address, **scene)


def test_a_scheduler_that_is_not_there_is_named(
    shop: Any, scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    heard = remove(shop, scene, address)
    assert heard.last.code == "backend"
    assert heard.last.message.startswith(f"The scheduler {address} cannot be reached: ")
    assert "dask scheduler" in heard.last.hint
    assert shop.contents() == {}


def test_what_holds_the_port_and_is_no_scheduler_is_not_waited_for(
    shop: Any, scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        assert remove(shop, scene, address).last.message.startswith(f"The scheduler {address} cannot be reached: ")
    assert shop.contents() == {}


@pytest.mark.parametrize(
    ("address", "words"), [("nonsense", "missing port number"), ("http://127.0.0.1:1", "unknown address scheme")]
)
def test_addresses_that_make_no_sense_are_refused(shop: Any, scene: dict[str, Any], address: str, words: str) -> None:
    heard = remove(shop, scene, address)
    assert heard.last.code == "backend"
    assert words in heard.last.message


@pytest.mark.parametrize("address", ["local:0", "local:two", "local:-1"])
def test_clusters_that_make_no_sense_are_refused(shop: Any, scene: dict[str, Any], address: str) -> None:
    heard = remove(shop, scene, address)
    assert heard.last.code == "usage"
    assert "local:4" in heard.last.hint


def test_no_cluster_is_sought_for_a_job_that_cannot_begin(
    shop: Any, scene: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(shop.path("clear.tif")).touch()
    assert remove(shop, scene, "tcp://127.0.0.1:1").last.code == "output"


def test_a_cluster_without_workers_is_given_up(
    shop: Any, scene: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 1.5)
    with scheduler(tmp_path) as empty:
        heard = remove(shop, scene, empty.address)
    assert heard.last.message == f"The cluster {empty.address} has had no worker for 2 s."
    assert heard.last.hint == f"Start workers: dask worker {empty.address}"


def test_the_end_of_the_scheduler_ends_the_run(
    shop: Any, scene: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with scheduler(tmp_path_factory.mktemp("cluster")) as short_lived:
        short_lived.worker("one")
        short_lived.wait(1)

        def hear(event: Any) -> None:
            if isinstance(event, Log) and event.text.startswith("Cluster "):
                short_lived.processes[0].kill()

        job = RemoveClouds("1", output=shop.path("clear.tif"), cluster=short_lived.address, **scene)
        with pytest.raises(BackendError, match=r"The connection to the scheduler tcp://\S+ broke\."):
            run(job, Reporter("1", hear))
    assert shop.contents() == {}


def test_dask_is_asked_for_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, shop: Any, scene: dict[str, Any]
) -> None:
    monkeypatch.setattr(remote, "find_spec", lambda name: None)
    heard = remove(shop, scene, "local:1")
    assert isinstance(heard.last, Failed)
    assert heard.last.hint == f'Install it: {sys.executable} -m pip install "distributed>=2026.1" "bokeh>=3.1"'
