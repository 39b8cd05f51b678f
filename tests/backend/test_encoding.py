"""What a network reads and writes is said by its card, and refused where it makes no sense."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unclouded.backend.encoding import Encoding, encoding_facts, read_encoding
from unclouded.backend.errors import ModelError

DSEN2CR = Encoding(layout="frames", optical_range=(0, 5), sar_range=(0, 2), output="image")
"""Scaling of Meraner et al., 2020: optical digital numbers, clipped to 10000, over 2000; SAR in 0..2."""
TANH = Encoding(layout="frames", optical_range=(-1, 1), output="image")
ALL = Encoding(layout="frames", frames=3, optical_range=(-1, 1), sar_range=(-1, 1), masks=True, days=True)
BANDS = ("B2", "B3", "B4", "B8")


class TestUnits:
    @pytest.mark.parametrize("encoding", [DSEN2CR, TANH, dataclasses.replace(TANH, optical_limit=0.5)])
    @given(hnp.arrays(np.float32, 5, elements=st.floats(0, 0.5, width=32)))
    def test_units_go_there_and_back(self, encoding: Encoding, reflectance: np.ndarray) -> None:
        units = encoding.to_units(reflectance)

        assert units.dtype == np.float32
        np.testing.assert_allclose(encoding.to_reflectance(units), reflectance, atol=1e-6)

    @pytest.mark.parametrize("encoding", [DSEN2CR, TANH, dataclasses.replace(TANH, optical_limit=0.5)])
    def test_what_lies_beyond_the_limits_is_clipped_to_the_range(self, encoding: Encoding) -> None:
        units = encoding.to_units(np.array([-0.2, 0, encoding.optical_limit, 7], np.float32))

        np.testing.assert_array_equal(units, [*encoding.optical_range[:1] * 2, *encoding.optical_range[1:] * 2])


class TestCard:
    @pytest.mark.parametrize("encoding", [Encoding(), DSEN2CR, TANH, ALL])
    def test_an_encoding_survives_the_card(self, encoding: Encoding) -> None:
        assert read_encoding(json.loads(json.dumps(encoding_facts(encoding)))) == encoding

    @pytest.mark.parametrize(
        "facts",
        [
            {"colour": "blue"},
            {"layout": "tape"},
            {"output": "poem"},
            {"frames": 0},
            {"frames": "three"},
            {"optical_limit": 0},
            {"optical_range": [1, 1]},
            {"optical_range": [0, 1, 2]},
            {"optical_range": 5},
            {"sar_range": [2, 0]},
            {"sar_range": ["low", "high", "higher"]},
            {"vh_floor_db": 1.0},
        ],
    )
    def test_an_encoding_that_makes_no_sense_is_refused(self, facts: dict[str, Any]) -> None:
        with pytest.raises(ModelError, match="encoding cannot be read"):
            read_encoding(facts)
