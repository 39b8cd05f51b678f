"""A foreign checkpoint is shown, then becomes a generator that runs from file to file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import rasterio
import torch

from unclouded.backend.card import read_card
from unclouded.backend.inference import Generator
from unclouded.backend.model_jobs import Checkpoint, ImportModel, InspectCheckpoint
from unclouded.backend.models.weights import load
from unclouded.backend.protocol import Done, Failed
from unclouded.backend.sensors import NAMES

from ..models.importers.checkpoints import (
    FAMILIES,
    dsen2cr,
    graph,
    keras2,
    onnx_graph,
    pix2pix,
    published_resnet,
    uncrtaints,
)


@pytest.fixture(autouse=True)
def folder_of_generators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's own folder of generators, which is not there yet."""
    folder = tmp_path / "mine" / "models"
    monkeypatch.setenv("UNCLOUDED_MODELS", str(folder))
    return folder


def inspected(shop: Any, path: str) -> Checkpoint:
    heard = shop.run(InspectCheckpoint("1", path))
    assert isinstance(heard.last, Done), heard.last
    (checkpoint,) = (event for event in heard.events if isinstance(event, Checkpoint))
    return checkpoint


def imported(shop: Any, path: str, **facts: Any) -> str:
    """Imports into the test's folder and gives the generator's path."""
    heard = shop.run(ImportModel("1", path, **({"output": shop.path("imported.safetensors")} | facts)))
    assert isinstance(heard.last, Done), heard.last
    return heard.last.output


def refused(shop: Any, path: str, **facts: Any) -> Failed:
    """Gives what an import failed of, which has left nothing."""
    before = shop.contents()
    heard = shop.run(ImportModel("1", path, **({"output": shop.path("imported.safetensors")} | facts)))
    assert isinstance(heard.last, Failed), heard.last
    assert heard.last.hint
    assert shop.contents() == before
    return heard.last


@pytest.mark.parametrize("kind", FAMILIES)
def test_it_is_shown_with_good_defaults(shop: Any, kind: str) -> None:
    path = FAMILIES[kind](shop.folder)
    found = inspected(shop, path)

    assert found.kind == kind
    assert found.title
    assert found.tensor_count >= len(found.tensors) > 0
    assert found.tensors[0].keys() == {"name", "shape"}
    assert len(found.defaults["bands"]) == found.in_bands
    assert found.defaults["levels"]
    assert found.defaults["licence"]
    json.dumps([found.defaults, found.tensors], allow_nan=False)
    made = imported(shop, path, **{key: value for key, value in found.defaults.items() if key != "name"})
    assert read_card(made).bands == found.defaults["bands"]


@pytest.mark.parametrize("kind", FAMILIES)
def test_it_removes_clouds(shop: Any, kind: str) -> None:
    model = imported(shop, FAMILIES[kind](shop.folder))
    card = read_card(model)
    values, cloud = shop.numbers(len(card.bands), 70, 60), shop.disc(70, 60, 30, 30, 12)
    cloudy = np.where(cloud, 7000, values).astype(np.uint16)
    options: dict[str, Any] = {"mask": shop.mask("m.tif", cloud), "uncertainty_output": shop.path("error.tif")}
    if card.sar == "required":
        options["sar"] = shop.raster("s.tif", (-11 - 7 * shop.land(2, 70, 60)).astype(np.float32))
    if card.dates == "required":
        options["dates"] = [shop.raster("d_20200611.tif", values, descriptions=card.bands)]
    image = shop.raster("o_20200601.tif", cloudy, descriptions=card.bands)
    heard = shop.remove(image, method="generator", model=model, device="cpu", level=card.levels[0], **options)

    assert isinstance(heard.last, Done), heard.last
    made = shop.read("clear.tif")
    np.testing.assert_array_equal(made[:, ~cloud], values[:, ~cloud])
    assert (made[:, cloud] != 7000).any(axis=0).mean() > 0.9
    knows = kind in ("uncrtaints", "own-fusion")
    assert ("does not know its errors: reconstructed pixels are nodata" in heard.logs("warning")) == (not knows)
    assert (shop.read("error.tif")[:, cloud] == 65535).all() == (not knows)
    with rasterio.open(shop.path("clear.tif")) as dataset:
        assert dataset.tags()["UNCLOUDED_MODEL_SHA256"] == card.sha256


