"""Memory belongs to the tile, not to the scene."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

MEMORY = """
import resource, sys
from unclouded.backend import survey
from unclouded.backend.jobs import run
from unclouded.backend.protocol import RemoveClouds
from unclouded.backend.reporting import Reporter
survey.THREADS = 1  # the smaller scene has too few windows to keep several busy
image, mask = sys.argv[1:]
job = RemoveClouds("1", image, image + ".out.tif", mask=mask, method="inpaint")
run(job, Reporter("1", lambda _: None))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

STEADY = {"GDAL_CACHEMAX": "8", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Both scenes fill GDAL's cache, and no thread keeps freed memory of its own: how much of it is a matter of chance."""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_scene(shop: Any) -> None:
    peaks = []
    for side in (2048, 4096):
        patch = shop.numbers(4, 512, 512)
        cloud = shop.disc(512, 512, 200, 300, 60)
        image, mask = shop.path(f"{side}.tif"), shop.path(f"{side}_mask.tif")
        profile = {
            "driver": "GTiff",
            "width": side,
            "height": side,
            "tiled": True,
            "blockxsize": 512,
            "blockysize": 512,
        }
        profile |= {"crs": "EPSG:32632", "transform": Affine(10, 0, 0, 0, -10, 0)}
        with (
            rasterio.open(image, "w", dtype="uint16", count=4, **profile) as dataset,
            rasterio.open(mask, "w", dtype="uint8", count=1, **profile) as masks,
        ):
            for (row, column), window in dataset.block_windows(1):
                dataset.write(patch, window=window)
                if (row + column) % 2:
                    masks.write(cloud.astype(np.uint8)[None], window=window)
        command = [sys.executable, "-I", "-c", MEMORY, image, mask]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=STEADY)
        peaks.append(int(done.stdout.split()[-1]))

    assert peaks[1] < 1.1 * peaks[0]
