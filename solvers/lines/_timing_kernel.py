"""Exact timing of lines whose order of work is given, and the search over such orders of work.

A line does its items (orders and tasks) in the order of its sequence. When each starts, and what
the line does between two of them, is set by a dynamic program over the slots: F_k(t) is the least
cost with k items done at slot t, B_k(t) the least cost from there to the horizon's end. Between two
items a line goes from the mode of the one to the mode of the other through *rests*, modes worth
passing through; times of power level w cost C_w(t2) - C_w(t1), C_w being the running sum over slots
of what w adds to the cost of the site on top of the other lines. The peak stands in that sum as
mu * max(0, P - K), with K a variable of the search.

F and B of every line are kept. A change of a few items is timed from F before them to B after them,
which is as exact as timing the whole line.

All numbers lie in one array of rows of ``width`` slots, so that a loop runs over one array; the
functions above the class are those loops. :mod:`solvers.lines.tables` makes what is read here.
"""

from __future__ import annotations

from twin.simulation import _cython_shim as cython

if cython.compiled:
    from cython.cimports.libc.math import log
else:
    from math import log

i64 = cython.typedef(cython.longlong)
u64 = cython.typedef(cython.ulonglong)
f64 = cython.typedef(cython.double)

INF = cython.declare(cython.double, float("inf"))
MASK = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
MIX_1 = cython.declare(cython.ulonglong, 0xBF58476D1CE4E5B9)
MIX_2 = cython.declare(cython.ulonglong, 0x94D049BB133111EB)
UNIT = cython.declare(cython.double, 1.1102230246251565e-16)

RETIMED = cython.declare(cython.longlong, 4)
"""A line is timed anew, where that is cheaper, every so many times that its prices change."""

# Kinds of rows that ``trace`` notes
HOLD = cython.declare(cython.longlong, 0)
TRANSITION = cython.declare(cython.longlong, 1)
WORK = cython.declare(cython.longlong, 2)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def fill(v: f64[::1], at: i64, lo: i64, hi: i64, x: f64) -> cython.void:
    t: i64
    for t in range(lo, hi + 1):
        v[at + t] = x


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def copy(v: f64[::1], to: i64, at: i64, lo: i64, hi: i64) -> cython.void:
    t: i64
    for t in range(lo, hi + 1):
        v[to + t] = v[at + t]


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def rest_on(v: f64[::1], to: i64, at: i64, held: i64, lo: i64, hi: i64) -> cython.void:
    """to(t) = min over u <= t of at(u) + held(t) - held(u)."""
    t: i64
    x: f64
    y: f64
    least: f64 = INF
    for t in range(lo, hi + 1):
        x = v[at + t]
        y = x - v[held + t]
        x = x if x < least + v[held + t] else least + v[held + t]
        least = y if y < least else least
        v[to + t] = x


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def rest_back(v: f64[::1], to: i64, at: i64, held: i64, lo: i64, hi: i64) -> cython.void:
    """to(t) = min over u >= t of at(u) + held(u) - held(t)."""
    t: i64
    x: f64
    y: f64
    least: f64 = INF
    for t in range(hi, lo - 1, -1):
        x = v[at + t]
        y = x + v[held + t]
        x = x if x < least - v[held + t] else least - v[held + t]
        least = y if y < least else least
        v[to + t] = x


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def stay_on(v: f64[::1], at: i64, held: i64, is_free: i64, lo: i64, hi: i64) -> cython.void:
    """at(t) = min(at(t), at(t - 1) + held(t) - held(t - 1)), slot by slot."""
    t: i64
    x: f64
    y: f64 = INF
    if is_free:
        for t in range(lo, hi + 1):
            x = v[at + t]
            y = x if x < y else y
            v[at + t] = y
    else:
        for t in range(lo + 1, hi + 1):
            x = v[at + t]
            y = v[at + t - 1] + (v[held + t] - v[held + t - 1])
            v[at + t] = x if x < y else y


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def stay_back(v: f64[::1], at: i64, held: i64, is_free: i64, lo: i64, hi: i64) -> cython.void:
    t: i64
    x: f64
    y: f64 = INF
    if is_free:
        for t in range(hi, lo - 1, -1):
            x = v[at + t]
            y = x if x < y else y
            v[at + t] = y
    else:
        for t in range(hi - 1, lo - 1, -1):
            x = v[at + t]
            y = v[at + t + 1] + (v[held + t + 1] - v[held + t])
            v[at + t] = x if x < y else y


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def go(v: f64[::1], to: i64, at: i64, cost: i64, slots: i64, lo: i64, hi: i64) -> cython.void:
    """to(t + slots) = min(to(t + slots), at(t) + cost(t))."""
    t: i64
    x: f64
    y: f64
    late: i64 = to + slots
    for t in range(lo, hi - slots + 1):
        x = v[at + t] + v[cost + t]
        y = v[late + t]
        v[late + t] = x if x < y else y


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def go_back(v: f64[::1], to: i64, at: i64, cost: i64, slots: i64, lo: i64, hi: i64) -> cython.void:
    """to(t) = min(to(t), at(t + slots) + cost(t))."""
    t: i64
    x: f64
    y: f64
    late: i64 = at + slots
    for t in range(lo, hi - slots + 1):
        x = v[late + t] + v[cost + t]
        y = v[to + t]
        v[to + t] = x if x < y else y


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def start_work(
    v: f64[::1], s: f64[::1], to: i64, at: i64, fee: i64, c: i64, slots: i64, lo: i64, hi: i64
) -> cython.void:
    """to(t) = at(t) + fee(t) + c(t + slots) - c(t)."""
    t: i64
    late: i64 = c + slots
    for t in range(lo, hi + 1):
        v[to + t] = v[at + t] + s[fee + t] + (v[late + t] - v[c + t])


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def go_on_working(v: f64[::1], to: i64, begin: i64, end: i64, lo: i64, hi: i64) -> cython.void:
    """to(t) = to(t) + end(t) - begin(t)."""
    t: i64
    for t in range(lo, hi + 1):
        v[to + t] = v[to + t] + (v[end + t] - v[begin + t])


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def least_sum(v: f64[::1], one: i64, other: i64, lo: i64, hi: i64) -> f64:
    t: i64
    x: f64
    least: f64 = INF
    for t in range(lo, hi + 1):
        x = v[one + t] + v[other + t]
        least = x if x < least else least
    return least


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def way_costs(
    v: f64[::1], s: f64[::1], to: i64, fee: i64, c: i64, slots: i64, hi: i64
) -> cython.void:
    """to(t) = fee(t) + c(t + slots) - c(t)."""
    t: i64
    late: i64 = c + slots
    for t in range(hi + 1):
        v[to + t] = s[fee + t] + (v[late + t] - v[c + t])


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def added_costs(
    v: f64[::1], s: f64[::1], to: i64, q: i64, idle: i64, rate: i64, feed: i64,
    w: f64, peak_price: f64, peak: f64, slots: i64,
) -> cython.void:  # fmt: skip
    """to(t + 1): what w more kW cost in slot t on top of q(t), whose own cost is idle(t)."""
    t: i64
    x: f64
    plus: f64
    over: f64
    for t in range(slots):
        x = v[q + t] + w
        plus = x if x > 0.0 else 0.0
        over = x - peak
        over = over if over > 0.0 else 0.0
        v[to + t + 1] = (
            s[rate + t] * plus + s[feed + t] * (x - plus) + peak_price * over - v[idle + t]
        )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def running_sum(v: f64[::1], at: i64, slots: i64) -> cython.void:
    t: i64
    total: f64 = 0.0
    v[at] = 0.0
    for t in range(1, slots + 1):
        total = total + v[at + t]
        v[at + t] = total


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def running_sums(v: f64[::1], at: i64, width: i64, slots: i64) -> cython.void:
    """Four rows at a time: each sum waits only for itself."""
    t: i64
    a: f64 = 0.0
    b: f64 = 0.0
    c: f64 = 0.0
    d: f64 = 0.0
    at_b: i64 = at + width
    at_c: i64 = at_b + width
    at_d: i64 = at_c + width
    v[at] = 0.0
    v[at_b] = 0.0
    v[at_c] = 0.0
    v[at_d] = 0.0
    for t in range(1, slots + 1):
        a = a + v[at + t]
        b = b + v[at_b + t]
        c = c + v[at_c + t]
        d = d + v[at_d + t]
        v[at + t] = a
        v[at_b + t] = b
        v[at_c + t] = c
        v[at_d + t] = d


