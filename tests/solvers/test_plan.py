"""Buffers and wear: what the search looks up agrees with its definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from solvers.account import Account
from solvers.constructive import by_due_date, construct, first_free
from solvers.wear import Wear
from twin.behaviour.renewals import expected_failures
from twin.model.laws import Exponential, Law, Lognormal, Weibull

Make = Callable[..., Any]


@pytest.mark.parametrize(
    "law", [Exponential(scale=900), Weibull(shape=3, scale=900), Lognormal(median=700, sigma=0.5)]
)
@pytest.mark.parametrize("age", [0.0, 500.0, 2000.0])
def test_tables_of_wear_agree_with_the_renewal_function(law: Law, age: float) -> None:
    wear = Wear(law, age, 5000.0)
    for minutes in (0.0, 7.0, 333.0, 1800.0, 5000.0):
        exact = expected_failures(law, age, minutes)
        assert wear.failures(minutes, age == 0) == pytest.approx(exact, rel=2e-3, abs=5e-3)


@pytest.mark.parametrize("seed", range(0, 30, 3))
def test_no_batch_arrives_at_a_full_buffer(drawn_shop: Make, seed: int) -> None:
    problem = drawn_shop(seed).problem
    assert construct(problem, by_due_date(problem), first_free).overfull() == []


def test_a_change_recounted_is_a_plan_counted_afresh(drawn_shop: Make) -> None:
    """Taking an order out and counting its units again gives the cost of the plan without it."""
    problem = drawn_shop(1).problem
    plan = construct(problem, by_due_date(problem), first_free)
    account = Account(plan, lambda gap: False)
    job = next(j for j in problem.jobs if not j.is_begun)
    units = {plan.remove(op) for op in job.ops}
    for unit in units:
        plan.mend(unit)
    account.recount(sorted(units), [job.index])
    assert account.total == pytest.approx(Account(plan, lambda gap: False).total)
