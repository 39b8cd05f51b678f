"""Draws where a generator fails: known clouds over made-up ground, so that all that is lost can be seen.

    python bench/failures.py [--model default] [-o docs/failures.png]

Each row is a scene of which the middle is shown. The heading of a row holds the mean error under the mask beside the
mean uncertainty, and both where the error is largest.
"""

from __future__ import annotations

import dataclasses
import io
import os
from dataclasses import dataclass

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import click
import numpy as np
from PIL import Image
from scipy import ndimage

from unclouded.backend import clouds, perlin
from unclouded.backend.cloudfield import CloudField, Sky, Sun
from unclouded.backend.datasets.samples import with_context
from unclouded.backend.evaluation.contact.sheet import UNCERTAINTY_END, Strip, heat, pages, panels
from unclouded.backend.inference import Generator
from unclouded.backend.landcover import CODE, ROOFS
from unclouded.backend.landscape import SUN_AZIMUTH_DEG, SUN_ELEVATION_DEG, Landscape, landscape
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import BY_COUNT, NAMES, Bool, Float
from unclouded.backend.simulate import Brightness, add_clouds

SEED, FIELDS = 5, 8
"""Of everything, and of the landscape that shows fields."""
SIDE_PX, SHOWN_PX = 384, 128
RADIUS_PX, BASE_M = 42, 1500.0
"""Of the cloud."""
DAY, EARLIER, WINTER = 166, 141, 30
END = UNCERTAINTY_END
"""Reflectance at which the scales of error and uncertainty end."""
TONES = np.uint8(0xFC)
"""Bits of the colours that are kept, so that the picture stays small."""
SNOW = np.array([0.86, 0.88, 0.86, 0.85, 0.84, 0.82, 0.80, 0.78, 0.76, 0.25, 0.004, 0.10, 0.08], np.float32)
"""Reflectance of snow in the 13 bands at the top of the atmosphere."""


@dataclass(frozen=True)
class Case:
    title: str
    seen: Observation
    truth: Float
    """(C, H, W) reflectance."""
    centre: tuple[int, int]
    """Row and column of the middle of what is shown."""


def ships() -> Case:
    """Ships on glinting water, and a calm day when others lay there."""
    glint = 0.05 + np.float32(0.012) * noise(3, 2)
    water = sea(SEED)
    truth = water.optical(DAY) + glint * (water.ground == CODE["water"])
    case = clouded("ships on glinting water, with a calm day on which other ships lay there", truth, (192, 192))
    return dated(case, sea(SEED + 1))


def sea(seed: int) -> Landscape:
    """Water with 40 ships of 20 to 30 by 30 to 70 m."""
    rng = np.random.default_rng(seed)
    ground = np.full((SIDE_PX, SIDE_PX), CODE["water"], np.int16)
    for row, column in rng.integers(100, 284, (40, 2)):
        ground[row : row + rng.integers(2, 4), column : column + rng.integers(3, 8)] = CODE["white roof"]
    return Landscape(SEED, ground, 1 + np.float32(0.05) * noise(90, 3), np.zeros(ground.shape, np.float32))


def town() -> Case:
    """A town, alone."""
    place = landscape(SIDE_PX, SIDE_PX, SEED)
    return clouded("a town and a river", place.optical(DAY), middle(place))


def town_with_date() -> Case:
    """The same and a day on which three halls were not yet built."""
    place = landscape(SIDE_PX, SIDE_PX, SEED)
    row, column = middle(place)
    ground = place.ground.copy()
    for top, left in ((row - 16, column - 24), (row + 6, column + 10), (row + 18, column - 14)):
        ground[top : top + 8, left : left + 12] = CODE["white roof"]
    built = dataclasses.replace(place, ground=ground).optical(DAY)
    return dated(clouded("the same, with a day on which three halls were not yet built", built, (row, column)), place)


def shadow() -> Case:
    """Fields and forest in the shadow of a thick cloud."""
    case = clouded("fields and forest in deep shadow", landscape(SIDE_PX, SIDE_PX, FIELDS).optical(DAY), (192, 192))
    down, right = shadow_shift()
    return dataclasses.replace(case, centre=(192 + down, 192 + right))


def snow(title: str, bands: tuple[str, ...]) -> Case:
    """Snow without any cloud, under the mask that a job finds."""
    ground = landscape(SIDE_PX, SIDE_PX, FIELDS).optical(WINTER)
    cover = np.clip(np.float32(0.45) + np.float32(0.9) * noise(60, 4), 0, np.float32(0.9))
    white = ground + cover * (SNOW[:, None, None] - ground)
    truth: Float = white[[NAMES.index(band) for band in bands]]
    classes = clouds.whole(clouds.choose(bands, "L1C", None, 10.0), truth, np.ones(cover.shape, bool))
    return Case(title, observed(truth, classes != clouds.CLEAR, bands), truth, (192, 192))


def cirrus() -> Case:
    """Fields below a thin veil."""
    truth = landscape(SIDE_PX, SIDE_PX, FIELDS).optical(DAY)
    sky = CloudField(SEED, 0.5, SIDE_PX, SIDE_PX, kind="cirrus").sky(0, 0, SIDE_PX, SIDE_PX)
    return under("no failure, for comparison: fields and forest under thin cirrus", truth, sky, (192, 192))


