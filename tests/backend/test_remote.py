"""What workers must have, how they differ, and what each on one machine gets."""

from __future__ import annotations

import pytest

from unclouded.backend.errors import DeviceError, UsageError
from unclouded.backend.portions import Terms
from unclouded.backend.remote import difference_of, local_shares, refusal_of

HERE = Terms("1.2", (("own", "a" * 64),), "cpu", 1, "AVX2", 4)


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ([HERE, HERE], None),
        ([HERE, Terms("1.2", HERE.generators, "cpu", 1, "AVX2", 1)], None),
        ([HERE, Terms("1.2", HERE.generators, "cpu", 1, "AVX2", 3)], "a worker reckons with 3 threads"),
        ([HERE, Terms("1.2", HERE.generators, "cpu", 1, "AVX512", 4)], "than the others: cpu AVX2, cpu AVX512"),
        ([Terms("1.2", HERE.generators, "cuda", 16, "AVX2", 3)], None),
    ],
)
def test_what_may_change_pixels_is_said(there: list[Terms], words: str | None) -> None:
    said = difference_of(there)
    assert said is None if words is None else said is not None and words in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("0.9", "has Unclouded 0.9, this machine 1.2"),
        (ModuleNotFoundError("No module named 'unclouded'"), "has no Unclouded"),
        (DeviceError("There is no device 'cuda'.", "Choose cpu."), "cannot do it: There is no device 'cuda'"),
        (Terms("1.2", (("own", "b" * 64),)), "has another generator 'own': SHA-256 bbbbbbbbbbbb, not aaaaaaaaaaaa"),
        (RuntimeError("strange"), "does not answer as expected (RuntimeError: strange)"),
    ],
)
def test_refusals_say_what_came_and_what_to_do(answer: object, words: str) -> None:
    refusal = refusal_of("w1 (tcp://example.org:1)", answer, HERE)
    assert refusal.message.startswith(f"The worker w1 (tcp://example.org:1) is left out, since it {words}")
    assert refusal.hint.endswith(".")


def test_only_version_and_generators_must_be_equal() -> None:
    assert Terms("1.2", HERE.generators, "cuda", 16, "AVX512", 8) == HERE
    assert Terms("1.3", HERE.generators) != HERE
    assert Terms("1.2", (("own", "b" * 64),)) != HERE


@pytest.mark.parametrize(("address", "count"), [("local:1", 1), ("local:3", 3)])
def test_workers_of_one_machine_share_its_cores_by_powers_of_two(address: str, count: int) -> None:
    shares = local_shares(address)
    assert len(shares) == count
    for share in shares:
        threads = int(share["OMP_NUM_THREADS"])
        assert threads >= 1
        assert threads & (threads - 1) == 0


@pytest.mark.parametrize("address", ["local:", "local:0", "local:x", "local:1:2", "locale"])
def test_addresses_that_make_no_sense_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is no cluster"):
        local_shares(address)
