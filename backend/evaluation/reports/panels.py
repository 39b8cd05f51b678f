"""Images, maps and masks beside each other: cloudy, result, clear, error, mask and uncertainty of a few places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ... import clouds
from ...drawing import QUIET, label, png
from ...sensors import Bool, Float

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Mask = NDArray[np.uint8] | NDArray[np.bool_]

PANEL_IN, GAP_IN, CAPTION_IN, BAR_IN, NAME_IN = 2.1, 0.08, 0.25, 0.5, 0.2
STRETCH = (1.0, 99.0)
"""Percentiles of the clear image that become black and white."""
GAMMA = 0.8
WORST = 99.0
"""Percentile at which the scale of a map ends."""
UNKNOWN = "#b8bec6"
CLASSES = {
    clouds.CLEAR: ("#eef1f4", "clear"),
    clouds.CLOUD: ("#e69f00", "cloud"),
    clouds.SHADOW: ("#0072b2", "shadow"),
    clouds.NODATA: (UNKNOWN, "not measured"),
}


@dataclass(frozen=True)
class Panel:
    """What is shown: exactly one of image, heat and mask."""

    caption: str
    image: Float | None = None
    """(H, W, 3) of true_colours."""
    heat: Float | None = None
    """(H, W) from 0 upwards, such as an error; NaN where unknown."""
    mask: Mask | None = None
    """(H, W) classes of clouds.py, or whether there is cloud."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = next(kind.shape[:2] for kind in (self.image, self.heat, self.mask) if kind is not None)
        return height, width


def true_colours(image: Float, bands: Sequence[str], clear: Float, known: Bool | None = None) -> Float:
    """Gives red, green and blue for the eye, stretched by the percentiles of the clear image.

    Without the three of them, the first band in grey.

    Args:
        image: (C, H, W) reflectance.
        bands: Names of the C bands.
        clear: (C, H, W) reflectance of the clear image, so that all images of a place are stretched alike.
        known: (H, W) what of the clear image counts; None for all.

    Returns:
        (H, W, 3) of 0..1.
    """
    names = ("B4", "B3", "B2")
    chosen = [bands.index(name) for name in names] if set(names) <= set(bands) else [0, 0, 0]
    ground = clear[chosen][:, np.isfinite(clear[chosen]).all(axis=0) if known is None else known]
    low, high = np.percentile(ground, STRETCH) if ground.size else (0.0, 1.0)
    shown = (np.nan_to_num(image[chosen]) - low) / max(high - low, 0.02)
    colours: Float = (np.clip(shown, 0, 1) ** GAMMA).transpose(1, 2, 0).astype(np.float32)
    return colours


def panels(rows: Sequence[Sequence[Panel]], names: Sequence[str] = (), unit: str = "reflectance") -> bytes:
    """Draws a grid of panels of one size; each column keeps to one kind, and its maps share one scale.

    Args:
        rows: The panels of each place.
        names: Of the places, written at the left.
        unit: Of the maps.

    Returns:
        A PNG.
    """
    first = rows[0][0].shape
    place = _Layout(len(rows), max(map(len, rows)), PANEL_IN * first[0] / first[1], NAME_IN if names else 0.0)

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("none")
        for column in range(place.columns):
            shown = [(number, row[column]) for number, row in enumerate(rows) if column < len(row)]
            axes = [figure.add_axes(place.panel(number, column)) for number, _ in shown]
            _draw_column(figure, axes, [panel for _, panel in shown], place.bar(column), unit)
            if column == 0:
                for single, name in zip(axes, names, strict=False):
                    single.set_ylabel(label(name), fontsize=8)

    return png(place.width_in, place.height_in, draw)


@dataclass(frozen=True)
class _Layout:
    """Where panels lie: x, y, width and height as shares of the picture, from its lower left."""

    rows: int
    columns: int
    panel_in: float
    """Height of a panel."""
    left_in: float

    @property
    def width_in(self) -> float:
        return self.left_in + self.columns * (PANEL_IN + GAP_IN)

    @property
    def height_in(self) -> float:
        return CAPTION_IN + self.rows * (self.panel_in + GAP_IN) + BAR_IN

    def panel(self, row: int, column: int) -> tuple[float, float, float, float]:
        bottom = BAR_IN + GAP_IN + (self.rows - 1 - row) * (self.panel_in + GAP_IN)
        return self._shares(column, bottom, PANEL_IN, self.panel_in)

    def bar(self, column: int) -> tuple[float, float, float, float]:
        """Of the scale below a column."""
        return self._shares(column, BAR_IN - 0.1, PANEL_IN, 0.08)

    def _shares(self, column: int, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
        left = self.left_in + GAP_IN / 2 + column * (PANEL_IN + GAP_IN)
        return left / self.width_in, bottom / self.height_in, width / self.width_in, height / self.height_in


def _draw_column(
    figure: Figure, column: list[Axes], shown: list[Panel], bar: tuple[float, float, float, float], unit: str
) -> None:
    for axes in column:
        axes.grid(visible=False)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    column[0].set_title(shown[0].caption, fontsize=9, loc="center", pad=4)
    end = _end_of_scale(shown)
    drawn = [_draw_panel(axes, panel, end) for axes, panel in zip(column, shown, strict=True)]
    if shown[0].heat is not None:
        scale = figure.colorbar(drawn[0], cax=figure.add_axes(bar), orientation="horizontal")
        scale.set_label(unit, fontsize=7, labelpad=1)
        scale.ax.tick_params(labelsize=7, length=2)
        scale.ax.locator_params(nbins=4)
        scale.outline.set_visible(False)
    if shown[0].mask is not None:
        _explain(column[-1], shown)


def _draw_panel(axes: Axes, panel: Panel, end: float) -> AxesImage:
    if panel.heat is not None:
        return axes.imshow(panel.heat, cmap=_heat_colours(), vmin=0, vmax=end, interpolation="nearest")
    shown = panel.image if panel.mask is None else _mask_colours(panel.mask)
    return axes.imshow(np.zeros((1, 1, 3)) if shown is None else shown, interpolation="nearest")


def _heat_colours() -> Colormap:
    import matplotlib

    return matplotlib.colormaps["magma"].with_extremes(bad=UNKNOWN)


def _mask_colours(mask: Mask) -> Float:
    """(H, W, 3) of 0..1."""
    from matplotlib.colors import to_rgb

    colours = np.ones((*mask.shape, 3), np.float32)
    for value, (colour, _) in CLASSES.items():
        colours[mask == value] = to_rgb(colour)
    return colours


def _end_of_scale(shown: Sequence[Panel]) -> float:
    """The value at which the scale of a column's maps ends."""
    maps = [panel.heat for panel in shown if panel.heat is not None]
    known = np.concatenate([values[np.isfinite(values)] for values in maps]) if maps else np.zeros(0, np.float32)
    return max(float(np.percentile(known, WORST)), 1e-4) if known.size else 1.0


def _explain(axes: Axes, shown: Sequence[Panel]) -> None:
    """Says below a column of masks what their colours mean."""
    from matplotlib.patches import Patch

    held = {int(value) for panel in shown if panel.mask is not None for value in np.unique(panel.mask)}
    patches = [
        Patch(facecolor=colour, edgecolor=QUIET, linewidth=0.4, label=name)
        for value, (colour, name) in CLASSES.items()
        if value in held
    ]
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2, fontsize=7, handlelength=1)
