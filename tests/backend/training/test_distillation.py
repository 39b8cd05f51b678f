"""The student begins as its teacher, sees all bands, and calls unlabelled windows what the teacher calls them."""

import dataclasses
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

from unclouded.backend.classifier import Classifier, load, save
from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.errors import UsageError
from unclouded.backend.models.resnet import ResNet
from unclouded.backend.sensors import BY_COUNT, NAMES
from unclouded.backend.training.classification import Classification, classes_of
from unclouded.backend.training.classifier_run import Images, make_card
from unclouded.backend.training.distillation import (
    LABELLED_SHARE,
    SEEN_FROM_ABOVE,
    Distillation,
    cut,
    seen_at_the_ground,
    seen_from_above,
    together,
    unlabelled,
    with_infrared,
)
from unclouded.backend.training.labelled import LabelledImages, View
from unclouded.backend.training.recipe import Recipe, read_recipe
from unclouded.backend.training.trainer import quiet

RGB = ["B2", "B3", "B4"]
SIDE = 32
KINDS = {"SeaLake": (0.15, 0.07, 0.04), "Forest": (0.08, 0.10, 0.05), "AnnualCrop": (0.12, 0.13, 0.16)}
"""Blue, green and red from above."""


def place(index: int, labelled: bool, level: str = "L1C") -> Place:
    """An RGB chip with its class, or an image of all bands without."""
    random = np.random.default_rng((index, labelled))
    name, colour = list(KINDS.items())[index % 3]
    bands = tuple(RGB) if labelled else BY_COUNT[13 if level == "L1C" else 12]
    optical = random.normal(0.2, 0.01, (len(bands), SIDE, SIDE)).astype(np.float32)
    if "B8" in bands:
        optical[bands.index("B8")] = 0.02 if name == "SeaLake" else 0.25
    for band, above in zip(RGB, colour, strict=True):
        haze, share = (0.0, 1.0) if level == "L1C" else SEEN_FROM_ABOVE[band]
        optical[bands.index(band)] = (above + random.normal(0, 0.01, (SIDE, SIDE)) - haze) / share
    return Place(
        f"{'chip' if labelled else 'image'}/{index}",
        bands,
        level,  # type: ignore[arg-type]
        [clear_day(optical)],
        labels=(name,) if labelled else (),
    )


def fit(system: Classification, places: Loaded, epochs: int) -> None:
    """Trains on the views of so many epochs."""
    recipe = system.recipe
    view = dataclasses.replace(recipe.settings.view, reflectance_range=1.0, shift_px=0)
    shown = [
        LabelledImages(places, recipe.bands, classes_of(recipe), SIDE, view, epoch=epoch) for epoch in range(epochs)
    ]
    options = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    with quiet():
        trainer = L.Trainer(max_epochs=1, accelerator="cpu", num_sanity_val_steps=0, **options)
        trainer.fit(system, DataLoader(ConcatDataset(shown), batch_size=12))


