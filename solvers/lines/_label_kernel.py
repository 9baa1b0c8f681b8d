"""The pricing kernel: cheapest week of one line at given prices of power and orders.

The network has the tasks done so far in its nodes (see :mod:`solvers.lines.pricing`), so every path
from the source to the sink does each task once. A path may make an order twice, or never; *ng
labels* (Baldacci, Mingozzi & Roberti, 2011) remember orders that may not come again. A label is a
way to a node: its cost and the orders remembered, one bit each. At order j only the orders of
``keeps[j]`` stay in memory. One label makes another needless when it costs no more and remembers
no more. A full list merges its two dearest labels (least cost, common memory): a relaxation,
never a loss.

Labels go both ways. Those from the sink come first, with short lists; they bound what completes
those from the source. A label that cannot end at ``limit`` or below is dropped, so that the least
of ``limit`` and the answer is a lower bound.
"""

from __future__ import annotations

from twin.simulation import _cython_shim as cython

i32 = cython.typedef(cython.int)
i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)
f64 = cython.typedef(cython.double)

NONE = cython.declare(cython.longlong, -1)
FAR = cython.declare(cython.double, 1e300)
"""Cost of what cannot be reached."""


@cython.cclass
class Labels:
    """Lists of labels, one for each node; those no longer needed make room for others."""

    first: i32[::1]
    """By node, its first label, or −1."""
    held: i32[::1]
    """By node, number of its labels."""
    cost: f64[::1]
    memory: u64[::1]
    next: i32[::1]
    before: i32[::1]
    """Label that this one came from, or −1."""
    link: i32[::1]
    room: i64
    capacity: i64
    """Labels that a node may hold."""
    used: i64
    spare: i64
    made: i64

    def __init__(self, first: i32[::1], held: i32[::1]) -> None:
        self.first, self.held = first, held
        self.room = 0
        self.capacity = 16
        self.made = 0

    def give_room(
        self,
        cost: f64[::1],
        memory: u64[::1],
        following: i32[::1],
        before: i32[::1],
        link: i32[::1],
    ) -> None:
        """Room for labels, (L,)."""
        self.cost, self.memory, self.next = cost, memory, following
        self.before, self.link = before, link
        self.room = cost.shape[0]

    def hold(self, capacity: i64) -> None:
        """Set how many labels a node may hold."""
        self.capacity = capacity

    def count(self) -> int:
        """Labels made since they were cleared."""
        return self.made

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def clear(self) -> cython.void:
        n: i64
        for n in range(self.first.shape[0]):
            self.first[n] = -1
            self.held[n] = 0
        self.used = 0
        self.spare = -1
        self.made = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def put(self, n: i64, cost: f64, memory: u64, before: i64, link: i64) -> cython.bint:
        """Add a label to a node unless another makes it needless; False if there is no room."""
        x: i64
        last: i64
        following: i64
        worst: i64
        second: i64
        last = -1
        worst = -1
        second = -1
        x = self.first[n]
        while x >= 0:
            following = self.next[x]
            if self.cost[x] <= cost:
                if not (self.memory[x] & ~memory):
                    return True
            elif not (memory & ~self.memory[x]):
                self.drop(n, x, last)
                x = following
                continue
            if worst < 0 or self.cost[x] > self.cost[worst]:
                second = worst
                worst = x
            elif second < 0 or self.cost[x] > self.cost[second]:
                second = x
            last = x
            x = following
        if self.held[n] >= self.capacity:
            if second < 0 or cost >= self.cost[second]:
                self.merge(worst, cost, memory, before, link)
            else:
                self.memory[second] = self.memory[second] & self.memory[worst]
                self.fill(worst, cost, memory, before, link)
            return True
        x = self.spare
        if x >= 0:
            self.spare = self.next[x]
        elif self.used < self.room:
            x = self.used
            self.used += 1
        else:
            return False
        self.fill(x, cost, memory, before, link)
        self.next[x] = self.first[n]
        self.first[n] = cython.cast(i32, x)
        self.held[n] += 1
        self.made += 1
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def fill(self, x: i64, cost: f64, memory: u64, before: i64, link: i64) -> cython.void:
        self.cost[x] = cost
        self.memory[x] = memory
        self.before[x] = cython.cast(i32, before)
        self.link[x] = cython.cast(i32, link)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def drop(self, n: i64, x: i64, last: i64) -> cython.void:
        """Take a label out of the list of a node, where it comes after ``last``."""
        if last < 0:
            self.first[n] = self.next[x]
        else:
            self.next[last] = self.next[x]
        self.next[x] = cython.cast(i32, self.spare)
        self.spare = x
        self.held[n] -= 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def merge(self, x: i64, cost: f64, memory: u64, before: i64, link: i64) -> cython.void:
        """Make one label of two: the way of the cheaper, and what both remember."""
        self.memory[x] = self.memory[x] & memory
        if cost < self.cost[x]:
            self.cost[x] = cost
            self.before[x] = cython.cast(i32, before)
            self.link[x] = cython.cast(i32, link)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def least(self, n: i64) -> f64:
        """Cost of the cheapest label of a node; FAR if there is none."""
        x: i64
        best: f64
        best = FAR
        x = self.first[n]
        while x >= 0:
            if self.cost[x] < best:
                best = self.cost[x]
            x = self.next[x]
        return best

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def can_meet(self, n: i64, most: f64, memory: u64) -> cython.bint:
        """Whether a label of a node costs at most so much and remembers nothing in common."""
        x: i64
        x = self.first[n]
        while x >= 0:
            if self.cost[x] <= most and not (self.memory[x] & memory):
                return True
            x = self.next[x]
        return False


