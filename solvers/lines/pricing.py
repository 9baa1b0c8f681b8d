"""The cheapest week of one line at given prices of power and orders, exact in its tasks.

A line's network is unfolded by the tasks done so far: a *node* is (slot, mode, tasks done), a
*link* an arc of the network between two of them. A line with more tasks than ``EXACT_TASKS`` has
multipliers for the others, as for orders: paid when done, however often.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvers.lines.network import ORDER, TASK, Network
from twin.model.horizon import Array
from twin.native import load

kernel = load("solvers.lines._label_kernel")

FAR = 1e300
"""What the kernel says where there is no path."""
EXACT_TASKS = 6
GROWTH, MOST_GROWTH = 1.05, 4.0
"""What labels may cost beyond the forgetful week, against what it was last time."""
HOPELESS = 1e12
"""No week costs so much more for what it remembers [currency]."""
MEMORY_BITS = 62
"""Orders of a line that can be remembered."""

Whole = NDArray[np.int32]


def _view(array: Any) -> Any:
    """An array as the kernel reads it."""
    return memoryview(array)


@dataclass
class Way:
    """A week of one line: its cost at the prices, its power and what it makes."""

    cost: float
    power: Array
    """(T,) [kW]"""
    visits: Array
    """(M,) how often by multiplier."""
    arcs: NDArray[np.int32]
    """In the order of time."""


@dataclass
class Links:
    """A line's network unfolded by tasks done; node 0 is the source, the last one the sink."""

    at: Whole
    """(N + 1,) links of node n are ``at[n]`` up to ``at[n + 1]``."""
    arc: Whole
    head: Whole
    slot: Whole
    """(N,) slot of each node."""


