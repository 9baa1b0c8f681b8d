"""Bounds lie below the optimum, and meet it where theory says so."""

from __future__ import annotations

from itertools import chain, combinations
from random import Random

import pytest

from solvers.shop.bound import Task, bound_tasks, lower_bound, preemptive_makespan
from solvers.shop.load_bound import load_bound
from solvers.shop.problem import Alternative, Operation, Problem
from solvers.shop.tables import tables_of
from tests.solvers.shop.drawn import drawn_shop, least_makespan


def drawn_tasks(seed: int) -> list[Task]:
    random = Random(f"{seed}/tasks")
    count = random.randint(1, 7)
    return [Task(random.randint(0, 20), random.randint(0, 9), random.randint(0, 20))
            for _ in range(count)]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_the_preemptive_makespan_is_the_longest_over_all_sets_of_tasks(seed: int) -> None:
    """Least head, all times and least tail of a set of tasks (Carlier 1982)."""
    tasks = drawn_tasks(seed)
    sets = chain.from_iterable(combinations(tasks, n) for n in range(1, len(tasks) + 1))
    assert preemptive_makespan(tasks) == max(
        min(t.head for t in s) + sum(t.time for t in s) + min(t.tail for t in s) for s in sets
    )


def test_a_machine_without_tasks_takes_no_time() -> None:
    assert preemptive_makespan([]) == 0


@pytest.mark.parametrize("alternatives", [1, 3])
@pytest.mark.parametrize("seed", range(15))
def test_no_bound_is_above_the_optimum(seed: int, alternatives: int) -> None:
    steps = 3 if alternatives == 1 else 2
    shop = drawn_shop(seed, jobs=4, steps=steps, alternatives=alternatives, shortest=0)
    best = least_makespan(shop)
    assert lower_bound(shop) <= best
    assert load_bound(tables_of(shop), 10.0) <= best


@pytest.mark.parametrize("seed", range(10))
def test_without_alternatives_the_load_bound_is_the_one_machine_bound(seed: int) -> None:
    shop = drawn_shop(seed, jobs=8, machines=4, steps=4)
    expected = max(map(preemptive_makespan, bound_tasks(shop)))
    assert load_bound(tables_of(shop), 10.0) == expected


def test_the_load_bound_shares_work_among_machines() -> None:
    """Three operations of 4 on two equal machines need 6, whatever each machine must do."""
    either = Operation((Alternative(0, 4), Alternative(1, 4)))
    shop = Problem("three", 2, ((either,), (either,), (either,)))
    assert lower_bound(shop) == 4
    assert load_bound(tables_of(shop), 10.0) == 6


def test_an_operation_with_two_times_on_its_one_machine_counts_with_the_shorter() -> None:
    twice = Operation((Alternative(0, 4), Alternative(0, 3)))
    assert lower_bound(Problem("two", 1, ((twice,), (twice,)))) == 6


def test_without_time_there_is_no_load_bound() -> None:
    assert load_bound(tables_of(drawn_shop(1, alternatives=2)), 0.0) == 0