def short(name: str, **changes: object) -> Recipe:
    recipe = read_recipe(name)
    settings = dataclasses.replace(recipe.settings, label_smoothing=0.0, mixup=0.0, **changes)
    return dataclasses.replace(recipe, settings=settings, fit=dataclasses.replace(recipe.fit, schedule="constant"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A teacher that tells three colours apart."""
    path = str(tmp_path_factory.mktemp("teacher") / "teacher.safetensors")
    torch.manual_seed(0)
    system = Classification(short("landcover_teacher"), dict.fromkeys(RGB, 0.1), dict.fromkeys(RGB, 0.03))
    chips = Loaded([place(index, labelled=True) for index in range(24)])
    fit(system, chips, 8)
    system.figures = {"threshold": 0.0}
    save(path, make_card(system.recipe, system, Images(chips, chips, None)), system.network)
    return path


def student(teacher: str) -> Distillation:
    torch.manual_seed(0)
    return Distillation(short("landcover", teacher=teacher), dict.fromkeys(NAMES, 0.2), dict.fromkeys(NAMES, 0.1))


def test_it_begins_as_the_teacher(teacher: str) -> None:
    taught, taught_by = student(teacher).eval(), load(teacher)
    image = torch.rand(2, 13, SIDE, SIDE) * 0.2
    slots = [NAMES.index(name) for name in RGB]

    for present in (torch.ones(2, 13), torch.zeros(2, 13).index_fill(1, torch.tensor(slots), 1.0)):
        scores = taught({"reflectance": image, "present": present})
        torch.testing.assert_close(scores.softmax(dim=1), taught_by(image[:, slots], RGB))


def test_the_teacher_is_no_part_of_it(teacher: str) -> None:
    system = student(teacher)

    assert {id(weight) for weight in system.parameters()} == {id(weight) for weight in system.network.parameters()}


def test_agreement_counts_windows_of_the_same_class(teacher: str) -> None:
    images, beginner, stubborn = unseen()["L1C"], student(teacher), student(teacher)
    with torch.no_grad():
        stubborn.network.fc.bias[stubborn.classes.index("Forest")] += 1000

    assert beginner.agreement(images, side=SIDE // 2) == {"agreement": 1.0, "windows": 48}
    assert stubborn.agreement(images, side=SIDE // 2)["agreement"] == pytest.approx(1 / 3)


def test_it_learns_images_of_both_levels_and_all_bands(teacher: str) -> None:
    system = student(teacher)
    chips = [place(index, labelled=True) for index in range(24)]
    images = [place(index, labelled=False, level=("L1C", "L2A")[index // 3 % 2]) for index in range(24)]

    fit(system, together(Loaded(chips), Loaded(images), 1.0), 12)

    for places in unseen().values():
        batch = next(iter(DataLoader(LabelledImages(places, NAMES, system.classes, SIDE, View()), batch_size=12)))
        said = [system.classes[index] for index in system.eval()(batch).argmax(dim=1)]
        assert np.mean([name == kind_of(each) for name, each in zip(said, places, strict=True)]) >= 0.8


def unseen() -> dict[str, Loaded]:
    """Twelve images of all bands, of each level."""
    return {level: Loaded([place(100 + index, False, level) for index in range(12)]) for level in ("L1C", "L2A")}


def kind_of(image: Place) -> str:
    return list(KINDS)[int(image.name.split("/")[1]) % 3]


def test_only_images_of_the_ground_are_lifted_and_the_way_back_is_exact() -> None:
    image = torch.rand(3, 3, 5, 5, dtype=torch.float64)
    which = torch.tensor([True, False, True])

    above = seen_from_above(image, which, RGB)

    assert above[1].equal(image[1])
    for slot, name in enumerate(RGB):
        haze, share = SEEN_FROM_ABOVE[name]
        torch.testing.assert_close(above[0, slot], haze + share * image[0, slot])
    torch.testing.assert_close(seen_at_the_ground(above, which, RGB), image)


@pytest.mark.parametrize(
    ("green", "infrared", "there", "possible"),
    [
        (0.05, 0.30, True, ["Forest", "River"]),  # green land is no lake
        (0.06, 0.02, True, ["River", "SeaLake"]),  # all is water
        (0.60, 0.50, True, ["Forest", "River"]),  # snow is no lake
        (0.05, 0.30, False, ["Forest", "River", "SeaLake"]),
    ],
)
def test_the_near_infrared_corrects_the_teacher(
    green: float, infrared: float, there: bool, possible: list[str]
) -> None:
    classes, bands = ["Forest", "River", "SeaLake"], ["B3", "B8"]
    said = torch.tensor([[0.3, 0.2, 0.5]])
    image = torch.tensor([green, infrared])[None, :, None, None].expand(1, 2, 4, 4)

    found = with_infrared(said, image, torch.tensor([[1.0, float(there)]]), bands, classes)[0]

    expected = torch.tensor([share if name in possible else 0.0 for name, share in zip(classes, said[0], strict=True)])
    torch.testing.assert_close(found, expected / expected.sum())


def test_a_share_of_the_images_is_labelled_and_the_others_are_weighted_by_their_side() -> None:
    small, large = place(0, labelled=False), place(1, labelled=False)
    large = dataclasses.replace(large, days=[clear_day(np.tile(large.days[0].optical, (1, 2, 2)))])

    both = together(Loaded([place(index, labelled=True) for index in range(4)]), Loaded([small, large]), 0.275)

    assert both.weights.tolist() == pytest.approx(
        [LABELLED_SHARE / 4] * 4 + [(1 - LABELLED_SHARE) / 3, (1 - LABELLED_SHARE) * 2 / 3]
    )
    np.testing.assert_allclose(both[0].days[0].optical, 0.275 * place(0, labelled=True).days[0].optical)
    assert both[4].days[0].optical is small.days[0].optical


def test_windows_lie_side_by_side() -> None:
    image = np.random.default_rng(0).random((2, 70, 130))

    windows = cut(image, 64)

    assert windows.shape == (2, 2, 64, 64)
    np.testing.assert_array_equal(windows[1], image[:, :64, 64:128])


@pytest.mark.parametrize(
    ("bands", "words"), [(["B2", "B3", "B8"], "sees B2, B3, B8"), (RGB, "not of the recipe's size or classes")]
)
def test_teachers_that_do_not_fit_are_refused(teacher: str, tmp_path: Path, bands: list[str], words: str) -> None:
    card = load(teacher).card
    params = dataclasses.replace(load(teacher).network.params, widths=(8, 8, 8, 8))
    values = dict.fromkeys(bands, 0.1)
    facts = {**card.parameters, "widths": [8, 8, 8, 8]}
    other = dataclasses.replace(card, bands=bands, mean=values, deviation=values, parameters=facts)
    save(str(tmp_path / "other.safetensors"), other, Classifier(other, ResNet(params)).network)

    with pytest.raises(UsageError, match=words):
        student(str(tmp_path / "other.safetensors"))


def test_a_recipe_without_a_teacher_says_how_to_train_one() -> None:
    with pytest.raises(UsageError, match="unclouded train landcover_teacher"):
        student("")


def test_the_development_data_gives_windows_of_all_bands(real_data: Path) -> None:
    training, validation = unlabelled(real_data, "train"), unlabelled(real_data, "validation")

    assert sum(name.startswith("l2a_chips/") for name in training.names) == 200
    assert not set(training.names) & set(validation.names)
    assert {len(each.bands) for each in training} == {12, 13}
    assert all(each.days[0].optical.shape[1:] == (64, 64) for each in training if each.name.startswith("l2a_chips/"))
