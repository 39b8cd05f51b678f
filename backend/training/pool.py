"""Earlier images of a generator, so that its discriminator does not forget them (Shrivastava et al., 2017)."""

from __future__ import annotations

import torch
from torch import Tensor


class Pool:
    """Holds up to `size` images.

    Args:
        size: 0 hands images through.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._images: list[Tensor] = []

    def exchange(self, images: Tensor) -> Tensor:
        """Gives for each image itself, or in half of the cases an earlier one, whose place it takes."""
        return torch.stack([self._one(image) for image in images])

    def _one(self, image: Tensor) -> Tensor:
        if len(self._images) < self._size:
            self._images.append(image.clone())  # a view would keep its whole batch
            return image
        if not self._size or torch.rand(()) < 0.5:
            return image
        place = int(torch.randint(self._size, ()))
        earlier, self._images[place] = self._images[place], image.clone()
        return earlier
