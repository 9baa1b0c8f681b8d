"""The readable model and the direct one have the same optimum, and it is the true one."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import solvers.lines.optimum as optimum_module
from solvers.lines.check import check
from solvers.lines.highs_model import site_model
from solvers.lines.highs_run import Listener, minimise, worst_fault
from solvers.lines.network import line_networks, single_orders
from solvers.lines.optimum import Found, optimum, plan_of, search_optimum, values_of
from solvers.lines.polish import polish
from solvers.lines.problem import LinePlan, LineProblem
from tests.benchmarks.network_build import main as build_main
from tests.solvers.lines.drawn import DEAR_FEED_IN, FEATURES, drawn_case, drawn_problem
from tests.solvers.lines.enumerated import least_value

EVERYTHING = FEATURES | {DEAR_FEED_IN}
SECONDS = 60.0
SIZES = {
    "two orders": {"orders": 2, "lines": 1, "slots": 8, "families": 1, "tasks": 0},
    "two lines": {"orders": 2, "lines": 2, "slots": 6, "families": 1, "tasks": 0},
    "families": {"orders": 2, "lines": 2, "slots": 7, "families": 2, "tasks": 1},
    "three orders": {"orders": 3, "lines": 2, "slots": 7, "families": 1, "tasks": 1},
}


def best(problem: LineProblem, **more: Any) -> LinePlan:
    found = search_optimum(problem, seconds=SECONDS, **more)
    assert found.is_optimal
    assert found.plan is not None
    assert check(problem, found.plan, found.bound) == []
    return found.plan


# --- the optimum is the true one --------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("features", [FEATURES - {"sleep", "heating"}, EVERYTHING - {"heating"}])
def test_no_plan_of_all_is_better(seed: int, size: str, features: frozenset[str]) -> None:
    """All plans are tried, from the words of the nouns alone."""
    problem = drawn_problem(seed, features=features, **SIZES[size])
    assert best(problem).bill.total == pytest.approx(least_value(problem), abs=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_impossible_is_infeasible(seed: int) -> None:
    """A cap below what the best plan emits when it is cheap to emit nothing else."""
    problem = drawn_problem(seed, features=FEATURES - {"sleep", "heating"}, **SIZES["two lines"])
    least = replace(problem, carbon_cap_kg=-1e6)
    assert least_value(least) is None
    found = search_optimum(least, seconds=SECONDS)
    assert found.status == "infeasible"
    assert found.plan is None


# --- both models are the same -----------------------------------------------------------------


def pyomo_optimum(problem: LineProblem) -> float:
    import pyomo.environ as pyo
    from pyomo.contrib.solver.common.factory import SolverFactory

    from solvers.lines.model import build

    orders = single_orders(problem)
    model = build(problem, line_networks(problem, orders), orders)
    SolverFactory("highs").solve(model, rel_gap=1e-7, threads=1)
    return float(pyo.value(model.total_cost))


CASES: list[tuple[str, frozenset[str]]] = [
    ("everything", FEATURES),
    ("dear feed-in", EVERYTHING),
    ("nothing", frozenset()),
    ("setups", frozenset({"setups", "calendars"})),
    ("maintenance", frozenset({"crews", "deferral", "calendars"})),
    ("peak", frozenset({"peak", "setups"})),
    ("contract", frozenset({"contract", "tardiness"})),
    ("sun", frozenset({"generation", "feed_in"})),
    ("sun and peak", frozenset({"generation", "feed_in", "peak", "contract"})),
    ("carbon", frozenset({"carbon_cap", "generation"})),
    ("changes", frozenset({"planned", "frozen", "windows"})),
    ("modes", frozenset({"sleep", "heating", "ends"})),
]


@pytest.mark.parametrize(("name", "features"), CASES)
def test_both_models_have_the_same_optimum(name: str, features: frozenset[str]) -> None:
    problem = drawn_problem(7, orders=2, slots=10, features=features)
    assert pyomo_optimum(problem) == pytest.approx(best(problem).bill.total, abs=1e-4)


def alike() -> LineProblem:
    """Two lines that differ in their id only, and four orders of two kinds."""
    problem = drawn_problem(3, orders=2, lines=1, slots=9, tasks=0, features={"peak", "setups"})
    lines = tuple(replace(problem.lines[0], id=f"line {n}") for n in range(2))
    orders = [
        replace(o, id=f"{o.id} {n}", ways=tuple(replace(o.ways[0], line=n) for n in range(2)))
        for o in problem.orders
        for n in range(2)
    ]
    return replace(problem, lines=lines, orders=tuple(orders))


def test_merging_what_is_alike_changes_no_optimum() -> None:
    problem = alike()
    merged, single = site_model(problem), site_model(problem, merged=False)
    assert len(merged.networks) == 1 < len(single.networks)
    assert merged.columns < single.columns
    values = [minimise(m.programme(), seconds=SECONDS).objective for m in (merged, single)]
    assert values[0] == pytest.approx(values[1], abs=1e-5)
    assert best(problem).bill.total == pytest.approx(values[0], abs=1e-5)


# --- plans and columns ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("features", [FEATURES, EVERYTHING])
def test_a_plan_is_a_solution_at_its_own_price(seed: int, features: frozenset[str]) -> None:
    problem, plan = drawn_case(seed, features=features)
    model = site_model(problem)
    programme, values = model.programme(), values_of(model, plan)
    assert values is not None
    assert worst_fault(programme, values) <= 1e-6
    assert float(programme.cost @ values) + programme.offset == pytest.approx(plan.bill.total)
    assert plan_of(model, values).bill.total == pytest.approx(plan.bill.total)


def test_lines_that_are_alike_take_a_plan_too() -> None:
    problem = alike()
    plan, model = best(problem), site_model(problem)
    values = values_of(model, plan)
    assert values is not None
    assert worst_fault(model.programme(), values) <= 1e-6
    assert plan_of(model, values).bill.total == pytest.approx(plan.bill.total)


def test_solutions_and_bounds_are_told_on_the_way() -> None:
    problem, plan = drawn_case(1)
    told: list[Found] = []
    value = best(problem, warm=plan, tell=told.append).bill.total
    plans = [found.plan for found in told if found.plan]
    assert plans[-1].bill.total == pytest.approx(value, abs=1e-4)
    assert all(found.bound <= value + 1e-4 for found in told)


def test_a_search_that_is_stopped_has_what_it_had() -> None:
    problem, plan = drawn_case(1)
    found = search_optimum(problem, seconds=SECONDS, warm=plan, must_stop=lambda: True)
    assert not found.is_infeasible
    assert found.bound <= best(problem).bill.total + 1e-4


def test_a_programme_without_presolve_is_infeasible_too() -> None:
    """Infeasible is believed the second time: the row 0 ≥ 1 is one both times."""
    problem = drawn_problem(0, features=())
    closed = replace(problem.lines[0], is_open=np.zeros(problem.slots, dtype=bool))
    lines = (closed, *problem.lines[1:])
    only = [replace(o, ways=o.ways[:1]) for o in problem.orders if o.ways[0].line == 0]
    impossible = replace(problem, lines=lines, orders=tuple(only), tasks=())
    assert only
    programme = site_model(impossible).programme()
    assert minimise(programme, seconds=SECONDS, listener=Listener()).is_infeasible


# --- in a process of its own ------------------------------------------------------------------


def test_the_process_finds_the_same() -> None:
    problem = drawn_problem(1)
    plan, bound, status = optimum(problem, time_limit=SECONDS)
    assert plan is not None
    assert status == "optimal"
    assert plan.bill.total == pytest.approx(best(problem).bill.total, abs=1e-4)
    assert check(problem, plan, bound) == []


def never_ends(
    problem: LineProblem, seconds: float, warm: Any, seed: int, desk: Any, tell: Callable[..., None]
) -> None:
    """A solver that tells one bound and then knows no time limit."""
    tell(Found(None, 1.0))
    time.sleep(600)


def test_a_solver_that_overruns_is_killed_and_the_best_so_far_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem, plan = drawn_case(1)
    monkeypatch.setattr(optimum_module, "_search_and_tell", never_ends)
    forked = multiprocessing.get_context("fork")
    monkeypatch.setattr(optimum_module, "process_context", lambda: forked)
    assert optimum(problem, time_limit=0.2, warm=plan) == (plan, 1.0, "feasible")


# --- polishing --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_polished_plan_is_never_worse(seed: int) -> None:
    problem, plan = drawn_case(seed, orders=8, slots=40, features=FEATURES)
    found = polish(problem, plan, seconds=1.0, seed=seed)
    assert check(problem, found) == []
    assert found.bill.total <= plan.bill.total


def test_a_window_that_is_everything_gives_the_optimum() -> None:
    problem, plan = drawn_case(1)
    found = polish(problem, plan, seconds=SECONDS, window=(0, problem.slots))
    value = best(problem).bill.total
    assert value - 1e-6 <= found.bill.total <= value * (1 + 2e-4)


def test_outside_the_window_everything_stays() -> None:
    problem, plan = drawn_case(2, orders=8, slots=40, features=FEATURES)
    begin, end = 12, 28
    found = polish(problem, plan, seconds=SECONDS, window=(begin, end))
    assert found.bill.total < plan.bill.total
    for s in plan.stretches:
        if s.kind in ("order", "task") and (s.start < begin or s.end > end):
            assert s in found.stretches


def test_a_plan_that_leaves_orders_out_stays_as_it_is() -> None:
    problem, plan = drawn_case(0)
    short = replace(plan, unplaced=(0,))
    assert polish(problem, short, seconds=1.0) is short


# --- building ---------------------------------------------------------------------------------


@pytest.mark.real_data
def test_the_script_builds_what_highs_then_has(
    shared_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared_dir / "benchmarks/scheduling/plant-week/pw-40x3-60min-s1.json"
    if not path.exists():
        pytest.skip("no plant weeks in the shared data")
    assert build_main([str(path.with_name("missing.json")), str(path)]) == 2
    told = capsys.readouterr()
    built, summary = map(json.loads, told.out.splitlines())
    assert "missing.json" in told.err
    assert built["in_highs"] is True
    assert built["binaries"] == summary["most_binaries"] > 10_000
    assert built["pyomo_over_direct"] > 1
