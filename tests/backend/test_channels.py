"""Observations become channels without lies, and channels reconstructions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unclouded.backend.background import TYPICAL_VARIABILITY
from unclouded.backend.channels import NEARNESS_DAYS, decode, encode, gather
from unclouded.backend.encoding import UNKNOWN_DAYS, Encoding
from unclouded.backend.errors import ModelError
from unclouded.backend.matching import UNKNOWN_ERROR
from unclouded.backend.models.fusion import PLANES
from unclouded.backend.observation import Observation
from unclouded.backend.sensors import NAMES

from .observations import observation, other_clouds_on_dates, stored, with_dates, with_sar
from .test_encoding import ALL, BANDS, DSEN2CR, TANH


def plane(channels: np.ndarray, name: str) -> np.ndarray:
    return channels[5 * len(NAMES) + PLANES.index(name)]


def matched(seen: Observation) -> Observation:
    """The same with dates that were moved, and how wrong they are expected to be."""
    errors = np.random.default_rng(4).uniform(0.01, 0.1, seen.dates_clear.shape).astype(np.float32)
    return dataclasses.replace(seen, dates_matched=seen.dates + np.float32(0.01), dates_error=errors)


def reordered(seen: Observation, order: np.ndarray) -> Observation:
    return dataclasses.replace(
        seen,
        bands=tuple(seen.bands[index] for index in order),
        optical=seen.optical[order],
        background=seen.background[order],
        dates=None if seen.dates is None else seen.dates[:, order],
    )


class TestFusion:
    def test_missing_things_are_zero_and_said_to_be_missing(self) -> None:
        channels = encode(observation(("B4", "B8", "B2")), NAMES, Encoding())
        absent = [index for index, name in enumerate(NAMES) if name not in ("B2", "B4", "B8")]

        np.testing.assert_array_equal(channels[-13:, 0, 0], [name in ("B2", "B4", "B8") for name in NAMES])
        for first in (0, 13, 26, 39, 52):
            assert not channels[first : first + 13][absent].any()
        for name in ("candidate", "nearness", "spread", "error", "sar", "vv", "vh", "l2a"):
            assert not plane(channels, name).any()

    def test_order_of_the_scene_bands_does_not_matter(self) -> None:
        forward = with_dates(observation())
        mixed = reordered(forward, np.random.default_rng(3).permutation(13))

        np.testing.assert_allclose(encode(forward, NAMES, Encoding()), encode(mixed, NAMES, Encoding()), atol=1e-6)

    def test_unmeasured_pixels_give_nothing(self) -> None:
        scene = observation()
        other = dataclasses.replace(scene, optical=np.where(scene.valid, scene.optical, 7).astype(np.float32))

        np.testing.assert_array_equal(encode(scene, NAMES, Encoding()), encode(other, NAMES, Encoding()))

    def test_candidate_is_the_weighted_mean_of_clear_dates(self) -> None:
        scene = matched(with_dates(observation()))
        channels = encode(scene, NAMES, Encoding())
        weights = 1 / (1 + np.abs(scene.days) / NEARNESS_DAYS)

        for row, column in [(3, 4), (10, 20), (33, 47), (5, 41)]:
            clear = scene.dates_clear[:, row, column]
            if not clear.any():
                assert plane(channels, "candidate")[row, column] == 0
                continue
            errors = scene.dates_error[clear, row, column]
            shares = weights[clear] / errors**2
            expected = np.average(scene.dates_matched[clear][:, :, row, column], axis=0, weights=shares)
            got = channels[26:39, row, column] + scene.background[:, row, column]
            np.testing.assert_allclose(got, expected, rtol=1e-5)
            assert plane(channels, "nearness")[row, column] == pytest.approx(weights[clear].max())
            assert plane(channels, "error")[row, column] == pytest.approx(np.average(errors, weights=shares))

    def test_dates_that_nobody_matched_are_taken_as_they_are_with_a_large_error(self) -> None:
        scene = with_dates(observation(), 1)
        channels, clear = encode(scene, NAMES, Encoding()), scene.dates_clear[0]

        np.testing.assert_allclose((channels[26:39] + scene.background)[:, clear], scene.dates[0][:, clear], atol=1e-6)
        np.testing.assert_allclose(plane(channels, "error"), UNKNOWN_ERROR * clear, rtol=1e-6)

    def test_the_region_is_told_relative_to_the_background(self) -> None:
        plain = observation()
        known = dataclasses.replace(plain, regional=plain.background + 1, variability=2 * plain.background)

        for scene, mean, deviation in ((plain, 0, TYPICAL_VARIABILITY), (known, 1, 2 * plain.background)):
            channels = encode(scene, NAMES, Encoding())
            np.testing.assert_allclose(channels[39:52], mean, atol=1e-6)
            np.testing.assert_allclose(channels[52:65], np.broadcast_to(deviation, (13, 40, 48)), rtol=1e-6)

    def test_clouded_date_pixels_do_not_reach_the_network(self) -> None:
        scene = matched(with_dates(observation()))

        np.testing.assert_array_equal(
            encode(scene, NAMES, Encoding()), encode(other_clouds_on_dates(scene), NAMES, Encoding())
        )

    def test_sar_is_scaled_and_its_gaps_are_said(self) -> None:
        sar = np.full((2, 40, 48), -12.5, np.float32)
        sar[0, :5] = np.nan
        channels = encode(dataclasses.replace(observation(), sar=sar), NAMES, Encoding())

        assert not plane(channels, "sar")[:5].any()
        assert not plane(channels, "vh")[:5].any()
        assert plane(channels, "sar")[5:].all()
        np.testing.assert_allclose(plane(channels, "vv")[5:], 0.5)
        np.testing.assert_allclose(plane(channels, "vh")[5:], 20 / 32.5, rtol=1e-6)


class TestFrames:
    def test_dsen2_cr_scales_as_published(self) -> None:
        digital_numbers = np.array([0, 500, 10000, 14000], np.float32)
        backscatter = np.array([[-30, -25, -12.5, 0, 3], [-40, -32.5, -16.25, 0, 3]], np.float32)
        seen = dataclasses.replace(observation(("B4",), 1, 5), sar=backscatter[:, None])

        np.testing.assert_allclose(DSEN2CR.to_units(digital_numbers / 10000), [0, 0.25, 5, 5], rtol=1e-6)
        sar = encode(seen, ["B4"], DSEN2CR)[1:]
        np.testing.assert_allclose(sar[:, 0], [[0, 0, 1, 2, 2]] * 2)

    def test_channels_of_every_frame_stand_in_the_order_of_the_docstring(self) -> None:
        seen = with_sar(with_dates(observation(BANDS)))
        sar = encode(seen, BANDS, dataclasses.replace(ALL, frames=1))[4:6]
        expected = []
        for image, clear, day in zip(
            [seen.optical, *seen.dates], [seen.clear, *seen.dates_clear], [0, *seen.days], strict=True
        ):
            expected += [*ALL.to_units(image), *sar, ~clear, np.full(clear.shape, day)]

        channels = encode(seen, BANDS, ALL)

        assert channels.dtype == np.float32
        assert len(channels) == ALL.in_channels(4) == 3 * 8
        np.testing.assert_array_equal(channels, np.stack(expected))

    def test_missing_backscatter_becomes_the_lower_limit(self) -> None:
        sar = encode(with_sar(observation(BANDS)), BANDS, ALL)[4:6]

        assert (sar[:, :5] == -1).all()
        assert ((sar >= -1) & (sar <= 1)).all()
        assert sar[:, 5:].max() > 0

    def test_a_scene_without_backscatter_is_refused_where_it_is_needed(self) -> None:
        with pytest.raises(ModelError, match="needs Sentinel-1"):
            encode(observation(BANDS), BANDS, DSEN2CR)

    @pytest.mark.parametrize(("given", "used"), [(0, 0), (1, 1), (2, 2), (4, 2)])
    def test_there_are_as_many_frames_as_dates_but_not_more_than_wanted(self, given: int, used: int) -> None:
        seen = with_sar(observation(BANDS))
        if given:
            seen = with_dates(seen, given)

        channels = encode(seen, BANDS, ALL)

        assert len(channels) == (1 + used) * 8
        for frame in range(1, 1 + used):
            np.testing.assert_array_equal(channels[8 * frame : 8 * frame + 4], ALL.to_units(seen.dates[frame - 1]))

    def test_another_floor_of_vh_leaves_vv_alone(self) -> None:
        seen = with_sar(observation(BANDS))
        plain, other = (
            encode(seen, BANDS, dataclasses.replace(DSEN2CR, vh_floor_db=floor))[4:] for floor in (-32.5, -25)
        )
        vh = np.clip(np.nan_to_num(seen.sar[1], nan=-99.0), -25, 0)

        np.testing.assert_array_equal(other[0], plain[0])
        np.testing.assert_allclose(other[1], 2 * (vh + 25) / 25, atol=1e-5)

    def test_days_may_be_those_of_a_calendar(self) -> None:
        seen = with_dates(observation(BANDS))
        plain, other = (
            encode(seen, BANDS, dataclasses.replace(ALL, image_day=day, sar_range=None)) for day in (0, 1552)
        )
        days = [5, 11, 17]

        np.testing.assert_array_equal(other[days], plain[days] + 1552)
        np.testing.assert_array_equal(np.delete(other, days, 0), np.delete(plain, days, 0))

    def test_dates_without_a_day_get_the_assumed_one(self) -> None:
        seen = dataclasses.replace(with_sar(with_dates(observation(BANDS))), days=None)

        assert [plane[0, 0] for plane in encode(seen, BANDS, ALL)[7::8]] == [0, UNKNOWN_DAYS, UNKNOWN_DAYS]

    def test_clouds_of_other_dates_are_shown_as_measured(self) -> None:
        seen = with_sar(with_dates(observation(BANDS)))
        bright = ~seen.dates_clear & (seen.dates[:, 0] == np.float32(0.9))
        frames = encode(seen, BANDS, ALL).reshape(3, 8, *seen.valid.shape)

        assert bright.any()
        np.testing.assert_allclose(frames[1:, 0][bright], 0.8, rtol=1e-6)
        assert (frames[1:, 6][bright] == 1).all()

    @given(st.permutations(range(4)))
    def test_order_of_the_scene_bands_does_not_matter(self, order: list[int]) -> None:
        seen = with_sar(with_dates(observation(BANDS, 6, 5)))

        np.testing.assert_array_equal(encode(reordered(seen, np.array(order)), BANDS, ALL), encode(seen, BANDS, ALL))


class TestDecoding:
    SLOTS = [3, 2, 0]
    """Three of the network's four bands, in another order."""

    @staticmethod
    def output(channels: int) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng(5).uniform(0.1, 1, (channels, 5, 6)).astype(np.float32))

    def test_laplace_gives_reflectance_and_its_standard_deviation(self) -> None:
        output = self.output(8)
        reflectance, errors = decode(output, self.SLOTS, 4, Encoding())

        np.testing.assert_array_equal(reflectance, output[self.SLOTS])
        np.testing.assert_allclose(errors, 2**0.5 * output[4:][self.SLOTS], rtol=1e-6)

    def test_image_gives_reflectance_and_knows_no_errors(self) -> None:
        output = 2 * self.output(4) - 1
        reflectance, errors = decode(output, self.SLOTS, 4, TANH)

        np.testing.assert_allclose(reflectance, (output[self.SLOTS] + 1) / 2, atol=1e-6)
        assert errors is None

    def test_gaussian_gives_reflectance_and_the_root_of_its_variance_in_reflectance(self) -> None:
        output = self.output(8)
        reflectance, errors = decode(output, self.SLOTS, 4, dataclasses.replace(DSEN2CR, output="gaussian"))

        np.testing.assert_allclose(reflectance, output[self.SLOTS] / 5, rtol=1e-6)
        np.testing.assert_allclose(errors, output[4:][self.SLOTS].sqrt() / 5, rtol=1e-6)

    @pytest.mark.parametrize("encoding", [Encoding(), dataclasses.replace(TANH, output="gaussian")])
    def test_spread_widens_what_the_network_says_of_its_errors(self, encoding: Encoding) -> None:
        plain, narrow = decode(self.output(8), self.SLOTS, 4, encoding)
        same, wide = decode(self.output(8), self.SLOTS, 4, dataclasses.replace(encoding, spread=1.5))

        np.testing.assert_array_equal(same, plain)
        np.testing.assert_allclose(wide, 1.5 * narrow, rtol=1e-6)


class TestStored:
    """What the files hold gives the same channels as its reflectance."""

    @pytest.mark.parametrize(("bands", "encoding"), [(NAMES, Encoding()), (BANDS, ALL)])
    @pytest.mark.parametrize("count", [0, 2])
    def test_numbers_give_the_channels_of_their_reflectance(
        self, bands: tuple[str, ...], encoding: Encoding, count: int
    ) -> None:
        scene = stored(bands[::-1], count)

        np.testing.assert_allclose(
            encode(scene, bands, encoding), encode(scene.opened(), bands, encoding), rtol=1e-5, atol=1e-6
        )

    def test_a_tenth_of_the_bytes_crosses_the_bus(self) -> None:
        scene = stored(NAMES, 0, side=256)
        sent = sum(array.nbytes for array in gather(scene, Encoding()).values())

        assert sent < encode(scene, NAMES, Encoding()).nbytes / 9

    def test_some_of_the_bands_are_those_of_the_opened_observation(self) -> None:
        scene = stored(NAMES, 2)
        some, expected = scene.only(BANDS), scene.opened().only(BANDS)

        for field in dataclasses.fields(Observation):
            np.testing.assert_array_equal(getattr(some, field.name), getattr(expected, field.name))
