"""Views turn, and do not repeat themselves."""

import numpy as np

from unclouded.backend.datasets.view import turned


def test_turning_is_one_of_eight_ways() -> None:
    square = np.arange(9).reshape(3, 3)

    assert len({turned(square, way).tobytes() for way in range(8)}) == 8
