"""To be written."""

from __future__ import annotations

from ..evaluation_jobs import EvaluateMasks
from ..protocol import Done
from ..reporting import Reporter


def evaluate_masks(job: EvaluateMasks, report: Reporter) -> Done:
    """Runs the job."""
    raise NotImplementedError
