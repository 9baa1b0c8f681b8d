"""The front of cost and carbon: honest ends, nothing dominated, a bound below every point."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest

from solvers.lines.answer import Answer
from solvers.lines.bill import bill_of
from solvers.lines.check import check
from solvers.lines.front import Front, Point, carbon_front, only_carbon, undominated
from solvers.lines.front import with_shared_bounds as shared
from solvers.lines.problem import Bill, LinePlan, LineProblem
from solvers.lines.solve import solve
from tests.solvers.lines.drawn import drawn_case, drawn_problem


@pytest.fixture(scope="module")
def problem() -> LineProblem:
    return drawn_problem(
        4, orders=3, lines=1, slots=16, features={"setups", "tardiness", "windows"}
    )


@pytest.fixture(scope="module")
def front(problem: LineProblem) -> Front:
    return carbon_front(problem, time_limit=50.0, points=4)


def test_no_point_is_dominated(front: Front) -> None:
    assert front.points
    for cleaner, cheaper in pairwise(front.points):
        assert cleaner.carbon_kg < cheaper.carbon_kg
        assert cleaner.cost > cheaper.cost


def test_each_point_obeys_its_cap_and_lies_above_its_bound(
    problem: LineProblem, front: Front
) -> None:
    for point in front.points:
        capped = replace(problem, carbon_cap_kg=point.cap_kg)
        assert check(capped, point.plan, point.bound) == []


def test_the_ends_are_the_plans_of_one_aim(problem: LineProblem, front: Front) -> None:
    cheapest = solve(problem, time_limit=10.0)
    cleanest = solve(only_carbon(problem), time_limit=10.0)
    assert (cheapest.status, cleanest.status) == ("optimal", "optimal")
    assert front.points[-1].cost == pytest.approx(cheapest.objective, rel=1e-9)
    assert front.points[0].carbon_kg == pytest.approx(cleanest.objective, rel=1e-6)
    assert front.least_carbon_kg == pytest.approx(cleanest.objective, rel=1e-6)


def test_where_only_carbon_counts_the_bill_is_the_carbon() -> None:
    for seed in range(5):
        problem, plan = drawn_case(seed)
        bill = bill_of(only_carbon(problem), plan.stretches)
        assert bill.total == pytest.approx(plan.bill.carbon_kg)


def test_a_front_has_two_ends(problem: LineProblem) -> None:
    with pytest.raises(ValueError, match="1 points"):
        carbon_front(problem, time_limit=1.0, points=1)


def point(cap: float, cost: float, carbon: float, bound: float | None = None) -> Point:
    bill = Bill(cost, 0, 0, 0, 0, 0, 0, 0, carbon, 0)
    return Point(cap, LinePlan((), bill), bound, cast(Answer, cast(Any, None)))


def test_dominated_points_are_left_out() -> None:
    points = [point(9, 5, 9), point(8, 6, 8), point(7, 6, 7), point(6, 9, 6), point(5, 9, 6)]
    assert [(p.carbon_kg, p.cost) for p in undominated(points)] == [(6, 9), (7, 6), (9, 5)]


def test_the_bound_below_a_loose_cap_holds_below_a_tight_one() -> None:
    points = [point(math.inf, 9, 9, 4.0), point(5, 9, 5, None), point(3, 9, 3, 2.0)]
    assert [p.bound for p in shared(points)] == [4.0, 4.0, 4.0]
    assert [p.bound for p in shared([point(9, 9, 9, 4.0), point(5, 9, 5, 6.0)])] == [4.0, 6.0]
