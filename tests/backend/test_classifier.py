"""A classifier survives its file, reads bands by name, stays frozen, and says why it cannot serve."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from unclouded.backend.classifier import Classifier, ClassifierCard, Features, load, preset, save, scaled
from unclouded.backend.errors import InputError, ModelError
from unclouded.backend.models.resnet import Params, ResNet

BANDS = ["B2", "B3", "B4", "B8"]
CARD = ClassifierCard(
    name="tiny",
    version="1",
    title="A tiny classifier",
    description="Of no worth",
    parameters={"in_channels": 8, "classes": 3, "blocks": [1] * 4, "widths": [8, 8, 8, 8], "stem": "small"},
    classes=["water", "forest", "town"],
    activation="softmax",
    threshold=0.0,
    bands=BANDS,
    mean={"B2": 0.1, "B3": 0.2, "B4": 0.3, "B8": 0.4},
    deviation={"B2": 0.1, "B3": 0.2, "B4": 0.1, "B8": 0.2},
    presence=True,
    window_px=32,
    training_data=["nothing"],
    licence="GPL-2.0-or-later",
)
WITHOUT_PLANES = dataclasses.replace(CARD, presence=False, parameters=CARD.parameters | {"in_channels": 4})


def network_of(card: ClassifierCard) -> ResNet:
    torch.manual_seed(0)
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in card.parameters.items()}
    return ResNet(Params(**lists))


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = str(tmp_path / "tiny.safetensors")
    save(path, CARD, network_of(CARD))
    return path


@pytest.fixture
def tiny() -> Classifier:
    return Classifier(CARD, network_of(CARD))


def image(bands: int = 4) -> torch.Tensor:
    return torch.rand(2, bands, 32, 32, generator=torch.Generator().manual_seed(1))


def test_round_trip(path: str, tiny: Classifier) -> None:
    loaded = load(path)

    assert loaded.card == dataclasses.replace(CARD, sha256=loaded.card.sha256)
    torch.testing.assert_close(loaded(image(), BANDS), tiny(image(), BANDS), rtol=1e-2, atol=1e-3)


def test_probabilities_are_those_of_the_activation(tiny: Classifier) -> None:
    sigmoid = Classifier(dataclasses.replace(CARD, activation="sigmoid"), tiny.network)
    scores = tiny.network(tiny.channels(image(), BANDS))

    torch.testing.assert_close(tiny(image(), BANDS), scores.exp() / scores.exp().sum(dim=1, keepdim=True))
    torch.testing.assert_close(sigmoid(image(), BANDS), 1 / (1 + (-scores).exp()))


def test_the_order_of_the_bands_does_not_matter(tiny: Classifier) -> None:
    order = [2, 0, 3, 1]

    turned = tiny.features(image()[:, order], [BANDS[index] for index in order])

    torch.testing.assert_close(turned, tiny.features(image(), BANDS))


def test_unknown_bands_are_passed_over(tiny: Classifier) -> None:
    torch.testing.assert_close(tiny(image(5), [*BANDS, "B12"]), tiny(image(5)[:, :4], BANDS))


def test_a_missing_band_is_its_mean_and_its_plane_says_so(tiny: Classifier) -> None:
    channels = tiny.channels(image(2), ["B4", "B2"])

    torch.testing.assert_close(channels[:, 0], (image(2)[:, 1] - 0.1) / 0.1)
    torch.testing.assert_close(channels[:, 2], (image(2)[:, 0] - 0.3) / 0.1)
    assert channels[:, [1, 3, 5, 7]].abs().max() == 0
    assert channels[:, [4, 6]].min() == 1


def test_presence_may_differ_between_images() -> None:
    present = torch.tensor([[1.0, 0.0], [1.0, 1.0]])

    channels = scaled(torch.ones(2, 2, 1, 1), present, torch.zeros(2, 1, 1), torch.ones(2, 1, 1), presence=True)

    assert channels[:, :, 0, 0].tolist() == [[1, 0, 1, 0], [1, 1, 1, 1]]


def test_a_classifier_without_planes_needs_all_bands() -> None:
    classifier = Classifier(WITHOUT_PLANES, network_of(WITHOUT_PLANES))

    assert classifier(image(), BANDS).shape == (2, 3)
    with pytest.raises(ModelError, match="needs all of B2, B3, B4, B8; the image has B2, B3, B4"):
        classifier(image(3), BANDS[:3])


@pytest.mark.parametrize("bands", [["B2", "B3", "B4"], ["B2", "B2", "B3", "B4"]])
def test_names_that_do_not_fit_the_image_are_refused(tiny: Classifier, bands: list[str]) -> None:
    with pytest.raises(InputError, match=r"was given \(2, 4, 32, 32\)"):
        tiny(image(), bands)


def test_it_stays_frozen_and_lets_gradients_through(tiny: Classifier) -> None:
    holder = torch.nn.ModuleDict({"features": Features(tiny, BANDS)})
    before = tiny.network.bn1.running_mean.clone()
    x = image().requires_grad_()

    sum(stage.sum() for stage in holder.train()["features"](x)).backward()

    assert not tiny.network.training
    assert not any(weight.requires_grad for weight in holder.parameters())
    assert torch.equal(tiny.network.bn1.running_mean, before)
    assert (x.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


def altered(path: str, **changes: object) -> None:
    """Writes the file anew with another card, or, for `card=None`, with none."""
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["classifier"])
    metadata = {} if "card" in changes else {"classifier": json.dumps(facts | changes)}
    save_file(load_file(path), path, metadata)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"card": None}, "no card of a land-cover classifier"),
        ({"unheard_of": 1}, "is no land-cover classifier.*unheard_of"),
        ({"mean": {}}, "no scaling of"),
        ({"activation": "argmax"}, "argmax"),
        ({"sha256": "0"}, "SHA-256 differs"),
        ({"parameters": {"in_channels": 8, "classes": 3}}, "do not fit its card"),
        ({"classes": ["water"]}, "does not fit the bands and classes"),
    ],
)
def test_files_that_do_not_agree_with_themselves_are_refused(path: str, changes: dict, words: str) -> None:
    altered(path, **changes)

    with pytest.raises(ModelError, match=words):
        load(path)


def test_files_that_are_none_are_refused(tmp_path: Path, path: str) -> None:
    whole = Path(path).read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04cos\nsystem\n")

    for name in ("half", "pickle", "absent"):
        with pytest.raises(ModelError, match=f"{name}.safetensors cannot be read"):
            load(str(tmp_path / f"{name}.safetensors"))


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match="Known are resnet18, resnet50, small"):
        preset("resnet19", 3, 10)
