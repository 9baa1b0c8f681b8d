"""The sequence search counts as the account does, keeps every rule, and finds what is plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from solvers.account import Account
from solvers.optimize import _by_hand, to_schedule
from solvers.sequences import _sequence_kernel
from solvers.sequences.search import anneal_sequences, plan_of
from solvers.sequences.tables import FAR, Tables
from twin.native import load

Make = Callable[..., Any]
SEEDS = range(12)


def kernel_of(tables: Tables, module: Any = None) -> Any:
    found = module or load("solvers.sequences._sequence_kernel")
    return found.Plant(tables.views())


def counted(plan: Any, start: Account) -> float:
    """What the account says at the marginal prices of the plan that the chain began with."""
    account = Account(plan)
    account.price(start.marginal)
    account.recount(range(len(plan.problem.units)), range(len(plan.problem.jobs)))
    return account.total


@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_costs_what_the_account_says(drawn_shop: Make, seed: int) -> None:
    """Before the first move, and after some hundred that were all taken."""
    start = Account(_by_hand(drawn_shop(seed).problem).plan)
    assert not start.plan.overfull()
    tables = Tables(start)
    kernel = kernel_of(tables)
    assert kernel.begin(seed) == pytest.approx(counted(plan_of(start.plan, tables), start))
    kernel.anneal(300, 1e12, 1e12)
    value = kernel.evaluate()
    assert value < FAR
    plan = plan_of(start.plan, tables)
    assert kernel.clean() == (not plan.overfull())
    fines = tables.figures[-1] * len(plan.overfull())  # the account has no fine for full buffers
    assert value == pytest.approx(counted(plan, start) + fines)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_out_keeps_every_rule(drawn_shop: Make, seed: int) -> None:
    shop = drawn_shop(seed)
    start = Account(_by_hand(shop.problem).plan)
    found, done = anneal_sequences(start, seed=str(seed), moves=4000)
    assert done == 4000
    assert found.total <= start.total + 1e-6
    schedule = to_schedule(found, status="feasible", solver="sequences")
    assert shop.check(schedule).faults == ()


def test_most_plans_by_hand_are_improved(drawn_shop: Make) -> None:
    better = 0
    for seed in SEEDS:
        start = Account(_by_hand(drawn_shop(seed).problem).plan)
        found, _ = anneal_sequences(start, seed="luck", moves=3000)
        better += found.total < 0.99 * start.total
    assert better >= 8


def test_compiled_and_python_find_the_same_plan(drawn_shop: Make) -> None:
    found = []
    for module in (None, _sequence_kernel):
        tables = Tables(Account(_by_hand(drawn_shop(4).problem).plan))
        kernel = kernel_of(tables, module)
        kernel.begin(7)
        found.append((kernel.anneal(150, 500.0, 5.0), tables.sequence.tolist()))
    assert found[0] == found[1]


def test_the_same_seed_gives_the_same_plan(drawn_shop: Make) -> None:
    start = Account(_by_hand(drawn_shop(2).problem).plan)
    first, again, other = (
        anneal_sequences(start, seed=seed, moves=2000)[0].plan.items for seed in ("a", "a", "b")
    )
    assert first == again
    assert first != other


def test_work_waits_for_the_cheap_hours(one_unit: Make) -> None:
    """One order of two hours: at hour four it costs 60 · 2, at once 60 · 10."""
    shop = one_unit(price=[5, 5, 5, 5, 1, 1, 5, 5], orders=[(120, 480)])
    found, _ = anneal_sequences(Account(_by_hand(shop.problem).plan), seed="", moves=2000)
    assert found.plan.start == [240.0]
    assert found.total == pytest.approx(120.0)


def test_the_order_that_is_due_first_goes_first(one_unit: Make) -> None:
    shop = one_unit(
        price=[0.0] * 8, orders=[(240, 480), (120, 120)], costs={"tardiness_per_h": 10.0}
    )
    found, _ = anneal_sequences(Account(_by_hand(shop.problem).plan), seed="", moves=500)
    assert found.total == pytest.approx(0.0)
