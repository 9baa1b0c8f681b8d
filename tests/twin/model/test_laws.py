"""Laws of a duration: their mean, hazard and inverse CDF tell one story."""

import math

import numpy as np
import pytest

from twin.model.laws import Constant, Exponential, Lognormal, Weibull, remaining_life

LAWS = [
    Exponential(scale=100), Weibull(shape=2.5, scale=1000), Weibull(shape=0.8, scale=50),
    Lognormal(median=60, sigma=0.6),
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS)
def test_the_hazard_of_a_quantile_is_its_minus_log_survival(law: Exponential) -> None:
    for u in (0.01, 0.5, 0.99):
        assert law.cumulative_hazard(law.quantile(u)) == pytest.approx(-math.log(1 - u), rel=1e-9)


@pytest.mark.parametrize("law", LAWS)
def test_the_mean_is_the_mean_of_the_quantiles(law: Exponential) -> None:
    u = (np.arange(200_000) + 0.5) / 200_000
    assert np.mean([law.quantile(x) for x in u]) == pytest.approx(law.mean, rel=2e-3)


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
