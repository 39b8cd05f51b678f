"""Tiny scenes made by script, and ways to run a job on them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import settings
from rasterio.errors import NotGeoreferencedWarning

from unclouded.backend import jobs, protocol
from unclouded.backend.errors import UncloudedError
from unclouded.backend.reporting import Reporter

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

UTM = "EPSG:32632"
WEST, NORTH = 600_000.0, 5_100_000.0


@dataclass
class Heard:
    """What a job said, and how it ended."""

    events: list[Any] = field(default_factory=list)

    @property
    def last(self) -> Any:
        return self.events[-1]

    def logs(self, level: str) -> str:
        """What was said at a level, one sentence a line."""
        said = [event for event in self.events if isinstance(event, protocol.Log)]
        return "\n".join(event.text for event in said if event.level == level)


@dataclass(frozen=True)
class Workshop:
    """A folder with tiny rasters, and what tests do to them.

    Args:
        folder: Where everything lies.
    """

    folder: Path

    def fresh(self) -> Workshop:
        """An empty folder beside the others."""
        return Workshop(Path(tempfile.mkdtemp(dir=self.folder)))

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def raster(
        self,
        name: str,
        values: np.ndarray,
        *,
        crs: Any = UTM,
        west: float = WEST,
        north: float = NORTH,
        step: float = 10.0,
        transform: Affine | None = None,
        descriptions: Sequence[str | None] = (),
        scales: Sequence[float] = (),
        offsets: Sequence[float] = (),
        tags: dict[str, str] | None = None,
        **options: Any,
    ) -> str:
        """Writes (C, H, W) values, north up, and gives the path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        grid = {"transform": transform or Affine(step, 0, west, 0, -step, north), "crs": crs} if crs else {}
        profile = {
            "driver": "GTiff",
            "dtype": values.dtype,
            "count": len(values),
            "height": values.shape[1],
            "width": values.shape[2],
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", **(profile | grid | options)) as dataset:
                dataset.write(values)
                if any(descriptions):
                    dataset.descriptions = tuple(descriptions)
                if scales:
                    dataset.scales = tuple(scales)
                if offsets:
                    dataset.offsets = tuple(offsets)
                dataset.update_tags(**(tags or {}))
        return str(path)

    def mask(self, name: str, cloud: np.ndarray, **options: Any) -> str:
        """Writes (H, W) cloud as 1."""
        return self.raster(name, cloud.astype(np.uint8)[None], **options)

    def read(self, path: str) -> np.ndarray:
        """(C, H, W) as stored; relative names lie in the folder."""
        with rasterio.open(self.folder / path) as dataset:
            return dataset.read()

    def contents(self) -> dict[str, str]:
        """The hash of each file in the folder; folders too."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            for path in sorted(self.folder.rglob("*"))
        }

    @staticmethod
    def land(bands: int, height: int, width: int, seed: int = 0) -> np.ndarray:
        """(C, H, W) reflectance of fields: smooth, every band of its own, with some grain.

        The first two bands are dark, as blue and green are, so that no detector sees a cloud in them.
        """
        random = np.random.default_rng(seed)
        rows, columns = np.mgrid[:height, :width].astype(np.float64)
        values = np.empty((bands, height, width))
        for band in range(bands):
            period, phase = random.uniform(15, 60, 2), random.uniform(0, 6, 2)
            wave = np.sin(rows / period[0] + phase[0]) * np.cos(columns / period[1] + phase[1])
            mean, swing = (0.06, 0.02) if band < 2 or bands < 4 else (0.17, 0.12)
            values[band] = mean + swing * wave + random.normal(0, 0.004, (height, width))
        return values.clip(0.03, 0.35)

    @classmethod
    def numbers(cls, bands: int, height: int, width: int, seed: int = 0) -> np.ndarray:
        """The same as digital numbers, uint16."""
        return np.rint(cls.land(bands, height, width, seed) * 10000).astype(np.uint16)

    @staticmethod
    def disc(height: int, width: int, row: float, column: float, radius: float) -> np.ndarray:
        """(H, W) a round cloud."""
        rows, columns = np.mgrid[:height, :width]
        return np.hypot(rows - row, columns - column) <= radius

    @staticmethod
    def run(job: protocol.Job) -> Heard:
        """Runs a job in this process, as the command line does."""
        heard = Heard()
        try:
            heard.events.append(jobs.run(job, Reporter(job.id, heard.events.append)))
        except UncloudedError as error:
            heard.events.append(protocol.failure(job.id, error))
        return heard

    def remove(self, optical: str, output: str = "clear.tif", **options: Any) -> Heard:
        """Removes clouds without a network unless asked otherwise."""
        return self.run(protocol.RemoveClouds("1", optical, self.path(output), **({"method": "inpaint"} | options)))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the command line as a process in the folder."""
        return subprocess.run(
            [sys.executable, "-I", "-m", "unclouded.backend", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
            env=os.environ | {"COLUMNS": "1000"},
            check=False,
        )


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """This test's folder."""
    return Workshop(tmp_path)


@pytest.fixture(scope="module")
def module_shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """A folder for a whole file of tests: Hypothesis and expensive inputs."""
    return Workshop(tmp_path_factory.mktemp("workshop"))
