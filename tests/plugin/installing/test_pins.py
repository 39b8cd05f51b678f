"""The pins are complete, and resolve where a network is; an offline folder is held against them."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from unclouded.plugin.installing.pins import System, hash_of, missing_wheels, pins_for, read_pins
from unclouded.plugin.installing.variant import VARIANTS, requirements_of

CHECKOUT = Path(__file__).parents[3]
LINUX = System((3, 11), "linux", "x86_64")
SYSTEMS = [
    System((3, minor), name, machine)
    for minor in range(10, 15)
    for name, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("win32", "AMD64"), ("darwin", "arm64"))
]
WITHOUT_NETWORK = re.compile(r"NewConnectionError|ConnectTimeoutError|name resolution|ProxyError|unreachable")


def dependencies() -> dict[str, str]:
    """Gives what pyproject.toml asks for at run time: name -> least version."""
    text = (CHECKOUT / "pyproject.toml").read_text()
    block = text.partition("\ndependencies = [")[2].partition("\n]")[0]
    return dict(re.findall(r'"([a-z0-9-]+)>=([\d.]+)"', block))


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("system", SYSTEMS)
def test_every_dependency_is_pinned_once_in_a_version_that_serves(variant, system):
    pins = pins_for(requirements_of(variant), system)
    versions = {pin.name: pin.version for pin in pins}
    assert len(versions) == len(pins)
    assert len(dependencies()) > 8
    for name, least in dependencies().items():
        assert numbers(versions[name]) >= numbers(least), name
    assert versions["torch"] == "2.13.0"


def test_cuda_adds_only_its_own_libraries():
    cpu, cuda = (pins_for(requirements_of(name), LINUX) for name in VARIANTS)
    added = {pin.name for pin in cuda} - {pin.name for pin in cpu}
    assert set(cpu) <= set(cuda)
    assert added
    assert all(name.startswith(("nvidia-", "cuda-")) or name == "triton" for name in added)
    windows = System((3, 12), "win32", "AMD64")
    assert pins_for(requirements_of("cuda"), windows) == pins_for(requirements_of("cpu"), windows)


def test_a_line_that_is_no_pin_is_refused(tmp_path):
    path = tmp_path / "cpu.txt"
    path.write_text("torch>=2\n")
    with pytest.raises(ValueError, match="NAME==VERSION"):
        read_pins(path)


def test_comments_do_not_change_the_hash(tmp_path):
    one, other, third = (tmp_path / name for name in ("one", "other", "third"))
    one.write_text("# words\na==1\nb==2 # why\n")
    other.write_text("a==1\n\nb==2\n")
    third.write_text("a==1\nb==3\n")
    assert hash_of(one) == hash_of(other) != hash_of(third)


@pytest.mark.parametrize(
    ("wheel", "serves"),
    [
        ("typing_extensions-4.0-py3-none-any.whl", True),
        ("Typing.Extensions-4.0-py2.py3-none-any.whl", True),
        ("typing_extensions-4.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", True),
        ("typing_extensions-4.0-1-cp37-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("typing_extensions-4.1-py3-none-any.whl", False),
        ("typing_extensions-4.0-cp312-cp312-manylinux_2_28_x86_64.whl", False),
        ("typing_extensions-4.0-cp312-abi3-manylinux_2_28_x86_64.whl", False),
        ("typing_extensions-4.0-cp311-cp311-manylinux_2_28_aarch64.whl", False),
        ("typing_extensions-4.0-cp311-cp311-win_amd64.whl", False),
        ("typing_extensions-4.0-cp311-cp311-musllinux_1_2_x86_64.whl", False),
        ("typing_extensions-4.0-py2-none-any.whl", False),
        ("typing_extensions-4.0.tar.gz", False),
        ("other-4.0-py3-none-any.whl", False),
    ],
)
def test_wheels_that_serve_are_told_by_their_names(tmp_path, wheel, serves):
    pins = tmp_path / "cpu.txt"
    pins.write_text("typing-extensions==4.0\nolder==1 ; python_version < '3.11'\nbar==2 ; sys_platform == 'win32'\n")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / wheel).touch()
    missing = missing_wheels(pins, tmp_path / "wheels", LINUX)
    assert [str(pin) for pin in missing] == ([] if serves else ["typing-extensions==4.0"])


@pytest.mark.parametrize(
    ("system", "wheel"),
    [
        (System((3, 12), "win32", "AMD64"), "a-1-cp312-cp312-win_amd64.whl"),
        (System((3, 12), "darwin", "arm64"), "a-1-cp312-cp312-macosx_14_0_arm64.whl"),
        (System((3, 12), "darwin", "arm64"), "a-1-cp312-cp312-macosx_10_13_universal2.whl"),
    ],
)
def test_wheels_of_other_systems(tmp_path, system, wheel):
    (tmp_path / "cpu.txt").write_text("a==1\n")
    (tmp_path / wheel).touch()
    assert missing_wheels(tmp_path / "cpu.txt", tmp_path, system) == []
    assert len(missing_wheels(tmp_path / "cpu.txt", tmp_path, LINUX)) == 1


@pytest.mark.slow
def test_the_pins_for_the_cpu_resolve(tmp_path):
    """Without --no-deps: what a package asks for must be pinned too, or pip would choose it by itself.

    Where PyPI's own torch is found, that is the one for CUDA, so its libraries may come too.
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere PyPI has another build of torch")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    command = [tmp_path / "venv/bin/python", "-I", "-m", "pip", "install", "--dry-run", "--only-binary=:all:"]
    command += ["--report", tmp_path / "report.json", "--quiet", "-r", requirements_of("cpu")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and WITHOUT_NETWORK.search(done.stderr):
        pytest.skip("no network")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    chosen = {re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower() for one in report["install"]}
    here = System(sys.version_info[:2], "linux", platform.machine())
    assert {pin.name for pin in pins_for(requirements_of("cpu"), here)} <= chosen
    assert chosen <= {pin.name for pin in pins_for(requirements_of("cuda"), here)}
