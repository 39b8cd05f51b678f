"""What a foreign file holds, before anybody knows what it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import Tensor

from ...errors import ModelError


@dataclass(frozen=True)
class Found:
    """The content of a checkpoint."""

    path: str
    container: str
    """`PyTorch`, `Keras`, `safetensors` or `ONNX`."""
    state: dict[str, Tensor] = field(default_factory=dict)
    """Its tensors in their order, without the prefix that all of them have; those of Keras in the order of layers."""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Of all tensors, by the names that they have in the file."""
    graph: bytes = b""
    """Of ONNX."""

    def shape(self, key: str) -> tuple[int, ...]:
        """Gives the shape of a tensor.

        Raises:
            ModelError: It is missing.
        """
        if key not in self.state:
            raise ModelError(f"{self.path} has no tensor {key!r}, but others that go with it.", "Get the file again.")
        return tuple(self.state[key].shape)

    def has(self, *keys: str) -> bool:
        """Whether there are all of these tensors."""
        return all(key in self.state for key in keys)


def count(keys: Iterable[str], pattern: str) -> int:
    """Gives how many different first groups of a pattern there are among keys."""
    return len({match[1] for match in map(re.compile(pattern).fullmatch, keys) if match})