class LinePricing:
    """One line before changing prices.

    Parameters
    ----------
    rows : (A,)
        The multiplier that an arc is paid, or −1.
    multipliers
        How many there are in all.
    """

    def __init__(self, network: Network, rows: Whole, multipliers: int, exact: list[int]) -> None:
        self.network = network
        self.slots = network.slots
        self.multipliers = multipliers
        self.row = np.append(rows, -1).astype(np.int32)
        self.links = unfolded(network, exact)
        self.fixed = np.append(network.fixed, 0.0).astype(np.float64)
        self.run_at = np.append(network.run_at, network.run_at[-1]).astype(np.int32)
        self.run_begin = network.run_begin.astype(np.int32)
        self.run_end = network.run_end.astype(np.int32)
        self.run_kw = network.run_kw.astype(np.float64)
        self.cost = np.zeros(len(self.fixed))
        self.bit = np.full(max(multipliers, 1), -1, dtype=np.int32)
        self.bits_used = 0
        self.keeps = np.zeros(max(multipliers, 1), dtype=np.uint64)
        self.capacity = 16
        self.home_capacity = 4
        self.room = 20_000
        self.excess = 0.0
        self.is_feasible = len(self.links.at) > 1
        self._load()

    def _load(self) -> None:
        links, nodes = self.links, len(self.links.slot)
        self.ahead = np.full(nodes, FAR)
        self.back = np.full(nodes, FAR)
        if nodes:
            self.back[-1] = 0.0
        self.alive = np.zeros(nodes, dtype=np.uint64)
        self.born = np.zeros(nodes, dtype=np.uint64)
        self.path = np.zeros(4 * self.slots + 8, dtype=np.int32)
        self.out, self.home = (
            kernel.Labels(*(_view(np.zeros(nodes, dtype=np.int32)) for _ in range(2)))
            for _ in range(2)
        )
        arrays = (
            self.fixed, self.row, self.bit, self.run_at, self.run_begin, self.run_end, self.run_kw,
            self.cost, links.at, links.arc, links.head, self.ahead, self.back,
            np.zeros(nodes, dtype=np.int32), self.keeps, self.alive, self.born,
        )  # fmt: skip
        self.pricer: Any = kernel.Pricer(*map(_view, arrays), self.out, self.home, _view(self.path))
        self._refresh_alive()
        self._give_room(self.room)

    def _give_room(self, room: int) -> None:
        self.room = room
        for labels in (self.out, self.home):
            numbers = [np.zeros(room, dtype=np.int32) for _ in range(3)]
            arrays = (np.zeros(room), np.zeros(room, dtype=np.uint64), *numbers)
            labels.give_room(*map(_view, arrays))

    def _refresh_alive(self) -> None:
        """Orders that can still come after each node; what cannot come need not be remembered."""
        links = self.links
        nodes = len(links.slot)
        if not nodes:
            return
        tails = np.repeat(np.arange(nodes), np.diff(links.at))
        rows = self.row[links.arc]
        bits = np.where(rows >= 0, self.bit[rows], -1)
        has = bits >= 0
        last = np.full(MEMORY_BITS + 2, -1)
        np.maximum.at(last, bits[has], links.slot[tails[has]])
        soon = np.full(MEMORY_BITS + 2, self.slots + 1)
        np.minimum.at(soon, bits[has], links.slot[tails[has]])
        for b in range(self.bits_used):
            self.born[links.slot > soon[b]] |= np.uint64(1 << b)
            self.alive[links.slot <= last[b]] |= np.uint64(1 << b)

    # --- prices and paths ---------------------------------------------------------------------

    def price(self, slot_price: Array, paid: Array) -> None:
        """Set the price of a kW in each slot, (T,), and what each multiplier pays, (M,)."""
        until = np.concatenate(([0.0], np.cumsum(slot_price)))
        self.pricer.price(_view(until), _view(paid))

    def plain(self) -> Way:
        """Cheapest path when orders may come again."""
        return self._way(self.pricer.forward())

    def remembered(self) -> Way:
        """Cheapest path of orders that may not come again while they are remembered.

        Its cost is exact, and so a bound, unless lists of labels ran over: then it is a bound.
        """
        least = self.pricer.backward()
        self.pricer.forward()
        self.out.hold(self.capacity)
        self.home.hold(self.home_capacity)
        if least >= FAR:
            return self._way(FAR)
        scale = 1e-9 * (abs(least) + 1.0)
        growth = GROWTH
        while True:
            value = self.pricer.search(least + self.excess + scale)
            if value == -FAR:
                self._give_room(2 * self.room)
            elif value < FAR:
                self.excess = GROWTH * (value - least) + scale
                return self._way(value)
            elif self.excess > HOPELESS:
                return self._way(FAR)
            else:
                self.excess = growth * self.excess + scale
                growth = min(growth * growth, MOST_GROWTH)

    def _way(self, cost: float) -> Way:
        power, visits = np.zeros(self.slots), np.zeros(len(self.bit))
        if cost >= FAR:
            return Way(FAR, power, visits[: self.multipliers], np.zeros(0, dtype=np.int32))
        steps = self.pricer.tell(_view(power), _view(visits))
        arcs = self.path[:steps][::-1].copy()
        return Way(cost, power, visits[: self.multipliers], arcs)

    # --- memory and fixing --------------------------------------------------------------------

    def remember(self, arcs: Whole) -> bool:
        """Remember what comes again on a path, as long as it took to; whether that is new."""
        rows = self.row[arcs]
        rows = rows[rows >= 0]
        found = False
        last: dict[int, int] = {}
        for k, row in enumerate(rows.tolist()):
            if row in last and (bit := self._bit_of(row)) is not None:
                between = rows[last[row] : k]
                sign = np.uint64(1 << bit)
                found = found or not (self.keeps[between] & sign).all()
                self.keeps[between] |= sign
            last[row] = k
        if found:
            self._refresh_alive()
        return found

    def _bit_of(self, row: int) -> int | None:
        if self.bit[row] < 0:
            if self.bits_used == MEMORY_BITS:
                return None
            self.bit[row] = self.bits_used
            self.bits_used += 1
        return int(self.bit[row])

    def thin(self, limit: float) -> int:
        """Take out the links that are on no path of cost ``limit`` or below; how many went."""
        links = self.links
        if self.pricer.backward() >= FAR:
            return 0
        self.pricer.forward()
        while self.pricer.search(limit) == -FAR:
            self._give_room(2 * self.room)
        at, arc, head = (np.zeros_like(x) for x in (links.at, links.arc, links.head))
        kept = int(self.pricer.thin(limit, _view(at), _view(arc), _view(head)))
        gone = len(links.arc) - kept
        if gone:
            self.links = Links(at, arc[:kept].copy(), head[:kept].copy(), links.slot)
            self._load()
        return gone


