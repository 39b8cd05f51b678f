"""Augmented CycleGAN: eight networks learn, latents say which image is meant, spectral norm ends with the training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unclouded.backend import jobs
from unclouded.backend.card import read_card
from unclouded.backend.models import weights
from unclouded.backend.protocol import TrainGenerator
from unclouded.backend.training.data import Batch
from unclouded.backend.training.export import export_checkpoint
from unclouded.backend.training.run import make_system
from unclouded.backend.training.system import System

from ..datasets import fakes
from .adversaries import batch_of, changed, changes, check_goes_on, fit, parts, run, tiny, trained
from .studio import Listener

NAME = "augmented_cyclegan_small"
STILL = ("settings.adam.learning_rate=0.0",)
TWELVE = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B11", "B12")


class Latents:
    """Notes the z that a network is given."""

    def __init__(self, network: nn.Module) -> None:
        self.seen: list[Tensor] = []
        network.register_forward_pre_hook(self._note)

    def _note(self, module: nn.Module, given: tuple[Tensor, Tensor]) -> None:
        self.seen.append(given[1].detach().clone())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of some steps."""
    return tmp_path_factory.mktemp("augmented")


@pytest.fixture(scope="module")
def system(folder: Path) -> System:
    return trained(NAME, folder, "data.samples=40", "fit.average=0.5").eval()


@pytest.fixture(scope="module")
def model(system: System, folder: Path) -> str:
    """The generator of that run, exported."""
    path = str(folder / "made.safetensors")
    export_checkpoint(str(folder / "last.ckpt"), path, overwrite=True)
    return path


def unlike(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().mean())


def test_losses_are_those_of_the_formulas(tmp_path: Path) -> None:
    system = make_system(tiny(NAME, "data.samples=2", *STILL, "settings.adversarial=least-squares"))
    given = [Latents(network) for network in (system.generator, system.clouder)]
    fit(system, tmp_path)
    z_y, z_x = (latents.seen[0] for latents in given)

    batch: Batch = batch_of(system.recipe)
    x, y = batch["x"], batch["other"]
    with torch.no_grad():
        clear, clouded = system.generator(x, z_y), system.clouder(y, z_x)
        cloud_latent, ground_latent = system.encode_cloud(x, clear), system.encode_ground(clouded, y)
        cycles = unlike(system.clouder(clear, cloud_latent), x) + unlike(system.generator(clouded, ground_latent), y)
        latents = unlike(system.encode_ground(x, clear), z_y) + unlike(system.encode_cloud(clouded, y), z_x)
        judged = (
            system.judge_clear(clear),
            system.judge_cloudy(clouded),
            system.judge_cloud(cloud_latent),
            system.judge_ground(ground_latent),
        )
        fooled = sum(float(((one - 1) ** 2).mean()) for one in judged)
        clear_judged = [float((system.judge_clear(one) - aim).square().mean()) for one, aim in ((y, 1), (clear, 0))]

    wanted = {"adversarial": fooled, "cycle": cycles, "latent_cycle": 0.025 * latents}
    wanted["judge_clear"] = sum(clear_judged) / 2
    assert {name: system.losses[name] for name in wanted} == pytest.approx(wanted, rel=0.05)


def test_all_eight_networks_change(tmp_path: Path) -> None:
    system = make_system(tiny(NAME))
    before = parts(system)
    fit(system, tmp_path)

    assert len(before) == 8
    for name, after in parts(system).items():
        learned = {key for key in after if "parametrizations.weight.0." not in key}
        assert changed(before[name], after) >= learned


def test_latents_are_drawn_anew_for_each_image_of_each_step(tmp_path: Path) -> None:
    system = make_system(tiny(NAME, "data.samples=40"))
    given = [Latents(network) for network in (system.generator, system.clouder)]
    fit(system, tmp_path)

    first = [torch.cat(latents.seen[: 2 * 20 : 2]) for latents in given]  # of two calls a step the second is a cycle
    drawn = torch.cat(first)
    assert drawn.shape == (80, 4)
    assert len(drawn.unique(dim=0)) == 80
    assert abs(float(drawn.mean())) < 0.2
    assert 0.85 < float(drawn.std()) < 1.15


def test_other_latents_give_other_images(system: System) -> None:
    x = batch_of(system.recipe)["x"]
    with torch.no_grad():
        images = torch.stack([system.used(x, system.draw_latent(len(x))) for _ in range(4)])
        again = [system(batch_of(system.recipe)) for _ in range(2)]

    assert images.std(dim=0).mean() > 1e-3
    assert torch.equal(*again)


def test_rates_and_weights_are_those_of_the_recipe(tmp_path: Path) -> None:
    rates = [group["lr"] for one in make_system(tiny(NAME)).configure_optimizers() for group in one.param_groups]
    plain = trained(NAME, tmp_path / "plain", *STILL).losses
    more = ("settings.cycle_weight=3", "settings.latent_cycle_weight=0.1")
    scaled = trained(NAME, tmp_path / "scaled", *STILL, *more).losses

    assert rates == pytest.approx([5e-4, 1e-4])
    assert scaled == pytest.approx(
        plain | {"cycle": 3 * plain["cycle"], "latent_cycle": 4 * plain["latent_cycle"]}, rel=1e-5
    )


