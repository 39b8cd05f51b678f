"""Labelled images: the same in every run, shown as they are when scored, with bands by name and classes as shares."""

import numpy as np
import pytest

from unclouded.backend.datasets.place import Place, clear_day
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.errors import InputError
from unclouded.backend.sensors import BY_COUNT, NAMES
from unclouded.backend.training.labelled import LabelledImages, View, scaling

RGB = ("B4", "B3", "B2")
CLASSES = ("water", "forest", "town")
AS_IS = View()
MOVING = View(turns=True, shift_px=4, gain=0.1, offset=0.01)


def place(index: int, labels: tuple[str, ...] = ("water",), bands: tuple[str, ...] = RGB, weight: float = 1.0) -> Place:
    optical = np.random.default_rng(index).uniform(0.1, 0.2, (len(bands), 16, 16)).astype(np.float32) + index
    return Place(f"fake/{index}", bands, "L1C", [clear_day(optical)], weight=weight, labels=labels)


def images(places: list[Place], view: View = AS_IS, window_px: int = 16, **options: int) -> LabelledImages:
    return LabelledImages(Loaded(places), ("B2", "B3", "B4"), CLASSES, window_px, view, **options)


def test_an_item_is_the_same_in_every_run_and_another_in_every_epoch() -> None:
    places = [place(index) for index in range(4)]
    one, again, later = (images(places, MOVING, seed=1, epoch=epoch)[2]["reflectance"] for epoch in (3, 3, 4))

    assert one.equal(again)
    assert not one.equal(later)


def test_every_image_comes_once_an_epoch() -> None:
    shown = images([place(index) for index in range(10)], epoch=5)

    assert sorted(round(float(item["reflectance"].mean())) for item in shown) == list(range(10))


def test_weights_say_how_often_images_come() -> None:
    places = [place(index, weight=0.9 if index == 0 else 0.1 / 49) for index in range(50)]
    drawn = [round(float(item["reflectance"].mean())) for epoch in range(10) for item in images(places, epoch=epoch)]

    assert drawn.count(0) / len(drawn) == pytest.approx(0.9, abs=0.05)


def test_images_that_are_scored_are_shown_as_they_are_in_the_order_of_the_bands() -> None:
    item = images([place(1)], View(turns=True, shift_px=4, gain=1, offset=1, reflectance_range=0.5), window_px=8)[0]

    np.testing.assert_array_equal(item["reflectance"], 0.5 * place(1).days[0].optical[::-1, 4:12, 4:12])
    assert item["present"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("size", [8, 16, 21])
def test_windows_have_the_asked_size(size: int) -> None:
    shown = images([place(index) for index in range(8)], View(turns=True, shift_px=3), window_px=size, epoch=0)

    assert {tuple(item["reflectance"].shape) for item in shown} == {(3, size, size)}


def test_moved_images_bring_in_their_mirror_image_only() -> None:
    ramp = np.tile(np.arange(16, dtype=np.float32), (3, 16, 1))
    places = [Place("fake/0", RGB, "L1C", [clear_day(ramp)], labels=("water",))]
    firsts = {int(images(places, View(shift_px=3), epoch=epoch)[0]["reflectance"][0, 0, 0]) for epoch in range(60)}

    assert firsts == {0, 1, 2, 3}  # the mirrored rim repeats 0, 1, 2


def test_gain_and_offset_are_as_large_as_said() -> None:
    flat = Place("fake/0", RGB, "L1C", [clear_day(np.full((3, 4, 4), 0.2, np.float32))], labels=("water",))
    view = View(gain=0.1, offset=0.01, reflectance_range=0.5)
    values = np.array([images([flat], view, 4, epoch=epoch)[0]["reflectance"][:, 0, 0].numpy() for epoch in range(800)])

    assert values.mean() == pytest.approx(0.1, abs=0.002)
    assert values.mean(axis=1).std() == pytest.approx(np.hypot(0.1 * 0.1, 0.01 / np.sqrt(3)), rel=0.1)
    assert (values - values.mean(axis=1, keepdims=True)).std() == pytest.approx(0.01 * np.sqrt(2 / 3), rel=0.1)


def test_classes_share_an_image_and_half_of_the_time_one_has_it_alone() -> None:
    view = View(single_label_share=0.5)
    many = [images([place(0, ("town", "water"))], view, epoch=epoch)[0]["target"].tolist() for epoch in range(600)]
    shares = {tuple(target): many.count(target) / len(many) for target in many}

    assert shares == pytest.approx({(0.5, 0, 0.5): 0.5, (1, 0, 0): 0.25, (0, 0, 1): 0.25}, abs=0.06)


def test_all_classes_of_an_image_count_when_it_is_scored() -> None:
    item = images([place(0, ("town", "water"))], View(single_label_share=1.0))[0]

    assert item["target"].tolist() == [0.5, 0, 0.5]
    assert images([place(0, ())])[0]["target"].tolist() == [0, 0, 0]


def test_bands_that_a_place_lacks_are_not_present() -> None:
    places = Loaded([place(0, bands=("B8", "B2"))])
    item = LabelledImages(places, ("B2", "B3", "B8"), CLASSES, 16, View())[0]

    assert item["present"].tolist() == [1, 0, 1]
    assert item["reflectance"][1].abs().max() == 0
    np.testing.assert_array_equal(item["reflectance"][0], place(0, bands=("B8", "B2")).days[0].optical[1])


def test_bands_are_left_out_as_users_lack_them_or_evenly() -> None:
    places, epochs = Loaded([place(0, bands=NAMES), place(1, bands=RGB)]), 400
    kept: list[tuple[str, ...]] = []
    for epoch in range(epochs):
        for item in LabelledImages(places, NAMES, CLASSES, 16, View(leave_out_bands=True), epoch=epoch):
            assert (item["reflectance"].amax(dim=(1, 2)) > 0).tolist() == (item["measured"] > 0).tolist()
            names = tuple(name for name, there in zip(NAMES, item["present"], strict=True) if there)
            if item["measured"].sum() == 13:
                kept.append(names)
            else:
                assert set(names) == set(RGB)
    stacks = [set(names) for names in BY_COUNT.values()]

    assert min(map(len, kept)) > 0
    assert all(stack in map(set, kept) for stack in stacks)
    assert sum(set(names) in stacks for names in kept) / epochs == pytest.approx(0.5, abs=0.08)
    others = [names for names in kept if set(names) not in stacks]
    assert all(np.mean([name in names for names in others]) == pytest.approx(0.5, abs=0.13) for name in NAMES)


def test_a_class_that_nobody_knows_is_named() -> None:
    with pytest.raises(InputError, match="fake/0 is said to show moon; known classes are water, forest, town"):
        images([place(0, ("moon",))])[0]


def test_scaling_is_mean_and_deviation_of_the_images_that_have_a_band() -> None:
    places = [place(index, bands=("B2", "B8") if index % 2 else ("B2",)) for index in range(5)]
    blue = 0.5 * np.stack([each.days[0].optical[0] for each in places])
    infrared = 0.5 * np.stack([each.days[0].optical[1] for each in places[1::2]])

    mean, deviation = scaling(Loaded(places), ("B2", "B8"), 0.5)

    assert mean == pytest.approx({"B2": blue.mean(), "B8": infrared.mean()}, abs=1e-4)
    assert deviation == pytest.approx({"B2": blue.std(), "B8": infrared.std()}, abs=1e-4)
    with pytest.raises(InputError, match=r"No image has the band\(s\) B12"):
        scaling(Loaded(places), ("B2", "B12"), 1.0)
