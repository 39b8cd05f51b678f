"""Nobody tests on what he trained on."""

import subprocess
import sys

import pytest

from unclouded.backend.datasets.splits import SPLITS, as_split, by_hash, ranked
from unclouded.backend.errors import UsageError


def test_places_are_divided_by_name_and_by_nothing_else() -> None:
    sides = [by_hash(f"place {number}") for number in range(5000)]
    other = "from unclouded.backend.datasets.splits import by_hash; print([by_hash(f'place {n}') for n in range(20)])"

    assert sides.count("validation") == pytest.approx(500, abs=70)
    assert sides.count("test") == pytest.approx(500, abs=70)
    assert subprocess.check_output([sys.executable, "-c", other], text=True).strip() == str(sides[:20])


@pytest.mark.parametrize("count", [3, 4, 10, 57])
def test_a_handful_is_divided_so_that_each_split_has_some(count: int) -> None:
    sides = list(ranked(f"{number}" for number in range(count)).values())

    assert {side: sides.count(side) >= 1 for side in SPLITS} == dict.fromkeys(SPLITS, True)
    assert sides.count("train") >= sides.count("test") + sides.count("validation") - 1


def test_names_of_splits() -> None:
    assert (as_split("val"), as_split("test")) == ("validation", "test")
    with pytest.raises(UsageError, match="Known: train, validation, test"):
        as_split("dev")
