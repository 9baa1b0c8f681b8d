"""The exact method for one machine finds what trying everything finds, and says so."""

import math

import pytest

from solvers.flow_shop import single
from solvers.flow_shop.problem import FlowShop, objective
from solvers.flow_shop.single import SingleMachine
from tests.solvers.flow_shop.shops import drawn_shop, least_objective


def proven(shop: FlowShop, upper: float, most_states: int = 100_000) -> tuple[float, float]:
    """Value of the plan found, infinite without one, and the last bound."""
    bounds: list[float] = []
    starts = SingleMachine(shop, most_states).prove(lambda: upper, bounds.append)
    value = math.inf if starts is None else objective(shop, tuple((start,) for start in starts))
    return value, max(bounds)


@pytest.mark.parametrize("in_table", [0, 2, 8])
@pytest.mark.parametrize("seed", range(6))
def test_the_cheapest_plan_is_found(
    seed: int, in_table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single, "MOST_IN_TABLE", in_table)
    shop = drawn_shop(seed, jobs=5, machines=1, slots=11)
    least = least_objective(shop)
    value, bound = proven(shop, 1.5 * least)
    assert value == pytest.approx(least, rel=1e-9)
    assert bound == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_cheapest_plan_is_recognised(seed: int) -> None:
    """Given its value, nothing cheaper is found and the bound reaches it."""
    shop = drawn_shop(seed, jobs=5, machines=1, slots=11)
    least = least_objective(shop)
    value, bound = proven(shop, least)
    assert value >= least * (1 - 1e-9)
    assert bound == pytest.approx(least, rel=1e-8)


def test_a_price_below_zero_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "MOST_IN_TABLE", 1)
    shop = drawn_shop(4, jobs=4, machines=1, slots=9, lowest_price=-150).charged_for_cost()
    least = least_objective(shop)
    assert least < 0
    value, bound = proven(shop, 0.0)
    assert value == pytest.approx(least)
    assert bound == pytest.approx(least)


@pytest.mark.parametrize("most_states", [1, 5, 20, 80])
def test_a_bound_stays_one_without_room(most_states: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "MOST_IN_TABLE", 0)
    shop = drawn_shop(2, jobs=5, machines=1, slots=11)
    least = least_objective(shop)
    assert proven(shop, 1.5 * least, most_states)[1] <= least * (1 + 1e-9)
