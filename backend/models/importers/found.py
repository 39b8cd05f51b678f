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

    def shape(self, key: str, sides: int = 4) -> tuple[int, ...]:
        """Gives the shape of a tensor.

        Args:
            key: Of the tensor.
            sides: That it must have: 4 of a convolution.

        Raises:
            ModelError: It is missing, or has another number of sides.
        """
        shape = tuple(self.state[key].shape) if key in self.state else None
        if shape is None or len(shape) != sides:
            what = "has none" if shape is None else f"is of shape {shape}"
            raise ModelError(f"{self.path}: {sides} sides were expected of {key!r}, which {what}.", "Get it again.")
        return shape

    def has(self, *keys: str) -> bool:
        """Whether there are all of these tensors."""
        return all(key in self.state for key in keys)


def count(keys: Iterable[str], pattern: str) -> int:
    """Gives how many different first groups of a pattern there are among keys."""
    return len({match[1] for match in map(re.compile(pattern).fullmatch, keys) if match})
