"""Intervals against published values, and as often right as they claim."""

import numpy as np
import pytest

from twin.accounting.intervals import mean_interval, observed_quantile, wilson_interval


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
