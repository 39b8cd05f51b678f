"""How learning rates change over a run."""

from __future__ import annotations

import math

from .recipe import Fit

WARM_UP_SHARE = 0.05
LEAST_SHARE = 0.01
"""Of the learning rate, where the cosine ends."""


def learning_rate_share(fit: Fit, epoch: int, done: float) -> float:
    """Gives the share of the first learning rate that the schedule leaves, 0..1.

    Args:
        fit: Names the schedule.
        epoch: The current one, from 0.
        done: Share of the whole run that is over.
    """
    if fit.schedule == "cosine":
        risen = min((done + 1e-3) / WARM_UP_SHARE, 1.0)
        left = (1 + math.cos(math.pi * max(done - WARM_UP_SHARE, 0) / (1 - WARM_UP_SHARE))) / 2
        return risen * (LEAST_SHARE + (1 - LEAST_SHARE) * left)
    if fit.schedule == "linear":
        return float(min(1.0, 2 * (1 - done)))
    if fit.schedule == "steps":
        return float(fit.divide_by ** -sum(epoch >= milestone for milestone in fit.milestones))
    return 1.0
