"""Figures of the validation agree with the metrics of the engine, window by window."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from unclouded.backend import metrics
from unclouded.backend.encoding import Encoding
from unclouded.backend.training.validation import Figures

BANDS = ("B2", "B3", "B4", "B8")
SIDE = 24
ENCODINGS = {
    "reflectance": Encoding(),
    "-1 to 1": Encoding(layout="frames", optical_range=(-1, 1), output="image"),
    "0 to 5": Encoding(layout="frames", optical_range=(0, 5), output="image"),
}


def to_units(reflectance: Tensor, encoding: Encoding) -> Tensor:
    return reflectance if encoding.layout == "fusion" else reflectance / encoding.unit + encoding.optical_range[0]


@pytest.fixture
def images() -> dict[str, Tensor]:
    """Three windows in reflectance; the last is not known anywhere, and the second is clear."""
    rng = np.random.default_rng(0)
    shape = (3, len(BANDS), SIDE, SIDE)
    found = {
        name: torch.from_numpy(rng.uniform(0, 1, shape).astype(np.float32)) for name in ("image", "truth", "cloudy")
    }
    found["cloud"] = torch.from_numpy(rng.random((3, 1, SIDE, SIDE)) < 0.4).float()
    found["cloud"][1] = 0
    found["known"] = torch.from_numpy(rng.random((3, 1, SIDE, SIDE)) < 0.7).float().expand(shape).clone()
    found["known"][2] = 0
    return found


def measured(images: dict[str, Tensor], encoding: Encoding) -> dict[str, float]:
    """Figures of two batches, the first of one window."""
    figures = Figures(encoding, BANDS)
    for part in (slice(0, 1), slice(1, 3)):
        batch = {key: to_units(images[key][part], encoding) for key in ("truth", "cloudy")}
        batch |= {key: images[key][part] for key in ("cloud", "known")}
        output = to_units(images["image"][part], encoding)
        scale = torch.full_like(output, 0.1)
        figures.add(torch.cat([output, scale], dim=1) if encoding.output != "image" else output, batch)
    return figures.means()


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize(
    ("name", "metric", "against", "where"),
    [
        ("reconstruction", metrics.mae, "truth", "cloud"),
        ("reproduction", metrics.mae, "cloudy", "clear"),
        ("target", metrics.mae, "truth", "all"),
        ("rmse", metrics.rmse, "truth", "all"),
        ("sam", metrics.sam, "truth", "all"),
    ],
)
def test_each_figure_is_the_mean_of_the_metric_over_windows_that_have_it(
    name: str,
    metric: Callable[..., float],
    against: str,
    where: str,
    encoding: Encoding,
    images: dict[str, Tensor],
) -> None:
    wanted = []
    for window in range(3):
        cloud, known = (images[key][window, 0].numpy() > 0 for key in ("cloud", "known"))
        mask = known & {"cloud": cloud, "clear": ~cloud, "all": np.ones_like(cloud)}[where]
        if mask.any():
            wanted.append(metric(images["image"][window].numpy(), images[against][window].numpy(), mask))

    assert len(wanted) == (1 if where == "cloud" else 2)
    assert measured(images, encoding)[name] == pytest.approx(np.mean(wanted), rel=1e-3)


def test_identity_is_the_error_of_the_input(images: dict[str, Tensor]) -> None:
    first = measured(images, ENCODINGS["-1 to 1"])
    images["image"] = images["cloudy"]

    assert measured(images, ENCODINGS["-1 to 1"])["reconstruction"] == pytest.approx(first["identity"], abs=2e-6)


def test_errors_of_the_bands_are_those_under_cloud(images: dict[str, Tensor]) -> None:
    mask = ((images["cloud"] * images["known"][:, :1])[:, 0] > 0).numpy()
    found = measured(images, ENCODINGS["0 to 5"])["band_rmse"]

    for index, band in enumerate(BANDS):
        error = (images["image"] - images["truth"])[:, index].numpy()[mask]
        assert found[band] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-4)


def test_bands_that_a_window_lacks_do_not_count(images: dict[str, Tensor]) -> None:
    images["known"][:, 3] = 0
    before = measured(images, Encoding())
    images["image"][:, 3] = 0.9

    assert measured(images, Encoding()) == before
    assert "B8" not in before["band_rmse"]


def test_what_is_impossible_is_clipped_as_the_metrics_do(images: dict[str, Tensor]) -> None:
    before = measured(images, ENCODINGS["0 to 5"])
    dark = images["image"] < 0.5
    images["image"] = torch.where(dark, 0.0, 1.0)
    clipped = measured(images, ENCODINGS["0 to 5"])
    images["image"] = torch.where(dark, -0.4, 1.7)

    assert measured(images, ENCODINGS["0 to 5"]) == clipped != before


@pytest.mark.parametrize("output", ["laplace", "gaussian"])
@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_widened_intervals_hold_nine_of_ten_errors(output: str, factor: float) -> None:
    encoding = (
        Encoding(output="laplace")
        if output == "laplace"
        else Encoding(layout="frames", optical_range=(-1, 1), output="gaussian")
    )
    rng = np.random.default_rng(1)
    shape = (4, len(BANDS), 64, 64)
    scale = rng.uniform(0.001, 0.02, shape)
    error = rng.laplace(0, scale) if output == "laplace" else rng.normal(0, scale)
    truth = torch.full(shape, 0.5)
    image = truth + torch.from_numpy((factor * error).astype(np.float32))
    claimed = torch.from_numpy(scale.astype(np.float32))
    second = claimed if output == "laplace" else (claimed / encoding.unit) ** 2
    batch = {"truth": to_units(truth, encoding), "cloudy": to_units(truth, encoding)}
    batch |= {"cloud": torch.ones(4, 1, 64, 64), "known": torch.ones(shape)}
    figures = Figures(encoding, BANDS)
    figures.add(torch.cat([to_units(image, encoding), second], dim=1), batch)
    spread = figures.means()["spread"]
    half_width = spread * claimed * (np.log(10) if output == "laplace" else 1.6448536)

    assert spread == pytest.approx(factor, rel=0.05)
    assert float(((image - truth).abs() <= half_width).float().mean()) == pytest.approx(0.9, abs=0.01)
    assert figures.means()["coverage_90"] == pytest.approx(0.9, abs=0.01) or factor != 1
