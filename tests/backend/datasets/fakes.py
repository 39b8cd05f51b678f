"""Tiny copies of the public data sets, laid out as the real ones are: one place for each split or so, a few KB."""

from __future__ import annotations

import csv
import itertools
import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

from unclouded.backend.datasets import bigearthnet
from unclouded.backend.datasets.splits import by_hash

SIDE = 32
CLOUD = np.s_[:, :, :10]
"""Where the cloudy images of the fakes are under cloud."""
UTM = {"crs": "EPSG:32632", "transform": Affine(10, 0, 600_000, 0, -10, 5_100_000)}
DRIVERS = {".tif": "GTiff", ".png": "PNG", ".jpg": "JPEG"}


def write(path: Path, array: np.ndarray, **profile: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"count": len(array), "height": array.shape[1], "width": array.shape[2], "dtype": array.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver=DRIVERS[path.suffix], **shape, **profile) as dataset:
            dataset.write(array)
    return path


def ground(count: int = 13, size: int = SIDE, seed: int = 0) -> np.ndarray:
    """Fields; each band is brighter than the one before."""
    fields = np.random.default_rng(seed).integers(0, 200, (1, size // 4, size // 4)).repeat(4, 1).repeat(4, 2)
    return (500 + 100 * np.arange(count)[:, None, None] + fields).astype(np.uint16)


def clouded(clear: np.ndarray) -> np.ndarray:
    cloudy = clear.copy()
    cloudy[CLOUD] = 8000
    return cloudy


def radar(size: int = SIDE) -> np.ndarray:
    return np.stack([np.full((size, size), -11.0), np.full((size, size), -18.0)]).astype(np.float32)


def screen(clear: np.ndarray) -> np.ndarray:
    """8 bits."""
    return (clear[:3] // 40).astype(np.uint8)


def named(split: str, template: str) -> str:
    """The first name of a kind that falls into a split."""
    return next(name for name in map(template.format, itertools.count()) if by_hash(name) == split)


def sen12mscr(root: Path, *regions: tuple[str, int], patches: int = 1) -> Path:
    for (season, scene), patch in itertools.product(regions or (("1158_spring", 1),), range(patches)):
        image = ground(seed=scene + patch)
        for kind, array in (("s1", radar()), ("s2", image), ("s2_cloudy", clouded(image))):
            folder = root / f"ROIs{season}_{kind}" / f"{kind}_{scene}"
            write(folder / f"ROIs{season}_{kind}_{scene}_p{patch}.tif", array)
    return root


def flat_sen12mscr(root: Path, names: tuple[str, ...] = ("ROIs1158_spring_1_0.tif",)) -> Path:
    for name in names:
        image = ground()
        for kind, array in (("s1", radar()), ("s2_cloudFree", image), ("s2_cloudy", clouded(image))):
            write(root / kind / name, array)
    return root


def sen12mscrts(root: Path, days: int = 30, regions: tuple[tuple[str, int], ...] = (("2017", 8),)) -> Path:
    """The first day of each ten is clear, the others are clouded."""
    for (seed, scene), day in itertools.product(regions, range(days)):
        image = ground(seed=scene)
        date = f"2018-{1 + day // 28:02d}-{1 + day % 28:02d}"
        shown = image if day % 10 == 0 else clouded(image)
        for sensor, array in (("S1", radar() - day), ("S2", shown)):
            name = f"{sensor.lower()}_ROIs{seed}_{scene}_ImgNo_{day}_{date}_patch_0.tif"
            write(root / f"ROIs{seed}" / str(scene) / sensor / str(day) / name, array)
    return root


def sen12ms(root: Path) -> Path:
    cover = np.full((4, SIDE, SIDE), 17, np.uint16)
    cover[:, :8] = 12
    for kind, array in (("s1", radar()), ("s2", ground()), ("lc", cover)):
        write(root / f"ROIs1868_summer_{kind}" / f"{kind}_3" / f"ROIs1868_summer_{kind}_3_p9.tif", array)
    return root


def sen12(root: Path) -> Path:
    write(root / "ROIs1970_fall" / "s2_5" / "ROIs1970_fall_s2_5_p1.png", screen(ground()))
    write(root / "ROIs1970_fall" / "s1_5" / "ROIs1970_fall_s1_5_p1.png", np.full((1, SIDE, SIDE), 51, np.uint8))
    return root


def _ben_patch(folder: Path) -> None:
    for number, name in enumerate(bigearthnet.BANDS):
        size = 20 if name in ("B1", "B9") else 120 if name in ("B2", "B3", "B4", "B8") else 60
        band = np.arange(size * size, dtype=np.uint16).reshape(1, size, size) % 50 + 100 * (number + 1)
        write(folder / f"{folder.name}_B{name[1:].zfill(2)}.tif", band, compress="deflate")


def _ben_radar(folder: Path) -> None:
    for way, array in zip(("VV", "VH"), radar(120), strict=True):
        write(folder / f"{folder.name}_{way}.tif", array[None], compress="deflate")


CLEAR_PATCH, CLOUDY_PATCH, SNOWY_PATCH = (
    named("train", "S2A_MSIL2A_2017061{}T101031") + f"_{row}_57" for row in (26, 27, 28)
)


def bigearthnet_v1(root: Path) -> Path:
    """Has a clear patch, a cloudy one and a snowy one."""
    for patch in (CLEAR_PATCH, CLOUDY_PATCH, SNOWY_PATCH):
        folder = root / "BigEarthNet-v1.0" / patch
        _ben_patch(folder)
        (folder / f"{patch}_labels_metadata.json").write_text(json.dumps({"labels": ["Pastures", "Mixed forest"]}))
        position = patch.split("_", 3)[3]
        for day, belongs in (("20170613", patch), ("20180613", "another")):
            name = f"S1A_IW_GRDH_1SDV_{day}T165043_33UUP_{position}"
            _ben_radar(root / "BigEarthNet-S1-v1.0" / name)
            facts = root / "BigEarthNet-S1-v1.0" / name / f"{name}_labels_metadata.json"
            facts.write_text(json.dumps({"corresponding_s2_patch": belongs}))
    (root / bigearthnet.CLOUDY).write_text(f"{CLOUDY_PATCH}\n")
    (root / bigearthnet.SNOWY).write_text(f"{SNOWY_PATCH}\n")
    return root


TILE = named("train", "S2A_MSIL2A_2017061{}T101031_N9999_R022_T33UUP")


def bigearthnet_v2(root: Path) -> Path:
    """Has a clear patch of each split, a cloudy one and a snowy one."""
    import pyarrow
    import pyarrow.parquet

    rows = []
    for row, split in enumerate(("train", "validation", "test", "cloudy", "snowy")):
        name, radar_name = f"{TILE}_{row}_1", f"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_{row}_1"
        if split in ("train", "cloudy"):
            _ben_patch(root / "BigEarthNet-S2" / TILE / name)
            _ben_radar(root / "BigEarthNet-S1" / "S1A_IW_GRDH_1SDV_20170613T165043" / radar_name)
        rows.append({"patch_id": name, "s1_name": radar_name, "labels": ["Pastures"], "split": split})
    clear = pyarrow.Table.from_pylist(rows[:3])
    unclear = pyarrow.Table.from_pylist(
        [{**row, "contains_cloud_or_shadow": row["split"] == "cloudy"} for row in rows[3:]]
    ).drop_columns("split")
    pyarrow.parquet.write_table(clear, root / "metadata.parquet")
    pyarrow.parquet.write_table(unclear, root / "metadata_for_patches_with_snow_cloud_or_shadow.parquet")
    return root


CHIP = named("train", "River_{}")


def eurosat(root: Path) -> Path:
    write(root / "River" / f"{CHIP}.tif", ground())
    return root


def eurosat_rgb(root: Path) -> Path:
    """A zip, as it is published."""
    image = write(root / f"{CHIP}.jpg", np.full((3, 64, 64), 51, np.uint8))
    with zipfile.ZipFile(root / "EuroSAT.zip", "w") as archive:
        archive.write(image, f"2750/River/{CHIP}.jpg")
    image.unlink()
    return root


def eurosat_mosaic(root: Path, chips: int = 40, size: int = 16) -> Path:
    """Chips of four classes, each class of one brightness; small, and some in each split."""
    for step, label in enumerate(("AnnualCrop", "Forest", "Highway", "SeaLake")):
        for number in range(chips):
            write(root / label / f"{label}_{number}.jpg", np.full((3, size, size), 40 * (step + 1), np.uint8))
    return root


def rice(root: Path, pairs: int = 48) -> Path:
    """The last pair of RICE1 repeats the first; RICE2 has a mask."""
    for number in range(pairs):
        image = screen(ground(seed=number % (pairs - 1)))
        write(root / "RICE1" / "label" / f"{number}.png", image)
        write(root / "RICE1" / "cloud" / f"{number}.png", screen(clouded(ground(seed=number % (pairs - 1)))))
    mask = np.zeros((1, SIDE, SIDE), np.uint8)
    mask[:, :16] = 255
    for kind, array in (("label", image), ("cloud", image), ("mask", mask)):
        write(root / "RICE2" / kind / "0.png", array)
    return root


REGION = named("train", "roi{}")


def allclear(root: Path) -> Path:
    """Three days of 40 px: clear, half under cloud, and one that measured nothing; radar near the first."""
    month, size = root / REGION / "2022_1", 40
    masks = np.zeros((5, size, size), np.float32)
    masks[1, :20], masks[4, :, 38:] = 1, np.nan
    for day, image, mask in ((1, ground(), masks * 0), (6, ground(), masks), (11, ground() * 0, masks * 0)):
        image = np.resize(image, (13, size, size)).astype(np.float32)
        write(month / "s2_toa" / f"{REGION}_s2_toa_2022_1_{day}_median.tif", image)
        write(month / "cld_shdw" / f"{REGION}_cld_shdw_2022_1_{day}_median.tif", np.nan_to_num(mask, nan=np.nan))
    for day in (2, 20):
        write(month / "s1" / f"{REGION}_s1_2022_1_{day}_median.tif", radar(size) - day)
    return root


MTC_TILE = named("train", "T12TUR_R0{}")


def sen2mtc(root: Path, tile: str = MTC_TILE) -> Path:
    image = ground(4)
    write(root / tile / "cloudless" / "a.tif", image)
    for number in range(3):
        write(root / tile / "cloud" / f"a_{number}.tif", clouded(image))
    return root


def own_folder(root: Path, count: int = 3) -> Path:
    for number in range(count):
        image = ground(4, seed=number)
        for kind, array in (("clear", image), ("optical", clouded(image)), ("sar", radar())):
            write(root / kind / f"{number}.tif", array, **UTM)
    return root


def scenes(root: Path, width: int = 1400, height: int = 600) -> Path:
    image = np.tile(ground(4), (1, height // SIDE + 1, width // SIDE + 1))[:, :height, :width]
    sar = np.resize(radar()[0], (1, height, width)) * np.float32([[[1]], [[1.5]]])
    mask = np.zeros((1, height, width), np.uint8)
    for name, array in (("a", image), ("a_sar", sar), ("a_mask", mask)):
        write(root / f"{name}.tif", array, compress="deflate", **UTM)
    return root


def table(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


FAKES: dict[str, Callable[[Path], Path]] = {
    "sen12ms-cr": sen12mscr,
    "sen12ms-cr-ts": sen12mscrts,
    "sen12ms": sen12ms,
    "sen1-2": sen12,
    "bigearthnet-v1": bigearthnet_v1,
    "bigearthnet-v1-cloudy": bigearthnet_v1,
    "bigearthnet-v2": bigearthnet_v2,
    "bigearthnet-v2-cloudy": bigearthnet_v2,
    "eurosat": eurosat,
    "eurosat-rgb": eurosat_rgb,
    "eurosat-mosaic": eurosat_mosaic,
    "rice": rice,
    "allclear": allclear,
    "sen2-mtc": sen2mtc,
    "folder": own_folder,
    "scenes": scenes,
}
