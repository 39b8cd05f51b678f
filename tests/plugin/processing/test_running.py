"""What Processing hears of a job: progress, words, cancel and failure, with a worker that only pretends."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProcessingException, QgsProcessingFeedback

from unclouded.backend.errors import BackendError
from unclouded.backend.protocol import RemoveClouds
from unclouded.plugin.client import Client, new_job_id
from unclouded.plugin.processing.running import run

pytestmark = pytest.mark.qgis

FAKE_WORKER = Path(__file__).parents[1] / "fake_worker.py"


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Any:
    client = Client(Path(sys.executable), [sys.executable, str(FAKE_WORKER), request.param])
    yield client
    client.close()


@pytest.fixture
def job(tmp_path: Path) -> RemoveClouds:
    (tmp_path / "in.tif").write_bytes(b"pixels")
    return RemoveClouds(new_job_id(), str(tmp_path / "in.tif"), str(tmp_path / "out.tif"))


@pytest.mark.parametrize("client", ["normal"], indirect=True)
def test_progress_and_words_are_passed_on(client: Client, job: RemoveClouds, ear: Any) -> None:
    done = run(client, job, ear)
    assert (done.output, done.cloud_fraction) == (job.output, 0.25)
    assert Path(job.output).read_bytes() == b"pixels"
    assert 50.0 in ear.fractions
    assert "reconstructing" in ear.words
    assert any("90 s" in words or "2 min" in words for words in ear.words)


@pytest.mark.parametrize("client", ["fail"], indirect=True)
def test_a_failure_says_what_to_do(client: Client, job: RemoveClouds, ear: Any) -> None:
    with pytest.raises(QgsProcessingException, match=r"All is nodata\. Choose another area\."):
        run(client, job, ear)


@pytest.mark.parametrize("client", ["die"], indirect=True)
def test_a_dead_worker_is_one_error(client: Client, job: RemoveClouds, ear: Any) -> None:
    with pytest.raises(BackendError, match="ended unexpectedly"):
        run(client, job, ear)


@pytest.mark.parametrize("client", ["slow", "hang"], indirect=True)
def test_cancel_ends_the_job_and_leaves_nothing(client: Client, job: RemoveClouds, tmp_path: Path) -> None:
    feedback = QgsProcessingFeedback(False)
    feedback.progressChanged.connect(lambda fraction: threading.Timer(0.1, feedback.cancel).start())
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        run(client, job, feedback)
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


@pytest.mark.parametrize("client", ["normal"], indirect=True)
def test_a_job_that_was_cancelled_before_does_not_run(client: Client, job: RemoveClouds, ear: Any) -> None:
    ear.cancel()
    with pytest.raises(QgsProcessingException, match="Cancelled"):
        run(client, job, ear)
    assert not Path(job.output).exists()
