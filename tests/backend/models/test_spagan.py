"""SpA-GAN's generator has the published sizes, keys and arithmetic."""

import json
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unclouded.backend.models.network import Network
from unclouded.backend.models.spagan import Params, SpAGAN
from unclouded.backend.models.zoo import build

from .contract import NetworkContract, inputs, randomised

TINY = Params(3, 16)


class TestSpAGAN(NetworkContract):
    architecture = "spagan"
    tiny = {"bands": 3, "width": 16}

    def test_presets_survive_the_card(self) -> None:
        """Nothing trains it, so it has no presets."""
        assert build(self.architecture, json.loads(json.dumps(self.tiny))).params == TINY

    @pytest.mark.parametrize("strides", [30])
    def test_tiles_equal_the_whole(self, network: Network, strides: int) -> None:
        """Tiles of a few pixels, each with a context of 36, would take minutes."""
        super().test_tiles_equal_the_whole(network, strides)


def test_published_size() -> None:
    with torch.device("meta"):
        network = SpAGAN(Params())
    unused = 32 * 32 * 9 + (32 * 16 * 9 + 16) + (16 * 16 * 9 + 16) + (16 * 4 + 4)

    assert sum(weight.numel() for weight in network.parameters()) + unused == 219_300


def neighbours(x: Tensor, state: Mapping[str, Tensor], key: str) -> Tensor:
    """Pixel by pixel."""
    heard = []
    for name, (down, across) in {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}.items():
        weight, bias = state[f"{key}.{name}_weight.weight"].flatten(), state[f"{key}.{name}_weight.bias"]
        result = x.clone()
        for row in range(x.shape[2]):
            for column in range(x.shape[3]):
                i, j = row + down, column + across
                if 0 <= i < x.shape[2] and 0 <= j < x.shape[3]:
                    result[..., row, column] = (x[..., row, column] + weight * x[..., i, j] + bias).relu()
        heard.append(result)
    return torch.cat(heard, dim=1)


def reference(x: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    def convolved(features: Tensor, key: str, **options: int) -> Tensor:
        return functional.conv2d(features, state[f"{key}.weight"], state.get(f"{key}.bias"), **options)

    def changed(features: Tensor, block: int) -> Tensor:
        key = f"res_block{block}.group1"
        inner = convolved(features, f"{key}.conv1").relu()
        inner = convolved(inner, f"{key}.conv2", padding=2, dilation=2).relu()
        return convolved(inner, f"{key}.conv3")

    def cloud(features: Tensor) -> Tensor:
        heard = convolved(neighbours(convolved(features, "SAM1.conv1"), state, "SAM1.irnn1"), "SAM1.conv2")
        heard = convolved(neighbours(heard, state, "SAM1.irnn2"), "SAM1.conv3").relu()
        return convolved(heard, "SAM1.conv_out").sigmoid()

    features = convolved(x, "conv_in.0", padding=1).relu()
    for block in (1, 2, 3):
        features = (changed(features, block) + features).relu()
    for first in (4, 7, 10, 13):
        where = cloud(features)
        for block in range(first, first + 3):
            features = (changed(features, block) * where + features).relu()
    for block in (16, 17):
        features = (changed(features, block) + features).relu()
    return convolved(features, "conv_out.0", padding=1)


def test_published_keys_mean_what_they_mean_there() -> None:
    network = randomised(SpAGAN(TINY)).double()
    (x,) = inputs(network, 2, 9, 12)

    torch.testing.assert_close(network(x), reference(x, network.state_dict()))
