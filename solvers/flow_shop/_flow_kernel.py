"""The search kernel: anneals the one order of jobs of a permutation flow shop, and times it.

This file is annotated Python, compiled by Cython where it can be, with the same results.

A candidate is an order and wished starts. The starts are clipped into the windows that the order
leaves; then the machines are timed one by one, up and down the line: given the power of the other
machines and the starts before and after on a job's way, the starts of one machine that cost least
follow from dynamic programming over (position, slot). Each timing is exact for its machine, so the
cost never rises by it; it is not exact for all machines together.
"""

from __future__ import annotations

from array import array

from twin.simulation import _cython_shim as cython

if cython.compiled:
    from cython.cimports.libc.math import log
else:
    from math import log

i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)
f64 = cython.typedef(cython.double)

MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
MIX_1 = cython.declare(cython.ulonglong, 0xBF58476D1CE4E5B9)
MIX_2 = cython.declare(cython.ulonglong, 0x94D049BB133111EB)
UNIT = cython.declare(cython.double, 1.1102230246251565e-16)  # 2**-53
LATE = cython.declare(cython.double, 1e30)
"""Cost of one slot beyond the horizon."""
FAR = cython.declare(cython.double, 1e300)


@cython.cclass
class Search:
    """One chain of annealing: where it stands, what it tries, and its best plan so far.

    Operations are numbered machine · J + job.
    """

    jobs: i64
    machines: i64
    slots: i64
    random_state: u64
    limit: f64
    """Value up to which a move is accepted."""
    usual_gain: f64
    """Of timing the machines a second time."""
    value: f64
    new_value: f64
    best_value: f64
    length: i64[::1]
    """(M·J) slots."""
    first: i64[::1]
    """(M·J) where the profile of an operation begins in ``power``."""
    power: f64[::1]
    rate: f64[::1]
    generation: f64[::1]
    order: i64[::1]
    new_order: i64[::1]
    best_order: i64[::1]
    start: i64[::1]
    new_start: i64[::1]
    best_start: i64[::1]
    latest: i64[::1]
    low: i64[::1]
    high: i64[::1]
    excess: f64[::1]
    """(T) power of all, or of the other machines, beyond the generation; may be negative."""
    table: f64[::1]
    """(J·(T + 1)) least cost of the operations up to a position, of which this one starts by t."""

    def __init__(
        self,
        length: cython.const[i64][::1],
        first: cython.const[i64][::1],
        power: cython.const[f64][::1],
        rate: cython.const[f64][::1],
        generation: cython.const[f64][::1],
        order: cython.const[i64][::1],
        machines: i64,
        seed: u64,
    ) -> None:
        self.machines = machines
        self.jobs = len(order)
        self.slots = len(rate)
        self.limit = FAR
        self.usual_gain = 0.0
        self.random_state = seed
        operations: i64 = machines * self.jobs
        self.length = array("q", length)
        self.first = array("q", first)
        self.power = array("d", power)
        self.rate = array("d", rate)
        self.generation = array("d", generation)
        self.order = array("q", order)
        self.new_order = array("q", order)
        self.best_order = array("q", order)
        self.start = array("q", bytes(8 * operations))
        self.new_start = array("q", bytes(8 * operations))
        self.best_start = array("q", bytes(8 * operations))
        self.latest = array("q", bytes(8 * operations))
        self.low = array("q", bytes(8 * self.jobs))
        self.high = array("q", bytes(8 * self.jobs))
        self.excess = array("d", bytes(8 * self.slots))
        self.table = array("d", bytes(8 * self.jobs * (self.slots + 1)))
        self.evaluate()
        self.accept()
        self.best_value = self.value
        self.keep()

    # What Python sees --------------------------------------------------------------------------
    def anneal(self, steps: i64, temperature: f64, end_temperature: f64) -> float:
        """Try so many moves, while the temperature falls geometrically; return the best value."""
        cooling: f64 = 1.0
        if steps > 0 and temperature > 0.0:
            cooling = (end_temperature / temperature) ** (1.0 / steps)
        with cython.nogil:
            self.walk(steps, temperature, cooling)
        return self.best_value

    def restart_from_best(self) -> None:
        """Go on from the best plan."""
        operation: i64
        for operation in range(self.jobs):
            self.order[operation] = self.best_order[operation]
        for operation in range(self.machines * self.jobs):
            self.start[operation] = self.best_start[operation]
        self.value = self.best_value

    def offer(self, order: cython.const[i64][::1], start: cython.const[i64][::1]) -> None:
        """Keep another order, timed from its wished starts, if it is better than the best."""
        operation: i64
        for operation in range(self.jobs):
            self.new_order[operation] = order[operation]
        for operation in range(self.machines * self.jobs):
            self.new_start[operation] = start[operation]
        self.limit = FAR
        self.evaluate()
        if self.new_value < self.best_value:
            for operation in range(self.jobs):
                self.best_order[operation] = self.new_order[operation]
            for operation in range(self.machines * self.jobs):
                self.best_start[operation] = self.new_start[operation]
            self.best_value = self.new_value

    def restart(self, order: cython.const[i64][::1], start: cython.const[i64][::1]) -> None:
        """Go on from another order and its wished starts (machine by machine); keep the best."""
        operation: i64
        for operation in range(self.jobs):
            self.new_order[operation] = order[operation]
        for operation in range(self.machines * self.jobs):
            self.new_start[operation] = start[operation]
        self.limit = FAR
        self.evaluate()
        self.accept()
        if self.value < self.best_value:
            self.keep()

    def best(self) -> tuple[float, list[int], list[int]]:
        """Value, order, and starts machine by machine; of an infinite value when it fits not."""
        order: list[int] = list(self.best_order)
        start: list[int] = list(self.best_start)
        return self.best_objective(), order, start

    def best_objective(self) -> float:
        """Value of the best plan; infinite when none has fitted."""
        value: float = self.best_value
        return float("inf") if value >= LATE else value

    def current_value(self) -> float:
        return self.value

    # Annealing ---------------------------------------------------------------------------------
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def walk(self, steps: i64, temperature: f64, cooling: f64) -> cython.void:
        _step: i64
        for _step in range(steps):
            self.propose()
            self.limit = self.value + temperature * self.patience()
            self.evaluate()
            if self.new_value <= self.limit:
                self.accept()
                if self.value < self.best_value - 1e-12 * self.best_value:
                    self.keep()
            temperature = temperature * cooling

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def patience(self) -> f64:
        """Rise, in temperatures, that this move is forgiven: exponential, as Metropolis has it."""
        luck: f64 = self.uniform()
        return -log(luck) if luck > 0.0 else 36.0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def propose(self) -> cython.void:
        """Copy the present plan, and swap two jobs, insert a block elsewhere, or shift times."""
        k: i64
        kind: f64 = self.uniform()
        for k in range(self.jobs):
            self.new_order[k] = self.order[k]
        for k in range(self.machines * self.jobs):
            self.new_start[k] = self.start[k]
        if self.jobs < 2 or kind < 0.2:
            self.shift()
        elif kind < 0.55:
            self.swap()
        else:
            self.insert()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def swap(self) -> cython.void:
        a: i64 = self.below(self.jobs)
        b: i64 = self.other_position(a, self.jobs)
        job: i64 = self.new_order[a]
        other: i64 = self.new_order[b]
        m: i64
        place: i64
        self.new_order[a] = other
        self.new_order[b] = job
        for m in range(self.machines):
            place = self.new_start[m * self.jobs + job]
            self.new_start[m * self.jobs + job] = self.new_start[m * self.jobs + other]
            self.new_start[m * self.jobs + other] = place

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def insert(self) -> cython.void:
        """Take a job, or a few in a row, out and put them elsewhere; others keep their wishes."""
        count: i64 = 1
        if self.jobs > 4 and self.uniform() < 0.25:
            count = 2 + self.below(3)
        places: i64 = self.jobs - count + 1
        a: i64 = self.below(places)
        b: i64 = self.other_position(a, places)
        k: i64
        m: i64
        job: i64
        later: i64
        beside: i64 = self.order[b]
        if a < b:
            beside = self.order[b + count - 1]
            for k in range(a, b):
                self.new_order[k] = self.order[k + count]
        else:
            for k in range(b, a):
                self.new_order[k + count] = self.order[k]
        for k in range(count):
            self.new_order[b + k] = self.order[a + k]
        for m in range(self.machines):
            job = m * self.jobs + self.order[a]
            later = self.start[m * self.jobs + beside] - self.start[job]
            for k in range(count):
                job = m * self.jobs + self.order[a + k]
                self.new_start[job] = self.start[job] + later

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def shift(self) -> cython.void:
        """Wish a job, or it and all before or after it, earlier or later."""
        position: i64 = self.below(self.jobs)
        slots: i64 = 1 + self.below(8 if self.uniform() < 0.7 else max(self.slots // 6, 8))
        kind: f64 = self.uniform()
        begin: i64 = position
        end: i64 = position + 1
        k: i64
        m: i64
        operation: i64
        if self.uniform() < 0.5:
            slots = -slots
        if kind < 0.33:
            begin = 0
        elif kind < 0.66:
            end = self.jobs
        for m in range(self.machines):
            for k in range(begin, end):
                operation = m * self.jobs + self.new_order[k]
                self.new_start[operation] = self.new_start[operation] + slots

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def other_position(self, position: i64, places: i64) -> i64:
        """Another position, near by half of the time."""
        other: i64
        if self.uniform() < 0.5:
            other = position + 1 + self.below(4)
            if self.uniform() < 0.5:
                other = position - (other - position)
            if 0 <= other < places:
                return other
        other = self.below(places - 1)
        return other + 1 if other >= position else other

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def accept(self) -> cython.void:
        k: i64
        for k in range(self.jobs):
            self.order[k] = self.new_order[k]
        for k in range(self.machines * self.jobs):
            self.start[k] = self.new_start[k]
        self.value = self.new_value

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def keep(self) -> cython.void:
        k: i64
        for k in range(self.jobs):
            self.best_order[k] = self.order[k]
        for k in range(self.machines * self.jobs):
            self.best_start[k] = self.start[k]
        self.best_value = self.value

    # Timing an order ---------------------------------------------------------------------------
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def evaluate(self) -> cython.void:
        """Time ``new_order`` from the wishes in ``new_start``; its cost is ``new_value``."""
        overrun: i64 = self.place()
        m: i64
        if overrun > 0:
            self.new_value = LATE * overrun
            return
        self.sum_power()
        for m in range(self.machines):
            self.new_value = self.time_machine(m)
        once: f64 = self.new_value
        if self.machines == 1 or once > self.limit + 4.0 * self.usual_gain:
            return
        for m in range(self.machines - 2, -1, -1):
            self.new_value = self.time_machine(m)
        self.usual_gain += 0.01 * (once - self.new_value - self.usual_gain)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def place(self) -> i64:
        """Clip the wishes into the windows of the order; slots by which the order overruns."""
        jobs: i64 = self.jobs
        k: i64
        m: i64
        operation: i64
        bound: i64
        floor: i64
        overrun: i64 = 0
        for k in range(jobs - 1, -1, -1):
            for m in range(self.machines - 1, -1, -1):
                operation = m * jobs + self.new_order[k]
                bound = self.slots
                if m + 1 < self.machines:
                    bound = self.latest[operation + jobs]
                if k + 1 < jobs:
                    bound = min(bound, self.latest[m * jobs + self.new_order[k + 1]])
                self.latest[operation] = bound - self.length[operation]
                overrun = max(overrun, -self.latest[operation])
        if overrun > 0:
            return overrun
        for k in range(jobs):
            for m in range(self.machines):
                operation = m * jobs + self.new_order[k]
                floor = 0
                if m > 0:
                    bound = operation - jobs
                    floor = self.new_start[bound] + self.length[bound]
                if k > 0:
                    bound = m * jobs + self.new_order[k - 1]
                    floor = max(floor, self.new_start[bound] + self.length[bound])
                floor = max(floor, self.new_start[operation])
                self.new_start[operation] = min(floor, self.latest[operation])
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def sum_power(self) -> cython.void:
        t: i64
        m: i64
        for t in range(self.slots):
            self.excess[t] = -self.generation[t]
        for m in range(self.machines):
            self.add_power(m, 1.0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def add_power(self, m: i64, sign: f64) -> cython.void:
        operation: i64
        q: i64
        first: i64
        start: i64
        for operation in range(m * self.jobs, (m + 1) * self.jobs):
            first = self.first[operation]
            start = self.new_start[operation]
            for q in range(self.length[operation]):
                self.excess[start + q] = self.excess[start + q] + sign * self.power[first + q]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def time_machine(self, m: i64) -> f64:
        """Start the operations of one machine where they cost least; the cost of all machines."""
        t: i64
        others: f64 = 0.0
        own: f64
        self.add_power(m, -1.0)
        for t in range(self.slots):
            if self.excess[t] > 0.0:
                others += self.rate[t] * self.excess[t]
        self.find_windows(m)
        own = self.fill_table(m)
        self.trace(m)
        self.add_power(m, 1.0)
        return others + own

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def find_windows(self, m: i64) -> cython.void:
        """First and last start of each position, between the job's neighbours on its way."""
        jobs: i64 = self.jobs
        k: i64
        operation: i64
        bound: i64 = 0
        for k in range(jobs):
            operation = m * jobs + self.new_order[k]
            if m > 0:
                bound = max(bound, self.new_start[operation - jobs] + self.length[operation - jobs])
            self.low[k] = bound
            bound += self.length[operation]
        bound = self.slots
        for k in range(jobs - 1, -1, -1):
            operation = m * jobs + self.new_order[k]
            if m + 1 < self.machines:
                bound = min(bound, self.new_start[operation + jobs])
            bound -= self.length[operation]
            self.high[k] = bound

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def fill_table(self, m: i64) -> f64:
        """Forward pass over positions; the least cost that this machine adds to the others."""
        row: i64 = self.slots + 1
        k: i64
        t: i64
        before: i64
        operation: i64
        length: i64 = 0
        last: i64 = 0
        least: f64 = 0.0
        cost: f64
        for k in range(self.jobs):
            operation = m * self.jobs + self.new_order[k]
            least = FAR
            for t in range(self.low[k], self.high[k] + 1):
                cost = self.added_cost(operation, t)
                if k > 0:
                    before = min(t - length, last)
                    cost += self.table[(k - 1) * row + before]
                least = min(least, cost)
                self.table[k * row + t] = least
            length = self.length[operation]
            last = self.high[k]
        return least

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def added_cost(self, operation: i64, t: i64) -> f64:
        """What an operation that starts at t adds to the cost of the other machines."""
        q: i64
        first: i64 = self.first[operation]
        cost: f64 = 0.0
        others: f64
        both: f64
        for q in range(self.length[operation]):
            others = self.excess[t + q]
            both = others + self.power[first + q]
            if both > 0.0:
                if others > 0.0:
                    cost += self.rate[t + q] * self.power[first + q]
                else:
                    cost += self.rate[t + q] * both
        return cost

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def trace(self, m: i64) -> cython.void:
        """The earliest starts that have the least cost, from the last position back."""
        row: i64 = self.slots + 1
        k: i64
        t: i64 = self.slots
        operation: i64
        for k in range(self.jobs - 1, -1, -1):
            operation = m * self.jobs + self.new_order[k]
            t = min(self.high[k], t - self.length[operation])
            while t > self.low[k] and self.table[k * row + t - 1] == self.table[k * row + t]:
                t -= 1
            self.new_start[operation] = t

    # Luck --------------------------------------------------------------------------------------
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def draw(self) -> u64:
        """64 random bits: SplitMix64 (Steele, Lea and Flood, 2014)."""
        z: u64
        self.random_state = (self.random_state + GOLDEN) & MASK
        z = self.random_state
        z = ((z ^ (z >> 30)) * MIX_1) & MASK
        z = ((z ^ (z >> 27)) * MIX_2) & MASK
        return z ^ (z >> 31)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def uniform(self) -> f64:
        return UNIT * cython.cast(f64, self.draw() >> 11)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def below(self, count: i64) -> i64:
        """A whole number from 0 to count - 1."""
        return cython.cast(i64, self.uniform() * cython.cast(f64, count))
