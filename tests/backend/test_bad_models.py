"""A generator that cannot be loaded, does not fit, or has no device is refused by name, and nothing is written."""

from __future__ import annotations

import json
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unclouded.backend.devices import devices
from unclouded.backend.installed import installed_models


class Kit:
    """A good image and mask."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.optical = shop.raster("o.tif", shop.numbers(4, 64, 64))
        self.mask = shop.mask("m.tif", shop.disc(64, 64, 30, 30, 12))

    def file(self, name: str, content: bytes) -> str:
        (self.shop.folder / name).write_bytes(content)
        return self.shop.path(name)


def damaged_model(kit: Kit, change: Callable[[bytes], bytes]) -> dict[str, str]:
    if not installed_models():
        pytest.skip("no generator is bundled")
    content = Path(installed_models()[0][1]).read_bytes()
    return {"model": kit.file("model.safetensors", change(content))}


def with_card(**changes: Any) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + length])
        card = json.loads(header["__metadata__"]["card"]) | changes
        header["__metadata__"]["card"] = json.dumps(card)
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + content[8 + length :]

    return change


CASES: dict[str, tuple[Callable[[Kit], dict[str, str]], str]] = {
    "no such model": (
        lambda k: {"model": "magic"},
        "No generator 'magic' is installed",
    ),
    "model that is missing": (
        lambda k: {"model": k.shop.path("x.safetensors")},
        r"no generator .*x\.safetensors.*path of a \.safetensors",
    ),
    "model that is a pickle": (
        lambda k: {"model": k.file("x.safetensors", pickle.dumps({"a": 1}))},
        "not a whole .safetensors file.*never opened",
    ),
    "model named .pt": (
        lambda k: {"model": k.file("x.pt", pickle.dumps({"a": 1}))},
        r"x\.pt",
    ),
    "model cut off": (
        lambda k: damaged_model(k, lambda content: content[:-1000]),
        "bytes were expected.*cut off or damaged",
    ),
    "model with a changed weight": (
        lambda k: damaged_model(k, lambda content: content[:-1] + bytes([content[-1] ^ 1])),
        "sha|hash|card|differ",
    ),
    "model of an unknown network": (lambda k: damaged_model(k, with_card(architecture="dream")), "dream"),
    "model with another shape": (
        lambda k: damaged_model(k, with_card(parameters={"bands": 13, "blocks": [1], "widths": [8]})),
        "'fusion' cannot be built",
    ),
    "model with parameters of another network": (
        lambda k: damaged_model(k, with_card(parameters={"wings": 2})),
        "'fusion' cannot be built.*wings",
    ),
    "model with a broken card": (lambda k: damaged_model(k, with_card(tile_px="big")), "tile_px"),
    "model for other bands": (
        lambda k: damaged_model(k, with_card(required_bands=["B12"])),
        r"needs band\(s\) B12",
    ),
    "model that needs SAR": (lambda k: damaged_model(k, with_card(sar="required")), "needs Sentinel-1"),
    "cuda that is not there": (
        lambda k: {"device": "cuda:7"},
        "'cuda:7' was asked for; here are .*cpu",
    ),
    "device of no sense": (
        lambda k: {"device": "toaster"},
        "'toaster' was asked for; here are .*cpu",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_generator(shop: Any, case: str) -> None:
    build, words = CASES[case]
    kit = Kit(shop)
    options = build(kit)
    before = shop.contents()

    failed = shop.remove(kit.optical, mask=kit.mask, **({"method": "generator", "device": "cpu"} | options)).last

    said = f"{failed.message} {failed.hint}"
    assert failed.code == ("device" if "device" in options else "model"), said
    assert re.search(f"(?i){words}", said), said
    assert failed.hint
    assert shop.contents() == before


def test_cuda_is_refused_where_there_is_none(shop: Any) -> None:
    if any(device["name"].startswith("cuda") for device in devices()):
        pytest.skip("there is a CUDA device")
    kit = Kit(shop)
    failed = shop.remove(kit.optical, mask=kit.mask, method="generator", device="cuda").last

    assert failed.code == "device"
