"""Observations become tensors without lies, and the generator answers for every window."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from unclouded.backend import inference
from unclouded.backend.card import Card
from unclouded.backend.encoding import NEARNESS_DAYS, Encoding, encode
from unclouded.backend.errors import DeviceError, ModelError
from unclouded.backend.inference import Generator, devices, find_model, installed_models
from unclouded.backend.models.fusion import PLANES, Fusion, Params, radius_px
from unclouded.backend.models.weights import save
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import NAMES

PARAMS = Params(13, (16, 16, 16), (1, 1, 1))
CARD = Card(
    name="tiny",
    version="1",
    title="A tiny generator",
    architecture="fusion",
    parameters=dataclasses.asdict(PARAMS),
    bands=list(NAMES),
    required_bands=["B2", "B3", "B4"],
    levels=["L1C", "L2A"],
    sar="optional",
    dates="optional",
    overlap_px=-(-radius_px(PARAMS) // 8) * 8,
    align_px=8,
    tile_px=64,
    prior=dict.fromkeys(NAMES, 0.2),
    licence="GPL-2.0-or-later",
    citation="",
    training_data=[],
)


def observation(bands: tuple[str, ...] = NAMES, height: int = 40, width: int = 48, seed: int = 0) -> Observation:
    random = np.random.default_rng(seed)
    shape = (len(bands), height, width)
    valid = random.random(shape[1:]) > 0.1
    return Observation(
        bands=bands,
        level="L1C",
        optical=np.where(valid, random.random(shape, np.float32), 0),
        valid=valid,
        cloud=random.random(shape[1:]) > 0.5,
        background=random.random(shape, np.float32),
    )


def with_dates(plain: Observation, count: int = 2, seed: int = 1) -> Observation:
    random = np.random.default_rng(seed)
    clear = random.random((count, *plain.valid.shape)) > 0.4
    dates = np.where(clear[:, None], random.random((count, *plain.optical.shape), np.float32), 0)
    return dataclasses.replace(plain, dates=dates, dates_clear=clear, days=np.linspace(-30, 5, count, dtype=np.float32))


def plane(channels: np.ndarray, name: str) -> np.ndarray:
    return channels[3 * len(NAMES) + PLANES.index(name)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    path = str(tmp_path_factory.mktemp("models") / "tiny.safetensors")
    network = Fusion(PARAMS)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn_like(weight) / max(weight[0].numel(), 16) ** 0.5)
    save(path, CARD, network.state_dict())
    return path


def test_missing_things_are_zero_and_said_to_be_missing() -> None:
    channels = encode(observation(("B4", "B8", "B2")), NAMES, Encoding())
    absent = [index for index, name in enumerate(NAMES) if name not in ("B2", "B4", "B8")]

    np.testing.assert_array_equal(channels[-13:, 0, 0], [name in ("B2", "B4", "B8") for name in NAMES])
    for first in (0, 13, 26):
        assert not channels[first : first + 13][absent].any()
    for name in ("candidate", "nearness", "spread", "sar", "vv", "vh", "l2a"):
        assert not plane(channels, name).any()


def test_order_of_the_scene_bands_does_not_matter() -> None:
    forward = observation()
    order = np.random.default_rng(3).permutation(13)
    mixed = dataclasses.replace(
        forward,
        bands=tuple(NAMES[index] for index in order),
        optical=forward.optical[order],
        background=forward.background[order],
    )

    np.testing.assert_array_equal(encode(forward, NAMES, Encoding()), encode(mixed, NAMES, Encoding()))


def test_unmeasured_pixels_give_nothing() -> None:
    scene = observation()
    other = dataclasses.replace(scene, optical=np.where(scene.valid, scene.optical, 7).astype(np.float32))

    np.testing.assert_array_equal(encode(scene, NAMES, Encoding()), encode(other, NAMES, Encoding()))


def test_candidate_is_the_weighted_mean_of_clear_dates() -> None:
    scene = dataclasses.replace(with_dates(observation()), dates_shift=np.full((2, 13, 40, 48), 0.01, np.float32))
    channels = encode(scene, NAMES, Encoding())
    weights = 1 / (1 + np.abs(scene.days) / NEARNESS_DAYS)

    for row, column in [(3, 4), (10, 20), (33, 47), (5, 41)]:
        clear = scene.dates_clear[:, row, column]
        if not clear.any():
            assert plane(channels, "candidate")[row, column] == 0
            continue
        expected = np.average(scene.dates[clear][:, :, row, column] + 0.01, axis=0, weights=weights[clear])
        got = channels[26:39, row, column] + scene.background[:, row, column]
        np.testing.assert_allclose(got, expected, rtol=1e-5)
        assert plane(channels, "nearness")[row, column] == pytest.approx(weights[clear].max())


def test_clouded_date_pixels_do_not_reach_the_network() -> None:
    scene = with_dates(observation())
    garbage = np.where(scene.dates_clear[:, None], scene.dates, 0.9).astype(np.float32)

    np.testing.assert_allclose(
        encode(scene, NAMES, Encoding()),
        encode(dataclasses.replace(scene, dates=garbage), NAMES, Encoding()),
        atol=1e-6,
    )


def test_sar_is_scaled_and_its_gaps_are_said() -> None:
    sar = np.full((2, 40, 48), -12.5, np.float32)
    sar[0, :5] = np.nan
    channels = encode(dataclasses.replace(observation(), sar=sar), NAMES, Encoding())

    assert not plane(channels, "sar")[:5].any()
    assert not plane(channels, "vh")[:5].any()
    assert plane(channels, "sar")[5:].all()
    np.testing.assert_allclose(plane(channels, "vv")[5:], 0.5)
    np.testing.assert_allclose(plane(channels, "vh")[5:], 20 / 32.5, rtol=1e-6)


@pytest.mark.parametrize("bands", [NAMES, ("B8", "B4", "B3", "B2"), ("B4", "B3", "B2")])
def test_reconstruction_has_the_shape_and_bands_of_the_scene(model: str, bands: tuple[str, ...]) -> None:
    results = Generator(model, "cpu")([observation(bands, 37, 51, seed) for seed in range(5)])

    assert len(results) == 5
    for result in results:
        assert result.reflectance.shape == result.uncertainty.shape == (len(bands), 37, 51)
        assert np.isfinite(result.reflectance).all()
        assert (result.uncertainty > 0).all()


def test_bands_in_another_order_give_the_same_bands(model: str) -> None:
    generator = Generator(model, "cpu", precise=True)
    scene = observation(("B2", "B3", "B4", "B8"))
    turned = dataclasses.replace(
        scene, bands=scene.bands[::-1], optical=scene.optical[::-1], background=scene.background[::-1]
    )

    np.testing.assert_array_equal(generator([scene])[0].reflectance, generator([turned])[0].reflectance[::-1])


def window(scene: Observation, rows: slice, columns: slice) -> Observation:
    cut = {
        field.name: value[..., rows, columns]
        for field in dataclasses.fields(scene)
        if isinstance(value := getattr(scene, field.name), np.ndarray) and value.ndim > 1
    }
    return dataclasses.replace(scene, **cut)


@pytest.mark.parametrize("tile", [40, 64])
def test_tiles_equal_the_whole(model: str, tile: int) -> None:
    generator = Generator(model, "cpu", precise=True)
    margin = generator.overlap_px
    scene = with_dates(observation(height=131, width=117))
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


def test_out_of_memory_halves_the_batch(model: str) -> None:
    generator = Generator(model, "cpu")
    generator.batch_size = 8
    reference = generator([observation(seed=seed) for seed in range(8)])
    generator.batch_size = 8
    network = generator._network

    def cramped(x: torch.Tensor) -> torch.Tensor:
        if len(x) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return network(x)

    generator._network = cramped  # type: ignore[assignment]
    results = generator([observation(seed=seed) for seed in range(8)])

    assert generator.batch_size == 2
    for result, expected in zip(results, reference, strict=True):
        np.testing.assert_allclose(result.reflectance, expected.reflectance, atol=0.05)


def test_not_even_one_window_fits(model: str) -> None:
    generator = Generator(model, "cpu")

    def full(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    generator._network = full  # type: ignore[assignment]
    with pytest.raises(DeviceError, match="one window of 48x40 px"):
        generator([observation()])


def test_other_errors_are_not_taken_for_memory(model: str) -> None:
    generator = Generator(model, "cpu")

    def broken(x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes differ")

    generator._network = broken  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="shapes differ"):
        generator([observation()])


def test_required_band_is_named(model: str) -> None:
    with pytest.raises(ModelError, match=r"needs band\(s\) B3"):
        Generator(model, "cpu")([observation(("B2", "B4", "B8"))])


def test_wrong_level_is_named() -> None:
    with pytest.raises(ModelError, match="level L2A"):
        inference.check_fit(dataclasses.replace(CARD, levels=["L2A"]), ["B2", "B3", "B4"], "L1C", True, True)


def test_required_sar_and_dates_are_named() -> None:
    with pytest.raises(ModelError, match="Sentinel-1; other dates"):
        inference.check_fit(
            dataclasses.replace(CARD, sar="required", dates="required"), ["B2", "B3", "B4"], "L1C", False, False
        )


def test_band_that_the_generator_does_not_know_is_named() -> None:
    with pytest.raises(ModelError, match=r"knows no band\(s\) B8"):
        inference.check_fit(
            dataclasses.replace(CARD, bands=["B2", "B3", "B4"]), ["B2", "B3", "B4", "B8"], "L1C", False, False
        )


def test_devices_end_with_the_cpu() -> None:
    assert devices()[-1]["name"] == "cpu"


@pytest.mark.parametrize("name", ["cuda:99", "mps:3", "abacus"])
def test_missing_device_is_named(model: str, name: str) -> None:
    with pytest.raises(DeviceError, match=f"'{name}' was asked for; here are .*cpu"):
        Generator(model, name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is here")
def test_cuda_that_is_missing_is_named(model: str) -> None:
    with pytest.raises(DeviceError, match="'cuda' was asked for"):
        Generator(model, "cuda")


def test_models_are_found_by_name(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MODELS", Path(model).parent)

    assert find_model("tiny") == find_model(model) == model
    assert [(card.name, path) for card, path in installed_models()] == [("tiny", model)]
    with pytest.raises(ModelError, match="'great' is installed; installed: tiny"):
        find_model("great")


def test_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Generator(str(tmp_path / "none.safetensors"), "cpu")


def test_damaged_generator_is_logged_and_stops_nothing_but_its_own_jobs(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Path(model).read_bytes()
    (tmp_path / "fusion.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "tiny.safetensors").write_bytes(whole)
    monkeypatch.setattr(inference, "MODELS", tmp_path)
    assert [path for _, path in inference.installed_models()] == [str(tmp_path / "tiny.safetensors")]
    assert "cut off or damaged" in caplog.text
    with pytest.raises(ModelError, match="cut off or damaged"):
        inference.load_generator("default", "cpu")
