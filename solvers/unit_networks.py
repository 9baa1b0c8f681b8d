"""What each work unit may do at most, as a network whose cheapest path costs less than any plan.

Time runs in slots of the horizon. An operation that needs p minutes moves its unit on by
⌊p / slot⌋ open slots: two operations that follow each other in a plan start at least so many slots
apart, whatever their minutes. What the rounding down leaves open is given away: the first
:data:`FREE_SLOTS` of an idle time cost nothing. Energy is charged at the cheapest start inside a
slot, lateness at the earliest end. Crews, buffers, the time of maintenance and the sequence of an
order's operations on different units are left out; so a path can be cheaper than a plan, and never
dearer.

Nodes of a slot, each for every setup key of the unit: just after work (and one or two slots later,
for units that warm up), standing by, off, free to begin a setup, set up. Arcs lead to higher nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from solvers.account import MOVED_MINUTES
from solvers.lines.network import HOLD, ORDER, Network
from solvers.problem import Choice, Op, Problem, Unit
from solvers.timing import Shift
from twin.model.horizon import Array

FREE_SLOTS = 2
"""Work of p minutes begun in slot s is done before the end of slot s + ⌊p / slot⌋ + 1."""
WARM_LAYERS = ("worked", "one later", "two later", "standby", "off", "free", "set up")
COLD_LAYERS = ("free", "set up")
NO_OP = -1

Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class UnitNetwork:
    """The network of one unit, and what is counted beside it."""

    network: Network
    """Arcs with energy, setups, moves and, for operations, wear; without lateness [currency]."""
    op: Whole
    """(A,) operation, or :data:`NO_OP`."""
    end: Array
    """(A,) earliest end of the operation [min]; 0 for other arcs."""
    credit: float
    """What a path may overcount at most: to be taken off its cost [currency]."""
    short: Mapping[int, float]
    """Operations shorter than a slot, which need no place on a path, with their least cost."""


@dataclass
class _Arcs:
    """Arcs of a network under way."""

    tail: list[Whole] = field(default_factory=list)
    head: list[Whole] = field(default_factory=list)
    cost: list[Array] = field(default_factory=list)
    op: list[Whole] = field(default_factory=list)
    end: list[Array] = field(default_factory=list)

    def add(
        self, tail: Whole, head: Whole, cost: Array | float = 0.0, op: int = NO_OP,
        end: Array | float = 0.0,
    ) -> None:  # fmt: skip
        n = len(tail)
        self.tail.append(tail)
        self.head.append(head)
        self.cost.append(np.broadcast_to(np.asarray(cost, dtype=float), n))
        self.op.append(np.full(n, op, dtype=np.int64))
        self.end.append(np.broadcast_to(np.asarray(end, dtype=float), n))


class Clock:
    """Open time of a shift, for many instants at once."""

    def __init__(self, shift: Shift, edges: Array) -> None:
        self.starts, self.ends = np.array(shift.starts), np.array(shift.ends)
        self.before, self.after = np.array(shift.before), np.array(shift.after)
        self.edges = edges
        opened = self.opened(edges)
        self.slots = np.flatnonzero(np.diff(opened) > 1e-9)
        """Slots that are open for some time."""
        self.first = edges[:-1].copy()
        """First open minute of each slot that has one."""
        self.first[self.slots] = self.next_open(edges[self.slots])

    def opened(self, instants: Array) -> Array:
        """Open minutes before each instant."""
        i = np.searchsorted(self.ends, instants, side="right")
        whole = np.concatenate(([0.0], self.after))[i]
        starts = np.concatenate((self.starts, [np.inf]))[i]
        return np.asarray(whole + np.maximum(instants - starts, 0.0))

    def next_open(self, instants: Array) -> Array:
        i = np.searchsorted(self.ends, instants, side="right")
        starts = np.concatenate((self.starts, [np.inf]))[i]
        return np.asarray(np.maximum(instants, starts))

    def end_of(self, begin: Array, minutes: float) -> Array:
        """When work begun at each instant is done; infinity where the open time is too short."""
        target = self.opened(begin) + minutes
        k = np.searchsorted(self.after, target - 1e-9)
        found = np.full(len(target), np.inf)
        ok = k < len(self.after)
        found[ok] = self.starts[k[ok]] + target[ok] - self.before[k[ok]]
        return found

    def begin_of(self, end: Array, minutes: float) -> Array:
        """Latest instant from which work of some minutes is done by each end; −infinity if none."""
        target = self.opened(end) - minutes
        k = np.minimum(np.searchsorted(self.after, target, side="right"), len(self.after) - 1)
        found = self.starts[k] + np.maximum(target, 0.0) - self.before[k]
        return np.asarray(np.where(target < 0, -np.inf, found))

    def later(self, count: int) -> tuple[Whole, Whole]:
        """Open slots, and for each the slot after ``count`` open slots from it on."""
        n = len(self.slots) - count
        if n <= 0:
            return self.slots[:0], self.slots[:0]
        if count == 0:
            return self.slots, self.slots
        return self.slots[:n], self.slots[count - 1 : count - 1 + n] + 1


class Builder:
    """The network of one unit, layer by layer."""

    def __init__(self, problem: Problem, unit: Unit, slope: Array, wear: float) -> None:
        self.problem, self.unit, self.wear = problem, unit, wear
        self.slot = float(problem.horizon.slot_minutes)
        self.slots = problem.horizon.slots
        self.slope = np.maximum(slope, 0.0) / 60
        """Least cost of a kW in each minute, (T,) [currency/kW min]."""
        self.is_warmed = unit.startup > 0
        self.layers = WARM_LAYERS if self.is_warmed else COLD_LAYERS
        self.clock = Clock(problem.shifts[unit.shift], problem.horizon.edges)
        self.open_rate = problem.grid.prefix(self.slope, unit.shift)
        self.always = problem.grid.prefix(self.slope)
        self.arcs = _Arcs()
        self.short: dict[int, float] = {}
        self.keys = len(unit.keys)
        standby = max(unit.standby - unit.off, 0.0) if self.is_warmed else 0.0
        self.slot_of_standby = standby * self.slot * float(self.slope.max())
        """The most that standing by for a slot can cost [currency]."""

    def node(self, slot: Whole, layer: str, key: int) -> Whole:
        width = len(self.layers) * self.keys
        return np.asarray(slot * width + self.layers.index(layer) * self.keys + key, np.int64)

    def build(self, ops: Sequence[tuple[Op, Choice]]) -> UnitNetwork:
        slots = np.arange(self.slots, dtype=np.int64)
        has_short = any(c.minutes < self.slot for op, c in ops if not op.is_running)
        self.change_minutes, self.change_cost = self._changes(has_short)
        for key in range(self.keys):
            self._add_closed(key)
            if self.is_warmed:
                self._add_idle(slots, key)
            else:
                self.arcs.add(self.node(slots, "free", key), self.node(slots + 1, "free", key))
            for other in range(self.keys):
                self._add_setup(key, other)
        for op, choice in ops:
            if not op.is_running:
                self._add_operation(op, choice)
        return self._network(ops)

    def _add_idle(self, slots: Whole, key: int) -> None:
        """After work a few free slots, then standby; at any time off; out of off by a warm-up."""
        add, node, unit = self.arcs.add, self.node, self.unit
        waits = ("worked", "one later", "two later", "standby")
        standby = self.slope * self.slot * max(unit.standby - unit.off, 0.0)
        costs: list[Array | float] = [0.0, 0.0, standby, standby]
        for layer, then, cost in zip(waits, (*waits[1:], "standby"), costs, strict=True):
            add(node(slots, layer, key), node(slots + 1, then, key), cost)
            add(node(slots, layer, key), node(slots, "off", key))
            add(node(slots, layer, key), node(slots, "free", key))
        add(node(slots, "off", key), node(slots + 1, "off", key))
        warm_slots = max(int(unit.startup // self.slot) - 1, 0)
        begins = slots[: self.slots - warm_slots]
        reach = [slice(max(b - 2, 0), b + warm_slots + 2) for b in begins.tolist()]
        least = np.array([self.slope[around].min() for around in reach])
        cost = least * unit.startup * max(unit.warming - unit.off, 0.0)
        add(node(begins, "off", key), node(begins + warm_slots, "free", key), cost)

    def _add_setup(self, before: int, after: int) -> None:
        """A change of key, rounded down; the slot it may stand by less is given back."""
        minutes = float(self.change_minutes[before, after])
        begins = ends = np.arange(self.slots, dtype=np.int64)
        cost = float(self.change_cost[before, after])
        if minutes > 0:
            begins, ends = self.clock.later(int(minutes // self.slot))
            cost -= self.slot_of_standby
        tails, heads = self.node(begins, "free", before), self.node(ends, "set up", after)
        keep = ends < self.slots
        self.arcs.add(tails[keep], heads[keep], cost)

    def _add_closed(self, key: int) -> None:
        """A setup done at the end of a shift waits for the next."""
        closed = np.setdiff1d(np.arange(self.slots - 1, dtype=np.int64), self.clock.slots)
        self.arcs.add(self.node(closed, "set up", key), self.node(closed + 1, "set up", key))

    def _changes(self, has_short: bool) -> tuple[Array, Array]:
        """Minutes and least cost of each change of key, (K, K) each.

        Operations shorter than a slot need no place on a path, so it may pass their keys unseen:
        then the shortest chain of setups counts, for minutes and cost each.
        """
        minutes = np.array(self.unit.setup_minutes, dtype=float).reshape(self.keys, self.keys)
        power = max(self.unit.setting - self.unit.off, 0.0)
        cost = minutes * power * float(self.slope.min()) + (minutes > 0) * self.unit.setup_cost
        for table in (minutes, cost) if has_short else ():
            for k in range(self.keys):
                np.minimum(table, table[:, k : k + 1] + table[k : k + 1, :], out=table)
        return minutes, cost

    def _add_operation(self, op: Op, choice: Choice) -> None:
        """The operation begun in any slot in which it can begin."""
        moves_on = int(choice.minutes // self.slot)
        begins, ends = self.clock.later(moves_on)
        job = self.problem.jobs[op.job]
        ready = job.release + self.problem.shortest[job.ops[0]] - self.problem.shortest[op.index]
        may = begins * self.slot + self.slot > max(ready, self.unit.ready)
        begins, ends = begins[may], ends[may]
        first = np.maximum(self.clock.first[begins], self.clock.next_open(np.full(1, ready))[0])
        end = self.clock.end_of(first, choice.minutes)
        keep = end < np.inf
        begins, ends, first, end = begins[keep], ends[keep], first[keep], end[keep]
        if not len(begins):
            return
        energy = self._energy(begins, ends, first, choice.minutes)
        cost = energy + self.wear * choice.minutes + self._moved(op, choice, begins)
        done = "worked" if self.is_warmed else "free"
        if moves_on == 0:
            self.short[op.index] = float(cost.min())
            return
        self.arcs.add(
            self.node(begins, "set up", choice.key), self.node(ends, done, choice.key),
            cost, op.index, end,
        )  # fmt: skip

    def _energy(self, begins: Whole, ends: Whole, first: Array, minutes: float) -> Array:
        """Least energy cost of an operation that starts inside each slot [currency].

        Inside a slot the cost is linear in the start but where the end crosses into another slot,
        so its least value is at the first start, the last, or the one that ends on an edge. Pauses
        count up to the slot where the path goes on; from there it stands by itself.
        """
        last = np.maximum(self.problem.horizon.edges[begins + 1], first)
        crossing = self.clock.end_of(first, minutes)
        edge = np.floor(crossing / self.slot + 1) * self.slot
        on_edge = self.clock.begin_of(np.minimum(edge, self.problem.end), minutes)
        starts = (first, last, np.clip(on_edge, first, last))
        goes_on = np.asarray(ends * self.slot, dtype=float)
        costs = np.array([self._cost_from(s, minutes, goes_on) for s in starts])
        return np.asarray(costs.min(axis=0))

    def _cost_from(self, starts: Array, minutes: float, goes_on: Array) -> Array:
        ends = self.clock.end_of(starts, minutes)
        ends = np.minimum(ends, self.problem.end)
        points, unit = np.array(self.open_rate.points), self.unit
        work = _between(points, self.open_rate.sums, starts, ends)
        cost = work * max(unit.working - unit.off, 0.0)
        if self.is_warmed:
            until = np.maximum(np.minimum(ends, goes_on), starts)
            pause = _between(points, self.always.sums, starts, until) - _between(
                points, self.open_rate.sums, starts, until
            )
            cost = cost + pause * max(unit.standby - unit.off, 0.0)
        return cost

    def _moved(self, op: Op, choice: Choice, begins: Whole) -> Array | float:
        charge = self.problem.plant.plant.costs.moved_operation
        if op.planned is None or not charge:
            return 0.0
        unit, start = op.planned
        if unit != choice.unit:
            return charge
        too_early = (begins + 1) * self.slot < start - MOVED_MINUTES
        too_late = begins * self.slot > start + MOVED_MINUTES
        return np.where(too_early | too_late, charge, 0.0)

    def _network(self, ops: Sequence[tuple[Op, Choice]]) -> UnitNetwork:
        tail, head = np.concatenate(self.arcs.tail), np.concatenate(self.arcs.head)
        width = len(self.layers) * self.keys
        nodes = (self.slots + 1) * width
        order = np.argsort(tail, kind="stable")
        keep = order[head[order] < nodes]
        op, tail = np.concatenate(self.arcs.op)[keep], tail[keep]
        network = Network(
            line=self.unit.index,
            slots=self.slots,
            modes=self.keys,
            width=width,
            source=self._source(ops),
            sinks=np.arange(nodes - width, nodes),
            tail=tail,
            head=head[keep],
            kind=np.where(op == NO_OP, HOLD, ORDER),
            index=op,
            start=tail // width,
            length=(head[keep] - tail) // width,
            fixed=np.concatenate(self.arcs.cost)[keep],
            run_at=np.zeros(len(keep) + 1, dtype=np.int64),
            run_begin=np.zeros(0, dtype=np.int64),
            run_end=np.zeros(0, dtype=np.int64),
            run_kw=np.zeros(0),
        )
        end = np.concatenate(self.arcs.end)[keep]
        return UnitNetwork(network, op, end, self._credit(), self.short)

    def _source(self, ops: Sequence[tuple[Op, Choice]]) -> int:
        """Where the unit stands when it is first free to do something."""
        unit = self.unit
        running = next(((o, c) for o, c in ops if o.is_running), None)
        begin, key, layer = unit.ready, unit.first_key, "one later" if unit.is_on else "off"
        if running:
            choice = running[1]
            begin = float(self.clock.end_of(np.array([unit.ready]), choice.minutes)[0])
            key, layer = choice.key, "worked"
        slot = np.array(int(min(begin // self.slot, self.slots)))
        return int(self.node(slot, layer if self.is_warmed else "free", key))

    def _credit(self) -> float:
        """Standby counted while the unit is under maintenance, or beside a closed shift."""
        pms = zip(self.problem.pms, self.problem.pm_unit, strict=True)
        slots = sum(pm.task.duration / self.slot + 1 for pm, m in pms if m == self.unit.index)
        slots += int((np.diff(self.clock.slots) > 1).sum())
        return slots * self.slot_of_standby


def _between(points: Array, sums: Sequence[float], begins: Array, ends: Array) -> Array:
    """Integral of a rate between instants, from its integral at ``points``."""
    table = np.asarray(sums)
    return np.asarray(np.interp(ends, points, table) - np.interp(begins, points, table))


def unit_networks(problem: Problem, slope: Array, wear: Sequence[float]) -> list[UnitNetwork]:
    """The network of every unit.

    Parameters
    ----------
    slope : (T,)
        Least cost of one kWh more in each slot [currency/kWh].
    wear : (M,)
        Least cost of failures of one more minute of work on each unit [currency/min].
    """
    by_unit: list[list[tuple[Op, Choice]]] = [[] for _ in problem.units]
    for op in problem.ops:
        for choice in op.choices:
            by_unit[choice.unit].append((op, choice))
    return [
        Builder(problem, unit, slope, wear[unit.index]).build(by_unit[unit.index])
        for unit in problem.units
    ]
