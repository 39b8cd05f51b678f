"""A demonstration without real imagery: a synthetic scene is clouded, cleared, and held against the truth."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from . import clouds, metrics, quicklook
from .cloudfield import CloudField, Kind, Sun
from .geotiff import Layout, Writer
from .landscape import RESOLUTION_M, SUN_AZIMUTH_DEG, SUN_ELEVATION_DEG, landscape
from .protocol import RemoveClouds
from .raster import Grid
from .sensors import NAMES, Bool, Float, Scaling
from .simulate import Brightness, add_clouds
from .tiling import Window

Remove = Callable[[RemoveClouds], object]
"""Runs a job, see removal.remove."""
Say = Callable[[str], None]
"""Takes a sentence for people."""

DAY = datetime.date(2024, 6, 14)
OTHER_DAY = datetime.date(2024, 5, 20)
DATE_FILE = f"date_{OTHER_DAY}.tif"
COVER, OTHER_COVER = 0.35, 0.15
OTHER_SKY = 35
"""Added to the seed for the clouds of the other date: with the default seed, most of them lie elsewhere."""
UNTRAINED = ("inpaint", "least-cloudy")
"""Methods that the generator is compared with."""
OWN_IMAGE = """On your own image:
  {command} remove IMAGE.tif -o CLEAR.tif
  {command} remove IMAGE.tif -o CLEAR.tif --sar SENTINEL1.tif --date OTHER_DATE.tif@2024-05-20"""


@dataclass(frozen=True)
class Score:
    """How near one method comes to the truth on the clouded and shaded pixels."""

    method: str
    mae: float
    psnr_db: float
    sam_degrees: float


def make_scene(folder: Path, seed: int = 23, size: int = 1024) -> None:
    """Writes the synthetic scene: cloudy.tif, truth.tif, true_mask.tif, sar.tif and another date.

    Args:
        folder: Made if it does not exist.
        seed: Chooses place and clouds.
        size: Side of the scene in pixels of 10 m.

    Raises:
        OutputError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = landscape(size, size, seed)
    truth = place.optical(_day_of_year(DAY))
    cloudy, classes = _clouded(truth, COVER, seed, "mixed")
    other, _ = _clouded(place.optical(_day_of_year(OTHER_DAY)), OTHER_COVER, seed + OTHER_SKY, "cumulus")
    _write_optical(folder / "truth.tif", truth, DAY)
    _write_optical(folder / "cloudy.tif", cloudy, DAY)
    _write_optical(folder / DATE_FILE, other, OTHER_DAY)
    _write(folder / "sar.tif", place.sar(_day_of_year(DAY)), np.nan, ("VV", "VH"))
    _write(folder / "true_mask.tif", classes[None], clouds.NODATA, ("true mask",))


def run(folder: Path, remove: Remove, say: Say) -> list[Score]:
    """Removes the clouds of a scene of make_scene, writes clear.tif, mask.tif, uncertainty.tif and quicklook.png.

    Args:
        folder: Holds the scene, receives the results.
        remove: Runs one job.
        say: Hears what is being done.

    Returns:
        A score for each method, the generator's first.

    Raises:
        UncloudedError: A job failed.
    """
    say("Removing the clouds with the generator, Sentinel-1 and another date")
    cloudy = str(folder / "cloudy.tif")
    _remove_and_draw(folder, cloudy, str(folder / "sar.tif"), [str(folder / DATE_FILE)], remove, folder / "truth.tif")
    for method in UNTRAINED:
        say(f"Removing the clouds with {method}")
        remove(_untrained_job(folder, method))
    return _scores(folder)


