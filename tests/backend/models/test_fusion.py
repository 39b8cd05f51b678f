"""Fusion's own promises: its cost and its errors."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from unclouded.backend.models.fusion import Fusion, Params, input_channels, radius_px

from .contract import NetworkContract, randomised

SMALL = Params(bands=3, widths=(16, 16, 16))


class TestFusion(NetworkContract):
    architecture = "fusion"
    tiny = {"bands": 3, "widths": [16, 16, 16]}


@pytest.fixture(scope="module")
def network() -> Fusion:
    return randomised(Fusion(SMALL))


def test_output_has_reflectance_and_a_positive_scale_for_each_band(network: Fusion) -> None:
    output = network(torch.rand(2, input_channels(3), 24, 40))

    assert output.shape == (2, 6, 24, 40)
    assert (output[:, 3:] > 0).all()


def test_full_size_keeps_to_the_budget() -> None:
    network = Fusion(Params())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, input_channels(13), 256, 256))

    assert counter.get_total_flops() <= 20e9
    assert 2 * sum(weight.numel() for weight in network.parameters()) <= 12e6  # bytes, as float16
    assert radius_px(Params()) <= 80
