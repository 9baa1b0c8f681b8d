"""The bound that knows units do one thing at a time: never above a plan, and often near one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from solvers.bound import lower_bound
from solvers.optimize import naive_schedule, optimize
from solvers.problem import Problem
from solvers.unit_bound import unit_bound
from twin.model.schedule import Schedule

Make = Callable[..., Any]


def worked(problem: Problem, schedule: Schedule) -> Any:
    """Minutes of work of each unit in a plan."""
    minutes = np.zeros(len(problem.units))
    for s in schedule.segments:
        if s.kind == "work":
            minutes[problem.plant.unit_index[s.work_unit]] += s.minutes
    return minutes


@pytest.mark.parametrize("seed", range(6))
def test_no_plan_costs_less(drawn_shop: Make, seed: int) -> None:
    problem = drawn_shop(seed).problem
    plans = [naive_schedule(problem), optimize(problem, time_limit=0.5, seed=seed, debug=True)]
    cheapest = min((plan for plan in plans if plan.value), key=lambda plan: plan.value.total_cost)
    bound = unit_bound(problem, worked(problem, cheapest))
    assert bound <= cheapest.value.total_cost + 1e-6
    assert bound >= lower_bound(problem)


@pytest.mark.parametrize("share", [0.0, 0.3, 2.0])
def test_any_guess_of_the_work_gives_a_bound(drawn_shop: Make, share: float) -> None:
    problem = drawn_shop(7).problem
    plan = optimize(problem, time_limit=0.5, debug=True)
    assert plan.value
    assert unit_bound(problem, share * worked(problem, plan)) <= plan.value.total_cost + 1e-6


def test_units_that_are_busy_one_after_the_other_are_late(one_unit: Make) -> None:
    """Three orders of two hours due at hour two: late by 0, 2 and 4 hours, whatever the order."""
    shop = one_unit(price=[0.0] * 12, orders=[(120, 120)] * 3, costs={"tardiness_per_h": 10.0})
    assert lower_bound(shop.problem) == pytest.approx(0.0)
    assert unit_bound(shop.problem, np.array([360.0])) == pytest.approx(60.0, rel=0.01)


def test_hours_at_different_prices_are_sold_once(one_unit: Make) -> None:
    """Work of two hours three times over prices 1 1 2 2 3 3 …, and leaving out costs more."""
    shop = one_unit(
        price=[1, 1, 2, 2, 3, 3, 9, 9], orders=[(120, 60)] * 3, costs={"tardiness_per_h": 1000.0}
    )
    late = 1000.0 * (1 + 3 + 5)
    exact = 60.0 * (2 + 4 + 6) + late
    assert unit_bound(shop.problem, np.array([360.0])) == pytest.approx(exact, rel=0.01)
