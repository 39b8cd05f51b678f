"""CycleGAN: its steps are those of a plain loop, all of it learns, and a run goes on as if it had not stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from unclouded.backend.errors import UsageError
from unclouded.backend.models.patchgan import Params, PatchGAN
from unclouded.backend.models.zoo import build
from unclouded.backend.training.run import make_system

from .adversaries import changed, check_goes_on, feed, fit, parts, tiny, trained

STILL = ("settings.adam.learning_rate=0.0",)


def test_steps_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    recipe = tiny("cyclegan_small", "settings.pool=0", "fit.schedule=constant")
    system = fit(make_system(recipe), tmp_path)

    torch.manual_seed(recipe.fit.seed)
    clearer, clouder = (build("cyclegan", recipe.generator.full) for _ in range(2))
    judge_clear, judge_cloudy = (PatchGAN(Params(10, 4, 1)) for _ in range(2))
    makers, judges = ([*a.parameters(), *b.parameters()] for a, b in ((clearer, clouder), (judge_clear, judge_cloudy)))
    optimizers = [torch.optim.Adam(chosen, 0.0005, (0.5, 0.999)) for chosen in (makers, judges)]

    def unlike(one: Tensor, other: Tensor | float) -> Tensor:
        return (one - other).abs().mean()

    for batch in feed(recipe).train_dataloader():
        x, y = batch["cloudy"], batch["other"]
        clear, clouded = clearer(x), clouder(y)
        fooled = ((judge_clear(clear) - 1) ** 2).mean() + ((judge_cloudy(clouded) - 1) ** 2).mean()
        cycle = unlike(clouder(clear), x) + unlike(clearer(clouded), y)
        identity = unlike(clearer(y), y) + unlike(clouder(x), x)
        (fooled + 10 * cycle + 5 * identity).backward()
        optimizers[0].step()
        optimizers[1].zero_grad()
        for judge, real, made in ((judge_clear, y, clear), (judge_cloudy, x, clouded)):
            loss = ((judge(real) - 1) ** 2).mean() + (judge(made.detach()) ** 2).mean()
            (loss / 2).backward()
        optimizers[1].step()
        for optimizer in optimizers:
            optimizer.zero_grad()

    names, networks = (
        ("generator", "clouder", "judge_clear", "judge_cloudy"),
        (clearer, clouder, judge_clear, judge_cloudy),
    )
    for name, network in zip(names, networks, strict=True):
        found = system.get_submodule(name)
        for key, weight in network.named_parameters():
            if "bias" in key and name in ("generator", "clouder") and "26" not in key:
                continue  # instance norm cancels them: what moves them is rounding
            torch.testing.assert_close(found.get_parameter(key), weight, rtol=5e-3, atol=1e-4)


def test_all_networks_change(tmp_path: Path) -> None:
    system = make_system(tiny("cyclegan_small"))
    before = parts(system)
    fit(system, tmp_path)

    assert before.keys() == {"generator", "clouder", "judge_clear", "judge_cloudy"}
    for name, after in parts(system).items():
        assert changed(before[name], after) == set(after)


def test_weights_of_the_losses_scale_them(tmp_path: Path) -> None:
    plain = trained("cyclegan_small", tmp_path / "plain", *STILL).losses
    scaled = trained(
        "cyclegan_small", tmp_path / "scaled", *STILL, "settings.cycle_weight=30", "settings.identity_weight=1"
    ).losses

    assert {name: pytest.approx(value) for name, value in scaled.items()} == plain | {
        "cycle": plain["cycle"] * 3,
        "identity": plain["identity"] / 5,
    }


def test_losses_of_no_weight_are_left_out(tmp_path: Path) -> None:
    system = trained("cyclegan_small", tmp_path, "settings.identity_weight=0", "settings.perceptual_weight=0")

    assert system.perceptual is None
    assert system.losses.keys() == {"adversarial", "cycle", "judge_clear", "judge_cloudy"}


def test_pool_shows_earlier_images_to_the_discriminators_alone(tmp_path: Path) -> None:
    """It changes what they learn, and without learning nothing else."""
    sizes = ("data.samples=40", "fit.batch=2", *STILL)
    without, with_one = (trained("cyclegan_small", tmp_path / str(n), *sizes, f"settings.pool={n}") for n in (0, 2))

    assert {name for name, value in with_one.losses.items() if value != without.losses[name]} == {
        "judge_clear",
        "judge_cloudy",
    }


def test_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, data: Path) -> None:
    """Thus with pools that are empty when an epoch starts."""
    check_goes_on("cyclegan_small", tmp_path, data, 3, "fit.epochs=3", "data.samples=16", "settings.pool=2")


@pytest.mark.parametrize("name", ["cyclegan_small", "augmented_cyclegan_small"])
@pytest.mark.parametrize(
    ("more", "change"),
    [("sar", "encoding.sar_range=[0, 1]"), ("mask", "encoding.masks=true"), ("dates", "encoding.frames=2")],
)
def test_refuses_anything_but_the_bands_of_one_image(name: str, more: str, change: str) -> None:
    bands = 10 if name == "cyclegan_small" else 12
    channels = {"sar": bands + 2, "mask": bands + 1, "dates": 2 * bands}[more]
    with pytest.raises(UsageError, match=rf"translates the {bands} bands of one image and nothing else\. Leave SAR"):
        make_system(tiny(name, change, f"generator.parameters.in_channels={channels}"))
