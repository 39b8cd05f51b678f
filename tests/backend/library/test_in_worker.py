"""Downloads by the real worker, as QGIS asks for them: over the pipe, through a proxy whose password nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from unclouded.backend.model_jobs import DownloadModel, ListModels
from unclouded.backend.protocol import Cancel

from ..test_worker import ROOT, Talk
from .servers import Site, proxying, stall, until, whole
from .test_index import index_of


@pytest.fixture
def worker(tmp_path: Path, own: Path) -> Iterator[Talk]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "unclouded").symlink_to(ROOT)
    one = Talk(folder)
    yield one
    one.close()


def test_a_download_is_cancelled_gone_on_with_and_keeps_its_secret(
    worker: Talk, site: Site, content: bytes, own: Path
) -> None:
    site.put("/index.json", whole(index_of(content)))
    site.put("/alder.safetensors", whole(content))
    stalling = site.put("/stalling.safetensors", until(content, 200_000, stall))
    site.put("/slow/index.json", whole(index_of(content, file=stalling)))
    with proxying("ann:s3cret") as proxy:
        access = f"http://ann:s3cret@{proxy.address}"
        worker.send(DownloadModel("1", "alder", f"{site.address}/slow"))
        while "0.1 of 0.4 MB" not in worker.next("Progress", job="1")["stage"]:
            continue
        worker.send(Cancel("1"))
        cancelled = worker.next("Failed", "Done", job="1")
        worker.send(DownloadModel("2", "alder", site.address, access))
        done = worker.next("Failed", "Done", job="2")
        worker.send(ListModels("3", site.address, access))
        listed = worker.next("Models", job="3")
        process = Path(f"/proc/{worker.process.pid}")
        seen = b"".join((process / name).read_bytes() for name in ("cmdline", "environ") if process.is_dir())
        used = [asked for _, asked, _ in proxy.requests]

    assert (cancelled["code"], done["type"]) == ("cancelled", "Done")
    assert site.ranges("/alder.safetensors")[0].startswith("bytes=")
    assert (own / "alder.safetensors").read_bytes() == content
    assert [entry["state"] for entry in listed["entries"] if entry["name"] == "alder"] == ["installed"]
    assert f"{site.address}/alder.safetensors" in used
    worker.close()
    assert b"s3cret" not in seen + b"".join(worker.noise) + "".join(worker.lines).encode()
