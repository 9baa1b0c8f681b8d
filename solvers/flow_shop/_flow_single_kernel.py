"""The exact kernel for one machine: successive sublimation, after Ibaraki and Nakamura (1994).

This file is annotated Python, compiled by Cython where it can be, with the same results.

Jobs have a cost for each start; idle slots cost nothing. A path through the slots that may repeat
jobs, or leave some out, at a price (the multiplier) of each visit, bounds the cost from below. The
more jobs are tracked, so that the path visits them exactly once, the better the bound; a state is a
slot and the set of tracked jobs done. With few tracked jobs the states stand in a table; the
multipliers are raised there, and jobs visited wrongly become tracked. Then level follows level
with more tracked jobs, keeping only states through which a path can still cost less than the best
plan known; what a level says of the way to the end prunes the next. With all jobs tracked the least
path is a plan, and no cheaper one exists (Tanaka and Fujikura, 2012, with idle time).
"""

from __future__ import annotations

from array import array

from twin.simulation import _cython_shim as cython

i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)
f64 = cython.typedef(cython.double)

FAR = cython.declare(cython.double, 1e300)
MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)


@cython.cclass
class Single:
    """One machine, its jobs' costs by start, and the states of the relaxation now at hand."""

    jobs: i64
    slots: i64
    tracked: i64
    """Number of tracked jobs, k. The job ``job_of[b]`` has bit b of a set."""
    length: i64[::1]
    cost: f64[::1]
    """(J·(T + 1)) of a job that starts in a slot; FAR where it does not fit."""
    price: f64[::1]
    """(J) multiplier: what a visit earns."""
    best_price: f64[::1]
    direction: f64[::1]
    visits: i64[::1]
    bit: i64[::1]
    job_of: i64[::1]
    bound: f64
    # The table of the way to the end, [t, set] at t·2^k + set.
    table: f64[::1]
    table_bits: i64
    # States of this level and of the one before: key t·2^J + set.
    room: i64
    count: i64
    key: i64[::1]
    ahead: f64[::1]
    """Least price from the first slot to a state, then the least of a whole path through it."""
    behind: f64[::1]
    """Least price from a state to the last slot."""
    following: i64[::1]
    place: i64[::1]
    """Open hash table of states: number + 1, or 0."""
    first_of: i64[::1]
    """(T + 1) the last state made in a slot; the others follow."""
    old_key: i64[::1]
    old_behind: f64[::1]
    old_place: i64[::1]
    old_bits: i64
    has_old: cython.bint
    start: i64[::1]

    def __init__(self, length: cython.const[i64][::1], cost: cython.const[f64][::1], slots: i64):
        jobs: i64 = len(length)
        self.jobs = jobs
        self.slots = slots
        self.tracked = 0
        self.length = array("q", length)
        self.cost = array("d", cost)
        self.price = array("d", bytes(8 * jobs))
        self.best_price = array("d", bytes(8 * jobs))
        self.direction = array("d", bytes(8 * jobs))
        self.visits = array("q", bytes(8 * jobs))
        self.bit = array("q", [-1] * jobs)
        self.job_of = array("q", bytes(8 * jobs))
        self.start = array("q", bytes(8 * jobs))
        self.first_of = array("q", bytes(8 * (slots + 1)))
        self.bound = -FAR
        self.count = 0
        self.table_bits = -1
        self.old_bits = 0
        self.has_old = False
        self.make_room(1)
        self.keep_level()

    # What Python sees --------------------------------------------------------------------------
    def track(self, job: i64) -> None:
        """From now on a path visits this job exactly once."""
        self.bit[job] = self.tracked
        self.job_of[self.tracked] = job
        self.tracked += 1

    def is_tracked(self, job: i64) -> bool:
        return self.bit[job] >= 0

    def visits_of(self, job: i64) -> int:
        """How often the best path of the last table, or level, visits a job."""
        return self.visits[job]

    def set_price(self, job: i64, price: f64) -> None:
        self.price[job] = price

    def ascend(self, iterations: i64, target: f64) -> float:
        """Raise the multipliers towards a target value; return the best bound so far.

        Polyak's step with a share that falls while the bound does not rise.
        """
        if self.table_bits != self.tracked:
            self.table = array("d", bytes(8 * ((self.slots + 1) << self.tracked)))
            self.table_bits = self.tracked
        with cython.nogil:
            self.climb(iterations, target)
        return self.bound

    def level(self, limit: f64, room: i64) -> int:
        """States of the tracked jobs through which a path costs less than ``limit``.

        Returns the number of states, or -1 when they need more room: then nothing has changed.
        """
        done: cython.bint
        if self.room < room:
            self.make_room(room)
        with cython.nogil:
            done = self.go_forward(limit)
            if done:
                self.go_back()
                self.prune(limit)
        if not done:
            return -1
        self.keep_level()
        return self.count

    def least(self) -> float:
        """Least cost of a path of the last level; infinite when there is none below its limit."""
        root: i64 = self.find_old(0)
        return self.old_behind[root] + self.prices() if root >= 0 else float("inf")

    def starts(self) -> list[int]:
        """First slots of the jobs in the best path of the last level, which counts its visits."""
        with cython.nogil:
            self.follow()
        return list(self.start)

    # The table ---------------------------------------------------------------------------------
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def climb(self, iterations: i64, target: f64) -> cython.void:
        j: i64
        _iteration: i64
        stalled: i64 = 0
        share: f64 = 1.0
        norm: f64
        value: f64
        gap: f64
        for j in range(self.jobs):
            self.direction[j] = 0.0
        for _iteration in range(iterations):
            self.fill_table()
            value = self.table[0] + self.prices()
            self.walk_table()
            if value > self.bound:
                if value > self.bound + 1e-6 * (target - self.bound):
                    stalled = 0
                self.bound = value
                for j in range(self.jobs):
                    self.best_price[j] = self.price[j]
            stalled += 1
            if stalled > 100:
                share = share * 0.7
                stalled = 0
                for j in range(self.jobs):
                    self.price[j] = self.best_price[j]
                    self.direction[j] = 0.0
                continue
            norm = 0.0
            for j in range(self.jobs):
                self.direction[j] = 0.7 * self.direction[j] + cython.cast(f64, 1 - self.visits[j])
                norm += self.direction[j] * self.direction[j]
            if norm < 1e-12 or value >= target:
                break
            gap = target - value
            for j in range(self.jobs):
                self.price[j] = self.price[j] + share * gap / norm * self.direction[j]
        for j in range(self.jobs):
            self.price[j] = self.best_price[j]
        self.fill_table()
        self.walk_table()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def prices(self) -> f64:
        j: i64
        total: f64 = 0.0
        for j in range(self.jobs):
            total += self.price[j]
        return total

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def fill_table(self) -> cython.void:
        """Least price of the way to the end, from each slot and set of tracked jobs done."""
        sets: i64 = cython.cast(i64, 1) << self.table_bits
        t: i64
        s: i64
        j: i64
        here: i64
        there: i64
        cost: f64
        for s in range(sets):
            self.table[self.slots * sets + s] = FAR
        self.table[self.slots * sets + sets - 1] = 0.0
        for t in range(self.slots - 1, -1, -1):
            here = t * sets
            for s in range(sets):
                self.table[here + s] = self.table[here + sets + s]
            for j in range(self.jobs):
                if t + self.length[j] > self.slots:
                    continue
                cost = self.cost[j * (self.slots + 1) + t] - self.price[j]
                there = (t + self.length[j]) * sets
                if self.bit[j] < 0:
                    for s in range(sets):
                        self.table[here + s] = min(
                            self.table[here + s], cost + self.table[there + s]
                        )
                else:
                    self.relax_tracked(here, there, sets, cython.cast(i64, 1) << self.bit[j], cost)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def relax_tracked(self, here: i64, there: i64, sets: i64, one: i64, cost: f64) -> cython.void:
        block: i64 = 0
        s: i64
        while block < sets:
            for s in range(block, block + one):
                self.table[here + s] = min(self.table[here + s], cost + self.table[there + s + one])
            block += 2 * one

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def walk_table(self) -> cython.void:
        """Count the visits of the best path."""
        sets: i64 = cython.cast(i64, 1) << self.table_bits
        t: i64 = 0
        s: i64 = 0
        j: i64
        one: i64
        next_s: i64
        value: f64
        found: i64
        for j in range(self.jobs):
            self.visits[j] = 0
        while t < self.slots:
            value = self.table[t * sets + s]
            if value == self.table[(t + 1) * sets + s]:
                t += 1
                continue
            found = -1
            for j in range(self.jobs):
                if t + self.length[j] > self.slots:
                    continue
                next_s = s
                if self.bit[j] >= 0:
                    one = cython.cast(i64, 1) << self.bit[j]
                    if (s & one) != 0:
                        continue
                    next_s = s | one
                if (
                    value
                    == (self.cost[j * (self.slots + 1) + t] - self.price[j])
                    + self.table[(t + self.length[j]) * sets + next_s]
                ):
                    found = j
                    s = next_s
                    break
            if found < 0:
                return
            self.visits[found] = self.visits[found] + 1
            t += self.length[found]

    # Levels of states --------------------------------------------------------------------------
    def make_room(self, room: i64) -> None:
        """Room for so many states, and half as full a hash table."""
        places: i64 = 2
        while places < 2 * room:
            places = 2 * places
        self.room = room
        self.key = array("q", bytes(8 * room))
        self.ahead = array("d", bytes(8 * room))
        self.behind = array("d", bytes(8 * room))
        self.following = array("q", bytes(8 * room))
        self.place = array("q", bytes(8 * places))

    def keep_level(self) -> None:
        """Make this level the one before: only states on a path below the limit."""
        kept: i64 = 0
        number: i64
        places: i64 = 2
        for number in range(self.count):
            if self.behind[number] < FAR:
                kept += 1
        while places < 2 * (kept + 1):
            places = 2 * places
        old_key = array("q", bytes(8 * (kept + 1)))
        old_behind = array("d", bytes(8 * (kept + 1)))
        self.old_place = array("q", bytes(8 * places))
        self.old_key = old_key
        self.old_behind = old_behind
        self.old_behind[0] = FAR
        if self.count > 0:
            self.has_old = True
            self.old_bits = self.tracked
            with cython.nogil:
                kept = self.copy_states(places)
            self.count = kept

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def copy_states(self, places: i64) -> i64:
        kept: i64 = 0
        number: i64
        at: i64
        for number in range(self.count):
            if self.behind[number] >= FAR:
                continue
            self.old_key[kept] = self.key[number]
            self.old_behind[kept] = self.behind[number]
            at = self.hash(self.key[number], places)
            while self.old_place[at] != 0:
                at = (at + 1) & (places - 1)
            kept += 1
            self.old_place[at] = kept
        return kept

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hash(self, key: i64, places: i64) -> i64:
        mixed: u64 = (cython.cast(u64, key) * GOLDEN) & MASK
        return cython.cast(i64, mixed >> 20) & (places - 1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def find(self, key: i64) -> i64:
        """Number of a state of this level, or -1."""
        places: i64 = len(self.place)
        at: i64 = self.hash(key, places)
        while self.place[at] != 0:
            if self.key[self.place[at] - 1] == key:
                return self.place[at] - 1
            at = (at + 1) & (places - 1)
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def find_old(self, key: i64) -> i64:
        """Number of a state of the level before, or -1."""
        places: i64 = len(self.old_place)
        at: i64 = self.hash(key, places)
        while self.old_place[at] != 0:
            if self.old_key[self.old_place[at] - 1] == key:
                return self.old_place[at] - 1
            at = (at + 1) & (places - 1)
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def rest(self, t: i64, s: i64, most: f64) -> f64:
        """At least this is the price from a state to the end; FAR when that is known above most."""
        sets: i64 = cython.cast(i64, 1) << self.table_bits
        value: f64 = self.table[t * sets + (s & (sets - 1))]
        number: i64
        if value > most:
            return FAR
        if not self.has_old:
            return value
        sets = cython.cast(i64, 1) << self.old_bits
        number = self.find_old((t << self.jobs) + (s & (sets - 1)))
        if number < 0 or self.old_behind[number] > most:
            return FAR
        return self.old_behind[number]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def offer(self, t: i64, s: i64, price: f64, most: f64) -> cython.bint:
        """Reach a state at a price, unless its way to the end is too long; False without room."""
        key: i64 = (t << self.jobs) + s
        places: i64 = len(self.place)
        at: i64
        number: i64
        at = self.hash(key, places)
        while self.place[at] != 0:
            number = self.place[at] - 1
            if self.key[number] == key:
                if price < self.ahead[number]:
                    self.ahead[number] = price
                return True
            at = (at + 1) & (places - 1)
        if self.rest(t, s, most - price) >= FAR:
            return True
        if self.count == self.room:
            return False
        self.key[self.count] = key
        self.ahead[self.count] = price
        self.following[self.count] = self.first_of[t]
        self.first_of[t] = self.count
        self.count += 1
        self.place[at] = self.count
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def go_forward(self, limit: f64) -> cython.bint:
        """Make all states of the level, slot by slot."""
        t: i64
        s: i64
        j: i64
        one: i64
        number: i64
        next_s: i64
        low_bits: i64 = (cython.cast(i64, 1) << self.jobs) - 1
        most: f64 = limit - self.prices()
        price: f64
        self.count = 0
        for t in range(len(self.place)):
            self.place[t] = 0
        for t in range(self.slots + 1):
            self.first_of[t] = -1
        self.offer(0, 0, 0.0, most)
        for t in range(self.slots):
            number = self.first_of[t]
            while number >= 0:
                s = self.key[number] & low_bits
                price = self.ahead[number]
                if not self.offer(t + 1, s, price, most):
                    return False
                for j in range(self.jobs):
                    if t + self.length[j] > self.slots:
                        continue
                    next_s = s
                    if self.bit[j] >= 0:
                        one = cython.cast(i64, 1) << self.bit[j]
                        if (s & one) != 0:
                            continue
                        next_s = s | one
                    if not self.offer(
                        t + self.length[j],
                        next_s,
                        price + (self.cost[j * (self.slots + 1) + t] - self.price[j]),
                        most,
                    ):
                        return False
                number = self.following[number]
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def go_back(self) -> cython.void:
        """The way to the end from each state; states whose whole path is too long get FAR."""
        t: i64
        number: i64
        full: i64 = (cython.cast(i64, 1) << self.tracked) - 1
        low_bits: i64 = (cython.cast(i64, 1) << self.jobs) - 1
        number = self.first_of[self.slots]
        while number >= 0:
            self.behind[number] = 0.0 if (self.key[number] & low_bits) == full else FAR
            number = self.following[number]
        for t in range(self.slots - 1, -1, -1):
            number = self.first_of[t]
            while number >= 0:
                self.behind[number] = self.way_on(t, self.key[number] & low_bits)
                number = self.following[number]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def way_on(self, t: i64, s: i64) -> f64:
        """Least price from a state to the end, by the states one step on."""
        j: i64
        one: i64
        next_s: i64
        least: f64 = FAR
        number: i64 = self.find(((t + 1) << self.jobs) + s)
        if number >= 0:
            least = self.behind[number]
        for j in range(self.jobs):
            if t + self.length[j] > self.slots:
                continue
            next_s = s
            if self.bit[j] >= 0:
                one = cython.cast(i64, 1) << self.bit[j]
                if (s & one) != 0:
                    continue
                next_s = s | one
            number = self.find(((t + self.length[j]) << self.jobs) + next_s)
            if number >= 0 and self.behind[number] < FAR:
                least = min(
                    least,
                    (self.cost[j * (self.slots + 1) + t] - self.price[j]) + self.behind[number],
                )
        return least

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def prune(self, limit: f64) -> cython.void:
        """Give FAR to states whose whole path is too long."""
        number: i64
        most: f64 = limit - self.prices()
        for number in range(self.count):
            if self.ahead[number] + self.behind[number] > most:
                self.behind[number] = FAR

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def follow(self) -> cython.void:
        """Walk the best path of the level kept: visits, and the start of each job's last visit."""
        t: i64 = 0
        s: i64 = 0
        j: i64
        one: i64
        next_s: i64
        number: i64
        best: i64
        best_s: i64
        least: f64
        value: f64
        for j in range(self.jobs):
            self.visits[j] = 0
        while t < self.slots:
            best = -1
            best_s = s
            least = FAR
            number = self.find_old(((t + 1) << self.jobs) + s)
            if number >= 0:
                least = self.old_behind[number]
            for j in range(self.jobs):
                if t + self.length[j] > self.slots:
                    continue
                next_s = s
                if self.bit[j] >= 0:
                    one = cython.cast(i64, 1) << self.bit[j]
                    if (s & one) != 0:
                        continue
                    next_s = s | one
                number = self.find_old(((t + self.length[j]) << self.jobs) + next_s)
                if number < 0:
                    continue
                value = self.cost[j * (self.slots + 1) + t] - self.price[j]
                value += self.old_behind[number]
                if value < least:
                    least = value
                    best = j
                    best_s = next_s
            if least >= FAR:
                return
            if best < 0:
                t += 1
                continue
            self.visits[best] = self.visits[best] + 1
            self.start[best] = t
            s = best_s
            t += self.length[best]
