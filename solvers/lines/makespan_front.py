"""Cost against makespan: what it costs to have everything made earlier, point by point.

The ε-constraint method (Haimes, Lasdon, Wismer, 1971): cut the horizon at a slot, find the cheapest
plan. A plan is a solution of every longer horizon too, and its bound holds for every shorter one,
so two rows of numbers, least cost known and greatest bound known by horizon, close most of the
front without a search.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from solvers.lines.bill import bill_of
from solvers.lines.network import Whole
from solvers.lines.optimum import GRACE, LEAST_GRACE, Found, search_optimum
from solvers.lines.problem import LinePlan, LineProblem
from solvers.lines.processes import Desk, Worker, process_context, wait_for
from twin.errors import NoriaError

CLOSED = 1e-6
"""Relative distance of cost and bound that is rounding."""
FIRST_SHARE, LEAST_SECONDS = 0.1, 0.5
"""Of the time left, what one search may take, and that it may in any case [s]."""


@dataclass(frozen=True)
class FrontPoint:
    """A plan, and no plan known is both as early and as cheap."""

    makespan: int
    """Slot border at which the last order or task is complete."""
    cost: float
    bound: float
    """No plan with this makespan costs less [currency]."""
    status: Literal["optimal", "feasible"]
    """``optimal``: no plan is as cheap and earlier, or as early and cheaper."""
    plan: LinePlan


class MakespanFront:
    """The front of a problem while it is searched for."""

    def __init__(self, problem: LineProblem, seed: int = 0) -> None:
        self.problem, self.seed = problem, seed
        horizons = problem.slots + 1
        self.upper = np.full(horizons, math.inf)
        """(T + 1,) least cost of the plans that are complete at each slot border."""
        self.lower = np.full(horizons, -math.inf)
        """(T + 1,) no plan complete at the border costs less."""
        self.plans: list[LinePlan | None] = [None] * horizons
        self.tries = np.zeros(horizons, dtype=int)

    def search(
        self,
        seconds: float,
        must_stop: Callable[[], bool] = lambda: False,
        tell: Callable[[tuple[int, Found]], None] = lambda found: None,
    ) -> None:
        """Close as much of the front as time allows; each horizon searched is told."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not must_stop():
            horizon = self.next_horizon()
            if horizon is None:
                return
            self.tries[horizon] += 1
            share = FIRST_SHARE * float(self.tries[horizon])
            found = self.look(horizon, min(left, max(share * left, LEAST_SECONDS)))
            self.learn(horizon, found)
            tell((horizon, found))

    def next_horizon(self) -> int | None:
        """The middle of the widest open stretch that was tried least; None when all is closed."""
        is_open = ~self.is_closed()
        if not is_open.any():
            return None
        least = self.tries[is_open].min()
        if is_open[-1] and self.tries[-1] == least:
            return self.problem.slots
        wanted = np.flatnonzero(is_open & (self.tries == least))
        runs = np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1)
        widest = max(runs, key=len)
        return int(widest[len(widest) // 2])

    def look(self, horizon: int, seconds: float) -> Found:
        """Search the cheapest plan that is complete at a slot border."""
        return search_optimum(cut(self.problem, horizon), seconds=seconds, seed=self.seed)

    def learn(self, horizon: int, found: Found) -> None:
        """Note what a plan that is complete at a slot border costs, at most and at least."""
        self.lower[: horizon + 1] = np.maximum(self.lower[: horizon + 1], found.bound)
        if found.plan is None:
            return
        plan = replace(found.plan, bill=bill_of(self.problem, found.plan.stretches))
        first = makespan_of(plan)
        for t in range(first, len(self.upper)):
            if plan.bill.total < self.upper[t]:
                self.upper[t], self.plans[t] = plan.bill.total, plan

    def is_closed(self) -> Whole:
        """(T + 1,) whether cost and bound meet, or it is proven that there is no plan."""
        known = np.isfinite(self.upper)
        slack = CLOSED * np.maximum(np.abs(self.upper, where=known, out=np.ones(len(known))), 1.0)
        closed: Whole = known & (self.lower >= self.upper - slack) | (self.lower == math.inf)
        return closed

    def points(self) -> list[FrontPoint]:
        """Points of the front, from the earliest on."""
        closed = self.is_closed()
        points: list[FrontPoint] = []
        for t, plan in enumerate(self.plans):
            cost = float(self.upper[t])
            if plan is None or (points and cost >= points[-1].cost - CLOSED * abs(cost)):
                continue
            is_proven = closed[t] and (t == 0 or closed[t - 1])
            points.append(
                FrontPoint(
                    t, cost, float(self.lower[t]), "optimal" if is_proven else "feasible", plan
                )
            )
        return points


def makespan_front(problem: LineProblem, seconds: float, seed: int = 0) -> MakespanFront:
    """The front of a problem, as far as it gets in the time or until Ctrl-C.

    The search has a process of its own, which is killed if HiGHS overruns the limit.
    """
    front = MakespanFront(problem, seed)
    context = process_context()
    deadline = time.monotonic() + seconds + max(GRACE * seconds, LEAST_GRACE)
    work = partial(_search_and_tell, problem, seconds, seed)
    worker = Worker(context, "front", work, Desk(context, deadline))
    with suppress(KeyboardInterrupt):
        try:
            while not worker.is_over and time.monotonic() < deadline:
                wait_for([worker], max(deadline - time.monotonic(), 0.0))
                for message in worker.heard():
                    if isinstance(message, tuple):
                        front.learn(*message)
        finally:
            worker.end()
    if worker.failure:
        raise NoriaError(f"{problem.name}: the solver ended early: {worker.failure.reason}")
    return front


def _search_and_tell(
    problem: LineProblem, seconds: float, seed: int, desk: Desk, tell: Callable[[object], None]
) -> None:
    MakespanFront(problem, seed).search(seconds, desk.must_stop, tell)


def makespan_of(plan: LinePlan) -> int:
    """Slot border at which the last order or task is complete."""
    return max((s.end for s in plan.stretches if s.kind in ("order", "task")), default=0)


def cut(problem: LineProblem, slots: int) -> LineProblem:
    """The problem with fewer slots."""
    site = problem.site
    return replace(
        problem,
        slots=slots,
        lines=tuple(replace(line, is_open=line.is_open[:slots]) for line in problem.lines),
        site=replace(
            site,
            price_per_kwh=site.price_per_kwh[:slots],
            carbon_intensity=site.carbon_intensity[:slots],
            base_kw=site.base_kw[:slots],
            generation_kw=site.generation_kw[:slots],
            crews=tuple(crew[:slots] for crew in site.crews),
        ),
    )
