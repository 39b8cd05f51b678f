"""The eight networks of Augmented CycleGAN fit together, and z says which image is meant."""

import pytest
import torch
from torch import nn

from unclouded.backend.models.augmented import Augmented, LatentDiscriminator, LatentEncoder, Params
from unclouded.backend.models.patchgan import Params as PatchParams
from unclouded.backend.models.patchgan import PatchGAN
from unclouded.backend.models.spectral import add_spectral_norm
from unclouded.backend.models.zoo import build, preset

from .contract import NetworkContract, randomised

BANDS, SAR, LATENT = 3, 2, 4


class TestAugmented(NetworkContract):
    architecture = "augmented"
    tiny = {"in_channels": 5, "out_channels": 3, "width": 4, "blocks": 1, "latent": 4}


@pytest.fixture
def network() -> Augmented:
    return randomised(Augmented(Params(BANDS + SAR, BANDS, 4, 1, LATENT)))


def test_the_same_z_gives_the_same_image_and_another_another(network: Augmented) -> None:
    torch.manual_seed(6)
    x, z = 2 * torch.rand(2, BANDS + SAR, 16, 16) - 1, torch.randn(2, LATENT)
    once = network(x, z)

    assert torch.equal(network(x, z), once)
    for i in range(2):
        assert not torch.allclose(network(x, z + 1)[i], once[i], atol=1e-2)
    assert (once.abs() <= 1).all()


def test_what_penetrates_clouds_counts(network: Augmented) -> None:
    torch.manual_seed(6)
    x, z = 2 * torch.rand(1, BANDS + SAR, 16, 16) - 1, torch.randn(1, LATENT)
    other = torch.cat([x[:, :BANDS], x[:, BANDS:].flip(-1)], 1)

    assert not torch.allclose(network(other, z), network(x, z), atol=1e-2)


class Eight(nn.Module):
    """X: cloudy, Y: clear; a name ends in what the network gives or judges."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.to_y, self.to_x = (Augmented(Params(BANDS + SAR, BANDS, 4, 1, LATENT)) for _ in range(2))
        self.judge_y, self.judge_x = (PatchGAN(PatchParams(BANDS, 8, 2, "instance")) for _ in range(2))
        self.to_zy, self.to_zx = (LatentEncoder(2 * BANDS, LATENT, 4) for _ in range(2))
        self.judge_zy, self.judge_zx = (LatentDiscriminator(LATENT, 8) for _ in range(2))


@pytest.mark.parametrize("spectral", [False, True])
def test_eight_networks_fit_together_and_all_learn(spectral: bool) -> None:
    """Both cycles: X x Zy -> Y -> X x Zy and Y x Zx -> X -> Y x Zx."""
    eight = Eight()
    if spectral:
        add_spectral_norm(eight)
    x, y, sar = (2 * torch.rand(2, channels, 32, 32) - 1 for channels in (BANDS, BANDS, SAR))
    zx, zy = torch.randn(2, LATENT), torch.randn(2, LATENT)
    fake_y, fake_x = eight.to_y(torch.cat([x, sar], 1), zy), eight.to_x(torch.cat([y, sar], 1), zx)
    guessed_zx, guessed_zy = eight.to_zx(x, fake_y), eight.to_zy(fake_x, y)
    again_x = eight.to_x(torch.cat([fake_y, sar], 1), guessed_zx)
    again_y = eight.to_y(torch.cat([fake_x, sar], 1), guessed_zy)
    again_zy, again_zx = eight.to_zy(x, fake_y), eight.to_zx(fake_x, y)
    cycles = [again_x - x, again_y - y, 0.025 * (again_zy - zy), 0.025 * (again_zx - zx)]
    judged = [eight.judge_y(fake_y), eight.judge_x(fake_x), eight.judge_zy(guessed_zy), eight.judge_zx(guessed_zx)]
    sum(term.square().mean() for term in [*cycles, *(score - 1 for score in judged)]).backward()

    assert fake_y.shape == fake_x.shape == x.shape
    assert guessed_zx.shape == guessed_zy.shape == zx.shape
    assert judged[2].shape == (2, 1)
    for name, part in eight.named_children():
        assert all(weight.grad is not None for weight in part.parameters()), name
        assert sum(float(weight.grad.abs().sum()) for weight in part.parameters()) > 0, name


def test_encoder_learns_which_z_was_meant() -> None:
    torch.manual_seed(1)
    encoder = LatentEncoder(2, 1, 8)
    optimizer = torch.optim.Adam(encoder.parameters(), 5e-3)
    for _ in range(120):
        z, ground = torch.randn(16, 1), torch.rand(16, 1, 32, 32)
        loss = (encoder(ground, ground + z[:, :, None, None]) - z).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    assert loss < 0.3  # 0.8 without having looked


def test_small_preset_is_small() -> None:
    with torch.device("meta"):
        small = build("augmented", preset("augmented", "small"))

    assert sum(weight.numel() for weight in small.parameters()) < 0.5e6
