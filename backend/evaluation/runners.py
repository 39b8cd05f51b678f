"""What runs each kind of evaluation: loaded with the first one, since no other job needs what they draw on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..evaluation_jobs import (
    DrawContactSheet,
    EvaluateClassifiers,
    EvaluateGenerators,
    EvaluateLandCover,
    EvaluateMasks,
    EvaluateResult,
    EvaluateSeries,
)
from ..protocol import Done
from ..reporting import Reporter
from .classifiers.job import evaluate_classifiers
from .contact.job import draw_contact_sheet
from .generators.job import evaluate_generators
from .landcover.job import evaluate_landcover
from .masks.job import evaluate_masks
from .result.job import evaluate_result
from .series.job import evaluate_series

RUNNERS: dict[type, Callable[[Any, Reporter], Done]] = {
    EvaluateGenerators: evaluate_generators,
    EvaluateLandCover: evaluate_landcover,
    EvaluateClassifiers: evaluate_classifiers,
    EvaluateMasks: evaluate_masks,
    EvaluateSeries: evaluate_series,
    EvaluateResult: evaluate_result,
    DrawContactSheet: draw_contact_sheet,
}
