"""Freed memory stays in the process while a job runs, and leaves it afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from unclouded.backend.memory import give_back, keep_freed
if sys.argv[1] == "kept":
    keep_freed()
def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20
def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(5_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
pages()
again, held = pages(), resident_mb()
give_back()
print(again, held - resident_mb())
"""


def measure(how: str) -> tuple[int, float]:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    pages, freed_mb = done.stdout.split()
    return int(pages), float(freed_mb)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_a_second_array_needs_no_new_memory_and_the_first_goes_when_it_is_given_back() -> None:
    pages, freed_mb = measure("kept")
    left_pages, _ = measure("left")

    assert pages < left_pages / 10
    assert freed_mb > 30
