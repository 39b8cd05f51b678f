"""The truth never enters a generator: neither in training nor in validation, of no scheme and no recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unclouded.backend.datasets.collection import Collection, collect
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.datasets.samples import Choices, draw_scene, draw_window
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.errors import InputError
from unclouded.backend.inference import Generator
from unclouded.backend.sensors import NAMES
from unclouded.backend.training import system as systems
from unclouded.backend.training.cgan import CGAN
from unclouded.backend.training.data import Batch, Windows, as_batch
from unclouded.backend.training.export import export_checkpoint
from unclouded.backend.training.feed import Feed
from unclouded.backend.training.recipe import Recipe, read_recipe, recipes
from unclouded.backend.training.run import make_system
from unclouded.backend.training.schemes import SCHEMES

from .adversaries import collection, feed, fit, tiny

GENERATORS = [
    name if name == "fusion" or name.endswith("_small") else pytest.param(name, marks=pytest.mark.slow)
    for name in recipes()
    if read_recipe(name).scheme in SCHEMES
]
STILL = {"supervised": "settings.learning_rate=0.0"}
PHASES = ("fit.epochs=3", "settings.phases=[1, 1, 1]")


class Lying(Feed):
    """Tells another truth than what the samples show.

    Its numbers come from outside of the random numbers of the training.
    """

    def on_before_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        batch = super().on_before_batch_transfer(batch, dataloader_idx)
        return batch | {"truth": batch["truth"].flip(-1) * 0.3 - 0.2}


def still(name: str) -> Recipe:
    """A tiny recipe in which nothing is learned, so that losses cannot tell the generators anything."""
    scheme = read_recipe(name).scheme
    slow = STILL.get(scheme, "settings.adam.learning_rate=0.0")
    return tiny(name, slow, *(PHASES if scheme == "hybrid" else ()))


def is_judge(name: str) -> bool:
    return name.startswith(("judge_", "discriminator", "perceptual"))


class Heard:
    """All that the networks of a system are given, but for those that judge.

    Args:
        system: Before it is trained.
    """

    def __init__(self, system: systems.System) -> None:
        self.modules: set[str] = set()
        self.tensors: list[tuple[str, bool, Tensor]] = []
        for name, module in system.named_children():
            parts = [name, *(f"{name}.{part}" for part in ("stgan", "refiner") if hasattr(module, part))]
            for part in parts if not is_judge(name) else ():
                system.get_submodule(part).register_forward_pre_hook(self._hook(part))

    def _hook(self, name: str):  # type: ignore[no-untyped-def]
        def keep(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            self.modules.add(name)
            self.tensors += [(name, torch.is_grad_enabled(), tensor.detach().clone()) for tensor in given]

        return keep


def heard(recipe: Recipe, folder: Path, kind: type[Feed], scheme: type[systems.System] | None = None) -> Heard:
    torch.manual_seed(recipe.fit.seed)
    system = scheme(recipe) if scheme else make_system(recipe)
    found = Heard(system)
    fit(system, folder, feed(recipe, kind))
    return found


def same(one: Heard, other: Heard) -> bool:
    return len(one.tensors) == len(other.tensors) and all(
        a[:2] == b[:2] and torch.equal(a[2], b[2]) for a, b in zip(one.tensors, other.tensors, strict=True)
    )


@pytest.mark.parametrize("name", GENERATORS)
def test_generators_are_given_the_same_whatever_the_truth_is(name: str, tmp_path: Path) -> None:
    recipe = still(name)
    honest, lied_to = (heard(recipe, tmp_path / kind.__name__, kind) for kind in (Feed, Lying))

    assert {"generator"} <= honest.modules
    assert {learning for _, learning, _ in honest.tensors} == {True, False}
    assert same(honest, lied_to)


def test_every_network_that_makes_images_was_heard(tmp_path: Path) -> None:
    wanted = {
        "cyclegan_small": {"generator", "clouder"},
        "augmented_cyclegan_small": {"generator", "clouder", "encode_cloud", "encode_ground"},
        "hybrid_small": {"generator", "generator.stgan", "generator.refiner", "clouder"},
        "stgan_small": {"generator"},
    }
    assert {name: heard(still(name), tmp_path / name, Feed).modules for name in wanted} == wanted


class Peeping(CGAN):
    """A scheme that shows the truth to its generator, as published code does."""

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        super().training_step(batch | {"x": (batch["x"] + batch["truth"]) / 2}, batch_idx)


def test_leak_is_found(tmp_path: Path) -> None:
    recipe = still("pix2pix_small")
    honest, lied_to = (heard(recipe, tmp_path / kind.__name__, kind, Peeping) for kind in (Feed, Lying))

    assert not same(honest, lied_to)


@pytest.mark.parametrize("name", ["hybrid_small", "stgan_small", "sar_opt_cgan_small"])
def test_exported_generator_makes_of_an_observation_what_was_validated(name: str, tmp_path: Path) -> None:
    recipe = tiny(name)
    system = fit(make_system(recipe), tmp_path).eval()
    export_checkpoint(str(tmp_path / "last.ckpt"), str(tmp_path / "made.safetensors"), overwrite=False)
    choices = Choices(bands=recipe.bands, dates=recipe.encoding.frames - 1, sar=True)
    rng = np.random.default_rng(0)
    sample = draw_window(draw_scene(collection().places[0], collection(), rng, choices), 32, rng)

    with torch.no_grad():
        wanted = system(as_batch([sample], recipe))[0].numpy()
    generator = Generator(str(tmp_path / "made.safetensors"), "cpu")
    found = generator([sample.observation])[0].reflectance
    assert found == pytest.approx(recipe.encoding.to_reflectance(wanted), abs=3e-3)


def bare(*levels: float) -> Collection:
    """Places without anything but one reflectance each."""
    images = [np.full((13, 64, 64), level, np.float32) for level in levels]
    return collect(Loaded([Place(str(image[0, 0, 0]), NAMES, "L1C", [clear_day(image)]) for image in images]))


def test_clear_images_are_never_of_the_place_that_is_clouded() -> None:
    recipe = tiny("cyclegan_small", "data.choices.gain=0.0", "data.choices.clouds=simulated")
    windows = Windows(bare(0.1, 0.3), recipe, 0, bare(0.1, 0.3))
    for item in range(20):
        batch = windows[item]
        levels = [batch[key].flatten(1).median(dim=1).values for key in ("truth", "other")]
        assert (levels[0] - levels[1]).abs().min() == pytest.approx(0.4)


def test_one_place_alone_has_no_clear_images_of_another() -> None:
    windows = Windows(bare(0.1), tiny("cyclegan_small", "data.choices.clouds=simulated"), 0, bare(0.1))
    with pytest.raises(InputError, match="clear ground of another place"):
        windows[0]
