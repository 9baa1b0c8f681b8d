"""Flat lists do the arithmetic of open time that the calendars define."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from solvers.timing import Grid, Shift
from twin.model.shifts import OpenTime


def drawn(random: Random) -> tuple[OpenTime, Shift]:
    cuts = sorted(random.sample(range(0, 600), 8))
    open_time = OpenTime.of([(float(cuts[i]), float(cuts[i + 1])) for i in (0, 2, 4, 6)], 600)
    return open_time, Shift.of(open_time)


@pytest.mark.parametrize("seed", range(30))
def test_work_ends_when_the_calendar_says(seed: int) -> None:
    random = Random(seed)
    open_time, shift = drawn(random)
    begin, minutes = random.uniform(0, 600), random.uniform(1, 200)
    pieces = open_time.work(begin, minutes)
    end = shift.end_of(begin, minutes)
    assert end == pytest.approx(pieces[-1][1] if pieces else float("inf"))
    assert shift.next_open(begin) == open_time.next_open(begin)
    if pieces:
        assert np.array(shift.pieces(begin, end)) == pytest.approx(np.array(pieces))


@pytest.mark.parametrize("seed", range(30))
def test_the_latest_start_is_in_time_and_no_later_one_is(seed: int) -> None:
    random = Random(seed)
    _, shift = drawn(random)
    finish, minutes = random.uniform(200, 600), random.uniform(1, 100)
    start = shift.latest_start(finish, minutes)
    if start == float("-inf"):
        assert shift.opened(finish) < minutes
    else:
        assert shift.end_of(start, minutes) <= finish + 1e-6
        assert shift.end_of(start + 0.01, minutes) > finish - 1e-6


def test_a_stretch_costs_the_difference_of_two_sums() -> None:
    """Rates 1, 2, 3 per slot of 10 min; open from 5 to 25."""
    shift = Shift.of(OpenTime.of([(5.0, 25.0)], 30))
    grid = Grid.of(np.array([0.0, 10.0, 20.0, 30.0]), [shift])
    rates = np.array([1.0, 2.0, 3.0])
    assert grid.prefix(rates).between(8.0, 23.0) == pytest.approx(2 + 20 + 9)
    assert grid.prefix(rates, 0).between(0.0, 30.0) == pytest.approx(5 + 20 + 15)
