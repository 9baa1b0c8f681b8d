"""The kernel of the sequence search: times a plan from its sequences, prices it, and anneals.

A plan is a list of items for each unit (operation o ≥ 0, or ~q for maintenance task q) and for each
item a minute before which it does not begin. Items are timed as early as sequence, route, release,
shift and crew allow, by the rules of :class:`solvers.plan.Plan`; energy, wear, lateness and changes
are counted as :class:`solvers.account.Account` counts them. A batch that arrives at a full buffer,
and import above a cap, cost a fine. Uniform numbers are those of splitmix64 (Steele, Lea & Flood
2014).
"""

from __future__ import annotations

from twin.simulation import _cython_shim as cython

if cython.compiled:
    from cython.cimports.libc.math import ceil, exp, floor, log
else:
    from math import ceil, exp, floor, log

i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)
f64 = cython.typedef(cython.double)

FAR = cython.declare(cython.double, 1e300)
TINY = cython.declare(cython.double, 1e-9)
MOVED_MINUTES = cython.declare(cython.double, 60.000001)
MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
FIRST_MIX = cython.declare(cython.ulonglong, 0xBF58476D1CE4E5B9)
SECOND_MIX = cython.declare(cython.ulonglong, 0x94D049BB133111EB)
UNIT_STEP = cython.declare(cython.double, 1.1102230246251565e-16)


