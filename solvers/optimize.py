"""From a problem to a plan: construct, improve, polish, and say how good it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import inf
from random import Random

import numpy as np

from solvers.account import Account
from solvers.bound import lower_bound
from solvers.constructive import by_due_date, by_slack, construct, first_done, first_free
from solvers.feasible import refuse_impossible
from solvers.frozen import settled
from solvers.improve import improve
from solvers.milp import polish
from solvers.problem import Problem, with_delays
from solvers.states import Gap, stretches
from solvers.warm import taken_up
from twin.errors import Infeasible
from twin.model.schedule import Schedule, Segment, Status

Progress = Callable[[str, float, float | None], None]
Cancelled = Callable[[], bool]

MOVES_PER_SECOND, SEQUENCE_MOVES_PER_SECOND, FIXED_EFFORT = 60_000, 4_000_000, 100
"""Moves of the searches for each second allowed, divided by the number of operations and some more:
about half of what one core of a small server does, so that the number of moves, not the clock, ends
the search."""
IMPROVE_SHARE, ANNEAL_SHARE, POLISH_SHARE = 0.15, 0.3, 0.3
"""Shares of the time allowed; the rest is reserve. Orders are moved one by one (*improve*) only
where a plan leaves some out or breaks a hard demand: sequences cannot mend that."""
CHAINS = ((0.6, 0.001), (0.4, 0.0004))
"""Share of the moves and first temperature, as a share of the cost, of each chain on sequences."""
PATIENCE, LEAST_GUARD = 2.0, 20.0
"""The clock ends a step only after this many times its share of the time allowed, and not within
the first seconds: on a busy machine a plan comes later, but it is the same plan."""
POLISH_WINDOW, POLISH_STEP, POLISH_REACH = 36 * 60, 24 * 60, 6 * 60.0
"""Start times are polished in windows of this length, one step apart, each by so much [min]."""
WINDOW_SECONDS, OPERATION_SECONDS = 1.0, 0.004
"""Time reckoned for polishing one window, and for each operation of the problem; the first windows
come first when there is not time for all."""
LEAST_MOVES, CHAIN_MOVES, LEAST_SEQUENCE_MOVES = 200, 4000, 2000
"""Moves of the searches at least, and of one chain on orders; beyond, several chains do better."""


def naive_schedule(problem: Problem) -> Schedule:
    """What a planner does by hand, with no look at prices.

    Earliest due date first, maintenance at its due date, the first free work unit; an idle furnace
    is switched off when it would stand by longer than its timeout.
    """
    return to_schedule(
        _by_hand(settled(problem)),
        status="heuristic",
        solver="earliest due date, first free work unit",
    )


def _by_hand(problem: Problem) -> Account:
    def is_timed_out(gap: Gap) -> bool:
        return sum(b - a for a, b in gap.free) > problem.units[gap.unit].timeout

    return Account(construct(problem, by_due_date(problem), first_free), is_timed_out)


def optimize(
    problem: Problem,
    *,
    time_limit: float = 60.0,
    seed: int = 0,
    delays: Mapping[str, Sequence[float]] | None = None,
    warm: Schedule | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    bound: float | None = None,
    debug: bool = False,
) -> Schedule:
    """The best plan found, with a bound on how much better any other could be.

    The amount of search follows from the problem and ``time_limit``, so the same problem, limit and
    seed give the same plan; should the clock or ``cancelled`` end it early, the note says so.

    Parameters
    ----------
    time_limit : float
        Time the search is sized for [s]; about half of it on a free core, and at most twice
        (:data:`PATIENCE`) on a busy one.
    delays : mapping, optional
        How far each order may run behind its plan, equally likely values [min]: the search is
        charged its expected tardiness. What the plan costs is counted by its own ends.
    warm : Schedule, optional
        A plan of the same problem to begin from, beside those constructed.
    progress : callable, optional
        Told (step, best cost so far, bound) after each step.
    cancelled : callable, optional
        When it returns true the best plan so far is returned.
    bound : float, optional
        What :func:`solvers.bound.lower_bound` says of the problem, where the caller knows it.
    debug : bool
        Raise programming errors instead of falling back to the constructed plan.

    Raises
    ------
    Infeasible
        If preventive maintenance or running work cannot be placed at all, or no plan can keep
        a deadline or the power cap.
    """
    refuse_impossible(problem)
    asked = with_delays(settled(problem), delays or {})
    run = Run(asked, time_limit, seed, progress, cancelled)
    run.construct(warm)
    try:
        run.bound = _cost_bound(problem, lower_bound(problem) if bound is None else bound)
        run.improve()
        run.anneal()
        run.polish()
    except Infeasible:
        raise
    except Exception as error:  # a plan is better than none, and its status says what it is
        if debug:
            raise
        run.notes.append(f"the optimiser failed ({type(error).__name__}: {error})")
        return to_schedule(run.constructed, status="fallback", solver="construction", note=run.note)
    return run.schedule()


def tight_bound(problem: Problem, schedule: Schedule, cancelled: Cancelled | None = None) -> float:
    """What no plan of a problem costs less than, from how long each unit works in a good plan.

    Takes some seconds; with a weight on carbon it bounds cost + weight · carbon.
    """
    from solvers.unit_bound import unit_bound

    worked = np.zeros(len(problem.units))
    for s in schedule.segments:
        if s.kind == "work":
            worked[problem.plant.unit_index[s.work_unit]] += s.minutes
    return unit_bound(problem, worked, cancelled)


def _cost_bound(problem: Problem, least: float) -> float | None:
    """From the least cost + weight · carbon to a bound of the cost below the carbon cap."""
    if not problem.carbon_weight:
        return least
    return least - problem.carbon_weight * problem.carbon_cap if problem.carbon_cap < inf else None


@dataclass
class Run:
    """One optimisation under way: the best plan so far and what to say about it."""

    problem: Problem
    time_limit: float
    seed: int
    progress: Progress | None
    cancelled: Cancelled | None
    bound: float | None = None
    notes: list[str] = field(default_factory=list)
    solver: str = "construction"
    began: float = field(default_factory=time.monotonic)

    def construct(self, warm: Schedule | None = None) -> None:
        """The best of a few simple plans, and of one that is taken up again."""
        problem = self.problem
        plans = [_by_hand(problem)]
        again = taken_up(problem, warm) if warm else None
        if again:
            plans.append(Account(again))
        for sequence in (by_due_date(problem), by_slack(problem)):
            plans += [
                Account(construct(problem, sequence, rank)) for rank in (first_done, first_free)
            ]
        self.constructed = self.best = min(plans, key=_rank)
        self.tell("construct")

    def improve(self) -> None:
        """Where orders are left out or a demand is broken: chains that move orders one by one."""
        if self.best.is_allowed and not self.best.plan.unplaced():
            return
        seconds = self.time_limit * IMPROVE_SHARE
        affordable = seconds * MOVES_PER_SECOND / (len(self.problem.ops) + FIXED_EFFORT)
        moves = max(int(affordable), LEAST_MOVES)
        chains = max(1, min(4, moves // CHAIN_MOVES))
        start = Account(self.best.plan)
        done = 0
        for chain in range(chains):
            random = Random(f"{self.seed}/improve/{chain}")
            share = self.time_limit * (IMPROVE_SHARE + 0.15) * (chain + 1) / chains
            stop = partial(self.must_stop, self.guard(share))
            outcome = improve(start, random, moves // chains, stop)
            done += outcome.moves
            self.take(Account(outcome.account.plan), f"improve {chain + 1}/{chains}")
            if not outcome.is_complete and self._note_stop(f"after {done} of {moves} moves"):
                break
        self.solver = f"{chains} chains on orders, {done} moves"

    def anneal(self) -> None:
        """Chains on the sequences of all units, each from the best plan so far."""
        from solvers.sequences.search import anneal_sequences

        seconds = self.time_limit * ANNEAL_SHARE
        effort = len(self.problem.ops) + FIXED_EFFORT
        moves = max(int(seconds * SEQUENCE_MOVES_PER_SECOND / effort), LEAST_SEQUENCE_MOVES)
        late = self.guard(self.time_limit * (IMPROVE_SHARE + ANNEAL_SHARE))
        for chain, (share, hot) in enumerate(CHAINS):
            found, done = anneal_sequences(
                Account(self.best.plan), seed=f"{self.seed}/sequences/{chain}",
                moves=int(moves * share), hot=hot, must_stop=partial(self.must_stop, late),
            )  # fmt: skip
            self.take(found, f"anneal {chain + 1}/{len(CHAINS)}")
            if done < int(moves * share):
                self._note_stop(f"after {done} of {int(moves * share)} moves on sequences")
                break
        self.solver += f", {len(CHAINS)} chains on sequences, {moves} moves"

    def polish(self) -> None:
        """Start times by mixed-integer programming, window after window over the horizon."""
        seconds = WINDOW_SECONDS + len(self.problem.ops) * OPERATION_SECONDS
        windows = [*range(0, self.problem.horizon.minutes, POLISH_STEP)]
        windows = windows[: int(self.time_limit * POLISH_SHARE / seconds)]
        late = self.guard(self.time_limit * (IMPROVE_SHARE + ANNEAL_SHARE + POLISH_SHARE + 0.1))
        for n, begin in enumerate(windows):
            if self.must_stop(late):
                self._note_stop(f"after polishing {n} of {len(windows)} windows")
                break
            left = late - (time.monotonic() - self.began)
            end = min(begin + POLISH_WINDOW, self.problem.end)
            found = polish(self.best, begin, end, POLISH_REACH, left)
            if found.trouble and found.trouble not in self.notes:
                self.notes.append(found.trouble)
            days = f"polish {begin / 1440:g}-{end / 1440:g} d"
            self.take(found.account or self.best, days)
        if windows:
            self.solver += f", start times of {len(windows)} windows by HiGHS"

    def take(self, found: Account, step: str) -> None:
        """Keep a plan if it is better."""
        if _rank(found) < _rank(self.best):
            self.best = found
        self.tell(step)

    def tell(self, step: str) -> None:
        if self.progress:
            self.progress(step, self.best.value().total_cost, self.bound)

    def is_cancelled(self) -> bool:
        return bool(self.cancelled and self.cancelled())

    def guard(self, seconds: float) -> float:
        """When the clock ends what should take ``seconds`` from the beginning."""
        return max(PATIENCE * seconds, LEAST_GUARD)

    def must_stop(self, seconds: float) -> bool:
        return self.is_cancelled() or time.monotonic() - self.began > seconds

    def _note_stop(self, where: str) -> bool:
        """Say why a step ended early; true if it was cancelled."""
        is_cancelled = self.is_cancelled()
        reason = "cancelled" if is_cancelled else "stopped by the time limit"
        self.notes.append(f"{reason} {where}; another run may give another plan")
        return is_cancelled

    @property
    def note(self) -> str:
        return "; ".join(self.notes)

    def schedule(self) -> Schedule:
        return to_schedule(
            self.best, status="feasible", solver=self.solver, bound=self.bound, note=self.note
        )


def _rank(account: Account) -> tuple[bool, int, float]:
    """Hard demands come before orders, and orders before money."""
    return not account.is_allowed, len(account.plan.unplaced()), account.total


def to_schedule(
    account: Account,
    *,
    status: Status,
    solver: str,
    bound: float | None = None,
    note: str = "",
) -> Schedule:
    """Write a plan down with names, and what it costs."""
    problem, plan = account.problem, account.plan
    segments = [s for m in range(len(problem.units)) for s in _segments(account, m)]
    return Schedule(
        horizon=problem.horizon,
        segments=tuple(sorted(segments)),
        value=account.value(),
        status=status,
        bound=bound,
        note=note,
        solver=solver,
        unplaced=tuple(problem.jobs[j].order for j in plan.unplaced()),
        unkept=problem.unkept,
    )


def _segments(account: Account, m: int) -> list[Segment]:
    problem = account.problem
    unit = problem.units[m].id
    found = []
    for start, end, kind, ref in stretches(account.plan, m, account.decide):
        if kind == "maintenance":
            found.append(Segment(unit, start, end, kind, task=problem.pms[~ref].task.id))
        elif kind in ("setup", "work"):
            op = problem.ops[ref]
            order = problem.jobs[op.job].order
            name = problem.plant.operation_ids[op.operation]
            found.append(Segment(unit, start, end, kind, order=order, operation=name))
        else:
            found.append(Segment(unit, start, end, kind))
    return found
