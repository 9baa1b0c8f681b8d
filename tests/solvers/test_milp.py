"""The timing model charges what the plan is charged, and its answer obeys the same rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyomo.environ as pyo
import pytest

from solvers.account import Account
from solvers.constructive import by_due_date, construct, first_done
from solvers.milp import apply, build, polish, solve
from solvers.optimize import to_schedule
from solvers.window import Window

Make = Callable[..., Any]


def constructed(shop: Any) -> Account:
    problem = shop.problem
    return Account(construct(problem, by_due_date(problem), first_done))


def fix_present_starts(model: Any, window: Window) -> None:
    for i, piece in enumerate(window.pieces):
        start, _ = window.span(piece.ref)
        for c in range(len(piece.starts) - 1):
            model.started[i, c].fix(1 if piece.starts[c] >= start else 0)


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_the_model_saves_what_the_plan_saves(drawn_shop: Make, seed: int) -> None:
    """Between the present starts and the best ones, objective and plan fall by the same amount."""
    before = constructed(drawn_shop(seed))
    window = Window(before, 0.0, 1440.0, 180.0)
    model = build(window)
    assert solve(model, 60.0) == ""
    best, after = pyo.value(model.total_cost), apply(model, window)
    fix_present_starts(model, window)
    assert solve(model, 60.0) == ""
    present, same = pyo.value(model.total_cost), apply(model, window)
    assert present - best == pytest.approx(same.total - after.total, abs=1e-3)
    assert same.total <= before.total + 1e-6


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_polished_plan_obeys_every_rule_and_costs_less(drawn_shop: Make, seed: int) -> None:
    shop = drawn_shop(seed)
    account = constructed(shop)
    found = polish(account, 0.0, 1440.0, 180.0, 60.0).account
    assert found is not None
    assert found.total < account.total
    assert shop.check(to_schedule(found, status="heuristic", solver="")).faults == ()


def test_selling_dearer_than_buying_leaves_the_plan_alone(one_unit: Make) -> None:
    shop = one_unit(price=[1.0] * 6, orders=[(60, 360)], feed_in_per_kwh=2.0)
    answer = polish(constructed(shop), 0.0, 360.0, 120.0, 60.0)
    assert answer.account is None
    assert "selling pays more" in answer.trouble
