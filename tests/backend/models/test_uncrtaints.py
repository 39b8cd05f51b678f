"""UnCRtainTS has the published weights by name and shape, hears the days, and gives variances."""

import math

import pytest
import torch

from unclouded.backend.models.uncrtaints import Params, UnCRtainTS, positions
from unclouded.backend.models.zoo import build, preset

from .contract import DatesContract, randomised

TINY = {
    "bands": 3,
    "frame_channels": 6,
    "width": 8,
    "decoder_blocks": 2,
    "heads": 4,
    "attention_width": 16,
    "key_width": 2,
}


class TestUnCRtainTS(DatesContract):
    architecture = "uncrtaints"
    tiny = TINY
    frame_channels = 6
    # What shifts the keys of all dates alike, and shifts before batch norm.
    cancelled = frozenset(
        {"temporal_encoder.inconv.bias", "temporal_encoder.in_norm.bias"}
        | {"temporal_encoder.attention_heads.fc1_k.bias"}
        | {f"out_block.{block}.conv.norm.bias" for block in range(2)}
    )


@pytest.fixture
def network() -> UnCRtainTS:
    return randomised(UnCRtainTS(Params(**TINY, scale=10)))


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(4)
    frames = torch.rand(2, 3, 6, 16, 24)
    frames[:, :, -1] = torch.tensor([0.0, -20.0, 35.0])[:, None, None]
    return frames.flatten(1, 2)


def block(prefix: str, norm: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a published MBConv block of 128 channels."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv.fn.0.weight": (256, 128, 1, 1),
        "conv.fn.3.weight": (256, 1, 3, 3),
        "conv.fn.6.fc.0.weight": (32, 256),
        "conv.fn.6.fc.2.weight": (256, 32),
        "conv.fn.7.weight": (128, 256, 1, 1),
    }
    for name, width in (("conv.norm", 128), ("conv.fn.1", 256), ("conv.fn.4", 256), ("conv.fn.8", 128)):
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
        if norm == "batch":
            shapes |= {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
            shapes |= {f"{name}.num_batches_tracked": ()}
    return {f"{prefix}.{name}": shape for name, shape in shapes.items()}


PUBLISHED = {
    "in_conv.conv.conv.0.weight": (128, 15, 1, 1),
    "in_conv.conv.conv.0.bias": (128,),
    "in_conv.conv.conv.1.weight": (128,),
    "in_conv.conv.conv.1.bias": (128,),
    **block("in_block.0", "group"),
    "temporal_encoder.inconv.weight": (256, 128, 1),
    "temporal_encoder.inconv.bias": (256,),
    "temporal_encoder.attention_heads.Q": (16, 4),
    "temporal_encoder.attention_heads.fc1_k.weight": (64, 256),
    "temporal_encoder.attention_heads.fc1_k.bias": (64,),
    "temporal_encoder.in_norm.weight": (128,),
    "temporal_encoder.in_norm.bias": (128,),
    **{key: shape for i in range(5) for key, shape in block(f"out_block.{i}", "batch").items()},
    "out_conv.conv.conv.0.weight": (26, 128, 1, 1),
    "out_conv.conv.conv.0.bias": (26,),
}


def test_weights_are_named_and_shaped_as_published() -> None:
    with torch.device("meta"):
        full = build("uncrtaints", preset("uncrtaints", "paper"))
    state = full.state_dict()

    assert sum(weight.numel() for weight in full.parameters()) == 570_010
    assert len(state) == 151
    assert {key: tuple(value.shape) for key, value in state.items()} == PUBLISHED
    assert next(iter(state)) == "in_conv.conv.conv.0.weight"
    assert list(state)[-1] == "out_conv.conv.conv.0.bias"


def test_means_lie_in_the_scale_and_variances_are_positive(network: UnCRtainTS, x: torch.Tensor) -> None:
    mean, variance = network(100 * x).chunk(2, dim=1)

    assert ((mean >= 0) & (mean <= 10)).all()
    assert mean.std() > 0.1
    assert (variance > 0).all()


def test_days_count(network: UnCRtainTS, x: torch.Tensor) -> None:
    other = x.clone().unflatten(1, (3, 6))
    other[:, 2, -1] = 90

    assert not torch.allclose(network(x), network(other.flatten(1, 2)), atol=1e-3)


def test_order_of_dates_does_not_matter_as_they_know_their_days(network: UnCRtainTS, x: torch.Tensor) -> None:
    back = x.unflatten(1, (3, 6)).flip(1).flatten(1, 2)

    torch.testing.assert_close(network(x), network(back), rtol=1e-4, atol=1e-4)


def test_attention_adds_up_to_one(network: UnCRtainTS, x: torch.Tensor) -> None:
    attention = network.attention(x)

    assert attention.shape == (2, 3, 16, 24)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2, 16, 24))
    assert attention.std() > 0.01


def test_attention_is_softmax_of_queries_and_keys(network: UnCRtainTS) -> None:
    """One cell reckoned by hand, head by head."""
    layer = network.temporal_encoder
    torch.manual_seed(5)
    cells, days = torch.randn(1, 3, 8, 2, 2), torch.tensor([[0.0, -20.0, 35.0]])
    found = layer(cells, days)[0, :, :, 1, 0]

    normed = torch.nn.functional.group_norm(cells[:, :, :, 1, 0].mT, 4, layer.in_norm.weight, layer.in_norm.bias)
    for head in range(4):
        scores = []
        for date in range(3):
            wave = [days[0, date] / 1000 ** (2 * (i // 2) / 4) for i in range(4)]
            place = torch.tensor([math.cos(angle) if i % 2 else math.sin(angle) for i, angle in enumerate(wave)])
            value = layer.inconv.weight[:, :, 0] @ normed[0, :, date] + layer.inconv.bias + place.repeat(4)
            keys = layer.attention_heads.fc1_k(value)[2 * head : 2 * head + 2]
            scores.append(layer.attention_heads.Q[head] @ keys / math.sqrt(2))
        torch.testing.assert_close(found[:, head], torch.stack(scores).softmax(0), rtol=1e-4, atol=1e-5)


def test_positions_are_waves_of_growing_length() -> None:
    found = positions(torch.tensor([[0.0, 100.0]]), 16)

    assert found.shape == (1, 2, 16)
    assert found[0, 0].tolist() == [0, 1] * 8
    assert found[0, 1, 0] == pytest.approx(math.sin(100), abs=1e-5)
    assert found[0, 1, 15] == pytest.approx(math.cos(100 / 1000 ** (14 / 16)), abs=1e-5)
