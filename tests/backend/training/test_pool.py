"""A pool gives back what it was given, about half of it later."""

from __future__ import annotations

import pytest
import torch

from unclouded.backend.training.pool import Pool


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def given(pool: Pool, steps: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of one pixel, numbered, and what the pool gave for them: (steps, batch) each."""
    images = torch.arange(steps * batch, dtype=torch.float32).reshape(steps, batch)
    return images, torch.stack([pool.exchange(step.reshape(batch, 1, 1, 1)).flatten() for step in images])


def test_of_no_size_hands_through() -> None:
    images, found = given(Pool(0), 50)

    assert torch.equal(images, found)


def test_filling_hands_through() -> None:
    images, found = given(Pool(20), 10)

    assert torch.equal(images, found)


def test_full_gives_half_of_the_images_later_and_none_twice() -> None:
    images, found = given(Pool(10), 1000)
    late = found[5:] < images[5:]

    assert (found <= images).all()
    assert 0.47 < late.float().mean() < 0.53
    assert found[5:].unique().numel() == found[5:].numel()
    assert ((images - found)[5:][late].mean() / 2).item() == pytest.approx(10, rel=0.15)


def test_its_images_are_its_own() -> None:
    pool, image = Pool(1), torch.ones(1, 1, 1, 1)
    pool.exchange(image)
    image.zero_()
    found = torch.cat([pool.exchange(torch.zeros(1, 1, 1, 1)) for _ in range(20)])

    assert found.sum() == 1


def test_draws_are_those_of_the_seed() -> None:
    one = given(Pool(5), 100)[1]
    torch.manual_seed(0)

    assert torch.equal(one, given(Pool(5), 100)[1])
