"""The bounds of several machines are below every plan, and rule no good plan out."""

import math

import pytest

from solvers.flow_shop import exact
from solvers.flow_shop.ordering import violated
from solvers.flow_shop.problem import FlowShop, objective
from solvers.flow_shop.programme import Programme
from solvers.flow_shop.relaxation import Relaxed
from tests.solvers.flow_shop.shops import all_plans, drawn_shop, least_objective

SEEDS = range(6)


def told_by_highs(shop: FlowShop, starts: dict[tuple[int, int], list[int]]) -> list[float]:
    bounds: list[float] = []
    bounds.append(exact.prove(Programme(shop, starts), 10.0, bounds.append))
    return bounds


@pytest.mark.parametrize("seed", SEEDS)
def test_the_relaxation_is_a_bound(seed: int) -> None:
    shop = drawn_shop(seed)
    least = least_objective(shop)
    assert Relaxed(shop).climb(lambda: 1.1 * least) <= least * (1 + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_relaxation_holds_for_prices_below_zero(seed: int) -> None:
    shop = drawn_shop(seed, lowest_price=-100).charged_for_cost()
    least = least_objective(shop)
    assert Relaxed(shop).climb(lambda: least + 1.0) <= least + 1e-9 * abs(least)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_start_of_a_better_plan_is_ruled_out(seed: int) -> None:
    shop = drawn_shop(seed)
    upper = 1.03 * least_objective(shop)
    relaxed = Relaxed(shop)
    relaxed.climb(lambda: upper)
    possible = relaxed.possible_starts(upper)
    for _, starts in all_plans(shop):
        if objective(shop, starts) < upper * (1 - 1e-9):
            for job, row in enumerate(starts):
                for machine, start in enumerate(row):
                    if shop.processing_time[job][machine] > 0:
                        assert start in possible[job, machine]


@pytest.mark.parametrize("seed", SEEDS)
def test_all_that_highs_tells_is_a_bound(seed: int) -> None:
    shop = drawn_shop(seed)
    least = least_objective(shop)
    relaxed = Relaxed(shop)
    bound = relaxed.climb(lambda: 2 * least)
    told = told_by_highs(shop, relaxed.possible_starts(2 * least))
    assert max(told) <= least * (1 + 1e-6)
    assert told[-1] >= bound * (1 - 1e-6)


def test_highs_closes_the_gap_where_jobs_cannot_overtake() -> None:
    """With the same profile on all jobs every plan keeps one order, or could."""
    drawn = drawn_shop(5, jobs=3, machines=2, slots=8)
    alike = ((300.0, 200.0), (500.0,))
    shop = FlowShop("alike", (alike,) * 3, drawn.generation, drawn.rate)
    least = least_objective(shop)
    everywhere = Relaxed(shop)
    everywhere.climb(lambda: 2 * least)
    told = told_by_highs(shop, everywhere.possible_starts(math.inf))
    assert told[-1] == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 5])
def test_the_rows_of_the_one_order_cut_no_plan_off(seed: int) -> None:
    """The rows that are violated when all jobs begin as early as they can."""
    shop = drawn_shop(seed)
    relaxed = Relaxed(shop)
    relaxed.climb(lambda: 1e12)
    programme = Programme(shop, relaxed.possible_starts(math.inf))
    values = [0.0] * len(programme.cost)
    for (job, machine), starts_allowed in programme.starts.items():
        values[programme.column[job, machine, starts_allowed[0]]] = 1.0
    rows = violated(programme, values)
    assert rows
    for order, starts in list(all_plans(shop))[::20]:
        chosen = {
            programme.column[job, machine, start]
            for job, row in enumerate(starts)
            for machine, start in enumerate(row)
            if shop.processing_time[job][machine] > 0
        }
        place = {job: number for number, job in enumerate(order)}
        chosen |= {z for (i, j), z in programme.before.items() if place[i] < place[j]}
        for lower, upper, entries in rows:
            value = sum(v for column, v in entries.items() if column in chosen)
            assert lower <= value <= upper


def test_starts_that_exclude_each_other_have_no_plan() -> None:
    shop = drawn_shop(0, jobs=2, machines=1, slots=6)
    assert told_by_highs(shop, {(0, 0): [0], (1, 0): [0]})[-1] == math.inf
