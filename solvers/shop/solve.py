"""Schedules a shop within a time limit: search, bounds and, where it is installed, CP-SAT."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from solvers.shop.bound import lower_bound
from solvers.shop.cp_sat import CpSat, is_installed
from solvers.shop.load_bound import load_bound
from solvers.shop.problem import Problem, Schedule
from solvers.shop.tables import tables_of
from solvers.shop.team import Incumbent, Team

Status = Literal["optimal", "feasible"]
Progress = Callable[[float, float | None, float | None, float | None], None]
"""Told seconds, makespan of the best schedule, bound, gap."""

POLL_SECONDS = 0.02
PROGRESS_SECONDS = 1.0
LOAD_BOUND_SHARE, LOAD_BOUND_SECONDS = 0.3, 20.0
"""At most this part of the limit and so many seconds for the linear programme."""
ANSWER_SECONDS = 2e-5
"""For each operation, kept back from the limit to write the schedule down."""
CP_SAT_FROM = 0.2
"""Part of the limit after which CP-SAT takes the place of the second chain."""
CP_SAT_LARGEST = 20_000
"""Alternatives above which a model is not built in time."""


@dataclass(frozen=True)
class Result:
    """The best schedule found and what is known of it."""

    schedule: Schedule
    objective: int
    """Makespan of the schedule."""
    bound: int
    """No schedule is shorter."""
    status: Status
    """Whether the bound is met."""
    solver: str
    """What found the schedule, what proved the bound, and what failed."""

    @property
    def gap(self) -> float:
        """(objective - bound) / objective."""
        return gap_of(self.objective, self.bound)


def solve(
    problem: Problem,
    *,
    time_limit: float,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    cp_sat: bool | None = None,
) -> Result:
    """Return the shortest schedule found in the time limit, with a lower bound of the makespan.

    Parameters
    ----------
    time_limit
        [s] by the clock on the wall. Ends earlier when the bound is met.
    seed
        Names the luck of the search. The clock ends it, so two runs may differ all the same.
    progress
        Told when the makespan or the bound gets better, and once a second.
    cancelled
        Asked many times a second; when it says so, and on Ctrl-C, the best so far is returned.
    cp_sat
        Whether CP-SAT helps on one of the two cores; by default if it is installed.
    """
    seconds = time_limit - ANSWER_SECONDS * problem.operations
    run = Run(problem, time.monotonic() + seconds, seconds, progress)
    run.raise_bound(lower_bound(problem), "one-machine bound")
    if problem.operations == 0:
        return Result(Schedule(()), 0, 0, "optimal", "nothing to do")
    team = Team(tables_of(problem), seed, run.bound)
    use_cp_sat = is_installed() if cp_sat is None else cp_sat
    with team, ctrl_c_ends_it():
        run.improve_bound(team)
        with ExitStack() as stack:
            child: CpSat | None = None
            while not run.is_over(team, cancelled):
                if use_cp_sat and child is None and run.elapsed >= CP_SAT_FROM * seconds:
                    child = run.call_cp_sat(team, seed, stack)
                if child is not None:
                    run.hear(child, team)
                run.tell(team)
                time.sleep(max(0.0, min(POLL_SECONDS, run.left)))
    team.raise_failure()
    return run.result(team)


@contextmanager
def ctrl_c_ends_it() -> Iterator[None]:
    """What has been found until Ctrl-C is the answer."""
    with suppress(KeyboardInterrupt):
        yield


@dataclass
class Run:
    """What is known while a shop is being scheduled."""

    problem: Problem
    until: float
    time_limit: float
    progress: Progress | None
    bound: int = 0
    bound_by: str = ""
    note: str = ""
    _told: tuple[int, int] = (0, 0)
    _told_at: float = field(default=-PROGRESS_SECONDS)

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return self.until - time.monotonic()

    @property
    def elapsed(self) -> float:
        return self.time_limit - self.left

    def is_over(self, team: Team, cancelled: Callable[[], bool] | None) -> bool:
        """Whether the limit has come, the optimum is proven or nobody waits for it any more."""
        team.raise_failure()
        return self.left <= 0 or team.is_over or bool(cancelled and cancelled())

    def raise_bound(self, bound: int, by: str) -> None:
        if bound > self.bound:
            self.bound, self.bound_by = bound, by

    def improve_bound(self, team: Team) -> None:
        """Solve the linear programme of a flexible shop beside the search."""
        seconds = min(LOAD_BOUND_SHARE * self.time_limit, LOAD_BOUND_SECONDS)
        if self.problem.is_flexible and not team.is_over:
            self.raise_bound(load_bound(team.tables, seconds), "load bound")
            team.target = self.bound

    def call_cp_sat(self, team: Team, seed: int, stack: ExitStack) -> CpSat | None:
        """Put CP-SAT in the place of the second chain, if the shop is not too large for it."""
        if len(team.tables.machine) > CP_SAT_LARGEST:
            return None
        team.dismiss(1)
        child = CpSat(self.problem, team.schedule, self.bound, self.left, seed)
        return stack.enter_context(child)

    def hear(self, child: CpSat, team: Team) -> None:
        """Take what CP-SAT has found."""
        for news in child.news():
            if news.schedule is not None:
                team.offer(Incumbent(news.schedule.makespan, "CP-SAT", news.schedule))
            if news.bound is not None:
                self.raise_bound(news.bound, "CP-SAT")
                team.target = self.bound
            if news.failed:
                self.note = f"; CP-SAT failed: {news.failed}"

    def tell(self, team: Team) -> None:
        """Tell the progress when it is new, and once a second."""
        now = (team.best.makespan, self.bound)
        if self.progress and (now != self._told or self.elapsed > self._told_at + PROGRESS_SECONDS):
            self._told, self._told_at = now, self.elapsed
            self.progress(self.elapsed, *now, gap_of(*now))

    def result(self, team: Team) -> Result:
        best = team.best
        bound = min(self.bound, best.makespan)
        status: Status = "optimal" if best.makespan <= bound else "feasible"
        solver = f"{best.solver}; {self.bound_by or 'no bound'}{self.note}"
        return Result(team.schedule, best.makespan, bound, status, solver)


def gap_of(objective: float, bound: float) -> float:
    """(objective - bound) / objective, and 0 for a shop without work."""
    return (objective - bound) / objective if objective > 0 else 0.0
