"""A file is read as it is, or named with what is wrong with it."""

from pathlib import Path

import numpy as np
import pytest

from unclouded.backend.datasets.files import check_sizes, read_bands, read_optical, read_rgb, read_sar
from unclouded.backend.errors import UnreadableSample

from .fakes import ground, radar, screen, write


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 255, (count, 64, 64)).astype(np.uint8)


def cut_off(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.jpg"])
def test_file_that_was_cut_off_is_named(tmp_path: Path, name: str) -> None:
    path = cut_off(write(tmp_path / name, noise(3)))

    with pytest.raises(UnreadableSample, match=name) as caught:
        read_rgb(path)
    assert "on_bad_file: skip" in caught.value.hint


def test_missing_empty_and_foreign_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "empty.tif").touch()
    (tmp_path / "text.tif").write_text("no raster")

    for name, reason in (("gone.tif", "no such file"), ("empty.tif", "it is empty"), ("text.tif", "not recognized")):
        with pytest.raises(UnreadableSample, match=f"{name} cannot serve for training: .*{reason}"):
            read_optical(tmp_path / name, 13)


def test_wrong_number_of_bands_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", ground(12))

    with pytest.raises(UnreadableSample, match="13 bands were expected, it has 12"):
        read_optical(path, 13)
    assert len(read_bands(path, None)) == 12


def test_nothing_measured_is_no_black_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", ground() * 0)

    with pytest.raises(UnreadableSample, match="no measured pixel"):
        read_optical(path, 13)
    with pytest.raises(UnreadableSample, match="no measured pixel"):
        read_sar(write(tmp_path / "s1.tif", radar() * np.float32(np.nan)))
    assert not read_optical(path, 13, may_be_empty=True).any()


def test_numbers_become_reflectance_and_decibels(tmp_path: Path) -> None:
    stored = ground(4).astype(np.float32)
    stored[:, 0, 0] = np.nan
    backscatter = radar()
    backscatter[:, 0, 0], backscatter[0, 1, 1] = 0, -np.inf

    optical = read_optical(write(tmp_path / "a.tif", stored), 4)
    sar = read_sar(write(tmp_path / "s1.tif", backscatter))

    np.testing.assert_allclose(optical[:, 1:], ground(4)[:, 1:] / 10000, rtol=1e-6)
    assert not optical[:, 0, 0].any()
    assert np.isnan(sar[:, [0, 1], [0, 1]]).all()
    assert (sar[1, 2:] == -18).all()


def test_alpha_is_no_band(tmp_path: Path) -> None:
    image = np.concatenate([screen(ground()), np.full((1, 32, 32), 255, np.uint8)])

    np.testing.assert_allclose(read_rgb(write(tmp_path / "a.png", image)), image[:3] / 255, rtol=1e-6)


def test_files_of_different_sizes_are_refused() -> None:
    with pytest.raises(UnreadableSample, match="b cannot serve for training: it is 5 x 4 px, a is 4 x 4 px"):
        check_sizes({"a": np.zeros((13, 4, 4)), "b": np.zeros((2, 4, 5))})
