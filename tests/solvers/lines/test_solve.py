"""Search and bound beside each other: the answer comes in time and is honest, whatever happens."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from solvers.lines import solve as solving
from solvers.lines.answer import Ledger, gap_of
from solvers.lines.check import check
from solvers.lines.conflict import conflict_of
from solvers.lines.problem import LinePlan, LineProblem, Order, Task, Way
from solvers.lines.processes import Desk, Tell, Work
from solvers.lines.proof import Proven
from solvers.lines.search import Bracket, Found, priced
from solvers.lines.solve import Watch, solve
from solvers.lines.timing import sequences_of
from tests.solvers.lines.drawn import FEATURES, drawn_case, drawn_problem
from twin.errors import Infeasible, NoriaError

CHECKOUT = Path(__file__).resolve().parents[3]
LONG = 60.0
"""[s]; a test that waited for it would be noticed."""


@dataclass(frozen=True)
class Act:
    """A stand-in for the work of a process: tells something, then does something."""

    tells: tuple[object, ...] = ()
    then: str = "ends"

    def __call__(self, desk: Desk, tell: Tell) -> None:
        for message in self.tells:
            tell(message)
        if self.then == "crashes":
            raise RuntimeError("out of luck")
        if self.then == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        while self.then == "hangs":
            time.sleep(0.05)


@pytest.fixture(scope="module")
def case() -> tuple[LineProblem, LinePlan]:
    return drawn_case(3)


def watched(
    case: tuple[LineProblem, LinePlan],
    search: Work,
    bound: Work,
    *,
    time_limit: float = LONG,
    progress: solving.Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> solving.Answer:
    watch = Watch(case[0], time_limit, progress, cancelled)
    answer = watch.answer({"search": search, "bound": bound})
    assert multiprocessing.active_children() == []
    return answer


def test_what_hangs_is_killed_and_the_plan_is_returned(case: tuple[LineProblem, LinePlan]) -> None:
    found = Act((Found(case[1], "a friend"),), "hangs")
    answer = watched(case, found, Act(then="hangs"), time_limit=1.0)
    assert (answer.plan, answer.search, answer.status) == (case[1], "a friend", "heuristic")
    assert "search was ended at the time limit" in answer.reasons


def test_no_plan_in_time_is_another_word_than_no_plan(
    case: tuple[LineProblem, LinePlan],
) -> None:
    with pytest.raises(NoriaError, match=r"no plan was found in 0\.5 s"):
        watched(case, Act(then="hangs"), Act(), time_limit=0.5)


def test_a_proven_plan_ends_the_search_at_once(case: tuple[LineProblem, LinePlan]) -> None:
    value = case[1].bill.total
    found = Act((Found(case[1], "a friend"),), "hangs")
    answer = watched(case, found, Act((Proven(value, "magic"),), "hangs"))
    assert (answer.status, answer.gap, answer.bound_method) == ("optimal", 0.0, "magic")
    assert answer.seconds < LONG / 2


def test_a_crashed_bound_leaves_a_heuristic_plan(case: tuple[LineProblem, LinePlan]) -> None:
    answer = watched(case, Act((Found(case[1], "a friend"),)), Act(then="crashes"))
    assert (answer.plan, answer.status, answer.bound) == (case[1], "heuristic", None)
    assert "bound failed: RuntimeError: out of luck" in answer.reasons


@pytest.mark.parametrize("fate", ["crashes", "is killed"])
def test_a_search_without_a_plan_leaves_the_constructed_one(
    case: tuple[LineProblem, LinePlan], fate: str
) -> None:
    answer = watched(case, Act(then=fate), Act((Proven(0.0, "trivial"),)))
    assert answer.search == "fallback"
    assert check(case[0], answer.plan, answer.bound) == []
    assert any(reason.startswith("search failed") for reason in answer.reasons)


def test_the_incumbent_outlives_its_search(case: tuple[LineProblem, LinePlan]) -> None:
    answer = watched(case, Act((Found(case[1], "a friend"),), "is killed"), Act())
    assert (answer.plan, answer.search) == (case[1], "a friend")
    assert "search failed: its process ended with code -9" in answer.reasons


def test_a_cancelled_search_returns_the_incumbent(case: tuple[LineProblem, LinePlan]) -> None:
    found = Act((Found(case[1], "a friend"),), "hangs")
    answer = watched(case, found, Act(then="hangs"), cancelled=lambda: True)
    assert answer.plan == case[1]
    assert answer.reasons == ("stopped by hand",)


def test_ctrl_c_returns_the_incumbent(case: tuple[LineProblem, LinePlan]) -> None:
    def interrupt(*known: float | None) -> None:
        if known[1] is not None:
            raise KeyboardInterrupt

    found = Act((Found(case[1], "a friend"),), "hangs")
    answer = watched(case, found, Act(then="hangs"), progress=interrupt)
    assert answer.plan == case[1]


def test_ctrl_c_before_any_plan_stays_one(case: tuple[LineProblem, LinePlan]) -> None:
    def interrupt(*known: float | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watched(case, Act(then="hangs"), Act(then="hangs"), progress=interrupt)
    assert multiprocessing.active_children() == []


def test_a_plan_that_breaks_a_rule_is_refused(case: tuple[LineProblem, LinePlan]) -> None:
    cheap = replace(case[1], bill=replace(case[1].bill, energy=-1e6))
    answer = watched(case, Act((Found(cheap, "a cheat"), Found(case[1], "a friend"))), Act())
    assert answer.search == "a friend"
    assert any(r.startswith("a plan of a cheat was refused: the bill") for r in answer.reasons)


def test_a_bound_above_a_plan_is_not_believed(case: tuple[LineProblem, LinePlan]) -> None:
    wrong = Proven(case[1].bill.total + 1.0, "magic")
    answer = watched(case, Act((Found(case[1], "a friend"),)), Act((wrong,)))
    assert (answer.status, answer.bound) == ("heuristic", None)
    assert any("magic is wrong" in reason for reason in answer.reasons)


def test_progress_is_told(case: tuple[LineProblem, LinePlan]) -> None:
    told: list[tuple[float | None, ...]] = []
    value = case[1].bill.total
    watched(
        case,
        Act((Found(case[1], "a friend"),)),
        Act((Proven(value / 2, "half"),)),
        progress=lambda *known: told.append(known),
    )
    assert told[-1][1:] == (value, value / 2, pytest.approx(0.5))


ORPHANS = """
import os, sys, time
from solvers.lines.solve import Watch
from twin.errors import Infeasible, NoriaError
from tests.solvers.lines.drawn import drawn_problem

