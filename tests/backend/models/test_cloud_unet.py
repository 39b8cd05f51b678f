"""The network that finds clouds: its sizes, and how far a cell sees."""

from __future__ import annotations

import pytest
import torch

from unclouded.backend.models.cloud_unet import CLASSES, STRIDE, CloudUnet, Params, path
from unclouded.backend.models.receptive import radius_px


def network(blocks: int) -> CloudUnet:
    """With weights in its blocks, too, which begin as the identity."""
    torch.manual_seed(0)
    made = CloudUnet(Params(widths=(4, 6, 8), blocks=blocks)).double().eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.uniform_(0, 0.2)
    return made


@pytest.mark.parametrize("blocks", [1, 2])
def test_a_cell_sees_as_far_as_the_path_says(blocks: int) -> None:
    made = network(blocks)
    radius = radius_px(path(made.params), STRIDE)
    side = 2 * (radius // STRIDE + 2) * STRIDE
    farthest = 0
    for middle in range(side // 2, side // 2 + STRIDE):
        channels = torch.rand(1, 5, side, side, dtype=torch.double, requires_grad=True)
        made(channels)[0, :, middle, middle].sum().backward()
        rows = torch.nonzero(channels.grad.abs().sum(dim=(0, 1, 3))).flatten()
        farthest = max(farthest, middle - int(rows.min()), int(rows.max()) - middle)
    assert farthest == radius


def test_it_scores_the_classes_of_each_cell() -> None:
    assert network(1)(torch.rand(2, 5, 2 * STRIDE, 3 * STRIDE, dtype=torch.double)).shape == (
        2,
        CLASSES,
        2 * STRIDE,
        3 * STRIDE,
    )
