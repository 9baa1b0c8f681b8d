"""MSER-5 cuts off what is the start, little else, and says when it cannot tell."""

import numpy as np
import pytest

from twin.accounting.warm_up import mser5


def start_and_steady(start: int, total: int, seed: int) -> np.ndarray:
    """Independent normals whose mean is 5 higher in the first ``start`` observations."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, total)
    return noise + 5.0 * (np.arange(total) < start)


def test_a_step_is_cut_off_where_it_ends() -> None:
    """Twenty means of five at 9, then a hundred at 1 and 2 in turn: only the 9s are odd."""
    series = [9.0] * 100 + [1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0] * 50
    assert mser5(series).observations == 100


def test_a_long_enough_run_is_cut_close_to_the_end_of_its_start() -> None:
    cuts = [mser5(start_and_steady(100, 1000, seed)).observations for seed in range(200)]
    assert min(cuts) >= 100
    assert np.median(cuts) <= 150


def test_a_steady_run_loses_little() -> None:
    cuts = [mser5(start_and_steady(0, 1000, seed)) for seed in range(200)]
    assert np.mean([cut.share for cut in cuts]) < 0.1


def test_the_mean_of_the_rest_is_that_of_the_steady_state() -> None:
    rest = []
    for seed in range(200):
        series = start_and_steady(100, 1000, seed)
        rest.append(series[mser5(series).observations :].mean())
    assert np.mean(rest) == pytest.approx(0.0, abs=4 / np.sqrt(900 * 200) + 0.01)


@pytest.mark.parametrize("series", [range(200), [0.0] * 700 + [1.0] * 300, [1.0] * 49, []])
def test_a_run_that_is_too_short_is_called_so(series: list[float]) -> None:
    """A trend without end, a change in the second half, fewer than ten means."""
    assert not mser5(series).is_found


def test_a_constant_series_is_kept_whole() -> None:
    found = mser5([1e9 + 0.1] * 500)
    assert found.is_found
    assert found.observations == 0


def test_the_level_of_a_series_does_not_matter() -> None:
    series = start_and_steady(60, 600, 4)
    assert mser5(series + 1e9).observations == mser5(series).observations
