"""What the values of a mask mean: the classes that masks have here, and the kinds of masks that users bring."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, UsageError

Classes = NDArray[np.uint8]
Kind = Literal["binary", "probability", "percent", "scl", "classes"]

CLEAR = 0
CLOUD = 1
SHADOW = 2
NODATA = 255
"""The classes of a mask. NODATA: not measured, or the mask says nothing."""

THRESHOLD = 0.4
"""Probability above which a pixel is cloud unless the user says otherwise: as the authors of s2cloudless recommend."""

MEANING: dict[Kind, str] = {
    "binary": "0 clear, 1 cloud",
    "probability": "cloud probability from 0 to 1",
    "percent": "cloud probability from 0 to 100",
    "scl": "scene classification of Sentinel-2 (3 shadow, 8 and 9 cloud, 10 cirrus, 0 nodata)",
    "classes": "0 clear, 1 cloud, 2 shadow, 255 nodata",
}
CLASS_OF: dict[Kind, dict[int, int]] = {
    "binary": {0: CLEAR, 1: CLOUD},
    "classes": {CLEAR: CLEAR, CLOUD: CLOUD, SHADOW: SHADOW},
    "scl": dict.fromkeys(range(12), CLEAR) | {0: NODATA, 3: SHADOW, 8: CLOUD, 9: CLOUD, 10: CLOUD},
}
"""For the kinds that are not probabilities."""
SCL_MAX = 11


def interpret(path: str, sample: NDArray[Any], nodata: float | None, description: str = "") -> tuple[Kind, str]:
    """Tells what a user's mask is.

    Small whole numbers may be scene classes or percentages: they are taken for classes unless the name of the file or
    of the band speaks of probability.

    Args:
        path: Where the mask comes from, for messages and for its name.
        sample: Any shape; some of its values, for example every tenth row and column.
        nodata: The value that the file declares as nodata, None without one. 0 counts as a value all the same, since
            many masks declare their clear pixels so.
        description: Name of the band, if it has one.

    Returns:
        The kind, and a sentence for the log.

    Raises:
        InputError: The values fit no kind, or more than one.
    """
    values = _measured(sample, nodata)
    if values.size == 0:
        raise InputError(f"The mask {path} holds nothing but nodata.", "Give a mask that covers the image.")
    kind = _kind(values, f"{PurePath(path).stem} {description}")
    if kind is None:
        raise InputError(
            f"The mask {path} was expected to hold 0 and 1, probabilities from 0 to 1 or from 0 to 100, or the scene "
            f"classes 0 to {SCL_MAX}; its values are {_listed(values)}, which is none of these for certain.",
            "Rewrite it with 0 for clear and 1 for cloud.",
        )
    return kind, f"the mask is read as {MEANING[kind]}"


def from_user(values: NDArray[Any], kind: Kind, threshold: float | None = None) -> Classes:
    """Turns the values of a user's mask into classes.

    Args:
        values: (H, W) as stored.
        kind: What `interpret` said.
        threshold: Probability (0..1) above which a pixel is cloud; None for THRESHOLD. Used for probabilities only.

    Returns:
        (H, W) classes; NODATA where the value is NaN or none of the kind's.

    Raises:
        UsageError: The threshold lies outside 0..1.
    """
    limit = checked_threshold(threshold)
    classes = np.full(values.shape, NODATA, np.uint8)
    if kind in CLASS_OF:
        for value, meaning in CLASS_OF[kind].items():
            classes[values == value] = meaning
        return classes
    top = 1 if kind == "probability" else 100
    classes[(values >= 0) & (values <= limit * top)] = CLEAR
    classes[(values > limit * top) & (values <= top)] = CLOUD
    return classes


def checked_threshold(threshold: float | None) -> float:
    """Gives the threshold, THRESHOLD for None.

    Raises:
        UsageError: It lies outside 0..1.
    """
    if threshold is None:
        return THRESHOLD
    if not 0 <= threshold <= 1:
        raise UsageError(
            f"The cloud threshold is {threshold:g}; a probability from 0 to 1 was expected.",
            f"Give a value like {THRESHOLD}: lower finds more cloud, higher finds less.",
        )
    return threshold


def _measured(sample: NDArray[Any], nodata: float | None) -> NDArray[np.float64]:
    """The values that differ, without NaN and nodata."""
    values = np.unique(np.asarray(sample, np.float64))
    values = values[~np.isnan(values)]
    if nodata is not None and nodata != 0:
        values = values[values != nodata]
    return values


def _kind(values: NDArray[np.float64], name: str) -> Kind | None:
    low, high = values[0], values[-1]
    if set(values) <= {CLEAR, CLOUD}:
        return "binary"
    if set(values) <= {CLEAR, CLOUD, SHADOW, NODATA} and {CLOUD, SHADOW} & set(values):
        return "classes"
    if low < 0 or high > 100:
        return None
    if (values % 1).any():
        return "probability" if high <= 1 else "percent"
    if high > SCL_MAX or re.search("prob|prb", name, re.IGNORECASE):
        return "percent"
    # Nothing but nodata, saturated, dark and shadow pixels is no scene: other products count four classes from 0.
    return "scl" if high > 3 else None


def _listed(values: NDArray[np.float64]) -> str:
    """A few values as text."""
    if values.size <= 6:
        return ", ".join(f"{value:g}" for value in values)
    return f"{values[0]:g} to {values[-1]:g}"
