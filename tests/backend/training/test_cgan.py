"""Conditional adversarial training: its steps are those of a plain loop, and its coherence is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from unclouded.backend.errors import UsageError
from unclouded.backend.models.patchgan import Params, PatchGAN
from unclouded.backend.models.zoo import build
from unclouded.backend.training.cgan import incoherence
from unclouded.backend.training.data import Batch
from unclouded.backend.training.run import make_system

from .adversaries import Turns, batch_of, feed, fit, tiny, trained

PLAIN = ("generator.parameters.dropout=0.0", "settings.l1_weight=7", "settings.adversarial_weight=3")


@pytest.mark.parametrize("kind", ["cross-entropy", "least-squares"])
def test_steps_are_those_of_a_plain_loop(kind: str, tmp_path: Path) -> None:
    recipe = tiny("sar_opt_cgan_small", *PLAIN, f"settings.adversarial={kind}", "fit.schedule=constant")
    system = fit(make_system(recipe), tmp_path)

    torch.manual_seed(recipe.fit.seed)
    generator, judge = build("unet", recipe.generator.full), PatchGAN(Params(22, 4, 1))
    optimizers = [torch.optim.Adam(network.parameters(), 0.0005, (0.5, 0.999)) for network in (generator, judge)]

    def says(logits: Tensor, real: float) -> Tensor:
        if kind == "least-squares":
            return ((logits - real) ** 2).mean()
        return functional.softplus(-logits if real else logits).mean()

    for batch in feed(recipe).train_dataloader():
        assert batch["known"].all()
        image = generator(batch["x"])
        fooled = says(judge(batch["x"], image), 1)
        ((image - batch["truth"]).abs().mean() * 7 + fooled * 3).backward()
        optimizers[0].step()
        judge.zero_grad()
        seen = says(judge(batch["x"], batch["truth"]), 1) + says(judge(batch["x"], image.detach()), 0)
        (seen / 2).backward()
        optimizers[1].step()
        generator.zero_grad()
        judge.zero_grad()

    for wanted, found in ((generator, system.generator), (judge, system.discriminator)):
        for name, weight in wanted.named_parameters():
            torch.testing.assert_close(found.get_parameter(name), weight, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("pix2pix_small", [{"generator"}, {"discriminator"}]),
        ("stgan_small", [{"generator"}, {"discriminator"}]),
        ("cyclegan_small", [{"generator", "clouder"}, {"judge_clear", "judge_cloudy"}]),
        (
            "augmented_cyclegan_small",
            [
                {"generator", "clouder", "encode_cloud", "encode_ground"},
                {"judge_clear", "judge_cloudy", "judge_cloud", "judge_ground"},
            ],
        ),
    ],
)
def test_gradients_reach_those_alone_whose_turn_it_is(name: str, turns: list[set[str]], tmp_path: Path) -> None:
    watch = Turns()
    trained(name, tmp_path, watch=watch)

    assert watch.seen == [dict.fromkeys(turn, True) for turn in turns] * 2


class Fake(nn.Module):
    """What some function makes of frames (N, 3, 10, H, W)."""

    def __init__(self, of: object) -> None:
        super().__init__()
        self._of = of

    def forward(self, x: Tensor) -> Tensor:
        image: Tensor = self._of(x.unflatten(1, (3, -1)))  # type: ignore[operator]
        return image


@pytest.fixture
def batch() -> Batch:
    """Three frames, of which all of the first is the truth."""
    made = torch.rand(2, 30, 6, 5, generator=torch.Generator().manual_seed(0))
    known = (torch.rand(2, 10, 6, 5, generator=torch.Generator().manual_seed(1)) > 0.4).float()
    clear = (torch.rand(2, 2, 6, 5, generator=torch.Generator().manual_seed(2)) > 0.4).float()
    return {"x": made, "truth": made[:, :10].clone(), "known": known, "clear": clear}


def of(network: nn.Module, batch: Batch) -> float:
    return float(incoherence(network, batch, network(batch["x"]), 3))


def test_incoherence_is_0_for_the_truth_and_a_constant(batch: Batch) -> None:
    assert of(Fake(lambda frames: frames[:, 0] + 0.3), batch) == pytest.approx(0, abs=1e-6)


def test_incoherence_of_an_image_that_never_changes_is_the_change_of_the_ground(batch: Batch) -> None:
    both = batch["known"] * batch["clear"][:, :1]
    change = (batch["truth"] - batch["x"][:, 10:20]).abs()

    found = of(Fake(lambda frames: frames.mean(dim=1)), batch)
    assert found == pytest.approx(float((change * both).sum() / both.sum()), rel=1e-5)


def test_incoherence_sees_pixels_alone_that_both_days_show(batch: Batch) -> None:
    network = Fake(lambda frames: frames[:, 0] * 0.5 + frames[:, 2])
    both = batch["known"] * batch["clear"][:, :1]
    elsewhere = dict(batch)
    elsewhere["truth"] = torch.where(both > 0, batch["truth"], batch["truth"] + 9)
    elsewhere["x"] = batch["x"].clone()
    elsewhere["x"][:, 10:20] = torch.where(both > 0, batch["x"][:, 10:20], batch["x"][:, 10:20] - 9)

    assert of(network, batch) > 0.1
    assert of(network, batch) == pytest.approx(of(network, elsewhere))


def test_incoherence_keeps_the_further_frames_in_their_places(batch: Batch) -> None:
    seen: list[Tensor] = []
    network = Fake(lambda frames: seen.append(frames) or frames[:, 0])
    incoherence(network, batch, batch["truth"], 3)

    frames = batch["x"].unflatten(1, (3, -1))
    assert torch.equal(seen[0], frames[:, [1, 0, 2]])


def test_unknown_truth_is_not_judged(tmp_path: Path) -> None:
    system = make_system(tiny("pix2pix_small"))
    batch = batch_of(system.recipe)
    image = torch.rand_like(batch["truth"])
    batch["known"][..., 10:] = 0
    other = batch | {"truth": torch.where(batch["known"] > 0, batch["truth"], 0.9)}

    one, two = (system.discriminator_losses(given, image)["discriminator"] for given in (batch, other))
    assert not torch.equal(batch["truth"], other["truth"])
    assert torch.equal(one, two)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("pix2pix_small", "settings.coherence_weight=1", r"coherence_weight needs other dates; encoding\.frames is 1"),
        ("stgan_small", "settings.discriminator.layers=4", "4 layers looks at windows of 48 px or more; .* is 32"),
        ("cyclegan_small", "settings.discriminator.layers=4", "4 layers looks at windows of 48 px or more; .* is 32"),
        (
            "augmented_cyclegan_small",
            "data.window_px=30",
            "latent encoder looks at windows of 32 px .* is 30",
        ),
        ("hybrid_small", "settings.discriminator.layers=4", "4 layers looks at windows of 48 px or more; .* is 32"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(name: str, change: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_system(tiny(name, change))