@cython.cclass
class Search:
    """A plan of all lines, its tables, and the moves that change it."""

    slots: i64
    width: i64
    lines: i64
    items: i64
    orders: i64
    modes: i64
    crews: i64

    # What can be done, by number (solvers.lines.tables)
    row_of: i64[::1]
    row_slots: i64[::1]
    row_mode: i64[::1]
    row_earliest: i64[::1]
    row_latest: i64[::1]
    row_crew: i64[::1]
    row_run: i64[::1]
    run_slots: i64[::1]
    run_level: i64[::1]
    level_first: i64[::1]
    level_kw: f64[::1]
    hold_level: i64[::1]
    class_first: i64[::1]
    class_slots: i64[::1]
    class_level: i64[::1]
    pair_first: i64[::1]
    arc_class: i64[::1]
    arc_id: i64[::1]
    arc_fee: f64[::1]
    rest_first: i64[::1]
    rest_mode: i64[::1]
    rest_rank: i64[::1]
    first_mode: i64[::1]
    last_mode: i64[::1]
    ready: i64[::1]
    longest: i64[::1]
    crew_size: i64[::1]
    pool_cost: f64[::1]
    # Rows of ``width`` that nothing changes: rate, feed-in, idle net load, row and class costs
    s: f64[::1]
    row_cost: i64
    class_cost: i64
    rate: i64
    feed: i64
    base: i64
    peak_price: f64
    incurred: f64
    contract: f64
    excess: f64

    # The plan
    sequence: i64[::1]
    count: i64[::1]
    line_of: i64[::1]
    start: i64[::1]
    own: f64[::1]
    peak: f64
    value: f64
    true_value: f64
    unplaced: f64

    # Rows of ``width`` that are computed: tables, profiles, scratch
    v: f64[::1]
    forth: i64
    back: i64
    rest: i64
    end: i64
    levels: i64
    ways: i64
    node_a: i64
    node_b: i64
    node_r: i64
    ping: i64
    q: i64
    idle: i64
    net: i64
    profile: i64
    priced: i64
    other: i64

    is_fresh: i64[::1]
    forth_count: i64[::1]
    back_count: i64[::1]
    work_slots: i64[::1]
    forth_slots: i64[::1]
    back_slots: i64[::1]
    end_slots: i64[::1]
    forth_lo: i64[::1]
    forth_hi: i64[::1]
    back_hi: i64[::1]
    rest_lo: i64[::1]
    rest_hi: i64[::1]
    rest_row: i64[::1]
    has_end: i64[::1]
    constant: f64[::1]
    priced_peak: f64[::1]
    priced_crew: i64[::1]
    most_kw: f64[::1]
    least_kw: f64[::1]
    crew_free: i64[::1]
    crew_is_bound: i64[::1]
    buffer: i64[::1]
    other_row: i64

    # What to come back to, and the best plan
    kept_i: i64[:, ::1]
    kept_f: f64[:, ::1]
    stamp: i64[::1]
    lowest: i64[::1]
    was_backed: i64[::1]
    kept_back: i64[::1]
    kept_stamp: i64[::1]
    best: f64

    notes: i64[:, ::1]
    noted: i64
    is_noting: i64
    code: i64
    random_state: u64
    counts: i64[::1]

    def __init__(self, sizes: dict[str, int], reals: dict[str, float], ints: dict[str, object],
                 floats: dict[str, object]) -> None:  # fmt: skip
        self.slots = sizes["slots"]
        self.width = sizes["width"]
        self.lines = sizes["lines"]
        self.items = sizes["items"]
        self.orders = sizes["orders"]
        self.modes = sizes["modes"]
        self.crews = sizes["crews"]
        for_rows: i64 = 0
        self.row_of = ints["row_of"]
        self.row_slots = ints["row_slots"]
        self.row_mode = ints["row_mode"]
        self.row_earliest = ints["row_earliest"]
        self.row_latest = ints["row_latest"]
        self.row_crew = ints["row_crew"]
        self.row_run = ints["row_run"]
        self.run_slots = ints["run_slots"]
        self.run_level = ints["run_level"]
        self.level_first = ints["level_first"]
        self.level_kw = floats["level_kw"]
        self.hold_level = ints["hold_level"]
        self.class_first = ints["class_first"]
        self.class_slots = ints["class_slots"]
        self.class_level = ints["class_level"]
        self.pair_first = ints["pair_first"]
        self.arc_class = ints["arc_class"]
        self.arc_id = ints["arc_id"]
        self.arc_fee = floats["arc_fee"]
        self.rest_first = ints["rest_first"]
        self.rest_mode = ints["rest_mode"]
        self.rest_rank = ints["rest_rank"]
        self.first_mode = ints["first_mode"]
        self.last_mode = ints["last_mode"]
        self.ready = ints["ready"]
        self.longest = ints["longest"]
        self.crew_size = ints["crew_size"]
        self.pool_cost = floats["pool_cost"]
        self.s = floats["s"]
        self.row_cost = sizes["row_cost"]
        self.class_cost = sizes["class_cost"]
        self.rate = sizes["rate"]
        self.feed = sizes["feed"]
        self.base = sizes["base"]
        self.peak_price = reals["peak_price"]
        self.incurred = reals["incurred"]
        self.contract = reals["contract"]
        self.excess = reals["excess"]

        self.sequence = ints["sequence"]
        self.count = ints["count"]
        self.line_of = ints["line_of"]
        self.start = ints["start"]
        self.own = floats["own"]
        self.v = floats["v"]
        self.is_fresh = ints["is_fresh"]
        self.forth_count = ints["forth_count"]
        self.back_count = ints["back_count"]
        self.work_slots = ints["work_slots"]
        self.forth_slots = ints["forth_slots"]
        self.back_slots = ints["back_slots"]
        self.end_slots = ints["end_slots"]
        self.forth_lo = ints["forth_lo"]
        self.forth_hi = ints["forth_hi"]
        self.back_hi = ints["back_hi"]
        self.rest_lo = ints["rest_lo"]
        self.rest_hi = ints["rest_hi"]
        self.rest_row = ints["rest_row"]
        self.has_end = ints["has_end"]
        self.constant = floats["constant"]
        self.priced_peak = floats["priced_peak"]
        self.priced_crew = ints["priced_crew"]
        self.most_kw = floats["most_kw"]
        self.least_kw = floats["least_kw"]
        self.crew_free = ints["crew_free"]
        self.crew_is_bound = ints["crew_is_bound"]
        self.buffer = ints["buffer"]
        self.kept_i = ints["kept_i"]
        self.kept_f = floats["kept_f"]
        self.stamp = ints["stamp"]
        self.lowest = ints["lowest"]
        self.was_backed = ints["was_backed"]
        self.kept_back = ints["kept_back"]
        self.kept_stamp = ints["kept_stamp"]
        self.notes = ints["notes"]
        self.counts = ints["counts"]
        w: i64 = self.width
        self.forth = 0
        for_rows = self.items + self.lines
        self.back = for_rows * w
        for_rows += self.items
        self.rest = for_rows * w
        for_rows += self.items
        self.end = for_rows * w
        for_rows += self.lines * self.modes
        self.levels = for_rows * w
        for_rows += self.level_first[self.lines] + 3
        self.ways = for_rows * w
        for_rows += self.class_first[self.lines]
        self.node_a = for_rows * w
        self.node_b = (for_rows + 1) * w
        self.ping = (for_rows + 2) * w
        self.q = (for_rows + 4) * w
        self.idle = (for_rows + 5) * w
        self.net = (for_rows + 6) * w
        for_rows += 7
        self.node_r = for_rows * w
        for_rows += self.modes
        self.profile = for_rows * w
        for_rows += self.lines
        self.priced = for_rows * w
        for_rows += self.lines
        self.other = for_rows * w
        self.other_row = -1
        self.peak = 0.0
        self.best = INF
        self.code = 0
        self.is_noting = 0
        self.noted = 0
        self.random_state = 0
        self.clear()

    # Luck: SplitMix64 (Steele, Lea and Flood, 2014) ------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def uniform(self) -> f64:
        """A number in [0, 1)."""
        z: u64
        self.random_state = (self.random_state + GOLDEN) & MASK
        z = self.random_state
        z = ((z ^ (z >> 30)) * MIX_1) & MASK
        z = ((z ^ (z >> 27)) * MIX_2) & MASK
        z = z ^ (z >> 31)
        return cython.cast(f64, z >> 11) * UNIT

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def below(self, n: i64) -> i64:
        return cython.cast(i64, self.uniform() * n)

    # What power costs in each slot -------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def slot_cost(self, t: i64, x: f64) -> f64:
        """Cost of a net load x [kW] in slot t, with the peak's part above K."""
        plus: f64 = x if x > 0.0 else 0.0
        over: f64 = x - self.peak
        over = over if over > 0.0 else 0.0
        return (
            self.s[self.rate + t] * plus
            + self.s[self.feed + t] * (x - plus)
            + self.peak_price * over
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def over_contract(self, x: f64) -> f64:
        """What makes an import above the contract dearer than any order without a place."""
        if x > self.contract:
            return self.excess * (2.0 - self.contract / x)
        return 0.0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def price_level(self, to: i64, w: f64) -> cython.void:
        """to(t + 1): what w more kW cost in slot t on top of the row q."""
        t: i64
        added_costs(
            self.v, self.s, to, self.q, self.idle, self.rate, self.feed,
            w, self.peak_price, self.peak, self.slots,
        )  # fmt: skip
        if self.contract < INF:
            for t in range(self.slots):
                self.v[to + t + 1] = self.v[to + t + 1] + (
                    self.over_contract(self.v[self.q + t] + w)
                    - self.over_contract(self.v[self.q + t])
                )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def price(self, line: i64) -> cython.void:
        """Make the costs of a line's power levels and transitions on top of the other lines."""
        t: i64
        k: i64
        total: f64 = 0.0
        x: f64
        w: i64 = self.width
        first: i64 = self.level_first[line]
        end: i64 = self.level_first[line + 1]
        for t in range(self.slots):
            x = self.v[self.net + t] - self.v[self.profile + line * w + t]
            self.v[self.q + t] = x
            self.v[self.priced + line * w + t] = x
            self.v[self.idle + t] = self.slot_cost(t, x)
            total += self.v[self.idle + t]
        if self.contract < INF:
            for t in range(self.slots):
                total += self.over_contract(self.v[self.q + t])
        for k in range(self.lines):
            if k != line:
                total += self.own[k]
        self.constant[line] = total
        for k in range(first, end):
            self.price_level(self.levels + k * w, self.level_kw[k])
        k = first
        while k + 3 < end:
            running_sums(self.v, self.levels + k * w, w, self.slots)
            k += 4
        while k < end:
            running_sum(self.v, self.levels + k * w, self.slots)
            k += 1
        for k in range(self.class_first[line], self.class_first[line + 1]):
            way_costs(
                self.v, self.s, self.ways + k * w, self.class_cost + k * w,
                self.levels + self.class_level[k] * w, self.class_slots[k],
                self.slots - self.class_slots[k],
            )  # fmt: skip
        self.free_crews(line)
        self.forget_ends(line)
        self.forth_count[line] = -1
        self.priced_peak[line] = self.peak
        self.priced_crew[line] = self.crew_mark(line)
        self.is_fresh[line] = 1
        self.stamp[line] += 1
        self.counts[1] += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def crew_mark(self, line: i64) -> i64:
        """A number that is another one when tasks of other lines have moved."""
        j: i64
        mark: i64 = 0
        for j in range(self.orders, self.items):
            if self.line_of[j] >= 0 and self.line_of[j] != line:
                mark = (mark * 1009 + self.start[j] + 1) % 1000000007
        return mark

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def prepare(self, line: i64) -> cython.void:
        """Bring a line's prices up to date.

        They stay, and the tables with them, where the other lines have only changed their power in
        slots in which this line meets neither the peak target nor own generation.
        """
        t: i64
        k: i64
        w: i64 = self.width
        old: f64
        x: f64
        high: f64
        total: f64 = 0.0
        ceiling: f64 = self.contract
        if self.is_fresh[line]:
            return
        if self.peak_price > 0.0 and self.peak < ceiling:
            ceiling = self.peak
        ceiling -= self.most_kw[line]
        if self.stamp[line] == 0 or self.least_kw[line] < 0.0:
            self.price(line)
            return
        if self.peak_price > 0.0 and self.priced_peak[line] != self.peak:
            self.price(line)
            return
        if self.priced_crew[line] != self.crew_mark(line):
            self.price(line)
            return
        for t in range(self.slots):
            x = self.v[self.net + t] - self.v[self.profile + line * w + t]
            old = self.v[self.priced + line * w + t]
            if x - old > 1e-9 or old - x > 1e-9:
                high = x if x > old else old
                if high > ceiling or x < 0.0 or old < 0.0:
                    self.price(line)
                    return
            total += self.slot_cost(t, x)
        if self.contract < INF:
            for t in range(self.slots):
                x = self.v[self.net + t] - self.v[self.profile + line * w + t]
                total += self.over_contract(x)
        for k in range(self.lines):
            if k != line:
                total += self.own[k]
        self.constant[line] = total
        self.is_fresh[line] = 1
        self.counts[4] += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def free_crews(self, line: i64) -> cython.void:
        """How many slots from t each crew is free for line l, given the tasks of the others."""
        c: i64
        t: i64
        j: i64
        run: i64
        at: i64
        row: i64
        w: i64 = self.width
        for c in range(self.crews):
            at = (line * self.crews + c) * w
            for t in range(self.slots):
                self.crew_free[at + t] = self.crew_size[c * self.slots + t]
            for j in range(self.orders, self.items):
                if self.line_of[j] >= 0 and self.line_of[j] != line:
                    row = self.row_of[j * self.lines + self.line_of[j]]
                    if self.row_crew[row] == c:
                        for t in range(self.start[j], self.start[j] + self.row_slots[row]):
                            self.crew_free[at + t] -= 1
            run = 0
            self.crew_is_bound[line * self.crews + c] = 0
            for t in range(self.slots - 1, -1, -1):
                run = run + 1 if self.crew_free[at + t] > 0 else 0
                self.crew_free[at + t] = run
                if run == 0:
                    self.crew_is_bound[line * self.crews + c] = 1

    # The way between two items ---------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hold_row(self, line: i64, mode: i64) -> i64:
        """Offset of the costs of resting in a mode; -1 where a line cannot."""
        level: i64 = self.hold_level[line * self.modes + mode]
        if level < 0:
            return -1
        return self.levels + level * self.width

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_free(self, line: i64, mode: i64) -> i64:
        level: i64 = self.hold_level[line * self.modes + mode]
        return 1 if level >= 0 and self.level_kw[level] == 0.0 else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def arcs(self, line: i64, a: i64, b: i64, to: i64, at: i64, lo: i64, hi: i64) -> cython.void:
        """Every transition from mode a, in row ``at``, to mode b, in row ``to``."""
        e: i64
        k: i64
        pair: i64 = (line * self.modes + a) * self.modes + b
        for e in range(self.pair_first[pair], self.pair_first[pair + 1]):
            k = self.arc_class[e]
            go(self.v, to, at, self.ways + k * self.width, self.class_slots[k], lo, hi)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def arcs_back(
        self, line: i64, a: i64, b: i64, to: i64, at: i64, lo: i64, hi: i64
    ) -> cython.void:
        """Every transition from mode a, in row ``to``, to mode b, in row ``at``."""
        e: i64
        k: i64
        pair: i64 = (line * self.modes + a) * self.modes + b
        for e in range(self.pair_first[pair], self.pair_first[pair + 1]):
            k = self.arc_class[e]
            go_back(self.v, to, at, self.ways + k * self.width, self.class_slots[k], lo, hi)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def among_rests(self, line: i64, lo: i64, hi: i64) -> cython.void:
        """Let the rests of a line reach each other, slot by slot."""
        n: i64 = self.rest_first[line + 1] - self.rest_first[line]
        base: i64 = self.rest_first[line]
        t: i64
        x: i64
        y: i64
        e: i64
        k: i64
        z: i64
        pair: i64
        held: i64
        is_free: i64
        cost: f64
        w: i64 = self.width
        if n == 1:
            held = self.hold_row(line, self.rest_mode[base])
            if held >= 0:
                is_free = self.is_free(line, self.rest_mode[base])
                stay_on(self.v, self.node_r, held, is_free, lo, hi)
            return
        for t in range(lo, hi + 1):
            for y in range(n):
                held = self.hold_row(line, self.rest_mode[base + y])
                if held >= 0 and t > lo:
                    cost = self.v[self.node_r + y * w + t - 1] + (
                        self.v[held + t] - self.v[held + t - 1]
                    )
                    if cost < self.v[self.node_r + y * w + t]:
                        self.v[self.node_r + y * w + t] = cost
                for x in range(n):
                    pair = (line * self.modes + self.rest_mode[base + x]) * self.modes
                    pair += self.rest_mode[base + y]
                    for e in range(self.pair_first[pair], self.pair_first[pair + 1]):
                        k = self.class_slots[self.arc_class[e]]
                        if k > 0 and t - k >= lo:
                            cost = (
                                self.v[self.node_r + x * w + t - k]
                                + self.v[self.ways + self.arc_class[e] * w + t - k]
                            )
                            if cost < self.v[self.node_r + y * w + t]:
                                self.v[self.node_r + y * w + t] = cost
            for z in range(n - 1):  # noqa: B007
                for y in range(n):
                    for x in range(n):
                        pair = (line * self.modes + self.rest_mode[base + x]) * self.modes
                        pair += self.rest_mode[base + y]
                        for e in range(self.pair_first[pair], self.pair_first[pair + 1]):
                            if self.class_slots[self.arc_class[e]] == 0:
                                cost = (
                                    self.v[self.node_r + x * w + t]
                                    + self.v[self.ways + self.arc_class[e] * w + t]
                                )
                                if cost < self.v[self.node_r + y * w + t]:
                                    self.v[self.node_r + y * w + t] = cost

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def among_rests_back(self, line: i64, lo: i64, hi: i64) -> cython.void:
        """The same from the horizon's end."""
        n: i64 = self.rest_first[line + 1] - self.rest_first[line]
        base: i64 = self.rest_first[line]
        t: i64
        x: i64
        y: i64
        e: i64
        k: i64
        z: i64
        pair: i64
        held: i64
        is_free: i64
        cost: f64
        w: i64 = self.width
        if n == 1:
            held = self.hold_row(line, self.rest_mode[base])
            if held >= 0:
                is_free = self.is_free(line, self.rest_mode[base])
                stay_back(self.v, self.node_r, held, is_free, lo, hi)
            return
        for t in range(hi, lo - 1, -1):
            for x in range(n):
                held = self.hold_row(line, self.rest_mode[base + x])
                if held >= 0 and t < hi:
                    cost = self.v[self.node_r + x * w + t + 1] + (
                        self.v[held + t + 1] - self.v[held + t]
                    )
                    if cost < self.v[self.node_r + x * w + t]:
                        self.v[self.node_r + x * w + t] = cost
                for y in range(n):
                    pair = (line * self.modes + self.rest_mode[base + x]) * self.modes
                    pair += self.rest_mode[base + y]
                    for e in range(self.pair_first[pair], self.pair_first[pair + 1]):
                        k = self.class_slots[self.arc_class[e]]
                        if k > 0 and t + k <= hi:
                            cost = (
                                self.v[self.node_r + y * w + t + k]
                                + self.v[self.ways + self.arc_class[e] * w + t]
                            )
                            if cost < self.v[self.node_r + x * w + t]:
                                self.v[self.node_r + x * w + t] = cost
            for z in range(n - 1):  # noqa: B007
                for x in range(n):
                    for y in range(n):
                        pair = (line * self.modes + self.rest_mode[base + x]) * self.modes
                        pair += self.rest_mode[base + y]
                        for e in range(self.pair_first[pair], self.pair_first[pair + 1]):
                            if self.class_slots[self.arc_class[e]] == 0:
                                cost = (
                                    self.v[self.node_r + y * w + t]
                                    + self.v[self.ways + self.arc_class[e] * w + t]
                                )
                                if cost < self.v[self.node_r + x * w + t]:
                                    self.v[self.node_r + x * w + t] = cost

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def gap(self, line: i64, a: i64, b: i64, at: i64, lo: i64, hi: i64) -> i64:
        """From row ``at``, cost of being in mode a at t, to the row of being in mode b at t.

        For b = -1, the horizon's end in any mode, the rows of a and of the rests are left.
        """
        r: i64
        held: i64
        row: i64
        w: i64 = self.width
        base: i64 = self.rest_first[line]
        n: i64 = self.rest_first[line + 1] - base
        rank_a: i64 = self.rest_rank[line * self.modes + a]
        from_a: i64 = at
        if rank_a < 0:
            held = self.hold_row(line, a)
            if held >= 0:
                from_a = self.node_a
                rest_on(self.v, from_a, at, held, lo, hi)
            elif b < 0:
                from_a = self.node_a
                copy(self.v, from_a, at, lo, hi)
        for r in range(n):
            row = self.node_r + r * w
            if r == rank_a:
                copy(self.v, row, at, lo, hi)
            else:
                fill(self.v, row, lo, hi, INF)
                if rank_a < 0:
                    self.arcs(line, a, self.rest_mode[base + r], row, from_a, lo, hi)
        if n > 0:
            self.among_rests(line, lo, hi)
        if b < 0:
            return from_a
        r = self.rest_rank[line * self.modes + b]
        if r >= 0:
            return self.node_r + r * w
        if a == b:
            copy(self.v, self.node_b, from_a, lo, hi)
        else:
            fill(self.v, self.node_b, lo, hi, INF)
            if rank_a < 0:
                self.arcs(line, a, b, self.node_b, from_a, lo, hi)
        for r in range(n):
            self.arcs(line, self.rest_mode[base + r], b, self.node_b, self.node_r + r * w, lo, hi)
        held = self.hold_row(line, b)
        if held >= 0:
            rest_on(self.v, self.node_b, self.node_b, held, lo, hi)
        return self.node_b

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def gap_back(self, line: i64, a: i64, b: i64, at: i64, lo: i64, hi: i64) -> i64:
        """From row ``at``, cost to the end from mode b at t, to the same from mode a at t.

        For b = -1 the end is slot ``hi`` in any mode.
        """
        r: i64
        held: i64
        row: i64
        w: i64 = self.width
        base: i64 = self.rest_first[line]
        n: i64 = self.rest_first[line + 1] - base
        rank_a: i64 = self.rest_rank[line * self.modes + a]
        rank_b: i64 = -1
        from_b: i64 = at
        if b >= 0:
            rank_b = self.rest_rank[line * self.modes + b]
            held = self.hold_row(line, b)
            if rank_b < 0 and held >= 0:
                from_b = self.node_b
                rest_back(self.v, from_b, at, held, lo, hi)
        for r in range(n):
            row = self.node_r + r * w
            if b >= 0 and r == rank_b:
                copy(self.v, row, at, lo, hi)
            else:
                fill(self.v, row, lo, hi, INF)
                if b < 0:
                    self.v[row + hi] = 0.0
                elif rank_b < 0:
                    self.arcs_back(line, self.rest_mode[base + r], b, row, from_b, lo, hi)
        if n > 0:
            self.among_rests_back(line, lo, hi)
        if rank_a >= 0:
            return self.node_r + rank_a * w
        if a == b and rank_b < 0:
            copy(self.v, self.node_a, from_b, lo, hi)
        else:
            fill(self.v, self.node_a, lo, hi, INF)
            if b < 0:
                self.v[self.node_a + hi] = 0.0
            elif rank_b < 0:
                self.arcs_back(line, a, b, self.node_a, from_b, lo, hi)
        for r in range(n):
            row = self.node_r + r * w
            self.arcs_back(line, a, self.rest_mode[base + r], self.node_a, row, lo, hi)
        held = self.hold_row(line, a)
        if held >= 0:
            rest_back(self.v, self.node_a, self.node_a, held, lo, hi)
        return self.node_a

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def cost_runs(self, row: i64, to: i64, at: i64, lo: i64, hi: i64) -> cython.void:
        """to(t) = at(t) + cost of doing the row's work from slot t."""
        w: i64 = self.width
        first: i64 = self.row_run[row]
        end: i64 = self.row_run[row + 1]
        done: i64 = 0
        c: i64
        k: i64
        for k in range(first, end):
            if row == self.other_row:
                c = self.other + (k - first) * w
            else:
                c = self.levels + self.run_level[k] * w
            if k == first:
                start_work(
                    self.v, self.s, to, at, self.row_cost + row * w, c, self.run_slots[k], lo, hi
                )
            else:
                go_on_working(self.v, to, c + done, c + done + self.run_slots[k], lo, hi)
            done += self.run_slots[k]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def without_crew(self, line: i64, row: i64, to: i64, lo: i64, hi: i64) -> cython.void:
        """Close the starts for which the task's crew is busy elsewhere."""
        t: i64
        crew: i64 = self.row_crew[row]
        at: i64
        if crew < 0 or self.crew_is_bound[line * self.crews + crew] == 0:
            return
        at = (line * self.crews + crew) * self.width
        for t in range(lo, hi + 1):
            if self.crew_free[at + t] < self.row_slots[row]:
                self.v[to + t] = INF

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def work(self, line: i64, row: i64, at: i64, lo: i64, hi: i64, to: i64) -> i64:
        """Row ``to``: cost of having done the row's work by t; its first finite slot, or -1."""
        d: i64 = self.row_slots[row]
        begin: i64 = lo if lo > self.row_earliest[row] else self.row_earliest[row]
        last: i64 = hi if hi < self.row_latest[row] else self.row_latest[row]
        end: i64 = hi + d
        t: i64
        if begin > last:
            return -1
        self.cost_runs(row, to + d, at, begin, last)
        self.without_crew(line, row, to + d, begin, last)
        if end > self.slots:
            end = self.slots
        fill(self.v, to, last + d + 1, end, INF)
        for t in range(begin + d, last + d + 1):
            if self.v[to + t] < INF:
                return t
        return -1

    # Tables of a line ------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def item_row(self, line: i64, k: i64) -> i64:
        """Row of the item at place k of a line."""
        return self.row_of[self.sequence[line * self.items + k] * self.lines + line]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def number(self, line: i64, k: i64) -> i64:
        """Number of the table after the first k items of a line."""
        return self.items + line if k == 0 else self.sequence[line * self.items + k - 1]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def mode_after(self, line: i64, k: i64) -> i64:
        """Mode after the first k items of a line."""
        return self.first_mode[line] if k == 0 else self.row_mode[self.item_row(line, k - 1)]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def forward(self, line: i64, n: i64) -> i64:
        """Complete the tables F of a line for its first n items; 0 where they have no timing."""
        k: i64
        row: i64
        at: i64
        to: i64
        lo: i64
        hi: i64
        out: i64
        total: i64
        w: i64 = self.width
        if self.forth_count[line] < 0:
            total = self.work_slots[line]
            at = self.items + line
            lo = self.ready[line]
            hi = self.slots - total + self.longest[line]
            hi = hi if hi < self.slots else self.slots
            if hi < lo or self.slots - total < lo:
                return 0
            fill(self.v, self.forth + at * w, lo, hi, INF)
            self.v[self.forth + at * w + lo] = 0.0
            self.forth_lo[at] = lo
            self.forth_hi[at] = hi
            self.forth_count[line] = 0
            self.forth_slots[line] = total
        for k in range(self.forth_count[line], n):
            at = self.number(line, k)
            to = self.number(line, k + 1)
            row = self.item_row(line, k)
            lo = self.forth_lo[at]
            hi = self.forth_hi[at]
            out = self.gap(
                line, self.mode_after(line, k), self.row_mode[row], self.forth + at * w, lo, hi
            )
            lo = self.work(line, row, out, lo, hi, self.forth + to * w)
            if lo < 0:
                return 0
            hi += self.row_slots[row]
            self.forth_lo[to] = lo
            self.forth_hi[to] = hi if hi < self.slots else self.slots
            self.forth_count[line] = k + 1
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_row(self, line: i64, mode: i64) -> i64:
        """Offset of the cost from a mode at t to the end of the horizon without more work."""
        at: i64 = self.end + (line * self.modes + mode) * self.width
        out: i64
        lo: i64 = self.ready[line] + self.work_slots[line] - self.longest[line]
        lo = lo if lo > self.ready[line] else self.ready[line]
        if self.has_end[line * self.modes + mode] == 0:
            if self.end_slots[line] < self.work_slots[line]:
                self.end_slots[line] = self.work_slots[line]
            fill(self.v, at, lo, self.slots, INF)
            self.v[at + self.slots] = 0.0
            out = self.gap_back(line, mode, self.last_mode[line], at, lo, self.slots)
            copy(self.v, at, out, lo, self.slots)
            self.has_end[line * self.modes + mode] = 1
        return at

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def backward(self, line: i64, place: i64) -> cython.void:
        """Complete the tables B and R of a line from its end to an item's place."""
        n: i64 = self.count[line]
        k: i64
        t: i64
        d: i64
        item: i64
        row: i64
        lo: i64
        hi: i64
        out: i64
        begin: i64
        last: i64
        done: i64 = self.ready[line] - self.longest[line]
        w: i64 = self.width
        if n - self.back_count[line] <= place:
            return
        self.was_backed[line] = 1
        if self.back_count[line] == 0 or self.back_slots[line] < self.work_slots[line]:
            self.back_slots[line] = self.work_slots[line]
        for k in range(n - self.back_count[line]):
            done += self.row_slots[self.item_row(line, k)]
        for k in range(n - self.back_count[line] - 1, place - 1, -1):
            item = self.sequence[line * self.items + k]
            row = self.item_row(line, k)
            d = self.row_slots[row]
            lo = done if done > self.ready[line] else self.ready[line]
            if k == n - 1:
                self.rest_row[item] = self.end_row(line, self.row_mode[row])
                hi = self.slots
            else:
                t = self.sequence[line * self.items + k + 1]
                hi = self.back_hi[t]
                out = self.gap_back(
                    line, self.row_mode[row], self.row_mode[self.item_row(line, k + 1)],
                    self.back + t * w, lo, hi,
                )  # fmt: skip
                self.rest_row[item] = self.rest + item * w
                copy(self.v, self.rest + item * w, out, lo, hi)
            self.rest_lo[item] = lo
            self.rest_hi[item] = hi
            done -= d
            lo = done if done > self.ready[line] else self.ready[line]
            hi -= d
            begin = lo if lo > self.row_earliest[row] else self.row_earliest[row]
            last = hi if hi < self.row_latest[row] else self.row_latest[row]
            # From slot begin on the end of the work lies in the rest's row.
            if begin + d < self.rest_lo[item]:
                begin = self.rest_lo[item] - d
            fill(self.v, self.back + item * w, lo, begin - 1 if begin <= hi else hi, INF)
            if begin <= last:
                self.cost_runs(row, self.back + item * w, self.rest_row[item] + d, begin, last)
                self.without_crew(line, row, self.back + item * w, begin, last)
            while last >= begin and self.v[self.back + item * w + last] == INF:
                last -= 1
            self.back_hi[item] = last if last >= begin else lo - 1
            self.back_count[line] = n - k

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def line_cost(self, line: i64) -> f64:
        """Least cost of a line's sequence on top of the other lines."""
        at: i64
        if self.forward(line, self.count[line]) == 0:
            return INF
        at = self.number(line, self.count[line])
        return least_sum(
            self.v, self.forth + at * self.width,
            self.end_row(line, self.mode_after(line, self.count[line])),
            self.forth_lo[at], self.forth_hi[at],
        )  # fmt: skip

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def changed_cost(self, line: i64, keep: i64, n: i64, go_on: i64) -> f64:
        """Least cost of a line with n items of the buffer in place of some of its own.

        They stand between its first ``keep`` items and those from place ``go_on`` on. The tables
        are made as far as needed.
        """
        at: i64 = self.number(line, keep)
        mode: i64 = self.mode_after(line, keep)
        lo: i64
        hi: i64
        end: i64 = self.slots
        k: i64
        row: i64
        out: i64
        item: i64
        to: i64
        other: i64
        w: i64 = self.width
        self.counts[0] += 1
        if self.forward(line, keep) == 0:
            return INF
        lo = self.forth_lo[at]
        hi = self.forth_hi[at]
        other = self.count[line]
        if go_on < other:
            self.backward(line, go_on)
            end = self.back_hi[self.sequence[line * self.items + go_on]]
        for k in range(n):
            end -= self.row_slots[self.row_of[self.buffer[k] * self.lines + line]]
        hi = hi if hi < end else end
        if hi < lo:
            return INF
        out = self.forth + at * w
        to = self.ping
        for k in range(n):
            row = self.row_of[self.buffer[k] * self.lines + line]
            out = self.gap(line, mode, self.row_mode[row], out, lo, hi)
            lo = self.work(line, row, out, lo, hi, to)
            if lo < 0:
                return INF
            hi += self.row_slots[row]
            mode = self.row_mode[row]
            out = to
            to = self.ping + w if to == self.ping else self.ping
        if go_on == other:
            return least_sum(self.v, out, self.end_row(line, mode), lo, hi)
        if go_on > 0 and mode == self.row_mode[self.item_row(line, go_on - 1)]:
            self.backward(line, go_on - 1)
            item = self.sequence[line * self.items + go_on - 1]
            end = self.rest_hi[item]
            return least_sum(self.v, out, self.rest_row[item], lo, hi if hi < end else end)
        item = self.sequence[line * self.items + go_on]
        out = self.gap(line, mode, self.row_mode[self.item_row(line, go_on)], out, lo, hi)
        return least_sum(self.v, out, self.back + item * w, lo, hi)

    # From tables to a plan -------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def note(self, kind: i64, index: i64, begin: i64, end: i64) -> cython.void:
        if self.is_noting:
            if self.noted >= self.notes.shape[0]:
                self.code = 2
                return
            self.notes[self.noted, 0] = kind
            self.notes[self.noted, 1] = index
            self.notes[self.noted, 2] = begin
            self.notes[self.noted, 3] = end
            self.noted += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def draw(self, line: i64, level: i64, begin: i64, slots: i64) -> cython.void:
        t: i64
        for t in range(begin, begin + slots):
            self.v[self.profile + line * self.width + t] += self.level_kw[level]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def arc_into(
        self, line: i64, a: i64, b: i64, at: i64, t: i64, lo: i64, x: f64, zero: i64
    ) -> i64:
        """The transition from a, in row ``at``, by which b at t costs x; -1 for none."""
        e: i64
        k: i64
        s: i64
        pair: i64 = (line * self.modes + a) * self.modes + b
        for e in range(self.pair_first[pair], self.pair_first[pair + 1]):
            k = self.arc_class[e]
            s = self.class_slots[k]
            if (s == 0) != (zero != 0) or t - s < lo:
                continue
            if self.v[at + t - s] + self.v[self.ways + k * self.width + t - s] == x:
                return e
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def trace_gap(self, line: i64, a: i64, b: i64, at: i64, lo: i64, node: i64, t: i64) -> i64:
        """Walk back through a gap to the slot in which it began.

        The node is -2 for mode a, -1 for mode b, and otherwise the rank of a rest.
        """
        w: i64 = self.width
        base: i64 = self.rest_first[line]
        n: i64 = self.rest_first[line + 1] - base
        rank_a: i64 = self.rest_rank[line * self.modes + a]
        from_a: i64 = self.node_a
        left: i64 = 2 * (self.slots + 1) * (self.modes + 2)
        r: i64
        e: i64
        mode: i64
        zero: i64
        before: i64
        row: i64
        held: i64
        x: f64
        if rank_a < 0 and self.hold_row(line, a) < 0:
            from_a = at
        while left > 0:
            left -= 1
            row = from_a if node == -2 else self.node_b
            mode = a if node == -2 else b
            if node >= 0:
                row = self.node_r + node * w
                mode = self.rest_mode[base + node]
            x = self.v[row + t]
            if (node == -2 or node == rank_a) and self.v[at + t] == x:
                return t
            if node == -1 and a == b and self.v[from_a + t] == x:
                node = -2
                continue
            e = -1
            before = -2
            if node != -2:
                for zero in range(2):
                    if rank_a < 0:
                        e = self.arc_into(line, a, mode, from_a, t, lo, x, zero)
                        before = -2
                    if e < 0:
                        for r in range(n):
                            e = self.arc_into(
                                line, self.rest_mode[base + r], mode, self.node_r + r * w, t, lo, x,
                                zero,
                            )  # fmt: skip
                            if e >= 0:
                                before = r
                                break
                    if e >= 0:
                        break
                    held = self.hold_row(line, mode)
                    if node >= 0 and zero == 0 and held >= 0 and t > lo:  # noqa: SIM102
                        if self.v[row + t - 1] + (self.v[held + t] - self.v[held + t - 1]) == x:
                            break
            if e >= 0:
                self.own[line] += self.arc_fee[e]
                r = self.class_slots[self.arc_class[e]]
                self.draw(line, self.class_level[self.arc_class[e]], t - r, r)
                self.note(TRANSITION, self.arc_id[e], t - r, t)
                t -= r
                node = before
                continue
            held = self.hold_level[line * self.modes + mode]
            if t <= lo or held < 0:
                self.code = 1
                return -1
            t -= 1
            self.draw(line, held, t, 1)
            self.note(HOLD, mode, t, t + 1)
        self.code = 3
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def trace(self, line: i64) -> i64:
        """Set starts, power and own costs of a line as its complete tables F have it.

        0, and nothing set, where the line does not come to its last mode in time.
        """
        k: i64
        t: i64
        j: i64
        row: i64
        at: i64
        a: i64
        b: i64
        out: i64
        node: i64
        r: i64
        done: i64
        w: i64 = self.width
        n: i64 = self.count[line]
        at = self.number(line, n)
        a = self.mode_after(line, n)
        b = self.last_mode[line]
        out = self.gap(line, a, b, self.forth + at * w, self.forth_lo[at], self.slots)
        node = -1
        if b >= 0 and self.rest_rank[line * self.modes + b] >= 0:
            node = self.rest_rank[line * self.modes + b]
        if b < 0:
            node = self.rest_rank[line * self.modes + a]
            node = -2 if node < 0 else node
            if node >= 0:
                out = self.node_r + node * w
            for r in range(self.rest_first[line + 1] - self.rest_first[line]):
                if self.v[self.node_r + r * w + self.slots] < self.v[out + self.slots]:
                    out = self.node_r + r * w
                    node = r
        if self.v[out + self.slots] == INF:
            return 0
        fill(self.v, self.profile + line * w, 0, self.slots, 0.0)
        self.own[line] = 0.0
        t = self.trace_gap(line, a, b, self.forth + at * w, self.forth_lo[at], node, self.slots)
        for k in range(n - 1, -1, -1):
            if self.code != 0:
                return 0
            row = self.item_row(line, k)
            t -= self.row_slots[row]
            self.start[self.sequence[line * self.items + k]] = t
            self.own[line] += self.s[self.row_cost + row * w + t]
            done = t
            for j in range(self.row_run[row], self.row_run[row + 1]):
                self.draw(line, self.run_level[j], done, self.run_slots[j])
                done += self.run_slots[j]
            self.note(WORK, self.sequence[line * self.items + k], t, done)
            at = self.number(line, k)
            a = self.mode_after(line, k)
            b = self.row_mode[row]
            self.gap(line, a, b, self.forth + at * w, self.forth_lo[at], t)
            node = self.rest_rank[line * self.modes + b]
            node = -1 if node < 0 else node
            t = self.trace_gap(line, a, b, self.forth + at * w, self.forth_lo[at], node, t)
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def recount(self) -> cython.void:
        """The value of the plan as it stands, with K and with its own peak."""
        t: i64
        line: i64
        x: f64
        plus: f64
        energy: f64 = 0.0
        over: f64 = 0.0
        highest: f64 = self.incurred
        own: f64 = self.unplaced
        w: i64 = self.width
        for t in range(self.slots):
            self.v[self.net + t] = self.s[self.base + t]
        for line in range(self.lines):
            own += self.own[line]
            for t in range(self.slots):
                self.v[self.net + t] += self.v[self.profile + line * w + t]
        for t in range(self.slots):
            x = self.v[self.net + t]
            plus = x if x > 0.0 else 0.0
            energy += self.s[self.rate + t] * plus + self.s[self.feed + t] * (x - plus)
            over += x - self.peak if x > self.peak else 0.0
            highest = x if x > highest else highest
        if self.contract < INF:
            for t in range(self.slots):
                energy += self.over_contract(self.v[self.net + t])
        self.value = energy + own + self.peak_price * (self.peak - self.incurred + over)
        self.true_value = energy + own + self.peak_price * (highest - self.incurred)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def highest(self) -> f64:
        """The plan's own peak [kW], or the one incurred before."""
        t: i64
        most: f64 = self.incurred
        for t in range(self.slots):
            if self.v[self.net + t] > most:
                most = self.v[self.net + t]
        return most

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def changed(self, line: i64, first: i64, last: i64, slots: i64) -> cython.void:
        """Note that the items of a line from one place to another are not what they were.

        ``last`` counts in the sequence as it is now; ``slots`` is how much more work there is.
        """
        left: i64 = self.count[line] - 1 - last
        if first < self.lowest[line]:
            self.lowest[line] = first
        if self.forth_count[line] > first:
            self.forth_count[line] = first
        if self.back_count[line] > left:
            self.back_count[line] = left
        self.work_slots[line] += slots
        self.drop_narrow(line)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def drop_narrow(self, line: i64) -> cython.void:
        """Forget tables that were made for more work, whose windows leave out too much."""
        if self.work_slots[line] < self.forth_slots[line]:
            self.forth_count[line] = -1
        if self.work_slots[line] < self.back_slots[line]:
            self.back_count[line] = 0
        if self.work_slots[line] < self.end_slots[line]:
            self.forget_ends(line)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def forget_ends(self, line: i64) -> cython.void:
        mode: i64
        self.end_slots[line] = 0
        self.back_count[line] = 0
        for mode in range(self.modes):
            self.has_end[line * self.modes + mode] = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def time_line(self, line: i64) -> i64:
        """Time a line anew as its tables have it; the tables of the others grow old."""
        k: i64
        if self.forward(line, self.count[line]) == 0 or self.trace(line) == 0:
            return 0
        self.recount()
        for k in range(self.lines):
            if k != line:
                self.is_fresh[k] = 0
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def freshen(self, line: i64) -> cython.void:
        """Bring a line's prices up to date; now and then time it anew where that is cheaper."""
        if self.is_fresh[line]:
            return
        self.prepare(line)
        if self.stamp[line] % RETIMED == 0:
            self.improve(line)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def improve(self, line: i64) -> cython.void:
        """Time a line anew where that is cheaper."""
        cost: f64
        self.prepare(line)
        cost = self.total(line, self.line_cost(line))
        if cost < self.value - 1e-9 * (1.0 + abs(self.value)):
            self.time_line(line)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def total(self, line: i64, cost: f64) -> f64:
        """Value of the plan with line l at this cost."""
        target: f64 = self.peak_price * (self.peak - self.incurred)
        return self.constant[line] + cost + self.unplaced + target

    # Changing a plan -------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def put(self, line: i64, place: i64, item: i64) -> cython.void:
        """Let a line do an item at a place of its sequence."""
        k: i64
        at: i64 = line * self.items
        for k in range(self.count[line], place, -1):
            self.sequence[at + k] = self.sequence[at + k - 1]
        self.sequence[at + place] = item
        self.count[line] += 1
        self.line_of[item] = line
        self.unplaced -= self.pool_cost[item]
        self.changed(line, place, place, self.row_slots[self.row_of[item * self.lines + line]])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take(self, line: i64, place: i64) -> i64:
        """Take the item at a place out of a line's sequence, into the pool."""
        k: i64
        at: i64 = line * self.items
        item: i64 = self.sequence[at + place]
        self.count[line] -= 1
        for k in range(place, self.count[line]):
            self.sequence[at + k] = self.sequence[at + k + 1]
        self.line_of[item] = -1
        self.unplaced += self.pool_cost[item]
        self.changed(line, place, place - 1, -self.row_slots[self.row_of[item * self.lines + line]])
        return item

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def place_of(self, item: i64) -> i64:
        k: i64
        at: i64 = self.line_of[item] * self.items
        for k in range(self.count[self.line_of[item]]):
            if self.sequence[at + k] == item:
                return k
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def all_old(self) -> cython.void:
        line: i64
        for line in range(self.lines):
            self.is_fresh[line] = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def keep(self, which: i64) -> cython.void:
        """Remember the plan: 0 to come back to it, 1 as the best."""
        k: i64
        line: i64
        at: i64 = 0
        w: i64 = self.width
        for line in range(self.lines):
            for k in range(self.count[line]):
                self.kept_i[which, at + k] = self.sequence[line * self.items + k]
            at += self.items
            self.kept_i[which, at] = self.count[line]
            at += 1
        for k in range(self.items):
            self.kept_i[which, at + k] = self.line_of[k]
            self.kept_i[which, at + self.items + k] = self.start[k]
        for k in range(self.lines * w):
            self.kept_f[which, k] = self.v[self.profile + k]
        at = self.lines * w
        for k in range(w):
            self.kept_f[which, at + k] = self.v[self.net + k]
        at += w
        for line in range(self.lines):
            self.kept_f[which, at + line] = self.own[line]
        at += self.lines
        self.kept_f[which, at] = self.peak
        self.kept_f[which, at + 1] = self.value
        self.kept_f[which, at + 2] = self.true_value
        self.kept_f[which, at + 3] = self.unplaced
        if which == 0:
            for line in range(self.lines):
                self.kept_stamp[line] = self.stamp[line]
                self.kept_back[line] = self.back_count[line]
                self.lowest[line] = self.items + 1
                self.was_backed[line] = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def come_back(self, which: i64) -> cython.void:
        """Take up the plan that was kept, with the tables that are still its own."""
        k: i64
        line: i64
        at: i64 = 0
        w: i64 = self.width
        for line in range(self.lines):
            self.count[line] = self.kept_i[which, at + self.items]
            for k in range(self.count[line]):
                self.sequence[line * self.items + k] = self.kept_i[which, at + k]
            at += self.items + 1
        for k in range(self.items):
            self.line_of[k] = self.kept_i[which, at + k]
            self.start[k] = self.kept_i[which, at + self.items + k]
        for k in range(self.lines * w):
            self.v[self.profile + k] = self.kept_f[which, k]
        at = self.lines * w
        for k in range(w):
            self.v[self.net + k] = self.kept_f[which, at + k]
        at += w
        for line in range(self.lines):
            self.own[line] = self.kept_f[which, at + line]
        at += self.lines
        self.peak = self.kept_f[which, at]
        self.value = self.kept_f[which, at + 1]
        self.true_value = self.kept_f[which, at + 2]
        self.unplaced = self.kept_f[which, at + 3]
        for line in range(self.lines):
            self.is_fresh[line] = 0
            if which == 1:
                self.forth_count[line] = -1
                self.back_count[line] = 0
            elif self.lowest[line] <= self.items:
                if self.forth_count[line] > self.lowest[line]:
                    self.forth_count[line] = self.lowest[line]
                self.back_count[line] = 0
                if self.was_backed[line] == 0 and self.kept_stamp[line] == self.stamp[line]:
                    self.back_count[line] = self.kept_back[line]
            if self.lowest[line] <= self.items or which == 1:
                self.work_slots[line] = 0
                for k in range(self.count[line]):
                    self.work_slots[line] += self.row_slots[self.item_row(line, k)]
                self.drop_narrow(line)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def note_best(self) -> cython.void:
        if self.true_value < self.best - 1e-9 * (1.0 + abs(self.best)) or self.best == INF:
            self.best = self.true_value
            self.keep(1)

    # Insertion at the best place -------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def insert(self, item: i64, blink: f64) -> i64:
        """Put an item of the pool at the place of least cost; 0 where it has none.

        Places are passed over with probability ``blink``.
        """
        line: i64
        k: i64
        best_line: i64 = -1
        best_place: i64 = 0
        cost: f64
        best: f64 = INF
        for line in range(self.lines):
            if self.row_of[item * self.lines + line] < 0:
                continue
            self.freshen(line)
            for k in range(self.count[line] + 1):
                if blink > 0.0 and self.uniform() < blink:
                    continue
                self.buffer[0] = item
                cost = self.total(line, self.changed_cost(line, k, 1, k))
                if cost < best:
                    best = cost
                    best_line = line
                    best_place = k
        if best_line < 0 or best - self.pool_cost[item] >= self.value:
            return 0
        line = best_line
        if self.is_fresh[line] == 0:
            self.prepare(line)
        self.put(line, best_place, item)
        if self.time_line(line) == 0:
            self.take(line, best_place)
            self.time_line(line)
            return 0
        return 1

    # Moves -----------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def within_line(self, line: i64, i: i64, threshold: f64) -> i64:
        """Exchange two items of a line, or move up to four to another place of it."""
        n: i64 = self.count[line]
        at: i64 = line * self.items
        j: i64
        k: i64
        size: i64 = 1
        lo: i64
        hi: i64
        m: i64 = 0
        cost: f64
        if n < 2:
            return 0
        if self.uniform() < 0.5:
            j = i + 1 + self.below(4)
            if self.uniform() < 0.5:
                j = 2 * i - j
        else:
            j = self.below(n)
        if j < 0 or j >= n or j == i:
            return 0
        if self.uniform() < 0.35:
            lo = i if i < j else j
            hi = i + j - lo
            for k in range(lo, hi + 1):
                self.buffer[k - lo] = self.sequence[at + k]
            self.buffer[0] = self.sequence[at + hi]
            self.buffer[hi - lo] = self.sequence[at + lo]
        else:
            if self.uniform() < 0.3:
                size = 2 + self.below(3)
            if i + size > n:
                size = n - i
            if j > i:
                lo = i
                hi = j + size - 1
                hi = hi if hi < n else n - 1
                if hi < i + size:
                    return 0
                for k in range(i + size, hi + 1):
                    self.buffer[m] = self.sequence[at + k]
                    m += 1
                for k in range(i, i + size):
                    self.buffer[m] = self.sequence[at + k]
                    m += 1
            else:
                lo = j
                hi = i + size - 1
                for k in range(i, i + size):
                    self.buffer[m] = self.sequence[at + k]
                    m += 1
                for k in range(j, i):
                    self.buffer[m] = self.sequence[at + k]
                    m += 1
        self.freshen(line)
        m = hi - lo + 1
        cost = self.total(line, self.changed_cost(line, lo, m, hi + 1))
        if not cost < self.value + threshold:
            return 0
        for k in range(m):
            self.sequence[at + lo + k] = self.buffer[k]
        self.changed(line, lo, hi, 0)
        return self.time_line(line)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def see_without(self, line: i64, item: i64) -> cython.void:
        """Price an item's power on a line as if it no longer ran where it does."""
        t: i64
        k: i64
        j: i64
        row: i64 = self.row_of[item * self.lines + self.line_of[item]]
        w: i64 = self.width
        for t in range(self.slots):
            self.v[self.q + t] = self.v[self.net + t] - self.v[self.profile + line * w + t]
        t = self.start[item]
        for k in range(self.row_run[row], self.row_run[row + 1]):
            for j in range(t, t + self.run_slots[k]):
                self.v[self.q + j] -= self.level_kw[self.run_level[k]]
            t += self.run_slots[k]
        for t in range(self.slots):
            self.v[self.idle + t] = self.slot_cost(t, self.v[self.q + t])
        row = self.row_of[item * self.lines + line]
        self.other_row = row
        for k in range(self.row_run[row], self.row_run[row + 1]):
            j = self.other + (k - self.row_run[row]) * w
            self.price_level(j, self.level_kw[self.run_level[k]])
            running_sum(self.v, j, self.slots)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def place_near(self, line: i64, at: i64) -> i64:
        """Place of a line's sequence where work at a slot would be done."""
        k: i64
        for k in range(self.count[line]):
            if self.start[self.sequence[line * self.items + k]] >= at:
                return k
        return self.count[line]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def another_line(self, item: i64) -> i64:
        """Another line that can make an order, by luck; -1 for none."""
        line: i64
        n: i64 = 0
        for line in range(self.lines):
            if line != self.line_of[item] and self.row_of[item * self.lines + line] >= 0:
                n += 1
        if n == 0:
            return -1
        n = self.below(n)
        for line in range(self.lines):
            if line != self.line_of[item] and self.row_of[item * self.lines + line] >= 0:
                if n == 0:
                    return line
                n -= 1
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def between_lines(self, item: i64, threshold: f64, margin: f64) -> i64:
        """Move an order to another line, or exchange it with an order there."""
        a: i64 = self.line_of[item]
        b: i64
        i: i64
        j: i64
        other: i64 = -1
        gain: f64
        cost: f64
        if self.lines < 2:
            return 0
        b = self.another_line(item)
        if b < 0:
            return 0
        self.freshen(a)
        self.freshen(b)
        self.prepare(a)
        i = self.place_of(item)
        if self.uniform() < 0.6:
            j = self.place_near(b, self.start[item]) + self.below(3) - 1
            if j < 0 or j > self.count[b]:
                return 0
        else:
            j = self.below(self.count[b] + 1)
        if self.uniform() < 0.5:
            if j == self.count[b]:
                return 0
            other = self.sequence[b * self.items + j]
            if self.row_of[other * self.lines + a] < 0:
                return 0
        # What the move would be worth if each line kept the other's power, the orders that go apart
        if other < 0:
            cost = self.changed_cost(a, i, 0, i + 1)
        else:
            self.see_without(a, other)
            self.buffer[0] = other
            cost = self.changed_cost(a, i, 1, i + 1)
            self.other_row = -1
        gain = self.value - self.total(a, cost)
        if not gain > -1e300:
            return 0
        self.see_without(b, item)
        self.buffer[0] = item
        cost = self.changed_cost(b, j, 1, j if other < 0 else j + 1)
        self.other_row = -1
        cost = self.total(b, cost)
        if not cost - gain < self.value + threshold + margin:
            return 0
        self.counts[2] += 1
        self.keep(0)
        self.take(a, i)
        if other >= 0:
            self.take(b, j)
            self.put(a, i, other)
        self.put(b, j, item)
        if self.time_line(a):
            self.prepare(b)
            cost = self.total(b, self.line_cost(b))
            if cost < self.value_before() + threshold:
                self.counts[3] += 1
                return self.time_line(b)
        self.come_back(0)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def value_before(self) -> f64:
        """Value of the plan to come back to."""
        return self.kept_f[0, self.lines * self.width + self.width + self.lines + 1]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def settle(self, threshold: f64) -> i64:
        """Accept the plan as it stands against the one kept, or come back to that."""
        if self.value < self.value_before() + threshold:
            return 1
        self.come_back(0)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def move_peak(self, threshold: f64) -> i64:
        """Another peak target K; every line is timed anew under it."""
        line: i64
        u: f64
        k: i64
        if self.peak_price <= 0.0:
            return 0
        self.keep(0)
        u = self.uniform()
        if u < 0.25:
            self.peak = self.highest()
        elif u < 0.6:
            self.peak = self.peak * (0.97 + 0.06 * self.uniform())
        else:
            self.peak = self.highest() * (1.0 - 0.03 * self.uniform())
        if self.peak < self.incurred:
            self.peak = self.incurred
        self.all_old()
        self.recount()
        for k in range(2):  # noqa: B007
            for line in range(self.lines):
                if self.is_fresh[line] == 0:
                    self.improve(line)
        return self.settle(threshold)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def rebuild(self, item: i64, size: i64, threshold: f64) -> i64:
        """Take orders near an item's start out, and put each back at its best place."""
        k: i64
        j: i64
        line: i64
        n: i64 = 0
        at: i64
        away: i64
        best: i64
        self.keep(0)
        at = self.start[item]
        for k in range(size):
            best = -1
            away = self.slots + 1
            for j in range(self.items):
                if self.line_of[j] >= 0:
                    line = self.start[j] - at if self.start[j] > at else at - self.start[j]
                    if line < away and (k == 0 or self.uniform() < 0.6):
                        away = line
                        best = j
            if best < 0:
                break
            line = self.line_of[best]
            self.take(line, self.place_of(best))
        for line in range(self.lines):
            if self.lowest[line] <= self.items:
                self.prepare(line)
                if self.time_line(line) == 0:
                    self.come_back(0)
                    return 0
        n = 0
        for j in range(self.items):
            if self.line_of[j] < 0:
                self.buffer[n + 1] = j
                n += 1
        for k in range(n):
            j = 1 + k + self.below(n - k)
            best = self.buffer[j]
            self.buffer[j] = self.buffer[1 + k]
            self.buffer[1 + k] = best
            self.insert(best, 0.02)
        return self.settle(threshold)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def step(
        self, temperature: f64, margin: f64, peak_share: f64, rebuild_share: f64
    ) -> cython.void:
        """One move of the annealing (Kirkpatrick, Gelatt and Vecchi, 1983)."""
        u: f64 = self.uniform()
        item: i64
        threshold: f64 = 1.0 - self.uniform()
        is_new: i64 = 0
        if self.items == 0:
            return
        threshold = -temperature * log(threshold)
        if u < peak_share:
            is_new = self.move_peak(threshold)
        else:
            item = self.below(self.items)
            if self.line_of[item] < 0:
                self.freshen(0)
                is_new = self.insert(item, 0.02)
            elif u < peak_share + rebuild_share:
                is_new = self.rebuild(item, 2 + self.below(4), threshold)
            elif u < 0.55 or self.lines == 1 or item >= self.orders:
                is_new = self.within_line(self.line_of[item], self.place_of(item), threshold)
            else:
                is_new = self.between_lines(item, threshold, margin * temperature)
        if is_new:
            self.note_best()

    # What Python calls -----------------------------------------------------------------------

    def clear(self) -> None:
        """Begin with no item placed."""
        line: i64
        j: i64
        self.unplaced = 0.0
        for j in range(self.items):
            self.line_of[j] = -1
            self.unplaced += self.pool_cost[j]
        for line in range(self.lines):
            self.count[line] = 0
            self.work_slots[line] = 0
            self.forth_count[line] = -1
            self.back_count[line] = 0
            self.own[line] = 0.0
            fill(self.v, self.profile + line * self.width, 0, self.slots, 0.0)
        self.all_old()

    def begin(self, peak: f64, seed: int) -> bool:
        """Time the empty lines under a peak target; False where one cannot even rest."""
        line: i64
        is_timed: i64 = 1
        self.random_state = seed
        self.peak = peak if peak > self.incurred else self.incurred
        self.recount()
        with cython.nogil:
            for line in range(self.lines):
                self.price(line)
                if self.time_line(line) == 0:
                    is_timed = 0
        self.checked()
        return is_timed != 0

    def checked(self) -> None:
        if self.code != 0:
            raise RuntimeError(f"line timing: error {self.code}")

    def add(self, item: i64, line: i64) -> bool:
        """Put an item behind the others of a line; False, and nothing changed, without time."""
        is_timed: i64
        if self.row_of[item * self.lines + line] < 0:
            return False
        if self.is_fresh[line] == 0:
            self.prepare(line)
        self.put(line, self.count[line], item)
        is_timed = self.forward(line, self.count[line])
        if is_timed == 0 or self.line_cost(line) == INF:
            self.take(line, self.count[line] - 1)
            return False
        return True

    def load(self, sequences: list[list[int]]) -> list[int]:
        """Put items as sequences say; the items for which a line has no time."""
        line: i64
        missing: list[int] = []
        for line in range(self.lines):
            self.price(line)
            for item in sequences[line]:
                self.put(line, self.count[line], item)
            if self.line_cost(line) == INF:
                while self.count[line] > 0:
                    self.take(line, self.count[line] - 1)
                missing += [item for item in sequences[line] if not self.add(item, line)]
            self.time_line(line)
            self.checked()
        return missing

    def place(self, item: int) -> bool:
        """Put an item at its best place; False where it has none."""
        j: i64 = item
        is_placed: i64
        with cython.nogil:
            is_placed = self.insert(j, 0.0)
        self.checked()
        return is_placed != 0

    def settle_peak(self, rounds: int) -> float:
        """Time all lines in turns, with K at the plan's own peak, until nothing gets cheaper."""
        n: i64
        line: i64
        most: i64 = rounds
        before: f64
        with cython.nogil:
            for n in range(most):  # noqa: B007
                before = self.true_value
                self.peak = self.highest()
                self.all_old()
                self.recount()
                for line in range(self.lines):
                    self.improve(line)
                if not self.true_value < before:
                    break
            self.note_best()
        self.checked()
        return self.true_value

    def run(self, steps: int, temperature: f64, margin: f64, peak_share: f64,
            rebuild_share: f64) -> float:  # fmt: skip
        """Make moves at one temperature; the value of the best plan so far."""
        n: i64
        most: i64 = steps
        with cython.nogil:
            for n in range(most):  # noqa: B007
                self.step(temperature, margin, peak_share, rebuild_share)
                if self.code != 0:
                    break
        self.checked()
        return self.best

    def back_to_best(self) -> None:
        """Take up the best plan."""
        self.come_back(1)

    def forget_best(self) -> None:
        self.best = INF

    def sequences(self) -> list[list[int]]:
        """The items of each line in order."""
        line: i64
        k: i64
        found: list[list[int]] = []
        for line in range(self.lines):
            found.append([])
            for k in range(self.count[line]):
                found[line].append(self.sequence[line * self.items + k])
        return found

    def written(self, line: i64) -> int:
        """Time a line anew and write what it does into the notes, backwards; how many rows."""
        if self.is_fresh[line] == 0:
            self.prepare(line)
        self.is_noting = 1
        self.noted = 0
        self.time_line(line)
        self.is_noting = 0
        self.checked()
        return self.noted

    def values(self) -> tuple[float, float, float, float]:
        """Value with K, value with the plan's own peak, K, best value."""
        return self.value, self.true_value, self.peak, self.best

    def timed(self, line: i64) -> float:
        """Least cost of a line's sequence on top of the others, with all tables made anew."""
        self.price(line)
        return self.line_cost(line)

    def time_often(self, line: i64, times: i64) -> float:
        """The same over and over: for measuring."""
        done: i64
        cost: f64 = 0.0
        with cython.nogil:
            for done in range(times):  # noqa: B007
                self.price(line)
                cost += self.line_cost(line)
        return cost

    def cost_if(self, line: int, keep: int, items: list[int], go_on: int) -> float:
        """Least cost of a line with ``items`` in place of some of its own, by ``changed_cost``."""
        k: i64
        for k in range(len(items)):
            self.buffer[k] = items[k]
        return self.changed_cost(line, keep, len(items), go_on)

    def cost_as_if(self, line: i64, items: list[int]) -> float:
        """The same for a whole sequence, with all tables made anew; the plan stays as it is."""
        k: i64
        cost: f64
        self.keep(0)
        while self.count[line] > 0:
            self.take(line, self.count[line] - 1)
        for item in items:
            self.put(line, self.count[line], item)
        self.price(line)
        cost = self.line_cost(line)
        self.come_back(0)
        # The tables of an item that stands in another line as well are now of this one.
        for k in range(self.lines):
            self.forth_count[k] = -1
            self.back_count[k] = 0
        return cost
