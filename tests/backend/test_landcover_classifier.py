"""The classifier that comes with Unclouded is what its card says, and tells grounds apart with any bands."""

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from unclouded.backend.classifier import DEFAULT, Classifier, default_classifier, default_features
from unclouded.backend.datasets import eurosat
from unclouded.backend.landcover import SPECTRA, top_of_atmosphere
from unclouded.backend.sensors import BY_COUNT, NAMES
from unclouded.backend.training.labelled import LabelledImages
from unclouded.backend.training.recipe import read_recipe

STACKS = [
    pytest.param(bands, level, id=f"{count} bands, {level}")
    for count, bands in BY_COUNT.items()
    for level in ("L1C", "L2A")
    if level == "L1C" or "B10" not in bands
]
GREEN, WATER = {"Forest", "Pasture", "HerbaceousVegetation"}, {"SeaLake", "River"}
TOLERANCE = 0.03


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return default_classifier()


def ground(name: str, bands: Sequence[str], level: str = "L2A", seed: int = 0) -> torch.Tensor:
    """Four windows of one kind of ground, with some texture: (4, C, 64, 64)."""
    spectrum = np.array(SPECTRA[name], np.float32)[:, None, None]
    texture = gaussian_filter(np.random.default_rng(seed).normal(size=(4, 1, 64, 64)), (0, 0, 1.2, 1.2))
    light = (1 + 0.08 * texture / texture.std()).astype(np.float32)
    seen = np.stack([spectrum * each if level == "L2A" else top_of_atmosphere(spectrum * each) for each in light])
    return torch.from_numpy(seen[:, [NAMES.index(band) for band in bands]])


def test_the_file_is_small_and_its_weights_are_those_of_the_card(classifier: Classifier) -> None:
    content = DEFAULT.read_bytes()
    weights = content[8 + struct.unpack("<Q", content[:8])[0] :]

    assert len(content) <= 1_000_000
    assert hashlib.sha256(weights).hexdigest() == classifier.card.sha256


def test_the_card_says_what_it_is(classifier: Classifier) -> None:
    card, recipe = classifier.card, read_recipe("landcover")

    assert (card.name, card.bands, card.classes) == ("landcover", list(NAMES), list(eurosat.CLASSES))
    assert card.description == recipe.settings.description
    assert "no accuracy" in card.description
    assert card.scores["command"].startswith("unclouded train landcover --set settings.teacher=")
    assert card.scores["teacher"]["command"] == "unclouded train landcover_teacher"
    assert {"validation", "test", "agreement with the teacher"} <= set(card.scores)


@pytest.mark.parametrize(("bands", "level"), STACKS)
def test_water_and_forest_differ_more_than_two_forests(
    classifier: Classifier, bands: tuple[str, ...], level: str
) -> None:
    forest, again, water = (
        classifier.features(ground(*what), bands)
        for what in (("broadleaf", bands, level), ("broadleaf", bands, level, 1), ("water", bands, level))
    )

    assert torch.isfinite(forest).all()
    assert torch.isfinite(water).all()
    assert (forest - water).norm(dim=1).min() > 1.5 * (forest - again).norm(dim=1).max()


@pytest.mark.parametrize(("bands", "level"), STACKS)
def test_with_near_infrared_woods_are_green_and_water_is_water(
    classifier: Classifier, bands: tuple[str, ...], level: str
) -> None:
    if "B8" not in bands:
        pytest.skip("red, green and blue alone tell dark woods from water by their texture only")
    for kind, allowed in (("broadleaf", GREEN), ("water", WATER)):
        said = classifier(ground(kind, bands, level), bands).argmax(dim=1)
        assert {classifier.card.classes[index] for index in said} <= allowed


def test_the_order_of_the_bands_does_not_matter(classifier: Classifier) -> None:
    image = ground("grass", NAMES)

    turned = classifier.features(image.flip(1), NAMES[::-1])

    torch.testing.assert_close(turned, classifier.features(image, NAMES))


def test_the_features_of_a_loss_are_maps_through_which_gradients_flow() -> None:
    bands = BY_COUNT[10]
    image = ground("grass", bands)[:1, :, :48, :40].clone().requires_grad_()

    maps = default_features(bands)(image)
    sum(each.abs().mean() for each in maps).backward()

    assert [each.shape[2:] for each in maps] == [(24, 20), (12, 10), (6, 5), (3, 3)]
    assert (image.grad.abs().sum(dim=(0, 2, 3)) > 0).all()


@pytest.mark.parametrize("split", ["validation", "test"])
def test_unseen_images_are_classified_as_well_as_the_card_says(
    classifier: Classifier, real_data: Path, split: str
) -> None:
    places = eurosat.open_rgb(real_data / "landcover", split)
    view = read_recipe("landcover").settings.view
    bands = ("B2", "B3", "B4")
    items = list(LabelledImages(places, bands, classifier.card.classes, 64, view))
    with torch.inference_mode():
        said = classifier(torch.stack([item["reflectance"] for item in items]), bands).argmax(dim=1)
    right = said == torch.stack([item["target"] for item in items]).argmax(dim=1)

    assert len(right) == classifier.card.scores[split]["images"]
    assert float(right.float().mean()) == pytest.approx(classifier.card.scores[split]["accuracy"], abs=TOLERANCE)
