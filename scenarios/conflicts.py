"""Deadlines that no schedule can meet together: which orders conflict, by how much, the ways out.

A conflict is proven where the work of some orders that must be done on a group of work units
between two instants is more than the open time the group has there: the interval condition of
preemptive scheduling with release dates and deadlines (Horn 1974, *Some simple scheduling
algorithms*), with heads and tails of the routes, on the units' shifts. What the proof does not
need is taken out order by order, so that no order named can be spared (a deletion filter: Chinneck
and Dravnieks 1991). Where no interval proves it and the search finds no plan either, the same
filter runs over searches, and the words say that it is no proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from scenarios.causes import Cause, without
from scenarios.deadline_search import least_excess
from scenarios.run import problem_of
from scenarios.scenario import Case
from solvers.feasible import refuse_impossible
from solvers.frozen import settled
from solvers.problem import Job, Problem
from twin.errors import Infeasible
from twin.model.horizon import Horizon
from twin.model.orders import OrderBook
from twin.model.schedule import Schedule

LEAST = 1.0
"""Work that exceeds the open time by less proves nothing: rounding [min]."""
MOST_WAYS = 4


@dataclass(frozen=True)
class Span:
    """An operation of an order with a deadline, and the time in which it must be done."""

    order: str
    units: frozenset[int]
    minutes: float
    begin: float
    end: float


@dataclass(frozen=True)
class Conflict:
    """Orders whose deadlines cannot all be met."""

    orders: tuple[str, ...]
    units: tuple[str, ...] = ()
    begin: float = 0.0
    end: float = 0.0
    needed_h: float = 0.0
    open_h: float = 0.0
    taken_h: float = 0.0
    """Of the open time by what runs or is frozen."""
    is_proven: bool = True


@dataclass(frozen=True)
class WayOut:
    """A change after which a plan that meets all deadlines was found."""

    words: str
    hours: float
    """How much is asked, for ranking."""


def refuse_conflicts(case: Case, previous: Schedule | None = None) -> None:
    """Stop where deadlines are proven to conflict, before any search for a plan.

    Raises
    ------
    Infeasible
        Naming a minimal set of conflicting orders and the cheapest ways out.
    """
    if all(order.deadline is None for order in case.orders):
        return
    problem = settled(problem_of(case, previous))
    refuse_impossible(problem)
    conflict = proven_conflict(problem)
    if conflict:
        raise Infeasible(conflict_text(conflict, ways_out(case, previous, conflict), case.horizon))


def unmet(case: Case, previous: Schedule | None = None) -> str:
    """What to say of deadlines for which no plan was found; empty when a short search finds one."""
    problem = settled(problem_of(case, previous))
    conflict = proven_conflict(problem) or searched_conflict(problem)
    if conflict is None:
        return ""
    return conflict_text(conflict, ways_out(case, previous, conflict), case.horizon)


# --- proof ---


def proven_conflict(problem: Problem) -> Conflict | None:
    """The smallest conflict that the interval condition shows; None where it shows none."""
    bound = [job for job in problem.jobs if job.deadline < problem.end]
    spans = [span for job in bound for span in _spans(problem, job)]
    found = [
        _reduced(problem, group, begin, end, [s for s in spans if s.units <= group])
        for group in sorted({s.units for s in spans}, key=sorted)
        for begin, end in _overloads(problem, group, [s for s in spans if s.units <= group])
    ]
    return min(found, key=lambda c: (len(c.orders), c.open_h - c.needed_h), default=None)


def _spans(problem: Problem, job: Job) -> Iterator[Span]:
    """Every operation left, from when it could begin alone to when it must end at the latest."""
    begins, at = [], job.release
    for o in job.ops:
        begins.append(at)
        at = min((_end(problem, c.unit, c.minutes, at) for c in problem.ops[o].choices),
                 default=inf)  # fmt: skip
    last = job.deadline
    for o, begin in zip(reversed(job.ops), reversed(begins), strict=True):
        op = problem.ops[o]
        if not op.is_bound:
            units = frozenset(c.unit for c in op.choices)
            yield Span(job.order, units, min(c.minutes for c in op.choices), begin, last)
        last = max((_latest(problem, c.unit, c.minutes, last) for c in op.choices), default=-inf)


def _end(problem: Problem, unit: int, minutes: float, begin: float) -> float:
    found = problem.units[unit]
    return problem.shifts[found.shift].end_of(max(begin, found.ready), minutes)


def _latest(problem: Problem, unit: int, minutes: float, end: float) -> float:
    """Latest start of so much work that is done by ``end``."""
    shift = problem.shifts[problem.units[unit].shift]
    return shift.latest_start(end, minutes) if shift.opened(end) >= minutes else -inf


def _overloads(
    problem: Problem, group: frozenset[int], spans: Sequence[Span]
) -> Iterator[tuple[float, float]]:
    """Intervals between a begin and an end of spans that hold more work than open time."""
    for begin in sorted({s.begin for s in spans}):
        work = 0.0
        for span in sorted((s for s in spans if s.begin >= begin), key=lambda s: s.end):
            work += span.minutes
            if work > _open(problem, group, begin, span.end) + LEAST:
                yield begin, span.end
                break


def _open(problem: Problem, group: Iterable[int], begin: float, end: float) -> float:
    """Open time of units between two instants, less what runs or is frozen there [min]."""
    return sum(_open_of(problem, m, max(begin, problem.units[m].ready), end) for m in group)


def _open_of(problem: Problem, m: int, begin: float, end: float) -> float:
    if end <= begin:
        return 0.0
    shift = problem.shifts[problem.units[m].shift]
    return max(shift.opened(end) - shift.opened(begin) - _taken(problem, m, begin, end), 0.0)


def _taken(problem: Problem, m: int, begin: float, end: float) -> float:
    """Open time of a unit that runs or is frozen between two instants [min]."""
    shift = problem.shifts[problem.units[m].shift]
    return sum(
        shift.opened(min(stop, end)) - shift.opened(max(start, begin))
        for start, stop in _bound(problem, m)
        if stop > begin and start < end
    )


def _bound(problem: Problem, m: int) -> list[tuple[float, float]]:
    """Blocks of a unit that stand whatever is planned: operations that run, or are frozen."""
    running = [
        (0.0, _end(problem, m, op.choices[0].minutes, 0.0))
        for op in problem.ops
        if op.is_running and op.choices[0].unit == m
    ]
    frozen = [(p.work, p.end) for p in problem.pins if p.choice and p.choice.unit == m]
    return running + frozen


def _reduced(
    problem: Problem, group: frozenset[int], begin: float, end: float, spans: Sequence[Span]
) -> Conflict:
    """The interval's orders, less each that the conflict does not need, the least work first."""
    inside = [s for s in spans if s.begin >= begin and s.end <= end]
    capacity = _open(problem, group, begin, end)
    work: dict[str, float] = {}
    for span in inside:
        work[span.order] = work.get(span.order, 0.0) + span.minutes
    total = sum(work.values())
    for order in sorted(work, key=lambda id: (work[id], id)):
        if total - work[order] > capacity + LEAST:
            total -= work.pop(order)
    units = tuple(problem.units[m].id for m in sorted(group))
    taken = sum(_taken(problem, m, begin, end) for m in group)
    return Conflict(tuple(sorted(work)), units, begin, end, total / 60, capacity / 60, taken / 60)


