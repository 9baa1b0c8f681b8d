"""First plans are complete where there is room, and name the orders left where there is none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from solvers.lines.check import check
from solvers.lines.construct import construct
from solvers.lines.problem import NEVER
from solvers.lines.timing import Timing
from solvers.lines.week_files import read_week
from tests.solvers.lines.drawn import drawn_problem
from tests.solvers.lines.test_timing import tiny


@pytest.mark.parametrize("seed", range(6))
def test_a_first_plan_obeys_every_rule(seed: int) -> None:
    problem = drawn_problem(seed, orders=5, lines=2, slots=40)
    problem = dataclasses.replace(problem, carbon_cap_kg=NEVER)
    sequences, unplaced = construct(problem)
    plan = Timing(problem).plan(sequences)
    assert check(problem, plan) == []
    assert set(unplaced) == set(plan.unplaced)


def test_orders_beyond_the_horizon_are_named() -> None:
    problem = tiny()
    many = tuple(dataclasses.replace(problem.orders[0], id=f"a{n}") for n in range(6))
    problem = dataclasses.replace(problem, orders=many)
    sequences, unplaced = construct(problem)
    assert sorted((*unplaced, *sequences[0])) == list(range(6))
    assert 3 <= len(unplaced) < 6


def test_another_seed_may_give_another_plan_and_the_same_one_the_same() -> None:
    problem = drawn_problem(1, orders=8, lines=2, slots=60, features=())
    assert construct(problem, 5) == construct(problem, 5)
    assert len({construct(problem, seed)[0] for seed in range(8)}) > 1


def test_a_week_of_the_plant_gets_nearly_all_orders_at_once(shared_dir: Path) -> None:
    week = shared_dir / "benchmarks/scheduling/plant-week/pw-40x3-60min-s1.json"
    if not week.exists():
        pytest.skip("the plant-week benchmark is not there")
    _, unplaced = construct(read_week(week))
    assert len(unplaced) <= 2
