"""One line whose orders draw the same power and differ in length only: when to work, then on what.

Where only the energy price matters, it is all the same which order is made in a slot of work. So
first the slots of work are chosen, as many as the orders need in all, by a dynamic programme over
(node of the line's network, slots of work done); its value is a lower bound, for it lets orders be
interrupted. The slots chosen come in blocks, and when the orders fill all blocks exactly, which is
a small packing problem, the plan is optimal. Among plans of the same cost, and then of nearly the
same, those of few blocks are tried first: they are easier to fill. To choose the switching between
periods of work apart from the jobs is an idea of Benedikt, Módos and Hanzálek (2020).
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from solvers.lines.bill import bill_of
from solvers.lines.check import check
from solvers.lines.highs_model import Programme
from solvers.lines.highs_run import minimise
from solvers.lines.network import ORDER, Network, Whole, line_network, stretches_of
from solvers.lines.problem import NEVER, LinePlan, LineProblem, Stretch
from twin.model.horizon import Array

TIES = 8
"""Ways in which equal costs are told apart, one after the other."""
BLOCK_COSTS = (0.0, 1e-4, 1e-3, 1e-2)
"""Further costs of a block as shares of the cost of the plan per block, once no tie is fillable."""
MOST_STATES = 40_000_000
PACKING_SECONDS = 2.0
NOWHERE, LEAVING, GOING_ON = -1, -2, -3
"""Ways to come to a state that are no arc: none; from a block that ends; further in a block."""


@dataclass(frozen=True)
class EqualWork:
    """What is known of a problem of this kind."""

    plan: LinePlan | None
    """None where no orders fill the blocks of work that were tried."""
    bound: float
    """No plan costs less [currency]; infinite where there is none."""


def is_equal_work(problem: LineProblem) -> bool:
    """Whether a problem is of this kind: one line, one power, no date, no peak, no cap, no task."""
    site = problem.site
    if len(problem.lines) != 1 or problem.tasks or not problem.orders:
        return False
    is_free = (
        site.demand_charge_per_kw == 0
        and site.contract_kw == NEVER
        and problem.carbon_cap_kg == NEVER
        and bool((site.base_kw >= site.generation_kw).all())
    )
    kinds = {(way.mode, kw) for order in problem.orders for way in order.ways for _, kw in way.runs}
    is_plain = all(
        len(order.ways) == 1
        and order.release <= problem.lines[0].ready
        and order.deadline is None
        and not order.tardiness
        and not order.is_frozen
        and not order.move_cost
        for order in problem.orders
    )
    powers = (*problem.lines[0].hold_kw, *(t.power_kw for t in problem.lines[0].transitions))
    return is_free and is_plain and len(kinds) == 1 and min(powers) >= 0


def solve_equal_work(problem: LineProblem, seed: int = 0) -> EqualWork | None:
    """Bound and plan of a problem of this kind; None for others, or where it would be too large."""
    if not is_equal_work(problem):
        return None
    chooser = Chooser(problem)
    if chooser.states > MOST_STATES:
        return None
    bound, _ = chooser.cheapest(0.0, np.zeros(problem.slots))
    if bound == NEVER:
        return EqualWork(None, NEVER)
    draw = random.Random(f"{seed}/equal work")
    least = max(abs(bound), 1.0) * 1e-9
    best: LinePlan | None = None
    for share in BLOCK_COSTS:
        for turn in range(TIES):
            block = max(share * abs(bound) / len(problem.orders), least)
            ties = np.array([draw.random() for _ in range(problem.slots)])
            plan = chooser.plan(block, ties * least * (turn > 0))
            if plan and (best is None or plan.bill.total < best.bill.total):
                best = plan
            if best and best.bill.total <= bound + 1e-7 * max(abs(bound), 1.0):
                return EqualWork(best, best.bill.total)
        if best:
            break
    return EqualWork(best, bound)


class Chooser:
    """Chooses slots of work by a dynamic programme, and fills them with orders.

    Rows of states are the nodes of the network without orders, and after them one row by slot for
    the line in the middle of a block of work. A column is the number of slots of work done.
    """

    def __init__(self, problem: LineProblem) -> None:
        self.problem = problem
        way = problem.orders[0].ways[0]
        self.mode, self.work_kw = way.mode, way.runs[0][1]
        self.lengths = [order.ways[0].slots for order in problem.orders]
        self.work = sum(self.lengths)
        one_slot = replace(problem.orders[0], ways=(replace(way, runs=((1, self.work_kw),)),))
        self.network: Network = line_network(replace(problem, orders=(one_slot,)), 0)
        self.per_kw = problem.site.rate * problem.slot_hours
        self.cost = self.network.fixed + self.network.energy_cost(self.per_kw)
        self.states = (self.network.nodes + problem.slots + 1) * (self.work + 1)

    def plan(self, block: float, ties: Array) -> LinePlan | None:
        """A cheapest plan where a block of work costs so much more; None if orders do not fill it.

        ``ties`` is what work costs more in each slot, (T,) [currency]: so little that it only
        decides between equal costs.
        """
        _, path = self.cheapest(block, ties)
        if not len(path):
            return None
        is_work = self.network.kind[path] == ORDER
        blocks = _blocks(self.network.start[path[is_work]])
        filled = fill([length for _, length in blocks], self.lengths)
        if filled is None:
            return None
        others = stretches_of(self.problem, self.network, path[~is_work].tolist(), [])
        made = [
            Stretch(0, start, start + self.lengths[j], "order", j)
            for (begin, _), orders in zip(blocks, filled, strict=True)
            for j, start in zip(orders, self._starts(begin, orders), strict=True)
        ]
        stretches = tuple(sorted((*others, *made), key=lambda s: (s.start, s.end)))
        plan = LinePlan(stretches, bill_of(self.problem, stretches))
        return None if check(self.problem, plan) else plan

    def _starts(self, begin: int, orders: list[int]) -> list[int]:
        lengths = [self.lengths[j] for j in orders]
        return [begin + sum(lengths[:n]) for n in range(len(lengths))]

    def cheapest(self, block: float, ties: Array) -> tuple[float, Whole]:
        """Least cost of as much work as the orders need, and the arcs of it; no arcs if none."""
        network = self.network
        value = np.full((network.nodes + self.problem.slots + 1, self.work + 1), NEVER)
        came_by = np.full(value.shape, NOWHERE, dtype=np.int32)
        value[network.source, 0] = 0.0
        edges = np.searchsorted(network.start, np.arange(self.problem.slots + 2))
        kinds, tails, heads = (x.tolist() for x in (network.kind, network.tail, network.head))
        for t, (first, last) in enumerate(pairwise(edges.tolist())):
            busy = network.nodes + t
            _relax(value, came_by, busy, self._at_rest(t), 0.0, LEAVING)
            for a in range(first, last):
                cost = float(self.cost[a])
                if kinds[a] == ORDER:
                    cost += float(ties[t])
                    _relax(value, came_by, busy, busy + 1, cost, GOING_ON, 1)
                    _relax(value, came_by, tails[a], busy + 1, cost + block, a, 1)
                else:
                    _relax(value, came_by, tails[a], heads[a], cost, a)
        sink = int(network.sinks[np.argmin(value[network.sinks, self.work])])
        least = float(value[sink, self.work])
        return least, self._path(came_by, sink) if least < NEVER else np.zeros(0, dtype=int)

    def _at_rest(self, t: int) -> int:
        """The node in which a line stands that has ended a block of work at a slot border."""
        return t * self.network.width + self.mode

    def _path(self, came_by: Whole, sink: int) -> Whole:
        """The arcs that lead to a sink with all work done, in their order."""
        network, node, done = self.network, sink, self.work
        orders = np.flatnonzero(network.kind == ORDER).tolist()
        work_arc = {int(network.start[a]): a for a in orders}
        path: list[int] = []
        while (node, done) != (network.source, 0):
            arc = int(came_by[node, done])
            slot = node - network.nodes
            if arc == LEAVING:
                node = network.nodes + node // network.width
            elif slot >= 0:
                path.append(work_arc[slot - 1])
                node = node - 1 if arc == GOING_ON else int(network.tail[arc])
                done -= 1
            else:
                path.append(arc)
                node = int(network.tail[arc])
        return np.array(path[::-1], dtype=int)


def _relax(
    value: Array, came_by: Whole, tail: int, head: int, cost: float, name: int, work: int = 0
) -> None:
    """Reach the head from the tail, with so many slots of work, where that is cheaper."""
    width = value.shape[1] - work
    reached = value[tail, :width] + cost
    is_less = reached < value[head, work:]
    value[head, work:][is_less] = reached[is_less]
    came_by[head, work:][is_less] = name


def _blocks(slots: Whole) -> list[tuple[int, int]]:
    """First slot and length of each run of consecutive slots."""
    runs = np.split(slots, np.flatnonzero(np.diff(slots) > 1) + 1)
    return [(int(run[0]), len(run)) for run in runs]


def fill(blocks: list[int], lengths: list[int]) -> list[list[int]] | None:
    """Orders for each block: all blocks are full and all orders used; None if impossible."""
    counts = Counter(lengths)
    chosen = _fill_greedily(blocks, counts) or _fill_exactly(blocks, counts)
    if chosen is None:
        return None
    waiting: dict[int, list[int]] = {}
    for j, length in enumerate(lengths):
        waiting.setdefault(length, []).append(j)
    return [[waiting[length].pop(0) for length in block] for block in chosen]


def _fill_greedily(blocks: list[int], counts: Counter[int]) -> list[list[int]] | None:
    """The longest order that fits, block by block from the shortest block on."""
    left = Counter(counts)
    chosen: list[list[int]] = [[] for _ in blocks]
    for b in sorted(range(len(blocks)), key=lambda b: blocks[b]):
        room = blocks[b]
        while room:
            fitting = [length for length, n in left.items() if n and length <= room]
            if not fitting:
                return None
            longest = max(fitting)
            left[longest] -= 1
            chosen[b].append(longest)
            room -= longest
    return chosen


def _fill_exactly(blocks: list[int], counts: Counter[int]) -> list[list[int]] | None:
    """The same as an integer programme: how many orders of each length are in each block."""
    kinds = sorted(counts)
    columns = len(blocks) * len(kinds)
    column = np.arange(columns)
    block, kind = np.divmod(column, len(kinds))
    totals = np.array([*blocks, *(counts[length] for length in kinds)], dtype=float)
    lengths = np.array(kinds, dtype=float)
    programme = Programme(
        cost=np.zeros(columns),
        lower=np.zeros(columns),
        upper=np.minimum(np.array(blocks)[block] // lengths[kind], totals[len(blocks) + kind]),
        is_integer=np.ones(columns, dtype=bool),
        row_lower=totals,
        row_upper=totals,
        a_start=np.arange(0, 2 * columns + 1, 2, dtype=np.int32),
        a_row=np.stack((block, len(blocks) + kind), axis=1).ravel().astype(np.int32),
        a_value=np.stack((lengths[kind], np.ones(columns)), axis=1).ravel(),
        offset=0.0,
    )
    values = minimise(programme, seconds=PACKING_SECONDS).values
    if values is None:
        return None
    times = np.rint(values).astype(int).reshape(len(blocks), len(kinds))
    return [
        [length for length, n in zip(kinds, row, strict=True) for _ in range(n)]
        for row in times.tolist()
    ]
