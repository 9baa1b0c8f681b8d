"""Solves a flow shop: the search in this process, the proof in another, until they meet.

A first plan is there at once; a bound of several machines usually within a second. When the time
is over the second process is killed, whatever it does, and the best plan so far is the answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from solvers.flow_shop.anneal import Annealing, Clock, Moves, Plan
from solvers.flow_shop.problem import FlowShop, Starts, impossible, objective
from solvers.flow_shop.prove import Bound, Cheapest, Found, Prover
from solvers.lines.processes import Desk, Worker, process_context, wait_for

Status = Literal["optimal", "feasible", "heuristic", "infeasible", "unknown"]
PROVEN = 1e-8
"""Relative difference of value and bound that is rounding."""
WAIT = 0.05
"""Seconds between looks at the second process when the search has ended."""


@dataclass(frozen=True)
class Result:
    """The best plan that was found, and what is known of better ones."""

    status: Status
    """optimal: no plan costs less; feasible: none costs less than the bound; heuristic: no bound;
    infeasible: no plan fits into the horizon; unknown: none was found that does."""
    order: tuple[int, ...]
    starts: Starts
    """Empty without a plan."""
    objective: float
    """Infinite without a plan."""
    bound: float
    """Minus infinity when unknown."""
    seconds: float
    message: str = ""
    was_interrupted: bool = False
    """By Ctrl-C."""

    @property
    def gap(self) -> float | None:
        """(objective - bound) / objective; unknown without both."""
        if not (math.isfinite(self.objective) and math.isfinite(self.bound)):
            return None
        return (self.objective - self.bound) / abs(self.objective) if self.objective else 0.0


def solve(
    shop: FlowShop,
    *,
    time_limit: float,
    seed: int = 0,
    moves: int | None = None,
    progress: Callable[[Result], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Result:
    """The best order and starts that are found in ``time_limit`` seconds.

    Parameters
    ----------
    moves
        Effort of the search; with it the plan does not depend on the clock while the time limit is
        not reached, and the proof alone may go on until then.
    progress
        Is told every better plan or bound.
    cancelled
        Asked often; when it says so, or on Ctrl-C, the best so far is the answer.
    """
    begin = time.monotonic()
    conflict = impossible(shop)
    if conflict:
        return _none(shop, "infeasible", conflict, begin)
    run = _Run(shop, begin, time_limit, seed, moves, progress)
    was_interrupted = False
    try:
        while not run.is_over() and not (cancelled and cancelled()):
            run.go_on()
    except KeyboardInterrupt:
        was_interrupted = True
    finally:
        run.end()
    return replace(run.result(), was_interrupted=was_interrupted)


class _Run:
    """Search and proof, as far as they have come."""

    def __init__(
        self,
        shop: FlowShop,
        begin: float,
        time_limit: float,
        seed: int,
        moves: int | None,
        progress: Callable[[Result], None] | None,
    ) -> None:
        self.shop, self.begin, self.progress = shop, begin, progress
        self.bound = -math.inf
        self.message = ""
        self.deadline = begin + time_limit
        context = process_context()
        self.desk = Desk(context, self.deadline)
        work = Prover(shop, seed + 1, may_search=moves is None)
        self.prover = Worker(context, "proof", work, self.desk)
        effort = Clock(self.deadline) if moves is None else Moves(moves)
        self.annealing = Annealing(shop, effort, seed)
        self.is_searching = True
        self.told = (math.inf, -math.inf)

    def is_over(self) -> bool:
        if time.monotonic() >= self.deadline or self.is_proven():
            return True
        return not self.is_searching and self.prover.is_over

    def is_proven(self) -> bool:
        value = self.annealing.value
        return math.isfinite(value) and value - self.bound <= PROVEN * abs(value)

    def go_on(self) -> None:
        """Search a little, hear the proof, and tell what is new."""
        self.is_searching = self.is_searching and self.annealing.advance()
        if not self.is_searching:
            wait_for([self.prover], min(WAIT, self.desk.seconds_left()))
        self.desk.upper = min(self.desk.upper, self.annealing.value)
        for message in self.prover.heard():
            self._hear(message)
        if self.prover.failure and not self.message:
            self.message = f"the proof broke off: {self.prover.failure.reason}"
        known = (self.annealing.value, self.bound)
        if self.progress and known != self.told:
            self.told = known
            self.progress(self.result())

    def _hear(self, message: object) -> None:
        if isinstance(message, Bound):
            self.bound = max(self.bound, message.value)
        elif isinstance(message, Found):
            self.annealing.offer(message.plan)
        elif isinstance(message, Cheapest):
            plan = _single_plan(self.shop, message.starts)
            self.annealing.offer(plan)
            self.bound = max(self.bound, plan.objective - PROVEN * abs(plan.objective) / 2)

    def end(self) -> None:
        self.desk.stop()
        self.prover.end()

    def result(self) -> Result:
        if not math.isfinite(self.annealing.value):
            message = "no order was found that fits into the horizon"
            return _none(self.shop, "unknown", message, self.begin)
        plan = self.annealing.best()
        value = objective(self.shop, plan.starts)
        bound = min(self.bound, value)
        if self.is_proven():
            bound = value
        status: Status = "feasible" if math.isfinite(bound) else "heuristic"
        if bound == value:
            status = "optimal"
        seconds = time.monotonic() - self.begin
        return Result(status, plan.order, plan.starts, value, bound, seconds, self.message)


def _single_plan(shop: FlowShop, starts: tuple[int, ...]) -> Plan:
    """The plan of one machine by its starts; what takes no time goes before what begins then."""
    times = shop.processing_time
    order = sorted(range(shop.jobs), key=lambda job: (starts[job], times[job][0], job))
    rows = tuple((start,) for start in starts)
    return Plan(objective(shop, rows), tuple(order), rows)


def _none(shop: FlowShop, status: Status, message: str, begin: float) -> Result:
    seconds = time.monotonic() - begin
    return Result(status, (), (), math.inf, -math.inf, seconds, f"{shop.name}: {message}")
