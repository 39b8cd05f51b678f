"""What every network of the zoo keeps: inherit NetworkContract, or DatesContract for a network of several dates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from unclouded.backend.card import Card
from unclouded.backend.models.network import Network
from unclouded.backend.models.weights import load, save
from unclouded.backend.models.zoo import NETWORKS, build, preset

CARD = {
    "name": "tiny",
    "version": "1",
    "title": "A tiny generator",
    "bands": ["B4"],
    "required_bands": ["B4"],
    "levels": ["L1C"],
    "sar": "optional",
    "dates": "optional",
    "overlap_px": 0,
    "align_px": 1,
    "tile_px": 64,
    "prior": {"B4": 0.1},
    "licence": "GPL-2.0-or-later",
    "citation": "",
    "training_data": [],
}
STRIDES = [(2, 3), (5, 2)]
"""Sizes of windows, in strides."""
NOTHING = 1e-10
"""A gradient this much smaller than the largest one is rounding."""


def randomised(network: Network) -> Network:
    """Gives random weights and statistics to a network, so that all of them count, and sets it to evaluate."""
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn_like(weight) / max(weight[:1].numel(), 4) ** 0.5)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2)
    return network.eval()


def inputs(network: Network, batch: int, rows: int, columns: int) -> tuple[Tensor, ...]:
    """Random arguments of forward; rows and columns in strides."""
    torch.manual_seed(1)
    dtype = next(network.parameters()).dtype
    x = torch.rand(batch, network.in_channels, rows * network.stride_px, columns * network.stride_px, dtype=dtype)
    return (x, torch.randn(batch, network.latent, dtype=dtype)) if network.latent else (x,)


class NetworkContract:
    architecture: ClassVar[str]
    """Its name in the zoo."""
    tiny: ClassVar[dict[str, Any]]
    """Arguments of its Params for a network that is built and run in milliseconds, as a card holds them."""
    cancelled: ClassVar[frozenset[str]] = frozenset()
    """Weights that a published layout has although the normalisation behind them cancels them."""

    @pytest.fixture
    def network(self) -> Network:
        return randomised(build(self.architecture, self.tiny))

    @pytest.mark.parametrize(("rows", "columns"), STRIDES)
    def test_output_has_the_declared_channels_and_the_size_of_the_input(
        self, network: Network, rows: int, columns: int
    ) -> None:
        output = network(*inputs(network, 2, rows, columns))

        assert output.shape == (2, network.out_channels, rows * network.stride_px, columns * network.stride_px)
        assert output.isfinite().all()
        assert output.dtype == torch.float32

    def test_windows_of_a_batch_do_not_see_each_other(self, network: Network) -> None:
        arguments = inputs(network, 3, 3, 2)
        with torch.inference_mode():
            together = network(*arguments)
            alone = torch.cat([network(*(argument[i : i + 1] for argument in arguments)) for i in range(3)])

        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_every_weight_learns(self, network: Network) -> None:
        network.double().train()
        network(*inputs(network, 3, 4, 3)).square().sum().backward()
        gradients = {
            name: 0.0 if weight.grad is None else float(weight.grad.abs().max())
            for name, weight in network.named_parameters()
        }

        largest = max(gradients.values())
        assert {name for name, size in gradients.items() if size <= NOTHING * largest} == self.cancelled

    def test_file_holds_all_that_is_needed(self, network: Network, tmp_path: Path) -> None:
        path = str(tmp_path / "tiny.safetensors")
        save(path, Card(**CARD, architecture=self.architecture, parameters=self.tiny), network.state_dict())
        _, loaded = load(path)
        stored = {
            key: value.half().to(value.dtype) if value.is_floating_point() else value
            for key, value in network.state_dict().items()
        }
        network.load_state_dict(stored)
        arguments = inputs(network, 1, 2, 3)

        assert torch.equal(loaded(*arguments), network(*arguments))

    def test_presets_survive_the_card(self) -> None:
        for name in NETWORKS[self.architecture][2]:
            with torch.device("meta"):
                made = build(self.architecture, json.loads(json.dumps(preset(self.architecture, name))))

            wanted = NETWORKS[self.architecture][2][name]
            assert made.params == wanted
        assert {"paper", "small"} <= set(NETWORKS[self.architecture][2])

    def test_exported_graph_gives_the_same_numbers(self, network: Network) -> None:
        arguments = inputs(network, 1, 3, 2)
        with torch.no_grad():
            graph = torch.export.export(network, arguments).module()

            torch.testing.assert_close(graph(*arguments), network(*arguments), rtol=1e-4, atol=1e-5)

    def test_receptive_field_is_the_declared_one(self, network: Network) -> None:
        if network.radius_px is None:
            assert reach(network, 4 * network.stride_px) >= 2 * network.stride_px
        else:
            half = network.stride_px * (network.radius_px // network.stride_px + 2)
            assert reach(network, 2 * half) == network.radius_px

    @pytest.mark.parametrize("strides", [2, 3, 7])
    def test_tiles_equal_the_whole(self, network: Network, strides: int) -> None:
        if network.radius_px is None:
            pytest.skip("each pixel depends on the whole window: windows are blended")
        stride, tile = network.stride_px, strides * network.stride_px
        margin = -(-network.radius_px // stride) * stride
        x, *z = inputs(network, 1, 2 * margin // stride + 5, 2 * margin // stride + 2)
        with torch.inference_mode():
            whole = network(x, *z)
            for row in range(0, x.shape[2], tile):
                for column in range(0, x.shape[3], tile):
                    top, left = max(row - margin, 0), max(column - margin, 0)
                    part = network(x[..., top : row + tile + margin, left : column + tile + margin], *z)
                    inner = part[..., row - top :, column - left :][..., :tile, :tile]
                    wanted = whole[..., row : row + tile, column : column + tile]
                    torch.testing.assert_close(inner, wanted, rtol=1e-4, atol=1e-5)


class DatesContract(NetworkContract):
    frame_channels: ClassVar[int]
    """Channels of a frame in the tiny network."""

    @pytest.mark.parametrize("frames", [1, 2, 5])
    def test_any_number_of_frames(self, network: Network, frames: int) -> None:
        x, *z = inputs(network, 2, 2, 3)
        shape = (2, network.out_channels, *x.shape[2:])

        output = network(torch.rand(2, frames * self.frame_channels, *x.shape[2:]), *z)

        assert output.shape == shape
        assert output.isfinite().all()


def reach(network: Network, size: int) -> int:
    """Distance in pixels from an output in the middle to the farthest input that moves it, along rows or columns.

    The place in the stride decides which side reaches farther, so all of the diagonal of one stride is tried.
    """
    network.double()
    stride = network.stride_px
    middle = size // 2
    x, *z = inputs(network, 1, size // stride, size // stride)
    x.requires_grad_(True)
    output = network(x, *z)
    farthest = 0
    for place in range(middle, middle + stride):
        (gradient,) = torch.autograd.grad(output[0, :, place, place].sum(), x, retain_graph=True)
        for axis in ((0, 1, 3), (0, 1, 2)):
            seen = gradient.abs().sum(dim=axis).nonzero().flatten()
            farthest = max(farthest, place - int(seen[0]), int(seen[-1]) - place)
    return farthest
