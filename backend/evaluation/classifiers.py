"""To be written."""

from __future__ import annotations

from ..evaluation_jobs import EvaluateClassifiers
from ..protocol import Done
from ..reporting import Reporter


def evaluate_classifiers(job: EvaluateClassifiers, report: Reporter) -> Done:
    """Runs the job."""
    raise NotImplementedError