@cython.cclass
class Pricer:
    """One line. Arcs are those of the line's network; links are arcs between nodes with tasks."""

    # Arcs, (A,), with their power in runs, (R,).
    fixed: f64[::1]
    row: i32[::1]
    """Multiplier that an arc is paid, or −1."""
    bit: i32[::1]
    """By multiplier, its bit in the memory, or −1."""
    run_at: i32[::1]
    run_begin: i32[::1]
    run_end: i32[::1]
    run_kw: f64[::1]
    cost: f64[::1]
    # Links, (E,), in the order of their tails; nodes, (N,), in topological order.
    link_at: i32[::1]
    """(N + 1,): the links out of node n are ``link_at[n]`` up to ``link_at[n + 1]``."""
    link_arc: i32[::1]
    link_head: i32[::1]
    # Plain distances.
    ahead: f64[::1]
    back: f64[::1]
    came: i32[::1]
    """Link by which the cheapest way comes to a node."""
    # Labels.
    keeps: u64[::1]
    """By multiplier, memory that stays after it."""
    alive: u64[::1]
    """By node, orders that can still come."""
    born: u64[::1]
    """By node, orders that can have come."""
    out: Labels
    """From the source."""
    home: Labels
    """From the sink."""
    path: i32[::1]
    nodes: i64
    arcs: i64
    steps: i64

    def __init__(
        self,
        fixed: f64[::1],
        row: i32[::1],
        bit: i32[::1],
        run_at: i32[::1],
        run_begin: i32[::1],
        run_end: i32[::1],
        run_kw: f64[::1],
        cost: f64[::1],
        link_at: i32[::1],
        link_arc: i32[::1],
        link_head: i32[::1],
        ahead: f64[::1],
        back: f64[::1],
        came: i32[::1],
        keeps: u64[::1],
        alive: u64[::1],
        born: u64[::1],
        out: Labels,
        home: Labels,
        path: i32[::1],
    ) -> None:
        self.fixed, self.row, self.bit = fixed, row, bit
        self.run_at, self.run_begin, self.run_end = run_at, run_begin, run_end
        self.run_kw, self.cost = run_kw, cost
        self.link_at, self.link_arc, self.link_head = link_at, link_arc, link_head
        self.ahead, self.back, self.came = ahead, back, came
        self.keeps, self.alive, self.born = keeps, alive, born
        self.out, self.home = out, home
        self.path = path
        self.nodes = ahead.shape[0]
        self.arcs = fixed.shape[0]

    # Prices -----------------------------------------------------------------------------------

    def price(self, until: f64[::1], paid: f64[::1]) -> None:
        """Cost of every arc: what is fixed, its power at the slot prices, less what it is paid.

        ``until`` (T + 1,) is the running sum of the price of a kW in each slot.
        """
        a: i64
        r: i64
        value: f64
        with cython.nogil:
            for a in range(self.arcs):
                value = self.fixed[a]
                for r in range(self.run_at[a], self.run_at[a + 1]):
                    value += self.run_kw[r] * (until[self.run_end[r]] - until[self.run_begin[r]])
                if self.row[a] >= 0:
                    value -= paid[self.row[a]]
                self.cost[a] = value

    # Plain shortest paths ---------------------------------------------------------------------

    def forward(self) -> float:
        """Cheapest path when orders may come again; ``path`` has its arcs, last first."""
        with cython.nogil:
            self.go_forward()
            self.trace_plain()
        return self.ahead[self.nodes - 1]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def go_forward(self) -> cython.void:
        n: i64
        e: i64
        head: i64
        begin: f64
        value: f64
        for n in range(self.nodes):
            self.ahead[n] = FAR
            self.came[n] = -1
        self.ahead[0] = 0.0
        for n in range(self.nodes):
            begin = self.ahead[n]
            if begin >= FAR:
                continue
            for e in range(self.link_at[n], self.link_at[n + 1]):
                head = self.link_head[e]
                value = begin + self.cost[self.link_arc[e]]
                if value < self.ahead[head]:
                    self.ahead[head] = value
                    self.came[head] = cython.cast(i32, e)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def trace_plain(self) -> cython.void:
        n: i64
        e: i64
        self.steps = 0
        n = self.nodes - 1
        if self.ahead[n] >= FAR:
            return
        while n > 0:
            e = self.came[n]
            self.path[self.steps] = self.link_arc[e]
            self.steps += 1
            n = self.tail_of(e, n)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def tail_of(self, e: i64, below: i64) -> i64:
        """Node that a link leaves, by bisection of the nodes before ``below``."""
        low: i64
        middle: i64
        low = 0
        while below - low > 1:
            middle = (low + below) // 2
            if self.link_at[middle] <= e:
                low = middle
            else:
                below = middle
        return low

    def backward(self) -> float:
        """Cheapest completion from every node when orders may come again; that of the source."""
        n: i64
        e: i64
        best: f64
        value: f64
        with cython.nogil:
            for n in range(self.nodes - 2, -1, -1):
                best = FAR
                for e in range(self.link_at[n], self.link_at[n + 1]):
                    value = self.back[self.link_head[e]]
                    if value < FAR:
                        value += self.cost[self.link_arc[e]]
                        if value < best:
                            best = value
                self.back[n] = best
        return self.back[0]

    # Labels -----------------------------------------------------------------------------------

    def search(self, limit: f64) -> float:
        """Cheapest path of labels that can end at ``limit`` or below; FAR if there is none.

        :meth:`forward` and :meth:`backward` have to be up to date. ``path`` has the arcs, last
        first. −FAR says that there was too little room.
        """
        code: i64
        with cython.nogil:
            code = self.come_home(limit)
            if code == 0:
                code = self.go_out(limit)
        if code < 0:
            return -FAR
        self.steps = 0
        if self.out.first[self.nodes - 1] < 0:
            return FAR
        return self.trace_labels()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def come_home(self, limit: f64) -> i64:
        """Labels from the sink."""
        n: i64
        e: i64
        x: i64
        a: i64
        r: i64
        head: i64
        value: f64
        memory: u64
        order: u64
        self.home.clear()
        if self.back[0] > limit:
            return 0
        if not self.home.put(self.nodes - 1, 0.0, 0, NONE, NONE):
            return NONE
        for n in range(self.nodes - 2, -1, -1):
            if self.ahead[n] + self.back[n] > limit:
                continue
            for e in range(self.link_at[n], self.link_at[n + 1]):
                head = self.link_head[e]
                x = self.home.first[head]
                if x < 0:
                    continue
                a = self.link_arc[e]
                value = self.cost[a] + self.ahead[n]
                r = self.row[a]
                order = self.sign_of(r)
                while x >= 0:
                    if self.home.cost[x] + value <= limit:
                        memory = self.home.memory[x]
                        if not (memory & order):
                            if r >= 0:
                                memory = (memory & self.keeps[r]) | order
                            memory = memory & self.born[n]
                            if not self.home.put(n, self.home.cost[x] + self.cost[a], memory, x, e):
                                return NONE
                    x = self.home.next[x]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def go_out(self, limit: f64) -> i64:
        """Labels from the source, bounded by those from the sink."""
        n: i64
        e: i64
        x: i64
        a: i64
        r: i64
        head: i64
        begin: f64
        least: f64
        memory: u64
        order: u64
        self.out.clear()
        if self.back[0] > limit:
            return 0
        if not self.out.put(0, 0.0, 0, NONE, NONE):
            return NONE
        for n in range(self.nodes - 1):
            if self.out.first[n] < 0:
                continue
            for e in range(self.link_at[n], self.link_at[n + 1]):
                a = self.link_arc[e]
                head = self.link_head[e]
                if self.home.first[head] < 0:
                    continue
                least = self.back[head]
                r = self.row[a]
                order = self.sign_of(r)
                x = self.out.first[n]
                while x >= 0:
                    begin = self.out.cost[x] + self.cost[a]
                    if begin + least <= limit:
                        memory = self.out.memory[x]
                        if not (memory & order):
                            if r >= 0:
                                memory = (memory & self.keeps[r]) | order
                            memory = memory & self.alive[head]
                            if self.home.can_meet(head, limit - begin, memory) and not self.out.put(
                                head, begin, memory, x, e
                            ):
                                return NONE
                    x = self.out.next[x]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def sign_of(self, r: i64) -> u64:
        """The bit of a multiplier; 0 for none."""
        if r >= 0 and self.bit[r] >= 0:
            return cython.cast(u64, 1) << self.bit[r]
        return 0

    def trace_labels(self) -> float:
        x: i64
        best: i64
        x = self.out.first[self.nodes - 1]
        best = x
        while x >= 0:
            if self.out.cost[x] < self.out.cost[best]:
                best = x
            x = self.out.next[x]
        x = best
        while self.out.before[x] >= 0:
            self.path[self.steps] = self.link_arc[self.out.link[x]]
            self.steps += 1
            x = self.out.before[x]
        return self.out.cost[best]

    # What a path does -------------------------------------------------------------------------

    def tell(self, power: f64[::1], visits: f64[::1]) -> int:
        """Add the power of the last path, (T,) [kW], and its visits by multiplier; its steps."""
        k: i64
        a: i64
        r: i64
        t: i64
        with cython.nogil:
            for k in range(self.steps):
                a = self.path[k]
                if self.row[a] >= 0:
                    visits[self.row[a]] += 1.0
                for r in range(self.run_at[a], self.run_at[a + 1]):
                    for t in range(self.run_begin[r], self.run_end[r]):
                        power[t] += self.run_kw[r]
        return self.steps

    # Fixing by reduced cost -------------------------------------------------------------------

    def thin(self, limit: f64, link_at: i32[::1], link_arc: i32[::1], link_head: i32[::1]) -> int:
        """Copy the links on a path that may be at ``limit`` or below; their number.

        A search both ways at that limit has to be up to date.
        """
        n: i64
        e: i64
        kept: i64
        begin: f64
        least: f64
        kept = 0
        with cython.nogil:
            for n in range(self.nodes):
                self.ahead[n] = self.out.least(n)
                self.back[n] = self.home.least(n)
            for n in range(self.nodes):
                link_at[n] = cython.cast(i32, kept)
                begin = self.ahead[n]
                if begin >= FAR:
                    continue
                for e in range(self.link_at[n], self.link_at[n + 1]):
                    least = self.back[self.link_head[e]]
                    if least < FAR and begin + self.cost[self.link_arc[e]] + least <= limit:
                        link_arc[kept] = self.link_arc[e]
                        link_head[kept] = self.link_head[e]
                        kept += 1
            link_at[self.nodes] = cython.cast(i32, kept)
        return kept
