"""CPU or CUDA is chosen by what the driver says; here, programs stand for nvidia-smi."""

from __future__ import annotations

from pathlib import Path

import pytest

from unclouded.backend.errors import BackendError
from unclouded.plugin.installing.variant import SIZES, VARIANTS, choose_variant

RTX = "NVIDIA GeForce RTX 4070, 581.29, 8.9"


@pytest.fixture
def machine(tmp_path):
    """Makes a machine whose nvidia-smi prints a line for each GPU."""

    def make(*lines: str, exit_code: int = 0, knows_capability: bool = True) -> dict[str, str]:
        unknown = "" if knows_capability else 'case "$*" in *compute_cap*) echo "not a valid field"; exit 2;; esac\n'
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{unknown}cat <<'END'\n" + "\n".join(lines) + f"\nEND\nexit {exit_code}\n")
        program.chmod(0o755)
        return {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    return make


def test_a_new_driver_means_cuda(machine):
    variant = choose_variant("", "linux", machine(RTX, "Tesla K80, 581.29, 3.7"))
    assert variant.name == "cuda"
    assert variant.requirements.name == "cuda.txt"
    assert "RTX 4070 has the driver 581.29" in variant.reason


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("NVIDIA GeForce RTX 3060, 535.183.01, 8.6", "driver 535.183.01 of the NVIDIA GeForce RTX 3060 is too old"),
        ("NVIDIA GeForce GTX 1080, 580.65.06, 6.1", "compute capability 6.1"),
        ("No devices were found", "No NVIDIA driver"),
        ("", "No NVIDIA driver"),
    ],
)
def test_what_cuda_cannot_use_means_cpu(machine, line, words):
    variant = choose_variant("", "linux", machine(line))
    assert variant.name == "cpu"
    assert words in variant.reason


def test_a_driver_that_does_not_answer_means_cpu(machine):
    failed = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver"
    assert choose_variant("", "linux", machine(failed, exit_code=9)).name == "cpu"


def test_an_old_nvidia_smi_that_does_not_know_the_capability_is_asked_for_less(machine):
    variant = choose_variant("", "linux", machine("Quadro P400, 470.10", knows_capability=False))
    assert "driver 470.10 of the Quadro P400 is too old" in variant.reason


def test_without_nvidia_smi_it_is_the_cpu(tmp_path):
    assert choose_variant("", "linux", {"PATH": str(tmp_path)}).name == "cpu"


def test_nvidia_smi_is_found_in_its_usual_place_on_windows(machine, tmp_path):
    machine(RTX)
    place = tmp_path / "Windows" / "System32" / "nvidia-smi.exe"
    place.parent.mkdir(parents=True)
    (tmp_path / "nvidia-smi").rename(place)
    environ = {"PATH": str(tmp_path), "SystemRoot": str(tmp_path / "Windows")}
    assert choose_variant("", "win32", environ).name == "cuda"


def test_the_choice_can_be_overridden(machine):
    by_hand = choose_variant("cpu", "linux", machine(RTX))
    assert by_hand.name == "cpu"
    assert "by hand" in by_hand.reason
    assert "581.29" in by_hand.reason
    assert choose_variant("cuda", "linux", machine("")).name == "cuda"
    assert "by hand" not in choose_variant("cuda", "linux", machine(RTX)).reason


def test_what_makes_no_sense_is_refused(machine):
    with pytest.raises(BackendError, match="Expected cpu or cuda, got 'rocm'"):
        choose_variant("rocm", "linux", machine(RTX))
    with pytest.raises(BackendError, match="no Mac"):
        choose_variant("cuda", "darwin", {})


@pytest.mark.parametrize(
    ("name", "platform", "index"),
    [
        ("cpu", "linux", "https://download.pytorch.org/whl/cpu"),
        ("cuda", "linux", ""),
        ("cpu", "win32", ""),
        ("cuda", "win32", "https://download.pytorch.org/whl/cu130"),
        ("cpu", "darwin", ""),
    ],
)
def test_torch_comes_from_where_its_build_is(tmp_path, name, platform, index):
    environ = {"PATH": str(tmp_path)}
    assert choose_variant(name, platform, environ).index == index
    assert choose_variant(name, platform, {**environ, "UNCLOUDED_TORCH_INDEX": "https://x.example.org"}).index == (
        "https://x.example.org"
    )
    assert choose_variant(name, platform, {**environ, "UNCLOUDED_TORCH_INDEX": ""}).index == ""
    assert choose_variant(name, platform, {**environ, "PIP_INDEX_URL": "https://mirror.example.org"}).index == ""


def test_every_variant_has_pins_and_a_size():
    for name, platform in SIZES:
        variant = choose_variant(name, platform, {"PATH": ""})
        assert variant.requirements.is_file()
        assert 0 < variant.download_bytes < variant.disk_bytes
    assert {name for name, _ in SIZES} == set(VARIANTS)
    assert Path(variant.requirements).parent.name == "requirements"
