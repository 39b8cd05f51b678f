"""From a trained network to a generator with its card."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..card import Card
from ..datasets.collection import Collection
from ..models import weights
from ..models.zoo import build
from ..sensors import NAMES
from .recipe import Recipe

LICENCE = "GPL-2.0-or-later; trained on modified Copernicus Sentinel data and on SEN12MS-CR (CC BY 4.0)"
NOTES = {
    "clear_l1c": "cities of the Onera change detection data (Sentinel-2 L1C)",
    "clear_l2a": "landscapes published with SatCLIP (Sentinel-2 L2A)",
    "l2a_chips": "200 chips (Sentinel-2 L2A)",
    "sar_optical": "places with Sentinel-1, published with TerraMind",
    "series_worldcereal": "fields in Belgium, WorldCereal (Sentinel-2 L2A)",
    "series_minicubes": "GreenEarthNet minicubes (Sentinel-2 L2A, 4 bands)",
    "sen12ms-cr": "SEN12MS-CR, training scenes",
    "triples": "SEN12MS-CR with Sentinel-1, scenes of its official TEST split: no test score on these scenes",
}


def export(recipe: Recipe, state: Mapping[str, Tensor], training: Collection, path: str) -> Card:
    """Writes a generator and gives its card."""
    network = build(recipe.architecture, recipe.parameters)
    card = Card(
        name=recipe.name,
        version=recipe.version,
        title=recipe.title,
        architecture=recipe.architecture,
        parameters=recipe.parameters,
        bands=list(NAMES),
        required_bands=["B2", "B3", "B4"],
        levels=["L1C", "L2A"],
        sar="optional",
        dates="optional",
        overlap_px=-(-network.radius_px // network.stride_px) * network.stride_px,
        align_px=network.stride_px,
        tile_px=recipe.tile_px,
        prior=training.prior,
        licence=LICENCE,
        citation=recipe.citation,
        training_data=training_data(training),
    )
    return weights.save(path, card, state)


def training_data(training: Collection) -> list[str]:
    """Names every place, by the folder it comes from."""
    folders: dict[str, list[str]] = {}
    for place in training.places:
        folder, _, name = place.name.partition("/")
        folders.setdefault(folder, []).append(name)
    lines = []
    for folder, names in sorted(folders.items()):
        listed = "" if folder == "l2a_chips" else ": " + ", ".join(sorted(filter(None, names)))
        lines.append(f"{folder} ({NOTES[folder]}){listed}".removesuffix(": "))
    return lines
