"""A folder of scenes, and the command that does them."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from unclouded.backend.__main__ import main

from .archive import PLAIN, SIDE, Batch, add_scene


@pytest.fixture
def batch(shop: Any, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """Runs the command in this process, in the shop's folder."""
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: str) -> Result:
        method = () if "--method" in arguments else PLAIN
        return CliRunner().invoke(main, ["batch", *arguments, *method], catch_exceptions=False)

    return run


@pytest.fixture
def archive(shop: Any) -> Any:
    """A folder with four scenes, two broken ones, and what is none."""
    for number, day in enumerate(("2020-06-01", "2020-06-11", "2020-07-01")):
        add_scene(shop, f"in/T32TLR_{day}.tif", number)
    add_scene(shop, "in/else/T32TMR_2020-06-01.tif", 9, west=900_000.0)
    data = (shop.folder / "in" / "T32TLR_2020-06-01.tif").read_bytes()
    (shop.folder / "in" / "cut.tif").write_bytes(data[: len(data) // 2])
    (shop.folder / "in" / "S2A_T31TCJ_20200101.SAFE").mkdir()
    shop.mask("in/mask.tif", shop.disc(SIDE, SIDE, 30, 30, 9))
    shop.raster("in/s1.tif", shop.land(2, SIDE, SIDE).astype("float32"), descriptions=("VV", "VH"))
    return shop
