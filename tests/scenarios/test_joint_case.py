"""Planning one thing after another is a true plan of the same night, made without foresight."""

import pytest

from scenarios.joint_case import (
    rehearsed_sequential_plan,
    sequential_plan,
    without_energy,
    without_maintenance,
)
from scenarios.run import plan, problem_of
from scenarios.scenario import Case
from solvers.bound import lower_bound
from tests.archives import small_case
from twin.accounting.check import check


@pytest.fixture(scope="module")
def case() -> Case:
    return small_case()


def test_a_sequential_plan_keeps_every_rule_and_is_counted_at_true_prices(case: Case) -> None:
    for found in (
        sequential_plan(case, seed=1, time_limit=1.0),
        rehearsed_sequential_plan(case, seed=1, time_limit=1.0),
    ):
        judged = check(found, case.plant, case.orders, case.forecast, case.state)
        assert judged.faults == ()
        assert found.value is not None
        assert found.value.energy_cost > 0
        assert found.value.total_cost >= lower_bound(problem_of(case)) - 1e-6


def test_the_same_seed_gives_the_same_plan(case: Case) -> None:
    first, second = (sequential_plan(case, seed=3, time_limit=0.5) for _ in range(2))
    assert first.to_json() == second.to_json()


def test_the_scheduler_sees_neither_maintenance_nor_energy(case: Case) -> None:
    blind = without_energy(without_maintenance(case))
    assert problem_of(blind).pms == ()
    assert all(not unit.modes for unit in problem_of(blind).units)
    assert problem_of(blind).energy_rate.sum() == 0
    drafted = plan(blind, time_limit=0.5)
    assert drafted.value is not None
    assert drafted.value.total_cost == pytest.approx(
        drafted.value.tardiness_cost + drafted.value.setup_cost
    )
