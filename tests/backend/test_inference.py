"""The generator answers for every window, and refuses what it does not fit."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unclouded.backend.card import read_card
from unclouded.backend.errors import ModelError, UsageError
from unclouded.backend.inference import Generator, check_fit
from unclouded.backend.models.weights import load, save
from unclouded.backend.models.zoo import build
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import NAMES

from .generators import RGB, write_augmented, write_cyclegan, write_fusion, write_stgan, write_uncrtaints
from .observations import observation, stored, window, with_dates, with_sar


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def model(folder: Path) -> str:
    return write_fusion(folder)


@pytest.fixture(scope="module")
def cycle(folder: Path) -> str:
    return write_cyclegan(folder)


@pytest.fixture(scope="module")
def augmented(folder: Path) -> str:
    return write_augmented(folder)


@pytest.fixture(scope="module")
def dated(folder: Path) -> str:
    return write_stgan(folder)


def rgb(height: int = 40, width: int = 48, seed: int = 0) -> Observation:
    return observation(tuple(RGB), height, width, seed)


@pytest.mark.parametrize("bands", [NAMES, ("B8", "B4", "B3", "B2"), ("B4", "B3", "B2")])
def test_reconstruction_has_the_shape_and_bands_of_the_scene(model: str, bands: tuple[str, ...]) -> None:
    results = Generator(model, "cpu")([observation(bands, 37, 51, seed) for seed in range(5)])

    assert len(results) == 5
    for result in results:
        assert result.reflectance.shape == result.uncertainty.shape == (len(bands), 37, 51)
        assert np.isfinite(result.reflectance).all()
        assert (result.uncertainty > 0).all()


@pytest.mark.parametrize("write", [write_fusion, write_cyclegan, write_augmented])
def test_bands_in_another_order_give_the_same_bands(write: Callable[[Path], str], tmp_path: Path) -> None:
    generator = Generator(write(tmp_path), "cpu", precise=True)
    scene = rgb()
    turned = dataclasses.replace(
        scene, bands=scene.bands[::-1], optical=scene.optical[::-1], background=scene.background[::-1]
    )

    np.testing.assert_array_equal(generator([scene])[0].reflectance, generator([turned])[0].reflectance[::-1])


@pytest.mark.parametrize("tile", [40, 64])
@pytest.mark.parametrize("name", ["tiny", "dates"])
def test_tiles_equal_the_whole(model: str, dated: str, name: str, tile: int) -> None:
    generator = Generator({"tiny": model, "dates": dated}[name], "cpu", precise=True)
    margin = generator.overlap_px
    scene = with_sar(with_dates(rgb(131, 117)))
    whole = generator([scene])[0]
    for row in range(0, 131, tile):
        for column in range(0, 117, tile):
            top, left = max(row - margin, 0), max(column - margin, 0)
            part = generator([window(scene, slice(top, row + tile + margin), slice(left, column + tile + margin))])[0]
            inner = (slice(None), slice(row - top, row - top + tile), slice(column - left, column - left + tile))
            outer = (slice(None), slice(row, row + tile), slice(column, column + tile))
            cut = whole.reflectance[outer].shape
            np.testing.assert_allclose(
                part.reflectance[inner][:, : cut[1], : cut[2]], whole.reflectance[outer], atol=2e-5
            )
            np.testing.assert_allclose(
                part.uncertainty[inner][:, : cut[1], : cut[2]], whole.uncertainty[outer], rtol=1e-3, atol=1e-5
            )


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_a_network_of_several_dates_takes_as_many_as_there_are(dated: str, count: int) -> None:
    alone = with_sar(rgb(37, 51))
    seen = with_dates(alone, count) if count else alone
    made = Generator(dated, "cpu")([seen, seen])

    assert [one.reflectance.shape for one in made] == [(3, 37, 51)] * 2
    assert np.isfinite(made[0].reflectance).all()
    if count:
        assert not np.allclose(made[0].reflectance, Generator(dated, "cpu")([alone])[0].reflectance, atol=1e-3)


def test_a_window_of_the_size_of_the_network_is_its_output(cycle: str) -> None:
    seen = rgb(32, 32)
    _, network = load(cycle)
    units = torch.from_numpy(2 * np.clip(seen.optical, 0, 1) - 1)

    made = Generator(cycle, "cpu")([seen])[0]

    np.testing.assert_allclose(made.reflectance, (network(units[None])[0].numpy() + 1) / 2, atol=1e-5)


def smooth_ground(height: int, width: int) -> np.ndarray:
    """(3, H, W) reflectance of ground that gets brighter to one side."""
    rows, columns = np.mgrid[:height, :width]
    wave = np.sin(rows / 23) * np.cos(columns / 29)
    grain = np.random.default_rng(0).normal(0, 0.004, (3, height, width))
    return (0.15 + 0.1 * wave + 0.1 * columns / width + grain).astype(np.float32)


@pytest.fixture(scope="module")
def learned(folder: Path) -> str:
    """CycleGAN's generator, taught for a moment to repeat smooth ground; instance norm forgets how bright it is."""
    path = write_cyclegan(folder, "learned")
    card, network = load(path)
    network.requires_grad_(True).train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    ground = torch.from_numpy(2 * smooth_ground(230, 310) - 1)
    corners = np.random.default_rng(0).integers(0, (230 - 32, 310 - 32), (120, 8, 2))
    for places in corners:
        batch = torch.stack([ground[:, row : row + 32, column : column + 32] for row, column in places])
        loss = (network(batch) - batch).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save(path, card, network.state_dict())
    return path


