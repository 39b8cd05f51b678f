"""Items of differing catalogues tell the same things."""

from __future__ import annotations

from typing import Any

import pystac
import pytest

from unclouded.backend.catalogue.entry import Entry, read_entry

SQUARE = {"type": "Polygon", "coordinates": [[[10, 46], [11, 46], [11, 47], [10, 47], [10, 46]]]}


def entry(assets: dict[str, dict[str, Any]], **properties: Any) -> Entry:
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "x", "collection": "c", "bbox": [10, 46, 11, 47],
        "geometry": SQUARE, "properties": {"datetime": "2022-06-01T10:00:00Z", **properties}, "links": [],
        "assets": {key: {"href": f"https://files.example.org/{key}.tif", **facts} for key, facts in assets.items()},
    }  # fmt: skip
    found = read_entry(pystac.Item.from_dict(item))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("keys", "bands"),
    [
        (["coastal", "blue", "nir", "nir08", "nir09", "rededge2", "swir22"], "B1 B2 B6 B8 B8A B9 B12"),
        (["blue", "blue-jp2", "visual", "thumbnail"], "B2"),
        (["B01", "B02", "B8A", "B12", "SCL", "AOT"], "B1 B2 B8A B12"),
        (["vv", "vh"], "VV VH"),
    ],
)
def test_bands_are_known_by_the_names_of_each_catalogue(keys: list[str], bands: str) -> None:
    assert list(entry({key: {} for key in keys}).files) == bands.split()


def test_of_several_files_of_a_band_the_finest_is_taken() -> None:
    found = entry({"B02_60m": {}, "B02_10m": {}, "B02_20m": {}, "B11_60m": {"gsd": 60}, "B11_20m": {"gsd": 20}})
    assert found.files == {
        "B2": "https://files.example.org/B02_10m.tif",
        "B11": "https://files.example.org/B11_20m.tif",
    }


def test_a_band_may_be_named_in_the_asset_and_pictures_are_none() -> None:
    found = entry(
        {
            "image1": {"eo:bands": [{"name": "x", "common_name": "red"}]},
            "rgb": {"eo:bands": [{"common_name": "red"}, {"common_name": "green"}]},
            "green": {"roles": ["overview"]},
        }
    )
    assert list(found.files) == ["B4"]


@pytest.mark.parametrize(
    ("properties", "fields", "meaning"),
    [
        ({"s2:processing_baseline": "05.10"}, {}, (1e-4, -0.1)),
        ({"s2:processing_baseline": "03.01"}, {}, (1e-4, 0.0)),
        ({"processing:version": "N0511"}, {}, (1e-4, -0.1)),
        ({"s2:processing_baseline": "05.10"}, {"raster:bands": [{"scale": 0.0001, "offset": 0}]}, (1e-4, 0.0)),
        ({"earthsearch:boa_offset_applied": True}, {"raster:bands": [{"scale": 1e-4, "offset": -0.1}]}, (1e-4, 0.0)),
        ({}, {}, None),
        ({"processing:version": "Sentinel-2 IPF"}, {}, None),
    ],
)
def test_scale_and_offset_are_as_the_item_says(
    properties: dict[str, Any], fields: dict[str, Any], meaning: tuple[float, float] | None
) -> None:
    assert entry({"B02": fields}, **properties).meanings.get("B2") == meaning


def test_what_tells_neither_when_nor_where_is_no_image() -> None:
    item = pystac.Item(
        "x", None, None, None, {"start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-01-02T00:00:00Z"}
    )
    assert read_entry(item) is None
