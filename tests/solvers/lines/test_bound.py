"""The Lagrangian bound: never above a plan, equal to what other methods prove where they can."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from solvers.lines import bound as bounds
from solvers.lines.bound import Phase, lower_bound
from solvers.lines.highs_model import site_model
from solvers.lines.highs_run import minimise
from solvers.lines.multipliers import below_sum
from solvers.lines.optimum import search_optimum
from solvers.lines.problem import LineProblem
from solvers.lines.week_files import read_week
from tests.solvers.lines.drawn import DEAR_FEED_IN, FEATURES, drawn_case, drawn_problem
from tests.solvers.lines.enumerated import least_value


@pytest.mark.parametrize("seed", range(60))
def test_no_plan_costs_less_than_the_bound(seed: int) -> None:
    features = FEATURES | ({DEAR_FEED_IN} if seed % 2 else set())
    problem, plan = drawn_case(
        seed, orders=6, lines=1 + seed % 3, slots=30, tasks=seed % 4, features=features
    )
    assert lower_bound(problem, steps=120).value <= plan.bill.total + 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_is_not_above_the_best_of_all_plans(seed: int) -> None:
    features = FEATURES | ({DEAR_FEED_IN} if seed % 2 else set())
    problem = drawn_problem(seed, orders=2, lines=2, slots=6, tasks=1, features=features)
    best = least_value(problem)
    assert best is not None
    for upper in (math.inf, best + 0.01 * abs(best), best, best - 1.0):
        value = lower_bound(problem, steps=150, upper=upper).value
        assert value <= min(best, upper) + 1e-6 * (1 + abs(best))


@pytest.mark.parametrize("seed", range(8))
def test_one_line_without_a_peak_is_solved_exactly(seed: int) -> None:
    problem = drawn_problem(
        seed, orders=3, lines=1, slots=16, tasks=1, features={"setups", "windows", "tardiness"}
    )
    best = search_optimum(problem, seconds=30.0)
    assert best.is_optimal
    assert best.plan is not None
    value = best.plan.bill.total
    assert lower_bound(problem, steps=2000, upper=value).value == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_without_memory_it_is_the_linear_relaxation(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = drawn_problem(
        seed, orders=5, lines=2, slots=24, tasks=0, features={"setups", "tardiness", "peak"}
    )
    programme = site_model(problem).programme()
    relaxed = replace(programme, is_integer=np.zeros_like(programme.is_integer))
    least = minimise(relaxed, seconds=20.0).bound
    plain = [Phase(bounds.PLAIN, 0, 1.0, 1.0), Phase(bounds.PLAIN, 0, 0.3, 1.0)]
    monkeypatch.setattr(bounds, "phases", lambda: plain)
    found = lower_bound(problem, upper=1.05 * least).value
    assert found <= least + 1e-6 * abs(least)
    assert found == pytest.approx(least, rel=0.01)


@pytest.mark.parametrize("seed", range(8))
def test_short_lists_of_labels_weaken_the_bound_and_no_more(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, plan = drawn_case(seed, orders=8, lines=2, slots=40)
    monkeypatch.setattr(bounds, "LABELS", (1,))
    assert lower_bound(problem, steps=200).value <= plan.bill.total + 1e-6


def test_memory_raises_the_bound() -> None:
    problem, plan = drawn_case(3, orders=10, lines=2, slots=60, features={"setups", "tardiness"})
    found = lower_bound(problem, steps=1500, upper=plan.bill.total)
    plain = max(value for _, value in found.history[: len(found.history) // 3])
    assert found.method == bounds.MEMORY
    assert found.value > plain


def test_as_many_steps_give_the_same_bound() -> None:
    problem = drawn_problem(5, orders=6, slots=30)
    assert lower_bound(problem, steps=200).value == lower_bound(problem, steps=200).value


def test_each_rise_is_told() -> None:
    told: list[float] = []
    found = lower_bound(
        drawn_problem(2, orders=6, slots=30), steps=200, tell=lambda value, _: told.append(value)
    )
    assert told == sorted(told)
    assert told == [value for _, value in found.history]
    assert told[-1] == found.value


def test_it_ends_when_told() -> None:
    found = lower_bound(drawn_problem(2, orders=6, slots=30), must_stop=lambda: True)
    assert found.value == -math.inf


def test_no_place_for_an_order_is_an_infinite_bound() -> None:
    problem = drawn_problem(4, orders=3, slots=20, features=())
    first = replace(problem.orders[0], release=problem.slots)
    impossible = replace(problem, orders=(first, *problem.orders[1:]))
    assert lower_bound(impossible, steps=50).value == math.inf


@pytest.mark.parametrize("most", [0.0, 1.0, 5.0, 100.0])
def test_the_nearest_prices_below_a_sum(most: float) -> None:
    values = np.array([3.0, -1.0, 0.5, 2.5])
    nearest = below_sum(values, most)
    assert (nearest >= 0).all()
    assert nearest.sum() <= most + 1e-12
    rng = np.random.default_rng(1)
    for _ in range(200):
        other = rng.uniform(0, 1, 4)
        other *= rng.uniform(0, 1) * min(most, 6.0) / other.sum()
        assert np.sum((nearest - values) ** 2) <= np.sum((other - values) ** 2) + 1e-12


def weeks(shared_dir: Path) -> dict[str, float]:
    """Best known value by instance."""
    folder = shared_dir / "benchmarks" / "scheduling" / "plant-week"
    if not folder.is_dir():
        pytest.skip(f"no plant weeks: {folder} is not a folder")
    with (folder / "reference.csv").open(encoding="utf-8") as rows:
        return {row["name"]: float(row["value"]) for row in csv.DictReader(rows)}


@pytest.mark.parametrize("name", ["pw-40x3-60min-s1", "pw-40x3-60min-s2", "pw-80x3-30min-s2"])
def test_known_plans_of_plant_weeks_stay_above(shared_dir: Path, name: str) -> None:
    value = weeks(shared_dir)[name]
    found = lower_bound(week(shared_dir, name), steps=400, upper=value)
    assert 0.9 * value < found.value <= value


def week(shared_dir: Path, name: str) -> LineProblem:
    return read_week(shared_dir / "benchmarks" / "scheduling" / "plant-week" / f"{name}.json")
