"""Plans obey every rule, cost what they claim, and are as good as can be told by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

import solvers.optimize
from solvers.optimize import naive_schedule, optimize
from twin.errors import Infeasible
from twin.model.schedule import Schedule
from twin.model.state import OrderState, UnitState

Make = Callable[..., Any]
EFFORT = 0.2
"""Time limit that gives a small problem about a hundred moves [s]."""


POLISHED = 4.0
"""Time limit that has one window polished as well [s]."""


def quick(shop: Any, seed: int = 0, time_limit: float = EFFORT) -> Schedule:
    """A plan of few moves; the guard is far away, so the clock decides nothing."""
    return optimize(shop.problem, time_limit=time_limit, seed=seed, debug=True)


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard against the clock never bites in tests, however slow the machine."""
    monkeypatch.setattr(solvers.optimize.time, "monotonic", lambda: 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_obeys_every_rule_and_costs_what_it_claims(drawn_shop: Make, seed: int) -> None:
    shop = drawn_shop(seed)
    for plan in (naive_schedule(shop.problem), quick(shop)):
        result = shop.check(plan)
        assert result.faults == ()
        assert result.disagreement is not None
        assert result.disagreement < 1e-9


@pytest.mark.parametrize("seed", range(20, 28))
def test_the_optimiser_is_no_worse_than_planning_by_hand(drawn_shop: Make, seed: int) -> None:
    shop = drawn_shop(seed)
    naive, best = naive_schedule(shop.problem), quick(shop)
    assert naive.unplaced == best.unplaced == ()
    assert naive.value
    assert best.value
    assert best.value.total_cost <= naive.value.total_cost * (1 + 1e-4)


@pytest.mark.parametrize("seed", range(28, 36))
def test_no_plan_costs_less_than_the_bound(drawn_shop: Make, seed: int) -> None:
    shop = drawn_shop(seed)
    naive, best = naive_schedule(shop.problem), quick(shop)
    assert best.bound is not None
    assert naive.value
    assert best.value
    assert 0 < best.bound <= min(naive.value.total_cost, best.value.total_cost)


def test_the_same_seed_gives_the_same_plan(drawn_shop: Make) -> None:
    shop = drawn_shop(4)
    plans = [quick(shop, seed=7, time_limit=POLISHED) for _ in range(2)]
    assert "HiGHS" in plans[0].solver
    assert plans[0].to_json() == plans[1].to_json()


def test_a_plan_survives_json(drawn_shop: Make) -> None:
    plan = quick(drawn_shop(5))
    assert Schedule.from_json(plan.to_json()) == plan


def test_the_cheapest_hours_of_one_machine_are_found(one_unit: Make) -> None:
    """Two hours of 60 kW among prices 5 4 1 2 1 6: the best pair of neighbours costs 60 · (1 + 2),
    and one order each of an hour finds both hours at 1."""
    prices = [5, 4, 1, 2, 1, 6]
    together = quick(one_unit(price=prices, orders=[(120, 360)]))
    apart = quick(one_unit(price=prices, orders=[(60, 360), (60, 360)]))
    assert together.value
    assert together.value.total_cost == pytest.approx(180)
    assert apart.value
    assert apart.value.total_cost == pytest.approx(120)


def test_weighted_tardiness_of_one_machine_is_least(one_unit: Make) -> None:
    """Hours of work 3, 1, 2, all due at once: shortest first is late by 1 + 3 + 6 hours."""
    shop = one_unit(
        price=[1e-3] * 10,
        orders=[(180, 0), (60, 0), (120, 0)],
        costs={"tardiness_per_h": 10.0},
    )
    plan = quick(shop)
    assert plan.value
    assert plan.value.tardiness_cost == pytest.approx(100)


def test_energy_leaves_a_price_peak_when_there_is_slack(one_unit: Make) -> None:
    prices = [1.0] * 4 + [9.0] * 3 + [1.0] * 9
    shop = one_unit(price=prices, orders=[(240, 960), (180, 960)])
    plan = quick(shop)
    assert all(s.end <= 240 or s.start >= 420 for s in plan.segments if s.kind == "work")


def test_a_due_date_keeps_work_in_the_price_peak(one_unit: Make) -> None:
    prices = [1.0] * 4 + [9.0] * 3 + [1.0] * 9
    shop = one_unit(
        price=prices, orders=[(240, 240), (180, 420)], costs={"tardiness_per_h": 1000.0}
    )
    plan = quick(shop)
    assert plan.value
    assert plan.value.tardiness_cost == 0


def test_a_delay_brings_an_order_forward_at_its_true_cost(one_unit: Make) -> None:
    """Cheap hours last; a delay of three hours takes the dear ones, and nothing is called late."""
    shop = one_unit(
        price=[2.0, 2.0, 2.0, 1.0], orders=[(60, 240)], costs={"tardiness_per_h": 1000.0}
    )
    ends = []
    for delays in ({}, {"O0": (180.0,)}):
        plan = optimize(shop.problem, time_limit=EFFORT, delays=delays, debug=True)
        assert shop.check(plan).faults == ()
        ends.append(plan.completion("O0"))
    assert ends == [240.0, 60.0]


def test_prices_doubled_double_the_optimum(one_unit: Make) -> None:
    prices = np.array([5.0, 4.0, 1.0, 2.0, 3.0, 1.5, 6.0, 2.0])
    orders = [(60, 480), (120, 480), (60, 480)]
    plans = [quick(one_unit(price=level * prices, orders=orders)) for level in (1, 2)]
    assert plans[0].value
    assert plans[1].value
    assert plans[1].value.total_cost == pytest.approx(2 * plans[0].value.total_cost)


def test_a_demand_charge_spreads_the_load(drawn_shop: Make) -> None:
    shop = drawn_shop(1)
    dear = replace(shop.forecast, demand_charge_per_kw=200.0, peak_incurred_kw=0.0)
    free = replace(dear, demand_charge_per_kw=0.0)
    peaks = []
    for forecast in (dear, free):
        plan = quick(replace(shop, forecast=forecast), time_limit=2.0)
        assert plan.value
        peaks.append(plan.value.peak_kw)
    assert peaks[0] < peaks[1]


def furnace(standby: float, startup: float) -> dict[str, Any]:
    return {
        "power_kw": {"standby": standby, "startup": startup, "working": 100},
        "startup_time": 60,
        "standby_timeout": 0,
    }


@pytest.mark.parametrize(("standby", "expected"), [(10.0, {"standby"}), (200.0, {"startup"})])
def test_a_furnace_waits_hot_or_cold_whichever_is_cheaper(
    one_unit: Make, standby: float, expected: set[str]
) -> None:
    """An hour of work in each of two cheap hours, four dear hours between them."""
    shop = one_unit(
        price=[1.0, 9.0, 9.0, 9.0, 9.0, 1.0],
        orders=[(60, 60), (60, 60)],
        unit=furnace(standby, 50.0),
        state=UnitState(is_on=True),
    )
    plan = quick(shop)
    assert {s.kind for s in plan.segments} - {"work"} == expected
    assert shop.check(plan).faults == ()


def serviced(shape: float, cost: float) -> dict[str, Any]:
    law = {"law": "weibull", "shape": shape, "scale": "20 h"}
    repair = {"law": "constant", "value": 60}
    return {
        "failure_modes": [
            {"id": "wear", "time_to_failure": law, "time_to_repair": repair, "cost": cost}
        ],
        "maintenance": [
            {
                "id": "service",
                "interval": "10 h",
                "tolerance": "6 h",
                "duration": 60,
                "crew": "C",
                "renews": ["wear"],
                "cost": 100,
            }
        ],
    }


def service_start(one_unit: Make, shape: float, cost: float) -> float:
    """Start of a service due at minute 540, allowed from 180 to 900, on a unit that has work at
    once, and then is free."""
    shop = one_unit(
        price=[1e-3] * 24,
        orders=[(600, 600), (300, 1440)],
        unit=serviced(shape, cost),
        costs={"tardiness_per_h": 20.0},
        crews=[{"id": "C", "size": 1}],
        state=UnitState(
            ages={"wear": 600.0},
            last_maintenance={"service": _at(-60)},
        ),
    )
    plan = quick(shop, time_limit=1.0)
    assert shop.check(plan).faults == ()
    return next(s.start for s in plan.segments if s.kind == "maintenance")


def _at(minute: float) -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 23, 5, 0, tzinfo=UTC) + timedelta(minutes=minute)


