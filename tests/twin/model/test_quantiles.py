"""Quantiles in plain arithmetic agree with those of SciPy, far out in both tails too."""

import math
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from twin.model.quantiles import (
    LARGE_SHAPE,
    gamma_quantile,
    gamma_tail,
    gamma_upper_quantile,
    log_gamma,
    normal_quantile,
)

LEVELS = (1e-300, 1e-30, 1e-9, 1e-3, 0.02, 0.3, 0.5, 0.5 + 1e-9, 0.75, 0.999, 1 - 1e-9)
SHAPES = (1e-3, 0.05, 0.3, 0.999, 1.0, 1.001, 2.5, 10.0, 170.0, 1e4, 0.99 * LARGE_SHAPE)

shapes = st.floats(math.log(0.01), math.log(1e6)).map(math.exp)
levels = st.floats(1e-12, 1 - 1e-12)


@pytest.mark.parametrize("u", LEVELS)
def test_normal_quantiles(u: float) -> None:
    assert normal_quantile(u) == pytest.approx(stats.norm.ppf(u), rel=1e-13, abs=1e-13)


def test_the_normal_quantile_has_an_end_where_numbers_end() -> None:
    assert math.isfinite(normal_quantile(0.0))
    assert normal_quantile(1.0) == -normal_quantile(0.0)


@given(st.floats(1e-6, 0.5))
def test_the_normal_law_is_symmetric_and_inverted(u: float) -> None:
    assert normal_quantile(1 - u) == pytest.approx(-normal_quantile(u), rel=1e-8, abs=1e-12)
    assert NormalDist().cdf(normal_quantile(u)) == pytest.approx(u, rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gamma_function(shape: float) -> None:
    assert log_gamma(shape) == pytest.approx(math.lgamma(shape), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_quantiles_of_both_tails(shape: float) -> None:
    for u in LEVELS:
        for ours, theirs in (
            (gamma_quantile(shape, u), stats.gamma.ppf(u, shape)),
            (gamma_upper_quantile(shape, u), stats.gamma.isf(u, shape)),
        ):
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-250)


@pytest.mark.parametrize("shape", [LARGE_SHAPE + 1, 1e6])
def test_gamma_quantiles_of_large_shapes_to_seven_digits(shape: float) -> None:
    for u in (1e-6, 0.02, 0.5, 0.75, 0.999999):
        assert gamma_quantile(shape, u) == pytest.approx(stats.gamma.ppf(u, shape), rel=2e-7)


@given(shapes, levels, levels)
@settings(deadline=None)
def test_gamma_quantiles_increase(shape: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert gamma_quantile(shape, low) <= gamma_quantile(shape, high) * (1 + 1e-12)
    assert gamma_upper_quantile(shape, high) <= gamma_upper_quantile(shape, low) * (1 + 1e-12)


@given(st.floats(math.log(0.05), math.log(1e4)).map(math.exp), levels)
@settings(deadline=None)
def test_gamma_quantiles_invert_the_tails(shape: float, u: float) -> None:
    assert gamma_tail(shape, gamma_quantile(shape, u), False) == pytest.approx(u, rel=1e-8)
    assert gamma_tail(shape, gamma_upper_quantile(shape, u), True) == pytest.approx(u, rel=1e-8)


@given(st.floats(math.log(0.05), math.log(1e4)).map(math.exp), levels)
@settings(deadline=None)
def test_the_tails_of_the_gamma_law_make_up_one(shape: float, u: float) -> None:
    x = gamma_quantile(shape, u)
    assert gamma_tail(shape, x, True) + gamma_tail(shape, x, False) == pytest.approx(1, abs=1e-12)


def test_the_ends_of_the_gamma_law() -> None:
    assert gamma_quantile(2.0, 0.0) == 0.0
    assert gamma_quantile(2.0, 1.0) == math.inf
    assert gamma_upper_quantile(2.0, 1.0) == 0.0
    assert gamma_upper_quantile(2.0, 0.0) == math.inf
    assert gamma_quantile(1e-3, 0.5) == 0.0 or gamma_quantile(1e-3, 0.5) < 1e-250