# --- search ---


def searched_conflict(problem: Problem) -> Conflict | None:
    """A set of orders for which a short search finds no plan, though without any one it does."""
    if _can_meet(problem):
        return None
    kept = [job.order for job in problem.jobs if job.deadline < inf]
    for order in list(kept):
        fewer = [id for id in kept if id != order]
        if not _can_meet(_only(problem, fewer)):
            kept = fewer
    return Conflict(tuple(kept), is_proven=False)


def _can_meet(problem: Problem) -> bool:
    return least_excess(problem).minutes <= 1e-6


def _only(problem: Problem, orders: Sequence[str]) -> Problem:
    """The problem with the deadlines of some orders alone."""
    jobs = tuple(job if job.order in orders else replace(job, deadline=inf) for job in problem.jobs)
    return replace(problem, jobs=jobs)


# --- ways out ---


def ways_out(case: Case, previous: Schedule | None, conflict: Conflict) -> list[WayOut]:
    """Changes after which a short search meets every deadline, the least first."""
    problem = settled(problem_of(case, previous))
    found = [*_moved_deadlines(problem, conflict), *_added_shifts(case, previous, conflict)]
    if not found:
        found = list(_dropped(case, previous, conflict))
    return sorted(found, key=lambda way: way.hours)[:MOST_WAYS]


def _moved_deadlines(problem: Problem, conflict: Conflict) -> Iterator[WayOut]:
    for order in conflict.orders:
        job = next(j for j in problem.jobs if j.order == order)
        others = [j.order for j in problem.jobs if j.deadline < inf and j.order != order]
        best = least_excess(_only(problem, others), hurried=job.index)
        end = best.plan.end[job.ops[-1]] if best.plan.is_placed(job.index) else inf
        if best.minutes <= 1e-6 and job.deadline < end < inf:
            hours = (end - job.deadline) / 60
            yield WayOut(f"move the deadline of order {order} by {hours:.1f} h", hours)


def _added_shifts(case: Case, previous: Schedule | None, conflict: Conflict) -> Iterator[WayOut]:
    """Units of the conflict open round the clock."""
    for unit in conflict.units:
        longer = without(Cause("calendar", unit), case, "")
        if longer.plant == case.plant:
            continue
        if _can_meet(settled(problem_of(longer, previous))):
            yield WayOut(f"add a shift on {unit} (open round the clock it is enough)", 8.0)


def _dropped(case: Case, previous: Schedule | None, conflict: Conflict) -> Iterator[WayOut]:
    for order in conflict.orders:
        if case.state.order(order).running_on:
            continue
        rest = OrderBook(tuple(o for o in case.orders if o.id != order))
        if _can_meet(settled(problem_of(replace(case, orders=rest), previous))):
            yield WayOut(f"drop order {order}", inf)


def conflict_text(conflict: Conflict, ways: Sequence[WayOut], horizon: Horizon) -> str:
    """The conflict in one sentence, then the ways out."""
    is_one = len(conflict.orders) == 1
    names = ("order " if is_one else "orders ") + ", ".join(conflict.orders)
    if conflict.is_proven:
        units, local = " and ".join(conflict.units), horizon.local
        said = (
            f"replan: no schedule meets all deadlines: {names} need{'s' if is_one else ''} "
            f"{conflict.needed_h:.1f} h on {units} and {conflict.open_h:.1f} h remain between "
            f"{local(conflict.begin):%a %d %b %H:%M} and {local(conflict.end):%a %d %b %H:%M}"
        )
        if conflict.taken_h >= 0.05:
            said += f" beside {conflict.taken_h:.1f} h of what runs or is frozen"
    else:
        said = (
            f"replan: no schedule was found that meets all deadlines (no proof that none exists): "
            f"{names} conflict; without any one of them the others can be met"
        )
    if not ways:
        return f"{said}; move several deadlines, or add a shift"
    return f"{said}; " + ", or ".join(way.words for way in ways)
