"""What each work unit does under a plan: its stretches of setup, work, standby and warm-up.

Between two operations a unit that warms up is either kept in standby throughout or switched off and
warmed up just in time. Other units are off whenever they do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from solvers.plan import Plan
from solvers.problem import Problem
from twin.model.schedule import Kind

Stretch = tuple[float, float, Kind, int]
"""Start, end, what, and the operation's index or the complement of a maintenance task's."""
EPSILON = 1e-9
MOST_BLOCKS = 100_000
"""Blocks remembered before all are forgotten."""


@dataclass(frozen=True)
class Gap:
    """Idle time of a unit that warms up, before an operation."""

    unit: int
    op: int
    """The operation that ends it."""
    free: tuple[tuple[float, float], ...]
    """Its stretches outside maintenance."""
    can_stay: bool
    """Warm when it begins."""

    @property
    def end(self) -> float:
        return self.free[-1][1]

    def can_switch(self, startup: float) -> bool:
        """Whether there is time to warm up after the last maintenance in it."""
        begin, end = self.free[-1]
        return end - begin >= startup - EPSILON


Decide = Callable[[Gap], bool]
"""Whether to switch off in a gap where both ways are open."""


def gaps(plan: Plan, m: int) -> Iterator[Gap]:
    """Idle times of a unit before each of its operations, also those of no length."""
    unit = plan.problem.units[m]
    at, warm = unit.ready, unit.is_on
    free: list[tuple[float, float]] = []
    for start, end, ref in plan.items[m]:
        free.append((at, start))
        at = end
        if ref >= 0:
            yield Gap(m, ref, tuple(free), warm)
            free, warm = [], True


def stretches(plan: Plan, m: int, decide: Decide) -> list[Stretch]:
    """All that a unit does, in time order; what is left out is spent off."""
    unit = plan.problem.units[m]
    idle = {gap.op: gap for gap in gaps(plan, m)} if unit.startup > 0 else {}
    found: list[Stretch] = []
    for start, end, ref in plan.items[m]:
        if ref < 0:
            found.append((start, end, "maintenance", ref))
            continue
        if idle:
            found += _idle(idle[ref], unit.startup, decide)
        found += block(plan.problem, m, ref, start, plan.work[ref], end, plan.setup[ref])
    if idle:
        found.sort()
    return found


def _idle(gap: Gap, startup: float, decide: Decide) -> list[Stretch]:
    if is_switched(gap, startup, decide):
        return [(gap.end - startup, gap.end, "startup", gap.op)]
    return [(a, b, "standby", gap.op) for a, b in gap.free if b - a > EPSILON]


def is_switched(gap: Gap, startup: float, decide: Decide) -> bool:
    """Whether the unit is off in a gap: by need, or by choice."""
    if not gap.can_stay:
        return True
    return gap.can_switch(startup) and decide(gap)


def block(
    problem: Problem, m: int, op: int, start: float, work: float, end: float, setup: float
) -> list[Stretch]:
    """Setup and work of an operation; a unit that warms up stands by while it is off shift.

    Remembered, for a search asks again and again; not to be changed by the caller.
    """
    key = (m, op, start, work, end, setup)
    found = problem.blocks.get(key)
    if found is None:
        if len(problem.blocks) >= MOST_BLOCKS:
            problem.blocks.clear()
        problem.blocks[key] = found = _block(problem, *key)
    return found


def _block(
    problem: Problem, m: int, op: int, start: float, work: float, end: float, setup: float
) -> list[Stretch]:
    unit = problem.units[m]
    shift = problem.shifts[unit.shift]
    found: list[Stretch] = []
    if work > start:
        found += [(a, b, "setup", op) for a, b in shift.pieces(start, shift.end_of(start, setup))]
    found += [(a, b, "work", op) for a, b in shift.pieces(work, end)]
    if unit.startup > 0:
        pauses = [(a[1], b[0]) for a, b in pairwise(found) if b[0] - a[1] > EPSILON]
        found += [(a, b, "standby", op) for a, b in pauses]
    return found
