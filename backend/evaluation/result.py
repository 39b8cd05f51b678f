"""To be written."""

from __future__ import annotations

from ..evaluation_jobs import EvaluateResult
from ..protocol import Done
from ..reporting import Reporter


def evaluate_result(job: EvaluateResult, report: Reporter) -> Done:
    """Runs the job."""
    raise NotImplementedError
