"""The network keeps what its card declares: size, cost, receptive field, and tiles without seams."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from unclouded.backend.models.fusion import STRIDE, Fusion, Params, input_channels, radius_px

SMALL = Params(bands=3, widths=(16, 16, 16))


def randomised(params: Params) -> Fusion:
    """Residual blocks start as the identity: random weights make all of them count."""
    torch.manual_seed(0)
    network = Fusion(params).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn_like(weight) / max(weight[0].numel(), 4) ** 0.5)
    return network


@pytest.fixture(scope="module")
def network() -> Fusion:
    return randomised(SMALL)


def test_output_has_reflectance_and_a_positive_scale_for_each_band(network: Fusion) -> None:
    output = network(torch.rand(2, input_channels(3), 24, 40))

    assert output.shape == (2, 6, 24, 40)
    assert (output[:, 3:] > 0).all()


def test_declared_radius_is_the_measured_one(network: Fusion) -> None:
    declared = radius_px(SMALL)
    size = 2 * STRIDE * (declared // STRIDE + 2)
    x = torch.rand(1, input_channels(3), size, size, requires_grad=True)
    reach = 0
    for row in range(size // 2, size // 2 + STRIDE):  # the cell's place decides which side reaches farther
        (gradient,) = torch.autograd.grad(network(x)[0, :, row, size // 2].sum(), x)
        rows = gradient.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
        reach = max(reach, row - int(rows[0]), int(rows[-1]) - row)

    assert reach == declared


@pytest.mark.parametrize("tile", [32, 48, 72])
def test_tiles_equal_the_whole(network: Fusion, tile: int) -> None:
    height, width, margin = 152, 136, 64
    x = torch.rand(1, input_channels(3), height, width)
    with torch.inference_mode():
        whole = network(x)
        for row in range(0, height, tile):
            for column in range(0, width, tile):
                top, left = max(row - margin, 0), max(column - margin, 0)
                bottom, right = min(row + tile, height), min(column + tile, width)
                part = network(x[..., top : bottom + margin, left : right + margin])
                inner = part[..., row - top : bottom - top, column - left : right - left]
                torch.testing.assert_close(inner, whole[..., row:bottom, column:right], rtol=1e-4, atol=1e-5)


def test_widening_scales_the_errors_and_nothing_else() -> None:
    network = randomised(SMALL)
    x = 0.1 * torch.rand(1, input_channels(3), 16, 16)
    before = network(x)
    network.widen(1.5)
    after = network(x)

    torch.testing.assert_close(after[:, :3], before[:, :3])
    inside = (before[:, 3:] > 0.002) & (after[:, 3:] < 0.49)  # between the limits
    assert inside.any()
    torch.testing.assert_close(after[:, 3:][inside], 1.5 * before[:, 3:][inside])


def test_every_weight_learns() -> None:
    network = randomised(SMALL)
    network(torch.rand(1, input_channels(3), 64, 64)).square().sum().backward()

    still = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


def test_full_size_keeps_to_the_budget() -> None:
    network = Fusion(Params())
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, input_channels(13), 256, 256))

    assert counter.get_total_flops() <= 20e9
    assert 2 * sum(weight.numel() for weight in network.parameters()) <= 12e6  # bytes, as float16
    assert radius_px(Params()) <= 80
