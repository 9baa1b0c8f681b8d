"""Times from rounded stamps and from histograms: the law comes out as if they had been exact."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

from twin.calibration.binned import fit_histogram, held_out, histogram
from twin.calibration.fit_times import (
    Fitted,
    Stamped,
    choose,
    compare,
    fit_law,
    fit_p_value,
    log_likelihood,
)
from twin.calibration.stamps import grain_of, rounding_width
from twin.calibration.time_laws import GAMMA, LAWS, LOGNORMAL, WEIBULL, TimeLaw
from twin.model.horizon import Array

THETA = {"lognormal": (0.3, -1.0), "gamma": (0.3, 1.5), "weibull": (0.3, 1.0)}
THETAS = [*THETA.items(), ("exponential", (0.3, 0.0))]


@pytest.mark.parametrize(("name", "theta"), THETAS)
def test_distribution_and_integral_belong_to_the_density(
    name: str, theta: tuple[float, float]
) -> None:
    law = LAWS[name]
    grid = np.linspace(1e-9, 4.0, 40_001)
    area = integrate.cumulative_trapezoid(law.density(grid, theta), grid, initial=0)
    assert law.cumulative(grid, theta) == pytest.approx(area, abs=2e-4)
    area = integrate.cumulative_trapezoid(law.cumulative(grid, theta), grid, initial=0)
    assert law.integral(grid, theta) == pytest.approx(area, abs=2e-4)


@pytest.mark.parametrize("law", [LOGNORMAL, GAMMA, WEIBULL])
def test_slopes_are_those_of_the_distribution(law: TimeLaw) -> None:
    x, step = np.array([0.5, 1.0, 2.0]), 1e-5
    by_mean, by_spread = law.slopes(x, 0.2, 0.4)
    up, down = (law.cumulative(x, law.start(0.2 + s, 0.4)) for s in (step, -step))
    assert by_mean == pytest.approx((up - down) / (2 * step), rel=1e-3)
    up, down = (law.cumulative(x, law.start(0.2, 0.4 * np.exp(s))) for s in (step, -step))
    assert by_spread == pytest.approx((up - down) / (2 * step), rel=1e-3)


def stamped(seed: int, n: int, median: float, sigma: float, grain: float = 1.0) -> Stamped:
    """Lognormal times between two stamps cut to a grid."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 1e5, n)
    times = median * np.exp(rng.normal(0, sigma, n))
    cut = (np.floor((start + times) / grain) - np.floor(start / grain)) * grain
    return Stamped(cut, np.full(n, grain))


def test_minute_stamps_give_back_the_spread_that_they_hide() -> None:
    """Of 3 ± 0.3 min: stamps alone spread by 0.41 min."""
    seen = stamped(1, 20_000, 3.0, 0.1)
    (location, log_sigma), _ = fit_law(LOGNORMAL, seen, (1.1, -1.5))
    assert np.exp(location) == pytest.approx(3.0, rel=0.005)
    assert np.exp(log_sigma) == pytest.approx(0.1, rel=0.05)
    assert np.std(np.log(np.maximum(seen.values, 0.5))) > 0.15


def test_probabilities_of_all_rounded_values_add_up_to_one() -> None:
    seen = Stamped(np.arange(0, 200.0), np.ones(200))
    assert seen.likelihood(LOGNORMAL, (1.5, -0.5)).sum() == pytest.approx(1.0, abs=1e-6)
    below, up_to = seen.levels(LOGNORMAL, (1.5, -0.5))
    assert up_to - below == pytest.approx(seen.likelihood(LOGNORMAL, (1.5, -0.5)), abs=1e-9)


def test_the_test_of_fit_does_not_mind_ties() -> None:
    """Of forty rounded samples of the law itself, few are refused."""
    refused = 0
    for seed in range(40):
        seen = stamped(seed, 500, 5.0, 0.2)
        theta, loglik = fit_law(LOGNORMAL, seen, (1.6, -1.6))
        p_value = fit_p_value(seen, Fitted(LOGNORMAL, theta, loglik, 2, 500.0), None)
        assert p_value is not None
        refused += p_value < 0.05
    assert refused <= 6


def test_the_test_of_fit_refuses_another_law() -> None:
    seen = stamped(3, 3000, 5.0, 0.5)
    theta, loglik = fit_law(WEIBULL, seen, WEIBULL.start(1.6, 0.5))
    p_value = fit_p_value(seen, Fitted(WEIBULL, theta, loglik, 2, 3000.0), None)
    assert p_value is not None
    assert p_value < 0.001


