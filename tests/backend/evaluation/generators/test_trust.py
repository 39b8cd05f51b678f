"""Coverage and rank correlation by band and thickness are those of the pixels, and intervals draw whole places."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from unclouded.backend.datasets.samples import Sample
from unclouded.backend.evaluation.generators.trust import THICKNESS, Trust, of_cases, tally
from unclouded.backend.evaluation.generators.trust_tables import BY_BAND, BY_THICKNESS, trust_tables
from unclouded.backend.evaluation.reports.report import as_text
from unclouded.backend.observation import Observation, Reconstruction

BANDS = ("B2", "B8")
SIDE_PX = 60
LEFT = np.zeros((SIDE_PX, SIDE_PX), bool)
LEFT[:, :30] = True


def case(seed: int, scale: float = 1.0, thin: float = 0.05, thick: float = 0.5) -> tuple[Reconstruction, Sample]:
    """Errors of a normal distribution, whose spread is told rightly (or by a factor wrong) and differs by pixel."""
    rng = np.random.default_rng(seed)
    truth = np.full((2, SIDE_PX, SIDE_PX), 0.3, np.float32)
    spread = np.exp(rng.uniform(np.log(0.003), np.log(0.05), truth.shape)).astype(np.float32)
    image = truth + spread * rng.standard_normal(truth.shape).astype(np.float32)
    everywhere = np.ones(LEFT.shape, bool)
    optical = truth + np.where(LEFT, np.float32(thin), np.float32(thick))
    seen = Observation(BANDS, "L2A", optical, everywhere, everywhere, truth)
    return Reconstruction(image, spread * np.float32(scale)), Sample(seen, truth, everywhere)


def trust(*cases: tuple[Reconstruction, Sample], groups: list[str] | None = None) -> Trust:
    return of_cases([tally(*each) for each in cases], groups or [str(number) for number in range(len(cases))])


def test_what_is_told_rightly_holds_what_it_promises() -> None:
    found = trust(case(0), case(1))
    for figure in (found.coverage(), found.coverage("B2"), found.coverage(thickness="thick")):
        assert figure.mean == pytest.approx(0.9, abs=0.015)
    assert (found.share("thin"), found.share("thick"), found.share("medium")) == (0.5, 0.5, 0.0)
    assert np.isnan(found.coverage("B4").mean)
    assert np.isnan(found.coverage(thickness="medium").mean)


def test_bands_and_thicknesses_count_their_own_pixels_only() -> None:
    made, sample = case(0)
    made.uncertainty[1] = 1.0
    made.uncertainty[0, :, :30] = 1e-9
    found = trust((made, sample))
    assert found.coverage("B8").mean == 1
    assert found.coverage("B2", "thin").mean == pytest.approx(0, abs=0.002)
    assert found.coverage("B2", "thick").mean == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    ("change", "kind"), [(-0.05, "darker"), (0.0, "barely"), (0.05, "thin"), (0.2, "medium"), (0.4, "thick")]
)
def test_thickness_is_by_how_much_the_cloud_brightens(change: float, kind: str) -> None:
    found = trust(case(0, thin=change, thick=change))
    assert {name: found.share(name) for name in THICKNESS} == dict.fromkeys(THICKNESS, 0.0) | {kind: 1.0}


def test_rank_correlation_is_that_of_the_pixels() -> None:
    cases = [case(0), case(1)]
    errors = np.concatenate([np.abs(made.reflectance - sample.truth).ravel() for made, sample in cases])
    spreads = np.concatenate([made.uncertainty.ravel() for made, _ in cases])
    assert trust(*cases).rank_correlation().mean == pytest.approx(spearmanr(errors, spreads).statistic, abs=0.01)


def test_pixels_without_uncertainty_and_clear_ones_do_not_count() -> None:
    made, sample = case(0)
    made.uncertainty[:, :10] = np.nan
    sample.observation.cloud[20:] = False
    assert trust((made, sample)).measured.sum() == 2 * 10 * SIDE_PX


def test_intervals_draw_places_and_not_cases() -> None:
    cases = [case(number, scale=0.5 if number < 2 else 2.0) for number in range(4)]
    of_two = trust(*cases, groups=["a", "a", "b", "b"])
    low, high = (trust(case(0, scale)).coverage().mean for scale in (0.5, 2.0))
    for figure in (of_two.coverage(), of_two.coverage("B2", "thin")):
        assert figure.groups == 2
        assert figure.low == pytest.approx(low, abs=0.03)
        assert figure.high == pytest.approx(high, abs=0.03)
    rank = of_two.rank_correlation()
    assert rank.low <= rank.mean <= rank.high or rank.mean == pytest.approx(rank.low, abs=0.05)
    assert np.isnan(trust(cases[0]).coverage().low)


def test_tables_name_what_was_measured() -> None:
    thickness, bands = trust_tables({"tiny": trust(case(0), case(1))})
    assert (thickness.key, bands.key) == (BY_THICKNESS, BY_BAND)
    assert [column.key for column in thickness.columns] == ["all", "thin", "thick", "thin_share", "thick_share", "rank"]
    assert [column.key for column in bands.columns] == ["B2", "B8"]
    assert "thin 0.02 to 0.1; thick from 0.25" in thickness.note
    assert "0.9" in as_text(bands)
