"""The hybrid begins as STGAN and corrects it where its attention says so."""

import pytest
import torch

from unclouded.backend.models.hybrid import Hybrid
from unclouded.backend.models.zoo import build, preset

from .contract import DatesContract, randomised

TINY = {
    "bands": 3,
    "frame_channels": 5,
    "widths": [4, 6, 8],
    "encoder_blocks": 1,
    "decoder_blocks": 1,
    "refiner_blocks": 1,
}


class TestHybrid(DatesContract):
    architecture = "hybrid"
    tiny = TINY
    frame_channels = 5


@pytest.fixture
def network() -> Hybrid:
    made = build("hybrid", TINY)
    assert isinstance(made, Hybrid)
    return made.eval()


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    torch.manual_seed(3)
    return torch.rand(2, 15, 16, 24)


def test_it_begins_as_stgan(network: Hybrid, x: torch.Tensor) -> None:
    assert torch.equal(network(x), network.stgan(x))


def test_nothing_changes_where_attention_is_zero(network: Hybrid, x: torch.Tensor) -> None:
    randomised(network)
    assert not torch.allclose(network(x), network.stgan(x), atol=1e-2)
    with torch.no_grad():
        for head in network.refiner.attend:
            head.bias.fill_(-1e4)

    torch.testing.assert_close(network(x), network.stgan(x))


def test_each_scale_changes_at_most_its_share(network: Hybrid, x: torch.Tensor) -> None:
    randomised(network)
    image = network.stgan(x)
    shares = network.refiner.attention(image, x[:, :5])

    assert shares.shape == (2, 3, 16, 24)
    assert ((shares > 0) & (shares < 1)).all()
    assert ((network(x) - image).abs() <= shares.sum(dim=1, keepdim=True) + 1e-5).all()


def test_attention_is_that_of_the_dates(network: Hybrid, x: torch.Tensor) -> None:
    attention = randomised(network).attention(x)

    assert attention.shape == (2, 3, 16, 24)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(2, 16, 24))


def test_a_trained_stgan_fits_in(network: Hybrid, x: torch.Tensor) -> None:
    names = ("bands", "frame_channels", "widths", "encoder_blocks", "decoder_blocks")
    first = randomised(build("stgan", {name: TINY[name] for name in names}))
    network.stgan.load_state_dict(first.state_dict())

    assert torch.equal(network(x), first(x))


def test_small_preset_is_small() -> None:
    with torch.device("meta"):
        small = build("hybrid", preset("hybrid", "small"))

    assert sum(weight.numel() for weight in small.parameters()) < 0.7e6
