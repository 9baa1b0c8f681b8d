"""The frozen window: what the floor has been told stays, and what cannot stay is named truly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest

import solvers.optimize
from solvers.frozen import settled, wishes
from solvers.optimize import naive_schedule, optimize
from solvers.problem import Problem, build_problem
from tests.solvers.nights import next_night
from twin.accounting.check import CheckResult, check
from twin.model.compiled import compile_plant
from twin.model.demands import Demands
from twin.model.schedule import Schedule, Unkept

Make = Callable[..., Any]
WINDOW = Demands(freeze=12 * 60.0)
EFFORT = 0.2
"""Time limit that gives a small problem about a hundred moves [s]."""


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solvers.optimize.time, "monotonic", lambda: 0.0)


def problem_of(shop: Any, demands: Demands = WINDOW) -> Problem:
    compiled = compile_plant(shop.plant, shop.forecast.horizon)
    return build_problem(compiled, shop.orders, shop.forecast, shop.state, shop.previous, demands)


def checked(shop: Any, plan: Schedule, demands: Demands = WINDOW) -> CheckResult:
    return check(plan, shop.plant, shop.orders, shop.forecast, shop.state, shop.previous, demands)


@cache
def second_night(drawn_shop: Make, seed: int, minutes: int = 1440) -> Any:
    shop = drawn_shop(seed)
    return next_night(shop, optimize(shop.problem, time_limit=EFFORT, debug=True), minutes)


def late(shop: Any, seed: int) -> Any:
    """The shop with units under repair for up to three hours."""
    random = Random(seed)
    units = {
        id: replace(unit, unavailable_minutes=random.choice((0.0, 20.0, random.uniform(30, 200))))
        for id, unit in shop.state.units.items()
    }
    return replace(shop, state=replace(shop.state, units=units))


@pytest.mark.parametrize("seed", range(2, 8))
def test_a_floor_that_followed_the_plan_keeps_every_frozen_start(
    drawn_shop: Make, seed: int
) -> None:
    shop = second_night(drawn_shop, seed)
    problem = problem_of(shop)
    found = settled(problem)
    assert found.unkept == ()
    assert [pin.ref for pin in found.pins] == [wish.ref for wish in wishes(problem)]
    for plan in (naive_schedule(problem), optimize(problem, time_limit=EFFORT, debug=True)):
        assert checked(shop, plan).faults == ()


def test_some_windows_of_the_drawn_shops_freeze_operations_and_tasks(drawn_shop: Make) -> None:
    """The tests above speak of something."""
    refs = [
        w.ref for seed in range(2, 8) for w in wishes(problem_of(second_night(drawn_shop, seed)))
    ]
    assert sum(ref >= 0 for ref in refs) >= 20
    assert any(ref < 0 for ref in refs)


@pytest.mark.parametrize("seed", range(5, 13))
def test_what_cannot_be_kept_is_named_with_an_excuse_that_is_so(
    drawn_shop: Make, seed: int
) -> None:
    shop = late(second_night(drawn_shop, seed, 480), seed)
    problem = problem_of(shop)
    found = settled(problem)
    pinned = {pin.ref for pin in found.pins}
    named = {(u.order, u.operation) for u in found.unkept}
    for wish in wishes(problem):
        if wish.ref >= 0 and wish.start >= 0 and wish.ref not in pinned:
            op = problem.ops[wish.ref]
            name = problem.plant.operation_ids[op.operation]
            assert (problem.jobs[op.job].order, name) in named
    plan = optimize(problem, time_limit=EFFORT, debug=True)
    assert plan.unkept == found.unkept
    assert checked(shop, plan).faults == ()


def test_a_unit_under_repair_is_the_reason_given(drawn_shop: Make) -> None:
    """Two hours of repair: the first frozen operation of that unit is released because of it."""
    shop = second_night(drawn_shop, 7)
    problem = problem_of(shop)
    first = min((p for p in settled(problem).pins if p.choice), key=lambda p: p.start)
    assert first.choice
    unit = problem.units[first.choice.unit].id
    down = replace(shop.state.unit(unit), unavailable_minutes=first.work + 120)
    shop = replace(shop, state=replace(shop.state, units={**shop.state.units, unit: down}))
    op = problem.ops[first.ref]
    mine = [u for u in settled(problem_of(shop)).unkept if u.order == problem.jobs[op.job].order]
    assert (mine[0].work_unit, mine[0].excuse) == (unit, "unit_down")


def test_an_hour_late_is_put_off_not_released(drawn_shop: Make) -> None:
    shop = second_night(drawn_shop, 7)
    problem = problem_of(shop)
    first = min((p for p in settled(problem).pins if p.choice), key=lambda p: p.start)
    assert first.choice
    unit = problem.units[first.choice.unit].id
    down = replace(shop.state.unit(unit), unavailable_minutes=first.work + 30, is_on=False)
    shop = replace(shop, state=replace(shop.state, units={**shop.state.units, unit: down}))
    pin = next(p for p in settled(problem_of(shop)).pins if p.ref == first.ref)
    assert pin.choice
    assert pin.choice.unit == first.choice.unit
    assert first.work < pin.work <= first.work + 60


def test_polishing_and_search_leave_frozen_starts_alone(drawn_shop: Make) -> None:
    shop = second_night(drawn_shop, 7)
    problem = problem_of(shop)
    plan = optimize(problem, time_limit=4.0, seed=3, debug=True)
    assert "HiGHS" in plan.solver
    starts = {(a.order, a.operation): (a.work_unit, a.start) for a in plan.assignments}
    for pin in settled(problem).pins:
        if pin.choice:
            op = problem.ops[pin.ref]
            key = (problem.jobs[op.job].order, problem.plant.operation_ids[op.operation])
            assert starts[key] == (problem.units[pin.choice.unit].id, pin.work)


def test_a_window_as_long_as_the_horizon_gives_last_nights_plan_again(drawn_shop: Make) -> None:
    shop = second_night(drawn_shop, 5)
    days = Demands(freeze=7 * 1440.0)
    plan = optimize(problem_of(shop, days), time_limit=EFFORT, debug=True)
    assert shop.previous
    before = {
        (a.order, a.operation, a.work_unit, round(a.start - 1440, 6))
        for a in shop.previous.assignments
        if a.start >= 1440
    }
    now = {(a.order, a.operation, a.work_unit, round(a.start, 6)) for a in plan.assignments}
    assert before <= now


def frozen_work(plan: Schedule, shop: Any) -> Any:
    """A planned operation with its start frozen, alone on its unit for a while after."""
    problem = problem_of(shop)
    pins = [p for p in settled(problem).pins if p.choice]
    pin = max(pins, key=lambda p: p.work)
    op = problem.ops[pin.ref]
    order = problem.jobs[op.job].order
    return order, problem.plant.operation_ids[op.operation]


def test_check_refuses_a_frozen_start_that_moved_in_silence(drawn_shop: Make) -> None:
    shop = second_night(drawn_shop, 7)
    free = optimize(problem_of(shop, Demands()), time_limit=EFFORT, debug=True)
    key = frozen_work(free, shop)
    segments = tuple(
        replace(s, start=s.start + 1, end=s.end + 1) if (s.order, s.operation) == key else s
        for s in free.segments
    )
    moved = replace(free, segments=segments)
    words = [str(f) for f in checked(shop, moved).faults]
    assert any("frozen, yet moved" in w and key[0] in w for w in words)


def test_check_refuses_an_excuse_that_is_not_so(drawn_shop: Make) -> None:
    shop = second_night(drawn_shop, 7)
    problem = problem_of(shop)
    plan = optimize(problem, time_limit=EFFORT, debug=True)
    order, operation = frozen_work(plan, shop)
    a = next(a for a in plan.assignments if (a.order, a.operation) == (order, operation))
    segments = tuple(
        replace(s, start=s.start + 1, end=s.end + 1)
        if (s.order, s.operation) == (order, operation)
        else s
        for s in plan.segments
    )
    lie = Unkept(a.start, a.work_unit, "cannot", "it cannot", order=order, operation=operation)
    words = [str(f) for f in checked(shop, replace(plan, segments=segments, unkept=(lie,))).faults]
    assert any("is not so" in w for w in words)


def test_without_a_window_the_plan_is_as_before(drawn_shop: Make) -> None:
    shop = second_night(drawn_shop, 3)
    assert settled(problem_of(shop, Demands())).pins == ()
