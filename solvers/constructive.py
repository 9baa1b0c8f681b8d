"""A plan is always found: preventive tasks first, then each order at the first place that fits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from math import ceil, inf

import numpy as np

from solvers.plan import Fit, Plan
from solvers.problem import Problem
from twin.errors import Infeasible

Rank = Callable[[Plan, int, float, float], Sequence[Fit]]
"""Places for an operation, best first: (plan, operation, start at or after, end at or after)."""
MAX_STEPS = 12
"""Attempts per operation to make a wait fit into a buffer."""


def construct(problem: Problem, sequence: Iterable[int], rank: Rank) -> Plan:
    """A plan with every preventive task, and every order of a sequence for which there is time."""
    plan = Plan(problem)
    place_maintenance(plan)
    for job in sequence:
        place_order(plan, job, rank)
    for job in plan.unplaced():  # a batch that held a buffer may have left it since
        place_order(plan, job, rank)
    return plan


def by_due_date(problem: Problem) -> list[int]:
    """Orders by due date; those already begun go first, to make room in the buffers they are in."""
    return [j.index for j in sorted(problem.jobs, key=lambda j: (not j.is_begun, j.aim, j.index))]


def by_slack(problem: Problem) -> list[int]:
    """Orders by the time to spare between now, the work they need and their due date."""
    return [
        j.index
        for j in sorted(
            problem.jobs,
            key=lambda j: (not j.is_begun, (j.aim - problem.shortest[j.ops[0]]) / j.weight**0.5),
        )
    ]


def first_free(plan: Plan, op: int, earliest: float, end_after: float) -> list[Fit]:
    """On each eligible unit the first place; the unit that starts soonest first."""
    fits = first_fits(plan, op, earliest, end_after)
    return sorted(fits, key=lambda f: (f.start, f.end, f.choice.unit))


def first_done(plan: Plan, op: int, earliest: float, end_after: float) -> list[Fit]:
    """On each eligible unit the first place; the unit that is done soonest first."""
    fits = first_fits(plan, op, earliest, end_after)
    return sorted(fits, key=lambda f: (f.end, f.start, f.choice.unit))


def first_fits(plan: Plan, op: int, earliest: float, end_after: float) -> list[Fit]:
    """The first place on each eligible unit."""
    found = []
    problem = plan.problem
    for choice in problem.ops[op].choices:
        begin = earliest
        if end_after > earliest:
            shift = problem.shifts[problem.units[choice.unit].shift]
            begin = max(begin, shift.latest_start(end_after, choice.minutes))
        for position in plan.positions(choice.unit, begin, choice.minutes):
            fit = plan.fit(choice, position, begin)
            if fit:
                found.append(fit)
                break
    return found


def place_order(plan: Plan, job: int, rank: Rank) -> bool:
    """Place all operations of an order that neither run nor are frozen; all or none of them.

    A batch that would wait in a full buffer is kept back at the operation before, step by step.
    """
    problem = plan.problem
    ops = [o for o in problem.jobs[job].ops if not problem.ops[o].is_bound]
    end_after = [0.0] * len(ops)
    k, steps = 0, 0
    while k < len(ops):
        op = ops[k]
        fits = rank(plan, op, plan.available(op), end_after[k])
        fit = next((f for f in fits if _fits_buffer(plan, op, f)), None)
        if fit:
            plan.insert(op, fit)
            plan.add_wait(op)
            k += 1
            continue
        steps += 1
        if not fits or k == 0 or steps > MAX_STEPS * len(ops):
            withdraw(plan, ops[:k])
            return False
        begin = _room_from(plan, op, fits)
        k -= 1
        withdraw(plan, [ops[k]])
        end_after[k] = max(begin, end_after[k] + 1)
    return True


def _fits_buffer(plan: Plan, op: int, fit: Fit) -> bool:
    wait = plan.wait_of(op, fit.work)
    return wait is None or wait.end <= wait.begin or plan.has_room(op, wait)


def _room_from(plan: Plan, op: int, fits: Sequence[Fit]) -> float:
    soonest = min(fits, key=lambda f: f.work)
    wait = plan.wait_of(op, soonest.work)
    assert wait is not None
    return plan.room_from(op, wait)


def withdraw(plan: Plan, ops: Iterable[int]) -> list[int]:
    """Take placed operations out; those behind them that have no time for their new setup."""
    units = set()
    for op in ops:
        plan.drop_wait(op)
        units.add(plan.remove(op))
    return [late for m in sorted(units) for late in plan.mend(m)]


# --- preventive maintenance ---


def place_maintenance(plan: Plan) -> None:
    """Every preventive task at its due date, or as near as its unit and crew allow.

    Raises
    ------
    Infeasible
        Naming the task for which its window has no room.
    """
    blocked = blocked_task(plan)
    if blocked is not None:
        raise _no_window(plan, blocked)


def blocked_task(plan: Plan) -> int | None:
    """Place every preventive task that is not frozen; if that fails, one that has no place."""
    problem = plan.problem
    free = [i for i in range(len(problem.pms)) if i not in problem.frozen_tasks]
    by_due = sorted(free, key=lambda i: (problem.pms[i].due, i))
    tightest = sorted(by_due, key=lambda i: problem.pms[i].latest)
    blocked = None
    for sequence in (by_due, tightest):
        blocked = _place_tasks(plan, sequence)
        if blocked is None:
            break
    return blocked


def _place_tasks(plan: Plan, sequence: Sequence[int]) -> int | None:
    """Place tasks in sequence. If one has no place, all are taken out and it is returned."""
    for n, i in enumerate(sequence):
        due = plan.problem.pms[i]
        start = first_window(plan, i, max(due.due, due.earliest))
        if start == inf:
            start = first_window(plan, i, due.earliest)
        if start == inf:
            for done in sequence[:n]:
                remove_task(plan, done)
            return i
        insert_task(plan, i, start)
    return None


def first_window(plan: Plan, pm: int, earliest: float) -> float:
    """First start of a task at or after ``earliest`` that suits its window, unit and crew."""
    problem = plan.problem
    due, m = problem.pms[pm], problem.pm_unit[pm]
    shift = problem.shifts[problem.crew_shift[due.task.crew]]
    begin = max(earliest, due.earliest, problem.units[m].ready)
    while True:
        begin = shift.next_open(float(ceil(begin)) if begin < inf else begin)
        if begin > due.latest:
            return inf
        later = next_free(plan, pm, begin)
        if later <= begin:
            return begin
        begin = later


def next_free(plan: Plan, pm: int, begin: float) -> float:
    """``begin`` if a task can start then, else the next minute at which it might."""
    problem = plan.problem
    due, m = problem.pms[pm], problem.pm_unit[pm]
    end = begin + due.task.duration
    shift = problem.shifts[problem.crew_shift[due.task.crew]]
    i = bisect_right(shift.ends, begin)
    if i == len(shift.ends) or end > problem.end:
        return inf
    if begin < shift.starts[i] or end > shift.ends[i]:
        return shift.starts[i + 1] if i + 1 < len(shift.starts) else inf
    for start, stop, _ in plan.items[m]:
        if start < end and stop > begin:
            return stop
    return _crew_free(plan, pm, begin, end)


def _crew_free(plan: Plan, pm: int, begin: float, end: float) -> float:
    """``begin`` if the crew has people for a task in [begin, end), else when one comes free."""
    problem = plan.problem
    crew = problem.pms[pm].task.crew
    busy = [
        (t, t + other.task.duration)
        for i, (t, other) in enumerate(zip(plan.pm_start, problem.pms, strict=True))
        if i != pm and other.task.crew == crew and t < end and t + other.task.duration > begin
    ]
    size = problem.plant.crew_size[crew]
    for instant in sorted({begin, *(a for a, _ in busy if a > begin)}):
        here = [b for a, b in busy if a <= instant < b]
        if len(here) >= size:
            return min(here)
    return begin


def insert_task(plan: Plan, pm: int, start: float) -> None:
    items = plan.items[plan.problem.pm_unit[pm]]
    items.append((start, start + plan.problem.pms[pm].task.duration, ~pm))
    items.sort()
    plan.pm_start[pm] = start


def remove_task(plan: Plan, pm: int) -> None:
    m = plan.problem.pm_unit[pm]
    plan.items[m] = [item for item in plan.items[m] if item[2] != ~pm]
    plan.pm_start[pm] = inf


def _no_window(plan: Plan, pm: int) -> Infeasible:
    problem = plan.problem
    due, items = problem.pms[pm], plan.items[problem.pm_unit[pm]]
    local = problem.horizon.local
    where = (
        f"replan: {due.work_unit} cannot have its maintenance {due.task.id}: it must start between "
        f"{local(due.earliest):%a %d %b %H:%M} and {local(due.latest):%a %d %b %H:%M} and lasts "
        f"{due.task.duration:g} min"
    )
    hours = problem.plant.crew_open[due.task.crew]
    starts, lasts = np.maximum(hours.starts, due.earliest), hours.ends - due.task.duration
    if not ((starts <= lasts) & (starts <= due.latest)).any():
        return Infeasible(
            f"{where}, but crew {due.task.crew} is not on duty long enough between; add crew "
            "hours, widen the tolerance, or record the maintenance as done"
        )
    running = [(end, ref) for _, end, ref in items if ref >= 0]  # nothing else is placed yet
    if running and running[-1][0] > due.latest:
        end, op = running[-1]
        order = problem.jobs[problem.ops[op].job].order
        return Infeasible(
            f"{where}, but order {order} is running there until {local(end):%a %d %b %H:%M}; take "
            "the order off, widen the tolerance, or record the maintenance as done"
        )
    return Infeasible(
        f"{where}, and crew {due.task.crew} or {due.work_unit} has no such time left; widen the "
        "tolerance, add crew hours or a person, or record the maintenance as done"
    )