def test_its_card_says_where_it_comes_from(shop: Any) -> None:
    card = read_card(imported(shop, keras2(shop.folder)))

    assert card.name == "imported"
    assert (
        card.title == "DSen2-CR, written by Keras: 13 bands, with VV and VH, 3 blocks; imported from model_SARcarl.hdf5"
    )
    assert card.licence == "unknown: ask its authors"
    assert card.citation.startswith("Meraner")
    assert card.training_data == ["SEN12MS-CR"]
    assert (card.bands, card.levels) == (list(NAMES), ["L1C"])
    assert (card.sar, card.dates) == ("required", "none")
    assert (card.overlap_px, card.window_px, card.errors) == (8, 0, {})


def test_its_weights_stay_what_they_were(shop: Any) -> None:
    path = dsen2cr(shop.folder)
    _, made = load(imported(shop, path))
    wanted = torch.load(path, weights_only=True)

    assert all(torch.equal(value, wanted[key]) for key, value in made.state_dict().items())


def test_without_an_output_it_joins_the_users_own(shop: Any, folder_of_generators: Path) -> None:
    made = imported(shop, uncrtaints(shop.folder), output=None)

    assert made == str(folder_of_generators / "model.safetensors")
    assert Generator("model", "cpu").card.name == "model"


def test_what_the_user_says_goes_before_the_defaults(shop: Any) -> None:
    made = imported(
        shop,
        pix2pix(shop.folder),
        name="haze",
        kind="pix2pix",
        bands=["blue", "B03", "B4"],
        choices={"optical_limit": 0.3, "optical_range": [0, 1]},
        levels=["L2A"],
        licence="BSD-2-Clause",
        citation="Mine",
        output=None,
    )
    card = read_card(made)

    assert Path(made).stem == card.name == "haze"
    assert (card.bands, card.levels) == (["B2", "B3", "B4"], ["L2A"])
    assert (card.licence, card.citation) == ("BSD-2-Clause", "Mine")
    assert (card.encoding["optical_limit"], card.encoding["optical_range"]) == (0.3, [0, 1])


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"bands": ["B2", "B3"]}, "reads 3 different bands; B2, B3 were named"),
        ({"bands": ["B2", "B3", "B3"]}, "reads 3 different bands"),
        ({"bands": ["B2", "B3", "ultraviolet"]}, "no band ultraviolet. Known are B1"),
        ({"levels": ["L3"]}, "Levels are L1C and L2A; L3"),
        ({"levels": []}, "none was asked for"),
        ({"choices": {"optical_limit": 0}}, "optical_limit is 0; a reflectance above 0"),
        ({"choices": {"optical_limit": float("nan")}}, "optical_limit is nan"),
        ({"choices": {"optical_range": [1, 1]}}, "a lower and a higher number"),
        ({"choices": {"optical_range": "wide"}}, "optical_range is 'wide'"),
        ({"choices": {"sar_range": [0, 1]}}, "no sar_range to choose. It has optical_range, optical_limit"),
        ({"choices": {"frames": 7}}, "no frames to choose"),
        ({"kind": "dsen2cr"}, "is of the kind pix2pix, not dsen2cr"),
        ({"name": "../../x"}, "'../../x' is no name"),
    ],
)
def test_what_makes_no_sense_is_named(shop: Any, facts: dict[str, Any], words: str) -> None:
    failed = refused(shop, pix2pix(shop.folder), **facts)

    assert failed.code == "usage"
    assert words in f"{failed.message} {failed.hint}"


def test_bands_that_nobody_knows_are_asked_for(shop: Any) -> None:
    path = shop.path("latest_net_G_A.pth")
    torch.save(published_resnet(7, 7).state_dict(), path)

    assert inspected(shop, path).defaults["bands"] == []
    assert "reads 7 bands, and" in refused(shop, path).message
    assert read_card(imported(shop, path, bands=list(NAMES[:7]))).bands == list(NAMES[:7])