@cython.cclass
class Plant:
    """A problem in arrays, and the plan under way. Minutes, kW, kWh and currency throughout."""

    # Shifts: the intervals of shift s are shift_at[s] up to shift_at[s + 1].
    shift_at: i64[::1]
    opens: f64[::1]
    closes: f64[::1]
    before: f64[::1]
    after: f64[::1]
    # Units, (M,).
    unit_shift: i64[::1]
    startup: f64[::1]
    ready: f64[::1]
    is_on: i64[::1]
    first_key: i64[::1]
    keys: i64[::1]
    setup_at: i64[::1]
    setup_minutes: f64[::1]
    setup_cost: f64[::1]
    kw: f64[:, ::1]
    """Above off: warming, setting, working, maintaining, standby."""
    # Operations, (O,), and their choices.
    job_of: i64[::1]
    previous_op: i64[::1]
    pinned: i64[::1]
    """1 where it runs at minute 0, 2 where it is frozen at ``pin_start``, else 0."""
    pin: f64[:, ::1]
    """Start, work, end and setup of what is frozen, (O, 4)."""
    room: f64[::1]
    """Of the buffer before it [kg]; FAR for any."""
    buffer_at: i64[::1]
    """Operations of limited buffer b: buffer_at[b] up to buffer_at[b + 1] of ``buffered``."""
    buffered: i64[::1]
    planned_unit: i64[::1]
    planned_start: f64[::1]
    choice_at: i64[::1]
    choice_unit: i64[::1]
    choice_minutes: f64[::1]
    choice_key: i64[::1]
    # Orders, (J,).
    release: f64[::1]
    due: f64[::1]
    deadline: f64[::1]
    weight: f64[::1]
    mass: f64[::1]
    waits_first: i64[::1]
    last_op: i64[::1]
    delay_at: i64[::1]
    delay: f64[::1]
    # Tasks, (Q,).
    task_unit: i64[::1]
    task_crew: i64[::1]
    task_shift: i64[::1]
    task_minutes: f64[::1]
    earliest: f64[::1]
    latest: f64[::1]
    task_due: f64[::1]
    task_cost: f64[::1]
    interval: f64[::1]
    task_pinned: i64[::1]
    crew_size: i64[::1]
    # Failure modes by unit: mode_at[m] up to mode_at[m + 1].
    mode_at: i64[::1]
    mode_operates: i64[::1]
    mode_cost: f64[::1]
    mode_step: f64[::1]
    mode_first: i64[::1]
    mode_new: i64[::1]
    mode_size: i64[::1]
    mode_table: f64[::1]
    renews: i64[:, ::1]
    """(modes, tasks)"""
    # Site, (T,).
    rate: f64[::1]
    intensity: f64[::1]
    net_floor: f64[::1]
    """Energy of the site with every unit off, less own generation [kWh]."""
    marginal: f64[::1]
    """(T + 1,) integral of the cost of a kW from 0 to each edge."""
    # Figures: see FIGURES in tables.py.
    figures: f64[::1]
    # The plan: sequences (M, N) with their lengths, and what timing makes of them.
    sequence: i64[:, ::1]
    length: i64[::1]
    choice: i64[::1]
    not_before: f64[::1]
    task_not_before: f64[::1]
    start: f64[::1]
    work: f64[::1]
    end: f64[::1]
    setup: f64[::1]
    task_start: f64[::1]
    energy: f64[::1]
    steady: f64[::1]
    at: i64[::1]
    free_at: f64[::1]
    is_warm: i64[::1]
    key_now: i64[::1]
    done: i64[::1]
    # What a move may have to take back, and the best plan.
    old_sequence: i64[:, ::1]
    old_length: i64[::1]
    old_choice: i64[::1]
    old_not_before: f64[::1]
    old_task: f64[::1]
    best_sequence: i64[:, ::1]
    best_length: i64[::1]
    best_choice: i64[::1]
    best_not_before: f64[::1]
    best_task: f64[::1]
    units: i64
    ops: i64
    jobs: i64
    tasks: i64
    slots: i64
    state: u64
    end_of_time: f64
    slot: f64
    hours: f64
    feed_in: f64
    charge: f64
    incurred: f64
    late_rate: f64
    move_cost: f64
    deadline_fine: f64
    power_cap: f64
    power_fine: f64
    carbon_cap: f64
    carbon_fine: f64
    overfull_fine: f64
    is_clean: cython.bint
    """Whether the last plan priced broke no buffer and no cap."""
    cost: f64
    best: f64
    accepted: i64

    def __init__(self, tables: object) -> None:
        """Take the arrays of ``tables``, which has one of each name."""
        self.shift_at, self.opens, self.closes = tables.shift_at, tables.opens, tables.closes
        self.before, self.after = tables.before, tables.after
        self.unit_shift, self.startup, self.ready = tables.unit_shift, tables.startup, tables.ready
        self.is_on, self.first_key, self.keys = tables.is_on, tables.first_key, tables.keys
        self.setup_at, self.setup_minutes = tables.setup_at, tables.setup_minutes
        self.setup_cost, self.kw = tables.setup_cost, tables.kw
        self.job_of, self.previous_op, self.pinned = (
            tables.job_of,
            tables.previous_op,
            tables.pinned,
        )
        self.pin, self.room = tables.pin, tables.room
        self.buffer_at, self.buffered = tables.buffer_at, tables.buffered
        self.planned_unit, self.planned_start = tables.planned_unit, tables.planned_start
        self.choice_at, self.choice_unit = tables.choice_at, tables.choice_unit
        self.choice_minutes, self.choice_key = tables.choice_minutes, tables.choice_key
        self.release, self.due, self.deadline = tables.release, tables.due, tables.deadline
        self.weight, self.mass, self.waits_first = tables.weight, tables.mass, tables.waits_first
        self.last_op, self.delay_at, self.delay = tables.last_op, tables.delay_at, tables.delay
        self.task_unit, self.task_crew = tables.task_unit, tables.task_crew
        self.task_shift, self.task_minutes = tables.task_shift, tables.task_minutes
        self.earliest, self.latest, self.task_due = tables.earliest, tables.latest, tables.task_due
        self.task_cost, self.interval = tables.task_cost, tables.interval
        self.task_pinned, self.crew_size = tables.task_pinned, tables.crew_size
        self.mode_at, self.mode_operates = tables.mode_at, tables.mode_operates
        self.mode_cost, self.mode_step = tables.mode_cost, tables.mode_step
        self.mode_first, self.mode_new = tables.mode_first, tables.mode_new
        self.mode_size, self.mode_table = tables.mode_size, tables.mode_table
        self.renews = tables.renews
        self.rate, self.intensity = tables.rate, tables.intensity
        self.net_floor, self.marginal = tables.net_floor, tables.marginal
        self.sequence, self.length, self.choice = tables.sequence, tables.length, tables.choice
        self.not_before, self.task_not_before = tables.not_before, tables.task_not_before
        self.start, self.work, self.end = tables.start, tables.work, tables.end
        self.setup, self.task_start = tables.setup, tables.task_start
        self.energy, self.steady = tables.energy, tables.steady
        self.at, self.free_at, self.is_warm = tables.at, tables.free_at, tables.is_warm
        self.key_now, self.done = tables.key_now, tables.done
        self.old_sequence, self.old_length = tables.old_sequence, tables.old_length
        self.old_choice, self.old_not_before = tables.old_choice, tables.old_not_before
        self.old_task, self.best_task = tables.old_task, tables.best_task
        self.best_sequence, self.best_length = tables.best_sequence, tables.best_length
        self.best_choice, self.best_not_before = tables.best_choice, tables.best_not_before
        figures: f64[::1] = tables.figures
        self.end_of_time, self.slot = figures[0], figures[1]
        self.hours = figures[1] / 60.0
        self.feed_in, self.charge, self.incurred = figures[2], figures[3], figures[4]
        self.late_rate, self.move_cost, self.deadline_fine = figures[5], figures[6], figures[7]
        self.power_cap, self.power_fine = figures[8], figures[9]
        self.carbon_cap, self.carbon_fine, self.overfull_fine = (
            figures[10],
            figures[11],
            figures[12],
        )
        self.units = self.unit_shift.shape[0]
        self.ops = self.job_of.shape[0]
        self.jobs = self.release.shape[0]
        self.tasks = self.task_unit.shape[0]
        self.slots = self.rate.shape[0]
        self.state = 0
        self.cost = FAR
        self.best = FAR
        self.accepted = 0
        self.is_clean = False

    # --- luck ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def uniform(self) -> f64:
        z: u64
        self.state = (self.state + GOLDEN) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * FIRST_MIX) & MASK
        z = ((z ^ (z >> 27)) * SECOND_MIX) & MASK
        z = z ^ (z >> 31)
        return cython.cast(f64, z >> 11) * UNIT_STEP

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def below(self, n: i64) -> i64:
        return cython.cast(i64, self.uniform() * n)

    # --- working time ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def interval_of(self, shift: i64, minute: f64) -> i64:
        """The first interval that ends after a minute; the end of the list if there is none."""
        low: i64
        high: i64
        middle: i64
        low = self.shift_at[shift]
        high = self.shift_at[shift + 1]
        while low < high:
            middle = (low + high) // 2
            if self.closes[middle] <= minute:
                low = middle + 1
            else:
                high = middle
        return low

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def next_open(self, shift: i64, minute: f64) -> f64:
        i: i64
        i = self.interval_of(shift, minute)
        if i == self.shift_at[shift + 1]:
            return FAR
        return minute if minute > self.opens[i] else self.opens[i]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_of(self, shift: i64, begin: f64, minutes: f64) -> f64:
        """When so many minutes of work begun at or after an instant are done."""
        i: i64
        last: i64
        first: f64
        target: f64
        done: f64
        i = self.interval_of(shift, begin)
        last = self.shift_at[shift + 1]
        if i == last:
            return FAR
        first = begin if begin > self.opens[i] else self.opens[i]
        target = self.before[i] + first - self.opens[i] + minutes
        if target <= self.after[i]:
            return first + minutes
        while i < last and self.after[i] < target - TINY:
            i += 1
        if i == last:
            return FAR
        # Rounded to a billionth of a minute, as solvers.timing does.
        done = self.opens[i] + target - self.before[i]
        done = floor(done * 1e9 + 0.5) / 1e9
        return done if done < self.closes[i] else self.closes[i]

    # --- timing ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def time_all(self) -> cython.bint:
        """Time every item as early as it may begin; False if some item has no time."""
        left: i64
        found: i64
        m: i64
        item: i64
        left = 0
        for m in range(self.units):
            self.at[m] = 0
            self.free_at[m] = self.ready[m]
            self.is_warm[m] = self.is_on[m]
            self.key_now[m] = self.first_key[m]
            left += self.length[m]
        for item in range(self.ops):
            self.done[item] = 0
        for item in range(self.tasks):
            self.task_start[item] = -1.0
        while left > 0:
            found = 0
            for m in range(self.units):
                while self.at[m] < self.length[m]:
                    item = self.sequence[m, self.at[m]]
                    if item >= 0:
                        if self.previous_op[item] >= 0 and not self.done[self.previous_op[item]]:
                            break
                        if not self.time_op(m, item):
                            return False
                    elif not self.time_task(m, -1 - item):
                        return False
                    self.at[m] += 1
                    found += 1
            if found == 0:
                return False
            left -= found
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def time_op(self, m: i64, o: i64) -> cython.bint:
        shift: i64
        c: i64
        free: f64
        begin: f64
        setup: f64
        available: f64
        shift = self.unit_shift[m]
        c = self.choice[o]
        free = self.free_at[m]
        if self.pinned[o] == 1:
            if self.at[m] > 0:
                return False
            if not self.is_warm[m]:
                free += self.startup[m]
            begin = self.next_open(shift, free)
            self.start[o] = begin
            self.work[o] = begin
            self.setup[o] = 0.0
            self.end[o] = self.end_of(shift, begin, self.choice_minutes[c])
        else:
            setup = self.setup_minutes[
                self.setup_at[m] + self.key_now[m] * self.keys[m] + self.choice_key[c]
            ]
            if not self.is_warm[m]:
                free += self.startup[m]
            available = self.release[self.job_of[o]]
            if self.previous_op[o] >= 0 and self.end[self.previous_op[o]] > available:
                available = self.end[self.previous_op[o]]
            begin = free if free > available else available
            if self.pinned[o] == 2:
                if begin > self.pin[o, 0] + TINY or setup != self.pin[o, 3]:
                    return False
                self.start[o] = self.pin[o, 0]
                self.work[o] = self.pin[o, 1]
                self.end[o] = self.pin[o, 2]
                self.setup[o] = setup
            else:
                if self.not_before[o] > begin:
                    begin = self.not_before[o]
                begin = self.next_open(shift, begin)
                if begin >= FAR:
                    return False
                begin = self.next_open(shift, ceil(begin))
                if begin >= FAR:
                    return False
                self.start[o] = begin
                self.setup[o] = setup
                self.end[o] = self.end_of(shift, begin, setup + self.choice_minutes[c])
                self.work[o] = begin
                if setup > 0.0:
                    self.work[o] = self.next_open(shift, self.end_of(shift, begin, setup))
        if self.end[o] >= FAR or self.end[o] > self.end_of_time + TINY:
            return False
        self.free_at[m] = self.end[o]
        self.key_now[m] = self.choice_key[c]
        self.is_warm[m] = 1
        self.done[o] = 1
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def time_task(self, m: i64, q: i64) -> cython.bint:
        """A task begins when its unit is free, in its window, in one shift of a crew with room."""
        begin: f64
        later: f64
        i: i64
        shift: i64
        shift = self.task_shift[q]
        begin = self.free_at[m]
        if self.task_pinned[q]:
            if begin > self.task_not_before[q] + TINY:
                return False
            begin = self.task_not_before[q]
        else:
            if self.task_not_before[q] > begin:
                begin = self.task_not_before[q]
            if self.earliest[q] > begin:
                begin = self.earliest[q]
            while True:
                begin = self.next_open(shift, ceil(begin))
                if begin > self.latest[q]:
                    return False
                i = self.interval_of(shift, begin)
                if begin + self.task_minutes[q] > self.closes[i]:
                    begin = self.closes[i]
                    continue
                later = self.crew_free(q, begin)
                if later <= begin:
                    break
                begin = later
        if begin + self.task_minutes[q] > self.end_of_time:
            return False
        self.task_start[q] = begin
        self.free_at[m] = begin + self.task_minutes[q]
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def crew_free(self, q: i64, begin: f64) -> f64:
        """``begin`` if fewer others than the crew has people overlap; else when one is done."""
        k: i64
        others: i64
        first: f64
        other_end: f64
        others = 0
        first = FAR
        for k in range(self.tasks):
            if k == q or self.task_crew[k] != self.task_crew[q] or self.task_start[k] < 0.0:
                continue
            other_end = self.task_start[k] + self.task_minutes[k]
            if self.task_start[k] < begin + self.task_minutes[q] and other_end > begin:
                others += 1
                if other_end < first:
                    first = other_end
        return begin if others < self.crew_size[self.task_crew[q]] else first

    # --- money ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def draw(self, begin: f64, end: f64, kw: f64) -> cython.void:
        """Add a power for a while; whole slots by their difference."""
        first: i64
        last: i64
        if end <= begin or kw == 0.0:
            return
        first = cython.cast(i64, begin / self.slot)
        last = cython.cast(i64, end / self.slot)
        if last >= self.slots:
            last = self.slots - 1
            end = self.end_of_time if end > self.end_of_time else end
        if first >= last:
            self.energy[last] += kw * (end - begin)
            return
        self.energy[first] += kw * ((first + 1) * self.slot - begin)
        self.energy[last] += kw * (end - last * self.slot)
        self.steady[first + 1] += kw * self.slot
        self.steady[last] -= kw * self.slot

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def draw_open(self, m: i64, begin: f64, end: f64, kw: f64, pause_kw: f64) -> cython.void:
        """Add a power while the unit is on shift, and another in the pauses between."""
        i: i64
        last: i64
        since: f64
        a: f64
        b: f64
        if end <= begin + TINY:
            return
        i = self.interval_of(self.unit_shift[m], begin)
        last = self.shift_at[self.unit_shift[m] + 1]
        since = begin
        while i < last and self.opens[i] < end - TINY:
            a = begin if begin > self.opens[i] else self.opens[i]
            b = end if end < self.closes[i] else self.closes[i]
            if a > since:
                self.draw(since, a, pause_kw)
            self.draw(a, b, kw)
            since = b
            i += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def charged(self, minute: f64) -> f64:
        """Integral of the marginal cost of a kW up to a minute."""
        i: i64
        share: f64
        i = cython.cast(i64, minute / self.slot)
        if i >= self.slots:
            return self.marginal[self.slots]
        share = (minute - i * self.slot) / self.slot
        return self.marginal[i] + share * (self.marginal[i + 1] - self.marginal[i])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def price_unit(self, m: i64) -> f64:
        """Draw what a unit draws; its setups and failures come back."""
        k: i64
        g: i64
        q: i64
        item: i64
        gap_from: i64
        warm: i64
        cost: f64
        since: f64
        last_free: f64
        stay: f64
        heat: f64
        pause_kw: f64
        cost = 0.0
        warm = self.is_on[m]
        since = self.ready[m]
        gap_from = 0
        pause_kw = self.kw[m, 4] if self.startup[m] > 0.0 else 0.0
        for k in range(self.length[m]):
            item = self.sequence[m, k]
            if item < 0:
                item = -1 - item
                self.draw(
                    self.task_start[item],
                    self.task_start[item] + self.task_minutes[item],
                    self.kw[m, 3],
                )
                continue
            if self.startup[m] > 0.0:
                stay = 0.0
                last_free = since
                for g in range(gap_from, k):
                    q = -1 - self.sequence[m, g]
                    stay += self.charged(self.task_start[q]) - self.charged(last_free)
                    last_free = self.task_start[q] + self.task_minutes[q]
                stay += self.charged(self.start[item]) - self.charged(last_free)
                heat = self.start[item] - self.startup[m]
                if not warm or (
                    self.start[item] - last_free >= self.startup[m] - TINY
                    and (self.charged(self.start[item]) - self.charged(heat)) * self.kw[m, 0]
                    < stay * self.kw[m, 4]
                ):
                    self.draw(heat, self.start[item], self.kw[m, 0])
                else:
                    last_free = since
                    for g in range(gap_from, k):
                        q = -1 - self.sequence[m, g]
                        self.draw(last_free, self.task_start[q], self.kw[m, 4])
                        last_free = self.task_start[q] + self.task_minutes[q]
                    self.draw(last_free, self.start[item], self.kw[m, 4])
            if self.setup[item] > 0.0:
                cost += self.setup_cost[m]
                heat = self.end_of(self.unit_shift[m], self.start[item], self.setup[item])
                self.draw_open(m, self.start[item], heat, self.kw[m, 1], pause_kw)
                self.draw(heat, self.work[item], pause_kw)
            self.draw_open(m, self.work[item], self.end[item], self.kw[m, 2], pause_kw)
            warm = 1
            since = self.end[item]
            gap_from = k + 1
        for k in range(self.mode_at[m], self.mode_at[m + 1]):
            cost += self.mode_cost[k] * self.failures(m, k)
        return cost

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def failures(self, m: i64, mode: i64) -> f64:
        """Expected failures of a mode, life by life."""
        k: i64
        item: i64
        table: i64
        clock: f64
        begin: f64
        total: f64
        total = 0.0
        clock = 0.0
        begin = 0.0
        table = self.mode_first[mode]
        for k in range(self.length[m]):
            item = self.sequence[m, k]
            if item >= 0:
                clock += self.choice_minutes[self.choice[item]]
                continue
            item = -1 - item
            if self.renews[mode, item]:
                if not self.mode_operates[mode]:
                    clock = self.task_start[item] + self.task_minutes[item] - begin
                total += self.looked_up(mode, table, clock)
                table = self.mode_new[mode]
                begin = self.task_start[item] + self.task_minutes[item]
                clock = 0.0
        if not self.mode_operates[mode]:
            clock = self.end_of_time - begin
        return total + self.looked_up(mode, table, clock)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def looked_up(self, mode: i64, table: i64, minutes: f64) -> f64:
        i: i64
        place: f64
        place = minutes / self.mode_step[mode]
        i = cython.cast(i64, place)
        if i >= self.mode_size[mode] - 1:
            return self.mode_table[table + self.mode_size[mode] - 1]
        return self.mode_table[table + i] + (place - i) * (
            self.mode_table[table + i + 1] - self.mode_table[table + i]
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def price(self) -> f64:
        """What the timed plan costs, fines included."""
        m: i64
        j: i64
        o: i64
        t: i64
        q: i64
        cost: f64
        steady: f64
        net: f64
        peak: f64
        carbon: f64
        unused: f64
        fines: f64
        for t in range(self.slots):
            self.energy[t] = 0.0
            self.steady[t] = 0.0
        cost = 0.0
        for m in range(self.units):
            cost += self.price_unit(m)
        for q in range(self.tasks):
            unused = self.task_due[q] - self.task_start[q]
            cost += self.task_cost[q] * (1.0 + (unused / self.interval[q] if unused > 0.0 else 0.0))
        for j in range(self.jobs):
            if self.last_op[j] >= 0:
                cost += self.lateness(j, self.end[self.last_op[j]])
        if self.move_cost > 0.0:
            for o in range(self.ops):
                if self.done[o] and self.planned_unit[o] >= -1 and self.is_moved(o):
                    cost += self.move_cost
        steady = 0.0
        peak = 0.0
        carbon = 0.0
        fines = self.overfull() * self.overfull_fine
        for t in range(self.slots):
            steady += self.steady[t]
            net = self.net_floor[t] + (self.energy[t] + steady) / 60.0
            if net > 0.0:
                cost += net * self.rate[t]
                carbon += net * self.intensity[t]
                if net > peak:
                    peak = net
                if net > self.power_cap:
                    fines += (net - self.power_cap) * self.power_fine
            else:
                cost += net * self.feed_in
        peak = peak / self.hours - self.incurred
        if peak > 0.0:
            cost += self.charge * peak
        if carbon > self.carbon_cap:
            fines += (carbon - self.carbon_cap) * self.carbon_fine
        self.is_clean = fines <= 1e-6
        return cost + fines

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lateness(self, j: i64, end: f64) -> f64:
        k: i64
        n: i64
        late: f64
        total: f64
        cost: f64
        late = end - self.due[j]
        n = self.delay_at[j + 1] - self.delay_at[j]
        total = late if late > 0.0 else 0.0
        if n > 0:
            total = 0.0
            for k in range(self.delay_at[j], self.delay_at[j + 1]):
                if late + self.delay[k] > 0.0:
                    total += late + self.delay[k]
            total = total / cython.cast(f64, n)
        cost = self.weight[j] * total * self.late_rate
        if end > self.deadline[j]:
            cost += self.deadline_fine * (end - self.deadline[j]) / 60.0
        return cost

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_moved(self, o: i64) -> cython.bint:
        gap: f64
        if self.choice_unit[self.choice[o]] != self.planned_unit[o]:
            return True
        gap = self.work[o] - self.planned_start[o]
        return gap > MOVED_MINUTES or gap < -MOVED_MINUTES

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def overfull(self) -> f64:
        """Arrivals at buffers that have no room for them."""
        b: i64
        i: i64
        k: i64
        o: i64
        other: i64
        count: f64
        here: f64
        came: f64
        is_given: cython.bint
        count = 0.0
        for b in range(self.buffer_at.shape[0] - 1):
            for i in range(self.buffer_at[b], self.buffer_at[b + 1]):
                o = self.buffered[i]
                if not self.waits(o):
                    continue
                came = self.came(o)
                if came <= 0.0:
                    continue
                here = 0.0
                is_given = self.given(o)
                for k in range(self.buffer_at[b], self.buffer_at[b + 1]):
                    other = self.buffered[k]
                    if other == o or self.work[other] <= came or not self.waits(other):
                        continue
                    if self.came(other) <= came:
                        here += self.mass[self.job_of[other]]
                        if not self.given(other):
                            is_given = False
                if here > 0.0 and not is_given and here + self.mass[self.job_of[o]] > self.room[o]:
                    count += 1.0
        return count

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def waits(self, o: i64) -> cython.bint:
        """Whether a batch waits before a timed operation at all."""
        if not self.done[o] or self.pinned[o] == 1:
            return False
        if self.previous_op[o] < 0:
            return self.waits_first[self.job_of[o]] != 0 and self.work[o] > 0.0
        return self.work[o] > self.end[self.previous_op[o]]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def came(self, o: i64) -> f64:
        return 0.0 if self.previous_op[o] < 0 else self.end[self.previous_op[o]]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def given(self, o: i64) -> cython.bint:
        """Whether a batch waits at minute 0, or comes from work that runs then."""
        return self.previous_op[o] < 0 or self.pinned[self.previous_op[o]] == 1

    # --- moves ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def place_of(self, m: i64, item: i64) -> i64:
        k: i64
        for k in range(self.length[m]):
            if self.sequence[m, k] == item:
                return k
        return self.length[m]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take_out(self, m: i64, k: i64) -> cython.void:
        while k + 1 < self.length[m]:
            self.sequence[m, k] = self.sequence[m, k + 1]
            k += 1
        self.length[m] -= 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def put_in(self, m: i64, k: i64, item: i64) -> cython.void:
        n: i64
        n = self.length[m]
        while n > k:
            self.sequence[m, n] = self.sequence[m, n - 1]
            n -= 1
        self.sequence[m, k] = item
        self.length[m] += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def start_of(self, item: i64) -> f64:
        return self.start[item] if item >= 0 else self.task_start[-1 - item]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def place_at(self, m: i64, minute: f64) -> i64:
        """Place of an item that is to begin about a minute, by the times of the plan before."""
        k: i64
        for k in range(self.length[m]):
            if self.start_of(self.sequence[m, k]) > minute:
                return k
        return self.length[m]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def aim(self, o: i64, minute: f64) -> cython.void:
        """Move an operation to a unit that can do it, where it begins about a minute."""
        m: i64
        c: i64
        m = self.choice_unit[self.choice[o]]
        self.take_out(m, self.place_of(m, o))
        if self.uniform() < 0.5:
            c = self.choice_at[o] + self.below(self.choice_at[o + 1] - self.choice_at[o])
            self.choice[o] = c
            m = self.choice_unit[c]
        self.put_in(m, self.place_at(m, minute), o)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def some_op(self) -> i64:
        """An operation that may move; −1 if luck found none."""
        o: i64
        _: i64
        for _ in range(20):
            o = self.below(self.ops)
            if self.old_choice[o] >= 0 and self.pinned[o] == 0:
                return o
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wait_for(self, o: i64, kind: f64) -> cython.void:
        """Let an operation begin at once, begin or end on the hour, or some time later."""
        later: f64
        later = self.uniform()
        later = 2160.0 * later * later
        if kind < 0.4:
            self.not_before[o] = 0.0
        elif kind < 0.65:
            self.not_before[o] = 60.0 * floor((self.start[o] + later) / 60.0)
        elif kind < 0.8:
            later = 60.0 * floor((self.end[o] + later) / 60.0) - self.end[o]
            self.not_before[o] = self.start[o] + later
        else:
            self.not_before[o] = self.start[o] - 240.0 + 480.0 * self.uniform()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def move(self) -> cython.bint:
        """Change the sequences at one place; False if nothing changed."""
        o: i64
        m: i64
        k: i64
        n: i64
        kind: f64
        shift: f64
        o = self.some_op()
        if o < 0:
            return False
        kind = self.uniform()
        if kind < 0.35:
            shift = 1440.0 * (self.uniform() - 0.5)
            if self.uniform() < 0.2:
                shift *= 4.0
            self.not_before[o] = 0.0
            self.aim(o, self.start[o] + shift)
            return True
        if kind < 0.5:
            self.wait_for(o, self.uniform())
            return True
        m = self.choice_unit[self.choice[o]]
        if kind < 0.72:
            return self.swap(m, self.place_of(m, o))
        if kind < 0.87:
            return self.move_order(self.job_of[o])
        if kind < 0.94 and self.tasks > 0:
            return self.move_task(self.below(self.tasks))
        k = self.place_of(m, o)
        n = 2 + self.below(3)
        if k + n > self.length[m]:
            return False
        return self.move_block(m, k, n)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_fixed(self, item: i64) -> cython.bint:
        if item >= 0:
            return self.pinned[item] != 0
        return self.task_pinned[-1 - item] != 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def swap(self, m: i64, k: i64) -> cython.bint:
        """Exchange an item with another one near it on the same unit."""
        other: i64
        item: i64
        other = 1 + self.below(4)
        other = k + other if self.uniform() < 0.5 else k - other
        if other < 0 or other >= self.length[m] or other == k:
            return False
        item = self.sequence[m, other]
        if self.is_fixed(item):
            return False
        self.sequence[m, other] = self.sequence[m, k]
        self.sequence[m, k] = item
        if item >= 0:
            self.not_before[item] = 0.0
        item = self.sequence[m, other]
        if item >= 0:
            self.not_before[item] = 0.0
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def move_block(self, m: i64, k: i64, n: i64) -> cython.bint:
        """Move n neighbours together to another place on their unit."""
        i: i64
        to: i64
        item: i64
        for i in range(n):
            if self.is_fixed(self.sequence[m, k + i]):
                return False
        to = self.below(self.length[m] - n + 1)
        if to == k:
            return False
        for i in range(n):
            if to < k:
                item = self.sequence[m, k + i]
                self.take_out(m, k + i)
                self.put_in(m, to + i, item)
            else:
                item = self.sequence[m, k]
                self.take_out(m, k)
                self.put_in(m, to + n - 1, item)
            if item >= 0:
                self.not_before[item] = 0.0
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def move_order(self, j: i64) -> cython.bint:
        """Move all operations of an order earlier or later together."""
        o: i64
        shift: f64
        is_moved: cython.bint
        shift = 2880.0 * (self.uniform() - 0.6)
        is_moved = False
        o = self.last_op[j]
        while o >= 0:
            if self.pinned[o] == 0:
                self.not_before[o] = 0.0
                self.aim(o, self.start[o] + shift)
                is_moved = True
            o = self.previous_op[o]
        return is_moved

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def move_task(self, q: i64) -> cython.bint:
        """Aim a task at another minute of its window."""
        m: i64
        minute: f64
        if self.task_pinned[q]:
            return False
        m = self.task_unit[q]
        minute = self.earliest[q] + (self.latest[q] - self.earliest[q]) * self.uniform()
        self.take_out(m, self.place_of(m, -1 - q))
        self.put_in(m, self.place_at(m, minute), -1 - q)
        self.task_not_before[q] = minute if self.uniform() < 0.7 else 0.0
        return True

    # --- keeping and taking back ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def copy(
        self,
        from_sequence: i64[:, ::1],
        from_length: i64[::1],
        from_choice: i64[::1],
        from_wait: f64[::1],
        from_task: f64[::1],
        to_sequence: i64[:, ::1],
        to_length: i64[::1],
        to_choice: i64[::1],
        to_wait: f64[::1],
        to_task: f64[::1],
    ) -> cython.void:
        m: i64
        k: i64
        for m in range(self.units):
            to_length[m] = from_length[m]
            for k in range(from_length[m]):
                to_sequence[m, k] = from_sequence[m, k]
        for k in range(self.ops):
            to_choice[k] = from_choice[k]
            to_wait[k] = from_wait[k]
        for k in range(self.tasks):
            to_task[k] = from_task[k]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def keep(self) -> cython.void:
        self.copy(
            self.sequence,
            self.length,
            self.choice,
            self.not_before,
            self.task_not_before,
            self.old_sequence,
            self.old_length,
            self.old_choice,
            self.old_not_before,
            self.old_task,
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take_back(self) -> cython.void:
        self.copy(
            self.old_sequence,
            self.old_length,
            self.old_choice,
            self.old_not_before,
            self.old_task,
            self.sequence,
            self.length,
            self.choice,
            self.not_before,
            self.task_not_before,
        )

    # --- what Python calls ---

    def evaluate(self) -> float:
        """Time and price the present plan; FAR if it has no times."""
        value: f64
        value = FAR
        with cython.nogil:
            if self.time_all():
                value = self.price()
        return value

    def clean(self) -> bool:
        """Whether the plan last priced keeps buffers and caps."""
        return bool(self.is_clean)

    def begin(self, seed: u64) -> float:
        """Start a chain from the present plan, which is the best one so far."""
        self.state = seed
        self.accepted = 0
        self.cost = self.evaluate()
        self.best = self.cost if self.is_clean else FAR
        with cython.nogil:
            self.keep()
            self.copy(
                self.sequence,
                self.length,
                self.choice,
                self.not_before,
                self.task_not_before,
                self.best_sequence,
                self.best_length,
                self.best_choice,
                self.best_not_before,
                self.best_task,
            )
        return self.cost

    def anneal(self, moves: i64, hot: f64, cold: f64) -> float:
        """Make so many moves while the temperature falls; the best cost so far."""
        with cython.nogil:
            self.run(moves, hot, cold)
        return self.best

    def restore_best(self) -> float:
        """Make the best plan the present one; its cost."""
        with cython.nogil:
            self.copy(
                self.best_sequence,
                self.best_length,
                self.best_choice,
                self.best_not_before,
                self.best_task,
                self.sequence,
                self.length,
                self.choice,
                self.not_before,
                self.task_not_before,
            )
            self.keep()
        return self.evaluate()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def run(self, moves: i64, hot: f64, cold: f64) -> cython.void:
        _: i64
        value: f64
        temperature: f64
        factor: f64
        temperature = hot
        factor = 1.0 if moves < 2 else exp(log(cold / hot) / cython.cast(f64, moves))
        for _ in range(moves):
            temperature *= factor
            value = FAR
            if self.move() and self.time_all():
                value = self.price()
            if value >= FAR or (
                value > self.cost and self.uniform() >= exp((self.cost - value) / temperature)
            ):
                self.take_back()
                continue
            self.cost = value
            self.accepted += 1
            self.keep()
            if self.is_clean and value < self.best - 1e-7:
                self.best = value
                self.copy(
                    self.sequence,
                    self.length,
                    self.choice,
                    self.not_before,
                    self.task_not_before,
                    self.best_sequence,
                    self.best_length,
                    self.best_choice,
                    self.best_not_before,
                    self.best_task,
                )
