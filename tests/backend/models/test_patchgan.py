"""The discriminator judges patches of the published size with the published weights."""

import pytest
import torch

from unclouded.backend.models.patchgan import PRESETS, Params, PatchGAN

from .contract import NOTHING


@pytest.mark.parametrize(
    ("params", "weights"),
    [(Params(6), 2_768_705), (Params(3, norm="instance"), 2_764_737)],
    ids=["pix2pix", "cyclegan"],
)
def test_published_sizes(params: Params, weights: int) -> None:
    network = PatchGAN(params)

    assert sum(weight.numel() for weight in network.parameters()) == weights


def test_published_keys() -> None:
    keys = {key.rpartition(".")[0] for key in PatchGAN(PRESETS["small"]).state_dict()}
    paper = {key.rpartition(".")[0] for key in PatchGAN(Params(6, 8)).state_dict()}

    assert paper == {f"model.{index}" for index in (0, 2, 3, 5, 6, 8, 9, 11)}
    assert keys == {f"model.{index}" for index in (0, 2, 3, 5, 6, 8)}


@pytest.mark.parametrize(("layers", "patch"), [(3, 70), (2, 34)])
def test_a_logit_judges_one_patch(layers: int, patch: int) -> None:
    network = PatchGAN(Params(2, 4, layers, norm="none")).double()
    x = torch.rand(1, 2, 160, 160, dtype=torch.float64, requires_grad=True)
    logits = network(x)
    assert logits.shape == (1, 1, 160 // 2**layers - 2, 160 // 2**layers - 2)

    (gradient,) = torch.autograd.grad(logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2], x)
    for axis in ((0, 1, 2), (0, 1, 3)):
        seen = gradient.abs().sum(dim=axis).nonzero().flatten()
        assert int(seen[-1] - seen[0]) + 1 == patch


def test_judges_the_image_by_what_it_was_made_from() -> None:
    network = PatchGAN(Params(5, 8)).eval()
    given, other, image = torch.rand(2, 3, 32, 48), torch.rand(2, 3, 32, 48), torch.rand(2, 2, 32, 48)

    assert torch.equal(network(given, image), network(torch.cat([given, image], dim=1)))
    assert not torch.allclose(network(given, image), network(other, image))


def test_gives_logits_without_bounds() -> None:
    torch.manual_seed(0)
    logits = PatchGAN(Params(3, 8, norm="none"))(1e6 * torch.randn(2, 3, 64, 64))

    assert logits.min() < 0
    assert logits.max() > 1


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("spectral", [False, True])
def test_every_weight_learns(norm: str, spectral: bool) -> None:
    torch.manual_seed(0)
    network = PatchGAN(Params(3, 4, norm=norm, spectral=spectral)).double()  # type: ignore[arg-type]
    network(torch.rand(2, 3, 48, 64, dtype=torch.float64)).square().sum().backward()
    sizes = {name: float(weight.grad.abs().max()) for name, weight in network.named_parameters()}  # type: ignore[union-attr]
    still = {name for name, size in sizes.items() if size <= NOTHING * max(sizes.values())}

    cancelled = {"model.2.bias", "model.5.bias", "model.8.bias"}  # by the norm behind them, as published
    assert still == (cancelled if norm == "instance" else set())


def test_normalisations_differ_in_whose_statistics_they_take() -> None:
    torch.manual_seed(0)
    pair = torch.rand(2, 3, 48, 48)
    for norm, apart in (("batch", False), ("instance", True), ("none", True)):
        network = PatchGAN(Params(3, 4, norm=norm)).train()
        assert torch.allclose(network(pair)[:1], network(pair[:1]), atol=1e-5) == apart


def test_spectral_norm_bounds_each_convolution() -> None:
    torch.manual_seed(0)
    network = PatchGAN(Params(3, 8, norm="none", spectral=True)).train()
    with torch.no_grad():
        for _ in range(200):  # a step of the power iteration each
            network(torch.rand(1, 3, 32, 32))

    for module in network.model:
        if isinstance(module, torch.nn.Conv2d):
            largest = torch.linalg.matrix_norm(module.weight.detach().flatten(1), 2)
            assert float(largest) == pytest.approx(1, rel=0.02)
