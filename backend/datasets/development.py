"""The pairs of the development data: sen12ms-cr (no SAR) and triples (with SAR)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..sensors import NAMES
from .pairs import pair_days
from .place import Place, clear_day, read_image

ORIGINS = {
    "clear_l1c": "cities of the Onera change detection data, L1C",
    "clear_l2a": "landscapes published with SatCLIP, L2A",
    "l2a_chips": "200 chips, L2A",
    "sar_optical": "places with Sentinel-1, published with TerraMind",
    "sen12ms-cr": "SEN12MS-CR, training scenes",
    "series_boadella": "a reservoir in Catalonia, L2A",
    "series_minicubes": "GreenEarthNet minicubes, L2A, 4 bands",
    "series_worldcereal": "fields in Belgium, WorldCereal, L2A",
    "triples": "SEN12MS-CR with Sentinel-1, scenes of its official TEST split: no test score on these scenes",
}
"""Where the groups of the development data come from."""
ONE_PLACE = (range(4065, 4439), range(5254, 5350))
"""Numbers of triples that show one place."""


def pairs(root: Path) -> Iterator[Place]:
    """Reads both; names are those of split.csv and, for sen12ms-cr, a patch behind it."""
    for path in sorted((root / "sen12ms-cr").glob("*_s2/*/*.tif")):
        season, scene, patch = re.findall(r"ROIs(\w+?)_s2_(\d+)_(p\d+)", path.name)[0]
        name = f"sen12ms-cr/{season}_{scene}"
        folder = root / "sen12ms-cr" / f"ROIs{season}_s2_cloudy" / f"s2_cloudy_{scene}"
        cloudy = read_image(folder / f"ROIs{season}_s2_cloudy_{scene}_{patch}.tif")[1]
        days = pair_days(cloudy, clear_day(read_image(path)[1]), NAMES)
        yield Place(f"{name}/{patch}", NAMES, "L1C", days, weight=0.14 / 16, group=name)
    for folder in sorted((root / "triples").iterdir()):
        cloudy, clear = (read_image(folder / f"{name}.tif")[1] for name in ("cloudy", "clear"))
        sar = read_image(folder / "s1.tif", scale=1.0)[1]
        days = pair_days(cloudy, clear_day(clear), NAMES)
        yield Place(f"triples/{folder.name}", NAMES, "L1C", days, sar=sar, weight=0.22 / 7, group=_group(folder.name))


def _group(triple: str) -> str:
    """Names the place of a triple: by its first one."""
    number = int(triple)
    first = next((numbers.start for numbers in ONE_PLACE if number in numbers), number)
    return f"triples/{first}"
