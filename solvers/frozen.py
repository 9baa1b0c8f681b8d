"""The frozen window: what last night's plan has told the floor for the next hours stays.

Operations and preventive tasks whose planned start lies within the window keep work unit and first
minute of work. The shop has lived on since: where a unit or a batch is late, a start is put off by
an hour at most; where that is not enough, it is released, and named with the reason. What was to
start within the hour before the cut-off and has not is kept the same way, so that what hangs on it
can stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf

from solvers.account import MOVED_MINUTES
from solvers.constructive import (
    blocked_task,
    by_due_date,
    construct,
    first_done,
    first_free,
    next_free,
)
from solvers.plan import Fit, Plan
from solvers.problem import Choice, Pin, Problem
from twin.model.schedule import Excuse, Unkept

ROUNDING = 1e-6
"""Starts closer than this are the same [min]."""


@dataclass(frozen=True)
class Wish:
    """An operation or task of last night's plan that the window freezes."""

    start: float
    """First minute of work [min]."""
    unit: int
    """−1: the plant has no such unit any more."""
    ref: int
    """Index of the operation, or the complement of the task's."""


@dataclass(frozen=True)
class Reason:
    """Why a start cannot be kept."""

    excuse: Excuse
    words: str


def settled(problem: Problem) -> Problem:
    """The problem with its frozen window in place: pins, and what could not be kept."""
    if problem.demands.freeze <= 0 or problem.previous is None or problem.pins or problem.unkept:
        return problem
    refused: frozenset[int] = frozenset()
    while True:
        found = _beside_services(problem, refused)
        stuck = _stuck(found)
        if not stuck:
            return found
        refused |= stuck


def _beside_services(problem: Problem, refused: frozenset[int]) -> Problem:
    """Pins beside which every preventive task has a place."""
    displaced: frozenset[int] = frozenset()
    while True:
        found = _with_pins(problem, *_placed(problem, refused, displaced))
        in_the_way = _in_the_way(found)
        if not in_the_way:
            return found
        displaced |= in_the_way


def _in_the_way(problem: Problem) -> frozenset[int]:
    """Pins on the unit, or of the crew, of a preventive task that has no place beside them."""
    plan = Plan(problem)
    blocked = blocked_task(plan)
    if blocked is None:
        return frozenset()
    crew, unit = problem.pms[blocked].task.crew, problem.pm_unit[blocked]
    return frozenset(
        pin.ref
        for pin in problem.pins
        if (pin.choice.unit == unit if pin.choice else problem.pms[~pin.ref].task.crew == crew)
    )


def _stuck(problem: Problem) -> set[int]:
    """Operations of orders that are frozen in part and find no place for the rest."""
    pinned = {problem.ops[pin.ref].job for pin in problem.pins if pin.ref >= 0}
    for rank in (first_done, first_free):
        left = pinned & set(construct(problem, by_due_date(problem), rank).unplaced())
        if not left:
            return set()
    return {o for j in left for o in problem.jobs[j].ops}


def _with_pins(bare: Problem, pins: Sequence[Pin], unkept: Sequence[Unkept]) -> Problem:
    frozen = {pin.ref for pin in pins}
    ops = tuple(replace(op, is_frozen=op.index in frozen) for op in bare.ops)
    begun = {ops[ref].job for ref in frozen if ref >= 0}
    jobs = tuple(replace(j, is_begun=j.is_begun or j.index in begun) for j in bare.jobs)
    return replace(bare, ops=ops, jobs=jobs, pins=tuple(pins), unkept=tuple(sorted(unkept)))


def _placed(
    problem: Problem, refused: frozenset[int], services: frozenset[int]
) -> tuple[list[Pin], list[Unkept]]:
    """Put every wish in its place, the earliest first; those that have none, with the reason."""
    plan = Plan(problem)
    pins: list[Pin] = []
    unkept: list[Unkept] = []
    bound = {op.index for op in problem.ops if op.is_running}
    for wish in wishes(problem):
        if wish.ref in refused:
            found: Pin | Reason = Reason("unplaced", "the rest of the order would find no place")
        elif wish.ref in services:
            found = Reason("service", "a preventive task has no other place")
        elif wish.ref >= 0:
            found = _operation(plan, wish, bound)
        else:
            found = _task(plan, wish)
        if isinstance(found, Pin):
            plan.put_pin(found)
            pins.append(found)
            bound.add(wish.ref)
        late = isinstance(found, Reason) or abs(found.work - wish.start) > ROUNDING
        if late and wish.start >= 0:
            unkept.append(_unkept(problem, wish, _why(plan, wish, found)))
    return pins, unkept