@pytest.mark.parametrize("law", [LOGNORMAL, GAMMA])
def test_the_true_law_is_chosen_among_many_and_the_written_one_among_few(law: TimeLaw) -> None:
    rng = np.random.default_rng(4)

    def draw(n: int) -> Array:
        return np.exp(rng.normal(0, 0.5, n)) if law is LOGNORMAL else rng.gamma(4.0, 0.25, n)

    for n, first in ((4000, law.name), (25, "lognormal")):
        seen = Stamped(draw(n), np.zeros(n))
        fits = compare(seen, [LOGNORMAL, GAMMA, WEIBULL], (0.0, 0.5), None)
        assert choose(fits, "lognormal", ("lognormal", "gamma"))[0].law.name == first
        assert all(f.held_out is not None for f in fits)


@pytest.mark.parametrize(("cut", "grain"), [("1min", 1.0), ("1s", 1 / 60), ("15min", 15.0)])
def test_the_grid_of_stamps_is_found(cut: str, grain: float, begin: Any) -> None:
    rng = np.random.default_rng(5)
    times = pd.Series([begin + timedelta(minutes=float(m)) for m in rng.uniform(0, 1e4, 200)])
    assert grain_of(times.dt.floor(cut)) == pytest.approx(grain)
    assert grain_of(times) == 0.0
    assert grain_of(times.dt.floor(cut)[:10]) == 0.0


def test_a_time_of_two_stretches_is_rounded_twice() -> None:
    assert rounding_width(1.0, np.array([1, 2])) == pytest.approx([1.0, 2**0.5])


# --- histograms ---


def drawn_histogram(seed: int, n: int, stops: float) -> tuple[Any, Any]:
    """Cycles of 1.2 s ± 3 %, some with a stop, in classes as wide as a stroke a minute."""
    rng = np.random.default_rng(seed)
    times = 1.2 * np.exp(rng.normal(0, 0.03, n))
    times += np.where(rng.random(n) < stops, rng.exponential(1.2, n) + 0.4, 0.0)
    edges = 60 / np.arange(179, 3, -1.0)
    return edges, np.histogram(times, edges)[0].astype(float)


def test_a_histogram_gives_back_plain_cycle_and_stops() -> None:
    edges, counts = drawn_histogram(6, 20_000, 0.06)
    best = fit_histogram(histogram(edges, counts))[0]
    assert best.location == pytest.approx(1.2, rel=0.003)
    assert best.sigma == pytest.approx(0.03, rel=0.1)
    assert best.stop_share == pytest.approx(0.06, rel=0.15)


def test_probabilities_tell_what_counts_tell() -> None:
    edges, counts = drawn_histogram(7, 5000, 0.05)
    shares = np.floor(counts / counts.sum() * 1e4) / 1e4
    by_count, by_share = (fit_histogram(histogram(edges, v))[0] for v in (counts, shares))
    assert by_share.location == pytest.approx(by_count.location, rel=0.002)
    assert by_share.stop_share == pytest.approx(by_count.stop_share, rel=0.2)
    assert not histogram(edges, shares).is_counted


def test_the_mixture_foretells_the_other_half_better_than_one_law() -> None:
    found = histogram(*drawn_histogram(8, 3000, 0.08))
    fits = fit_histogram(found)
    alone = min((f for f in fits if len(f.parts) == 1), key=lambda f: f.aicc)
    best, single = held_out(found, fits[0]), held_out(found, alone)
    assert best is not None
    assert single is not None
    assert best > single + 0.1


def test_two_speeds_are_told_apart() -> None:
    rng = np.random.default_rng(9)
    times = np.where(rng.random(9000) < 0.3, 0.8, 1.0) * np.exp(rng.normal(0, 0.02, 9000))
    edges = 60 / np.arange(179, 3, -1.0)
    found = histogram(edges, np.histogram(times, edges)[0].astype(float))
    first, second = fit_histogram(found)[0].speeds[:2]
    assert np.exp(first.mean_log) == pytest.approx(1.0, rel=0.01)
    assert np.exp(second.mean_log) == pytest.approx(0.8, rel=0.01)
    assert second.share == pytest.approx(0.3, abs=0.02)


def test_one_full_class_is_enough_for_a_fit() -> None:
    best = fit_histogram(histogram(np.array([1.0, 1.1, 1.2]), np.array([0.0, 1.0])))[0]
    assert 1.1 <= best.location <= 1.2


@pytest.mark.parametrize(
    ("edges", "values"),
    [([1, 2, 2], [1, 1]), ([1, 2, 3], [0, 0]), ([1, 2, 3], [1, -1]), ([1, 2], [1, 1]),
     ([1, 2, 3], [1, float("nan")])],
)  # fmt: skip
def test_what_is_no_histogram_is_refused(edges: list[float], values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"edges|class"):
        histogram(np.array(edges), np.array(values))


def test_the_likelihood_counts_every_observation() -> None:
    seen = Stamped(np.array([1.0, 2.0]), np.zeros(2))
    each = seen.likelihood(LOGNORMAL, (0.0, 0.0))
    assert log_likelihood(seen, LOGNORMAL, (0.0, 0.0)) == pytest.approx(np.log(each).sum())
