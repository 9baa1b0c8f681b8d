"""The time-indexed programme of a flow shop of several machines.

==========  =====================================================================
Columns     Meaning
==========  =====================================================================
x_jmt       1 if job j starts on machine m in slot t; only starts that can be better
e_t         power from the grid in slot t [kW], where it may need saying
z_ij        1 if job i goes before job j on all machines, i < j
==========  =====================================================================

Rows: every operation starts once; a machine has one job at a time; an operation has started by t
only if the one before it had by t less its processing time (each slot a row, which is stronger than
one row of start times; Christofides, Alvarez-Valdes and Tamarit, 1987); e_t + generation_t is at
least the power drawn. Where the site makes nothing, or the rate is negative, the cost is that of
the operations themselves. That all machines keep one order takes a row for each pair, machine and
slot; :mod:`~solvers.flow_shop.ordering` adds those that are violated. Without them all, the answer
is a bound and need not be a plan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from solvers.flow_shop.problem import FlowShop

PossibleStarts = dict[tuple[int, int], list[int]]
"""Of each operation (job, machine), the starts to choose from, ascending."""
WATT = 1e-3
"""Powers are in kW in the rows, so that their entries are near 1."""
INFINITY = float("inf")


@dataclass
class Rows:
    """Sparse rows lower ≤ Σ value·x ≤ upper, as they are added."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    begin: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def add(self, lower: float, upper: float, entries: dict[int, float]) -> None:
        self.lower.append(lower)
        self.upper.append(upper)
        self.begin.append(len(self.column))
        self.column.extend(entries)
        self.value.extend(entries.values())


class Programme:
    """Columns and rows of a shop in which operations start in given slots only."""

    def __init__(self, shop: FlowShop, starts: PossibleStarts) -> None:
        self.shop = shop
        self.starts = {o: own for o, own in starts.items() if shop.processing_time[o[0]][o[1]] > 0}
        places = [(*operation, t) for operation, own in self.starts.items() for t in own]
        self.column = {place: number for number, place in enumerate(places)}
        self.is_charged = [
            rate >= 0 and own > 0 for rate, own in zip(shop.rate, shop.generation, strict=True)
        ]
        """Slots whose draw from the grid is a column."""
        self.draw: dict[int, int] = {}
        for slot, is_charged in enumerate(self.is_charged):
            if is_charged:
                self.draw[slot] = len(self.column) + len(self.draw)
        self.before: dict[tuple[int, int], int] = {}
        first_pair = len(self.column) + len(self.draw)
        for job in range(shop.jobs):
            for other in range(job + 1, shop.jobs):
                self.before[job, other] = first_pair + len(self.before)
        self.cost = self._costs()
        self.rows = Rows()
        self._start_once()
        self._one_at_a_time()
        self._in_turn()
        self._draw_from_grid()

    def _costs(self) -> list[float]:
        shop = self.shop
        costs = []
        for job, machine, start in self.column:
            slots = enumerate(shop.power[job][machine], start)
            costs.append(sum(shop.rate[t] * p for t, p in slots if not self.is_charged[t]))
        return costs + [shop.rate[slot] / WATT for slot in self.draw] + [0.0] * len(self.before)

    def is_choice(self, column: int) -> bool:
        """Whether a column is 0 or 1."""
        return not len(self.column) <= column < len(self.column) + len(self.draw)

    def _start_once(self) -> None:
        for (job, machine), own in self.starts.items():
            self.rows.add(1.0, 1.0, {self.column[job, machine, t]: 1.0 for t in own})

    def _one_at_a_time(self) -> None:
        busy: dict[tuple[int, int], dict[int, float]] = {}
        for (job, machine, start), column in self.column.items():
            for slot in range(start, start + self.shop.processing_time[job][machine]):
                busy.setdefault((machine, slot), {})[column] = 1.0
        for entries in busy.values():
            if len(entries) > 1:
                self.rows.add(-INFINITY, 1.0, entries)

    def _in_turn(self) -> None:
        """Precedence between the operations of a job that take time."""
        for job in range(self.shop.jobs):
            route = [m for m in range(self.shop.machines) if (job, m) in self.starts]
            for before, after in pairwise(route):
                self._precede(job, before, after)

    def _precede(self, job: int, before: int, after: int) -> None:
        time = self.shop.processing_time[job][before]
        first, second = self.starts[job, before], self.starts[job, after]
        entries: dict[int, float] = {}
        waiting = list(first)
        for slot in second:
            entries[self.column[job, after, slot]] = 1.0
            while waiting and waiting[0] + time <= slot:
                entries[self.column[job, before, waiting.pop(0)]] = -1.0
            if waiting:
                self.rows.add(-INFINITY, 0.0, entries)

    def _draw_from_grid(self) -> None:
        powers: dict[int, dict[int, float]] = {slot: {} for slot in self.draw}
        for (job, machine, start), column in self.column.items():
            for slot, power in enumerate(self.shop.power[job][machine], start):
                if slot in powers:
                    powers[slot][column] = -WATT * power
        for slot, entries in powers.items():
            own = -WATT * self.shop.generation[slot]
            self.rows.add(own, INFINITY, {self.draw[slot]: 1.0, **entries})
