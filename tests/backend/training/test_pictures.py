"""Pictures show what they say, stretched by the truth."""

import numpy as np
import torch

from unclouded.backend.training.pictures import GAP_PX, draw_row


def test_row_shows_red_green_and_blue_of_three_images_in_one_stretch() -> None:
    bands = ("B2", "B3", "B8", "B4")
    ramp = torch.linspace(0.1, 0.2, 50).expand(2, 4, 50, 50)
    batch = {"truth": ramp, "cloudy": torch.full((2, 4, 50, 50), 0.9)}
    output = ramp.clone()
    output[1, 3] = 0.0
    picture = draw_row(bands, batch, torch.cat([output, output], dim=1), 1)
    cloudy, made, truth = (picture[:50, left : left + 50] for left in (0, 50 + GAP_PX, 100 + 2 * GAP_PX))

    assert picture.shape == (50 + GAP_PX, 150 + 2 * GAP_PX, 3)
    assert (cloudy == 255).all()
    assert (made[..., 0] == 0).all()
    assert np.array_equal(made[..., 1:], truth[..., 1:])
    assert (np.diff(truth[0, :, 0].astype(int)) >= 0).all()
    assert truth[0, 0, 0] < 30
    assert truth[0, -1, 0] > 225
    assert not picture[50:].any()


def test_without_red_green_and_blue_the_first_band_is_shown_in_grey() -> None:
    image = torch.rand(1, 2, 8, 8)
    picture = draw_row(("B8", "B11"), {"truth": image, "cloudy": image}, image, 0)

    assert np.array_equal(picture[..., 0], picture[..., 1])
    assert np.array_equal(picture[..., 0], picture[..., 2])
