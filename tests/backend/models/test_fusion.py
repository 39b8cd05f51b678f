"""Fusion's own promises: its cost and its errors."""

import dataclasses

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from unclouded.backend.errors import ModelError
from unclouded.backend.models.fusion import PLANES, PRESETS, Fusion, Params, input_channels, radius_px
from unclouded.backend.models.zoo import build

from .contract import NetworkContract, randomised

SMALL = Params(bands=3, widths=(16, 16, 16))
SMALL_INPUTS = input_channels(3)


class TestFusion(NetworkContract):
    architecture = "fusion"
    tiny = {"bands": 3, "widths": [16, 16, 16], "rest": 0.01, "cell_px": 4}


@pytest.fixture(scope="module")
def network() -> Fusion:
    return randomised(Fusion(SMALL))


def test_output_has_reflectance_and_a_positive_scale_for_each_band(network: Fusion) -> None:
    output = network(torch.rand(2, input_channels(3), 24, 40))

    assert output.shape == (2, 6, 24, 40)
    assert (output[:, 3:] > 0).all()


def test_full_size_keeps_to_the_budget() -> None:
    network = Fusion(PRESETS["paper"])
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, input_channels(13), 256, 256))

    assert counter.get_total_flops() <= 20e9
    assert 2 * sum(weight.numel() for weight in network.parameters()) <= 12e6  # bytes, as float16
    assert radius_px(PRESETS["paper"]) <= 80


def test_weights_of_version_1_are_completed_so_that_what_they_did_not_know_says_nothing() -> None:
    known = [index for index in range(SMALL_INPUTS) if index not in {*range(9, 15), 20}]
    first = randomised(Fusion(SMALL)).state_dict()
    first["stem.weight"] = first["stem.weight"][:, known]
    for key in ("head.spread.weight", "head.spread.bias"):
        first[key] = first[key][:48]
    network = Fusion(SMALL)
    network.upgrade(first)
    network.load_state_dict(first)
    x = torch.rand(1, SMALL_INPUTS, 16, 16)
    other = x.clone()
    other[:, [*range(9, 15), 20]] = torch.rand(1, 7, 16, 16)

    torch.testing.assert_close(network(x), network(other))
    assert PLANES[20 - 15] == "error"
    before = {key: value.clone() for key, value in first.items()}
    network.upgrade(first)
    assert all(torch.equal(first[key], before[key]) for key in before)


@pytest.mark.parametrize("key", ["stem.weight", "head.spread.weight", "head.spread.bias"])
def test_weights_of_no_known_version_are_left_as_they_are(key: str) -> None:
    first = {
        "stem.weight": torch.zeros(16, 4 * 3 + len(PLANES) - 1, 2, 2),
        "head.spread.weight": torch.zeros(48, 16, 1, 1),
        "head.spread.bias": torch.zeros(48),
    }
    for broken in (torch.zeros(7), None):
        state = {name: weight for name, weight in (first | {key: broken}).items() if weight is not None}
        shapes = {name: weight.shape for name, weight in state.items()}
        Fusion(SMALL).upgrade(state)

        assert {name: weight.shape for name, weight in state.items()} == shapes


def test_shaded_ground_can_be_brightened() -> None:
    network = Fusion(SMALL)
    for weight in network.parameters():
        torch.nn.init.zeros_(weight)
    outputs = torch.tensor([9.0, -9.0, 0.0, 0.0, 9.0]).repeat_interleave(4 * SMALL.bands)
    with torch.no_grad():
        network.head.spread.get_parameter("bias").copy_(outputs)
    x = torch.zeros(1, SMALL_INPUTS, 8, 8)
    x[:, :3], x[:, 3:6] = -0.05, 0.1  # the image shows 0.05

    torch.testing.assert_close(network(x)[:, :3], torch.full((1, 3, 8, 8), 0.3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("rest", [0.0, 0.01])
def test_no_trace_of_an_opaque_cloud_is_left(rest: float) -> None:
    network = Fusion(dataclasses.replace(SMALL, rest=rest))
    for weight in network.parameters():
        torch.nn.init.zeros_(weight)
    outputs = torch.tensor([-6.0, 6.0, 0.0, 0.0, -30.0]).repeat_interleave(4 * SMALL.bands)
    with torch.no_grad():
        network.head.spread.get_parameter("bias").copy_(outputs)
    x = torch.zeros(1, SMALL_INPUTS, 8, 8)
    x[:, 3:6], x[:, 6:9] = 0.1, 0.05  # the other dates show 0.15
    clouded = x.clone()
    clouded[:, :3] = 0.6

    trace = (network(clouded) - network(x))[:, :3].abs().max()
    assert trace == 0 if rest else trace > 1e-3
    assert not rest or (network(x)[:, :3] == torch.tensor(0.1) + torch.tensor(0.05)).all()


@pytest.mark.parametrize("cell_px", [2, 4])
def test_cells_leave_no_pattern(cell_px: int) -> None:
    network = Fusion(dataclasses.replace(SMALL, cell_px=cell_px))
    pattern = (
        torch.rand(1, 2, 1, cell_px, 1, cell_px).expand(-1, -1, 8, -1, 8, -1).reshape(1, 2, 8 * cell_px, 8 * cell_px)
    )
    smooth = network._smoothed(pattern)[..., cell_px:-cell_px, cell_px:-cell_px]

    torch.testing.assert_close(smooth, pattern.mean(dim=(2, 3), keepdim=True).expand_as(smooth))


@pytest.mark.parametrize("wrong", [{"cell_px": 0}, {"cell_px": 3}, {"cell_px": 10**6}, {"rest": 0.5}, {"rest": -0.1}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ModelError, match=next(iter(wrong))):
        build("fusion", {"bands": 3, "widths": [16, 16, 16], **wrong})
