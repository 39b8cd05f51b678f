"""Words for what quality.py measures: the one line under the dock's buttons and in the terminal, and its details.

Both processes use it, so it needs the standard library only. `tr` translates; the figures are those of quality.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Mapping, Tuple

Translate = Callable[[str], str]

FITS_STEP, SEEN_STEP = 0.01, 0.02
"""Steps at the rim up to which a reconstruction is as bright as its surroundings, and from which it stands out. Where
real clear images of 241 to 504 px were measured under clouds that did not change them, chance alone made 0.005 on
average and 0.026 at most."""
SEEN_BIAS = 0.005
"""Difference of brightness at the rim from which it has a sign: means of three such cases were 0.002 at most."""
SHARP, BLURRED, ROUGH = 0.7, 0.3, 1.5
"""Ratios of detail from which a reconstruction is as sharp, below which it is much smoother, above which it is rougher.
The same images made 0.83 to 1.09; a Gaussian of one pixel made 0.17 to 0.39 of them, and inpainting 0.01 to 0.03."""
SEEN_SEAM = 1.25
"""Ratio of jumps above which borders of tiles show; across 500 px of real clear ground, chance makes 1.18 in one case
of twenty and 1.27 in one of a hundred."""


@dataclass(frozen=True)
class Figure:
    """One figure for people."""

    name: str
    value: str
    meaning: str
    good: str


def sentence(quality: Mapping[str, float], tr: Translate = str) -> str:
    """Says in one line how a result looks.

    Args:
        quality: Figures of quality.py; those that are missing are not known, and nothing is said of them.
        tr: Translates a text.
    """
    if not quality.get("reconstructed_share"):
        return tr("Nothing was reconstructed.")
    parts = [tr("{share} reconstructed").format(share=_share(quality["reconstructed_share"], tr))]
    if "rim_step" in quality:
        parts.append(_rim(quality["rim_step"], quality.get("rim_bias", 0.0), tr))
    if "sharpness_ratio" in quality:
        parts.append(_sharpness(quality["sharpness_ratio"], tr))
    if quality.get("seam_ratio", 1.0) > SEEN_SEAM:
        parts.append(tr("borders of tiles may show (ratio {:.2f})").format(quality["seam_ratio"]))
    if "mean_uncertainty" in quality:
        parts.append(tr("expected error ±{:.3f}").format(quality["mean_uncertainty"]))
    return ", ".join(parts) + "."


def details(quality: Mapping[str, float], tr: Translate = str) -> List[Figure]:
    """Gives every figure with what it means and which values are good; what is not known says so."""
    return [
        Figure(name, _value(key, quality[key], tr) if key in quality else tr("not known"), meaning, good)
        for key, (name, meaning, good) in explained(tr).items()
    ]


def explained(tr: Translate = str) -> Mapping[str, Tuple[str, str, str]]:
    """Gives name, meaning and good values of each figure by its key."""
    return {
        "reconstructed_share": (
            tr("Reconstructed"),
            tr("Share of the measured pixels that the result does not take from the image."),
            tr("The less, the more was measured."),
        ),
        "rim_step": (
            tr("Step at the rim"),
            tr(
                "Reflectance by which the reconstruction differs from the clear ground beside it, beyond what clear "
                "ground differs over the same distance."
            ),
            tr(
                "Up to {} is as bright; from {} on, clouds may still be told by their outline. Where the ground varies "
                "much, they may be told below that too."
            ).format(FITS_STEP, SEEN_STEP),
        ),
        "rim_bias": (
            tr("Brightness at the rim"),
            tr("Mean reflectance inside the rim minus that outside: above 0 the reconstruction is too bright."),
            tr("Between -{0} and {0}.").format(SEEN_BIAS),
        ),
        "sharpness_ratio": (
            tr("Sharpness"),
            tr("Fine detail of the reconstruction over that of the clear ground near it."),
            tr("{} to {}; below {} it is blurred. Says little where water is clear and land is clouded.").format(
                SHARP, ROUGH, BLURRED
            ),
        ),
        "seam_ratio": (
            tr("Seams"),
            tr("Jumps across the borders of the tiles that the image was worked in, over those inside."),
            tr("About 1; above {} borders may show.").format(SEEN_SEAM),
        ),
        "mean_uncertainty": (
            tr("Expected error"),
            tr("Mean standard error of the reconstructed pixels in reflectance, as the method itself expects it."),
            tr("The smaller the better; a reconstructed pixel is no measurement."),
        ),
    }


def _value(key: str, value: float, tr: Translate) -> str:
    if key == "reconstructed_share":
        return _share(value, tr)
    if key == "rim_step":
        return _small(value, tr)
    return {"rim_bias": "{:+.3f}", "mean_uncertainty": "±{:.3f}"}.get(key, "{:.2f}").format(value)


def _share(share: float, tr: Translate) -> str:
    if share < 0.01:
        return tr("less than 1 %")
    if 0.99 < share < 1:
        return tr("more than 99 %")
    return tr("{} %").format(round(100 * share))


def _small(value: float, tr: Translate) -> str:
    return tr("below 0.001") if value < 0.001 else f"{value:.3f}"


def _rim(step: float, bias: float, tr: Translate) -> str:
    if step <= FITS_STEP:
        return tr("as bright as its surroundings (step at the rim {})").format(_small(step, tr))
    if step <= SEEN_STEP:
        return tr("nearly as bright as its surroundings (step at the rim {})").format(_small(step, tr))
    if bias > SEEN_BIAS:
        return tr("brighter than its surroundings (step at the rim {})").format(_small(step, tr))
    if bias < -SEEN_BIAS:
        return tr("darker than its surroundings (step at the rim {})").format(_small(step, tr))
    return tr("stands out from its surroundings (step at the rim {})").format(_small(step, tr))


def _sharpness(ratio: float, tr: Translate) -> str:
    if ratio > ROUGH:
        return tr("rougher than the clear ground near by")
    if ratio >= SHARP:
        return tr("as sharp as the clear ground near by")
    if ratio >= BLURRED:
        return tr("smoother than the clear ground near by")
    return tr("much smoother than the clear ground near by")