def jump_at(image: np.ndarray, step_px: int) -> float:
    """Mean jump across multiples of step_px over that inside, at the same place in the network's stride of 4 px."""
    at_borders, inside = [], []
    for axis in (1, 2):
        jumps = np.abs(np.diff(image, axis=axis)).mean(axis=(0, 3 - axis))
        place = np.arange(1, len(jumps) + 1)
        at_borders.append(jumps[place % step_px == 0])
        inside.append(jumps[(place % 4 == 0) & (place % step_px != 0)])
    return float(np.concatenate(at_borders).mean() / np.concatenate(inside).mean())


def test_blended_windows_leave_no_seams_where_hard_ones_do(learned: str) -> None:
    ground = smooth_ground(220, 300)
    everywhere = np.ones((220, 300), bool)
    generator = Generator(learned, "cpu")
    seen = Observation(tuple(RGB), "L2A", ground, everywhere, ~everywhere, ground)

    made = generator([seen])[0].reflectance

    hard = np.empty_like(ground[:, :192, :288])
    for row in range(0, 192, 32):
        for column in range(0, 288, 32):
            at = np.s_[..., row : row + 32, column : column + 32]
            hard[at] = generator([window(seen, at[1], at[2])])[0].reflectance
    assert jump_at(hard, 32) > 2
    for step_px in (generator.align_px, generator.card.window_px, generator.tile_px):
        assert jump_at(made, step_px) <= 1.05


def test_errors_of_the_card_stand_for_those_of_a_network_that_gives_none(folder: Path) -> None:
    model = write_cyclegan(folder, "errors", errors={"B2": 0.01, "B4": 0.03})
    made = Generator(model, "cpu")([rgb()])[0]

    np.testing.assert_array_equal(
        made.uncertainty[[0, 2]], np.broadcast_to([[[0.01]], [[0.03]]], (2, 40, 48)).astype("f")
    )
    assert np.isnan(made.uncertainty[1]).all()
    assert Generator(model, "cpu").bands_without_uncertainty(("B4", "B3", "B2")) == ["B3"]


def test_reflectance_is_not_rounded_to_the_tones_of_bfloat16(cycle: str) -> None:
    made = Generator(cycle, "cpu")([rgb(64, 64)])[0]

    assert len(np.unique(made.reflectance[0])) > 3000


