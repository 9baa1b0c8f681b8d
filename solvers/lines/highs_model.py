"""The mixed-integer programme of a site, handed to HiGHS as the columns of one sparse matrix.

The same programme as :mod:`solvers.lines.model`, which is the readable one, built for speed and
with what need not be said left out: where own generation cannot exceed the base load, the import
is linear in the arcs, so energy is a cost of the arcs and the slot has no variable of its own.

==============  ========================================================================
Columns         Meaning
==============  ========================================================================
y_a             how many of the lines of a class use arc a
g_t, s_t        import and sale in a *surplus* slot, where there may be a sale [kW]
z_t             1 if a surplus slot sells; only where selling pays more than buying costs
K               peak import [kW], at least the one incurred
==============  ========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from solvers.lines.network import (
    ORDER,
    TASK,
    LineClasses,
    Network,
    OrderClasses,
    Whole,
    line_classes,
    line_network,
    order_classes,
    single_orders,
    spread,
)
from solvers.lines.problem import NEVER, LineProblem
from twin.model.horizon import Array

INFINITY = float("inf")


@dataclass(frozen=True, eq=False)
class Programme:
    """Minimise cost·x + offset with row_lower ≤ A·x ≤ row_upper, lower ≤ x ≤ upper."""

    cost: Array
    lower: Array
    upper: Array
    is_integer: Whole
    row_lower: Array
    row_upper: Array
    a_start: Whole
    """(columns + 1,): entries of column j are ``a_start[j]`` up to ``a_start[j + 1]``."""
    a_row: Whole
    a_value: Array
    offset: float

    @property
    def columns(self) -> int:
        return len(self.cost)

    @property
    def rows(self) -> int:
        return len(self.row_lower)


@dataclass(frozen=True, eq=False)
class Rows:
    """One family of constraints: lower ≤ Σ value·x[column] ≤ upper, row by row."""

    lower: Array
    upper: Array
    row: Whole
    column: Whole
    value: Array


class SiteModel:
    """Names of the columns, and the costs and rows of a site's programme."""

    def __init__(
        self,
        problem: LineProblem,
        networks: list[Network],
        classes: OrderClasses,
        lines: LineClasses,
    ) -> None:
        self.problem, self.networks, self.classes = problem, networks, classes
        self.lines = lines
        """Lines of each network; they are alike."""
        self.first_arc = np.concatenate(([0], np.cumsum([n.arcs for n in networks], dtype=int)))
        """Column of the first arc of each line."""
        site = problem.site
        self.idle_net = np.asarray(site.base_kw - site.generation_kw, dtype=float)
        """(T,) import of the idle site; negative where it sells [kW]."""
        extremes = [_extreme_powers(n) for n in networks]
        self.least_kw = sum(len(c) * kw for c, (kw, _) in zip(lines, extremes, strict=True))
        self.most_kw = sum(len(c) * kw for c, (_, kw) in zip(lines, extremes, strict=True))
        """Between these is the power of all lines together [kW]."""
        self.surplus = np.flatnonzero(self.idle_net + self.least_kw < 0)
        """Slots in which the site may sell."""
        self.is_surplus = np.zeros(problem.slots, dtype=bool)
        self.is_surplus[self.surplus] = True
        rate = site.rate[self.surplus]
        self.twofold = self.surplus[rate < site.feed_in_per_kwh]
        """Surplus slots in which selling pays more than buying costs."""
        self.lowest_peak = max(site.peak_incurred_kw, float(self.idle_net.max(initial=0.0)))
        self.has_peak = site.demand_charge_per_kw > 0 and self.lowest_peak < site.contract_kw
        sizes = [int(self.first_arc[-1]), *[len(self.surplus)] * 2, len(self.twofold)]
        self.imports, self.sales, self.sells, self.peak = (int(x) for x in np.cumsum(sizes))
        self.columns = self.peak + int(self.has_peak)

    # --- what the columns are ---

    def programme(self) -> Programme:
        rows = list(self.rows())
        first = np.cumsum([0, *(len(r.lower) for r in rows)])
        shape = (int(first[-1]), self.columns)
        row = np.concatenate([r.row + n for r, n in zip(rows, first, strict=False)], dtype=np.int32)
        column = np.concatenate([r.column for r in rows], dtype=np.int32)
        value = np.concatenate([r.value for r in rows])
        matrix = sparse.coo_array((value, (row, column)), shape).tocsc()
        lower, upper = self.bounds()
        return Programme(
            cost=self.cost(),
            lower=lower,
            upper=upper,
            is_integer=self.is_integer(),
            row_lower=np.concatenate([r.lower for r in rows]),
            row_upper=np.concatenate([r.upper for r in rows]),
            a_start=matrix.indptr,
            a_row=matrix.indices,
            a_value=matrix.data,
            offset=self.offset(),
        )

    def cost(self) -> Array:
        """(columns,) [currency]"""
        site, hours = self.problem.site, self.problem.slot_hours
        cost = np.zeros(self.columns)
        per_kw = np.where(self.is_surplus, 0.0, site.rate * hours)
        for network, first in zip(self.networks, self.first_arc, strict=False):
            cost[first : first + network.arcs] = network.fixed + network.energy_cost(per_kw)
        cost[self.imports : self.sales] = site.rate[self.surplus] * hours
        cost[self.sales : self.sells] = -site.feed_in_per_kwh * hours
        if self.has_peak:
            cost[self.peak] = site.demand_charge_per_kw
        return cost

    def offset(self) -> float:
        """What the costs leave out: the idle site in surplus slots, the peak incurred."""
        site, net = self.problem.site, self.idle_net[self.surplus]
        bought = site.rate[self.surplus] * np.maximum(net, 0.0)
        sold = site.feed_in_per_kwh * np.maximum(-net, 0.0)
        peak = -site.peak_incurred_kw
        if not self.has_peak:
            peak += self.lowest_peak
        idle = float((sold - bought).sum()) * self.problem.slot_hours
        return idle + site.demand_charge_per_kw * peak

    def bounds(self) -> tuple[Array, Array]:
        """(columns,) least and greatest value of each column."""
        lower, upper = np.zeros(self.columns), np.ones(self.columns)
        for network, first, alike in zip(self.networks, self.first_arc, self.lines, strict=False):
            upper[first : first + network.arcs] = len(alike)
        upper[self.imports : self.sells] = INFINITY
        upper[self.imports : self.sales] = self.problem.site.contract_kw
        if self.has_peak:
            lower[self.peak], upper[self.peak] = self.lowest_peak, self.problem.site.contract_kw
        return lower, upper

    def is_integer(self) -> Whole:
        whole = np.ones(self.columns, dtype=bool)
        whole[self.imports : self.sells] = False
        whole[self.peak :] = False
        return whole

    # --- families of rows ---

    def rows(self) -> Iterator[Rows]:
        for network, first, alike in zip(self.networks, self.first_arc, self.lines, strict=False):
            yield flow(network, int(first), len(alike))
        yield self.made()
        yield self.done()
        yield from self.crews()
        yield from self.site()
        yield from self.carbon()

    def made(self) -> Rows:
        """Every class of orders is made as often as it has orders."""
        counts = np.array([len(members) for members in self.classes], dtype=float)
        return self._counted(ORDER, counts)

    def done(self) -> Rows:
        """Every task is done once."""
        return self._counted(TASK, np.ones(len(self.problem.tasks)))

    def _counted(self, kind: int, counts: Array) -> Rows:
        columns = [np.flatnonzero(n.kind == kind) for n in self.networks]
        row = np.concatenate([n.index[c] for n, c in zip(self.networks, columns, strict=True)])
        column = np.concatenate(
            [c + first for c, first in zip(columns, self.first_arc, strict=False)]
        )
        return Rows(counts, counts, row, column, np.ones(len(row)))

    def crews(self) -> Iterator[Rows]:
        """No crew does more tasks at a time than it can, in slots where it might."""
        for crew, size in enumerate(self.problem.site.crews):
            own = [t.crew == crew for t in self.problem.tasks]
            slot, column = self._busy(np.array(own, dtype=bool))
            possible = np.bincount(slot, minlength=self.problem.slots)
            yield _some_rows(
                np.flatnonzero(possible > size), slot, column, np.ones(len(slot)), -INFINITY, size
            )

    def _busy(self, is_own: Whole) -> tuple[Whole, Whole]:
        """Slot and column of every slot of every arc of some tasks."""
        slots, columns = [np.zeros(0, dtype=int)], [np.zeros(0, dtype=int)]
        for network, first in zip(self.networks, self.first_arc, strict=False):
            arcs = np.flatnonzero(network.kind == TASK)
            arcs = arcs[is_own[network.index[arcs]]]
            slot, which = spread(network.start[arcs], network.start[arcs] + network.length[arcs])
            slots.append(slot)
            columns.append(arcs[which] + first)
        return np.concatenate(slots), np.concatenate(columns)

    def site(self) -> Iterator[Rows]:
        """Import and sale in surplus slots, peak and contract in all."""
        if len(self.surplus):
            yield self.balance()
            yield self.one_direction()
        if self.has_peak:
            yield self.peaks()
        elif self.problem.site.contract_kw < NEVER:
            yield self.contract()

    def balance(self) -> Rows:
        """What a surplus slot draws beyond its generation is imported, or the negative sold."""
        slot, column, kw = self._powers
        ones = np.ones(len(self.surplus))
        return _some_rows(
            self.surplus,
            np.concatenate((slot, self.surplus, self.surplus)),
            np.concatenate((column, self._imports, self._imports + len(self.surplus))),
            np.concatenate((kw, -ones, ones)),
            -self.idle_net,
            -self.idle_net,
        )

    def one_direction(self) -> Rows:
        """Where selling pays more than buying costs, a slot does one or the other."""
        count = len(self.twofold)
        at = np.searchsorted(self.surplus, self.twofold)
        sells, row = self.sells + np.arange(count), np.arange(count)
        buys = np.maximum(self.idle_net[self.twofold] + self.most_kw, 0.0)
        most_sold = -(self.idle_net[self.twofold] + self.least_kw)
        return Rows(
            np.full(2 * count, -INFINITY),
            np.concatenate((buys, np.zeros(count))),
            np.concatenate((row, row, count + row, count + row)),
            np.concatenate((self.imports + at, sells, self.sales + at, sells)),
            np.concatenate((np.ones(count), buys, np.ones(count), -most_sold)),
        )

    def peaks(self) -> Rows:
        """The peak is at least every slot's import."""
        slot, column, kw = self._powers
        if len(self.surplus):
            is_plain = ~self.is_surplus[slot]
            slot = np.concatenate((slot[is_plain], self.surplus))
            column = np.concatenate((column[is_plain], self._imports))
            kw = np.concatenate((kw[is_plain], np.ones(len(self.surplus))))
        every = np.arange(self.problem.slots)
        return _some_rows(
            every,
            np.concatenate((slot, every)),
            np.concatenate((column, np.full(len(every), self.peak))),
            np.concatenate((kw, -np.ones(len(every)))),
            -INFINITY,
            np.where(self.is_surplus, 0.0, -self.idle_net),
        )

    def contract(self) -> Rows:
        """No slot imports more than the contract; in surplus slots the import is bounded itself."""
        most = self.problem.site.contract_kw - self.idle_net
        return _some_rows(np.flatnonzero(~self.is_surplus), *self._powers, -INFINITY, most)

    @property
    def _imports(self) -> Whole:
        """Columns of the imports of the surplus slots."""
        return self.imports + np.arange(len(self.surplus))

    @cached_property
    def _powers(self) -> tuple[Whole, Whole, Array]:
        """Slot, column and power [kW] of every slot of every run."""
        slots, columns, powers = [], [], []
        for network, first in zip(self.networks, self.first_arc, strict=False):
            slot, run = spread(network.run_begin, network.run_end)
            slots.append(slot)
            columns.append(network.run_arc[run] + first)
            powers.append(network.run_kw[run])
        return np.concatenate(slots), np.concatenate(columns), np.concatenate(powers)

    def carbon(self) -> Iterator[Rows]:
        """The lines add no more carbon than the cap to the idle site's."""
        cap, hours = self.problem.carbon_cap_kg, self.problem.slot_hours
        if cap == NEVER:
            return
        intensity = np.asarray(self.problem.site.carbon_intensity) * hours
        on_arcs = np.where(self.is_surplus, 0.0, intensity)
        value = np.concatenate(
            [*(n.energy_cost(on_arcs) for n in self.networks), intensity[self.surplus]]
        )
        column = np.concatenate(
            (np.arange(self.first_arc[-1]), self.imports + np.arange(len(self.surplus)))
        )
        idle = np.maximum(self.idle_net[self.surplus], 0.0) @ intensity[self.surplus]
        row = np.zeros(len(column), dtype=int)
        yield Rows(np.array([-INFINITY]), np.array([cap + idle]), row, column, value)


