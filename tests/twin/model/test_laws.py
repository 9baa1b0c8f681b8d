"""Laws of a duration: their mean, hazard and inverse CDF tell one story."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from twin.model.laws import (
    Constant,
    Empirical,
    Exponential,
    Gamma,
    Histogram,
    Law,
    Lognormal,
    Weibull,
    remaining_life,
    variation,
)

SMOOTH: list[Law] = [
    Exponential(scale=100), Weibull(shape=2.5, scale=1000), Weibull(shape=0.8, scale=50),
    Lognormal(median=60, sigma=0.6), Gamma(shape=4, scale=25), Gamma(shape=0.4, scale=300),
    Gamma(shape=900, scale=0.1),
]  # fmt: skip
HISTOGRAM = Histogram(edges=(10, 20, 30, 60, 100), counts=(0, 3, 0, 5))
EMPIRICAL = Empirical(values=(30, 10, 25, 10, 90))
EVERY: list[Law] = [*SMOOTH, HISTOGRAM, EMPIRICAL, Constant(value=70)]

levels = st.floats(0, 1, exclude_max=True)


def name(law: Law) -> str:
    return f"{law.law} {law.mean:.4g}"


def distribution(law: Law, t: float) -> float:
    return -math.expm1(-law.cumulative_hazard(t))


@pytest.mark.parametrize("law", SMOOTH, ids=name)
def test_the_hazard_of_a_quantile_is_its_minus_log_survival(law: Law) -> None:
    for u in (0.01, 0.5, 0.99):
        assert law.cumulative_hazard(law.quantile(u)) == pytest.approx(-math.log(1 - u), rel=1e-9)


@pytest.mark.parametrize("law", EVERY, ids=name)
def test_a_life_by_its_hazard_is_a_life_by_its_quantile(law: Law) -> None:
    for u in (0.003, 0.21, 0.55, 0.77, 0.998):
        assert law.inverse_hazard(-math.log1p(-u)) == pytest.approx(law.quantile(u), rel=1e-9)


@pytest.mark.parametrize("law", EVERY, ids=name)
def test_the_mean_and_the_variation_are_those_of_the_quantiles(law: Law) -> None:
    """Midpoints of 20 000 levels; the heaviest tail loses most beyond the last of them."""
    drawn = np.array([law.quantile(u) for u in ((np.arange(20_000) + 0.5) / 20_000).tolist()])
    assert drawn.mean() == pytest.approx(law.mean, rel=2e-3)
    assert drawn.std() / drawn.mean() == pytest.approx(variation(law), rel=1e-2, abs=1e-9)


@pytest.mark.parametrize("law", EVERY, ids=name)
@given(one=levels, other=levels)
@settings(max_examples=50, deadline=None)
def test_quantiles_increase(law: Law, one: float, other: float) -> None:
    low, high = law.quantile(min(one, other)), law.quantile(max(one, other))
    assert 0 <= low <= high * (1 + 1e-12) < math.inf


@pytest.mark.parametrize("law", EVERY, ids=name)
@given(u=st.floats(1e-6, 1 - 1e-6))
@settings(max_examples=50, deadline=None)
def test_the_quantile_is_the_least_duration_of_its_probability(law: Law, u: float) -> None:
    t = law.quantile(u)
    assert distribution(law, t * (1 + 1e-9)) >= u * (1 - 1e-9)
    assert distribution(law, t * (1 - 1e-6)) <= u * (1 + 1e-9)


@pytest.mark.parametrize("law", EVERY, ids=name)
@given(age=st.floats(0.01, 2.5), u=st.floats(1e-6, 1 - 1e-6))
@settings(max_examples=50, deadline=None)
def test_what_is_left_follows_the_law_given_survival(law: Law, age: float, u: float) -> None:
    """P(left ≤ x | older than the age) = (F(age + x) − F(age)) / (1 − F(age))."""
    age *= law.mean
    before = distribution(law, age)
    left = remaining_life(law, age, u)
    if before >= 1 - 1e-9:
        return
    reached, short = (
        (distribution(law, age + x) - before) / (1 - before) for x in (left + 1e-6, left - 1e-3)
    )
    assert reached >= u - 1e-6
    assert short <= u + 1e-6


@pytest.mark.parametrize("law", EVERY, ids=name)
@pytest.mark.parametrize("means", [5, 20, 1000])
def test_a_part_older_than_any_seen_still_has_a_life_to_end(law: Law, means: float) -> None:
    lives = [remaining_life(law, means * law.mean, u) for u in (0.0, 1e-9, 0.5, 1 - 1e-16)]
    assert lives == sorted(lives)
    assert all(0 <= life < math.inf for life in lives)


def test_twenty_means_old_a_gamma_life_is_nearly_memoryless() -> None:
    """Its hazard tends to 1/scale: 20 means old, it is 1/scale · (1 − 3/80) within 1 %."""
    law = Gamma(shape=4, scale=25)
    half = remaining_life(law, 20 * law.mean, 0.5)
    exact = stats.gamma.isf(stats.gamma.sf(2000, 4, scale=25) / 2, 4, scale=25) - 2000
    assert half == pytest.approx(exact, rel=1e-6)
    assert half == pytest.approx(25 * math.log(2) / (1 - 3 / 80), rel=0.01)


def test_mean_residual_life_of_a_weibull() -> None:
    """Weibull(2.5, 1000) at age 600: 438.012, by quadrature of the survival function."""
    law = Weibull(shape=2.5, scale=1000)
    u = (np.arange(100_000) + 0.5) / 100_000
    assert np.mean([remaining_life(law, 600, x) for x in u]) == pytest.approx(438.012, rel=1e-3)


def test_an_exponential_does_not_age() -> None:
    law = Exponential(scale=100)
    assert remaining_life(law, 500, 0.3) == pytest.approx(law.quantile(0.3))


def test_a_constant_life_counts_down() -> None:
    assert remaining_life(Constant(value=100), 30, 0.7) == 70
    assert remaining_life(Constant(value=100), 130, 0.7) == 0


def test_no_duration_falls_into_an_empty_class() -> None:
    drawn = [HISTOGRAM.quantile(u) for u in np.linspace(0.001, 0.999, 999)]
    assert all(20 < x <= 30 or 60 < x <= 100 for x in drawn)
    assert HISTOGRAM.quantile(3 / 8) == 30
    assert HISTOGRAM.cumulative_hazard(45) == pytest.approx(-math.log(5 / 8))


def test_seen_durations_are_drawn_as_often_as_they_were_seen() -> None:
    drawn = [EMPIRICAL.quantile((k + 0.5) / 100) for k in range(100)]
    assert {x: drawn.count(x) for x in drawn} == {10: 40, 25: 20, 30: 20, 90: 20}


def test_a_part_that_outlived_all_but_one_lives_as_long_as_that_one() -> None:
    assert remaining_life(EMPIRICAL, 40, 0.01) == pytest.approx(50)
    assert remaining_life(EMPIRICAL, 90, 0.5) == 0


@pytest.mark.parametrize(
    ("edges", "counts", "words"),
    [
        ((1, 2, 3), (1,), "3 edges go with 2 counts"),
        ((1, 3, 2), (1, 1), "edges must increase"),
        ((1, 2, 3), (0, 0), "all counts are 0"),
    ],
)
def test_a_histogram_that_does_not_fit_is_refused(
    edges: tuple[float, ...], counts: tuple[float, ...], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        Histogram(edges=edges, counts=counts)
