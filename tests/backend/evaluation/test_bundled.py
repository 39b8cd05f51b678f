"""The bundled generator beats what needs no training, on places that its card does not name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from unclouded.backend import jobs
from unclouded.backend.datasets.collection import VARIABLE
from unclouded.backend.evaluation_jobs import EvaluateGenerators
from unclouded.backend.reporting import Reporter

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE} does not name the folder of training data"),
]


def test_it_beats_identity_constant_and_inpainting(tmp_path: Path) -> None:
    output = tmp_path / "out.html"
    job = EvaluateGenerators("1", str(output), models=["default"], methods=["inpaint"], limit=16, device="cpu")
    jobs.run(job, Reporter("1", lambda event: None))
    rows = json.loads(output.with_suffix(".json").read_text())["tables"]["reconstruction"]["rows"]
    errors = {row["label"]: row["cells"]["mae"]["mean"] for row in rows}
    assert errors["fusion"] < min(errors["identity"], errors["constant"], errors["inpaint"])
