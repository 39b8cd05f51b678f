"""From what the user chose to the job that the backend runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional

from qgis.core import QgsProcessingUtils, QgsProject, QgsRasterLayer

from ..backend.errors import OutputError, UsageError
from ..backend.protocol import RemoveClouds
from .layers import date_spec, local_file, source_path
from .wording import tr


@dataclass(frozen=True)
class Choices:
    """A snapshot of the dock's widgets."""

    optical: QgsRasterLayer
    sar: Optional[QgsRasterLayer] = None
    dates: List[QgsRasterLayer] = field(default_factory=list)
    mask: Optional[QgsRasterLayer] = None
    whole_image: bool = False
    """Every pixel is reconstructed, haze too."""
    bbox: Optional[List[float]] = None
    method: str = "generator"
    model: str = "default"
    cloud_threshold: Optional[float] = None
    grow_px: Optional[int] = None
    output: str = ""
    """Empty for a temporary file."""
    bands: str = ""
    level: str = ""
    offset: str = ""
    device: str = "auto"
    mask_layer: bool = True
    uncertainty_layer: bool = True


def build_job(choices: Choices, job_id: str) -> RemoveClouds:
    """Makes the job.

    Raises:
        UncloudedError: A layer, a value or the output's name cannot serve; the error says why.
    """
    output = output_path(choices.output, choices.optical.name())
    return RemoveClouds(
        id=job_id,
        optical=source_path(choices.optical),
        output=str(output),
        sar=source_path(choices.sar) if choices.sar else None,
        dates=[date_spec(layer) for layer in choices.dates],
        mask="all" if choices.whole_image else source_path(choices.mask) if choices.mask else "auto",
        cloud_threshold=choices.cloud_threshold,
        grow_px=choices.grow_px,
        method=choices.method,
        model=choices.model,
        bbox=choices.bbox,
        bands=parse_bands(choices.bands),
        level=choices.level or None,
        offset=parse_offset(choices.offset),
        device=choices.device,
        mask_output=_beside(output, "mask") if choices.mask_layer else None,
        uncertainty_output=_beside(output, "uncertainty") if choices.uncertainty_layer else None,
        overwrite=True,
    )


def output_path(text: str, layer_name: str) -> Path:
    """Gives the output's path; a temporary one, named after the layer, if the text is empty.

    Raises:
        OutputError: The folder does not exist, or the file is open in QGIS.
    """
    if not text.strip():
        plain = re.sub(r"[^\w.-]+", "_", layer_name)[:80] or "image"
        return Path(QgsProcessingUtils.generateTempFilename(f"{plain}_clear.tif"))
    path = Path(text.strip())
    if path.suffix.lower() not in (".tif", ".tiff"):
        path = path.with_name(f"{path.name}.tif")
    if not path.is_absolute() or not path.parent.is_dir():
        raise OutputError(
            tr("The folder of the output {} does not exist.").format(path), tr("Make it, or choose another.")
        )
    for output in existing_outputs(path):
        _check_not_open(output)
    return path


def existing_outputs(path: Path) -> List[Path]:
    """Gives those of a job's files that exist already."""
    names = (path, Path(_beside(path, "mask")), Path(_beside(path, "uncertainty")))
    return [name for name in names if name.exists()]


def parse_bands(text: str) -> Optional[List[str]]:
    """Gives the names in `B2, B3 B4`; None if there are none."""
    return [name for name in re.split(r"[\s,;]+", text) if name] or None


def parse_offset(text: str) -> Optional[float]:
    """Gives the number that a text begins with; None if it is empty.

    Raises:
        UsageError: It is no number.
    """
    if not text.strip():
        return None
    try:
        return float(text.split()[0].replace(",", "."))
    except ValueError as error:
        raise UsageError(
            tr("The offset is a number that is added to the digital numbers, “{}” came.").format(text),
            tr("Write -1000, 0, or leave it to the file."),
        ) from error


def _beside(output: Path, what: str) -> str:
    return str(output.with_name(f"{output.stem}_{what}{output.suffix}"))


def _check_not_open(output: Path) -> None:
    for layer in QgsProject.instance().mapLayers().values():
        if layer.providerType() == "gdal" and local_file(layer.source().split("|", 1)[0]) == output:
            raise OutputError(
                tr("The output {} is open in QGIS as layer “{}”.").format(output, layer.name()),
                tr("Choose another name, or remove that layer first."),
            )