def clouded(title: str, truth: Float, centre: tuple[int, int]) -> Case:
    """Puts one thick cloud and its shadow over (C, H, W) ground."""
    rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX] - np.array(centre)[:, None, None]
    inside = RADIUS_PX - np.hypot(rows, columns) + 7 * noise(30, 5)
    low = (6 * np.tanh(np.maximum(inside, 0) / 8)).astype(np.float32)
    shadow = 1 - np.exp(-np.roll(low, shadow_shift(), (0, 1)))
    return under(title, truth, Sky(low, np.zeros_like(low), shadow, 1 + np.float32(0.06) * noise(12, 6)), centre)


def under(title: str, truth: Float, sky: Sky, centre: tuple[int, int]) -> Case:
    """Puts a sky over (C, H, W) ground."""
    optical = add_clouds(truth, NAMES, "L1C", sky, Brightness())
    return Case(title, observed(optical, sky.mask != clouds.CLEAR, NAMES), truth, centre)


def observed(optical: Float, cloud: Bool, bands: tuple[str, ...]) -> Observation:
    """Gives an image (C, H, W) with its mask (H, W), grown as a job does."""
    grown = clouds.grow(cloud, clouds.GROW_PX)
    return Observation(bands, "L1C", optical, np.ones_like(grown), grown, background=optical)


def dated(case: Case, place: Landscape) -> Case:
    """Adds a clear image of an earlier day."""
    days, clear = np.array([EARLIER - DAY], np.float32), np.ones_like(case.seen.cloud)[None]
    seen = dataclasses.replace(case.seen, dates=place.optical(EARLIER)[None], dates_clear=clear, days=days)
    return dataclasses.replace(case, seen=seen)


def shadow_shift() -> tuple[int, int]:
    """(rows, columns) from a cloud to its shadow."""
    return Sun(SUN_AZIMUTH_DEG, SUN_ELEVATION_DEG).shadow_shift(BASE_M, 10.0)


def middle(place: Landscape) -> tuple[int, int]:
    """Gives where the most roofs are."""
    roofs = ndimage.gaussian_filter(np.isin(place.ground, [CODE[roof] for roof in ROOFS]).astype(float), 25)
    row, column = np.unravel_index(int(roofs[128:-128, 128:-128].argmax()), (SIDE_PX - 256, SIDE_PX - 256))
    return int(row) + 128, int(column) + 128


def noise(cell_px: float, seed: int) -> Float:
    """(H, W) of mean 0 and standard deviation 1."""
    steps = np.arange(SIDE_PX) / cell_px + 0.5
    return perlin.fractal(steps, steps, SEED + seed, 3)


def strip(case: Case, generator: Generator) -> Strip:
    """Runs the generator on a case and draws its middle."""
    seen = with_context(case.seen, generator.card.prior)
    made = generator([seen])[0]
    image = seen.optical + clouds.feather(seen.cloud, clouds.FEATHER_PX) * (made.reflectance - seen.optical)
    error, doubt = np.abs(image - case.truth).mean(axis=0), made.uncertainty.mean(axis=0) * seen.cloud
    drawn = panels(seen, made, image, case.truth, seen.valid)
    shown = {name: drawn[name] for name in ("cloudy", "result", "truth")}
    shown |= {f"{name}, 0 to {END:g}": heat(map_ / END) for name, map_ in (("error", error), ("uncertainty", doubt))}
    row, column = (place - SHOWN_PX // 2 for place in case.centre)
    part = np.s_[row : row + SHOWN_PX, column : column + SHOWN_PX]
    words = (case.title, figures(error[part], doubt[part], seen.cloud[part]))
    return Strip({name: panel[part] for name, panel in shown.items()}, words)


def figures(error: Float, doubt: Float, cloud: Bool) -> str:
    """Says how large the error (H, W) is under the mask, and whether the uncertainty said so."""
    if not cloud.any():
        return "the mask is empty: nothing is changed"
    worst = cloud & (error >= np.percentile(error[cloud], 98))
    return (
        f"under the mask: error {error[cloud].mean():.3f}, uncertainty {doubt[cloud].mean():.3f}; "
        f"where the error is largest (2 %): {error[worst].mean():.3f}, uncertainty {doubt[worst].mean():.3f}"
    )


@click.command()
@click.option("--model", default="default", show_default=True)
@click.option("-o", "--output", default="docs/failures.png", show_default=True)
def main(model: str, output: str) -> None:
    """Draws all rows into one picture."""
    generator = Generator(model, "cpu")
    cases = [
        ships(),
        town(),
        town_with_date(),
        shadow(),
        snow("snow and no cloud, 4 bands; the program's own mask", BY_COUNT[4]),
        snow("the same with 10 bands, short-wave infrared among them", BY_COUNT[10]),
        cirrus(),
    ]
    sheets = [np.asarray(Image.open(io.BytesIO(page))) for page in pages([strip(case, generator) for case in cases])]
    Image.fromarray(np.concatenate(sheets) & TONES).save(output, optimize=True)


if __name__ == "__main__":
    main()
