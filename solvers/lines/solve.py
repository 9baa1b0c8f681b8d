"""Plans lines within a time limit: search and bound in two processes, watched over by the caller.

Whatever a process does, hang, crash or be killed, the best plan so far is the answer and says how
it was found, and the answer comes within the limit and a fifth of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from solvers.lines.answer import Answer, Ledger, Status
from solvers.lines.conflict import conflict_of
from solvers.lines.problem import LinePlan, LineProblem
from solvers.lines.processes import Desk, Work, Worker, process_context, wait_for
from solvers.lines.proof import Proof, Proven
from solvers.lines.search import Found, Search, constructed
from solvers.lines.timing import Sequences
from twin.errors import Infeasible, NoriaError

Progress = Callable[[float, float | None, float | None, float | None], None]
"""Told seconds, value of the best plan, bound, gap; None for what is not known."""

WORK_SHARE = 0.97
"""Of the limit, in which the processes are to end by themselves."""
GRACE_SHARE = 0.05
"""Of the limit, for which they are waited for beyond it before they are killed."""
LONGEST_GRACE = 2.0
"""[s]"""
POLL_SECONDS = 0.1


def solve(
    problem: LineProblem,
    *,
    time_limit: float,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    warm: Sequences | None = None,
    incumbent: LinePlan | None = None,
    multiplier: float = 0.0,
    heard: Callable[[LinePlan], None] | None = None,
) -> Answer:
    """The best plan found within a time limit, and how much better any plan could be.

    Parameters
    ----------
    time_limit
        [s] on the clock on the wall. An optimum that is proven earlier ends the search.
    progress
        Called when more is known and once a second.
    cancelled
        Asked ten times a second; once true, and on Ctrl-C too, the best plan so far is returned.
    warm
        Items of each line in the order of the last plan, to begin with.
    incumbent
        A whole plan to begin with; the answer is at least as good.
    multiplier
        Price of carbon [currency/kgCO2e] that is thought to bring plans below the cap.
    heard
        Called with every plan found, better or not: below another cap it may be the best.

    Raises
    ------
    Infeasible
        If no plan can be made even with orders left out: tasks do not fit into their windows.
    NoriaError
        If none was found in time.
    """
    search, proof = Search(problem, seed, warm, incumbent, multiplier), Proof(problem)
    watch = Watch(problem, time_limit, progress, cancelled, heard)
    if incumbent is not None:
        watch.ledger.take_plan(incumbent, "given plan", 0.0)
    return watch.answer({"search": search, "bound": proof})


@dataclass
class Watch:
    """Supervision of the two processes."""

    problem: LineProblem
    time_limit: float
    progress: Progress | None = None
    cancelled: Callable[[], bool] | None = None
    heard: Callable[[LinePlan], None] | None = None
    begun: float = field(default_factory=time.monotonic)
    is_infeasible: bool = False
    multiplier: float = 0.0
    _told: float = -math.inf
    _has_fallen_back: bool = False

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.problem)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun

    def answer(self, works: dict[str, Work]) -> Answer:
        """Let the processes work, and say what came of it."""
        context = process_context()
        desk = Desk(context, self.begun + WORK_SHARE * self.time_limit)
        workers: list[Worker] = []
        try:
            workers.extend(Worker(context, name, work, desk) for name, work in works.items())
            self._listen(workers, desk)
        except KeyboardInterrupt:
            if self.ledger.plan is None:
                raise
            self.ledger.say("stopped by hand")
        finally:
            desk.stop()
            self.multiplier = desk.multiplier
            for worker in workers:
                worker.end()
        self._note_failures(workers)
        return self._concluded()

    def _listen(self, workers: list[Worker], desk: Desk) -> None:
        """Take down what the processes find until nothing more can come."""
        while not self._is_over() and any(not worker.is_over for worker in workers):
            wait_for(workers, POLL_SECONDS)
            news = [self._take(message) for worker in workers for message in worker.heard()]
            if workers[0].failure is not None:
                news.append(self._fall_back())
            desk.upper = math.inf if self.ledger.value is None else self.ledger.value
            self._report(is_news=any(news))

    def _is_over(self) -> bool:
        """Proven, cancelled, or out of time although the processes had to be ready before."""
        if self.ledger.is_proven:
            return True
        if self.ledger.plan is not None and self.cancelled is not None and self.cancelled():
            self.ledger.say("stopped by hand")
            return True
        grace = min(GRACE_SHARE * self.time_limit, LONGEST_GRACE)
        return self.seconds > self.time_limit + grace

    def _take(self, message: object) -> bool:
        """Write a message down; True where it makes a difference."""
        if isinstance(message, Found):
            if self.heard is not None:
                self.heard(message.plan)
            return self.ledger.take_plan(message.plan, message.search, self.seconds)
        if isinstance(message, Proven):
            self.is_infeasible |= message.bound == math.inf
            return self.ledger.take_bound(message.bound, message.method, self.seconds)
        raise TypeError(f"a process told {message!r}")

    def _report(self, *, is_news: bool) -> None:
        if self.progress is not None and (is_news or self.seconds >= self._told + 1):
            self._told = self.seconds
            self.progress(self.seconds, self.ledger.value, self.ledger.bound, self.ledger.gap)

    def _note_failures(self, workers: list[Worker]) -> None:
        for worker in workers:
            if worker.failure is not None:
                self.ledger.say(f"{worker.name} failed: {worker.failure.reason}")
            elif not worker.is_over and self.seconds > self.time_limit:
                self.ledger.say(f"{worker.name} was ended at the time limit")

    def _concluded(self) -> Answer:
        """The answer from the ledger."""
        ledger = self.ledger
        plan, first = ledger.plan, ledger.first
        if plan is None or first is None:
            raise self._empty_handed()
        ledger.doubt_bound()
        status, conflict = self._status(plan)
        is_complete = ledger.value is not None
        return Answer(
            plan=plan,
            status=status,
            bound=ledger.bound if is_complete else None,
            bound_method=ledger.bound_method if is_complete else "",
            gap=ledger.gap,
            seconds=self.seconds,
            first_plan_seconds=first[0],
            first_plan_objective=first[1].bill.total,
            history=tuple(ledger.history),
            search=ledger.search,
            reasons=tuple(ledger.reasons),
            conflict=conflict,
            multiplier=self.multiplier,
        )

    def _fall_back(self) -> bool:
        """Make a plan without a search, once, if there is none; True where that is news."""
        if self.ledger.plan is not None or self._has_fallen_back:
            return False
        self._has_fallen_back = True
        try:
            plan = constructed(self.problem, seed=0)
        except NoriaError as error:
            self.ledger.say(str(error))
            return False
        return self.ledger.take_plan(plan, "fallback", self.seconds)

    def _empty_handed(self) -> NoriaError:
        """What to say where there is no plan, or none was found in time."""
        name, reasons = self.problem.name, "; ".join(self.ledger.reasons)
        if self._has_fallen_back or self.is_infeasible:
            return Infeasible(f"{name}: no plan ({reasons or 'proven'}); move or drop a task")
        return NoriaError(
            f"{name}: no plan was found in {self.time_limit:g} s ({reasons}); give it more time"
        )

    def _status(self, plan: LinePlan) -> tuple[Status, tuple[int, ...]]:
        """The word for the plan, and the orders in conflict."""
        if self.ledger.value is not None:
            if self.ledger.is_proven:
                return "optimal", ()
            return ("heuristic" if self.ledger.bound is None else "feasible"), ()
        conflict = conflict_of(self.problem) if plan.unplaced else None
        if conflict is not None:
            self.ledger.say(conflict.told(self.problem))
            return "infeasible", conflict.orders
        self.ledger.say(self._shortfall(plan))
        if self.is_infeasible:
            self.ledger.say("it is proven that there is none")
        return ("infeasible" if self.is_infeasible else "heuristic"), ()

    def _shortfall(self, plan: LinePlan) -> str:
        """What an incomplete plan lacks."""
        if plan.unplaced:
            orders = ", ".join(self.problem.orders[j].id for j in plan.unplaced)
            return f"no place was found for orders {orders}"
        cap = self.problem.carbon_cap_kg
        return (
            f"no plan below {cap:.6g} kgCO2e was found; the cleanest has {plan.bill.carbon_kg:.6g}"
        )
