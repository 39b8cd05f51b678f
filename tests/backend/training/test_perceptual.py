"""The perceptual loss sees reflectance with a frozen classifier, and says how unlike two images are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from unclouded.backend import classifier
from unclouded.backend.classifier import Classifier, ClassifierCard, Features
from unclouded.backend.encoding import Encoding
from unclouded.backend.models.resnet import Params, ResNet
from unclouded.backend.training.perceptual import Perceptual
from unclouded.backend.training.run import make_system

from .adversaries import Watch, fit, tiny

BANDS = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
UNITS = Encoding(layout="frames", optical_range=(-1, 1), output="image")
PARAMETERS = {"in_channels": 20, "classes": 3, "blocks": [1] * 4, "widths": [8, 8, 8, 8], "stem": "small"}
CARD = ClassifierCard(
    name="tiny",
    version="1",
    title="A tiny classifier",
    description="Of no worth",
    parameters=PARAMETERS,
    classes=["water", "forest", "town"],
    activation="softmax",
    threshold=0.0,
    bands=list(BANDS),
    mean=dict.fromkeys(BANDS, 0.2),
    deviation=dict.fromkeys(BANDS, 0.1),
    presence=True,
    window_px=32,
    training_data=["nothing"],
    licence="GPL-2.0-or-later",
)
needs_default = pytest.mark.skipif(not classifier.DEFAULT.exists(), reason="no classifier comes with this checkout")


def made() -> Features:
    torch.manual_seed(0)
    sizes = {key: tuple(value) if isinstance(value, list) else value for key, value in PARAMETERS.items()}
    return Features(Classifier(CARD, ResNet(Params(**sizes))), BANDS)


@pytest.fixture(params=["made", pytest.param("default", marks=needs_default)])
def features(request: pytest.FixtureRequest) -> Features:
    """Those of a random classifier, and of the one that comes with the program."""
    return made() if request.param == "made" else classifier.default_features(BANDS)


def image(seed: int) -> Tensor:
    """(2, 10, 32, 32) in units."""
    coarse = torch.rand(2, 10, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear") * 0.6 - 0.9


def test_is_0_for_equal_images(features: Features) -> None:
    assert Perceptual(features, UNITS)(image(1), image(1)) == 0


def test_grows_with_the_difference(features: Features) -> None:
    loss, change = Perceptual(features, UNITS), image(2) - image(1)
    found = [float(loss(image(1) + share * change, image(1))) for share in (0.05, 0.1, 0.3, 1.0)]

    assert found == sorted(found)
    assert 0 < found[0] < found[-1] / 4


def test_is_the_share_by_which_each_stage_differs(features: Features) -> None:
    seen, aim = (features((one + 1) / 2) for one in (image(1), image(2)))
    shares = [float((a - b).abs().sum() / b.abs().sum()) for a, b in zip(seen, aim, strict=True)]

    assert len(shares) == 4
    assert float(Perceptual(features, UNITS)(image(1), image(2))) == pytest.approx(sum(shares) / 4, rel=1e-4)


def test_units_do_not_matter(features: Features) -> None:
    other = Encoding(layout="frames", optical_range=(0, 5), optical_limit=2.0, output="image")
    there = [torch.from_numpy(other.to_units(UNITS.to_reflectance(image(seed).numpy()))) for seed in (1, 2)]

    wanted = Perceptual(features, UNITS)(image(1), image(2))
    torch.testing.assert_close(Perceptual(features, other)(*there), wanted, rtol=1e-4, atol=1e-5)


def test_gradients_reach_the_first_image_alone(features: Features) -> None:
    first, second = image(1).requires_grad_(), image(2).requires_grad_()
    loss = Perceptual(features, UNITS)
    loss(first, second).backward()

    assert first.grad is not None
    assert (first.grad != 0).float().mean() > 0.9
    assert second.grad is None
    assert all(weight.grad is None for weight in loss.parameters())


@pytest.fixture(params=["made", pytest.param("default", marks=needs_default)])
def default(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a random classifier be the one that comes with the program, or leaves that."""
    if request.param == "made":
        monkeypatch.setattr(classifier, "DEFAULT", tmp_path / "classifier.safetensors")
        classifier.save(str(classifier.DEFAULT), CARD, made().classifier.network)


@pytest.mark.usefixtures("default")
@pytest.mark.parametrize("name", ["cyclegan_small", "hybrid_small"])
def test_classifier_stays_as_it_is_while_others_learn(name: str, tmp_path: Path) -> None:
    phases = ("settings.phases=[0, 1, 0]",) if name == "hybrid_small" else ()
    system = make_system(tiny(name, "settings.perceptual_weight=1", *phases))
    norms = [module for module in system.perceptual.modules() if isinstance(module, nn.BatchNorm2d)]
    before = {key: value.clone() for key, value in system.perceptual.state_dict().items()}
    watch = Watch(lambda _: [norm.training for norm in norms])
    fit(system, tmp_path, watch=watch)

    assert norms
    assert watch.seen == [[False] * len(norms)] * 2
    assert all(torch.equal(value, before[key]) for key, value in system.perceptual.state_dict().items())
    assert system.losses["perceptual"] > 0
