"""Spectral norm bounds convolutions while they train and leaves nothing behind in what is saved."""

import pytest
import torch
from torch import Tensor, nn

from unclouded.backend.models.augmented import Augmented, LatentEncoder, Params
from unclouded.backend.models.spectral import add_spectral_norm, load_plain, plain, plain_state

PARAMS = Params(3, 3, 4, 1, 4)


@pytest.fixture
def network() -> Augmented:
    """Trained for some steps with convolutions ten times too large."""
    torch.manual_seed(0)
    made = Augmented(PARAMS)
    with torch.no_grad():
        for weight in made.parameters():
            weight *= 10
    add_spectral_norm(made)
    optimizer = torch.optim.SGD(made.parameters(), 1e-3)
    for _ in range(15):
        made(*arguments()).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    return made


def arguments() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.rand(2, 3, 16, 16), torch.randn(2, 4)


def largest(module: nn.Conv2d | nn.ConvTranspose2d) -> float:
    """Largest singular value, (out, in * 3 * 3)."""
    weight = module.weight.detach()
    rows = weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight
    return float(torch.linalg.matrix_norm(rows.flatten(1), 2))


def test_largest_singular_value_is_about_one(network: Augmented) -> None:
    sizes = [largest(module) for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]

    assert len(sizes) == 8
    assert sizes == pytest.approx([1.0] * 8, rel=0.05)


def test_plain_weights_compute_the_same_and_fit_the_network(network: Augmented) -> None:
    bare = plain(network)
    fresh = Augmented(PARAMS)

    assert fresh.state_dict().keys() == bare.state_dict().keys() != network.state_dict().keys()
    fresh.load_state_dict(bare.state_dict())
    torch.testing.assert_close(fresh.eval()(*arguments()), network.eval()(*arguments()))


def test_plain_leaves_the_trained_network_as_it_was(network: Augmented) -> None:
    before = {key: value.clone() for key, value in network.state_dict().items()}
    plain(network)

    assert network.training
    assert before.keys() == network.state_dict().keys()
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    network(*arguments()).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_norm_is_added_once(network: Augmented) -> None:
    names = network.state_dict().keys()
    add_spectral_norm(network)

    assert network.state_dict().keys() == names


def test_plain_of_a_plain_network_is_a_copy() -> None:
    encoder = LatentEncoder(6, 4, 4).eval()
    images = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)

    assert torch.equal(plain(encoder)(*images), encoder(*images))


def test_plain_weights_come_from_a_saved_state_too(network: Augmented) -> None:
    fresh = Augmented(PARAMS)
    found = plain_state(fresh, network.state_dict())

    assert found.keys() == fresh.state_dict().keys()
    assert all(torch.equal(value, found[key]) for key, value in plain(network).state_dict().items())
    assert plain_state(fresh, found).keys() == found.keys()


def test_plain_weights_begin_a_network_that_keeps_its_norm(network: Augmented) -> None:
    begun = Augmented(PARAMS)
    add_spectral_norm(begun)
    load_plain(begun, plain(network).state_dict())

    assert begun.state_dict().keys() == network.state_dict().keys()
    torch.testing.assert_close(begun.eval()(*arguments()), network.eval()(*arguments()), rtol=0.05, atol=0.02)
    begun.train()(*arguments()).sum().backward()
    assert all(weight.grad is not None for weight in begun.parameters())


def test_plain_weights_begin_a_plain_network_too(network: Augmented) -> None:
    begun, state = Augmented(PARAMS), plain(network).state_dict()
    load_plain(begun, state)

    assert all(torch.equal(value, state[key]) for key, value in begun.state_dict().items())
