"""Totals of many replications, and which engine counts them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest

from twin.behaviour.dispatching import EarliestDueDate, Waiting
from twin.errors import NoriaError
from twin.model.snapshot import Snapshot
from twin.simulation.engines import RULES, build_engine, engine_name
from twin.simulation.experiment import Experiment
from twin.simulation.result import Totals
from twin.simulation.simulate import simulate, totals
from twin.simulation.workers import run_series

SIMPY = "SimPy reference"


@dataclass(frozen=True)
class LargestFirst(EarliestDueDate):
    """A user's policy; that it derives from a known one does not make it known."""

    def rank(self, waiting: Waiting) -> float:
        return -waiting.order.quantity


@dataclass(frozen=True)
class Squares:
    """Work that needs no plant."""

    def begin(self) -> Any:
        return lambda number: number * number


@pytest.fixture(scope="module")
def experiment(small: Any, small_orders: Any, shop: Any) -> Experiment:
    return Experiment(small, small_orders, shop())


def same(first: list[Totals], second: list[Totals]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name))
        for a, b in zip(first, second, strict=True)
        for field in fields(Totals)
    )


@pytest.fixture(scope="module")
def alone(experiment: Experiment) -> list[Totals]:
    return totals(experiment, 6, engine="simpy", workers=1)


def test_totals_do_not_depend_on_the_number_of_workers(
    experiment: Experiment, alone: list[Totals]
) -> None:
    assert same(totals(experiment, 6, engine="simpy", workers=2), alone)
    assert not same(alone[:1], alone[1:2])


def test_a_series_can_be_continued(experiment: Experiment, alone: list[Totals]) -> None:
    assert same(totals(experiment, 4, first=2, engine="simpy", workers=1), alone[2:])


def test_any_engine_counts_the_same(experiment: Experiment, alone: list[Totals]) -> None:
    assert same(totals(experiment, 6, workers=2), alone)


def test_a_cancelled_series_keeps_the_first_so_many(
    experiment: Experiment, alone: list[Totals]
) -> None:
    done: list[int] = []
    found = totals(
        experiment, 500, engine="simpy", workers=2,
        progress=lambda n, of: done.append(n), cancelled=lambda: len(done) >= 2,
    )  # fmt: skip
    assert 2 <= len(found) <= 6
    assert same(found, alone[: len(found)])


def test_threads_and_processes_give_results_in_order() -> None:
    expected = [n * n for n in range(3, 40)]
    for workers, in_threads in ((1, False), (2, True), (2, False)):
        found = run_series(Squares(), range(3, 40), workers=workers, in_threads=in_threads)
        assert found == expected


def test_no_work_has_no_results() -> None:
    assert run_series(Squares(), range(0), workers=2) == []


def test_a_policy_of_the_user_is_asked_by_the_reference(experiment: Experiment) -> None:
    assert engine_name(LargestFirst()) == SIMPY
    mine = replace(experiment, policy=LargestFirst())
    assert build_engine(mine).name == SIMPY
    with pytest.raises(NoriaError, match="cannot ask LargestFirst"):
        build_engine(mine, "kernel")


def test_the_reference_runs_every_policy() -> None:
    assert {engine_name(rule(), "simpy") for rule in RULES} == {SIMPY}


def test_the_log_says_which_engine_ran(experiment: Experiment) -> None:
    facts = (experiment.plant, experiment.orders)
    for engine in ("auto", "simpy"):
        log = simulate(*facts, state=experiment.state, seed=4, replication=2, engine=engine)
        name = engine_name(experiment.policy, engine)
        assert log.source == f"{name}, seed 4, replication 2"


def test_an_exact_state_is_taken_up_by_the_reference(experiment: Experiment) -> None:
    state = replace(experiment.state, exact=Snapshot({}, {}))
    assert engine_name(experiment.policy, state=state) == SIMPY
    with pytest.raises(NoriaError, match="exact state"):
        build_engine(replace(experiment, state=state), "kernel")