def test_maintenance_waits_for_its_due_date_when_nothing_wears(one_unit: Make) -> None:
    assert service_start(one_unit, shape=1.0, cost=1.0) >= 540


def test_maintenance_comes_early_when_wear_is_dear(one_unit: Make) -> None:
    """With a steep hazard the expected failures saved are worth more than the unused interval."""
    assert service_start(one_unit, shape=4.0, cost=5000.0) < 540


def test_orders_without_time_are_named(one_unit: Make) -> None:
    """Four hours hold one of the long orders; the shorter costs less energy."""
    shop = one_unit(price=[1.0] * 4, orders=[(180, 60), (120, 60), (30, 240)])
    plan = quick(shop)
    assert plan.unplaced == ("O0",)
    assert shop.check(plan).faults == ()


def test_a_crew_without_open_time_in_the_window_is_named(one_unit: Make) -> None:
    shop = one_unit(
        price=[1.0] * 24,
        orders=[(60, 60)],
        unit=serviced(1.0, 1.0),
        crews=[{"id": "C", "size": 1}],
        state=UnitState(last_maintenance={"service": _at(-60)}, unavailable_minutes=1430.0),
    )
    with pytest.raises(Infeasible, match=r"M cannot have its maintenance service.*crew C or M"):
        quick(shop)


