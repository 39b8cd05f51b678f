"""STGAN weighs dates by what they show, not by their place or number."""

import pytest
import torch

from unclouded.backend.models.stgan import STGAN, Params
from unclouded.backend.models.zoo import build, preset

from .contract import DatesContract, randomised

TINY = {"bands": 3, "frame_channels": 5, "widths": [4, 6, 8], "encoder_blocks": 1, "decoder_blocks": 2}


class TestSTGAN(DatesContract):
    architecture = "stgan"
    tiny = TINY
    frame_channels = 5


@pytest.fixture(scope="module")
def network() -> STGAN:
    return randomised(STGAN(Params(3, 5, 3, (4, 6, 8), 1, 2)))


def dates(count: int) -> list[torch.Tensor]:
    """Frames of two places."""
    torch.manual_seed(2)
    return [torch.rand(2, 5, 16, 24) for _ in range(count)]


def test_order_of_the_other_dates_does_not_matter(network: STGAN) -> None:
    target, *others = dates(4)
    there, back = torch.cat([target, *others], 1), torch.cat([target, *others[::-1]], 1)

    torch.testing.assert_close(network(there), network(back), rtol=1e-4, atol=1e-5)
    swapped = torch.cat([others[0], target, *others[1:]], 1)
    assert not torch.allclose(network(there), network(swapped), atol=1e-3)


def test_repeated_dates_tell_nothing_new(network: STGAN) -> None:
    (target,) = dates(1)
    once = network(target)

    torch.testing.assert_close(network(torch.cat([target] * 3, 1)), once, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_attention_adds_up_to_one(network: STGAN, count: int) -> None:
    attention = network.attention(torch.cat(dates(count), 1))

    assert attention.shape == (2, count, 16, 24)
    assert (attention >= 0).all()
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2, 16, 24))


def test_attention_follows_the_date(network: STGAN) -> None:
    target, first, second = dates(3)
    there = network.attention(torch.cat([target, first, second], 1))
    back = network.attention(torch.cat([target, second, first], 1))

    torch.testing.assert_close(there[:, [0, 2, 1]], back, rtol=1e-4, atol=1e-5)
    assert there.std() > 0.01


def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ground (N, 1, H, W), two dates of it (N, 2, H, W), and where each is cloudy: each square on one of them."""
    coarse = 0.6 * torch.rand(8, 1, 4, 4) - 0.9
    ground = torch.nn.functional.interpolate(coarse, scale_factor=8.0, mode="bilinear")
    ground = ground + 0.1 * torch.randn(ground.shape)
    first = torch.randint(0, 2, (8, 1, 4, 4))
    cloud = large(torch.cat([first, 1 - first], 1)).bool()
    return ground, torch.where(cloud, large(torch.rand(8, 2, 4, 4)), ground), cloud


def large(squares: torch.Tensor) -> torch.Tensor:
    return squares.repeat_interleave(8, 2).repeat_interleave(8, 3)


def test_it_learns_to_take_each_pixel_from_a_clear_date() -> None:
    torch.manual_seed(0)
    network = STGAN(Params(1, 1, 2, (8, 8, 8), 1, 1))
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(100):
        ground, x, _ = scene()
        optimizer.zero_grad()
        (network(x) - ground).abs().mean().backward()
        optimizer.step()
    ground, x, cloud = scene()
    attention = network.attention(x)

    assert (network(x) - ground).abs().mean() < 0.1 * (x[:, :1] - ground).abs().mean()
    assert attention[cloud].mean() < 0.5 * attention[~cloud].mean()


def test_small_preset_is_small() -> None:
    with torch.device("meta"):
        small = build("stgan", preset("stgan", "small"))

    assert sum(weight.numel() for weight in small.parameters()) < 0.5e6
