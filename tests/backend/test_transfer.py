"""What is sent arrives as it was, and the next window is started before the last one is waited for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unclouded.backend.transfer import Download, Transfer, one_behind

DEVICES = ["cpu", pytest.param("cuda:0", marks=pytest.mark.gpu)]
ARRAYS = {
    "numbers": np.arange(60, dtype=np.uint16).reshape(3, 4, 5) + 65_000,
    "mask": np.eye(5, dtype=bool),
    "constant": np.broadcast_to(np.float32(0.5), (4, 5)),
    "cut": np.arange(40, dtype=np.float32).reshape(5, 8)[:, 2:6],
}


@pytest.mark.parametrize("device", DEVICES)
def test_arrays_arrive_as_they_were(device: str) -> None:
    sent = Transfer(torch.device(device)).upload(ARRAYS)

    for name, array in ARRAYS.items():
        assert sent[name].device == torch.device(device)
        np.testing.assert_array_equal(sent[name].cpu().numpy(), array)


@pytest.mark.parametrize("device", DEVICES)
def test_many_windows_there_and_back_do_not_mix(device: str) -> None:
    transfer = Transfer(torch.device(device))
    windows = [np.full((4, 64, 64), i, np.uint16) for i in range(12)]

    def started() -> list[Download]:
        return [transfer.download([transfer.upload({"x": one})["x"].float() + 0.5]) for one in windows]

    for i, (arrived,) in enumerate(one_behind(started())):
        np.testing.assert_array_equal(arrived, np.full((4, 64, 64), i + 0.5, np.float32))


def test_the_next_window_is_started_before_the_last_one_is_given() -> None:
    said: list[str] = []

    def started() -> object:
        for i in range(3):
            said.append(f"started {i}")
            yield Download([torch.full((1,), float(i))], None)

    for (arrived,) in one_behind(started()):  # type: ignore[arg-type]
        said.append(f"given {arrived[0]:.0f}")

    assert said == ["started 0", "started 1", "given 0", "started 2", "given 1", "given 2"]
