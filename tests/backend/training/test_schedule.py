"""Schedules take the learning rate where recipes say."""

import math

import pytest

from unclouded.backend.training.recipe import Fit
from unclouded.backend.training.schedule import learning_rate_share

EPOCHS = 300


def share(epoch: float, **fit: object) -> float:
    return learning_rate_share(Fit(epochs=EPOCHS, **fit), int(epoch), epoch / EPOCHS)


def test_steps_divide_at_each_milestone() -> None:
    steps = {"schedule": "steps", "milestones": (50, 100, 200, 250), "divide_by": 5}

    assert [share(epoch, **steps) for epoch in (0, 49, 50, 99, 100, 200, 250, 299)] == pytest.approx(
        [1, 1, 1 / 5, 1 / 5, 1 / 25, 1 / 125, 1 / 625, 1 / 625]
    )


def test_linear_falls_to_nothing_over_the_second_half() -> None:
    assert [share(epoch, schedule="linear") for epoch in (0, 150, 225, 300)] == pytest.approx([1, 1, 0.5, 0])


def test_cosine_rises_over_a_twentieth_and_falls_to_a_hundredth() -> None:
    assert share(7.5, schedule="cosine") == pytest.approx(0.52, abs=0.01)
    assert share(15, schedule="cosine") == 1
    assert share(157.5, schedule="cosine") == pytest.approx(0.01 + 0.99 * (1 + math.cos(math.pi / 2)) / 2)
    assert share(300, schedule="cosine") == pytest.approx(0.01)


def test_constant_stays() -> None:
    assert {share(epoch) for epoch in (0, 100, 299)} == {1}