def wishes(problem: Problem) -> list[Wish]:
    """What the window freezes, by planned start; running operations go on anyway."""
    last = problem.demands.freeze
    found = [
        Wish(op.planned[1], op.planned[0], op.index)
        for op in problem.ops
        if op.planned and -MOVED_MINUTES <= op.planned[1] < last
    ]
    found += [w for w in _planned_tasks(problem) if -MOVED_MINUTES <= w.start < last]
    return sorted(found, key=lambda w: (w.start, w.unit, w.ref))


def _planned_tasks(problem: Problem) -> Iterator[Wish]:
    """The first execution due of each task, where last night's plan has one still to come."""
    assert problem.previous is not None
    shift = problem.horizon.to_minutes(problem.previous.horizon.start)
    index = problem.plant.unit_index
    starts: dict[tuple[int, str], list[float]] = {}
    for s in problem.previous.segments:
        if s.kind == "maintenance" and s.start + shift >= -MOVED_MINUTES:
            key = (index.get(s.work_unit, -1), s.task)
            starts.setdefault(key, []).append(s.start + shift)
    seen = set()
    for i, (due, m) in enumerate(zip(problem.pms, problem.pm_unit, strict=True)):
        key = (m, due.task.id)
        if key in starts and key not in seen:
            seen.add(key)
            start = min(starts[key])
            if start <= due.latest + MOVED_MINUTES:
                yield Wish(start, m, ~i)


# --- operations ---


def _operation(plan: Plan, wish: Wish, bound: set[int]) -> Pin | Reason:
    """An operation where it was planned, or as soon after as its unit and batch allow."""
    problem = plan.problem
    op = problem.ops[wish.ref]
    choice = next((c for c in op.choices if c.unit == wish.unit), None)
    if choice is None:
        return Reason("cannot", "its work unit cannot do it any more")
    before = problem.jobs[op.job].ops[op.step - 1] if op.step else -1
    if before >= 0 and before not in bound:
        name = problem.plant.operation_ids[problem.ops[before].operation]
        return Reason("late_batch", f"{name} of the order is not done by then")
    fit = _on_time(plan, choice, wish) or plan.fit(
        choice, len(plan.items[choice.unit]), max(plan.available(op.index), wish.start, 0.0)
    )
    if fit is None or fit.end > problem.end:
        return Reason("closed", "its work unit has no such open time left")
    if fit.work - wish.start > MOVED_MINUTES:
        return _holdup(plan, wish, choice)
    wait = plan.wait_of(op.index, fit.work)
    if wait and wait.end > wait.begin and not plan.has_room(op.index, wait):
        return Reason("no_room", "the buffer before it is full")
    return Pin(op.index, fit.start, fit.work, fit.end, choice, fit.setup)


def _on_time(plan: Plan, choice: Choice, wish: Wish) -> Fit | None:
    """The place whose work begins at the very minute, after whatever setup it now needs."""
    problem, m = plan.problem, choice.unit
    unit, position = problem.units[m], len(plan.items[m])
    shift = problem.shifts[unit.shift]
    if wish.start < 0 or shift.next_open(wish.start) != wish.start:
        return None
    setup = unit.setup_minutes[plan.key_before(m, position)][choice.key]
    begin = plan.begin_for(m, wish.start, setup)
    if begin < max(plan.available(wish.ref), plan.free_from(m, position)):
        return None
    end = shift.end_of(wish.start, choice.minutes)
    return Fit(choice, position, begin, wish.start, end, setup) if end < inf else None