def unfolded(network: Network, exact: list[int]) -> Links:
    """A network by the tasks done so far, of those in ``exact``; without dead ends."""
    bits = {q: 1 << k for k, q in enumerate(exact)}
    width = 1 << len(exact)
    does = np.array(
        [
            bits.get(i, 0) if k == TASK else 0
            for k, i in zip(network.kind.tolist(), network.index.tolist(), strict=True)
        ],
        dtype=np.int64,
    )
    ahead = np.zeros((network.nodes, width), dtype=bool)
    back = np.zeros((network.nodes, width), dtype=bool)
    ahead[network.source, 0] = True
    back[network.sinks, width - 1] = True
    rows = network.tail // network.modes
    edges = np.concatenate(([0], np.flatnonzero(np.diff(rows)) + 1, [network.arcs]))
    states = np.arange(width)
    can = (states[None, :] & does[:, None]) == 0
    after = states[None, :] | does[:, None]
    spans = [slice(a, b) for a, b in pairwise(edges.tolist()) if b > a]
    for span in spans:
        k, s = np.nonzero(ahead[network.tail[span]] & can[span])
        ahead[network.head[span][k], after[span][k, s]] = True
    for span in reversed(spans):
        found = back[network.head[span][:, None], after[span]] & can[span]
        k, s = np.nonzero(found)
        back[network.tail[span][k], s] = True
    live = ahead & back
    arc, state = np.nonzero(live[network.tail] & can)
    is_live = live[network.head[arc], after[arc, state]]
    arc, state = arc[is_live], state[is_live]
    return _numbered(network, live, arc, state, after[arc, state])


def _numbered(network: Network, live: Any, arc: Any, state: Any, then: Any) -> Links:
    """Live nodes numbered in topological order, with a sink of their own at the end."""
    if not live[network.source, 0]:
        nothing = np.zeros(0, dtype=np.int32)
        return Links(np.zeros(1, dtype=np.int32), nothing, nothing, nothing)
    number = np.full(live.shape, -1, dtype=np.int64)
    node, _ = np.nonzero(live)
    number[live] = np.arange(len(node))
    tail, head = number[network.tail[arc], state], number[network.head[arc], then]
    ends = number[network.sinks][number[network.sinks] >= 0]
    ends = ends[np.isin(ends, number[network.sinks, -1])]
    sink = len(node)
    tail = np.concatenate((tail, ends))
    head = np.concatenate((head, np.full(len(ends), sink)))
    arc = np.concatenate((arc, np.full(len(ends), network.arcs)))
    order = np.argsort(tail, kind="stable")
    at = np.concatenate(([0], np.cumsum(np.bincount(tail, minlength=sink + 1))))
    slot = np.append(node // network.width, network.slots)
    return Links(
        at.astype(np.int32),
        arc[order].astype(np.int32),
        head[order].astype(np.int32),
        slot.astype(np.int32),
    )


def rows_of(network: Network, orders: int, task_rows: dict[int, int]) -> Whole:
    """(A,) the multiplier of each arc: that of its order, of its task if it has one, or −1."""
    rows = np.full(network.arcs, -1, dtype=np.int32)
    is_order = network.kind == ORDER
    rows[is_order] = network.index[is_order]
    for q, row in task_rows.items():
        rows[(network.kind == TASK) & (network.index == q)] = row
    return rows