def endless(desk, tell):
    print(os.getpid(), flush=True)
    while True:
        time.sleep(0.05)

if __name__ == "__main__":
    Watch(drawn_problem(3), 600.0).answer({"search": endless, "bound": endless})
"""


def test_workers_end_when_their_program_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS, encoding="utf-8")
    program = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    workers = [int(program.stdout.readline()) for _ in range(2)]
    program.kill()
    program.wait()
    for _ in range(200):
        if not any(map(is_alive, workers)):
            break
        time.sleep(0.05)
    program.stdout.close()
    assert not any(map(is_alive, workers))


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended and is not yet buried does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    except OSError:
        return False
    return state[0] != "Z"


QUICK = FEATURES - {"peak", "contract", "generation", "carbon_cap"}
"""What HiGHS proves in a moment: without these, lines are apart from each other."""


@pytest.mark.parametrize("seed", range(3))
def test_small_problems_are_solved_to_proven_optimality(seed: int) -> None:
    problem = drawn_problem(seed, orders=3, slots=16, features=QUICK)
    answer = solve(problem, time_limit=LONG, seed=seed)
    assert answer.status == "optimal", answer
    assert check(problem, answer.plan, answer.bound) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_small_problems_with_a_peak_are_solved_to_proven_optimality(seed: int) -> None:
    problem = drawn_problem(seed, orders=3, slots=16)
    answer = solve(problem, time_limit=LONG, seed=seed)
    assert answer.status == "optimal", answer
    assert check(problem, answer.plan, answer.bound) == []


def test_another_seed_and_a_spawned_process_find_the_same_optimum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = drawn_problem(1, orders=3, slots=16, features=QUICK)
    forked = solve(problem, time_limit=LONG)
    spawn = multiprocessing.get_context("spawn")
    monkeypatch.setattr(solving, "process_context", lambda: spawn)
    spawned = solve(problem, time_limit=LONG, seed=7)
    assert spawned.objective == pytest.approx(forked.objective, rel=1e-9)


@pytest.mark.parametrize("seed", [5])
def test_a_larger_problem_has_a_bound_and_keeps_its_limit(seed: int) -> None:
    problem = drawn_problem(seed, orders=14, lines=3, slots=96, families=3, tasks=3)
    answer = solve(problem, time_limit=2.0, seed=seed)
    assert answer.status in ("feasible", "optimal", "heuristic")
    assert check(problem, answer.plan, answer.bound) == []
    assert answer.first_plan_objective >= answer.objective


def test_a_plan_begins_with_last_nights(case: tuple[LineProblem, LinePlan]) -> None:
    problem, plan = drawn_case(8, features=FEATURES - {"carbon_cap"})
    warm = sequences_of(problem, plan)
    answer = solve(problem, time_limit=1.0, warm=warm)
    assert answer.objective <= plan.bill.total * (1 + 1e-9)


def test_the_answer_is_at_least_as_good_as_the_given_plan() -> None:
    problem, plan = drawn_case(9)
    answer = solve(problem, time_limit=1.0, incumbent=plan)
    assert answer.objective <= plan.bill.total * (1 + 1e-9)
    assert check(problem, answer.plan, answer.bound) == []


@pytest.mark.parametrize("seed", [11])
def test_a_cap_on_carbon_is_obeyed(seed: int) -> None:
    """The cap lies between the carbon of the cheapest plan and that of the cleanest."""
    free = drawn_problem(seed, orders=5, slots=30, features=FEATURES - {"carbon_cap"})
    dirty = solve(free, time_limit=1.0)
    clean = solve(priced(free, 100.0), time_limit=1.0)
    cap = (dirty.plan.bill.carbon_kg + clean.plan.bill.carbon_kg) / 2
    capped = replace(free, carbon_cap_kg=cap)
    answer = solve(capped, time_limit=2.0)
    assert check(capped, answer.plan, answer.bound) == []
    assert dirty.bound is not None
    assert answer.objective >= dirty.bound * (1 - 1e-6)


def test_a_cap_below_everything_is_proven_to_be_so() -> None:
    problem = drawn_problem(11, orders=2, slots=20, features=QUICK)
    answer = solve(replace(problem, carbon_cap_kg=1.0), time_limit=3.0)
    assert (answer.status, answer.bound) == ("infeasible", None)
    assert "it is proven that there is none" in answer.reasons


@pytest.mark.parametrize("tasks", [0, 2])
def test_a_plant_without_orders_rests_at_the_least_cost(tasks: int) -> None:
    problem = drawn_problem(5, orders=0, tasks=tasks, features=QUICK)
    answer = solve(problem, time_limit=LONG)
    assert answer.status == "optimal"
    assert check(problem, answer.plan, answer.bound) == []


def overloaded() -> LineProblem:
    """Three orders of four slots on one line that has eight."""
    problem = drawn_problem(0, orders=1, lines=1, slots=12, tasks=0, features=())
    line = replace(problem.lines[0], is_open=np.arange(12) < 9)
    orders = tuple(Order(f"order {n}", (Way(0, 1, ((4, 50.0),)),)) for n in range(3))
    return replace(problem, lines=(line,), orders=orders)


def test_an_overloaded_line_names_the_orders_in_conflict() -> None:
    problem = overloaded()
    answer = solve(problem, time_limit=2.0)
    assert (answer.status, answer.conflict, answer.bound) == ("infeasible", (0, 1, 2), None)
    assert len(answer.plan.unplaced) >= 1
    assert check(problem, answer.plan, answer.bound) == []
    assert any("need 12 h on line 0 and 9 h are open" in reason for reason in answer.reasons)


def test_tasks_that_cannot_be_done_are_no_plan() -> None:
    problem = drawn_problem(0, orders=1, lines=1, slots=12, tasks=0, features=())
    tasks = tuple(Task(f"task {n}", 0, 4, 2, 8) for n in range(2))
    with pytest.raises(Infeasible, match="task"):
        solve(replace(problem, tasks=tasks), time_limit=5.0)


def test_an_order_longer_than_every_shift_is_a_conflict_of_its_own() -> None:
    problem = overloaded()
    long = Order("long", (Way(0, 1, ((10, 50.0),)),))
    conflict = conflict_of(replace(problem, orders=(problem.orders[0], long)))
    assert conflict is not None
    assert conflict.orders == (1,)


@pytest.mark.parametrize("seed", range(20))
def test_no_conflict_is_seen_where_a_plan_exists(seed: int) -> None:
    assert conflict_of(drawn_problem(seed, orders=6, slots=30)) is None


def test_a_bracket_closes_on_the_multiplier_that_is_needed() -> None:
    plan, bracket = drawn_case(0)[1], Bracket()
    for _ in range(40):
        bracket.narrow(plan, is_below=bracket.multiplier >= 0.7)
    assert bracket.multiplier == pytest.approx(0.7, rel=1e-3)


def test_the_gap_is_a_share_of_the_value() -> None:
    assert gap_of(100.0, 90.0) == pytest.approx(0.1)
    assert gap_of(-100.0, -110.0) == pytest.approx(0.1)
    assert gap_of(0.0, 0.0) == 0.0
    assert gap_of(100.0, 100.0 - 1e-8) == 0.0


def test_a_ledger_prefers_all_orders_to_little_money(case: tuple[LineProblem, LinePlan]) -> None:
    problem, plan = case
    ledger = Ledger(problem)
    part = LinePlan(plan.stretches, plan.bill, unplaced=(0,))
    assert not ledger.take_plan(part, "liar", 0.0)  # it makes the order that it calls unplaced
    assert ledger.take_plan(plan, "friend", 0.0)
    assert not ledger.take_bound(-math.inf, "nothing", 0.0)
