"""Reads weights that Keras wrote into HDF5, as data: what the file says of layers and code is never looked at."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from ...errors import ModelError

HINT = "Get the file again, or save the model anew: model.save('model.h5')."
MOST_DATASETS = 20_000
MOST_NAMES = 20_000
LONGEST_NAME = 1024
WEIGHTS = "model_weights"
"""Where model.save puts what save_weights puts at the top."""
DAMAGED = (
    *(OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError),
    *(OverflowError, UnicodeError, MemoryError, RecursionError),
)
"""What h5py raises over damaged files."""


def read_hdf5(path: str) -> dict[str, Tensor]:
    """Gives the weights, in the order of the layers where the file has it, else in that of their names.

    Raises:
        ModelError: The file is damaged, points to others, or claims more than it has.
    """
    try:
        with h5py.File(path, "r") as file:
            group = file if file.get(WEIGHTS, getlink=True) is None else _inside(file, WEIGHTS)
            names = _ordered(group)
            left = Path(path).stat().st_size
            state = {}
            for name in names:
                dataset = _dataset(path, group, name)
                if dataset.dtype.kind == "f":
                    left -= _bytes_of(path, name, dataset, left)
                    state[name] = torch.from_numpy(np.asarray(dataset[()], np.float32))
            return state
    except DAMAGED as error:
        raise ModelError(f"{path} is no whole HDF5 file.", HINT) from error


def _ordered(group: h5py.Group) -> list[str]:
    """Gives the names of the weights: layer by layer, each layer's own in its order."""
    if "layer_names" not in group.attrs:
        found: list[str] = []

        def visit(name: str, item: object) -> bool | None:
            if isinstance(item, h5py.Dataset):
                found.append(name)
            return True if len(found) >= MOST_DATASETS else None

        group.visititems(visit)
        return sorted(found, key=_natural)
    layers = _texts(group, "layer_names")
    return [f"{layer}/{weight}" for layer in layers for weight in _texts(_inside(group, layer), "weight_names")]


def _natural(name: str) -> list[Any]:
    """Sorts conv2d_2 before conv2d_10."""
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in re.split(r"(\d+)", name)]


def _texts(group: h5py.Group, key: str) -> list[str]:
    """Reads an attribute that is a list of texts."""
    facts = group.attrs.get_id(key)
    if facts.shape == (0,):
        return []
    if math.prod(facts.shape) > MOST_NAMES or facts.dtype.itemsize > LONGEST_NAME or facts.dtype.kind not in "SO":
        raise ValueError(f"the attribute {key} is no list of names")
    names = np.ravel(group.attrs[key]).tolist()
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _inside(group: h5py.Group, name: str) -> Any:
    """Follows a path without leaving the file."""
    item: Any = group
    for part in name.split("/"):
        if not part or part in (".", "..") or not isinstance(item.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is missing or leads to another file")
        item = item[part]
    return item


def _dataset(path: str, group: h5py.Group, name: str) -> h5py.Dataset:
    dataset = _inside(group, name)
    if not isinstance(dataset, h5py.Dataset):
        raise ModelError(f"{path} is refused: its {name!r} holds no numbers.", HINT)
    if dataset.external or dataset.is_virtual:
        raise ModelError(f"{path} is refused: its {name!r} lies in another file.", HINT)
    return dataset


def _bytes_of(path: str, name: str, dataset: h5py.Dataset, left: int) -> int:
    """Gives how many bytes of the file a dataset takes; refuses those that become larger when they are read."""
    claimed = int(math.prod(dataset.shape or (0,)) * dataset.dtype.itemsize)
    if claimed > min(dataset.id.get_storage_size(), left):
        raise ModelError(
            f"{path} is refused: its {name!r} of {dataset.shape} claims {claimed} bytes, and the file has not as many.",
            HINT,
        )
    return claimed
