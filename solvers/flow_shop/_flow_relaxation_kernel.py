"""The bound kernel for several machines: Lagrangian relaxation, each job's way being exact.

This file is annotated Python, compiled by Cython where it can be, with the same results.

A slot costs rate·max(0, P − generation), which is at least share·rate·(P − generation) for every
share from 0 to 1. A machine that has one job at a time is made to pay a rent for a slot instead.
Then the jobs are alone: each runs through its machines where power and rents cost least, by dynamic
programming. The sum of that, less the rents and the generation at its share, is a bound for any
shares and rents, and close to the linear bound of the time-indexed model for good ones. Where
the rate is negative the draw can at best be the whole power: the share is 1, and no generation.
"""

from __future__ import annotations

from array import array

from twin.simulation import _cython_shim as cython

i64 = cython.typedef(cython.longlong)
f64 = cython.typedef(cython.double)

FAR = cython.declare(cython.double, 1e300)


@cython.cclass
class Relaxation:
    """Shares and rents, and the jobs' ways at them. Operations are numbered machine · J + job."""

    jobs: i64
    machines: i64
    slots: i64
    length: i64[::1]
    first: i64[::1]
    power: f64[::1]
    rate: f64[::1]
    generation: f64[::1]
    unit: f64
    """What a rent of 1 costs: a typical cost of a slot of work, so that both kinds move alike."""
    share: f64[::1]
    rent: f64[::1]
    """(M·T)."""
    best_share: f64[::1]
    best_rent: f64[::1]
    share_step: f64[::1]
    rent_step: f64[::1]
    drawn: f64[::1]
    busy: f64[::1]
    rent_before: f64[::1]
    """(T + 1) rents of the slots before, for one machine after the other."""
    table: f64[::1]
    """(M·(T + 1)) least cost of a job whose operation on machine m has started by t."""
    through: f64[::1]
    """(M·(T + 1)) bound of the plans in which one job starts on m in t."""
    behind: f64[::1]
    """(M·(T + 1)) least cost of a job from machine m on, when it starts there in t or later."""
    bound: f64
    portion: f64
    """Of Polyak's step."""

    def __init__(
        self,
        length: cython.const[i64][::1],
        first: cython.const[i64][::1],
        power: cython.const[f64][::1],
        rate: cython.const[f64][::1],
        generation: cython.const[f64][::1],
        machines: i64,
    ):
        t: i64
        q: i64
        slots: i64 = len(rate)
        self.machines = machines
        self.slots = slots
        self.jobs = len(length) // machines
        self.length = array("q", length)
        self.first = array("q", first)
        self.power = array("d", power)
        self.rate = array("d", rate)
        self.generation = array("d", generation)
        self.share = array("d", [1.0] * slots)
        self.rent = array("d", bytes(8 * machines * slots))
        self.best_share = array("d", [1.0] * slots)
        self.best_rent = array("d", bytes(8 * machines * slots))
        self.share_step = array("d", bytes(8 * slots))
        self.rent_step = array("d", bytes(8 * machines * slots))
        self.drawn = array("d", bytes(8 * slots))
        self.busy = array("d", bytes(8 * machines * slots))
        self.rent_before = array("d", bytes(8 * machines * (slots + 1)))
        self.table = array("d", bytes(8 * machines * (slots + 1)))
        self.through = array("d", bytes(8 * machines * (slots + 1)))
        self.behind = array("d", bytes(8 * machines * (slots + 1)))
        self.bound = -FAR
        self.portion = 1.0
        mean_rate: f64 = 0.0
        mean_power: f64 = 0.0
        for t in range(slots):
            mean_rate += abs(self.rate[t]) / cython.cast(f64, slots)
            if self.rate[t] < 0.0:
                self.generation[t] = 0.0
        for q in range(len(power)):
            mean_power += self.power[q] / cython.cast(f64, len(power))
        self.unit = max(mean_rate * mean_power, 1e-9)

    def ascend(self, iterations: i64, target: f64) -> float:
        """Raise the bound towards a target by so many steps; return the best so far."""
        with cython.nogil:
            self.climb(iterations, target)
        return self.bound

    def bounds_by_start(self, job: i64) -> list[float]:
        """(M·(T + 1)) bound of the plans in which an operation of a job starts in a slot.

        At the best shares and rents; 1e300 where it cannot start.
        """
        with cython.nogil:
            self.go_to_best()
            self.run_jobs()
            self.pass_through(job)
        return list(self.through)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def climb(self, iterations: i64, target: f64) -> cython.void:
        """Deflected subgradient steps of Polyak's length, shorter whenever the bound stalls."""
        _iteration: i64
        stalled: i64 = 0
        value: f64
        norm: f64
        for _iteration in range(iterations):
            value = self.run_jobs()
            if value > self.bound:
                if value > self.bound + 1e-4 * (target - self.bound):
                    stalled = 0
                self.bound = value
                self.copy(self.share, self.best_share)
                self.copy(self.rent, self.best_rent)
            if value >= target:
                return
            stalled += 1
            if stalled > 30:
                stalled = 0
                self.portion = max(0.8 * self.portion, 1e-4)
                self.go_to_best()
                continue
            norm = self.turn()
            if norm < 1e-12:
                return
            self.step(self.portion * (target - value) / norm)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def go_to_best(self) -> cython.void:
        t: i64
        self.copy(self.best_share, self.share)
        self.copy(self.best_rent, self.rent)
        for t in range(self.slots):
            self.share_step[t] = 0.0
        for t in range(self.machines * self.slots):
            self.rent_step[t] = 0.0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def copy(self, source: f64[::1], target: f64[::1]) -> cython.void:
        i: i64
        for i in range(len(source)):
            target[i] = source[i]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def turn(self) -> f64:
        """Turn the direction to the new slope, where it does not lead out of the box; its norm."""
        t: i64
        slope: f64
        norm: f64 = 0.0
        for t in range(self.slots):
            slope = 0.0
            if self.rate[t] > 0.0:
                slope = self.rate[t] * (self.drawn[t] - self.generation[t])
                slope = 0.7 * self.share_step[t] + 0.3 * slope
            if (slope > 0.0 and self.share[t] >= 1.0) or (slope < 0.0 and self.share[t] <= 0.0):
                slope = 0.0
            self.share_step[t] = slope
            norm += slope * slope
        for t in range(self.machines * self.slots):
            slope = 0.7 * self.rent_step[t] + 0.3 * self.unit * (self.busy[t] - 1.0)
            if slope < 0.0 and self.rent[t] <= 0.0:
                slope = 0.0
            self.rent_step[t] = slope
            norm += slope * slope
        return norm

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def step(self, size: f64) -> cython.void:
        t: i64
        for t in range(self.slots):
            self.share[t] = min(1.0, max(0.0, self.share[t] + size * self.share_step[t]))
        for t in range(self.machines * self.slots):
            self.rent[t] = max(0.0, self.rent[t] + size * self.rent_step[t])

    # The jobs, each alone -----------------------------------------------------------------------
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def run_jobs(self) -> f64:
        """Value of the relaxation at the present shares and rents, and what the jobs then use."""
        t: i64
        m: i64
        j: i64
        value: f64 = 0.0
        for t in range(self.slots):
            self.drawn[t] = 0.0
            value -= self.share[t] * self.rate[t] * self.generation[t]
        for m in range(self.machines):
            self.rent_before[m * (self.slots + 1)] = 0.0
            for t in range(self.slots):
                self.busy[m * self.slots + t] = 0.0
                value -= self.unit * self.rent[m * self.slots + t]
                self.rent_before[m * (self.slots + 1) + t + 1] = (
                    self.rent_before[m * (self.slots + 1) + t]
                    + self.unit * self.rent[m * self.slots + t]
                )
        for j in range(self.jobs):
            value += self.run_job(j)
        return value

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def run_job(self, j: i64) -> f64:
        """Least cost of a job's way through the machines; its use is counted."""
        row: i64 = self.slots + 1
        m: i64
        t: i64
        length: i64
        before: i64 = 0
        low: i64 = 0
        high: i64 = self.slots
        least: f64 = 0.0
        cost: f64
        for m in range(self.machines):
            high -= self.length[m * self.jobs + j]
        for m in range(self.machines):
            length = self.length[m * self.jobs + j]
            least = FAR
            for t in range(low, high + 1):
                cost = self.cost_of(m, j, t)
                if m > 0:
                    cost += self.table[(m - 1) * row + t - before]
                least = min(least, cost)
                self.table[m * row + t] = least
            low += length
            high += length
            before = length
        self.use(j, high, low)
        return least

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def cost_of(self, m: i64, j: i64, t: i64) -> f64:
        """Power at its share and rent of an operation that starts in t."""
        q: i64
        first: i64 = self.first[m * self.jobs + j]
        length: i64 = self.length[m * self.jobs + j]
        rents: i64 = m * (self.slots + 1) + t
        cost: f64 = self.rent_before[rents + length] - self.rent_before[rents]
        for q in range(length):
            cost += self.share[t + q] * self.rate[t + q] * self.power[first + q]
        return cost

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def pass_through(self, j: i64) -> cython.void:
        """Bounds of a job's starts: the best way to each, the best way on, the others' best."""
        row: i64 = self.slots + 1
        m: i64
        t: i64
        low: i64 = 0
        high: i64 = self.slots
        length: i64
        after: i64
        least: f64 = self.run_job(j)
        ahead: f64
        on: f64
        cost: f64
        for t in range(self.machines * row):
            self.through[t] = FAR
        for m in range(self.machines):
            low += self.length[m * self.jobs + j]
        for m in range(self.machines - 1, -1, -1):
            length = self.length[m * self.jobs + j]
            low -= length
            high -= length
            on = FAR
            for t in range(high, low - 1, -1):
                cost = self.cost_of(m, j, t)
                ahead = 0.0
                if m > 0:
                    after = t - self.length[(m - 1) * self.jobs + j]
                    ahead = self.table[(m - 1) * row + after]
                if m + 1 < self.machines:
                    cost += self.behind[(m + 1) * row + t + length]
                self.through[m * row + t] = self.bound - least + ahead + cost
                on = min(on, cost)
                self.behind[m * row + t] = on

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def use(self, j: i64, t: i64, low: i64) -> cython.void:
        """Follow the least way back from the last machine, and count power and busy slots."""
        row: i64 = self.slots + 1
        m: i64
        q: i64
        length: i64
        first: i64
        for m in range(self.machines - 1, -1, -1):
            length = self.length[m * self.jobs + j]
            first = self.first[m * self.jobs + j]
            t -= length
            low -= length
            while t > low and self.table[m * row + t - 1] == self.table[m * row + t]:
                t -= 1
            for q in range(length):
                self.drawn[t + q] = self.drawn[t + q] + self.power[first + q]
                self.busy[m * self.slots + t + q] = self.busy[m * self.slots + t + q] + 1.0
