"""Choosing slots of work first gives the optimum of the whole, or a bound and then the same."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from solvers.lines.check import check
from solvers.lines.equal_work import EqualWork, fill, is_equal_work, solve_equal_work
from solvers.lines.highs_model import site_model
from solvers.lines.highs_run import minimise
from solvers.lines.optimum import search_optimum
from solvers.lines.problem import Line, LineProblem, Order, Site, Task, Transition, Way
from tests.solvers.lines.enumerated import least_value

START_UP, SHUT_DOWN = Transition(0, 1, 2, 5.0), Transition(1, 0, 1, 1.0, needs_shift=False)


def drawn(seed: int, lengths: tuple[int, ...], slots: int, jobs: int) -> LineProblem:
    """A line with off, standby and on, some closed slots, orders of these lengths."""
    draw = random.Random(f"{seed}/equal work")
    is_open = np.array([draw.random() < 0.95 for _ in range(slots)])
    modes = (
        (0.0, 2.0),
        (START_UP, SHUT_DOWN),
    )
    if seed % 2:
        ways = (Transition(1, 2, 1, 1.0), Transition(2, 1, draw.randrange(2), 2.0, fee=1.0))
        modes = ((0.0, 2.0, 1.0), (START_UP, SHUT_DOWN, *ways))
    line = Line("line", is_open, *modes)
    orders = tuple(
        Order(f"job {j}", (Way(0, 1, ((draw.choice(lengths), 4.0),)),)) for j in range(jobs)
    )
    site = Site(
        price_per_kwh=np.array([float(draw.randint(1, 9)) for _ in range(slots)]),
        carbon_intensity=np.zeros(slots),
        carbon_price_per_t=0.0,
        base_kw=np.zeros(slots),
        generation_kw=np.zeros(slots),
    )
    return LineProblem(f"drawn {seed}", 1.0, slots, (line,), orders, (), site)


def known(problem: LineProblem) -> EqualWork:
    found = solve_equal_work(problem)
    assert found is not None
    return found


@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_is_that_of_the_whole_programme(seed: int) -> None:
    problem = drawn(seed, (1, 2, 3, 4, 5), 60, 8)
    whole = minimise(site_model(problem).programme(), seconds=60)
    found = known(problem)
    assert found.bound <= whole.objective + 1e-6
    found_here = search_optimum(problem, seconds=60)
    if whole.is_infeasible:
        assert found_here.is_infeasible
    else:
        assert found_here.plan is not None
        assert found_here.plan.bill.total == pytest.approx(whole.objective, abs=1e-5)
        assert check(problem, found_here.plan, found.bound) == []


@pytest.mark.parametrize("seed", range(6))
def test_orders_that_do_not_fill_the_cheapest_slots_leave_a_bound(seed: int) -> None:
    """Orders of four slots only: the cheapest slots seldom come in fours."""
    problem = drawn(seed, (4,), 40, 4)
    whole = minimise(site_model(problem).programme(), seconds=60)
    found = known(problem)
    assert found.bound <= whole.objective + 1e-6
    if found.plan:
        assert found.plan.bill.total >= whole.objective - 1e-6
    best = search_optimum(problem, seconds=60)
    assert (best.plan.bill.total if best.plan else np.inf) == pytest.approx(whole.objective)


@pytest.mark.parametrize("seed", range(4))
def test_no_plan_of_all_is_better(seed: int) -> None:
    problem = drawn(2 * seed, (1, 2), 9, 2)
    best = search_optimum(problem, seconds=60)
    value = least_value(problem)
    assert (best.plan and best.plan.bill.total) == (value and pytest.approx(value))


def test_only_problems_of_this_kind_are_taken() -> None:
    problem = drawn(0, (1, 2), 20, 3)
    first, *others = problem.orders
    dated = replace(first, deadline=12)
    dear = replace(first, ways=(Way(0, 1, ((2, 5.0),)),))
    assert is_equal_work(problem)
    assert not is_equal_work(replace(problem, orders=(dated, *others)))
    assert not is_equal_work(replace(problem, orders=(dear, *others)))
    assert not is_equal_work(replace(problem, site=replace(problem.site, demand_charge_per_kw=1.0)))
    assert not is_equal_work(replace(problem, tasks=(Task("task", 0, 1, 0, 20),)))
    assert not is_equal_work(replace(problem, carbon_cap_kg=5.0))


def test_more_work_than_time_is_infeasible() -> None:
    assert known(drawn(0, (5,), 10, 4)) == EqualWork(None, float("inf"))


@pytest.mark.parametrize(
    ("blocks", "lengths", "can"),
    [
        ([5], [2, 3], True),
        ([4, 6], [3, 3, 2, 2], True),
        ([5, 5, 6], [3, 3, 3, 3, 2, 2], True),  # the longest first leaves a hole
        ([4, 4], [3, 3, 2], False),
        ([1, 5], [3, 3], False),
    ],
)
def test_blocks_are_filled_exactly_or_not_at_all(
    blocks: list[int], lengths: list[int], can: bool
) -> None:
    filled = fill(blocks, lengths)
    assert (filled is not None) == can
    if filled:
        assert [sum(lengths[j] for j in block) for block in filled] == blocks
        assert sorted(j for block in filled for j in block) == list(range(len(lengths)))
