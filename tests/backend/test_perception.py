"""What a tiny classifier sees in crops: the right ones, each once, and nothing where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unclouded.backend.classifier import Classifier, ClassifierCard
from unclouded.backend.errors import ModelError
from unclouded.backend.frechet import ClassSums, Moments, relative_variety
from unclouded.backend.models.resnet import Params, ResNet
from unclouded.backend.perception import Perception, comparable, crops, together

BANDS = ("B4", "B3", "B2")
SIZE = 16
PARAMS = Params(in_channels=6, classes=4, blocks=(1, 1, 1, 1), widths=(8, 8, 8, 12), stem="small")


@pytest.fixture(params=["softmax", "sigmoid"])
def classifier(request: pytest.FixtureRequest) -> Classifier:
    torch.manual_seed(0)
    card = ClassifierCard(
        name="tiny",
        version="1",
        title="A tiny classifier",
        description="Of no worth",
        parameters={},
        classes=["water", "forest", "town", "field"],
        activation=request.param,
        threshold=0.0,
        bands=["B2", "B3", "B4"],
        mean=dict.fromkeys(BANDS, 0.3),
        deviation=dict.fromkeys(BANDS, 0.2),
        presence=True,
        window_px=SIZE,
        training_data=["nothing"],
        licence="GPL-2.0-or-later",
    )
    return Classifier(card, ResNet(PARAMS))


def images(count: int, side: int = SIZE) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(count))


def test_crops_are_cut_row_by_row() -> None:
    image = images(2, 40)
    found = crops(image, SIZE)
    assert found.shape == (8, 3, SIZE, SIZE)
    for number, (top, left) in enumerate([(0, 0), (0, SIZE), (SIZE, 0), (SIZE, SIZE)]):
        assert torch.equal(found[number], image[0, :, top : top + SIZE, left : left + SIZE])
        assert torch.equal(found[4 + number], image[1, :, top : top + SIZE, left : left + SIZE])


def test_image_that_is_smaller_is_one_crop() -> None:
    image = images(2, 10)
    assert torch.equal(crops(image, SIZE), image)
    assert crops(image[..., :4], 5).shape == (4, 3, 5, 4)


def test_features_and_classes_are_those_of_the_classifier(classifier: Classifier) -> None:
    shown = images(70)
    found = Perception(classifier).see(shown, BANDS, list(range(70)))
    exclusive = classifier.card.activation == "softmax"
    moments = Moments.of(classifier.features(shown, BANDS))
    np.testing.assert_allclose(found.moments.covariance, moments.covariance, rtol=1e-4, atol=1e-9)
    assert [fold.count for fold in found.folds] == [9] * 6 + [8] * 2
    assert found.classes.information == pytest.approx(
        ClassSums.of(classifier(shown, BANDS), exclusive).information, rel=1e-3
    )


def test_reflectance_is_clipped(classifier: Classifier) -> None:
    perception, shown = Perception(classifier), images(5)
    bright = perception.see(shown + 0.8, BANDS, [0] * 5)
    np.testing.assert_array_equal(bright.vector(), perception.see((shown + 0.8).clamp(0, 1), BANDS, [0] * 5).vector())


def test_nothing_is_seen_without_crops(classifier: Classifier) -> None:
    perception = Perception(classifier)
    np.testing.assert_array_equal(perception.see(images(3)[:0], BANDS, []).vector(), perception.nothing.vector())


def test_crops_count_that_hold_something_reconstructed_and_known() -> None:
    truth = images(1, 4 * SIZE)[..., :SIZE, :]  # four crops beside each other
    known, under = torch.ones(2, 1, 1, SIZE, 4 * SIZE, dtype=torch.bool)
    under[..., :SIZE] = False  # nothing reconstructed
    known[..., SIZE : SIZE + 9] = False  # known in less than a half
    under[..., 2 * SIZE : 3 * SIZE] = False
    under[..., 0, 2 * SIZE] = True  # reconstructed in one pixel, whose truth is known
    truth[0, 1, :, 3 * SIZE] = torch.nan
    assert comparable(truth, known, under, SIZE).tolist() == [False, False, True, True]
    under[..., 3 * SIZE + 1 :] = False  # reconstructed only where the truth is NaN
    assert comparable(truth, known, under, SIZE).tolist() == [False, False, True, False]


def test_unknown_truth_shows_the_same_in_all_images() -> None:
    truth, one = images(2), images(2).flip(0)
    known = torch.zeros(2, 1, SIZE, SIZE, dtype=torch.bool)
    known[..., :4] = True
    truth[..., 5] = torch.nan
    one[0, 0, 0, 0] = torch.nan
    found = together(one, truth, known)
    assert torch.equal(found[..., 4:], together(truth, truth, known)[..., 4:])
    assert torch.equal(found[1, ..., :4], one[1, ..., :4])
    assert found[0, 0, 0, 0] == 0
    assert torch.isfinite(found).all()


def test_images_that_are_all_alike_have_no_variety(classifier: Classifier) -> None:
    perception, shown = Perception(classifier), crops(images(1, 3 * SIZE), SIZE)
    scenes = [3] * len(shown)
    found, flat = (perception.see(some, BANDS, scenes) for some in (shown, torch.full_like(shown, 0.3)))
    assert [fold.count for fold in found.folds] == [0, 0, 0, 9, 0, 0, 0, 0]
    assert relative_variety(flat, found) == pytest.approx(0, abs=1e-9)
    assert flat.classes.information == pytest.approx(0, abs=1e-6)


def test_bands_that_the_classifier_does_not_know_are_refused(classifier: Classifier) -> None:
    with pytest.raises(ModelError, match="needs one of B2, B3, B4"):
        Perception(classifier).see(images(2), ("B10", "B11", "B12"), [0, 1])
