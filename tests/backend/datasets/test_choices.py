"""Scenes are as large, and as whole, as a recipe asks."""

from __future__ import annotations

import dataclasses

import pytest

from unclouded.backend.datasets.choices import Choices
from unclouded.backend.datasets.place import clear_day

from .test_samples import PLACE, QUIET, draw, ground


def test_the_scene_is_as_large_as_asked() -> None:
    large = dataclasses.replace(PLACE, days=[clear_day(ground(size=320))], sar=None)
    assert draw(large, 0, Choices(bands=("B2",), scene_px=96)).truth.shape == (1, 96, 96)
    assert draw(large, 0, Choices(bands=("B2",))).truth.shape == (1, 256, 256)


@pytest.mark.parametrize(("share", "whole"), [(0.0, True), (1.0, False)])
def test_an_edge_runs_through_as_many_scenes_as_asked(share: float, whole: bool) -> None:
    drawn = [draw(PLACE, seed, dataclasses.replace(QUIET, edge=share)) for seed in range(3)]

    assert [bool(sample.observation.valid.all()) for sample in drawn] == [whole] * 3
