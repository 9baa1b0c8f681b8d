"""Proves by counting that some orders cannot all be made, and names them.

Between two slots a line can work in its open slots and no longer. If the orders that have to be
made between them, and can be made on no other lines, need more, they are in conflict. That is
proof; where nothing is found, nothing is said: the orders may fit or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from solvers.lines.problem import LineProblem, Order, Way

MOST_LINE_SETS = 200


@dataclass(frozen=True)
class Conflict:
    """Orders that need more slots than there are."""

    orders: tuple[int, ...]
    lines: tuple[int, ...]
    start: int
    end: int
    """Between these slots the orders have to be made."""
    needed: int
    """Slots."""
    open: int

    def told(self, problem: LineProblem) -> str:
        """In words."""
        orders = ", ".join(problem.orders[j].id for j in self.orders)
        lines = ", ".join(problem.lines[n].id for n in self.lines)
        hours = problem.slot_hours
        return (
            f"between slots {self.start} and {self.end} orders {orders} need"
            f" {self.needed * hours:g} h on {lines} and {self.open * hours:g} h are open;"
            " move a deadline or add a shift"
        )


def conflict_of(problem: LineProblem) -> Conflict | None:
    """The smallest conflict that counting finds, or None."""
    return min(conflicts_of(problem), key=lambda c: (len(c.orders), c.end - c.start), default=None)


def conflicts_of(problem: LineProblem) -> Iterator[Conflict]:
    """Orders without any place of their own, then sets of orders in windows too small for them."""
    places = [_places(problem, order) for order in problem.orders]
    for j, order in enumerate(problem.orders):
        if not places[j]:
            lines = tuple(sorted(way.line for way in order.ways))
            needed = min((way.slots for way in order.ways), default=0)
            yield Conflict((j,), lines, order.release, _deadline(problem, order), needed, 0)
    if all(places):
        for lines in _line_sets(places):
            yield from _overfull(problem, lines, places)


Place = tuple[int, int, int, int]
"""Of an order on a line: line, slots, first start, last end."""


def _places(problem: LineProblem, order: Order) -> list[Place]:
    """Where an order can be made if it were alone."""
    found = []
    for way in order.ways:
        starts = _starts(problem, order, way)
        if len(starts):
            found.append((way.line, way.slots, int(starts[0]), int(starts[-1]) + way.slots))
    return found


def _starts(problem: LineProblem, order: Order, way: Way) -> np.ndarray:
    """Slots in which an order may start on a line."""
    line = problem.lines[way.line]
    if order.is_frozen and order.planned is not None:
        asked = [order.planned[1]] if order.planned[0] == way.line else []
    else:
        first = max(order.release, line.ready)
        asked = list(range(first, _deadline(problem, order) - way.slots + 1))
    worked = np.concatenate(([0], np.cumsum(line.is_open)))
    return np.array([t for t in asked if worked[t + way.slots] - worked[t] == way.slots], dtype=int)


def _deadline(problem: LineProblem, order: Order) -> int:
    return problem.slots if order.deadline is None else min(order.deadline, problem.slots)


def _line_sets(places: Iterable[list[Place]]) -> list[tuple[int, ...]]:
    """Sets of lines that some orders are confined to, and unions of these, the smallest first."""
    sets = {frozenset(line for line, *_ in place) for place in places}
    for one in sorted(sets, key=sorted):
        if len(sets) < MOST_LINE_SETS:
            sets |= {one | other for other in sets}
    return sorted((tuple(sorted(s)) for s in sets), key=lambda s: (len(s), s))


def _overfull(
    problem: LineProblem, lines: tuple[int, ...], places: list[list[Place]]
) -> Iterator[Conflict]:
    """Windows in which the orders that only these lines can make need more than is open."""
    confined = [
        (min(p[2] for p in place), max(p[3] for p in place), min(p[1] for p in place), j)
        for j, place in enumerate(places)
        if {p[0] for p in place} <= set(lines)
    ]
    worked = np.zeros(problem.slots + 1, dtype=int)
    for n in lines:
        line = problem.lines[n]
        ready = np.arange(problem.slots) >= line.ready
        worked[1:] += np.cumsum(line.is_open.astype(bool) & ready)
    for start in sorted({first for first, *_ in confined}):
        inside = sorted(c for c in confined if c[0] >= start)
        for end in sorted({last for _, last, *_ in inside}):
            needs = {j: slots for _, last, slots, j in inside if last <= end}
            is_open = int(worked[end] - worked[start])
            if sum(needs.values()) > is_open:
                orders = _fewest(needs, is_open)
                needed = sum(needs[j] for j in orders)
                yield Conflict(orders, lines, start, end, needed, is_open)
                return


def _fewest(needs: dict[int, int], is_open: int) -> tuple[int, ...]:
    """So many of the longest orders that they no longer fit."""
    chosen, needed = [], 0
    for j in sorted(needs, key=lambda j: (-needs[j], j)):
        chosen.append(j)
        needed += needs[j]
        if needed > is_open:
            break
    return tuple(sorted(chosen))
