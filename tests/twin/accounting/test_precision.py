"""Replications until a wanted half-width: reached, or honestly not."""

from collections.abc import Sequence

import numpy as np
import pytest

from twin.accounting.precision import Precision, replicate_until


def drawn(seed: int, mean: float = 10.0, spread: float = 2.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, spread, 5000)


def run_of(values: Sequence[float] | np.ndarray) -> object:
    return lambda first, count: list(values[first : first + count])


def test_the_width_wanted_is_the_width_found() -> None:
    found = replicate_until(run_of(drawn(1)), float, Precision(0.02))
    assert found.is_reached
    assert found.estimate is not None
    assert (found.estimate.high - found.estimate.low) / 2 <= 0.02 * found.estimate.mean
    assert found.estimate.n == len(found.results)


def test_the_number_is_near_what_the_spread_asks_for() -> None:
    """(1.645 · 2 / 0.2)² = 271 for a half-width of 2 % of 10."""
    counts = [len(replicate_until(run_of(drawn(s)), float, Precision(0.02)).results)
              for s in range(50)]  # fmt: skip
    assert np.mean(counts) == pytest.approx(271, rel=0.1)


def test_an_absolute_width_is_in_the_unit_of_the_figure() -> None:
    found = replicate_until(run_of(drawn(2, mean=0.0)), float, Precision(0.5, is_relative=False))
    assert found.is_reached
    assert found.estimate is not None
    assert found.estimate.high - found.estimate.low <= 1.0


def test_figures_that_never_differ_need_the_minimum_only() -> None:
    assert len(replicate_until(run_of([3.0] * 99), float, Precision(0.01)).results) == 10
    assert replicate_until(run_of([0.0] * 99), float, Precision(0.01)).is_reached


def test_the_maximum_is_kept_and_said() -> None:
    found = replicate_until(run_of(drawn(3)), float, Precision(0.001, maximum=40))
    assert len(found.results) == 40
    assert not found.is_reached
    assert not found.is_stopped


def test_a_mean_of_nought_has_no_relative_width() -> None:
    series = [1.0, -1.0] * 200
    found = replicate_until(run_of(series), float, Precision(0.1, maximum=100))
    assert len(found.results) == 100
    assert not found.is_reached


def test_a_series_that_is_stopped_says_so() -> None:
    found = replicate_until(run_of(drawn(4)[:17]), float, Precision(0.001))
    assert (len(found.results), found.is_stopped, found.is_reached) == (17, True, False)
    nothing = replicate_until(run_of([]), float, Precision(0.1))
    assert (nothing.results, nothing.estimate, nothing.is_stopped) == ([], None, True)


def test_replications_without_a_value_are_no_observations() -> None:
    values = np.where(np.arange(5000) % 2, drawn(5), np.nan)
    found = replicate_until(run_of(values), float, Precision(0.05))
    assert found.is_reached
    assert found.estimate is not None
    assert found.estimate.n == len(found.results) // 2
    never = replicate_until(run_of([float("nan")] * 99), float, Precision(0.05, maximum=30))
    assert (len(never.results), never.estimate, never.is_reached) == (30, None, False)


def test_the_interval_is_nearly_as_often_right_as_it_claims() -> None:
    """Stopping costs a little: 0.9 asked for; of 1000 series at least 0.9 − 0.025 − 3 errors."""
    samples = np.random.default_rng(9).normal(10.0, 2.0, (1000, 3000))
    held = []
    for sample in samples:
        found = replicate_until(run_of(sample), float, Precision(0.02)).estimate
        held.append(found is not None and found.low <= 10.0 <= found.high)
    assert 0.875 - 3 * np.sqrt(0.09 / 1000) <= np.mean(held) <= 0.93


@pytest.mark.parametrize(
    "wrong", [{"half_width": 0.0}, {"half_width": -1.0}, {"half_width": 0.1, "minimum": 1},
              {"half_width": 0.1, "maximum": 5}],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        Precision(**wrong)  # type: ignore[arg-type]
