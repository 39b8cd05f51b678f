"""Samples as tensors: what a batch holds, which places an epoch shows, and how processes share them."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from unclouded.backend.datasets.collection import Collection, collect
from unclouded.backend.datasets.source import Loaded
from unclouded.backend.errors import InputError
from unclouded.backend.training.data import VALIDATION, Batch, Windows
from unclouded.backend.training.feed import MOST_NAMED, Feed, seen
from unclouded.backend.training.recipe import Recipe

from .studio import collection, places, tiny

PLAIN = ("data.windows=1", "data.samples=0", "data.choices.turns=false", "data.choices.gain=0", "fit.batch=2")
"""One window of each place, in the light and the orientation of the place."""


def same(one: Batch, other: Batch) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def whole(*further: str) -> Recipe:
    """Windows that are whole places, so that each tells which place it is."""
    return tiny("unet_small", *PLAIN, "data.window_px=64", *further)


def shown(batch: Tensor) -> list[int]:
    """The numbers of the places whose ground is shown by the truth (N, 10, 64, 64)."""
    grounds = torch.from_numpy(np.stack([place.days[0].optical[3] for place in places(9)]))
    return [int((grounds - window[2] / 2 - 0.5).abs().mean(dim=(1, 2)).argmin()) for window in batch]


class TestEpochs:
    def test_item_depends_on_epoch_and_number_alone(self) -> None:
        recipe, drawn = tiny("unet_small"), collection(4)
        again = Windows(collection(4), recipe, 3)

        for item in (2, 0, 1):
            assert same(Windows(drawn, recipe, 3)[item], again[item])
        assert not same(again[0], again[1])
        assert not same(again[0], Windows(drawn, recipe, 4)[0])
        assert same(Windows(drawn, recipe, VALIDATION)[0], Windows(drawn, recipe, VALIDATION)[0])

    def test_each_place_comes_once_in_another_order_each_time(self) -> None:
        orders = []
        for epoch in range(3):
            windows = Windows(collection(9), whole(), epoch)
            orders.append([shown(windows[item]["truth"])[0] for item in range(len(windows))])

        assert all(sorted(order) == list(range(9)) for order in orders)
        assert len({tuple(order) for order in orders}) == 3

    def test_places_with_weights_come_as_often_as_they_weigh(self) -> None:
        weighed = [dataclasses.replace(place, weight=float(number == 5)) for number, place in enumerate(places(9))]
        windows = Windows(collect(Loaded(weighed)), whole(), 0)

        assert {shown(windows[item]["truth"])[0] for item in range(9)} == {5}

    @pytest.mark.parametrize(("samples", "count"), [(0, 9), (4, 2), (5, 2), (1, 1), (40, 20)])
    def test_length_counts_scenes(self, samples: int, count: int) -> None:
        recipe = tiny("unet_small", "data.windows=2", f"data.samples={samples}", "data.validation_samples=6")

        assert len(Windows(collection(9), recipe, 0)) == count
        assert len(Windows(collection(9), recipe, VALIDATION)) == 3


class TestBatch:
    def test_frames_in_the_units_of_the_network(self) -> None:
        batch = Windows(collection(1), whole("data.choices.haze=0"), 0)[0]
        truth = torch.from_numpy(places(1)[0].days[0].optical[[1, 2, 3, 4, 5, 6, 7, 8, 11, 12]])

        assert {key: value.shape for key, value in batch.items()} == {
            "x": (1, 10, 64, 64),
            "truth": (1, 10, 64, 64),
            "cloudy": (1, 10, 64, 64),
            "known": (1, 10, 64, 64),
            "cloud": (1, 1, 64, 64),
        }
        reflectance = (batch["truth"] + 1) / 2
        second = torch.from_numpy(places(1)[0].days[1].optical[[1, 2, 3, 4, 5, 6, 7, 8, 11, 12]])
        assert min(float((reflectance - day).abs().max()) for day in (truth, second)) < 1e-6
        assert torch.equal(batch["x"], batch["cloudy"])
        under = batch["cloud"].expand_as(batch["truth"]) > 0
        change = (batch["cloudy"] - batch["truth"]).abs()
        assert float(change[under].mean()) > 2 * float(change[~under].mean())

    def test_radar_follows_the_bands(self) -> None:
        batch = Windows(collection(1), tiny("dsen2cr_small", *PLAIN, "data.window_px=64"), 0)[0]
        wanted = (places(1)[0].sar[0] + 25) / 25 * 2

        assert batch["x"].shape == (1, 15, 64, 64)
        np.testing.assert_allclose(batch["x"][0, 13], wanted, atol=1e-5)
        assert torch.equal(batch["x"][:, :13], batch["cloudy"])

    def test_other_dates_follow_the_first_frame(self) -> None:
        network = "generator.parameters={frame_channels: 10, bands: 10, frames: 3, widths: [4, 4, 8]}"
        recipe = tiny("unet_small", *PLAIN, network, "generator.architecture=stgan", "encoding.frames=3")
        batch = Windows(collection(1), recipe, 0)[0]

        assert batch["x"].shape == (1, 30, 32, 32)
        assert torch.equal(batch["x"][:, :10], batch["cloudy"])
        assert batch["clear"].shape == (1, 2, 32, 32)
        assert batch["days"].shape == (1, 2)
        assert bool((batch["days"] != 0).any())

    def test_bands_that_a_place_lacks_are_neither_known_nor_seen_by_fusion(self) -> None:
        few = collect(Loaded(places(2, bands=("B2", "B3", "B4", "B8"))))
        batch = Windows(few, tiny("fusion"), 0)[0]
        there = batch["known"].flatten(2).any(dim=2)

        assert batch["truth"].shape == (2, 13, 32, 32)
        assert set(there.sum(dim=1).tolist()) <= {3, 4}
        assert not batch["truth"][~there].any()
        assert not batch["cloudy"][~there].any()
        assert 0.03 < float(batch["truth"][there].mean()) < 0.4


class TestPlacesThatDoNotSuit:
    def test_give_way_to_others(self) -> None:
        mixed = [*places(3, bands=("B2", "B3", "B4")), *places(1, seed=7)]
        windows = Windows(collect(Loaded(mixed)), whole(), 0)

        assert {shown(windows[item]["truth"])[0] for item in range(4)} == {7}

    def test_are_named_by_what_they_lack_if_there_are_no_others(self) -> None:
        dark = [dataclasses.replace(place, sar=None) for place in places(2)]
        with pytest.raises(InputError, match=r"'sen12ms-cr' has what .* 'dsen2cr_small' needs: .*Sentinel-1.* B1, B2"):
            Windows(collect(Loaded(dark)), tiny("dsen2cr_small"), 0)[0]


def feed(recipe: Recipe, processes: int, rank: int, drawn: Collection) -> Feed:
    found = Feed(recipe, drawn, drawn, None, 0)
    found.trainer = SimpleNamespace(world_size=processes, global_rank=rank, current_epoch=1)  # type: ignore[assignment]
    return found


class TestProcesses:
    @pytest.mark.parametrize("count", [8, 9, 6])
    @pytest.mark.parametrize("loader", ["train_dataloader", "val_dataloader"])
    def test_batches_together_are_those_of_one_process(self, count: int, loader: str) -> None:
        one, two = (whole(f"fit.batch={batch}", "data.validation_samples=0") for batch in (4, 2))
        single = [shown(batch["truth"]) for batch in getattr(feed(one, 1, 0, collection(count)), loader)()]
        ranks = [
            [shown(batch["truth"]) for batch in getattr(feed(two, 2, rank, collection(count)), loader)()]
            for rank in range(2)
        ]

        assert len(ranks[0]) == len(ranks[1])
        together = [sorted(first + second) for first, second in zip(*ranks, strict=True)]
        assert together == [sorted(batch) for batch in single][: len(together)]
        assert sum(map(len, together)) >= sum(map(len, single)) - 1

    def test_fewer_scenes_than_processes_are_refused(self) -> None:
        with pytest.raises(InputError, match=r"3 scene\(s\) .* cannot be divided among 4 processes"):
            feed(whole(), 4, 0, collection(3)).train_dataloader()


class TestFacts:
    def test_name_the_regions_that_were_learned_from(self) -> None:
        names = ["sen12ms-cr/1158_spring_1/p3", "sen12ms-cr/1158_spring_1/p4", "sen12ms-cr/1868_summer_19/p1", "chips"]

        origins = {"chips": "of old maps", "triples": "elsewhere"}
        assert seen(names, origins) == ["sen12ms-cr: 1158_spring_1, 1868_summer_19", "chips (of old maps): all"]
        many = (f"large/{number}" for number in range(MOST_NAMED + 1))
        assert seen(many, {}) == [f"large: {MOST_NAMED + 1} places"]

    def test_tell_of_clear_images_of_another_data_set_too(self) -> None:
        recipe = tiny("unet_small", "data.clear=sen12ms")
        ground = [
            dataclasses.replace(place, name=f"ground/{number}") for number, place in enumerate(places(2, seed=30))
        ]
        facts = Feed(recipe, collection(3), collection(1), collect(Loaded(ground)), 0).facts

        assert facts["names"] == ["made: 0, 1, 2", "ground: 0, 1"]
        assert facts["licence"].endswith("sen12ms-cr, sen12ms")
        assert facts["prior"] == collect(Loaded(ground)).prior
