"""The bound that knows units do one thing at a time: never above a plan, and often near one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from solvers.bound import lower_bound
from solvers.optimize import naive_schedule, optimize
from solvers.problem import Problem, build_problem
from solvers.unit_bound import unit_bound
from tests.solvers.conftest import MONDAY
from twin.model.compiled import compile_plant
from twin.model.forecast import Forecast
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Schedule
from twin.model.state import ShopState, UnitState

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


DAYS = ("mon", "tue", "wed", "thu", "fri")


def one_of_many_products(orders: list[tuple[str, int, int]], days: int, **unit: Any) -> Problem:
    """Unit M in mode of family fA at first; orders are (product, minutes, due minute)."""
    plant = Plant.model_validate(
        {
            "id": "one",
            "areas": [{"id": "a"}],
            "calendars": [{"id": "day", "weekly": {d: ["05:00-13:00"] for d in DAYS}}],
            "operations": [{"id": "cut"}],
            "routes": [{"id": "r", "operations": ["cut"]}],
            "products": [{"id": p, "family": f"f{p}", "route": "r"} for p in "ABC"],
            "work_units": [
                {
                    "id": "M",
                    "area": "a",
                    "processing": [{"operation": "cut", "basis": "piece", "time": {"*": 1}}],
                    "power_kw": {"working": 60},
                    **unit,
                }
            ],
            "costs": {"tardiness_per_h": 5000.0},
        }
    )
    horizon = Horizon(MONDAY, days * 1440, "UTC", 15)
    book = OrderBook(
        tuple(
            WorkOrder(f"O{n}", product, minutes, MONDAY, MONDAY + timedelta(minutes=due))
            for n, (product, minutes, due) in enumerate(orders)
        )
    )
    nothing = np.zeros(horizon.slots)
    forecast = Forecast(horizon, np.full(horizon.slots, 0.01), nothing, nothing)
    state = ShopState(MONDAY, {}, {"M": UnitState(setup_key="fA", is_on=True)})
    return build_problem(compile_plant(plant, horizon), book, forecast, state)


def test_a_setup_at_the_end_of_a_shift_serves_the_next() -> None:
    """465 minutes of A, 16 of setup over the night, 479 of B: on time for 60 kW at 0.01."""
    setup = {"by": "family", "default": 16, "cost": 0}
    orders = [("A", 465, 480), ("B", 479, 1440 + 480)]
    problem = one_of_many_products(orders, 3, calendar="day", setup=setup)
    assert unit_bound(problem, np.array([944.0])) == pytest.approx(9.44)


def test_an_operation_shorter_than_a_slot_still_saves_a_setup() -> None:
    """A, ten minutes of B, C: set up for nothing by way of B, where A to C takes five hours."""
    setup = {"by": "family", "default": 0, "times": {"fA": {"fC": 300}, "fC": {"fA": 300}}}
    orders = [("A", 120, 120), ("B", 10, 130), ("C", 120, 250)]
    problem = one_of_many_products(orders, 1, setup={**setup, "cost": 1000})
    assert unit_bound(problem, np.array([250.0])) <= 60 * 250 / 60 * 0.01 + 1e-9
