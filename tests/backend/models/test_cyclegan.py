"""The residual generator has the published sizes, keys and arithmetic."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unclouded.backend.models.cyclegan import PRESETS, CycleGAN, Params

from .contract import NetworkContract, inputs, randomised

TINY = Params(3, 2, width=4, blocks=2)
INNER = ["model.1", "model.4", "model.7", *(f"model.{b}.conv_block.{i}" for b in (10, 11) for i in (1, 5))]


class TestCycleGAN(NetworkContract):
    architecture = "cyclegan"
    tiny = {"in_channels": 3, "out_channels": 2, "width": 4, "blocks": 2}
    cancelled = frozenset(f"{layer}.bias" for layer in (*INNER, "model.12", "model.15"))


@pytest.fixture
def network() -> CycleGAN:
    return randomised(CycleGAN(TINY))


@pytest.mark.parametrize(("blocks", "weights"), [(9, 11_378_179), (6, 7_837_699)])
def test_published_sizes(blocks: int, weights: int) -> None:
    with torch.device("meta"):
        network = CycleGAN(Params(blocks=blocks))

    assert sum(weight.numel() for weight in network.parameters()) == weights


def test_published_keys() -> None:
    with torch.device("meta"):
        keys = list(CycleGAN(PRESETS["paper"]).state_dict())

    blocks = [f"model.{block}.conv_block.{i}" for block in range(10, 19) for i in (1, 5)]
    layers = ["model.1", "model.4", "model.7", *blocks, "model.19", "model.22", "model.26"]
    assert keys == [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]


def normed(x: Tensor) -> Tensor:
    """Instance norm by its definition."""
    mean = x.mean(dim=(2, 3), keepdim=True)
    return (x - mean) / (x.var(dim=(2, 3), keepdim=True, correction=0) + 1e-5).sqrt()


def reference(x: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    def convolved(features: Tensor, key: str, reflect: int = 0, **options: int) -> Tensor:
        padded = functional.pad(features, (reflect,) * 4, mode="reflect")
        return functional.conv2d(padded, state[f"{key}.weight"], state[f"{key}.bias"], **options)

    def doubled(features: Tensor, key: str) -> Tensor:
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        return functional.conv_transpose2d(features, weight, bias, stride=2, padding=1, output_padding=1)

    features = normed(convolved(x, "model.1", reflect=3)).relu()
    features = normed(convolved(features, "model.4", stride=2, padding=1)).relu()
    features = normed(convolved(features, "model.7", stride=2, padding=1)).relu()
    for block in ("model.10", "model.11"):
        inner = normed(convolved(features, f"{block}.conv_block.1", reflect=1)).relu()
        features = features + normed(convolved(inner, f"{block}.conv_block.5", reflect=1))
    features = normed(doubled(features, "model.12")).relu()
    features = normed(doubled(features, "model.15")).relu()
    return convolved(features, "model.19", reflect=3).tanh()


def test_published_keys_mean_what_they_mean_there(network: CycleGAN) -> None:
    network.double()
    (x,) = inputs(network, 2, 4, 5)

    torch.testing.assert_close(network(x), reference(x, network.state_dict()))


def test_output_stays_in_the_units(network: CycleGAN) -> None:
    with torch.no_grad():
        network.model[-2].weight.mul_(1000)
    output = network(*inputs(network, 1, 4, 4))

    assert output.abs().max() <= 1
    assert output.abs().max() > 0.99


def test_smallest_window_works_in_training_too(network: CycleGAN) -> None:
    assert network.train()(torch.rand(1, 3, 8, 8)).shape == (1, 2, 8, 8)


class TestCycleGANWithBatchNorm(NetworkContract):
    architecture = "cyclegan"
    tiny = {"in_channels": 3, "out_channels": 2, "width": 4, "blocks": 2, "norm": "batch"}
