"""From a file that somebody has got somewhere to what it holds. Nothing in it is run."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from ...errors import ModelError
from ..graph import graph_tensors, parse_graph
from ..onnx import check_libraries
from .found import Found
from .hdf5 import read_hdf5
from .saved import read_saved

EXPECTED = (
    "Expected are weights of PyTorch (.pt, .pth, .ckpt, .tar), of Keras (.h5, .hdf5), .safetensors, or a graph (.onnx)"
)
PREFIXES = ("module.", "_orig_mod.", "netG.", "generator.", "gen.")
"""Put before all names by programs that wrap a network."""
LARGEST_GRAPH = 1 << 30
START = 512
ZIP, HDF5, PICKLE, GRAPH = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", re.compile(rb"\x80[\x01-\x05]"), b"\x08"


def read_checkpoint(path: str) -> Found:
    """Reads a foreign file.

    Raises:
        ModelError: It is none of those that are expected, is damaged, or is refused as it could do harm.
        BackendError: It is ONNX, and the libraries for that are not installed.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(START)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", "Choose another file.") from error
    _refuse_texts(path, start)
    if start.startswith(HDF5):
        return _found(path, "Keras", read_hdf5(path))
    if start.startswith(ZIP) or PICKLE.match(start):
        return _found(path, "PyTorch", read_saved(path))
    if start[8:9] == b"{":
        return _found(path, "safetensors", _read_safetensors(path))
    if Path(path).suffix == ".onnx" or start.startswith(GRAPH):
        return _read_graph(path)
    raise ModelError(f"{path} is no model: its first bytes are those of none.", f"{EXPECTED}.")


def _refuse_texts(path: str, start: bytes) -> None:
    """Names what one gets when one wanted a model."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        raise ModelError(f"{path} is empty.", "Get the file again.")
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ModelError(
            f"{path} is a web page, not a model.", "Open the address in a browser: it may ask for a login or a click."
        )
    if text.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} only points to a model in Git LFS.", "Get the file itself: git lfs pull.")


def _found(path: str, container: str, state: dict[str, Tensor]) -> Found:
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    return Found(path, container, _with_counters(_without_prefixes(state)), shapes)


def _with_counters(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adds the counters of batch norm, which nothing is reckoned with and versions of PyTorch before 0.4.1 lack."""
    means = [key.removesuffix("running_mean") for key in state if key.endswith(".running_mean")]
    return {f"{key}num_batches_tracked": torch.tensor(0) for key in means} | state


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Takes off what all names begin with; of a whole GAN only the generator is left."""
    while state:
        common = [prefix for prefix in PREFIXES if all(key.startswith(prefix) for key in state)]
        if not common and any(key.startswith("netG.") for key in state):
            state = {key: value for key, value in state.items() if key.startswith("netG.")}
            continue
        if not common:
            break
        state = {key.removeprefix(common[0]): value for key, value in state.items()}
    return state


def _read_safetensors(path: str) -> dict[str, Tensor]:
    try:
        with safe_open(path, "pt") as file:
            if "card" in (file.metadata() or {}):
                raise ModelError(
                    f"{path} is a generator of ours already.", "Use it as it is, or copy it into the folder of yours."
                )
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError, MemoryError) as error:
        raise ModelError(f"{path} is no whole .safetensors file.", "Get the file again.") from error


def _read_graph(path: str) -> Found:
    check_libraries()
    if Path(path).stat().st_size > LARGEST_GRAPH:
        raise ModelError(f"{path} is larger than {LARGEST_GRAPH >> 20} MiB.", "Choose a smaller network.")
    content = Path(path).read_bytes()
    try:
        tensors = graph_tensors(parse_graph(content))
    except ModelError as error:
        raise ModelError(f"{path}: {error.message}", error.hint) from error
    return Found(path, "ONNX", shapes=dict(tensors), graph=content)
