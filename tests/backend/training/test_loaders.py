"""Samples come in their order, whoever draws them, and those who do are no forks of a process with threads."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from unclouded.backend.training.loaders import Turns, load


@pytest.mark.parametrize(("count", "processes"), [(7, 1), (8, 2), (9, 4), (3, 4)])
def test_processes_share_an_epoch_evenly(count: int, processes: int) -> None:
    each = count // processes
    turns = [list(Turns(count, lambda: 5, process, processes)) for process in range(processes)]

    assert [len(items) for items in turns] == [each] * processes
    assert sorted(item for items in turns for item in items) == [(5, item) for item in range(each * processes)]


@pytest.mark.parametrize("workers", [0, 2])
def test_each_epoch_has_its_own_items(workers: int) -> None:
    epochs = iter(range(10))
    loader = load(partial(np.full, 5), Turns(5, lambda: next(epochs)), workers, batch_size=2)

    assert [torch.cat(list(loader)).tolist() for _ in range(3)] == [[epoch] * 5 for epoch in range(3)]


def test_processes_are_started_once_and_are_no_forks_of_this_one() -> None:
    loader = load(partial(np.full, 4), Turns(4, lambda: 0), 2, batch_size=1)
    seen = []
    for _ in range(2):
        assert len(list(loader)) == 4
        seen.append([worker.pid for worker in loader._iterator._workers])

    assert seen[0] == seen[1]
    assert loader.multiprocessing_context.get_start_method() != "fork"
