"""Measures of masks against loops over pixels, and what they are where nothing is there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from unclouded.backend.mask_metrics import BINS, Counts, count, curve, histogram


def drawn(seed: int, share: float = 0.4) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """A mask, a label that resembles it, and what counts."""
    random = np.random.default_rng(seed)
    label = random.random((23, 31)) < share
    return label ^ (random.random(label.shape) < 0.2), label, random.random(label.shape) < 0.8


def loop(mask: NDArray[np.bool_], label: NDArray[np.bool_], counted: NDArray[np.bool_]) -> dict[str, float]:
    """The measures by their definitions, pixel by pixel."""
    both = only_mask = only_label = equal = pixels = 0
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            if not counted[row, column]:
                continue
            pixels += 1
            found, there = mask[row, column], label[row, column]
            both += int(found and there)
            only_mask += int(found and not there)
            only_label += int(there and not found)
            equal += int(found == there)
    precision, recall = both / (both + only_mask), both / (both + only_label)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall),
        "f2": 5 * precision * recall / (4 * precision + recall),
        "iou": both / (both + only_mask + only_label),
        "accuracy": equal / pixels,
    }


def figures(counts: Counts) -> dict[str, float]:
    names = ("precision", "recall", "f1", "iou", "accuracy")
    return {name: getattr(counts, name) for name in names} | {"f2": counts.f(2.0)}


@pytest.mark.parametrize("seed", range(3))
def test_measures_agree_with_their_definitions(seed: int) -> None:
    assert figures(count(*drawn(seed))) == pytest.approx(loop(*drawn(seed)))


def test_without_a_choice_all_pixels_count() -> None:
    mask, label, _ = drawn(0)
    assert count(mask, label) == count(mask, label, np.ones_like(mask))
    assert count(mask, label).total == mask.size


def test_counts_of_parts_add_up() -> None:
    mask, label, counted = drawn(1)
    parts = [count(mask[rows], label[rows], counted[rows]) for rows in (slice(0, 9), slice(9, None))]
    assert parts[0] + parts[1] == count(mask, label, counted)


@pytest.mark.parametrize(
    ("mask", "label", "expected"),
    [
        ([0, 0], [0, 1], {"precision": None, "recall": 0, "f1": 0, "f2": 0, "iou": 0, "accuracy": 0.5}),
        ([0, 1], [0, 0], {"precision": 0, "recall": None, "f1": 0, "f2": 0, "iou": 0, "accuracy": 0.5}),
        ([0, 0], [0, 0], {"precision": None, "recall": None, "f1": None, "f2": None, "iou": None, "accuracy": 1}),
        ([], [], {"precision": None, "recall": None, "f1": None, "f2": None, "iou": None, "accuracy": None}),
    ],
)
def test_where_nothing_is_there_the_measure_is_none(
    mask: list[int], label: list[int], expected: dict[str, float | None]
) -> None:
    found = figures(count(np.array([mask], bool), np.array([label], bool)))
    assert {name: None if math.isnan(value) else value for name, value in found.items()} == expected


def scored(seed: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Scores on multiples of a hundredth, what they should say, and what counts."""
    _, label, counted = drawn(seed)
    noise = np.random.default_rng(seed + 9).normal(0.35 + 0.2 * label, 0.2)
    return np.clip(np.rint(noise * 100) / 100, 0, 1).astype(np.float32), label, counted


@pytest.mark.parametrize("threshold", [0.0, 0.13, 0.3, 0.57, 1.0])
def test_a_curve_holds_the_counts_of_each_threshold(threshold: float) -> None:
    scores, label, counted = scored(2)
    found = curve(histogram(scores, label, counted))
    index = round(threshold * BINS)
    assert found.thresholds[index] == pytest.approx(threshold)
    assert found.counts[index] == count(scores >= np.float32(threshold), label, counted)


def test_histograms_of_parts_add_up() -> None:
    scores, label, _ = scored(3)
    parts = histogram(scores[:7], label[:7]) + histogram(scores[7:], label[7:])
    assert (parts == histogram(scores, label)).all()


def test_scores_beyond_the_range_count_at_its_ends() -> None:
    found = histogram(np.array([[-2, 3]], np.float32), np.array([[False, True]]))
    assert found[0, 0] == 1
    assert found[1, BINS] == 1


def test_average_precision_agrees_with_a_loop_over_thresholds() -> None:
    scores, label, counted = scored(4)
    seen, there = scores[counted], label[counted]
    area, before = 0.0, 0.0
    for threshold in sorted(set(seen.tolist()), reverse=True):
        reached = seen >= threshold
        recall = (reached & there).sum() / there.sum()
        area += (reached & there).sum() / reached.sum() * (recall - before)
        before = recall
    assert curve(histogram(scores, label, counted)).average_precision == pytest.approx(area)


def test_average_precision_of_an_order_without_fault_is_one_and_of_a_constant_the_share_of_cloud() -> None:
    label = np.array([[True, False, False, True, False]])
    assert curve(histogram(label.astype(np.float32), label)).average_precision == pytest.approx(1)
    assert curve(histogram(np.full(label.shape, 0.4, np.float32), label)).average_precision == pytest.approx(0.4)
    assert math.isnan(curve(histogram(np.full(label.shape, 0.4, np.float32), ~label & label)).average_precision)


def test_the_best_threshold_is_that_of_the_highest_f1() -> None:
    scores, label, counted = scored(5)
    threshold, best = curve(histogram(scores, label, counted)).best
    tried = [count(scores >= np.float32(step / 100), label, counted).f1 for step in range(101)]
    assert best.f1 == pytest.approx(np.nanmax(tried))
    assert best == count(scores >= np.float32(threshold), label, counted)