def run_own(folder: Path, optical: str, sar: str | None, remove: Remove) -> None:
    """Removes the clouds of a user's image, writes clear.tif, mask.tif, uncertainty.tif and quicklook.png.

    Args:
        folder: Receives the results; made if it does not exist.
        optical: The image.
        sar: Sentinel-1 of the same place, if there is some.
        remove: Runs one job.

    Raises:
        UncloudedError: The job failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _remove_and_draw(folder, optical, sar, [], remove, None)


def as_table(scores: list[Score]) -> str:
    """Gives the scores as lines of text, the smallest error first."""
    lines = [f"{'reconstruction of the clouded pixels':38} {'MAE':>7} {'PSNR dB':>8} {'SAM deg':>8}"]
    for score in sorted(scores, key=lambda score: score.mae):
        lines.append(f"{score.method:38} {score.mae:7.4f} {score.psnr_db:8.2f} {score.sam_degrees:8.2f}")
    return "\n".join(lines)


def _remove_and_draw(
    folder: Path, optical: str, sar: str | None, dates: list[str], remove: Remove, truth: Path | None
) -> None:
    clear, mask, uncertainty = (str(folder / f"{name}.tif") for name in ("clear", "mask", "uncertainty"))
    remove(
        RemoveClouds(
            id="demo",
            optical=optical,
            output=clear,
            sar=sar,
            dates=dates,
            mask_output=mask,
            uncertainty_output=uncertainty,
            overwrite=True,
        )
    )
    quicklook.write(
        str(folder / "quicklook.png"),
        cloudy=optical,
        result=clear,
        mask=mask,
        uncertainty=uncertainty,
        truth=str(truth) if truth else None,
    )


def _untrained_job(folder: Path, method: str) -> RemoveClouds:
    """The generator's mask is used again, so that all methods reconstruct the same pixels."""
    return RemoveClouds(
        id=f"demo {method}",
        optical=str(folder / "cloudy.tif"),
        output=str(folder / f"clear_{method}.tif"),
        dates=[] if method == "inpaint" else [str(folder / DATE_FILE)],
        mask=str(folder / "mask.tif"),
        grow_px=0,
        method=method,
        overwrite=True,
    )


def _scores(folder: Path) -> list[Score]:
    truth, cloudy = _reflectance(folder / "truth.tif"), _reflectance(folder / "cloudy.tif")
    with rasterio.open(folder / "true_mask.tif") as dataset:
        clouded = dataset.read(1) != clouds.CLEAR
    mean = cloudy[:, ~clouded].mean(axis=1) if not clouded.all() else cloudy.mean(axis=(1, 2))
    results = {"generator, with SAR and a date": _reflectance(folder / "clear.tif")}
    results |= {method: _reflectance(folder / f"clear_{method}.tif") for method in UNTRAINED}
    results["constant (mean of the clear ground)"] = np.broadcast_to(mean[:, None, None], truth.shape)
    results["identity (clouds left as they are)"] = cloudy
    return [_score(method, result, truth, clouded) for method, result in results.items()]


def _score(method: str, result: Float, truth: Float, clouded: Bool) -> Score:
    measures = (metrics.mae, metrics.psnr, metrics.sam)
    return Score(method, *(measure(result, truth, clouded) for measure in measures))


def _clouded(clear: Float, cover: float, seed: int, kind: Kind) -> tuple[Float, NDArray[np.uint8]]:
    """Gives the clouded image and its true mask."""
    height, width = clear.shape[-2:]
    sun = Sun(SUN_AZIMUTH_DEG, SUN_ELEVATION_DEG)
    sky = CloudField(seed, cover, height, width, RESOLUTION_M, kind, sun).sky(0, 0, height, width)
    return add_clouds(clear, NAMES, "L1C", sky, Brightness()), sky.mask


def _day_of_year(day: datetime.date) -> int:
    return day.timetuple().tm_yday


def _write_optical(path: Path, reflectance: Float, day: datetime.date) -> None:
    scaling = Scaling.uniform(len(reflectance), 1e-4)
    numbers = scaling.to_digital_numbers(reflectance, np.dtype(np.uint16), 0)
    _write(path, numbers, 0, NAMES, {"ACQUISITION_DATE": day.isoformat()})


def _write(
    path: Path, values: NDArray[np.generic], nodata: float, names: tuple[str, ...], tags: dict[str, str] | None = None
) -> None:
    count, height, width = values.shape
    grid = Grid(CRS.from_epsg(32632), Affine(RESOLUTION_M, 0, 500_000, 0, -RESOLUTION_M, 5_400_000), width, height)
    about = {"SYNTHETIC": "made up by Unclouded; shows no real place"} | (tags or {})
    writer = Writer(path, grid, Layout(count, values.dtype, nodata, names, [1.0] * count, [0.0] * count, about))
    writer.write(Window(0, 0, height, width), values)
    writer.finish()


def _reflectance(path: Path) -> Float:
    with rasterio.open(path) as dataset:
        reflectance: Float = dataset.read().astype(np.float32) / np.float32(10_000)
    return reflectance
