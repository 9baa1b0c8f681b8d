"""One call schedules a shop: proven where it can be, and with what it has when it is stopped."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from solvers.shop.check import faults
from solvers.shop.cp_sat import CpSat, is_installed
from solvers.shop.files import read_problem
from solvers.shop.problem import Problem
from solvers.shop.solve import Result, solve
from tests.solvers.shop.drawn import drawn_shop, least_makespan


def hard_shop() -> Problem:
    """A shop whose bounds nothing but CP-SAT's meets, and that takes long."""
    return drawn_shop(1, jobs=12, machines=10, steps=10)


def assert_is_sound(shop: Problem, result: Result) -> None:
    assert faults(shop, result.schedule) == []
    assert result.schedule.makespan == result.objective >= result.bound
    assert (result.status == "optimal") == (result.objective == result.bound)
    assert result.gap == pytest.approx(1 - result.bound / result.objective)


@pytest.mark.parametrize("alternatives", [1, 3])
def test_a_tiny_shop_is_solved(alternatives: int) -> None:
    shop = drawn_shop(4, alternatives=alternatives, steps=2)
    result = solve(shop, time_limit=0.2, cp_sat=False)
    assert_is_sound(shop, result)
    assert result.objective == least_makespan(shop)


def test_a_shop_whose_bound_is_met_ends_before_the_limit() -> None:
    """One machine is never idle: any schedule without a gap is proven."""
    shop = drawn_shop(1, jobs=5, machines=1, steps=1)
    result = solve(shop, time_limit=1000.0, cp_sat=False)
    assert result.status == "optimal"
    assert result.objective == sum(operation.shortest for _, _, operation in shop.each())


def test_a_shop_without_operations_takes_no_time() -> None:
    result = solve(Problem("empty", 1, ()), time_limit=1.0)
    assert (result.objective, result.status, result.gap) == (0, "optimal", 0.0)


def test_a_job_without_operations_is_no_trouble() -> None:
    shop = drawn_shop(1)
    padded = Problem("padded", shop.machines, ((), *shop.jobs, ()))
    result = solve(padded, time_limit=0.2, cp_sat=False)
    assert_is_sound(padded, result)
    assert result.objective == least_makespan(shop)


def test_the_time_limit_ends_the_search_with_the_best_so_far() -> None:
    shop = hard_shop()
    result = solve(shop, time_limit=0.3, cp_sat=False)
    assert_is_sound(shop, result)
    assert result.status == "feasible"


def test_no_time_gives_a_dispatched_schedule() -> None:
    shop = hard_shop()
    assert_is_sound(shop, solve(shop, time_limit=0.0))


def test_a_cancelled_search_returns_the_best_so_far() -> None:
    shop = hard_shop()
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 3

    assert_is_sound(shop, solve(shop, time_limit=1000.0, cancelled=cancelled))
    assert len(asked) == 4


def test_ctrl_c_returns_the_best_so_far() -> None:
    shop = hard_shop()

    def pressed() -> bool:
        raise KeyboardInterrupt

    assert_is_sound(shop, solve(shop, time_limit=1000.0, cancelled=pressed))


def test_progress_is_told_better_and_better() -> None:
    shop = hard_shop()
    told: list[tuple[float | None, ...]] = []
    result = solve(shop, time_limit=0.5, cp_sat=False, progress=lambda *facts: told.append(facts))
    makespans = [facts[1] for facts in told]
    assert makespans == sorted(makespans, reverse=True)  # type: ignore[type-var]
    assert makespans[-1] is not None
    assert makespans[-1] >= result.objective
    assert all(facts[2] is not None and facts[2] <= result.objective for facts in told)


def test_it_works_without_ortools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools", None)
    assert not is_installed()
    shop = hard_shop()
    result = solve(shop, time_limit=0.3)
    assert_is_sound(shop, result)
    assert "CP-SAT" not in result.solver


def test_a_child_that_cannot_import_ortools_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ortools.py").write_text("raise ImportError('blocked')\n", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    shop = hard_shop()
    result = solve(shop, time_limit=2.0, cp_sat=True)
    assert_is_sound(shop, result)
    assert result.solver.endswith("CP-SAT failed: ImportError: blocked")


def test_a_child_is_dead_when_its_context_ends() -> None:
    shop = hard_shop()
    result = solve(shop, time_limit=0.1, cp_sat=False)
    with CpSat(shop, result.schedule, result.bound, 1000.0) as child:
        pass
    assert child.is_dead


@pytest.mark.parametrize("alternatives", [1, 3])
def test_cp_sat_proves_what_the_bounds_do_not(alternatives: int) -> None:
    if not is_installed():
        pytest.skip("OR-tools is not installed")
    shop = drawn_shop(11, jobs=4, machines=4, steps=4 if alternatives == 1 else 2,
                      alternatives=alternatives)  # fmt: skip
    result = solve(shop, time_limit=20.0, cp_sat=True)
    assert_is_sound(shop, result)
    assert result.status == "optimal"
    assert result.objective == least_makespan(shop)


@pytest.mark.real_data
def test_the_optimum_of_the_shop_of_fisher_and_thompson(shared_dir: Path) -> None:
    """Six jobs on six machines take 55 (Fisher and Thompson 1963)."""
    path = shared_dir / "benchmarks/scheduling/shop/ft06.txt"
    if not path.is_file():
        pytest.skip(f"no benchmark data: {path} is not there")
    shop = read_problem(path)
    result = solve(shop, time_limit=2.0, cp_sat=False)
    assert_is_sound(shop, result)
    assert result.objective == 55
