"""The search: exact times, optima of tiny shops, the same steps compiled and in Python."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

from solvers.shop import _shop_kernel as python_kernel
from solvers.shop import search
from solvers.shop.check import faults
from solvers.shop.problem import Alternative, Operation, Problem
from solvers.shop.search import KERNEL, Chain
from solvers.shop.starts import Elite, Sequence, before_on_machine, dispatched, mixed
from solvers.shop.tables import Tables, schedule_of, tables_of
from solvers.shop.team import Team
from tests.solvers.shop.drawn import drawn_shop, least_makespan
from twin.native import load, which

KINDS: dict[str, dict[str, Any]] = {
    "job shop": {},
    "flexible": {"alternatives": 3, "steps": 2},
    "with operations of no duration": {"shortest": 0, "alternatives": 2, "steps": 2},
    "with returns to a machine": {"returns": True, "machines": 2},
}
LARGER: dict[str, dict[str, Any]] = {
    "job shop": {"jobs": 8, "machines": 6, "steps": 6},
    "flexible": {"jobs": 8, "machines": 5, "steps": 5, "alternatives": 4},
    "with operations of no duration": {
        "jobs": 8, "machines": 5, "steps": 5, "alternatives": 3, "shortest": 0, "returns": True,
    },
    "with returns to a machine": {"jobs": 8, "machines": 4, "steps": 9, "returns": True},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_search_finds_the_optimum_of_tiny_shops(kind: str) -> None:
    for seed in range(12):
        shop = drawn_shop(seed, **KINDS[kind])
        chain = Chain(tables_of(shop), seed=1, number=0, patience=200)
        chain.target = least_makespan(shop)
        for _ in range(100):
            if chain.is_done:
                break
            chain.advance(2_000)
        assert chain.makespan == chain.target, shop.name


@pytest.mark.parametrize("kind", LARGER)
def test_what_the_search_holds_is_a_schedule_that_keeps_every_rule(kind: str) -> None:
    """Its makespan is that of the semi-active schedule built anew from its sequences."""
    for seed in range(5):
        shop = drawn_shop(seed, **LARGER[kind])
        tables = tables_of(shop)
        chain = Chain(tables, seed, 0, patience=150)
        for _ in range(40):
            chain.advance(3_000)
            schedule = schedule_of(tables, chain.best.order, chain.best.choice)
            assert faults(shop, schedule) == []
            assert schedule.makespan == chain.makespan


@pytest.mark.parametrize("kind", LARGER)
def test_done_and_rest_stay_exact_move_by_move(kind: str) -> None:
    """After any moves they are those of a fresh start at the same sequences."""
    shop = drawn_shop(3, **LARGER[kind])
    tables = tables_of(shop)
    kernel = python_kernel_of(tables)
    fresh = python_kernel_of(tables)
    begin = dispatched(tables, Random(1), 0.5)
    kernel.load(begin.order.data, begin.choice.data)
    for _ in range(300):
        kernel.climb(10_000, 1, 0)
        order = np.array(kernel.order[: tables.operations], np.int64)
        choice = np.array(kernel.choice[: tables.operations], np.int64)
        assert fresh.load(order.data, choice.data) == kernel.makespan
        assert times(kernel, tables) == times(fresh, tables)
        assert list(kernel.sequence) == list(fresh.sequence)


def python_kernel_of(tables: Tables) -> Any:
    return python_kernel.ShopSearch(
        tables.job_before.data, tables.job_after.data, tables.last_of_job.data,
        tables.choices_from.data, tables.machine.data, tables.time.data, tables.queue_from.data,
        5, 1,
    )  # fmt: skip


def times(kernel: Any, tables: Tables) -> tuple[list[int], list[int]]:
    done = np.zeros(tables.operations, np.int64)
    rest = np.zeros_like(done)
    kernel.copy_times(done.data, rest.data)
    return done.tolist(), rest.tolist()


@pytest.mark.parametrize("kind", LARGER)
def test_the_compiled_and_the_python_kernel_go_the_same_way(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if which(KERNEL) != "compiled":
        pytest.skip("the kernel is not compiled here")
    shop = drawn_shop(7, **LARGER[kind])
    compiled = path_of(shop)
    monkeypatch.setattr(search, "load", lambda _: python_kernel)
    assert path_of(shop) == compiled


def path_of(shop: Problem) -> list[object]:
    """Every look at a chain: makespan, steps without success, sequences; several runs long."""
    chain = Chain(tables_of(shop), 5, 1, patience=40)
    path: list[object] = []
    for _ in range(80):
        chain.advance(2_000)
        order, choice = chain.best.order.tolist(), chain.best.choice.tolist()
        path.append((chain.makespan, chain.runs, chain.kernel.steps_idle(), order, choice))
    return path


def test_the_kernel_is_compiled_where_it_is_loaded_compiled() -> None:
    assert load(KERNEL).__name__.endswith("_c" if which(KERNEL) == "compiled" else "_kernel")


def test_seeds_and_numbers_name_other_searches() -> None:
    tables = tables_of(drawn_shop(2, jobs=8, machines=6, steps=6))
    luck = {Chain(tables, seed, number).random.random() for seed in (0, 1) for number in (0, 1)}
    assert len(luck) == 4


def elite_of(tables: Tables, seed: int) -> Elite:
    kernel = python_kernel_of(tables)
    sequence = dispatched(tables, Random(seed), 0.9)
    makespan = kernel.load(sequence.order.data, sequence.choice.data)
    done, rest = map(np.array, times(kernel, tables))
    before = before_on_machine(tables, sequence)
    return Elite(makespan, sequence, done - rest + makespan, before)


@pytest.mark.parametrize("kind", LARGER)
def test_a_mixture_of_schedules_is_a_schedule(kind: str) -> None:
    shop = drawn_shop(1, **LARGER[kind])
    tables = tables_of(shop)
    for seed in range(20):
        one, other = elite_of(tables, seed), elite_of(tables, seed + 100)
        made = mixed(one, other, 50, Random(seed))
        assert faults(shop, schedule_of(tables, made.order, made.choice)) == []


def test_a_mixture_with_no_weight_is_the_schedule_itself() -> None:
    tables = tables_of(drawn_shop(1, jobs=8, machines=6, steps=6, alternatives=3))
    one, other = elite_of(tables, 1), elite_of(tables, 2)
    made = mixed(one, other, 0, Random(0))
    shorter = schedule_of(tables, made.order, made.choice).makespan <= one.makespan
    assert shorter
    assert made.choice.tolist() == one.sequence.choice.tolist()


def test_operations_before_on_machines() -> None:
    """Written out by hand: job 0 on machines 0, 1 and job 1 on machines 1, 0."""
    shop = Problem("two", 2, (job_on(0, 1), job_on(1, 0)))
    tables = tables_of(shop)
    sequence = Sequence(np.array([0, 2, 1, 3]), np.arange(4))
    assert before_on_machine(tables, sequence).tolist() == [-1, 2, -2, 0]


def job_on(*machines: int) -> tuple[Operation, ...]:
    return tuple(Operation((Alternative(machine, 1),)) for machine in machines)


def test_a_team_raises_what_ended_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_chain: Chain, _work: int) -> bool:
        raise RuntimeError("a planted fault")

    monkeypatch.setattr(Chain, "advance", broken)
    team = Team(tables_of(drawn_shop(1, jobs=8, machines=6, steps=6)), 0)
    with team:
        pass
    with pytest.raises(RuntimeError, match="planted"):
        team.raise_failure()