def test_a_crew_without_a_shift_is_blamed_and_not_the_running_order(one_unit: Make) -> None:
    shop = one_unit(
        price=[1.0] * 24,
        orders=[(600, 60)],
        unit=serviced(1.0, 1.0),
        crews=[{"id": "C", "size": 1, "calendar": "never"}],
        calendars=[{"id": "never"}],
        state=UnitState(last_maintenance={"service": _at(-60)}),
    )
    running = replace(shop.state, orders={"O0": OrderState(0, "M", 0.1)})
    with pytest.raises(Infeasible, match=r"crew C is not on duty long enough"):
        quick(replace(shop, state=running))


def test_running_work_that_blocks_maintenance_is_named(one_unit: Make) -> None:
    shop = one_unit(
        price=[1.0] * 24,
        orders=[(1590, 60)],
        unit=serviced(1.0, 1.0),
        crews=[{"id": "C", "size": 1}],
        state=UnitState(last_maintenance={"service": _at(-60)}),
    )
    running = replace(shop.state, orders={"O0": OrderState(0, "M", 0.1)})
    with pytest.raises(Infeasible, match=r"service.*order O0 is running there until"):
        quick(replace(shop, state=running))


def test_running_work_beyond_the_horizon_is_named(one_unit: Make) -> None:
    shop = one_unit(price=[1.0] * 2, orders=[(300, 60)])
    running = replace(shop.state, orders={"O0": OrderState(0, "M", 0.1)})
    with pytest.raises(Infeasible, match=r"order O0 runs on M, needs 4\.5 h more"):
        quick(replace(shop, state=running))


def test_moving_is_charged_against_the_last_plan(one_unit: Make) -> None:
    """A small gain in price is not worth moving for; a large one is."""
    before = quick(one_unit(price=[1, 2, 2, 2], orders=[(60, 240)]))
    starts = []
    for price in ([2, 2, 2, 1.9], [2, 2, 2, 0.1]):
        shop = one_unit(price=price, orders=[(60, 240)], costs={"moved_operation": 20.0})
        plan = quick(replace(shop, previous=before))
        starts.append(plan.assignments[0].start)
    assert starts == [0.0, 180.0]


def test_cancelled_returns_the_plan_so_far(drawn_shop: Make) -> None:
    shop = drawn_shop(2)
    plan = optimize(shop.problem, time_limit=60.0, cancelled=lambda: True, debug=True)
    assert shop.check(plan).faults == ()
    assert "cancelled" in plan.note


def test_progress_names_the_steps(drawn_shop: Make) -> None:
    steps: list[str] = []
    optimize(
        drawn_shop(2).problem,
        time_limit=POLISHED,
        progress=lambda step, value, bound: steps.append(step),
        debug=True,
    )
    sequence = ["construct", "improve", "anneal", "polish"]
    told = [sequence.index(s.split()[0]) for s in steps]
    assert told == sorted(told)
    assert {"construct", "anneal", "polish"} <= {s.split()[0] for s in steps}


def test_a_failing_optimiser_falls_back_and_says_so(
    drawn_shop: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(solvers.optimize.Run, "anneal", fail)
    shop = drawn_shop(2)
    plan = optimize(shop.problem, time_limit=EFFORT)
    assert plan.status == "fallback"
    assert "RuntimeError: broken" in plan.note
    assert shop.check(plan).faults == ()
