"""What is asked of all networks by name."""

import contextlib
import dataclasses
import math
import warnings

import pytest
import torch

from unclouded.backend.errors import ModelError
from unclouded.backend.models.zoo import IMPORTED, NETWORKS, build, preset


@pytest.mark.parametrize("architecture", ["unet", "cyclegan", "augmented"])
def test_networks_that_end_in_tanh_begin_at_the_mean_of_the_ground(architecture: str) -> None:
    network = build(architecture, preset(architecture, "small") | {"in_channels": 3, "out_channels": 3}).eval()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() > 1:  # features say nothing
                weight.zero_()
    mean = torch.tensor([-0.9, -0.5, 0.2])
    network.begin_at(mean)
    x = torch.rand(1, 3, network.stride_px * 4, network.stride_px * 4)
    output = network(x, torch.zeros(1, network.latent)) if network.latent else network(x)

    torch.testing.assert_close(output, mean[None, :, None, None].expand_as(output), atol=1e-5, rtol=0)


@pytest.mark.parametrize("architecture", sorted(NETWORKS))
def test_presets_of_the_published_and_of_a_small_size_exist(architecture: str) -> None:
    with torch.device("meta"):
        paper, small = (
            sum(weight.numel() for weight in build(architecture, preset(architecture, name)).parameters())
            for name in ("paper", "small")
        )
    assert small < paper


def test_unknown_names_are_told_the_known_ones() -> None:
    with pytest.raises(ModelError, match="Known are augmented, cyclegan"):
        preset("transformer", "paper")
    with pytest.raises(ModelError, match="It has paper, pix2pix, small"):
        preset("unet", "huge")


@pytest.mark.parametrize("architecture", sorted(NETWORKS | IMPORTED))
def test_sizes_that_make_no_sense_are_named_at_once(architecture: str) -> None:
    params = (NETWORKS | IMPORTED)[architecture][0]
    usual = {
        field.name: 3 if field.default is dataclasses.MISSING else field.default for field in dataclasses.fields(params)
    }
    for name in usual:
        for size in (10**30, [10**30] * 3, 1 << 40, -1, math.inf, math.nan, [1] * 1000):
            with torch.device("meta"), pytest.raises(ModelError, match=f"cannot be built.*its {name} is"):
                build(architecture, usual | {name: size})
        for size in ("wide", None, [], {}, [[1]], 1.5):
            with torch.device("meta"), warnings.catch_warnings(), contextlib.suppress(ModelError):
                warnings.simplefilter("ignore")
                build(architecture, usual | {name: size})