def flow(network: Network, first: int, count: int) -> Rows:
    """Lines leave every node as often as they enter it; they enter the source from outside."""
    nodes, out = np.unique(network.tail, return_inverse=True)
    enters = np.searchsorted(nodes, network.head)
    is_inner = np.append(nodes, -1)[enters] == network.head
    arcs = np.arange(network.arcs) + first
    begins = np.where(nodes == network.source, float(count), 0.0)
    if not begins.any() and network.source not in network.sinks:
        begins = np.append(begins, 1.0)  # a row without entries: this line has no plan at all
    return Rows(
        begins,
        begins,
        np.concatenate((out, enters[is_inner])),
        np.concatenate((arcs, arcs[is_inner])),
        np.concatenate((np.ones(network.arcs), -np.ones(int(is_inner.sum())))),
    )


def _some_rows(
    slots: Whole,
    row: Whole,
    column: Whole,
    value: Array,
    lower: Array | float,
    upper: Array | float,
) -> Rows:
    """Rows by slot, of some of the slots only."""
    bounds = [
        np.full(len(slots), b) if np.isscalar(b) else np.asarray(b, float)[slots]
        for b in (lower, upper)
    ]
    number = np.full(1 + max(int(row.max(initial=-1)), int(slots.max(initial=-1))), -1)
    number[slots] = np.arange(len(slots))
    row = number[row]
    if (number < 0).any():
        kept = row >= 0
        row, column, value = row[kept], column[kept], value[kept]
    return Rows(bounds[0], bounds[1], row, column, value)


def _extreme_powers(network: Network) -> tuple[float, float]:
    """What no plan of a line is below, and above [kW]."""
    kw = network.run_kw
    return float(kw.min(initial=0.0)), float(kw.max(initial=0.0))


def site_model(problem: LineProblem, merged: bool = True) -> SiteModel:
    """The programme of a whole problem; lines that are alike, and orders, merged into counts."""
    orders = order_classes(problem) if merged else single_orders(problem)
    lines = line_classes(problem) if merged else tuple((n,) for n in range(len(problem.lines)))
    networks = [line_network(problem, alike[0], orders) for alike in lines]
    return SiteModel(problem, networks, orders, lines)
