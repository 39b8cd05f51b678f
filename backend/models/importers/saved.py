"""Reads what torch.save wrote. Nothing is unpickled but tensors, and what else a file asks for is named."""

from __future__ import annotations

import pickle  # nosec B403 - only to name the error of torch.load
import pickletools  # nosec B403 - reads the names in a pickle and runs nothing
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from ...errors import ModelError

HINT = "Get the file again, or save the network's state_dict alone: torch.save(network.state_dict(), 'weights.pth')."
PLAIN = re.compile(
    r"collections (OrderedDict|Counter)|_codecs encode"
    r"|torch (Size|device|dtype|\w+Storage|\w*(float|int|complex)\d+|bool)"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter|parameter_with_state)"
    r"|torch\.nn\.parameter Parameter|torch\.storage \w+Storage"
)
"""What a checkpoint of tensors, numbers and text is made of."""
ZIP = b"PK\x03\x04"
LARGEST_PICKLE = 64 << 20
LEGACY_PICKLES = 5
"""In a file from before 2020: magic number, version, system, content, order of the tensors' numbers behind."""
STATES = ("state_dict", "state_dict_G", "model_state_dict", "generator", "netG", "model", "net", "params_ema", "params")
"""Where programs keep the weights in their checkpoints."""
OURS = {"recipe", "state_dict", "figures", "data"}


def read_saved(path: str) -> dict[str, Tensor]:
    """Gives the tensors of a checkpoint.

    Raises:
        ModelError: It is none, is damaged, holds code, or claims more than the file has.
    """
    with Path(path).open("rb") as file:
        zipped = file.read(len(ZIP)) == ZIP
    _check_code(path, _zipped_codes(path) if zipped else _plain_codes(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they tell how to let a file run code
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        raise ModelError(f"The checkpoint {path} is refused: it holds more than numbers and text.", HINT) from error
    except (
        *(RuntimeError, OSError, EOFError, LookupError, ValueError, TypeError),
        *(AttributeError, AssertionError, MemoryError, OverflowError, RecursionError, struct.error),
    ) as error:
        raise ModelError(f"{path} is no checkpoint, or damaged.", HINT) from error
    state = _state(path, content)
    _check_sizes(path, state)
    return state


def _zipped_codes(path: str) -> list[str]:
    """Gives what the pickle in an archive asks for, after a look at the archive itself."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_archive(path, entries)
            pickles = [entry for entry in entries if entry.filename.rpartition("/")[2] == "data.pkl"]
            if len(pickles) != 1:
                raise ModelError(f"{path} is an archive, but no checkpoint of PyTorch.", HINT)
            with archive.open(pickles[0]) as stream:
                return _codes(stream)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise ModelError(f"{path} is no checkpoint, or damaged.", HINT) from error


def _check_archive(path: str, entries: list[zipfile.ZipInfo]) -> None:
    """Refuses names that lead elsewhere, code, and entries that grow when they are read."""
    size = Path(path).stat().st_size
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise ModelError(f"{path} is refused: its entry {entry.filename!r} leads out of the archive.", HINT)
        if "code" in parts[1:] or parts[-1] == "constants.pkl":
            raise ModelError(f"{path} is refused: it is a TorchScript archive, which holds code.", HINT)
        if parts[-1] == "model.weights.h5":
            raise ModelError(f"{path} is a .keras archive.", "Save the model as HDF5: model.save('model.h5').")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > size:
            raise ModelError(f"{path} is refused: its entry {entry.filename!r} claims {entry.file_size} bytes.", HINT)
        if parts[-1] == "data.pkl" and entry.file_size > LARGEST_PICKLE:
            raise ModelError(f"{path} is refused: it describes its tensors in {entry.file_size} bytes.", HINT)


def _plain_codes(path: str) -> list[str]:
    codes: list[str] = []
    try:
        with Path(path).open("rb") as stream:
            for _ in range(LEGACY_PICKLES):
                codes += _codes(stream)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", "Choose another file.") from error
    return codes


def _codes(stream: IO[bytes]) -> list[str]:
    """Gives the names that a pickle asks for, as `module name`, up to where it can be read."""
    codes, texts = [], ["", ""]
    try:
        for operation, argument, _ in pickletools.genops(stream):
            if operation.name in ("GLOBAL", "INST"):
                codes.append(str(argument))
            elif operation.name == "STACK_GLOBAL":
                codes.append(" ".join(texts))
            elif isinstance(argument, str):
                texts = [texts[1], argument]
    except (ValueError, LookupError, OverflowError, MemoryError):  # cut off: torch.load says so
        pass
    return codes


def _check_code(path: str, codes: list[str]) -> None:
    for code in codes:
        if not PLAIN.fullmatch(code):
            raise ModelError(f"The checkpoint {path} is refused: it holds the code {code.replace(' ', '.')}.", HINT)


def _state(path: str, content: Any) -> dict[str, Tensor]:
    """Finds the weights in what a program has saved."""
    if isinstance(content, Mapping) and content.keys() >= OURS:
        raise ModelError(
            f"{path} is a checkpoint of our own training.", f"Export it: unclouded export {path} -o NAME.safetensors"
        )
    candidates = [content]
    if isinstance(content, Mapping):
        candidates = [*(content[name] for name in STATES if name in content), content, *content.values()]
    for candidate in candidates:
        if isinstance(candidate, Mapping):
            state = {str(key): value for key, value in candidate.items() if isinstance(value, Tensor)}
            if state:
                return state
    raise ModelError(f"{path} holds no tensors by name.", HINT)


def _check_sizes(path: str, state: dict[str, Tensor]) -> None:
    """Refuses tensors that claim more numbers than the file has."""
    size = left = Path(path).stat().st_size
    for key, tensor in state.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise ModelError(f"{path} is refused: its {key!r} is no plain tensor.", HINT)
        left -= tensor.numel() * tensor.element_size()
        if left < 0:
            raise ModelError(f"{path} is refused: its tensors, up to {key!r}, claim more than its {size} bytes.", HINT)
