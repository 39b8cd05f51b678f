"""Checkpoints become generators whose cards tell all that an engine must know, and hostile ones are refused."""

from __future__ import annotations

import dataclasses
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unclouded.backend.card import Card
from unclouded.backend.channels import decode, encode
from unclouded.backend.encoding import encoding_facts, read_encoding
from unclouded.backend.errors import ModelError, OutputError
from unclouded.backend.inference import Generator
from unclouded.backend.models import weights
from unclouded.backend.models.zoo import build
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import NAMES
from unclouded.backend.training.export import LEAST_WINDOW_PX, export_checkpoint, make_card, read_checkpoint
from unclouded.backend.training.recipe import read_recipe

from ..observations import observation, with_dates, with_sar
from .adversaries import trained

TEN = ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of short runs, one for each kind of card."""
    folder = tmp_path_factory.mktemp("runs")
    for name, further in (
        ("fusion", ()),
        ("dsen2cr_small", ()),
        ("uncrtaints_small", ()),
        ("unet_small", ("fit.average=0.5",)),
        ("augmented_cyclegan_small", ()),
    ):
        trained(name, folder / name, *further)
    return folder


def exported(runs: Path, name: str, file: str = "best.ckpt") -> tuple[Card, str]:
    path = str(runs / f"{name}.{file}.safetensors")
    return export_checkpoint(str(runs / name / file), path, overwrite=True), path


def seen_by(card: Card) -> Observation:
    """An observation that has all that a generator may need."""
    seen = observation(tuple(card.bands), 64, 64)
    seen = with_sar(seen) if card.sar != "none" else seen
    return with_dates(seen) if card.dates != "none" else seen


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("fusion", {"required_bands": ["B2", "B3", "B4"], "sar": "optional", "dates": "optional", "errors": {}}),
        ("dsen2cr_small", {"required_bands": list(NAMES), "sar": "required", "dates": "none", "align_px": 1}),
        ("uncrtaints_small", {"required_bands": list(NAMES), "sar": "required", "dates": "required", "errors": {}}),
        ("unet_small", {"required_bands": list(TEN), "bands": list(TEN), "sar": "none", "dates": "none"}),
        ("augmented_cyclegan_small", {"sar": "none", "dates": "none", "overlap_px": 0, "window_px": LEAST_WINDOW_PX}),
    ],
)
def test_card_says_what_a_generator_needs(name: str, facts: dict[str, Any], runs: Path) -> None:
    card, path = exported(runs, name)
    recipe = read_recipe(name)

    assert {key: getattr(card, key) for key in facts} == facts
    assert (card.name, card.title, card.citation) == (name, recipe.title, recipe.citation)
    assert card.training_data == ["made: 0, 1, 2, 20, 21, 22, 23, 3"]
    assert "Copernicus" in card.licence
    assert 0.05 < card.prior["B4"] < 0.35
    assert weights.load(path)[0] == card
    if recipe.encoding.output == "image":
        assert set(card.errors) == set(card.bands)
        assert all(error > 0 for error in card.errors.values())


@pytest.mark.parametrize("name", ["fusion", "uncrtaints_small"])
def test_intervals_are_widened_as_the_validation_found(name: str, runs: Path) -> None:
    card, _ = exported(runs, name)
    figures = read_checkpoint(str(runs / name / "best.ckpt"))["figures"]

    assert card.encoding["spread"] == figures["spread"] != 1
    assert card.scores["validation while training"]["coverage_90"] == figures["coverage_90"]


@pytest.mark.parametrize(
    "name", ["fusion", "dsen2cr_small", "uncrtaints_small", "unet_small", "augmented_cyclegan_small"]
)
@pytest.mark.parametrize("file", ["best.ckpt", "last.ckpt"])
def test_generator_computes_what_was_trained(name: str, file: str, runs: Path) -> None:
    card, path = exported(runs, name, file)
    generator = Generator(path, "cpu", precise=True)
    network = weights.load(path)[1]
    seen = seen_by(card)
    encoding = read_encoding(card.encoding)
    x = torch.from_numpy(encode(seen, card.bands, encoding))[None]
    with torch.inference_mode():
        output = network(x, torch.zeros(1, network.latent)) if network.latent else network(x)
    slots = [card.bands.index(band) for band in seen.bands]
    reflectance, errors = decode(output[0].float(), slots, len(card.bands), encoding)
    (found,) = generator([seen])

    assert found.reflectance.shape == seen.optical.shape
    assert np.isfinite(found.reflectance).all()
    assert np.isfinite(found.uncertainty).all()
    if not card.window_px and not network.latent:
        np.testing.assert_allclose(found.reflectance, reflectance, rtol=1e-4, atol=1e-5)
        if errors is None:
            known = np.array([card.errors[band] for band in seen.bands], np.float32)
            np.testing.assert_array_equal(found.uncertainty[:, 0, 0], known)
        else:
            np.testing.assert_allclose(found.uncertainty, errors, rtol=1e-4, atol=1e-5)


def test_averaged_weights_are_the_ones_that_are_exported(runs: Path) -> None:
    state = torch.load(runs / "unet_small" / "best.ckpt", weights_only=True)["state_dict"]
    _, network = weights.load(exported(runs, "unet_small")[1])

    for name, weight in network.named_parameters():
        assert torch.equal(weight, state[f"averaged.{name}"].half().float())
        assert not torch.equal(state[f"averaged.{name}"], state[f"generator.{name}"])


@pytest.mark.parametrize(
    ("name", "window_px", "wanted"),
    [
        ("dsen2cr_small", 64, (14, 0)),
        ("dsen2cr", 128, (34, 0)),
        ("sar_opt_cgan", 256, (0, 256)),
        ("sar_opt_cgan_small", 64, (96, 0)),
        ("augmented_cyclegan", 120, (0, 128)),
        ("uncrtaints", 64, (0, 128)),
        ("uncrtaints", 130, (0, 136)),
        ("uncrtaints", 160, (0, 160)),
    ],
)
def test_windows_are_tiled_where_little_is_seen_and_blended_else(
    name: str, window_px: int, wanted: tuple[int, int]
) -> None:
    recipe = read_recipe(name, [f"data.window_px={window_px}"])
    with torch.device("meta"):
        network = build(recipe.generator.architecture, recipe.generator.full)
    saved = {"figures": {"band_rmse": {}}, "data": {"prior": {}, "licence": "", "names": []}}
    card = make_card(recipe, network, saved)

    assert (card.overlap_px, card.window_px) == wanted
    assert card.window_px % card.align_px == card.window_px % 2 == 0


def test_fusion_requires_of_red_green_and_blue_what_it_has() -> None:
    recipe = dataclasses.replace(read_recipe("fusion"), bands=("B4", "B8", "B11"))
    with torch.device("meta"):
        network = build("fusion", {"bands": 3})
    saved = {"figures": {"band_rmse": {}}, "data": {"prior": {}, "licence": "", "names": []}}

    assert make_card(recipe, network, saved).required_bands == ["B4"]


def test_folder_stands_for_its_best_checkpoint(runs: Path, tmp_path: Path) -> None:
    card = export_checkpoint(str(runs / "dsen2cr_small"), str(tmp_path / "new" / "one.safetensors"), overwrite=False)

    assert card == exported(runs, "dsen2cr_small", "best.ckpt")[0]
    with pytest.raises(OutputError, match="exists already"):
        export_checkpoint(str(runs / "dsen2cr_small"), str(tmp_path / "new" / "one.safetensors"), overwrite=False)


def test_encoding_of_the_card_is_that_of_the_recipe(runs: Path) -> None:
    for name in ("dsen2cr_small", "unet_small"):
        assert exported(runs, name)[0].encoding == encoding_facts(read_recipe(name).encoding)


class Hostile:
    """What a checkpoint would run if it were let."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