def largest(module: nn.Conv2d | nn.ConvTranspose2d) -> float:
    """Largest singular value."""
    weight = module.weight.detach()
    rows = weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight
    return float(torch.linalg.matrix_norm(rows.flatten(1), 2))


def test_all_convolutions_are_normed_while_they_train(system: System) -> None:
    found = {
        name: largest(module)
        for name, module in system.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    }

    assert {name.partition(".")[0] for name in found} == {
        *("generator", "averaged", "clouder", "encode_cloud", "encode_ground", "judge_clear", "judge_cloudy")
    }
    assert found == pytest.approx(dict.fromkeys(found, 1.0), rel=0.1)


def test_exported_generator_is_plain_and_computes_the_same(system: System, model: str) -> None:
    x = batch_of(system.recipe)["x"]
    z = system.draw_latent(len(x))
    _, network = weights.load(model)

    assert not [key for key in load_file(model) if "parametrizations" in key]
    with torch.no_grad():
        torch.testing.assert_close(network(x, z), system.used(x, z), rtol=0, atol=0.02)


def test_command_draws_samples_and_says_how_they_differ(shop: Any, model: str) -> None:
    values = shop.numbers(12, 60, 70)
    cloud = shop.disc(60, 70, 30, 30, 15)
    image = shop.raster("o.tif", np.where(cloud, 7500, values).astype(np.uint16), descriptions=TWELVE)
    mask, output = shop.mask("m.tif", cloud), ("-o", "a.tif", "--uncertainty-out", "a_error.tif", "--device", "cpu")
    draw = ("--model", model, "--samples", "3", "--seed", "1")
    done = shop.command("remove", image, "--mask", mask, *output, *draw)
    assert done.returncode == 0, done.stderr
    for name, seed in (("b", 1), ("c", 2)):
        options = {"method": "generator", "model": model, "mask": mask, "samples": 3, "seed": seed, "device": "cpu"}
        shop.remove(image, f"{name}.tif", uncertainty_output=shop.path(f"{name}_error.tif"), **options)

    for kind in ("", "_error"):
        command, same, other = (shop.read(f"{name}{kind}.tif").astype(int) for name in "abc")
        assert np.abs(command - same).max() <= 1  # two processes may have other numbers of threads
        assert np.abs(command - other).max() > 10
    assert shop.read("a_error.tif")[:, cloud].mean() > 0


def test_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, data: Path) -> None:
    check_goes_on(NAME, tmp_path, data, 2, "fit.epochs=2", "fit.average=0.9", "data.samples=8")


class TestFineTuning:
    @pytest.mark.parametrize("average", ["0.0", "0.9"])
    def test_begins_with_the_generator(
        self, average: str, system: System, model: str, tmp_path: Path, data: Path
    ) -> None:
        done = run(NAME, tmp_path, data, *STILL, f"fit.average={average}", start_from=model)

        x = batch_of(system.recipe)["x"]
        z = system.draw_latent(len(x))
        before, after = (weights.load(path)[1](x, z) for path in (model, done.output))
        assert unlike(before, after) < 0.01
        assert unlike(before, system.used(x, -z)) > 0.01

    def test_learns(self, model: str, tmp_path: Path, data: Path) -> None:
        done = run(NAME, tmp_path, data, start_from=model)
        before, after = load_file(model), load_file(done.output)

        assert before.keys() == after.keys()
        assert len(changed(before, after)) == len(before)

    def test_needs_no_recipe_and_takes_images_of_the_user(self, model: str, shop: Any) -> None:
        images = [
            shop.raster(f"{seed}.tif", shop.numbers(12, 600, 600, seed), descriptions=TWELVE) for seed in range(3)
        ]
        job = TrainGenerator(
            "1", "", shop.path("run"), images=images, settings=changes(NAME)[:8], start_from=model, device="cpu"
        )
        card = read_card(jobs.run(job, Listener().reporter).output)

        assert card.name == f"{NAME}-tuned"
        assert card.parameters == read_card(model).parameters


def test_unpaired_data_train_by_the_recipe_as_it_is(tmp_path: Path) -> None:
    """Cloudy patches and clear ones of BigEarthNet, and validation under simulated clouds."""
    root = fakes.bigearthnet_v1(tmp_path / "data")
    patches = root / "BigEarthNet-v1.0"
    shutil.rmtree(root / "BigEarthNet-S1-v1.0")
    further = (("train", fakes.CLEAR_PATCH), ("validation", fakes.CLEAR_PATCH), ("validation", fakes.CLOUDY_PATCH))
    for split, old in further:
        new = fakes.named(split, "S2B_MSIL2A_2018061{}T101031") + old[-6:]
        shutil.copytree(patches / old, patches / new)
        for file in (patches / new).iterdir():
            file.rename(file.with_name(file.name.replace(old, new)))
    name = "augmented_cyclegan"
    job = TrainGenerator("1", name, str(tmp_path / "run"), data=str(root), settings=changes(name), device="cpu")
    card = read_card(jobs.run(job, Listener().reporter).output)

    assert tuple(card.bands) == TWELVE
    (seen,) = card.training_data
    assert fakes.CLOUDY_PATCH in seen.removeprefix("bigearthnet-v1: ").split(", ")
    assert card.scores["validation while training"]["reconstruction"] > 0
