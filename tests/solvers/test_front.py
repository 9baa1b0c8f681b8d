"""The front of cost and carbon: whole plans, none dominated, its ends those of one objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest

import solvers.optimize
import solvers.unit_bound
from solvers.front import Point, front
from solvers.optimize import optimize

Make = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def _no_clock() -> Iterator[None]:
    """No guard against the clock bites, and bounds are climbed to in a few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solvers.optimize.time, "monotonic", lambda: 0.0)
        patch.setattr(solvers.unit_bound, "STEPS", 8)
        yield


def two_hours(one_unit: Make) -> Any:
    """Two hours of work in single orders; cheap hours are dirty and clean hours dear."""
    shop = one_unit(price=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], orders=[(60, 360), (60, 360)])
    carbon = np.array([0.9, 0.8, 0.5, 0.4, 0.2, 0.1])
    forecast = type(shop.forecast)(shop.forecast.horizon, shop.forecast.price_per_kwh, carbon,
                                   shop.forecast.generation_kw)  # fmt: skip
    return type(shop)(shop.plant, shop.orders, forecast, shop.state)


def enumerated(shop: Any) -> list[tuple[float, float]]:
    """(cost, carbon) of every plan that nothing dominates, by trying all starts."""
    price, carbon = shop.forecast.price_per_kwh, shop.forecast.carbon_intensity
    hours = range(len(price))
    plans = {
        (60 * (price[a] + price[b]), round(60 * (carbon[a] + carbon[b]), 9))
        for a, b in product(hours, hours)
        if a < b
    }
    return sorted(p for p in plans if not is_dominated(p, plans))


def is_dominated(plan: tuple[float, float], plans: Any) -> bool:
    return any(q != plan and q[0] <= plan[0] and q[1] <= plan[1] for q in plans)


def figures(points: list[Point]) -> list[tuple[float, float]]:
    return [(p.cost, p.carbon_kg) for p in points]


def test_each_point_is_the_best_of_all_plans_within_its_cap(one_unit: Make) -> None:
    """Starts enumerated on whole hours; the cheapest hours that keep each cap."""
    shop = two_hours(one_unit)
    found, is_complete = front(shop.problem, points=5, time_limit=12, seed=1)
    assert is_complete
    every = enumerated(shop)
    assert found[-1].cost == pytest.approx(every[0][0])
    assert found[0].carbon_kg == pytest.approx(every[-1][1], rel=1e-3)
    for point in found:
        best = min(cost for cost, carbon in every if carbon <= point.cap + 1e-6)
        assert point.cost <= best * (1 + 1e-6)
        assert point.schedule.bound is not None
        assert point.schedule.bound <= point.cost + 1e-6


@pytest.fixture(scope="module")
def drawn(drawn_shop: Make) -> tuple[Any, list[Point]]:
    shop = drawn_shop(4)
    return shop, front(shop.problem, points=3, time_limit=3, seed=1)[0]


def test_no_point_is_dominated_and_each_passes_check(drawn: tuple[Any, list[Point]]) -> None:
    shop, found = drawn
    assert len(found) >= 2
    for clean, cheap in pairwise(found):
        assert clean.carbon_kg < cheap.carbon_kg
        assert clean.cost > cheap.cost
    for point in found:
        assert point.carbon_kg <= point.cap * (1 + 1e-6)
        assert shop.check(point.schedule).faults == ()


def test_the_cheap_end_is_at_least_as_good_as_a_run_for_cost_alone(
    drawn: tuple[Any, list[Point]],
) -> None:
    shop, found = drawn
    alone = optimize(shop.problem, time_limit=3 * solvers.front.CHEAP_SHARE, seed=1)
    assert alone.value
    assert found[-1].cost <= alone.value.total_cost + 1e-6


def test_the_same_seed_gives_the_same_front(drawn: tuple[Any, list[Point]]) -> None:
    shop, found = drawn
    again, _ = front(shop.problem, points=3, time_limit=3, seed=1)
    assert [p.schedule.to_json() for p in again] == [p.schedule.to_json() for p in found]


def test_a_stop_keeps_the_points_found(drawn_shop: Make) -> None:
    asked = 0

    def stop() -> bool:
        return asked > 0

    def tell(step: str, done: int, total: int) -> None:
        nonlocal asked
        asked += done == 1

    found, is_complete = front(
        drawn_shop(4).problem, points=4, time_limit=2, tell=tell, cancelled=stop
    )
    assert not is_complete
    assert found
