"""Scores of forecasts: closed forms, and that the right forecast is called right."""

import math

import numpy as np
import pytest

from twin.accounting.scoring import Verified, crps, interval, pit, pit_verdict, score


def rng(*key: int) -> np.random.Generator:
    return np.random.default_rng([2026, *key])


def test_crps_of_a_normal_sample_has_its_closed_form() -> None:
    """E|X − y| − E|X − X'| / 2 of N(0, 1) at 0 is (√2 − 1) / √π."""
    sample = rng(1).standard_normal(20_000)
    assert crps(sample, 0.0) == pytest.approx((math.sqrt(2) - 1) / math.sqrt(math.pi), abs=0.006)


def test_crps_is_fair_to_small_samples() -> None:
    """On average a sample of three scores what a large one does."""
    luck = rng(2)
    small = [crps(luck.standard_normal(3), y) for y in luck.standard_normal(20_000)]
    assert np.mean(small) == pytest.approx(1 / math.sqrt(math.pi), abs=0.02)


def test_crps_by_hand() -> None:
    assert crps(np.array([1.0, 3.0]), 2.0) == pytest.approx(1.0 - 1.0)
    assert crps(np.array([1.0, 3.0]), 6.0) == pytest.approx(4.0 - 1.0)


def test_an_interval_holds_a_new_draw_as_often_as_it_says_whatever_the_size() -> None:
    luck, inside = rng(3), 0
    for _ in range(4000):
        draw = luck.exponential(size=20)
        low, high = interval(draw[:19], 0.9)
        inside += low <= draw[19] <= high
    assert inside / 4000 == pytest.approx(0.9, abs=0.015)


def test_the_pit_of_counts_is_spread_evenly() -> None:
    luck = rng(4)
    places = [pit(luck.poisson(2.0, 50), luck.poisson(2.0), luck.random()) for _ in range(1000)]
    verdict, ks_p, chi2_p = pit_verdict(places)
    assert verdict == "even"
    assert min(ks_p, chi2_p) > 0.01


@pytest.mark.parametrize(
    ("shift", "spread", "verdict"),
    [(0.0, 0.4, "too narrow"), (0.0, 3.0, "too wide"), (1.5, 1.0, "too high"),
     (-1.5, 1.0, "too low")],
)  # fmt: skip
def test_a_wrong_forecast_is_called_by_its_fault(shift: float, spread: float, verdict: str) -> None:
    luck = rng(5)
    places = [
        pit(shift + spread * luck.standard_normal(99), luck.standard_normal(), 0.5)
        for _ in range(200)
    ]
    assert pit_verdict(places)[0] == verdict


def test_few_forecasts_say_nothing_about_the_pit() -> None:
    assert pit_verdict([0.1, 0.9, 0.5])[0] == "too few"


def a_case(samples: list[float], actual: float, **naive: float) -> Verified:
    return Verified(np.array(samples), actual, naive, np.array([actual + 4.0]))


def test_a_score_by_hand() -> None:
    """Two weeks, forecasts exact but for 1 in the second; the naive one errs 2 and 4."""
    cases = [a_case([10.0], 10.0, last=12.0), a_case([9.0], 10.0, last=14.0)]
    found = score([cases])
    assert found.mean_error == pytest.approx(-0.05)
    assert found.mape == pytest.approx(0.05)
    assert found.crps == pytest.approx(0.05)
    assert found.naive_crps == pytest.approx({"last": 0.3})
    assert found.skill == pytest.approx(1 - 0.5 / 3)
    assert found.skill_spread == pytest.approx(1 - 0.5 / 4)
    assert found.coverage[0.9] == 0.5


def test_the_naive_forecaster_that_did_best_is_the_one_to_beat() -> None:
    """For each figure its own, by hindsight."""
    first = [a_case([10.0], 11.0, last=12.0, mean=20.0)]
    second = [a_case([10.0], 11.0, last=30.0, mean=13.0)]
    found = score([first, second])
    assert found.skill == pytest.approx(1 - 2 / 3)


def test_a_range_alone_is_skill_in_crps_and_none_in_error() -> None:
    luck = rng(6)
    cases = [
        Verified(luck.standard_normal(400) + 50, 50 + luck.standard_normal(), {"last": 50.0})
        for _ in range(300)
    ]
    found = score([cases])
    assert found.skill == pytest.approx(1 - 1 / math.sqrt(2), abs=0.03)
    assert found.error_skill == pytest.approx(0.0, abs=0.02)


def test_figures_weigh_by_their_size() -> None:
    small, large = a_case([2.0], 1.0, last=2.0), a_case([900.0], 999.0, last=2000.0)
    found = score([[small], [large]])
    assert found.mean_error == pytest.approx(-98 / 1000)
    assert found.crps == pytest.approx(100 / 1000)


def test_a_figure_of_zeros_counts_as_it_is() -> None:
    found = score([[a_case([0.5], 0.0, last=1.0)]])
    assert (found.crps, found.mean_error) == (0.5, 0.5)
    assert math.isnan(found.mape)
    assert found.to_dict()["mape"] is None


def test_nothing_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="no forecast"):
        score([])
