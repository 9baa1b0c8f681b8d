"""Expected failures: exact where there is a formula, and as counted by drawing lives elsewhere."""

import math
import random

import pytest

from twin.behaviour.renewals import expected_failures
from twin.model.laws import Constant, Exponential, Lognormal, Weibull, remaining_life


def test_an_exponential_fails_at_its_rate_at_any_age() -> None:
    assert expected_failures(Exponential(scale=200), 999, 300) == 1.5


def test_a_weibull_of_shape_one_is_an_exponential() -> None:
    for age in (0, 130, 900):
        assert expected_failures(Weibull(shape=1, scale=200), age, 700) == pytest.approx(
            3.5, rel=1e-3
        )


def test_a_constant_life_is_counted() -> None:
    law = Constant(value=100)
    assert expected_failures(law, 30, 69) == 0
    assert expected_failures(law, 30, 71) == 1
    assert expected_failures(law, 30, 271) == 3


def test_a_short_time_is_the_hazard_alone() -> None:
    law = Weibull(shape=3, scale=1000)
    hazard = law.cumulative_hazard(510) - law.cumulative_hazard(500)
    assert expected_failures(law, 500, 10) == pytest.approx(hazard, rel=1e-2)


def test_in_the_long_run_one_failure_a_mean_life() -> None:
    law = Weibull(shape=2, scale=100)
    rate = (expected_failures(law, 0, 90_000) - expected_failures(law, 0, 30_000)) / 60_000
    assert rate == pytest.approx(1 / law.mean, rel=1e-3)


@pytest.mark.parametrize(
    "law",
    [
        Weibull(shape=3.5, scale=1000),
        Weibull(shape=0.8, scale=1000),
        Lognormal(median=500, sigma=0.7),
    ],
)
@pytest.mark.parametrize(("age", "minutes"), [(0, 500), (700, 1500), (2000, 300), (0, 5000)])
def test_drawn_lives_agree(law: Weibull, age: float, minutes: float) -> None:
    draw = random.Random(7)
    counts = []
    for _ in range(4000):
        t, n = remaining_life(law, age, draw.random()), 0
        while t <= minutes:
            n += 1
            t += law.quantile(draw.random())
        counts.append(n)
    mean = sum(counts) / len(counts)
    sd = math.sqrt(sum((n - mean) ** 2 for n in counts) / len(counts) / len(counts))
    assert expected_failures(law, age, minutes) == pytest.approx(mean, abs=4 * sd + 1e-3)
