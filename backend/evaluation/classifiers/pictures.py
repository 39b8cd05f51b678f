"""The pictures of the report on classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...drawing import INK, label, line, png
from ...label_metrics import confusions, label_scores, threshold_curve
from .judged import Judged, Labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WRITTEN = 20
"""Classes up to which the numbers of a matrix are written."""
CHOSEN, LIKELIEST = "o", "s"
"""Marks of a classifier with a threshold, and of one without."""
HOLLOW: dict[str, Any] = {"linestyle": "", "ms": 7, "mfc": "white", "mew": 1.8}
DARK = 0.55
"""Share from which its number is written in white."""


def precision_recall(labels: Labels, judged: Sequence[Judged]) -> bytes:
    """Draws mean precision over mean recall for all thresholds, and marks that of each card."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, one in enumerate(judged):
            precision, recall = threshold_curve(labels.truth, one.said)
            look = line(number) | {"marker": ""}
            axes.plot(recall, precision, label=label(one.name), **look)
            scores = label_scores(labels.truth, one.given)
            mark = HOLLOW | {"marker": CHOSEN if one.card.threshold else LIKELIEST, "mec": look["color"]}
            axes.plot(scores["recall"], scores["precision"], **mark)
        for shape, words in ((CHOSEN, "threshold chosen on validation"), (LIKELIEST, "likeliest class alone")):
            if any(shape == (CHOSEN if one.card.threshold else LIKELIEST) for one in judged):
                axes.plot([], [], label=words, **HOLLOW, marker=shape, mec=INK)
        axes.set(xlabel="mean recall of the images", ylabel="mean precision of the images", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)

    return png(9.6, 4.8, draw)


def confusion(labels: Labels, one: Judged) -> bytes:
    """Draws label_metrics.confusions."""
    shares = confusions(labels.truth, one.given)
    names = [label(name) for name in labels.classes]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.set(xlabel="given", ylabel="true")
        axes.grid(visible=False)
        for row, column in np.ndindex(shares.shape) if len(names) <= WRITTEN else ():
            share = shares[row, column]
            text = "·" if np.isnan(share) else f"{share:.2f}"
            colour = "white" if share > DARK else INK
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
        figure.colorbar(image, ax=axes, shrink=0.8, label="share of the images")

    side = min(max(0.42 * len(names) + 1.8, 4.0), 13)
    return png(side + 0.8, side, draw)
