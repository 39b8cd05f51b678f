"""A report with everything that reports may hold, and a look at pictures."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image

from unclouded.backend.evaluation.reports import panels, pictures
from unclouded.backend.evaluation.reports.panels import Panel, true_colours
from unclouded.backend.evaluation.reports.report import Cell, Column, Picture, Report, Row, Section, Table
from unclouded.backend.sensors import NAMES
from unclouded.backend.statistics import Figure

HOSTILE = '<script>alert("1")</script> & $\\frac$'
COLUMNS = [
    Column("mae", "MAE", "reflectance", 4, "low"),
    Column("psnr", "PSNR", "dB", 2, "high"),
    Column("cases", "Cases"),
    Column("remark", "Remark"),
]
ROWS: list[tuple[str, dict[str, Cell]]] = [
    ("identity", {"mae": Figure(0.14, 0.13, 0.15, 22), "psnr": Figure(17.7, 17.0, 18.4, 22), "cases": 22}),
    ("least-cloudy", {"mae": Figure(math.nan, count=0), "psnr": math.nan, "cases": 0, "remark": "needs dates"}),
    (HOSTILE, {"mae": Figure(0.02, 0.01, 0.03, 21), "psnr": math.inf, "cases": 21, "remark": "a, <b>"}),
    ("constant", {"mae": 0.04, "psnr": -math.inf}),
]


def table(key: str = "target", title: str = "Target") -> Table:
    return Table(key, title, COLUMNS, [Row(name, cells) for name, cells in ROWS], "Method", "95 % intervals & more.")


def report() -> Report:
    facts = {"Data": "made <here>", "Seed": "0"}
    sections = [
        Section("Three numbers", "First paragraph.\n\nSecond & last.", [table(), table("rest", "Reconstruction")]),
        Section(
            "Pictures", pictures=[Picture("Spectra", spectra(), 'lines, "rising"'), Picture("Places", places(), "")]
        ),
    ]
    return Report(f"Example {HOSTILE}", "unclouded evaluate --model 'a b' --report out.html", facts, sections)


def spectra() -> bytes:
    return pictures.spectra(NAMES, {name: np.linspace(0, 0.3, 13).tolist() for name, _ in ROWS})


def places(rows: int = 2, height: int = 12, width: int = 16) -> bytes:
    random = np.random.default_rng(0)
    clear = random.random((13, height, width), np.float32)
    error = random.random((height, width), np.float32)
    error[0] = np.nan
    row = [
        Panel("result", image=true_colours(clear * 0.9, NAMES, clear)),
        Panel("error", heat=error),
        Panel("mask", mask=np.resize(np.array([0, 1, 2, 255], np.uint8), (height, width))),
    ]
    return panels.panels([row] * rows, ["a place", HOSTILE][:rows])


def pixels(data: bytes) -> np.ndarray:
    """(H, W, 3) of 0..255."""
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def colours(shown: np.ndarray) -> int:
    """Counts the colours of (H, W, 3)."""
    return len(np.unique(shown.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)))


def assert_drawn(data: bytes) -> None:
    assert colours(pixels(data)) > 20
