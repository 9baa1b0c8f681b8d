"""Where an order's time goes in a plan: work, setups, and what each wait was for.

Nothing is solved here; every stretch is read off the plan, so the sums are exact: from its release
(or the cut-off) to its end an order works, is set up, or waits for something that has a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Literal

from solvers.plan import Plan
from solvers.problem import Problem, Unit

Kind = Literal["work", "setup", "busy", "maintenance", "closed", "down", "warm_up", "idle"]
"""*work*, *setup*: of the order itself. *busy*: other orders are on its work unit. *maintenance*: a
preventive task is. *closed*: the unit's shift is over. *down*: a repair of the unit lasts that
long. *warm_up*: the unit heats for it. *idle*: the unit is open and free, and the plan starts it
later all the same."""
SHORTEST = 1e-6
"""Stretches below this are rounding [min]."""


@dataclass(frozen=True)
class Stretch:
    """A stretch of an order's time at one operation."""

    kind: Kind
    begin: float
    end: float
    """[min]"""
    operation: str
    unit: str
    by: str = ""
    """The order that is on the unit, or the task."""

    @property
    def minutes(self) -> float:
        return self.end - self.begin


def stretches_of(plan: Plan, job: int) -> list[Stretch]:
    """All the time of an order from when it may start to its end, in time order.

    Its stretches touch, so their minutes add up to completion − release (the cut-off, if that is
    later, or the end of what ran then).
    """
    return [s for o in plan.problem.jobs[job].ops for s in _of_operation(plan, o)]


def _of_operation(plan: Plan, op: int) -> Iterator[Stretch]:
    problem = plan.problem
    choice, row = plan.choice[op], problem.ops[op]
    if choice is None:
        return
    unit = problem.units[choice.unit]
    name = problem.plant.operation_ids[row.operation]

    def stretch(kind: Kind, begin: float, end: float, by: str = "") -> Stretch:
        return Stretch(kind, begin, end, name, unit.id, by)

    if not row.is_running:
        for kind, begin, end, by in _waits(plan, op, unit):
            yield stretch(kind, begin, end, by)
    shift = problem.shifts[unit.shift]
    spans: list[tuple[Kind, float, float]] = [
        ("setup", plan.start[op], plan.work[op]),
        ("work", plan.work[op], plan.end[op]),
    ]
    for kind, begin, end in spans:
        for a, b, is_open in _split(shift.pieces(begin, end), begin, end):
            yield stretch(kind if is_open else "closed", a, b)


def _waits(plan: Plan, op: int, unit: Unit) -> Iterator[tuple[Kind, float, float, str]]:
    """What its unit does from when the batch is there until its setup starts."""
    at, until = plan.available(op), plan.start[op]
    heats_from = until - unit.startup if _is_heated(plan, op, unit) else inf
    for begin, end, ref in plan.items[unit.index]:
        if end <= at or begin >= until or ref == op:
            continue
        yield from _free(plan.problem, unit, at, begin, heats_from)
        at = max(at, begin)
        stop = min(end, until)
        yield ("busy" if ref >= 0 else "maintenance"), at, stop, name_of(plan.problem, ref)
        at = stop
    yield from _free(plan.problem, unit, at, until, heats_from)


def _is_heated(plan: Plan, op: int, unit: Unit) -> bool:
    """Whether its unit may be cold before it: it warms up, and nothing precedes it directly."""
    if unit.startup <= 0:
        return False
    before = [end for _, end, ref in plan.items[unit.index] if ref != op and end <= plan.start[op]]
    return not unit.is_on if not before else plan.start[op] - max(before) >= unit.startup


def _free(
    problem: Problem, unit: Unit, begin: float, end: float, heats_from: float
) -> Iterator[tuple[Kind, float, float, str]]:
    """A free stretch of a unit, by what keeps it from being used."""
    if end - begin <= SHORTEST:
        return
    if begin < unit.ready:
        yield "down", begin, min(unit.ready, end), ""
        begin = min(unit.ready, end)
    pieces = problem.shifts[unit.shift].pieces(begin, end)
    for a, b, is_open in _split(pieces, begin, end):
        if not is_open:
            yield "closed", a, b, ""
            continue
        middle = min(max(heats_from, a), b)
        if middle > a:
            yield "idle", a, middle, ""
        if b > middle:
            yield "warm_up", middle, b, ""


def _split(
    pieces: list[tuple[float, float]], begin: float, end: float
) -> Iterator[tuple[float, float, bool]]:
    """A span in time order, cut where its pieces of open time begin and end."""
    at = begin
    for a, b in pieces:
        if a - at > SHORTEST:
            yield at, a, False
        yield a, b, True
        at = b
    if end - at > SHORTEST:
        yield at, end, False


def name_of(problem: Problem, ref: int) -> str:
    """Order of an operation, or id of a preventive task, by an item's reference."""
    if ref < 0:
        return problem.pms[~ref].task.id
    return problem.jobs[problem.ops[ref].job].order


def earliest_end(problem: Problem, job: int, *, release: bool = True, shifts: bool = True) -> float:
    """When an order could be done with the whole plant to itself [min]; no plan does it sooner.

    Every operation on whichever unit has it done first, without setup, warm-up or maintenance;
    without ``release`` from the cut-off on, without ``shifts`` round the clock.
    """
    row = problem.jobs[job]
    done = row.release if release else 0.0
    for op in (problem.ops[o] for o in row.ops):
        done = min((_alone(problem, c.unit, c.minutes, done, shifts) for c in op.choices),
                   default=inf)  # fmt: skip
    return done


def _alone(problem: Problem, m: int, minutes: float, begin: float, shifts: bool) -> float:
    unit = problem.units[m]
    begin = max(begin, unit.ready)
    return problem.shifts[unit.shift].end_of(begin, minutes) if shifts else begin + minutes
