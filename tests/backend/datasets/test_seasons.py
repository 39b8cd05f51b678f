"""Invented days differ as real ones do: the more, the farther apart."""

import numpy as np

from unclouded.backend.datasets.seasons import another_day
from unclouded.backend.sensors import NAMES


def test_another_day_changes_more_the_farther_it_is() -> None:
    clear = np.random.default_rng(0).uniform(0.02, 0.4, (13, 20, 20)).repeat(8, 1).repeat(8, 2).astype(np.float32)
    changes, days = [], []
    for seed in range(40):
        other, distance = another_day(clear, NAMES, np.random.default_rng(seed))
        assert other.shape == clear.shape
        assert other.dtype == np.float32
        assert other.min() >= 0
        changes.append(np.abs(other - clear).mean())
        days.append(abs(distance))

    order = np.argsort(days)
    assert np.mean(np.array(changes)[order[:15]]) < np.mean(np.array(changes)[order[-15:]])
