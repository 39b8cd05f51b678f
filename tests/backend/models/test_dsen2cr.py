"""DSen2-CR has the published size, keys and arithmetic, and corrects the cloudy image."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unclouded.backend.errors import ModelError
from unclouded.backend.models.dsen2cr import PRESETS, DSen2CR, Params
from unclouded.backend.models.zoo import build

from .contract import NetworkContract, inputs, randomised


class TestDSen2CR(NetworkContract):
    architecture = "dsen2cr"
    tiny = {"in_channels": 5, "out_channels": 3, "features": 8, "blocks": 3}


def test_published_size_and_keys() -> None:
    with torch.device("meta"):
        network = DSen2CR(PRESETS["paper"])

    assert sum(weight.numel() for weight in network.parameters()) == 18_947_341
    layers = ["model.0", *(f"model.{block}.conv_block.{i}" for block in range(2, 18) for i in (0, 2)), "model.18"]
    assert list(network.state_dict()) == [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    assert network.radius_px == 34


def reference(x: Tensor, state: Mapping[str, Tensor], blocks: int, bands: int) -> Tensor:
    def convolved(features: Tensor, key: str) -> Tensor:
        return functional.conv2d(features, state[f"{key}.weight"], state[f"{key}.bias"], padding=1)

    features = convolved(x, "model.0").relu()
    for block in range(2, 2 + blocks):
        inner = convolved(features, f"model.{block}.conv_block.0").relu()
        features = features + 0.1 * convolved(inner, f"model.{block}.conv_block.2")
    return convolved(features, f"model.{2 + blocks}") + x[:, :bands]


def test_published_keys_mean_what_they_mean_there() -> None:
    network = randomised(DSen2CR(Params(5, 3, 8, 3)))
    (x,) = inputs(network, 2, 20, 31)

    torch.testing.assert_close(network(x), reference(x, network.state_dict(), 3, 3))


def test_without_weights_the_cloudy_image_comes_back() -> None:
    network = DSen2CR(Params(5, 3, 8, 2))
    torch.nn.init.zeros_(network.model[-1].weight)
    x = torch.rand(1, 5, 12, 17)

    assert torch.equal(network(x), x[:, :3])


def test_weights_begin_as_published() -> None:
    torch.manual_seed(0)
    state = DSen2CR(Params(features=64, blocks=1)).state_dict()
    limit = (6 / (64 * 9)) ** 0.5  # He et al., uniform

    assert float(state["model.2.conv_block.0.weight"].abs().max()) == pytest.approx(limit, rel=0.01)
    assert not state["model.2.conv_block.0.bias"].any()


def test_fewer_channels_in_than_out_are_refused() -> None:
    with pytest.raises(ModelError, match="2 channels in cannot hold the 3 bands"):
        build("dsen2cr", {"in_channels": 2, "out_channels": 3})
