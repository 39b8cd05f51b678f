"""To be written."""

from __future__ import annotations

from ..evaluation_jobs import EvaluateLandCover
from ..protocol import Done
from ..reporting import Reporter


def evaluate_landcover(job: EvaluateLandCover, report: Reporter) -> Done:
    """Runs the job."""
    raise NotImplementedError