@pytest.mark.parametrize(
    ("output", "overwrite", "words"),
    [
        ("imported.pth", False, "is a .safetensors file"),
        ("none/imported.safetensors", False, "does not exist"),
        ("taken.safetensors", False, "exists"),
        ("latest_net_G.pth", True, "is a .safetensors file"),
    ],
)
def test_outputs_that_cannot_be_are_named(shop: Any, output: str, overwrite: bool, words: str) -> None:
    (shop.folder / "taken.safetensors").write_bytes(b"mine")
    failed = refused(shop, pix2pix(shop.folder), output=shop.path(output), overwrite=overwrite)

    assert failed.code == "output"
    assert words in failed.message


def test_an_existing_one_is_replaced_where_that_is_allowed(shop: Any) -> None:
    (shop.folder / "taken.safetensors").write_bytes(b"mine")

    assert read_card(imported(shop, pix2pix(shop.folder), output=shop.path("taken.safetensors"), overwrite=True))


def test_of_an_unknown_network_what_is_inside_is_shown(shop: Any) -> None:
    path = shop.path("other.pth")
    torch.save({f"layer{i}.weight": torch.rand(2, 3) for i in range(300)}, path)
    found = inspected(shop, path)

    assert found.kind == ""
    assert "Known are DSen2-CR" in found.title
    assert (len(found.tensors), found.tensor_count) == (200, 300)
    assert found.tensors[0] == {"name": "layer0.weight", "shape": [2, 3]}
    assert "300 tensors of an unknown network" in refused(shop, path).message


def test_of_two_possible_kinds_the_other_can_be_asked_for(shop: Any) -> None:
    path = uncrtaints(shop.folder)
    (shop.folder / "conf.json").unlink()

    assert "(kind own-uncrtaints)" in inspected(shop, path).title
    card = read_card(imported(shop, path, kind="own-uncrtaints"))
    assert card.encoding["optical_range"] == [0, 1]


def test_a_network_that_gives_no_numbers_is_refused(shop: Any) -> None:
    path = dsen2cr(shop.folder)
    state = torch.load(path, weights_only=True)
    torch.save({key: value * 1e20 for key, value in state.items()}, path)

    assert "gives no image for a window" in refused(shop, path).message


def test_a_graph_that_does_not_run_is_refused(shop: Any) -> None:
    model = graph()
    model.graph.node[0].op_type = "Convolve"
    (shop.folder / "a.onnx").write_bytes(model.SerializeToString())

    assert inspected(shop, shop.path("a.onnx")).kind == "onnx"  # nothing is run for that
    assert "onnxruntime cannot open the graph" in refused(shop, shop.path("a.onnx")).message


def test_a_graph_gives_what_onnxruntime_gives(shop: Any) -> None:
    path = onnx_graph(shop.folder)
    _, made = load(imported(shop, path))
    x = torch.rand(1, 3, 32, 32)
    weight = torch.from_numpy(onnx.numpy_helper.to_array(graph().graph.initializer[0]).copy())

    torch.testing.assert_close(made(x), torch.nn.functional.conv2d(x, weight, padding=1).sigmoid())


WITHOUT_ONNXRUNTIME = """
import sys, importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "onnxruntime" else found(name, *rest)
from unclouded.backend.__main__ import main
main()
"""
"""The command, where one library cannot be found."""


@pytest.mark.parametrize("command", ["import", "remove"])
def test_without_onnxruntime_the_command_that_installs_it_is_said(shop: Any, command: str) -> None:
    path = onnx_graph(shop.folder)
    if command == "import":
        arguments = ["models", "import", path]
    else:
        model, image = imported(shop, path), shop.raster("o.tif", shop.numbers(3, 32, 32))
        arguments = ["remove", image, "-o", shop.path("c.tif"), "--mask", "all", "--model", model, "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ONNXRUNTIME, *arguments], capture_output=True, text=True, check=False
    )

    assert done.returncode == 7, done.stderr
    assert "not installed here: onnxruntime" in done.stderr
    assert '-m pip install "onnxruntime>=' in done.stderr.replace("\n", " ")


def test_the_command_shows_and_imports(shop: Any) -> None:
    path = keras2(shop.folder)
    shown = shop.command("models", "import", path, "--inspect")
    done = shop.command("models", "import", path, "-o", "sen.safetensors", "--licence", "CC-BY-4.0")

    assert "DSen2-CR, written by Keras" in shown.stdout
    assert done.returncode == 0, done.stderr
    assert read_card(shop.path("sen.safetensors")).licence == "CC-BY-4.0"
