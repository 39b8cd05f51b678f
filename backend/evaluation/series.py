"""To be written."""

from __future__ import annotations

from ..evaluation_jobs import EvaluateSeries
from ..protocol import Done
from ..reporting import Reporter


def evaluate_series(job: EvaluateSeries, report: Reporter) -> Done:
    """Runs the job."""
    raise NotImplementedError