class TestBadCheckpoint:
    @pytest.mark.parametrize("dump", [torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))])
    def test_code_is_refused_by_name_and_not_run(self, dump: Any, tmp_path: Path) -> None:
        dump({"state_dict": Hostile(tmp_path / "run")}, tmp_path / "evil.ckpt")
        with pytest.raises(ModelError, match=r"evil\.ckpt is refused: it holds") as caught:
            read_checkpoint(str(tmp_path / "evil.ckpt"))

        assert not (tmp_path / "run").exists()
        assert "weights_only" not in str(caught.value)

    def test_code_is_named(self, tmp_path: Path) -> None:
        torch.save({"state_dict": Hostile(tmp_path / "run")}, tmp_path / "evil.ckpt")
        with pytest.raises(ModelError, match=r"it holds the code posix\.mkdir"):
            read_checkpoint(str(tmp_path / "evil.ckpt"))

    @pytest.mark.parametrize("content", [b"", b"hello world", b"PK\x03\x04 and no more"])
    def test_junk_is_no_checkpoint(self, content: bytes, tmp_path: Path) -> None:
        (tmp_path / "junk.ckpt").write_bytes(content)
        with pytest.raises(ModelError, match=r"junk\.ckpt is no checkpoint, or damaged"):
            read_checkpoint(str(tmp_path / "junk.ckpt"))

    def test_cut_off_is_damaged(self, runs: Path, tmp_path: Path) -> None:
        whole = (runs / "unet_small" / "best.ckpt").read_bytes()
        (tmp_path / "half.ckpt").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ModelError, match="or damaged"):
            read_checkpoint(str(tmp_path / "half.ckpt"))

    def test_missing_one_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"nothing\.ckpt cannot be read: No such file"):
            read_checkpoint(str(tmp_path / "nothing.ckpt"))

    def test_checkpoints_of_others_are_none_of_ours(self, tmp_path: Path) -> None:
        torch.save({"state_dict": {}}, tmp_path / "other.ckpt")
        with pytest.raises(ModelError, match="no checkpoint of a training run"):
            read_checkpoint(str(tmp_path / "other.ckpt"))

    def test_classifier_is_no_generator(self, runs: Path, tmp_path: Path) -> None:
        saved = torch.load(runs / "unet_small" / "best.ckpt", weights_only=True)
        saved["recipe"] |= {"scheme": "classification", "settings": {}}
        torch.save(saved, tmp_path / "classifier.ckpt")
        with pytest.raises(ModelError, match="is of a classifier"):
            export_checkpoint(str(tmp_path / "classifier.ckpt"), str(tmp_path / "one.safetensors"), overwrite=False)
