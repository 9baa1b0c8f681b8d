"""That all machines keep one order of jobs, as rows of the programme that are added when violated.

If job i has started on a machine by t, then it goes before j, or j has ended there by t:

    Σ_{s ≤ t} x_ims ≤ z_ij + Σ_{s ≤ t − p_jm} x_jms,     z_ji = 1 − z_ij,

and no three jobs go round in a circle: z_ij + z_jk + z_ki ≤ 2 (linear ordering; Grötschel, Jünger
and Reinelt, 1984).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from solvers.flow_shop.programme import INFINITY, Programme

LEAST_VIOLATION = 1e-3
MOST_ROWS = 500
"""Added at once, the most violated first."""

Row = tuple[float, float, dict[int, float]]
"""lower ≤ Σ value·x ≤ upper, values by column."""


def violated(programme: Programme, values: list[float]) -> list[Row]:
    """The rows that a solution of the relaxation violates most; none if it keeps one order."""
    found = [*_pairs(programme, values), *_circles(programme, values)]
    found.sort(key=lambda item: -item[0])
    return [row for _, row in found[:MOST_ROWS]]


def _pairs(programme: Programme, values: list[float]) -> Iterator[tuple[float, Row]]:
    """Of each pair and machine the slot whose row is violated most."""
    shop = programme.shop
    for machine in range(shop.machines):
        jobs = [job for job in range(shop.jobs) if (job, machine) in programme.starts]
        started = {job: _started(programme, values, job, machine) for job in jobs}
        for job in jobs:
            for other in jobs:
                if job == other:
                    continue
                is_before = _is_before(programme, values, job, other)
                time = shop.processing_time[other][machine]
                ended = [0.0] * time + started[other]
                excess = [
                    own - is_before - end for own, end in zip(started[job], ended, strict=False)
                ]
                slot = max(range(shop.slots), key=excess.__getitem__)
                if excess[slot] > LEAST_VIOLATION:
                    yield excess[slot], _pair_row(programme, machine, job, other, slot)


def _started(programme: Programme, values: list[float], job: int, machine: int) -> list[float]:
    """(T,) how much of an operation has started by each slot."""
    total = 0.0
    started = []
    for slot in range(programme.shop.slots):
        column = programme.column.get((job, machine, slot))
        if column is not None:
            total += values[column]
        started.append(total)
    return started


def _is_before(programme: Programme, values: list[float], job: int, other: int) -> float:
    if job < other:
        return values[programme.before[job, other]]
    return 1.0 - values[programme.before[other, job]]


def _pair_row(programme: Programme, machine: int, job: int, other: int, slot: int) -> Row:
    entries: dict[int, float] = {}
    for start in programme.starts[job, machine]:
        if start <= slot:
            entries[programme.column[job, machine, start]] = 1.0
    for start in programme.starts[other, machine]:
        if start + programme.shop.processing_time[other][machine] <= slot:
            entries[programme.column[other, machine, start]] = -1.0
    upper = _add_before(programme, entries, job, other, -1.0)
    return -INFINITY, upper, entries


def _circles(programme: Programme, values: list[float]) -> Iterator[tuple[float, Row]]:
    for i, j, k in combinations(range(programme.shop.jobs), 3):
        for circle in ((i, j, k), (i, k, j)):
            steps = [*zip(circle, (*circle[1:], circle[0]), strict=True)]
            excess = sum(_is_before(programme, values, a, b) for a, b in steps) - 2.0
            if excess > LEAST_VIOLATION:
                entries: dict[int, float] = {}
                upper = 2.0
                for a, b in steps:
                    upper += _add_before(programme, entries, a, b, 1.0)
                yield excess, (-INFINITY, upper, entries)


def _add_before(
    programme: Programme, entries: dict[int, float], job: int, other: int, value: float
) -> float:
    """Add value · z_(job, other) to a row; what its upper side changes by."""
    if job < other:
        entries[programme.before[job, other]] = value
        return 0.0
    entries[programme.before[other, job]] = -value
    return -value
