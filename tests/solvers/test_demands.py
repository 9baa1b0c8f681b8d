"""Power cap, carbon cap and deadlines: kept where a plan can keep them, refused by name else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

import solvers.optimize
from solvers.optimize import optimize
from solvers.problem import build_problem
from twin.accounting.check import check
from twin.errors import Infeasible
from twin.model.compiled import compile_plant
from twin.model.demands import Demands
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solvers.optimize.time, "monotonic", lambda: 0.0)


def planned(shop: Any, demands: Demands, time_limit: float = 1.0) -> Schedule:
    compiled = compile_plant(shop.plant, shop.forecast.horizon)
    problem = build_problem(compiled, shop.orders, shop.forecast, shop.state, None, demands)
    return optimize(problem, time_limit=time_limit, debug=True)


def faults(shop: Any, plan: Schedule, demands: Demands) -> list[str]:
    found = check(plan, shop.plant, shop.orders, shop.forecast, shop.state, None, demands)
    return [str(fault) for fault in found.faults]


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_a_peak_that_a_charge_brings_about_can_be_asked_for(drawn_shop: Make, seed: int) -> None:
    shop = drawn_shop(seed)
    free = planned(replace(shop, forecast=charged(shop, 0.0)), Demands())
    dear = planned(replace(shop, forecast=charged(shop, 500.0)), Demands(), 2.0)
    assert free.value
    assert dear.value
    cap = Demands(power_cap_kw=(free.value.peak_kw + 3 * dear.value.peak_kw) / 4)
    shop = replace(shop, forecast=charged(shop, 0.0))
    plan = planned(shop, cap, 3.0)
    assert faults(shop, plan, cap) == []
    assert any("above the power cap" in f for f in faults(shop, free, cap))


def charged(shop: Any, per_kw: float) -> Any:
    return replace(shop.forecast, demand_charge_per_kw=per_kw, peak_incurred_kw=0.0)


@pytest.mark.parametrize("seed", [1, 4])
def test_what_a_price_of_carbon_saves_can_be_asked_for(drawn_shop: Make, seed: int) -> None:
    shop = drawn_shop(seed)
    free = planned(shop, Demands())
    assert free.value
    dear = shop.plant.model_copy(
        update={"costs": shop.plant.costs.model_copy(update={"carbon_per_t": 20_000.0})}
    )
    clean = planned(replace(shop, plant=dear), Demands())
    assert clean.value
    cap = Demands(carbon_cap_kg=(clean.value.carbon_kg + 3 * free.value.carbon_kg) / 4)
    plan = planned(shop, cap)
    assert plan.value
    assert faults(shop, plan, cap) == []
    assert any("above the carbon cap" in f for f in faults(shop, free, cap))


@pytest.mark.parametrize(
    ("demands", "words"),
    [(Demands(power_cap_kw=1.0), "power_cap_kw"), (Demands(carbon_cap_kg=1.0), "carbon_cap_kg")],
)
def test_a_cap_below_the_idle_site_is_refused_by_name(
    drawn_shop: Make, demands: Demands, words: str
) -> None:
    with pytest.raises(Infeasible, match=words):
        planned(drawn_shop(1), demands)


def with_deadlines(shop: Any, minutes: dict[str, float]) -> Any:
    start = shop.forecast.horizon.start
    orders = tuple(
        replace(o, deadline=start + timedelta(minutes=minutes[o.id])) if o.id in minutes else o
        for o in shop.orders
    )
    return replace(shop, orders=OrderBook(orders))


def test_a_deadline_is_met_where_being_late_would_be_cheaper(one_unit: Make) -> None:
    """Energy is cheap after the deadline and lateness costs nothing: the deadline still holds."""
    shop = one_unit(price=[9.0, 9.0, 9.0, 1.0, 1.0, 1.0], orders=[(60, 360), (60, 360)])
    late = planned(shop, Demands())
    assert (late.completion("O0") or 0) > 180
    tight = with_deadlines(shop, {"O0": 120.0})
    plan = planned(tight, Demands())
    assert (plan.completion("O0") or 999) <= 120
    assert faults(tight, plan, Demands()) == []
    assert any("deadline missed" in f for f in faults(tight, late, Demands()))


def test_a_deadline_beyond_reach_is_refused_by_order(one_unit: Make) -> None:
    shop = with_deadlines(one_unit(price=[1.0] * 6, orders=[(120, 360)]), {"O0": 60.0})
    with pytest.raises(Infeasible, match="order O0: deadline"):
        planned(shop, Demands())
