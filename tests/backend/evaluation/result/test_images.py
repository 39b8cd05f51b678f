"""What is compared with what, before a file is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from unclouded.backend.errors import UsageError
from unclouded.backend.evaluation.result.images import open_images
from unclouded.backend.evaluation_jobs import EvaluateResult


def test_a_result_is_not_its_own_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job = EvaluateResult("1", "june.tif", str(tmp_path / "june.tif"), "report.html")
    with pytest.raises(UsageError, match=r"same file: june\.tif") as caught:
        open_images(job, lambda level, text: None)
    assert "clear image of the same place" in caught.value.hint
