"""To be written."""

from __future__ import annotations

from ..evaluation_jobs import EvaluateGenerators
from ..protocol import Done
from ..reporting import Reporter


def evaluate_generators(job: EvaluateGenerators, report: Reporter) -> Done:
    """Runs the job."""
    raise NotImplementedError
