"""The backend proves itself on a tile, and says loudly when it is not on the device that was wanted."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import torch

from unclouded.backend import proof
from unclouded.backend.errors import BackendError, DeviceError


def test_the_cpu_reconstructs_a_tile() -> None:
    done = proof.prove("cpu")
    assert (done.device, done.warning) == ("cpu", "")
    assert "CPU" in done.label
    assert done.milliseconds > 0


def test_a_device_that_is_not_there_falls_back_to_the_cpu_and_says_so() -> None:
    done = proof.prove("cuda:7")
    assert done.device == "cpu"
    assert done.milliseconds > 0
    assert "cuda:7" in done.warning
    assert done.warning.endswith("The CPU is used.")


def test_a_kernel_that_fails_on_the_gpu_falls_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a GPU that this build of torch has no kernels for."""
    run = proof._run

    def fail_on_gpu(device: str) -> float:
        if device != "cpu":
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
        return run(device)

    monkeypatch.setattr(proof, "find_device", lambda name: torch.device("cuda:0"))
    monkeypatch.setattr(proof, "_run", fail_on_gpu)
    done = proof.prove("cuda")
    assert done.device == "cpu"
    assert "no kernel image" in done.warning


def test_a_cuda_build_that_finds_no_gpu_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert proof.prove().warning == ""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    warning = proof.prove().warning
    assert "built for CUDA 13.0" in warning
    assert "no GPU" in warning


def test_nonsense_on_the_cpu_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "REFLECTANCE", float("nan"))
    with pytest.raises(DeviceError, match="no numbers"):
        proof.prove("cpu")


def test_a_library_that_does_not_load_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(BackendError, match="lightgbm cannot be loaded"):
        proof.prove("cpu")


@pytest.mark.gpu
def test_the_gpu_reconstructs_a_tile() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    done = proof.prove()
    assert (done.device, done.warning) == ("cuda:0", "")


def test_info_checks_when_asked(shop: Any) -> None:
    programs = shop.command("info", "--json", "--check", "--device", "cpu")
    people = shop.command("info", "--check")
    assert "proof" not in json.loads(shop.command("info", "--json").stdout)
    assert json.loads(programs.stdout)["proof"]["device"] == "cpu"
    assert people.returncode == 0
    assert "a tile in" in people.stdout