def test_samples_are_averaged_and_their_spread_is_the_uncertainty(augmented: str) -> None:
    seen = [rgb(32, 32), rgb(32, 32, seed=1)]
    _, network = load(augmented)
    latents = torch.from_numpy(np.random.default_rng(7).standard_normal((3, 4), np.float32))

    made = Generator(augmented, "cpu").drawing(3, 7)(seen)

    for one, found in zip(seen, made, strict=True):
        units = torch.from_numpy(2 * np.clip(one.optical, 0, 1) - 1).expand(3, -1, -1, -1)
        samples = (network(units, latents).numpy() + 1) / 2
        assert samples.std(axis=0).max() > 1e-3
        np.testing.assert_allclose(found.reflectance, samples.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(found.uncertainty, samples.std(axis=0, ddof=1), atol=1e-5)


def test_one_sample_is_that_of_the_seed(augmented: str) -> None:
    generator = Generator(augmented, "cpu")
    first, again, other = (generator.drawing(1, seed)([rgb()])[0] for seed in (3, 3, 4))

    np.testing.assert_array_equal(first.reflectance, again.reflectance)
    assert np.abs(first.reflectance - other.reflectance).max() > 1e-3
    assert np.isnan(first.uncertainty).all()


def test_several_samples_of_a_network_without_a_latent_are_refused(cycle: str) -> None:
    with pytest.raises(UsageError, match="'cycle' always gives the same"):
        Generator(cycle, "cpu").drawing(2, 0)


def dsen2cr(folder: Path, gain: float) -> str:
    """DSen2-CR as its authors scale it, whose features are larger by a gain and whose corrections are not."""
    encoding = {"layout": "frames", "optical_range": [0, 5], "sar_range": [0, 2], "output": "image"}
    path = write_cyclegan(folder, f"dsen2cr{gain:g}")
    params = {"in_channels": 5, "out_channels": 3, "features": 16, "blocks": 2}
    network = build("dsen2cr", params)
    with torch.no_grad():
        for layer, factor in ((network.model[0], gain), (network.model[-1], 0.1 / gain)):
            layer.weight *= factor
    facts = {"architecture": "dsen2cr", "parameters": params, "encoding": encoding, "sar": "required"}
    card = dataclasses.replace(read_card(path), window_px=0, overlap_px=6, align_px=1, tile_px=64, **facts)
    save(path, card, network.state_dict(), exact=True)
    return path


@pytest.mark.parametrize(("gain", "kept"), [(1.0, True), (3e5, False)])
def test_float16_is_kept_where_it_changes_the_image_as_float32_does(folder: Path, gain: float, kept: bool) -> None:
    generator = Generator(dsen2cr(folder, gain), "cpu")
    fine = generator._network

    assert generator._agree(fine, copy.deepcopy(fine).half()) is kept


@pytest.mark.gpu
@pytest.mark.parametrize("write", [write_fusion, write_cyclegan, lambda folder: dsen2cr(folder, 1.0)])
def test_the_gpu_reconstructs_what_the_cpu_does(write: Callable[[Path], str], tmp_path: Path) -> None:
    path = write(tmp_path)
    bands = tuple(read_card(path).bands)
    scenes = [stored(bands, count=2, seed=seed) for seed in range(5)]

    for precise, tolerance in ((True, 1e-4), (False, 2e-2)):
        wanted = Generator(path, "cpu", precise=True)(scenes)
        for made, one in zip(Generator(path, "cuda", precise)(scenes), wanted, strict=True):
            np.testing.assert_allclose(made.reflectance, one.reflectance, atol=tolerance)


def test_required_band_is_named(model: str) -> None:
    with pytest.raises(ModelError, match=r"needs band\(s\) B3"):
        Generator(model, "cpu")([observation(("B2", "B4", "B8"))])


@pytest.mark.parametrize(
    ("name", "facts", "has", "words"),
    [
        ("tiny", {"levels": ["L2A"]}, (RGB, True, True), r"needs level L2A \(this is L1C\)\."),
        ("tiny", {"sar": "required", "dates": "required"}, (RGB, False, False), r"needs Sentinel-1; other dates\."),
        ("tiny", {}, (["B8"], False, False), r"needs band\(s\) B2, B3, B4\."),
        ("dates", {"required_bands": ["B2"]}, (["B2", "B4"], True, False), r"needs band\(s\) B3\."),
        ("dates", {"sar": "optional"}, (RGB, False, True), r"needs Sentinel-1\."),
        ("dates", {}, (["B4"], False, True), r"needs band\(s\) B2, B3; Sentinel-1\."),
    ],
)
def test_what_a_scene_lacks_is_named(
    model: str, dated: str, name: str, facts: dict[str, Any], has: tuple[list[str], bool, bool], words: str
) -> None:
    card = dataclasses.replace(read_card({"tiny": model, "dates": dated}[name]), **facts)
    bands, sar, dates = has
    with pytest.raises(ModelError, match=words):
        check_fit(card, bands, "L1C", sar, dates)


def test_a_card_that_does_not_fit_its_network_is_refused(tmp_path: Path) -> None:
    model = write_cyclegan(tmp_path, "wide", encoding={"layout": "frames", "masks": True, "output": "image"})
    with pytest.raises(ModelError, match="makes 4 channels and takes 3; its network takes 3 and makes 3"):
        Generator(model, "cpu")


def test_a_network_that_sees_all_of_its_window_needs_its_size(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="sees all of its window"):
        Generator(write_cyclegan(tmp_path, window_px=0), "cpu")


def test_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Generator(str(tmp_path / "none.safetensors"), "cpu")


def test_attention_says_how_much_of_each_date_is_taken(dated: str) -> None:
    seen = with_sar(with_dates(observation(tuple(RGB), 39, 46)))
    weights = Generator(dated, "cpu").attention(seen)

    assert weights.shape == (3, 39, 46)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-5)


def test_attention_of_a_network_of_windows_is_blended(tmp_path: Path) -> None:
    generator = Generator(write_uncrtaints(tmp_path), "cpu")
    weights = generator.attention(with_dates(observation(tuple(RGB), 40, 70)))

    assert weights.shape == (3, 40, 70)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-5)


def test_a_generator_without_attention_says_so(model: str) -> None:
    generator = Generator(model, "cpu")
    assert not generator.weighs_dates
    with pytest.raises(ModelError, match="weighs no dates"):
        generator.attention(observation())
