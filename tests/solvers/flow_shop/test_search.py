"""The solver finds the best of all plans on small shops, and knows what it knows."""

import math
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from solvers.flow_shop.anneal import Annealing, Moves
from solvers.flow_shop.check import check
from solvers.flow_shop.files import load_flow_shop
from solvers.flow_shop.search import Result, solve
from solvers.flow_shop.tables import whole
from tests.solvers.flow_shop.shops import drawn_shop, least_objective

MOVES = 3000


@pytest.mark.parametrize("machines", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_search_finds_the_best_of_all_plans(seed: int, machines: int) -> None:
    shop = drawn_shop(seed, machines=machines, slots=8)
    annealing = Annealing(shop, Moves(MOVES), seed=0)
    while annealing.advance():
        pass
    plan = annealing.best()
    assert check(shop, plan.order, plan.starts, plan.objective) == []
    assert plan.objective == pytest.approx(least_objective(shop), rel=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_machine_is_proven(seed: int) -> None:
    shop = drawn_shop(seed, jobs=5, machines=1, slots=11)
    result = solve(shop, time_limit=20, moves=200)
    assert result.status == "optimal"
    assert result.bound == result.objective
    assert result.objective == pytest.approx(least_objective(shop), rel=1e-9)
    assert check(shop, result.order, result.starts, result.objective) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_the_bound_of_several_machines_is_below_the_best(seed: int) -> None:
    shop = drawn_shop(seed, machines=3, slots=8)
    result = solve(shop, time_limit=20, moves=MOVES)
    least = least_objective(shop)
    assert result.status in ("optimal", "feasible")
    assert result.bound <= least * (1 + 1e-6)
    assert result.objective == pytest.approx(least, rel=1e-9)
    assert result.gap == pytest.approx(1 - result.bound / result.objective)


def test_the_same_effort_gives_the_same_plan() -> None:
    shop = drawn_shop(7, jobs=8, machines=3, slots=24)
    annealings = [Annealing(shop, Moves(MOVES), seed=3) for _ in range(2)]
    for annealing in annealings:
        while annealing.advance():
            pass
    assert annealings[0].best() == annealings[1].best()


def test_work_that_does_not_fit_is_named() -> None:
    shop = drawn_shop(0, jobs=5, machines=1, slots=11)
    result = solve(replace(shop, rate=shop.rate[:4], generation=shop.generation[:4]), time_limit=5)
    assert result.status == "infeasible"
    assert "machine 0: its 5 operations need" in result.message
    assert result.starts == ()
    assert result.gap is None


def test_a_cancelled_run_has_the_first_plan() -> None:
    shop = drawn_shop(1, machines=2)
    result = solve(shop, time_limit=60, cancelled=lambda: True)
    assert result.starts
    assert check(shop, result.order, result.starts, result.objective) == []


def test_progress_falls_and_its_bound_rises() -> None:
    heard: list[Result] = []
    shop = drawn_shop(2, jobs=6, machines=2, slots=16)
    solve(shop, time_limit=20, moves=1000, progress=heard.append)
    assert heard
    for before, after in pairwise(heard):
        assert after.objective <= before.objective
        assert after.bound >= before.bound


def test_ctrl_c_leaves_the_best_so_far() -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    result = solve(drawn_shop(1), time_limit=60, cancelled=interrupt)
    assert result.was_interrupted
    assert math.isfinite(result.objective)


def test_a_tight_horizon_is_filled() -> None:
    """Work is as long as the horizon: only its order is free."""
    shop = drawn_shop(3, jobs=5, machines=1, slots=20)
    work = sum(time for [time] in shop.processing_time)
    tight = replace(shop, rate=shop.rate[:work], generation=shop.generation[:work])
    result = solve(tight, time_limit=20, moves=500)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(least_objective(tight), rel=1e-9)


@pytest.mark.real_data
def test_a_published_optimum_is_proven(shared_dir: Path) -> None:
    """CAS-PFSP-M1T1_1: CPLEX 1576988.957 (Mencaroni et al., 2025), proven there and here."""
    folder = shared_dir / "benchmarks" / "scheduling" / "cas-pfsp"
    path = folder / "CAS-PFSP-M1T1" / "CAS-PFSP-M1T1_1.cas"
    if not path.exists():
        pytest.skip(f"no {path}")
    result = solve(load_flow_shop(path), time_limit=60, moves=20_000)
    assert result.status == "optimal"
    assert result.objective == pytest.approx(1576988.957, rel=1e-8)


def test_random_orders_never_beat_the_answer() -> None:
    """An independent judge: random semi-active plans of a middling shop are checked and dearer."""
    shop = drawn_shop(11, jobs=7, machines=2, slots=20)
    annealing = Annealing(shop, Moves(MOVES), seed=1)
    while annealing.advance():
        pass
    luck = random.Random("0/orders")
    for _ in range(50):
        order = list(range(shop.jobs))
        luck.shuffle(order)
        other = Annealing(shop, Moves(1), seed=2)
        other.kernel.restart(whole(order), whole([0] * 14))
        assert other.kernel.current_value() >= annealing.value - 1e-6
