"""The U-Net has the published sizes, keys and arithmetic."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unclouded.backend.models import patchgan
from unclouded.backend.models.unet import PRESETS, Params, UNet, radius_px

from .contract import NetworkContract, inputs, randomised, reach

TINY = Params(3, 2, (4, 8, 8))


class TestUNet(NetworkContract):
    architecture = "unet"
    tiny = {"in_channels": 3, "out_channels": 2, "widths": [4, 8, 8]}


@pytest.fixture
def network() -> UNet:
    return randomised(UNet(TINY))


def count(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


@pytest.mark.parametrize(("preset", "weights"), [("paper", 167_689_866), ("pix2pix", 54_413_955)])
def test_published_sizes(preset: str, weights: int) -> None:
    with torch.device("meta"):
        assert count(UNet(PRESETS[preset])) == weights


def test_with_its_discriminator_it_has_close_to_170_million_weights() -> None:
    with torch.device("meta"):
        both = count(UNet(PRESETS["paper"])) + count(patchgan.PatchGAN(patchgan.PRESETS["paper"]))

    assert both == pytest.approx(170e6, rel=0.05)


def normed(x: Tensor, state: Mapping[str, Tensor], key: str) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    return functional.batch_norm(x, *(state[f"{key}.{name}"] for name in names))


def reference(x: Tensor, state: Mapping[str, Tensor], levels: int) -> Tensor:
    """The U-Net from the keys of the published class, level by level instead of nested."""
    prefixes = ["model.model."]
    for level in range(1, levels):
        prefixes.append(prefixes[-1] + ("1" if level == 1 else "3") + ".model.")
    skips = [functional.conv2d(x, state["model.model.0.weight"], stride=2, padding=1)]
    for prefix in prefixes[1:]:
        skips.append(functional.leaky_relu(skips[-1], 0.2))
        skips[-1] = functional.conv2d(skips[-1], state[prefix + "1.weight"], stride=2, padding=1)
        if prefix != prefixes[-1]:
            skips[-1] = normed(skips[-1], state, prefix + "2")
    up = skips.pop().relu()
    up = functional.conv_transpose2d(up, state[prefixes[-1] + "3.weight"], stride=2, padding=1)
    up = normed(up, state, prefixes[-1] + "4")
    for prefix in prefixes[-2:0:-1]:
        up = torch.cat([skips.pop(), up], dim=1).relu()
        up = functional.conv_transpose2d(up, state[prefix + "5.weight"], stride=2, padding=1)
        up = normed(up, state, prefix + "6")
    up = torch.cat([skips.pop(), up], dim=1).relu()
    last = "model.model.3."
    return functional.conv_transpose2d(up, state[last + "weight"], state[last + "bias"], stride=2, padding=1).tanh()


def test_published_keys_mean_what_they_mean_there(network: UNet) -> None:
    (x,) = inputs(network, 2, 2, 3)

    torch.testing.assert_close(network(x), reference(x, network.state_dict(), 3))


def test_output_stays_in_the_units(network: UNet) -> None:
    (x,) = inputs(network, 1, 2, 2)
    output = network(1000 * x)

    assert output.abs().max() <= 1
    assert output.abs().max() > 0.99


def test_single_window_with_a_bottleneck_of_one_pixel_trains() -> None:
    network = UNet(TINY).train()
    network(torch.rand(1, 3, 8, 8)).sum().backward()

    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in network.parameters())


def test_dropout_is_for_the_innermost_levels_and_for_training() -> None:
    network = UNet(Params(3, 2, (4, 4, 4, 4), dropout=0.3, dropout_levels=2))
    dropping = {name: module.p for name, module in network.named_modules() if isinstance(module, torch.nn.Dropout)}
    x = torch.rand(1, 3, 32, 32)

    assert dropping == {"model.model.1.model.3.model.7": 0.3, "model.model.1.model.3.model.3.model.5": 0.3}
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_weights_begin_small() -> None:
    torch.manual_seed(0)
    state = UNet(Params(8, 8, (64, 64))).state_dict()

    assert state["model.model.0.weight"].std() == pytest.approx(0.02, rel=0.05)
    assert state["model.model.1.model.4.weight"].mean() == pytest.approx(1, abs=0.01)
    assert not state["model.model.3.bias"].any()


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_radius_grows_with_the_levels(levels: int) -> None:
    network = randomised(UNet(Params(2, 1, (6,) * levels)))

    assert reach(network, 8 * 2**levels) == radius_px(levels)


def test_paper_sees_farther_than_its_windows() -> None:
    assert radius_px(8) == 765


class TestUNetWithInstanceNorm(NetworkContract):
    architecture = "unet"
    tiny = {"in_channels": 3, "out_channels": 2, "widths": [4, 8, 8], "norm": "instance"}
    cancelled = frozenset(f"model.model.1.model.{layer}.bias" for layer in ("1", "5", "3.model.3"))
