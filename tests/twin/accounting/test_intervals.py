"""Intervals against published values, and as often right as they claim."""

from math import comb

import numpy as np
import pytest

from twin.accounting.intervals import (
    clopper_pearson_interval,
    mean_interval,
    observed_quantile,
    quantile_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe (1998), Statistics in Medicine 17, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_wilson_interval_is_the_published_one(
    successes: int, n: int, low: float, high: float
) -> None:
    found = wilson_interval(successes, n, level=0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_the_share_is_not_drawn_towards_the_middle() -> None:
    assert wilson_interval(4, 5).mean == 0.8
    assert wilson_interval(5, 5).mean == 1.0


def test_student_interval_of_one_to_five() -> None:
    """x̄ = 3, s = 1.5811, t(4; 0.95) = 2.1318."""
    found = mean_interval([1, 2, 3, 4, 5], level=0.9)
    half = 2.131847 * 1.5811388 / 5**0.5
    assert (found.mean, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half), rel=1e-6)


def test_one_value_stands_for_itself() -> None:
    found = mean_interval([4.2])
    assert (found.mean, found.low, found.high, found.n) == (4.2, 4.2, 4.2, 1)


def test_nine_in_ten_intervals_hold_the_mean() -> None:
    """Of 2000 samples of 8 normals; four standard errors of 0.9 are 0.027."""
    samples = np.random.default_rng(11).normal(5.0, 2.0, (2000, 8))
    held = [e.low <= 5.0 <= e.high for e in (mean_interval(s, 0.9) for s in samples)]
    assert np.mean(held) == pytest.approx(0.9, abs=0.027)


def test_never_ranks_behind_every_value() -> None:
    ends = [5.0, None, 1.0, 3.0, None]
    assert [observed_quantile(ends, q) for q in (0.1, 0.5, 0.6, 0.9)] == [1.0, 5.0, 5.0, None]


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2527, 0.3676),  # Newcombe (1998), table I, method 5
        (15, 148, 0.0578, 0.1617),
        (0, 20, 0.0, 0.1684),
        (1, 29, 0.0009, 0.1776),
        (29, 29, 0.8806, 1.0),
    ],
)
def test_clopper_pearson_interval_is_the_published_one(
    successes: int, n: int, low: float, high: float
) -> None:
    found = clopper_pearson_interval(successes, n, level=0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5])
def test_the_exact_interval_is_right_at_least_as_often_as_it_claims(share: float) -> None:
    """Counted over every outcome of 30 trials, not drawn."""
    n, k = 30, np.arange(31)
    chance = np.array([comb(n, int(i)) * share**i * (1 - share) ** (n - i) for i in k])
    held = [e.low <= share <= e.high for e in (clopper_pearson_interval(int(i), n) for i in k)]
    assert chance[held].sum() >= 0.9


def test_a_median_lies_between_the_2nd_and_9th_of_ten() -> None:
    """P(2 ≤ B ≤ 8) of binomial (10, ½) is 1 − 22/1024 = 0.979; one closer in it is 0.89."""
    values = [7.0, 1.0, 5.0, 3.0, 9.0, 2.0, 8.0, 4.0, 6.0, None]
    assert quantile_interval(values, 0.5, 0.9) == (2.0, 9.0)


def test_a_quantile_may_be_never() -> None:
    assert quantile_interval([1.0, 2.0, 3.0] + [None] * 17, 0.5) == (None, None)


def test_nine_in_ten_quantile_intervals_hold_the_quantile() -> None:
    samples = np.random.default_rng(5).exponential(1.0, (2000, 40))
    truth = -np.log(0.1)
    held = []
    for sample in samples:
        found = quantile_interval(sample.tolist(), 0.9, 0.8)
        assert found is not None
        held.append(found[0] is not None and found[1] is not None and found[0] <= truth <= found[1])
    assert np.mean(held) >= 0.8 - 0.027


def test_the_tail_of_few_values_has_no_interval() -> None:
    assert quantile_interval([1.0, 2.0, 3.0], 0.9) is None