def _holdup(plan: Plan, wish: Wish, choice: Choice) -> Reason:
    """What keeps an operation from its start: batch, unit, or what precedes it there."""
    problem, m = plan.problem, choice.unit
    unit, items = problem.units[m], plan.items[m]
    local = problem.horizon.local
    if wish.start < 0:
        return Reason("late_start", "it was to start before the cut-off and has not")
    setup = unit.setup_minutes[plan.key_before(m, len(items))][choice.key]
    begin = plan.begin_for(m, wish.start, setup)
    there = plan.available(wish.ref)
    free = plan.free_from(m, len(items))
    if max(there, free) <= 0:
        return Reason("setup", f"its setup takes {setup:.0f} min from the cut-off")
    if there > begin and there >= free:
        return Reason("late_batch", f"its batch is there at {local(there):%a %H:%M}")
    if free > begin and items:
        return Reason("unit_busy", f"{_name(plan, items[-1][2])} is there until "
                      f"{local(items[-1][1]):%a %H:%M}")  # fmt: skip
    if free > begin and unit.ready <= 0:
        return Reason("setup", f"{unit.id} is off and warms up until {local(free):%a %H:%M}")
    if free > begin:
        return Reason("unit_down", f"{unit.id} is not ready before {local(free):%a %H:%M}")
    return Reason("closed", f"{unit.id} is not open then")


def _name(plan: Plan, ref: int) -> str:
    problem = plan.problem
    if ref < 0:
        return f"maintenance {problem.pms[~ref].task.id}"
    op = problem.ops[ref]
    return f"{problem.plant.operation_ids[op.operation]} of order {problem.jobs[op.job].order}"


# --- maintenance ---


def _task(plan: Plan, wish: Wish) -> Pin | Reason:
    """A task where it was planned, or as soon after as unit and crew allow."""
    problem, i = plan.problem, ~wish.ref
    due = problem.pms[i]
    unit = problem.units[wish.unit]
    earliest = max(wish.start, unit.ready, 0.0, *(end for _, end, _ in plan.items[unit.index]))
    start = _crew_time(plan, i, earliest)
    if start - wish.start > MOVED_MINUTES:
        if earliest > wish.start:
            items = plan.items[unit.index]
            what = _name(plan, items[-1][2]) if items else "a repair"
            excuse: Excuse = "unit_busy" if items else "unit_down"
            return Reason(excuse, f"{what} is on {unit.id} then")
        return Reason("crew", f"crew {due.task.crew} is off duty or busy then")
    if not due.earliest - ROUNDING <= start <= due.latest + ROUNDING:
        return Reason("not_due", "it would be outside its window")
    return Pin(wish.ref, start, start, start + due.task.duration)


def _crew_time(plan: Plan, pm: int, begin: float) -> float:
    """First minute at or after ``begin`` at which unit and crew are free for a task."""
    problem = plan.problem
    shift = problem.shifts[problem.crew_shift[problem.pms[pm].task.crew]]
    while begin < inf:
        begin = shift.next_open(float(ceil(begin - ROUNDING)))
        later = next_free(plan, pm, begin) if begin < inf else inf
        if later <= begin:
            return begin
        begin = later
    return inf


# --- what is said ---


def _why(plan: Plan, wish: Wish, found: Pin | Reason) -> Reason:
    """The reason of a release, or of a start put off."""
    if isinstance(found, Reason):
        return found
    late = f"{found.work - wish.start:.0f} min later: "
    before = plan.copy()
    for items in before.items:
        items[:] = [item for item in items if item[2] != found.ref]
    reason = _put_off(before, wish, found)
    return Reason(reason.excuse, late + reason.words)


def _put_off(plan: Plan, wish: Wish, pin: Pin) -> Reason:
    if pin.choice is not None:
        return _holdup(plan, wish, pin.choice)
    items = plan.items[wish.unit]
    if items and items[-1][1] > wish.start:
        return Reason("unit_busy", f"{_name(plan, items[-1][2])} is there until "
                      f"{plan.problem.horizon.local(items[-1][1]):%a %H:%M}")  # fmt: skip
    if plan.problem.units[wish.unit].ready > wish.start:
        return Reason("unit_down", "its work unit is under repair")
    return Reason("crew", f"crew {plan.problem.pms[~pin.ref].task.crew} is off duty or busy then")


def _unkept(problem: Problem, wish: Wish, reason: Reason) -> Unkept:
    if wish.ref < 0:
        due = problem.pms[~wish.ref]
        return Unkept(wish.start, due.work_unit, reason.excuse, reason.words, task=due.task.id)
    op = problem.ops[wish.ref]
    planned = problem.plant.unit_ids[wish.unit] if wish.unit >= 0 else "?"
    return Unkept(
        wish.start, planned, reason.excuse, reason.words,
        order=problem.jobs[op.job].order, operation=problem.plant.operation_ids[op.operation],
    )  # fmt: skip
