"""The search finds the best plan of tiny problems, and obeys rules, seeds and wishes."""

from __future__ import annotations

import dataclasses
from itertools import permutations

import pytest

import solvers.lines._timing_kernel as in_python
from solvers.lines.anneal import anneal
from solvers.lines.bill import bill_of
from solvers.lines.check import check
from solvers.lines.problem import NEVER, LinePlan, LineProblem
from solvers.lines.tables import Tables
from solvers.lines.timing import Timing, sequences_of
from tests.solvers.lines.drawn import DEAR_FEED_IN, FEATURES, drawn_case, drawn_problem
from tests.solvers.lines.test_timing import every_course, tiny
from twin.native import load


def without_cap(problem: LineProblem) -> LineProblem:
    return dataclasses.replace(problem, carbon_cap_kg=NEVER)


@pytest.mark.parametrize("demand_charge", [0.0, 2.0])
def test_the_best_plan_of_a_tiny_problem_is_found(demand_charge: float) -> None:
    problem = tiny(demand_charge)
    least = min(
        bill_of(problem, course).total
        for sequence in permutations(range(2))
        for course in every_course(problem, sequence)
    )
    assert anneal(problem, seed=1, steps=4000).bill.total == pytest.approx(least)


@pytest.mark.parametrize("seed", range(8))
def test_plans_obey_every_rule_and_are_no_worse_than_the_drawn_one(seed: int) -> None:
    features = FEATURES | ({DEAR_FEED_IN} if seed % 4 == 0 else set())
    problem, found = drawn_case(seed, orders=7, lines=2, slots=40, tasks=2, features=features)
    problem = without_cap(problem)
    plan = anneal(problem, seed=seed, steps=6000)
    assert check(problem, plan) == []
    assert plan.unplaced == ()
    assert plan.bill.total <= found.bill.total + 1e-6


def test_the_same_seed_and_steps_give_the_same_plan_whoever_listens() -> None:
    problem = without_cap(drawn_problem(4, orders=10, lines=3, slots=60))
    told: list[float] = []
    silent = anneal(problem, seed=3, steps=3000)
    heard = anneal(problem, seed=3, steps=3000, tell=lambda value, plan: told.append(value))
    assert silent == heard
    assert told[-1] == heard.bill.total
    assert told == sorted(told, reverse=True)


def test_the_compiled_and_the_python_kernel_make_the_same_run() -> None:
    problem = without_cap(drawn_problem(2, orders=5, lines=2, slots=24))
    runs = []
    for kernel in (load("solvers.lines._timing_kernel"), in_python):
        search = kernel.Search(*Tables(problem).arrays())
        assert search.begin(50.0, 99)
        for item in range(6):
            search.place(item)
        search.settle_peak(5)
        search.run(60, 5.0, 3.0, 0.05, 0.05)
        runs.append((search.values(), search.sequences()))
    assert runs[0] == runs[1]


def test_a_search_from_last_nights_orders_is_no_worse_than_they_are() -> None:
    problem = without_cap(drawn_problem(6, orders=8, lines=2, slots=50))
    night = anneal(problem, seed=1, steps=8000)
    start = sequences_of(problem, night)
    again = anneal(problem, seed=2, steps=500, start=start)
    assert again.bill.total <= Timing(problem).plan(start).bill.total + 1e-6


def test_new_orders_are_added_to_last_nights() -> None:
    problem = without_cap(drawn_problem(6, orders=8, lines=2, slots=50))
    night = sequences_of(problem, anneal(problem, seed=1, steps=2000))
    known = tuple(tuple(item for item in line if item != 3) for line in night)
    assert anneal(problem, seed=1, steps=500, start=known).unplaced == ()


def test_frozen_orders_stay_where_they_were_planned() -> None:
    problem, found = drawn_case(11, orders=6, lines=2, slots=40)
    start = found.start_of(2)
    orders = list(problem.orders)
    orders[2] = dataclasses.replace(orders[2], planned=start, is_frozen=True)
    problem = without_cap(dataclasses.replace(problem, orders=tuple(orders)))
    assert anneal(problem, seed=1, steps=2000).start_of(2) == start


def test_orders_for_which_the_horizon_has_no_room_are_named() -> None:
    problem = tiny()
    many = tuple(dataclasses.replace(problem.orders[0], id=f"a{n}") for n in range(6))
    problem = dataclasses.replace(problem, orders=many)
    plan = anneal(problem, seed=1, steps=2000)
    assert len(plan.unplaced) == 4  # one before the closed slot, one after it
    assert check(problem, plan) == []


def test_a_plant_without_orders_rests() -> None:
    problem = dataclasses.replace(tiny(), orders=())
    plan = anneal(problem, seed=1, steps=1000)
    assert check(problem, plan) == []
    assert plan.stretches == ()


def test_the_search_ends_when_asked() -> None:
    asked = []

    def must_stop() -> bool:
        asked.append(1)
        return True

    problem = without_cap(drawn_problem(5, orders=8, lines=2, slots=50))
    plan: LinePlan = anneal(problem, seed=1, steps=10**9, must_stop=must_stop)
    assert len(asked) == 1
    assert check(problem, plan) == []
