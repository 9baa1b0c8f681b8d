"""The event kernel: one replication of a plant on arrays of numbers, as ``semantics.md`` has it.

This file is annotated Python. Compiled by Cython it runs without the interpreter's lock; as it is
it gives the same results, slowly. It knows no names: :mod:`twin.simulation.tables` numbers
everything, :mod:`twin.simulation.kernel_engine` gives the names back. The sections of ``Kernel``
follow the specification, and so do the words.

Nothing is allocated while a replication runs. One that needs more room, for jobs at once or for its
trace, stops with an error code and is begun again with twice as much; it comes to the same point.
"""

from __future__ import annotations

import ctypes
from array import array

from twin.simulation import _cython_shim as cython

if cython.compiled:
    from cython.cimports.libc.math import erfc, exp, expm1, floor, log, log1p, pow, sqrt
else:
    from math import erfc, exp, expm1, floor, log, log1p, pow, sqrt

i64 = cython.typedef(cython.longlong)
u32 = cython.typedef(cython.uint)
u64 = cython.typedef(cython.ulonglong)
f64 = cython.typedef(cython.double)

# Records: what belongs to one thing lies together, whole numbers first -----------------------
Unit = cython.struct(
    base=i64, overlay=i64, running=i64, rem=i64, since=i64, is_open=i64, is_on=i64, has_modes=i64,
    job=i64, item=i64, stage=i64, row=i64, number=i64, step=i64, visit=i64, logged_number=i64,
    logged_state=i64, logged_step=i64, logged_pass=i64, logged_reason=i64, logged_since=i64,
    lot=i64, lots=i64, lot_size=i64, pieces=i64, lot_count=i64, lot_open=i64, is_load=i64,
    full_time=i64, from_before=i64, worked=i64, worked_mode_first=i64, worked_mode_last=i64,
    lots_ended=i64, counted_mode_first=i64, counted_mode_last=i64, good=i64, scrap=i64,
    base_crew=i64, key=i64, only_key=i64, stays=i64, idle_since=i64, queue=i64, loads=i64,
    inspects=i64, tests=i64, finishes_first=i64, shift_slot=i64, open_since=i64, waits_for_task=i64,
    next_under_way=i64, under_way_first=i64, under_way_last=i64, timeout=i64, startup=i64,
    dated_mode_first=i64, dated_mode_last=i64, base_people=i64, refused=i64, failed_mode=i64,
    present_task=i64, overlay_before=i64, overlay_crew=i64, overlay_people=i64, follower=i64,
    next_shift=i64, next_item=i64, next_window=i64, next_edge=i64, next_segment=i64, stuck=i64,
    lot_mean=f64, planned_minutes=f64, energy_kwh=f64, energy_cost=f64, carbon_kg=f64,
    logged_price=f64, logged_carbon=f64, startup_minutes=f64,
)  # fmt: skip
"""A work unit: what it does, the job it has, how far it is, what was logged, its totals."""
Job = cython.struct(
    stage=i64, pieces=i64, origin=i64, number=i64, visit=i64, serial=i64, next=i64, before=i64,
    waiting=i64, claimed=i64, supplied=i64, place=i64, holder=i64, mass=i64, mate=i64, onward=i64,
    arrived=i64, released=i64, defective=i64, fellow=i64, line=i64,
    due=f64,
)  # fmt: skip
"""A job in the plant."""
Queue = cython.struct(
    head=i64, tail=i64, places_used=i64, room_used=i64, places=i64, room=i64, transport=i64,
    uses_first=i64, uses_last=i64, places_since=i64, buffer_area=i64, wait_ticks=i64, taken=i64,
    trip=i64,
)  # fmt: skip
"""The queue before an operation."""
Stage = cython.struct(
    operation=i64, product=i64, step=i64, steps=i64, taker_first=i64, taker_last=i64, first_row=i64,
    branch_first=i64, branch_last=i64,
)  # fmt: skip
"""A step of a product's route."""
Row = cython.struct(
    basis=i64, lot=i64, spread=i64, draws_ahead=i64, max_jobs=i64, is_sure=i64, group=i64,
    min_jobs=i64, longest_wait=i64, people=i64, rework=i64,
    minutes=f64, transit=f64, scrap=f64, defects=f64, sigma=f64, half=f64, mass=f64,
)  # fmt: skip
"""A processing row."""
UNIT_REALS = cython.declare(cython.longlong, 8)
JOB_REALS = cython.declare(cython.longlong, 1)
ROW_REALS = cython.declare(cython.longlong, 7)

# Time -----------------------------------------------------------------------------------------
OFF = cython.declare(cython.longlong, 9223372036854775807)
"""A timer that is not set."""
FAR = cython.declare(cython.longlong, 4611686018427387904)
"""A duration that means never."""
GRACE = cython.declare(cython.longlong, 1000)
MINUTE = cython.declare(cython.double, 60000000.0)
HOUR = cython.declare(cython.double, 3.6e9)
INFINITE = cython.declare(cython.double, float("inf"))
TINY = cython.declare(cython.double, 1e-300)

# What a work unit does (base) and what hinders it (overlay) -----------------------------------
IDLE = cython.declare(cython.longlong, 0)
STARTUP = cython.declare(cython.longlong, 1)
SETUP_WAIT = cython.declare(cython.longlong, 2)
SETUP = cython.declare(cython.longlong, 3)
READY = cython.declare(cython.longlong, 4)
OPERATOR_WAIT = cython.declare(cython.longlong, 5)
WORK = cython.declare(cython.longlong, 6)
FINISHED = cython.declare(cython.longlong, 7)
BLOCKED = cython.declare(cython.longlong, 8)

CLEAR = cython.declare(cython.longlong, 0)
HIDDEN = cython.declare(cython.longlong, 1)
DOWN = cython.declare(cython.longlong, 2)
REPAIR = cython.declare(cython.longlong, 3)
ASKED = cython.declare(cython.longlong, 4)
MAINTENANCE = cython.declare(cython.longlong, 5)

# States as ``twin.model.plant.STATES`` lists them
S_OFF = cython.declare(cython.longlong, 0)
S_STARTUP = cython.declare(cython.longlong, 1)
S_STANDBY = cython.declare(cython.longlong, 2)
S_SETUP = cython.declare(cython.longlong, 3)
S_WORKING = cython.declare(cython.longlong, 4)
S_BLOCKED = cython.declare(cython.longlong, 5)
S_DOWN = cython.declare(cython.longlong, 6)
S_REPAIR = cython.declare(cython.longlong, 7)
S_MAINTENANCE = cython.declare(cython.longlong, 8)
STATES = cython.declare(cython.longlong, 9)

# Kinds of timer, in the order in which they fire at one instant -------------------------------
T_SHIFT = cython.declare(cython.longlong, 0)
T_DUTY = cython.declare(cython.longlong, 1)
T_ACTIVITY = cython.declare(cython.longlong, 2)
T_OVERLAY = cython.declare(cython.longlong, 3)
T_FAILURE = cython.declare(cython.longlong, 4)
T_CAUSE = cython.declare(cython.longlong, 5)
T_WAKE = cython.declare(cython.longlong, 6)
T_CONDITION = cython.declare(cython.longlong, 7)
T_VEHICLE = cython.declare(cython.longlong, 8)
T_SOURCE = cython.declare(cython.longlong, 9)
T_RELEASE = cython.declare(cython.longlong, 10)

# Kinds of row of the trace (``twin.simulation.result``) ---------------------------------------
STATE_ROW = cython.declare(cython.longlong, 0)
START_ROW = cython.declare(cython.longlong, 1)
END_ROW = cython.declare(cython.longlong, 2)
VERDICT_ROW = cython.declare(cython.longlong, 3)
RELEASE_ROW = cython.declare(cython.longlong, 4)
COMPLETE_ROW = cython.declare(cython.longlong, 5)
ROW_WIDTH = cython.declare(cython.longlong, 11)

# Codes that the tables use --------------------------------------------------------------------
CONSTANT = cython.declare(cython.longlong, 0)
EXPONENTIAL = cython.declare(cython.longlong, 1)
WEIBULL = cython.declare(cython.longlong, 2)
LOGNORMAL = cython.declare(cython.longlong, 3)
GAMMA = cython.declare(cython.longlong, 4)
HISTOGRAM = cython.declare(cython.longlong, 5)
EMPIRICAL = cython.declare(cython.longlong, 6)

OPERATING = cython.declare(cython.longlong, 0)
CALENDAR = cython.declare(cython.longlong, 1)
COUNT = cython.declare(cython.longlong, 2)
AGE = cython.declare(cython.longlong, 3)
CONDITION = cython.declare(cython.longlong, 4)

LIFE = cython.declare(cython.longlong, 0)
WEAR_GAMMA = cython.declare(cython.longlong, 1)
WEAR_WIENER = cython.declare(cython.longlong, 2)
COMMON = cython.declare(cython.longlong, 3)

RESUME = cython.declare(cython.longlong, 0)
FINISH_FIRST = cython.declare(cython.longlong, 1)
SCRAP_LOT = cython.declare(cython.longlong, 2)
RESTART = cython.declare(cython.longlong, 3)

NEW = cython.declare(cython.longlong, 0)
OLD = cython.declare(cython.longlong, 1)
PARTIAL = cython.declare(cython.longlong, 2)
CHANCE = cython.declare(cython.longlong, 3)

PER_ORDER = cython.declare(cython.longlong, 0)
PER_PIECE = cython.declare(cython.longlong, 1)
PER_KG = cython.declare(cython.longlong, 2)
PER_LOAD = cython.declare(cython.longlong, 3)

SURE = cython.declare(cython.longlong, 0)
SPREAD_LOGNORMAL = cython.declare(cython.longlong, 1)
SPREAD_GAMMA = cython.declare(cython.longlong, 2)
SPREAD_EXPONENTIAL = cython.declare(cython.longlong, 3)

EDD = cython.declare(cython.longlong, 0)
FIFO = cython.declare(cython.longlong, 1)
SPT = cython.declare(cython.longlong, 2)
ATC = cython.declare(cython.longlong, 3)

FOLLOWER_NONE = cython.declare(cython.longlong, 0)
FOLLOWER_COLD = cython.declare(cython.longlong, 1)
SEGMENT_KEEPS = cython.declare(cython.longlong, 1)
SEGMENT_TASK = cython.declare(cython.longlong, 2)

END_COMPLETE = cython.declare(cython.longlong, -1)
END_SCRAP = cython.declare(cython.longlong, -2)
UNDECIDED = cython.declare(cython.longlong, -3)

CALL_REPAIR = cython.declare(cython.longlong, 0)
CALL_TASK = cython.declare(cython.longlong, 1)
CALL_SETUP = cython.declare(cython.longlong, 2)
CALL_OPERATORS = cython.declare(cython.longlong, 3)
NOT_NEEDED = cython.declare(cython.longlong, -1)
NOBODY = cython.declare(cython.longlong, -2)

# Purposes of a job's random numbers, in the order of the table of streams ---------------------
LUCK_TIME = cython.declare(cython.longlong, 0)
LUCK_SCRAP = cython.declare(cython.longlong, 1)
LUCK_REASON = cython.declare(cython.longlong, 2)
LUCK_SETUP = cython.declare(cython.longlong, 3)
LUCK_BRANCH = cython.declare(cython.longlong, 4)
LUCK_DEFECT = cython.declare(cython.longlong, 5)
LUCK_FOUND = cython.declare(cython.longlong, 6)
LUCK_ALARM = cython.declare(cython.longlong, 7)
PURPOSES = cython.declare(cython.longlong, 8)
AHEAD = cython.declare(cython.longlong, 16)
"""Numbers drawn at a time."""

# How a run ends -------------------------------------------------------------------------------
DONE = cython.declare(cython.longlong, 0)
DEADLOCK = cython.declare(cython.longlong, 1)
NEEDS_JOBS = cython.declare(cython.longlong, 2)
NEEDS_ROWS = cython.declare(cython.longlong, 3)

MASK_64 = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
ONE = cython.declare(cython.ulonglong, 1)


# --- numbers -------------------------------------------------------------------------------------


@cython.inline
@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def philox(seed: u64, replication: u64, name_0: u64, name_1: u64, k: u64) -> f64:
    """The k-th number of a stream: Philox4x32-10, as :mod:`twin.behaviour.randomness` has it."""
    mask: u64 = 0xFFFFFFFF
    multiplier_0: u64 = 0xD2511F53
    multiplier_1: u64 = 0xCD9E8D57
    weyl_0: u64 = 0x9E3779B9
    weyl_1: u64 = 0xBB67AE85
    block: u64 = k >> 1
    c0: u32 = block & mask
    c1: u32 = block >> 32
    c2: u32 = name_0
    c3: u32 = name_1
    k0: u32 = seed
    k1: u32 = replication
    product_0: u64
    product_1: u64
    i: i64
    for i in range(10):  # noqa: B007
        product_0 = multiplier_0 * c0
        product_1 = multiplier_1 * c2
        c0 = (product_1 >> 32) ^ c1 ^ k0
        c1 = product_1 & mask
        c2 = (product_0 >> 32) ^ c3 ^ k1
        c3 = product_0 & mask
        k0 = (k0 + weyl_0) & mask
        k1 = (k1 + weyl_1) & mask
    if k & 1:
        c0 = c2
        c1 = c3
    high: u64 = c1
    return (cython.cast(f64, (high << 32 | c0) >> 12) + 0.5) * 2.220446049250313e-16


@cython.inline
@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def duration(minutes: f64) -> i64:
    """A duration in ticks, at least one."""
    ticks: f64 = minutes * MINUTE
    if ticks >= 4611686018427387904.0:
        return FAR
    whole: i64 = cython.cast(i64, ticks + 0.5)
    return whole if whole > 1 else 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def whole_lots(minutes: f64) -> i64:
    """A life in lots, at least one."""
    if minutes >= 4611686018427387904.0:
        return FAR
    whole: i64 = cython.cast(i64, floor(minutes + 0.5))
    return whole if whole > 1 else 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def normal_quantile(u: f64) -> f64:
    """Φ⁻¹(u), operation by operation as :func:`twin.model.quantiles.normal_quantile`."""
    q: f64 = u - 0.5
    r: f64
    num: f64
    den: f64
    tail: f64
    if -0.425 <= q <= 0.425:
        r = 0.180625 - q * q
        num = (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r
                 + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r
                 + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
                 + 1.3314166789178437745e2) * r + 3.3871328727963666080e0)  # fmt: skip
        den = (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r
                 + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r
                 + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
                 + 4.2313330701600911252e1) * r + 1.0)  # fmt: skip
        return q * num / den
    tail = u if q < 0.0 else 1.0 - u
    r = sqrt(-log(tail if tail > TINY else TINY))
    if r <= 5.0:
        r -= 1.6
        num = (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r
                 + 2.41780725177450611770e-1) * r + 1.27045825245236838258e0) * r
                 + 3.64784832476320460504e0) * r + 5.76949722146069140550e0) * r
                 + 4.63033784615654529590e0) * r + 1.42343711074968357734e0)  # fmt: skip
        den = (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r
                 + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r
                 + 6.89767334985100004550e-1) * r + 1.67638483018380384940e0) * r
                 + 2.05319162663775882187e0) * r + 1.0)  # fmt: skip
    else:
        r -= 5.0
        num = (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r
                 + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r
                 + 2.96560571828504891230e-1) * r + 1.78482653991729133580e0) * r
                 + 5.46378491116411436990e0) * r + 6.65790464350110377720e0)  # fmt: skip
        den = (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r
                 + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r
                 + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
                 + 5.99832206555887937690e-1) * r + 1.0)  # fmt: skip
    return -num / den if q < 0.0 else num / den


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def log_gamma(a: f64) -> f64:
    """ln Γ(a), as :func:`twin.model.quantiles.log_gamma`."""
    z: f64 = a - 1.0 if a >= 0.5 else a
    series: f64 = 0.99999999999980993
    series += 676.5203681218851 / (z + 1.0)
    series += -1259.1392167224028 / (z + 2.0)
    series += 771.32342877765313 / (z + 3.0)
    series += -176.61502916214059 / (z + 4.0)
    series += 12.507343278686905 / (z + 5.0)
    series += -0.13857109526572012 / (z + 6.0)
    series += 9.9843695780195716e-6 / (z + 7.0)
    series += 1.5056327351493116e-7 / (z + 8.0)
    t: f64 = z + 7.5
    value: f64 = 0.91893853320467274178 + (z + 0.5) * log(t) - t + log(series)
    return value if a >= 0.5 else value - log(a)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def gamma_tail(shape: f64, x: f64, is_upper: i64) -> f64:
    """P(X > x) or P(X ≤ x) of the gamma law, as :func:`twin.model.quantiles.gamma_tail`."""
    if x <= 0.0:
        return 1.0 if is_upper else 0.0
    scale: f64 = exp(shape * log(x) - x - log_gamma(shape))
    i: i64
    if x < shape + 1.0:
        term: f64 = 1.0 / shape
        total: f64 = term
        n: f64 = shape
        for i in range(4000):  # noqa: B007
            n += 1.0
            term *= x / n
            total += term
            if term < total * 1e-16:
                break
        lower: f64 = scale * total
        return 1.0 - lower if is_upper else lower
    b: f64 = x + 1.0 - shape
    c: f64 = 1.0 / TINY
    d: f64 = 1.0 / b
    h: f64 = d
    count: f64 = 0.0
    an: f64
    step: f64
    for i in range(4000):  # noqa: B007
        count += 1.0
        an = -count * (count - shape)
        b += 2.0
        d = an * d + b
        if -TINY < d < TINY:
            d = TINY
        c = b + an / c
        if -TINY < c < TINY:
            c = TINY
        d = 1.0 / d
        step = d * c
        h *= step
        if -1e-16 < step - 1.0 < 1e-16:
            break
    upper: f64 = scale * h
    return upper if is_upper else 1.0 - upper


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def gamma_inverse(shape: f64, p: f64, is_upper: i64) -> f64:
    """The quantile of a lower or upper tail, as :mod:`twin.model.quantiles` has it."""
    if p <= 0.0:
        return INFINITE if is_upper else 0.0
    if p >= 1.0:
        return 0.0 if is_upper else INFINITE
    if p > 0.5:
        p = 1.0 - p
        is_upper = 0 if is_upper else 1
    lower: f64 = 1.0 - p if is_upper else p
    log_first: f64 = (log(lower if lower > TINY else TINY) + log_gamma(shape + 1.0)) / shape
    if log_first < -600.0:
        return 0.0
    z: f64 = -normal_quantile(p) if is_upper else normal_quantile(p)
    ninth: f64 = 1.0 / (9.0 * shape)
    cube: f64 = 1.0 - ninth + z * sqrt(ninth)
    x: f64 = shape * cube * cube * cube if cube > 0.0 else 0.0
    near: f64
    if shape > 1e5:
        return x
    if shape < 1.0 or x <= 0.0 or lower < 0.01:
        near = exp(log_first)
        if x <= 0.0 or near < shape:
            x = near
    low: f64 = 0.0
    high: f64 = INFINITE
    tail: f64
    density: f64
    step: f64
    new: f64
    gap: f64
    i: i64
    for i in range(100):  # noqa: B007
        tail = gamma_tail(shape, x, is_upper)
        if (1 if tail < p else 0) == is_upper:
            high = x
        else:
            low = x
        density = exp((shape - 1.0) * log(x) - x - log_gamma(shape))
        if tail > 0.0 and density > 0.0:
            step = log(tail / p) * tail / density
            new = x + step if is_upper else x - step
        else:
            new = -1.0
        if not (low < new and new < high):
            new = 2.0 * x if high == INFINITE else 0.5 * (low + high)
        gap = new - x
        if (gap if gap >= 0.0 else -gap) <= 1e-13 * x:
            return new
        x = new
    return x


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def binomial_quantile(pieces: i64, share: f64, u: f64) -> i64:
    """Pieces of a lot that an event of this share befalls, as ``scrap.scrapped_pieces``."""
    if share <= 0.0 or pieces <= 0:
        return 0
    if share >= 1.0:
        return pieces
    n: f64 = cython.cast(f64, pieces)
    expected: f64 = n * share
    k: i64
    if expected > 30.0:
        z: f64 = normal_quantile(u)
        spread: f64 = sqrt(expected * (1.0 - share))
        skew_term: f64 = (1.0 - 2.0 * share) * (z * z - 1.0) / 6.0
        k = cython.cast(i64, floor(expected + spread * z + skew_term + 0.5))
        if k < 0:
            return 0
        return k if k < pieces else pieces
    odds: f64 = share / (1.0 - share)
    term: f64 = exp(n * log1p(-share))
    total: f64 = term
    k = 0
    while total < u and k < pieces:
        k += 1
        term *= odds * cython.cast(f64, pieces - k + 1) / cython.cast(f64, k)
        total += term
    return k


def integers(n: int) -> array:
    return array("q", bytes(8 * n))


def reals(n: int) -> array:
    return array("d", bytes(8 * n))


def records(size: int, reals: int, n: int) -> object:
    """Room in C for n records of so many bytes, whose last numbers are reals."""
    kinds = [ctypes.c_longlong] * (size // 8 - reals) + [ctypes.c_double] * reals
    fields = [(f"field_{i}", kind) for i, kind in enumerate(kinds)]
    return (type("Record", (ctypes.Structure,), {"_fields_": fields}) * n)()


# --- the plant -----------------------------------------------------------------------------------


@cython.final
@cython.cclass
class Kernel:
    """One replication at a time: tables that all replications share, and what changes in one."""

    # What is the same in every replication (twin.simulation.tables) ---
    end: i64
    warm_up: i64
    bucket: i64
    rule: i64
    look_ahead: f64
    full_scan: i64
    has_schedule: i64
    has_forecast: i64
    has_tasks: i64
    can_lock: i64
    units: i64
    crews: i64
    products: i64
    operations: i64
    stocks: i64
    transports: i64
    orders: i64
    sources: i64
    modes: i64
    tasks: i64
    visits_width: i64
    order_jobs: i64
    leaves: i64

    slot_kind: i64[::1]
    slot_index: i64[::1]
    duty_slot: i64[::1]
    overlay_slot: i64[::1]
    failure_slot: i64[::1]
    cause_slot: i64[::1]
    condition_slot: i64[::1]
    source_slot: i64[::1]
    delivery_slot: i64[::1]
    activity_slot: i64
    wake_slot: i64
    vehicle_slot: i64
    release_slot: i64
    streams: i64[::1]

    law_kind: i64[::1]
    law_a: f64[::1]
    law_b: f64[::1]
    law_first: i64[::1]
    law_count: i64[::1]
    law_table: f64[::1]

    shift_first: i64[::1]
    shift_start: i64[::1]
    shift_end: i64[::1]
    duty_first: i64[::1]
    duty_start: i64[::1]
    duty_end: i64[::1]
    crew_size: i64[::1]
    group_first: i64[::1]
    group_crew: i64[::1]

    unit_power: f64[::1]
    unit_sensitivity: f64[::1]
    unit_specificity: f64[::1]
    unit_passes: i64[::1]
    unit_key_first: i64[::1]
    unit_key_width: i64[::1]
    unit_key: i64[::1]
    setup_minutes: f64[::1]
    setup_group: i64[::1]
    setup_sigma: f64[::1]
    setup_half: f64[::1]
    unit_operation_first: i64[::1]
    unit_operation: i64[::1]
    reason_first: i64[::1]
    reason_weight: f64[::1]
    reason_total: f64[::1]
    start_key: i64[::1]
    start_on: i64[::1]
    start_unavailable: i64[::1]
    under_way_order: i64[::1]
    under_way_lot: i64[::1]
    under_way_transit: f64[::1]
    under_way_minutes: f64[::1]

    mode_first: i64[::1]
    mode_unit: i64[::1]
    mode_kind: i64[::1]
    mode_clock: i64[::1]
    mode_law: i64[::1]
    mode_interrupted: i64[::1]
    mode_hidden: i64[::1]
    mode_repair_law: i64[::1]
    mode_group: i64[::1]
    mode_people: i64[::1]
    mode_spare: i64[::1]
    mode_effect: i64[::1]
    mode_restores: f64[::1]
    mode_rate: f64[::1]
    mode_scale: f64[::1]
    mode_limit: f64[::1]
    mode_step: i64[::1]
    mode_step_hours: f64[::1]
    mode_age: f64[::1]
    mode_life_stream: i64[::1]
    mode_repair_stream: i64[::1]
    mode_effect_stream: i64[::1]
    mode_wear_stream: i64[::1]
    mode_strike_stream: i64[::1]
    worked_mode: i64[::1]
    counted_mode: i64[::1]
    dated_mode: i64[::1]
    cause_law: i64[::1]
    cause_share: f64[::1]
    cause_stream: i64[::1]
    cause_mode_first: i64[::1]
    cause_mode: i64[::1]

    task_first: i64[::1]
    task_unit: i64[::1]
    task_due_by: i64[::1]
    task_interval: i64[::1]
    task_duration: i64[::1]
    task_opportunity: i64[::1]
    task_group: i64[::1]
    task_people: i64[::1]
    task_mode: i64[::1]
    task_level: f64[::1]
    task_start: i64[::1]
    renews_first: i64[::1]
    renews: i64[::1]

    stage_first: i64[::1]
    taker_unit: i64[::1]
    taker_row: i64[::1]
    branch_step: i64[::1]
    branch_reached: f64[::1]

    uses_stock: i64[::1]
    uses_pieces: i64[::1]
    operation_unit_first: i64[::1]
    operation_unit: i64[::1]
    vehicle_first: i64[::1]

    product_into: i64[::1]
    product_mass: f64[::1]

    stock_start: i64[::1]
    stock_capacity: i64[::1]
    stock_point: i64[::1]
    stock_quantity: i64[::1]
    stock_law: i64[::1]
    stock_stream: i64[::1]
    stock_user_first: i64[::1]
    stock_user: i64[::1]

    order_product: i64[::1]
    order_quantity: i64[::1]
    order_job_size: i64[::1]
    order_first_job: i64[::1]
    order_due: f64[::1]
    order_weight: f64[::1]
    leg_first: i64[::1]
    leg_stream: i64[::1]
    leg_unit: i64[::1]
    release_order: i64[::1]
    release_tick: i64[::1]
    placed_order: i64[::1]
    placed_step: i64[::1]
    placed_under_way: i64[::1]
    placed_unit: i64[::1]

    source_product: i64[::1]
    source_law: i64[::1]
    source_start: i64[::1]
    source_limit: i64[::1]
    source_quantity: i64[::1]
    source_due_after: i64[::1]
    source_stream: i64[::1]

    item_first: i64[::1]
    item_order: i64[::1]
    item_operation: i64[::1]
    item_step: i64[::1]
    item_start: i64[::1]
    item_work: i64[::1]
    item_has_setup: i64[::1]
    item_is_followed: i64[::1]
    segment_first: i64[::1]
    segment_start: i64[::1]
    segment_end: i64[::1]
    segment_kind: i64[::1]
    segment_item: i64[::1]
    edge_first: i64[::1]
    edges: i64[::1]
    window_first: i64[::1]
    window_task: i64[::1]
    window_start: i64[::1]
    window_follower: i64[::1]

    slot_ticks: i64
    slots: i64
    price: f64[::1]
    price_before: f64[::1]
    carbon: f64[::1]
    carbon_before: f64[::1]
    bit_index: i64[::1]

    # What changes in a replication ---
    seed: u64
    replication: u64
    now: i64
    error: i64
    calls: i64
    came: i64
    next_job: i64
    next_release: i64
    is_counting: i64

    unit: Unit[::1]
    job: Job[::1]
    queue: Queue[::1]
    stage: Stage[::1]
    row: Row[::1]

    timer: i64[::1]
    dirty: u64[::1]
    touched: u64[::1]
    words: i64

    resumed: i64[::1]
    block_drawn: i64[::1]
    factor: f64[::1]
    stage_passed: i64[::1]
    look: i64

    mode_left: i64[::1]
    mode_born: i64[::1]
    mode_virtual: f64[::1]
    mode_life: f64[::1]
    mode_level: f64[::1]
    mode_worn: i64[::1]
    mode_lives: i64[::1]
    mode_repairs: i64[::1]
    mode_steps: i64[::1]
    cause_events: i64[::1]

    task_next: i64[::1]
    task_noted: i64[::1]
    task_worked: i64[::1]
    task_lots: i64[::1]

    on_duty: i64[::1]
    next_duty: i64[::1]
    busy: i64[::1]

    call_kind: i64[::1]
    call_unit: i64[::1]
    call_tick: i64[::1]
    calls_open: i64

    held_head: i64[::1]
    held_tail: i64[::1]
    vehicle_job: i64[::1]

    on_hand: i64[::1]
    owed: i64[::1]
    on_order: i64[::1]
    stock_orders: i64[::1]
    stock_since: i64[::1]
    delivery_tick: i64[::1]
    delivery_stock: i64[::1]
    deliveries: i64

    source_parts: i64[::1]
    order_job: i64[::1]
    order_left: i64[::1]
    leg_planned: i64[::1]
    item_begun: i64[::1]
    item_set_up: i64[::1]

    free_job: i64
    job_capacity: i64
    job_rank: f64[::1]
    job_came: i64[::1]
    job_held_next: i64[::1]
    job_held_before: i64[::1]
    job_visits: i64[::1]

    # What a function found, beside what it returns
    found_job: i64
    found_item: i64
    found_start: i64
    found_task: i64
    found_due: i64
    found_under_way: i64
    mean_minutes: f64

    # Totals and trace
    state_ticks: i64[::1]
    open_ticks: i64[::1]
    energy_kwh: f64[::1]
    energy_cost: f64[::1]
    carbon_kg: f64[::1]
    unit_good: i64[::1]
    unit_scrap: i64[::1]
    planned_minutes: f64[::1]
    buffer_area: i64[::1]
    wait_ticks: i64[::1]
    taken: i64[::1]
    order_complete: i64[::1]
    order_good: i64[::1]
    order_scrap: i64[::1]
    released: i64[::1]
    completed: i64[::1]
    scrapped: i64[::1]
    completed_jobs: i64[::1]
    flow_ticks: i64[::1]
    inside: i64[::1]
    inside_since: i64[::1]
    inside_area: i64[::1]
    busy_since: i64[::1]
    crew_ticks: i64[::1]
    driving: i64[::1]
    driving_since: i64[::1]
    vehicle_ticks: i64[::1]
    failures: i64[::1]
    executions: i64[::1]
    inspections: i64[::1]
    stock_area: i64[::1]
    owed_area: i64[::1]
    demands: i64[::1]
    filled: i64[::1]
    series: i64[::1]

    is_traced: i64
    rows: i64
    row_capacity: i64
    trace: i64[::1]
    parts: i64
    part_source: i64[::1]
    part_serial: i64[::1]

    def __init__(self, t: object, jobs: int, rows: int) -> None:
        """Take the tables and make room for ``jobs`` jobs at once and ``rows`` rows of trace."""
        self.read_sizes(t)
        self.read_timers(t)
        self.read_laws(t)
        self.read_people(t)
        self.read_units(t)
        self.read_modes(t)
        self.read_tasks(t)
        self.read_stages(t)
        self.read_operations(t)
        self.read_products(t)
        self.read_stocks(t)
        self.read_orders(t)
        self.read_sources(t)
        self.read_plan(t)
        self.read_energy(t)
        self.make_records(t)
        self.make_other_registers(t)
        self.make_jobs(jobs)
        self.make_totals(t)
        self.make_trace(rows)

    def read_sizes(self, t: object) -> None:
        """Rules and numbers of things."""
        self.end = t.end
        self.warm_up = t.warm_up
        self.bucket = t.bucket
        self.rule = t.rule
        self.look_ahead = t.look_ahead
        self.full_scan = t.full_scan
        self.has_schedule = t.has_schedule
        self.has_forecast = t.has_forecast
        self.has_tasks = t.has_tasks
        self.can_lock = t.can_lock
        self.units = t.units
        self.crews = t.crews
        self.products = t.products
        self.operations = t.operations
        self.stocks = t.stocks
        self.transports = t.transports
        self.orders = t.orders
        self.sources = t.sources
        self.modes = t.modes
        self.tasks = t.tasks
        self.visits_width = t.visits_width
        self.order_jobs = t.order_jobs
        self.leaves = t.leaves

    def read_timers(self, t: object) -> None:
        """Slots, by kind and index."""
        self.slot_kind = t.slot_kind
        self.slot_index = t.slot_index
        self.duty_slot = t.duty_slot
        self.overlay_slot = t.overlay_slot
        self.failure_slot = t.failure_slot
        self.cause_slot = t.cause_slot
        self.condition_slot = t.condition_slot
        self.source_slot = t.source_slot
        self.delivery_slot = t.delivery_slot
        self.activity_slot = t.activity_slot
        self.wake_slot = t.wake_slot
        self.vehicle_slot = t.vehicle_slot
        self.release_slot = t.release_slot
        self.streams = t.streams

    def read_laws(self, t: object) -> None:
        self.law_kind = t.law_kind
        self.law_a = t.law_a
        self.law_b = t.law_b
        self.law_first = t.law_first
        self.law_count = t.law_count
        self.law_table = t.law_table

    def read_people(self, t: object) -> None:
        """Shifts, crews and who can be asked for what."""
        self.shift_first = t.shift_first
        self.shift_start = t.shift_start
        self.shift_end = t.shift_end
        self.duty_first = t.duty_first
        self.duty_start = t.duty_start
        self.duty_end = t.duty_end
        self.crew_size = t.crew_size
        self.group_first = t.group_first
        self.group_crew = t.group_crew

    def read_units(self, t: object) -> None:
        self.unit_power = t.unit_power
        self.unit_sensitivity = t.unit_sensitivity
        self.unit_specificity = t.unit_specificity
        self.unit_passes = t.unit_passes
        self.unit_key_first = t.unit_key_first
        self.unit_key_width = t.unit_key_width
        self.unit_key = t.unit_key
        self.setup_minutes = t.setup_minutes
        self.setup_group = t.setup_group
        self.setup_sigma = t.setup_sigma
        self.setup_half = t.setup_half
        self.unit_operation_first = t.unit_operation_first
        self.unit_operation = t.unit_operation
        self.reason_first = t.reason_first
        self.reason_weight = t.reason_weight
        self.reason_total = t.reason_total
        self.start_key = t.start_key
        self.start_on = t.start_on
        self.start_unavailable = t.start_unavailable
        self.under_way_order = t.under_way_order
        self.under_way_lot = t.under_way_lot
        self.under_way_transit = t.under_way_transit
        self.under_way_minutes = t.under_way_minutes

    def read_modes(self, t: object) -> None:
        """Failure modes and common causes."""
        self.mode_first = t.mode_first
        self.mode_unit = t.mode_unit
        self.mode_kind = t.mode_kind
        self.mode_clock = t.mode_clock
        self.mode_law = t.mode_law
        self.mode_interrupted = t.mode_interrupted
        self.mode_hidden = t.mode_hidden
        self.mode_repair_law = t.mode_repair_law
        self.mode_group = t.mode_group
        self.mode_people = t.mode_people
        self.mode_spare = t.mode_spare
        self.mode_effect = t.mode_effect
        self.mode_restores = t.mode_restores
        self.mode_rate = t.mode_rate
        self.mode_scale = t.mode_scale
        self.mode_limit = t.mode_limit
        self.mode_step = t.mode_step
        self.mode_step_hours = t.mode_step_hours
        self.mode_age = t.mode_age
        self.mode_life_stream = t.mode_life_stream
        self.mode_repair_stream = t.mode_repair_stream
        self.mode_effect_stream = t.mode_effect_stream
        self.mode_wear_stream = t.mode_wear_stream
        self.mode_strike_stream = t.mode_strike_stream
        self.worked_mode = t.worked_mode
        self.counted_mode = t.counted_mode
        self.dated_mode = t.dated_mode
        self.cause_law = t.cause_law
        self.cause_share = t.cause_share
        self.cause_stream = t.cause_stream
        self.cause_mode_first = t.cause_mode_first
        self.cause_mode = t.cause_mode

    def read_tasks(self, t: object) -> None:
        self.task_first = t.task_first
        self.task_unit = t.task_unit
        self.task_due_by = t.task_due_by
        self.task_interval = t.task_interval
        self.task_duration = t.task_duration
        self.task_opportunity = t.task_opportunity
        self.task_group = t.task_group
        self.task_people = t.task_people
        self.task_mode = t.task_mode
        self.task_level = t.task_level
        self.task_start = t.task_start
        self.renews_first = t.renews_first
        self.renews = t.renews

    def read_stages(self, t: object) -> None:
        """Steps of routes."""
        self.stage_first = t.stage_first
        self.taker_unit = t.taker_unit
        self.taker_row = t.taker_row
        self.branch_step = t.branch_step
        self.branch_reached = t.branch_reached

    def read_operations(self, t: object) -> None:
        self.uses_stock = t.uses_stock
        self.uses_pieces = t.uses_pieces
        self.operation_unit_first = t.operation_unit_first
        self.operation_unit = t.operation_unit
        self.vehicle_first = t.vehicle_first

    def read_products(self, t: object) -> None:
        self.product_into = t.product_into
        self.product_mass = t.product_mass

    def read_stocks(self, t: object) -> None:
        self.stock_start = t.stock_start
        self.stock_capacity = t.stock_capacity
        self.stock_point = t.stock_point
        self.stock_quantity = t.stock_quantity
        self.stock_law = t.stock_law
        self.stock_stream = t.stock_stream
        self.stock_user_first = t.stock_user_first
        self.stock_user = t.stock_user

    def read_orders(self, t: object) -> None:
        self.order_product = t.order_product
        self.order_quantity = t.order_quantity
        self.order_job_size = t.order_job_size
        self.order_first_job = t.order_first_job
        self.order_due = t.order_due
        self.order_weight = t.order_weight
        self.leg_first = t.leg_first
        self.leg_stream = t.leg_stream
        self.leg_unit = t.leg_unit
        self.release_order = t.release_order
        self.release_tick = t.release_tick
        self.placed_order = t.placed_order
        self.placed_step = t.placed_step
        self.placed_under_way = t.placed_under_way
        self.placed_unit = t.placed_unit

    def read_sources(self, t: object) -> None:
        self.source_product = t.source_product
        self.source_law = t.source_law
        self.source_start = t.source_start
        self.source_limit = t.source_limit
        self.source_quantity = t.source_quantity
        self.source_due_after = t.source_due_after
        self.source_stream = t.source_stream

    def read_plan(self, t: object) -> None:
        self.item_first = t.item_first
        self.item_order = t.item_order
        self.item_operation = t.item_operation
        self.item_step = t.item_step
        self.item_start = t.item_start
        self.item_work = t.item_work
        self.item_has_setup = t.item_has_setup
        self.item_is_followed = t.item_is_followed
        self.segment_first = t.segment_first
        self.segment_start = t.segment_start
        self.segment_end = t.segment_end
        self.segment_kind = t.segment_kind
        self.segment_item = t.segment_item
        self.edge_first = t.edge_first
        self.edges = t.edges
        self.window_first = t.window_first
        self.window_task = t.window_task
        self.window_start = t.window_start
        self.window_follower = t.window_follower

    def read_energy(self, t: object) -> None:
        self.slot_ticks = t.slot_ticks
        self.slots = t.slots
        self.price = t.price
        self.price_before = t.price_before
        self.carbon = t.carbon
        self.carbon_before = t.carbon_before
        self.bit_index = t.bit_index

    # --- room for what changes ---

    def make_records(self, t: object) -> None:
        """In C they lie one after the other; in Python they are objects."""
        stages, rows = len(t.stage_operation), len(t.row_basis)
        if cython.compiled:
            self.unit = records(cython.sizeof(Unit), UNIT_REALS, t.units)
            self.queue = records(cython.sizeof(Queue), 0, t.operations)
            self.stage = records(cython.sizeof(Stage), 0, stages)
            self.row = records(cython.sizeof(Row), ROW_REALS, rows)
        else:
            self.unit = [Unit() for _ in range(t.units)]
            self.queue = [Queue() for _ in range(t.operations)]
            self.stage = [Stage() for _ in range(stages)]
            self.row = [Row() for _ in range(rows)]
        self.fill_units(t)
        self.fill_queues(t)
        self.fill_stages(t)
        self.fill_rows(t)
        self.choose_draws_ahead()

    def fill_units(self, t: object) -> None:
        m: i64
        for m in range(t.units):
            self.unit[m].shift_slot = t.shift_slot[m]
            self.unit[m].startup = t.unit_startup[m]
            self.unit[m].startup_minutes = t.unit_startup_minutes[m]
            self.unit[m].timeout = t.unit_timeout[m]
            self.unit[m].inspects = t.unit_inspects[m]
            self.unit[m].loads = t.unit_loads[m]
            self.unit[m].queue = t.unit_queue[m]
            self.unit[m].finishes_first = t.unit_finishes_first[m]
            self.unit[m].tests = t.unit_tests[m]
            self.unit[m].only_key = t.unit_only_key[m]
            self.unit[m].has_modes = 1 if t.mode_first[m] < t.mode_first[m + 1] else 0
            self.unit[m].worked_mode_first = t.worked_mode_first[m]
            self.unit[m].worked_mode_last = t.worked_mode_first[m + 1]
            self.unit[m].counted_mode_first = t.counted_mode_first[m]
            self.unit[m].counted_mode_last = t.counted_mode_first[m + 1]
            self.unit[m].dated_mode_first = t.dated_mode_first[m]
            self.unit[m].dated_mode_last = t.dated_mode_first[m + 1]
            self.unit[m].under_way_first = t.under_way_first[m]
            self.unit[m].under_way_last = t.under_way_first[m + 1]

    def fill_queues(self, t: object) -> None:
        o: i64
        for o in range(t.operations):
            self.queue[o].places = t.operation_places[o]
            self.queue[o].room = t.operation_room[o]
            self.queue[o].transport = t.operation_transport[o]
            self.queue[o].trip = t.operation_trip[o]
            self.queue[o].uses_first = t.uses_first[o]
            self.queue[o].uses_last = t.uses_first[o + 1]

    def fill_stages(self, t: object) -> None:
        s: i64
        for s in range(len(t.stage_operation)):
            self.stage[s].operation = t.stage_operation[s]
            self.stage[s].product = t.stage_product[s]
            self.stage[s].step = t.stage_step[s]
            self.stage[s].steps = (
                t.stage_first[t.stage_product[s] + 1] - t.stage_first[t.stage_product[s]]
            )
            self.stage[s].taker_first = t.taker_first[s]
            self.stage[s].taker_last = t.taker_first[s + 1]
            self.stage[s].first_row = -1
            if t.taker_first[s] < t.taker_first[s + 1]:
                self.stage[s].first_row = t.taker_row[t.taker_first[s]]
            self.stage[s].branch_first = t.branch_first[s]
            self.stage[s].branch_last = t.branch_first[s + 1]

    def fill_rows(self, t: object) -> None:
        r: i64
        for r in range(len(t.row_basis)):
            self.row[r].draws_ahead = 0
            self.row[r].basis = t.row_basis[r]
            self.row[r].lot = t.row_lot[r]
            self.row[r].is_sure = 1 if t.row_scrap[r] <= 0.0 and t.row_defects[r] <= 0.0 else 0
            self.row[r].spread = t.row_spread[r]
            self.row[r].max_jobs = t.row_max_jobs[r]
            self.row[r].group = t.row_group[r]
            self.row[r].min_jobs = t.row_min_jobs[r]
            self.row[r].longest_wait = t.row_longest_wait[r]
            self.row[r].people = t.row_people[r]
            self.row[r].rework = t.row_rework[r]
            self.row[r].minutes = t.row_minutes[r]
            self.row[r].transit = t.row_transit[r]
            self.row[r].scrap = t.row_scrap[r]
            self.row[r].defects = t.row_defects[r]
            self.row[r].sigma = t.row_sigma[r]
            self.row[r].half = t.row_half[r]
            self.row[r].mass = t.row_mass[r]

    def choose_draws_ahead(self) -> None:
        """Rows of stages that one unit does; a gamma law takes too long to draw it in vain."""
        s: i64
        r: i64
        for s in range(len(self.stage)):
            r = self.stage[s].first_row
            if self.stage[s].taker_last == self.stage[s].taker_first + 1:
                self.row[r].draws_ahead = 0 if self.row[r].spread == SPREAD_GAMMA else 1

    def make_other_registers(self, t: object) -> None:
        self.words = (t.units + 63) // 64
        self.timer = integers(2 * t.leaves)
        self.dirty = array("Q", bytes(8 * self.words))
        self.touched = array("Q", bytes(8 * self.words))
        source_legs: i64 = len(t.leg_stream) // (2 * PURPOSES) - t.leg_first[t.orders]
        self.block_drawn = integers(2 * source_legs)
        self.factor = reals(2 * source_legs * AHEAD)
        self.resumed = integers(len(t.under_way_order))
        self.stage_passed = integers(len(t.stage_operation))
        self.look = 0
        self.mode_left = integers(t.modes)
        self.mode_born = integers(t.modes)
        self.mode_virtual = reals(t.modes)
        self.mode_life = reals(t.modes)
        self.mode_level = reals(t.modes)
        self.mode_worn = integers(t.modes)
        self.mode_lives = integers(t.modes)
        self.mode_repairs = integers(t.modes)
        self.mode_steps = integers(t.modes)
        self.cause_events = integers(len(t.cause_law))
        self.task_next = integers(t.tasks)
        self.task_noted = integers(t.tasks)
        self.task_worked = integers(t.tasks)
        self.task_lots = integers(t.tasks)
        self.on_duty = integers(t.crews)
        self.next_duty = integers(t.crews)
        self.busy = integers(t.crews)
        self.call_kind = integers(2 * t.units)
        self.call_unit = integers(2 * t.units)
        self.call_tick = integers(2 * t.units)
        self.held_head = integers(t.operations + t.transports + t.stocks)
        self.held_tail = integers(t.operations + t.transports + t.stocks)
        self.vehicle_job = integers(t.vehicle_first[t.transports])
        self.on_hand = integers(t.stocks)
        self.owed = integers(t.stocks)
        self.on_order = integers(t.stocks)
        self.stock_orders = integers(t.stocks)
        self.stock_since = integers(t.stocks)
        self.source_parts = integers(t.sources)
        self.order_job = integers(t.orders)
        self.order_left = integers(t.orders)
        self.leg_planned = integers(len(t.leg_unit))
        self.item_begun = integers(len(t.item_order))
        self.item_set_up = integers(len(t.item_order))

    def make_jobs(self, jobs: int) -> None:
        if cython.compiled:
            self.job = records(cython.sizeof(Job), JOB_REALS, jobs)
        else:
            self.job = [Job() for _ in range(jobs)]
        self.job_capacity = jobs
        self.job_rank = reals(jobs)
        self.job_came = integers(jobs)
        self.job_held_next = integers(jobs)
        self.job_held_before = integers(jobs)
        self.job_visits = integers(jobs * self.visits_width)
        self.delivery_tick = integers(jobs)
        self.delivery_stock = integers(jobs)

    def make_totals(self, t: object) -> None:
        self.state_ticks = integers(t.units * STATES)
        self.open_ticks = integers(t.units * STATES)
        self.energy_kwh = reals(t.units)
        self.energy_cost = reals(t.units)
        self.carbon_kg = reals(t.units)
        self.unit_good = integers(t.units)
        self.unit_scrap = integers(t.units)
        self.planned_minutes = reals(t.units)
        self.buffer_area = integers(t.operations)
        self.wait_ticks = integers(t.operations)
        self.taken = integers(t.operations)
        self.order_complete = integers(t.orders)
        self.order_good = integers(t.orders)
        self.order_scrap = integers(t.orders)
        self.released = integers(t.products)
        self.completed = integers(t.products)
        self.scrapped = integers(t.products)
        self.completed_jobs = integers(t.products)
        self.flow_ticks = integers(t.products)
        self.inside = integers(t.products)
        self.inside_since = integers(t.products)
        self.inside_area = integers(t.products)
        self.busy_since = integers(t.crews)
        self.crew_ticks = integers(t.crews)
        self.driving = integers(t.transports)
        self.driving_since = integers(t.transports)
        self.vehicle_ticks = integers(t.transports)
        self.failures = integers(t.modes)
        self.executions = integers(t.tasks)
        self.inspections = integers(t.tasks)
        self.stock_area = integers(t.stocks)
        self.owed_area = integers(t.stocks)
        self.demands = integers(t.stocks)
        self.filled = integers(t.stocks)
        self.series = integers(t.buckets)

    def make_trace(self, rows: int) -> None:
        self.row_capacity = rows
        self.trace = integers(rows * ROW_WIDTH)
        self.part_source = integers(rows)
        self.part_serial = integers(rows)

    def make_room(self, error: int) -> None:
        """Twice as much of what a run lacked."""
        if error == NEEDS_JOBS:
            self.make_jobs(2 * self.job_capacity)
        else:
            self.make_trace(2 * self.row_capacity + 1024)

    # --- what a run saw ---

    def totals(self) -> dict[str, object]:
        """The arrays of :class:`twin.simulation.result.Totals`; the next run overwrites them."""
        return {
            "state_ticks": self.state_ticks,
            "energy_kwh": self.energy_kwh,
            "energy_cost": self.energy_cost,
            "carbon_kg": self.carbon_kg,
            "order_complete": self.order_complete,
            "order_good": self.order_good,
            "order_scrap": self.order_scrap,
            "released": self.released,
            "completed": self.completed,
            "scrapped": self.scrapped,
            "completed_jobs": self.completed_jobs,
            "flow_ticks": self.flow_ticks,
            "inside_area": self.inside_area,
            "buffer_area": self.buffer_area,
            "wait_ticks": self.wait_ticks,
            "taken": self.taken,
            "crew_ticks": self.crew_ticks,
            "vehicle_ticks": self.vehicle_ticks,
            "failures": self.failures,
            "executions": self.executions,
            "inspections": self.inspections,
            "stock_area": self.stock_area,
            "owed_area": self.owed_area,
            "demands": self.demands,
            "filled": self.filled,
            "series": self.series,
            "open_ticks": self.open_ticks,
            "unit_good": self.unit_good,
            "unit_scrap": self.unit_scrap,
            "planned_minutes": self.planned_minutes,
        }

    def trace_rows(self) -> object:
        """Rows of the trace one after the other; only the first ``row_count`` count."""
        return self.trace

    def row_count(self) -> int:
        return self.rows

    def part_origins(self) -> tuple[object, object, int]:
        """Source and serial number of each part that came, and how many came."""
        return self.part_source, self.part_serial, self.parts

    def deadlock(self) -> tuple[int, list[int], set[int]]:
        """Tick, stuck units, and operations before which jobs wait for room."""
        stuck = [m for m in range(self.units) if self.unit[m].stuck]
        full = {o for o in range(self.operations) if self.held_head[o] >= 0}
        for t in range(self.transports):
            j = self.held_head[self.operations + t]
            while j >= 0:
                if self.lacks_room(j):
                    full.add(self.stage[self.job[j].stage].operation)
                j = self.job_held_next[j]
        return self.now, stuck, full

    # --- phases (section 1) ---

    def run(self, seed: i64, replication: i64, is_traced: i64) -> i64:
        """Run one replication; returns how it ended (DONE, DEADLOCK, or what it lacked)."""
        self.seed = seed
        self.replication = replication
        self.is_traced = is_traced
        with cython.nogil:
            self.begin_run()
            self.let_time_pass()
        return self.error

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def let_time_pass(self) -> cython.void:
        tick: i64
        self.fire_due()  # what is due at instant 0
        self.conclude_instant()
        while self.error == 0:
            tick = self.timer[1]
            if tick >= self.end:
                break
            if self.is_counting == 0 and tick >= self.warm_up:
                self.count_from(self.warm_up)
            self.now = tick
            self.fire_due()
            self.conclude_instant()
        if self.error == 0:
            if self.is_counting == 0:
                self.count_from(self.warm_up if self.warm_up < self.end else self.end)
            self.close_accounts()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def fire_due(self) -> cython.void:
        """Phase B: every timer due now fires, in the order of the slots."""
        node: i64
        while self.timer[1] <= self.now:
            node = 1
            while node < self.leaves:
                node *= 2
                node += 1 if self.timer[node] > self.now else 0
            self.fire(node - self.leaves)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def fire(self, slot: i64) -> cython.void:
        kind: i64 = self.slot_kind[slot]
        index: i64 = self.slot_index[slot]
        self.set_timer(slot, OFF)
        if kind == T_ACTIVITY:
            self.end_activity(index)
        elif kind == T_SOURCE:
            self.next_part_comes(index)
        elif kind == T_OVERLAY:
            self.end_overlay(index)
        elif kind == T_FAILURE:
            self.life_ends(index)
        elif kind == T_WAKE:
            self.mark(index)
        elif kind == T_SHIFT:
            self.toggle_shift(index)
        elif kind == T_DUTY:
            self.toggle_duty(index)
        elif kind == T_CAUSE:
            self.common_cause(index)
        elif kind == T_CONDITION:
            self.inspect_condition(index)
        elif kind == T_VEHICLE:
            self.vehicle_arrives(index)
        elif kind == T_RELEASE:
            self.release_orders()
        else:
            self.delivery_comes(index)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def conclude_instant(self) -> cython.void:
        """Phases C1, C2 and D."""
        served: i64
        if self.full_scan:
            self.mark_all()
            self.calls = 1
        self.settle_dirty()
        while self.calls and self.error == 0:
            if self.has_tasks and self.wake_for_tasks():
                self.settle_dirty()
                continue
            self.calls = 0
            served = self.serve_vehicles()
            served += self.serve_people()
            if self.full_scan and served:
                self.mark_all()
                self.calls = 1
            self.settle_dirty()
        if self.error == 0:
            self.log_touched()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def settle_dirty(self) -> cython.void:
        w: i64 = 0
        bits: u64
        m: i64
        while w < self.words and self.error == 0:
            bits = self.dirty[w]
            if bits == 0:
                w += 1
                continue
            m = self.lowest_bit(bits)
            self.dirty[w] = bits & (bits - ONE)
            self.settle((w << 6) + m)
            w = 0

    # --- timers (section 2): a tournament of the slots; of equal ticks the lower slot first ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def set_timer(self, slot: i64, tick: i64) -> cython.void:
        """Each node above the slots holds the earliest tick of the two below it."""
        node: i64 = slot + self.leaves
        earliest: i64 = tick
        other: i64
        self.timer[node] = tick
        while node > 1:
            other = self.timer[node ^ 1]
            earliest = other if other < earliest else earliest
            node >>= 1
            self.timer[node] = earliest

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def mark(self, m: i64) -> cython.void:
        """Work unit m should look around."""
        self.dirty[m >> 6] |= cython.cast(u64, 1) << cython.cast(u64, m & 63)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def touch(self, m: i64) -> cython.void:
        """The visible state of work unit m may differ from the one logged."""
        self.touched[m >> 6] |= cython.cast(u64, 1) << cython.cast(u64, m & 63)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def mark_all(self) -> cython.void:
        m: i64
        for m in range(self.units):
            self.mark(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lowest_bit(self, bits: u64) -> i64:
        """Place of the lowest one (de Bruijn's multiplication)."""
        de_bruijn: u64 = 0x03F79D71B4CB0A89
        low: u64 = bits ^ (bits & (bits - ONE))
        return self.bit_index[((low * de_bruijn) & MASK_64) >> 58]

    # --- randomness and laws ---

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def uniform(self, stream: i64, k: i64) -> f64:
        name_0: u64 = self.streams[2 * stream]
        name_1: u64 = self.streams[2 * stream + 1]
        return philox(self.seed, self.replication, name_0, name_1, cython.cast(u64, k))

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def job_luck(self, j: i64, purpose: i64, lot: i64) -> f64:
        """The number of a job for a purpose: its entity is ORDER/OPERATION (section 7)."""
        leg: i64 = self.leg_first[self.job[j].origin] + self.stage[self.job[j].stage].step
        return self.leg_luck(leg, purpose, self.job[j].visit, self.job[j].serial, lot)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def leg_luck(self, leg: i64, purpose: i64, visit: i64, serial: i64, lot: i64) -> f64:
        at: i64 = 2 * (leg * PURPOSES + purpose)
        name_0: u64 = self.leg_stream[at]
        name_1: u64 = self.leg_stream[at + 1]
        k: u64 = ((cython.cast(u64, visit) << 52) + (cython.cast(u64, serial) << 16)
                  + cython.cast(u64, lot)) & MASK_64  # fmt: skip
        return philox(self.seed, self.replication, name_0, name_1, k)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def quantile(self, law: i64, u: f64) -> f64:
        """``Law.quantile`` [min]."""
        kind: i64 = self.law_kind[law]
        if kind in (EXPONENTIAL, WEIBULL):
            return self.inverse_hazard(law, -log1p(-u))
        if kind == LOGNORMAL:
            return self.law_a[law] * exp(self.law_b[law] * normal_quantile(u))
        if kind == GAMMA:
            return self.law_b[law] * gamma_inverse(self.law_a[law], u, 0)
        if kind == HISTOGRAM:
            return self.histogram_quantile(law, u)
        if kind == EMPIRICAL:
            return self.empirical_quantile(law, u)
        return self.law_a[law]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def inverse_hazard(self, law: i64, h: f64) -> f64:
        """``Law.inverse_hazard`` [min]."""
        kind: i64 = self.law_kind[law]
        survival: f64
        if kind == EXPONENTIAL:
            return h * self.law_a[law]
        if kind == WEIBULL:
            return self.law_b[law] * pow(h, 1.0 / self.law_a[law])
        if kind in (LOGNORMAL, GAMMA):
            survival = exp(-h)
            if survival < TINY:
                survival = TINY
            if kind == LOGNORMAL:
                return self.law_a[law] * exp(-self.law_b[law] * normal_quantile(survival))
            return self.law_b[law] * gamma_inverse(self.law_a[law], survival, 1)
        if kind == HISTOGRAM:
            return self.histogram_quantile(law, -expm1(-h))
        if kind == EMPIRICAL:
            return self.empirical_quantile(law, -expm1(-h))
        return self.law_a[law]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def cumulative_hazard(self, law: i64, t: f64) -> f64:
        """``Law.cumulative_hazard`` at an age above 0 [min]."""
        kind: i64 = self.law_kind[law]
        if kind == EXPONENTIAL:
            return t / self.law_a[law]
        if kind == WEIBULL:
            return pow(t / self.law_b[law], self.law_a[law])
        if kind == CONSTANT:
            return 0.0 if t < self.law_a[law] else INFINITE
        share: f64
        if kind == LOGNORMAL:
            share = log(t / self.law_a[law]) / self.law_b[law]
            share = 0.5 * erfc(share / sqrt(2.0))
            return -log(share if share > TINY else TINY)
        if kind == GAMMA:
            share = gamma_tail(self.law_a[law], t / self.law_b[law], 1)
            return -log(share if share > TINY else TINY)
        if kind == HISTOGRAM:
            return self.histogram_hazard(law, t)
        count: i64 = self.law_count[law]
        first: i64 = self.law_first[law]
        n: i64 = 0
        while n < count and self.law_table[first + n] <= t:
            n += 1
        share = cython.cast(f64, n) / cython.cast(f64, count)
        return -log1p(-share) if share < 1.0 else INFINITE

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def histogram_quantile(self, law: i64, u: f64) -> f64:
        """Edges are followed by the shares reached at them."""
        count: i64 = self.law_count[law]
        edge: i64 = self.law_first[law]
        reached: i64 = edge + count + 1
        i: i64 = 1
        while i < count and self.law_table[reached + i] < u:
            i += 1
        low: f64 = self.law_table[reached + i - 1]
        high: f64 = self.law_table[reached + i]
        inside: f64 = (u - low) / (high - low) if high > low else 0.0
        before: f64 = self.law_table[edge + i - 1]
        return before + (self.law_table[edge + i] - before) * inside

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def histogram_hazard(self, law: i64, t: f64) -> f64:
        count: i64 = self.law_count[law]
        edge: i64 = self.law_first[law]
        reached: i64 = edge + count + 1
        if t <= self.law_table[edge]:
            return 0.0
        if t >= self.law_table[edge + count]:
            return INFINITE
        i: i64 = 1
        while self.law_table[edge + i] <= t:
            i += 1
        before: f64 = self.law_table[edge + i - 1]
        low: f64 = self.law_table[reached + i - 1]
        inside: f64 = (t - before) / (self.law_table[edge + i] - before)
        share: f64 = low + (self.law_table[reached + i] - low) * inside
        return -log1p(-share) if share < 1.0 else INFINITE

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def empirical_quantile(self, law: i64, u: f64) -> f64:
        count: i64 = self.law_count[law]
        i: i64 = cython.cast(i64, floor(u * cython.cast(f64, count)))
        return self.law_table[self.law_first[law] + (i if i < count else count - 1)]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def remaining_life(self, law: i64, age: f64, u: f64) -> f64:
        """As :func:`twin.model.laws.remaining_life`."""
        fresh: f64 = -log1p(-u)
        if age <= 0.0:
            return self.inverse_hazard(law, fresh)
        used: f64 = self.cumulative_hazard(law, age)
        if used == INFINITE:
            return 0.0
        left: f64 = self.inverse_hazard(law, used + fresh) - age
        return left if left > 0.0 else 0.0

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lot_factor(self, row: i64, j: i64, lot: i64) -> f64:
        """What a lot's mean time is multiplied by."""
        if self.row[row].spread == SURE:
            return 1.0
        is_first: i64 = 1 if lot == 0 and self.job[j].visit == 0 else 0
        if is_first and self.row[row].draws_ahead and self.job[j].origin >= self.orders:
            return self.factor_ahead(row, j)
        return self.spread_factor(row, self.job_luck(j, LUCK_TIME, lot))

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def factor_ahead(self, row: i64, j: i64) -> f64:
        """Of a source's parts, whose numbers are drawn for several that follow each other.

        Each costs less that way: the processor need not wait for one to begin the next. Two blocks
        are kept, as parts may overtake each other.
        """
        serial: u64 = self.job[j].serial
        leg: i64 = self.leg_first[self.job[j].origin] + self.stage[self.job[j].stage].step
        block: u64 = serial // AHEAD
        at: i64 = 2 * (leg - self.leg_first[self.orders]) + block % 2
        if self.block_drawn[at] != block:
            self.draw_ahead(row, leg, block, at)
        return self.factor[at * AHEAD + serial % AHEAD]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def draw_ahead(self, row: i64, leg: i64, block: i64, at: i64) -> cython.void:
        first: i64 = at * AHEAD
        serial: i64 = block * AHEAD
        i: i64
        self.block_drawn[at] = block
        for i in range(AHEAD):
            self.factor[first + i] = self.leg_luck(leg, LUCK_TIME, 0, serial + i, 0)
        for i in range(AHEAD):
            self.factor[first + i] = self.spread_factor(row, self.factor[first + i])

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def spread_factor(self, row: i64, u: f64) -> f64:
        spread: i64 = self.row[row].spread
        if spread == SPREAD_LOGNORMAL:
            return exp(self.row[row].sigma * normal_quantile(u) - self.row[row].half)
        if spread == SPREAD_EXPONENTIAL:
            return -log1p(-u)
        return self.row[row].half * gamma_inverse(self.row[row].sigma, u, 0)

    # --- a work unit runs, is stopped and runs on (section 3) ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def run_on(self, m: i64) -> cython.void:
        """Let the base run if nothing hinders it; the next lot of a job starts here."""
        if self.unit[m].running or self.unit[m].overlay != CLEAR:
            return
        doing: i64 = self.unit[m].base
        if doing == WORK:
            if self.unit[m].lot_open:
                if self.unit[m].is_open == 0 and self.unit[m].rem > GRACE:
                    return
            elif self.unit[m].is_open == 0:
                return
            elif self.unit[m].lot >= self.unit[m].lots:
                self.finish_work(m)
                return
            else:
                self.start_lot(m)
        elif doing == SETUP:
            if self.unit[m].is_open == 0 and self.unit[m].rem > GRACE:
                return
        elif doing != STARTUP:
            return
        self.set_off(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def set_off(self, m: i64) -> cython.void:
        """The base runs, to its end or that of an operating life."""
        stretch: i64 = self.unit[m].rem
        i: i64
        left: i64
        self.unit[m].running = 1
        self.unit[m].since = self.now
        if self.unit[m].base == WORK:
            for i in range(self.unit[m].worked_mode_first, self.unit[m].worked_mode_last):
                left = self.mode_left[self.worked_mode[i]]
                if 0 < left < stretch:
                    stretch = left
        self.set_timer(self.activity_slot + m, self.now + stretch)
        self.touch(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def spend(self, m: i64) -> cython.void:
        """Count what has run since the base was started: it is no longer running."""
        elapsed: i64 = self.now - self.unit[m].since
        self.unit[m].running = 0
        self.unit[m].rem -= elapsed
        if self.unit[m].base != WORK:
            return
        self.unit[m].worked += elapsed
        if self.unit[m].worked_mode_first < self.unit[m].worked_mode_last:
            self.use_life(m, elapsed)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def use_life(self, m: i64, elapsed: i64) -> cython.void:
        """What has run is taken from the lives on the operating clock."""
        i: i64
        f: i64
        for i in range(self.unit[m].worked_mode_first, self.unit[m].worked_mode_last):
            f = self.worked_mode[i]
            self.mode_left[f] -= elapsed
            if self.mode_left[f] <= 0 and self.mode_kind[f] != LIFE:
                self.wear(f, 0)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def stop(self, m: i64) -> cython.void:
        """Something hinders the unit: its base keeps what is left."""
        self.touch(m)
        if self.unit[m].running:
            self.spend(m)
            self.set_timer(self.activity_slot + m, OFF)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_activity(self, m: i64) -> cython.void:
        """The activity timer: a startup, setup or lot has ended, or an operating life."""
        self.spend(m)
        self.touch(m)
        if self.unit[m].rem <= 0:
            if self.unit[m].base == WORK:
                self.end_lot(m)
            else:
                self.end_preparation(m)
        if self.unit[m].has_modes:
            self.look_for_strike(m)
        if self.unit[m].base != FINISHED:
            self.run_on(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_preparation(self, m: i64) -> cython.void:
        """A startup or a setup has ended."""
        if self.unit[m].base == SETUP:
            self.free_base_people(m)
            self.unit[m].key = self.wanted_key(m)
            self.unit[m].base = READY
        else:
            self.unit[m].is_on = 1
            if self.unit[m].stage >= 0:
                self.unit[m].base = READY
            else:
                self.go_idle(m)
        self.mark(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def go_idle(self, m: i64) -> cython.void:
        self.touch(m)
        self.unit[m].base = IDLE
        self.unit[m].idle_since = self.now
        self.unit[m].job = -1
        self.unit[m].item = -1
        self.unit[m].stage = -1
        self.unit[m].number = -1
        self.unit[m].step = -1
        self.unit[m].visit = -1
        self.unit[m].from_before = -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def toggle_shift(self, m: i64) -> cython.void:
        i: i64 = self.unit[m].next_shift
        if self.unit[m].is_open:
            self.account_open(m)
            self.unit[m].is_open = 0
            i += 1
            self.unit[m].next_shift = i
            if i < self.shift_first[m + 1]:
                self.set_timer(self.unit[m].shift_slot, self.shift_start[i])
            self.close_shift(m)
        else:
            self.unit[m].open_since = self.now
            self.unit[m].is_open = 1
            self.set_timer(self.unit[m].shift_slot, self.shift_end[i])
            self.calls = 1
            self.run_on(m)
        self.touch(m)
        self.mark(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def close_shift(self, m: i64) -> cython.void:
        """Stop a setup or lot, unless it is all but done or its timer is due now."""
        if self.unit[m].running == 0 or self.unit[m].base == STARTUP:
            return
        if self.timer[self.leaves + self.activity_slot + m] <= self.now:
            return
        if self.unit[m].rem - (self.now - self.unit[m].since) > GRACE:
            self.stop(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def toggle_duty(self, c: i64) -> cython.void:
        i: i64 = self.next_duty[c]
        if self.on_duty[c]:
            self.on_duty[c] = 0
            i += 1
            self.next_duty[c] = i
            if i < self.duty_first[c + 1]:
                self.set_timer(self.duty_slot[c], self.duty_start[i])
        else:
            self.on_duty[c] = 1
            self.set_timer(self.duty_slot[c], self.duty_end[i])
            self.calls = 1

    # --- failures (section 4) ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def draw_life(self, f: i64, virtual: f64) -> cython.void:
        """A new life of a mode of this virtual age [min]; a level starts at 0."""
        m: i64 = self.mode_unit[f]
        kind: i64 = self.mode_kind[f]
        clock: i64 = self.mode_clock[f]
        u: f64
        minutes: f64 = 0.0
        left: i64 = OFF
        if kind == LIFE:
            u = self.uniform(self.mode_life_stream[f], self.mode_lives[f])
            self.mode_lives[f] += 1
            minutes = self.remaining_life(self.mode_law[f], virtual, u)
            left = whole_lots(minutes) if clock == COUNT else duration(minutes)
        elif kind != COMMON:
            virtual = 0.0
            self.mode_level[f] = 0.0
            self.mode_worn[f] = 0
            left = self.mode_step[f]
        if clock == CALENDAR and left < OFF:
            left += self.now
        self.mode_left[f] = left
        self.mode_virtual[f] = virtual
        self.mode_life[f] = minutes
        self.mode_born[f] = self.clock_of(m, clock)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def clock_of(self, m: i64, clock: i64) -> i64:
        if clock == OPERATING:
            return self.unit[m].worked
        return self.now if clock == CALENDAR else self.unit[m].lots_ended

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def renew(self, f: i64, virtual: f64) -> cython.void:
        """A mode is mended: a new life begins, and tasks called by its age or level are not due."""
        m: i64 = self.mode_unit[f]
        t: i64
        self.draw_life(f, virtual)
        for t in range(self.task_first[m], self.task_first[m + 1]):
            if self.task_mode[t] == f and self.task_noted[t] >= 0:
                self.task_noted[t] = -1
                if self.task_due_by[t] == CONDITION:
                    self.set_timer(self.condition_slot[t], self.now + self.task_interval[t])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wear(self, f: i64, limit: i64) -> cython.void:
        """Steps of a degradation up to a reading of its clock; it is worn at its limit."""
        while self.mode_left[f] <= limit and self.mode_worn[f] == 0:
            self.wear_one_step(f)
            if self.mode_worn[f] == 0:
                self.mode_left[f] += self.mode_step[f]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wear_one_step(self, f: i64) -> cython.void:
        k: i64 = self.mode_steps[f]
        h: f64 = self.mode_step_hours[f]
        scale: f64 = self.mode_scale[f]
        limit: f64 = self.mode_limit[f]
        x: f64 = self.mode_level[f]
        new: f64
        u: f64
        stream: i64 = self.mode_wear_stream[f]
        self.mode_steps[f] = k + 1
        if self.mode_kind[f] == WEAR_GAMMA:
            u = self.uniform(stream, k)
            new = x + scale * gamma_inverse(self.mode_rate[f] * h, u, 0)
            self.mode_worn[f] = 1 if new >= limit else 0
        else:
            u = self.uniform(stream, 2 * k)
            new = x + self.mode_rate[f] * h + scale * sqrt(h) * normal_quantile(u)
            u = self.uniform(stream, 2 * k + 1)
            if new >= limit or u < exp(-2.0 * (limit - x) * (limit - new) / (scale * scale * h)):
                self.mode_worn[f] = 1
        self.mode_level[f] = new

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_over(self, f: i64) -> i64:
        left: i64 = self.mode_left[f]
        if self.mode_clock[f] == CALENDAR and self.mode_kind[f] != COMMON:
            return 1 if left <= self.now else 0
        return 1 if left <= 0 else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def set_failure_timer(self, m: i64) -> cython.void:
        """To the earliest instant later than now over the unit's calendar modes."""
        if self.failure_slot[m] < 0:
            return
        tick: i64 = OFF
        left: i64
        i: i64
        for i in range(self.unit[m].dated_mode_first, self.unit[m].dated_mode_last):
            left = self.mode_left[self.dated_mode[i]]
            if self.now < left < tick:
                tick = left
        self.set_timer(self.failure_slot[m], tick)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def life_ends(self, m: i64) -> cython.void:
        """The failure timer of a unit."""
        self.look_for_strike(m)
        self.set_failure_timer(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def common_cause(self, c: i64) -> cython.void:
        """All its modes are judged first; then their units are looked at."""
        event: i64 = self.cause_events[c]
        i: i64
        f: i64
        over: i64
        self.cause_events[c] = event + 1
        self.time_cause(c)
        for i in range(self.cause_mode_first[c], self.cause_mode_first[c + 1]):
            f = self.cause_mode[i]
            over = self.unit[self.mode_unit[f]].overlay
            if over in (CLEAR, ASKED) and (
                self.uniform(self.mode_strike_stream[f], event) < self.cause_share[c]
            ):
                self.mode_left[f] = 0
        for i in range(self.cause_mode_first[c], self.cause_mode_first[c + 1]):
            self.look_for_strike(self.mode_unit[self.cause_mode[i]])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def time_cause(self, c: i64) -> cython.void:
        u: f64 = self.uniform(self.cause_stream[c], self.cause_events[c])
        self.set_timer(self.cause_slot[c], self.now + duration(self.quantile(self.cause_law[c], u)))

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def look_for_strike(self, m: i64) -> cython.void:
        """The first mode that is over strikes a unit that nothing hinders."""
        i: i64
        for i in range(self.unit[m].dated_mode_first, self.unit[m].dated_mode_last):
            if self.mode_kind[self.dated_mode[i]] != LIFE:
                self.wear(self.dated_mode[i], self.now)
        if self.unit[m].overlay != CLEAR:
            return
        lot_open: i64 = 1 if self.unit[m].base == WORK and self.unit[m].lot_open else 0
        is_left: i64 = 1 if self.unit[m].base != FINISHED and self.unit[m].base != BLOCKED else 0
        f: i64
        for f in range(self.mode_first[m], self.mode_first[m + 1]):
            if self.is_over(f) and (
                self.mode_interrupted[f] != FINISH_FIRST or (is_left and lot_open == 0)
            ):
                self.strike(m, f, lot_open)
                return

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def strike(self, m: i64, f: i64, lot_open: i64) -> cython.void:
        self.stop(m)
        self.mark(m)
        self.failures[f] += 1
        if lot_open and self.mode_interrupted[f] == RESTART:
            self.unit[m].rem = self.unit[m].full_time
        elif lot_open and self.mode_interrupted[f] == SCRAP_LOT:
            self.unit[m].failed_mode = f
            self.scrap_lot(m)
        elif self.mode_interrupted[f] == SCRAP_LOT and self.unit[m].base in (FINISHED, BLOCKED):
            self.throw_away(m)
        self.unit[m].failed_mode = f
        if self.mode_hidden[f]:
            self.unit[m].overlay = HIDDEN
        else:
            self.detect(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def throw_away(self, m: i64) -> cython.void:
        """A failure spoils the jobs that are done and have not left, but for those claimed."""
        j: i64
        o: i64
        s: i64
        if self.unit[m].base == FINISHED:
            self.stay_all(m)
        j = self.unit[m].stays
        while j >= 0:
            if self.job[j].claimed:
                j = self.job[j].fellow
                continue
            s = self.product_into[self.stage[self.job[j].stage].product]
            self.stop_waiting(j)
            self.let_go(j)
            self.scrap_pieces(j, self.job[j].pieces)
            self.complete(j)
            for o in range(self.operations):
                self.hand_out_places(o)
            if s >= 0:
                self.let_into_stock(s)
            j = self.unit[m].stays

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def stay_all(self, m: i64) -> cython.void:
        """The jobs of a finished unit stay on it, in no line."""
        j: i64 = self.unit[m].job
        self.unit[m].stays = j
        self.unit[m].job = -1
        while j >= 0:
            self.job[j].holder = m
            self.job[j].line = -1
            self.job[j].fellow = self.job[j].mate
            j = self.job[j].mate

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def stop_waiting(self, j: i64) -> cython.void:
        """A job leaves its queue untaken; what it would have used is no longer owed."""
        o: i64 = self.stage[self.job[j].stage].operation
        i: i64
        s: i64
        if self.job[j].waiting == 0:
            return
        self.dequeue(o, j)
        if self.job[j].supplied == 0:
            for i in range(self.queue[o].uses_first, self.queue[o].uses_last):
                s = self.uses_stock[i]
                self.account_stock(s)
                self.owed[s] -= self.uses_pieces[i] * self.job[j].pieces

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def detect(self, m: i64) -> cython.void:
        """A failure is known: it waits for people and a spare, or its repair begins."""
        f: i64 = self.unit[m].failed_mode
        self.touch(m)
        if self.mode_spare[f] >= 0:
            self.demand(self.mode_spare[f], 1)
        if self.mode_spare[f] >= 0 or self.mode_group[f] >= 0:
            self.unit[m].overlay = DOWN
            self.call(CALL_REPAIR, m)
        else:
            self.begin_repair(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_repair(self, m: i64) -> cython.void:
        f: i64 = self.unit[m].failed_mode
        u: f64 = self.uniform(self.mode_repair_stream[f], self.mode_repairs[f])
        self.mode_repairs[f] += 1
        self.unit[m].overlay = REPAIR
        self.touch(m)
        length: i64 = duration(self.quantile(self.mode_repair_law[f], u))
        self.set_timer(self.overlay_slot[m], self.now + length)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_overlay(self, m: i64) -> cython.void:
        """A repair or a preventive task has ended."""
        self.free_overlay_people(m)
        if self.unit[m].overlay == REPAIR:
            self.end_repair(m)
        else:
            self.end_task(m)
        self.touch(m)
        self.mark(m)
        self.calls = 1
        self.look_for_strike(m)
        self.set_failure_timer(m)
        self.run_on(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_repair(self, m: i64) -> cython.void:
        f: i64 = self.unit[m].failed_mode
        self.unit[m].overlay = CLEAR
        self.unit[m].failed_mode = -1
        if f < 0:  # from before the horizon
            self.unit[m].idle_since = self.now
        else:
            self.renew(f, self.age_after_repair(f))
        self.look_for_opportunity(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def age_after_repair(self, f: i64) -> f64:
        """Virtual age after a repair [min]."""
        effect: i64 = self.mode_effect[f]
        age: f64 = self.mode_virtual[f] + self.mode_life[f]
        if effect == OLD:
            return age
        if effect == PARTIAL:
            return (1.0 - self.mode_restores[f]) * age
        if effect == CHANCE:
            u: f64 = self.uniform(self.mode_effect_stream[f], self.mode_repairs[f] - 1)
            return 0.0 if u < self.mode_restores[f] else age
        return 0.0

    # --- preventive tasks (section 5) ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def task_used(self, t: i64) -> i64:
        """Ticks or lots of the interval used up; for calendar tasks up to now."""
        m: i64 = self.task_unit[t]
        by: i64 = self.task_due_by[t]
        if by == OPERATING:
            return self.unit[m].worked - self.task_worked[t]
        if by == COUNT:
            return self.unit[m].lots_ended - self.task_lots[t]
        if by == CALENDAR:
            return self.now - self.task_next[t] + self.task_interval[t]
        f: i64 = self.task_mode[t]
        clock: i64 = self.mode_clock[f]
        virtual: f64 = self.mode_virtual[f]
        used: i64 = self.clock_of(m, clock) - self.mode_born[f]
        if virtual > 0.0:
            used += whole_lots(virtual) if clock == COUNT else duration(virtual)
        return used

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_instant(self, t: i64) -> i64:
        """Whether a task falls due at an instant that is known before."""
        by: i64 = self.task_due_by[t]
        if by == AGE:
            return 1 if self.mode_clock[self.task_mode[t]] == CALENDAR else 0
        return 1 if by == CALENDAR else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def due_instant(self, t: i64, is_noted: i64) -> i64:
        """When a task fell due; OFF while it is not due."""
        if self.task_noted[t] >= 0:
            return self.task_noted[t]
        if self.task_due_by[t] == CONDITION:
            return OFF
        over: i64 = self.task_used(t) - self.task_interval[t]
        if over < 0:
            return OFF
        if self.has_instant(t):
            return self.now - over
        if is_noted:
            self.task_noted[t] = self.now
        return self.now

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def find_task(self, m: i64, is_noted: i64) -> i64:
        """Whether a task is due; the first goes into ``found_task`` and ``found_due``."""
        t: i64
        due: i64
        w: i64
        self.found_task = -1
        self.found_due = OFF
        if self.has_schedule:
            w = self.unit[m].next_window
            if w < self.window_first[m + 1] and self.window_start[w] <= self.now:
                self.found_task = self.window_task[w]
                self.found_due = self.window_start[w]
        for t in range(self.task_first[m], self.task_first[m + 1]):
            if self.has_schedule and self.task_due_by[t] != CONDITION:
                continue
            due = self.due_instant(t, is_noted)
            if due < self.found_due or (due == self.found_due and t < self.found_task):
                self.found_task = t
                self.found_due = due
        return 1 if self.found_task >= 0 else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def next_due(self, m: i64) -> i64:
        """The next instant, later than now, at which a task falls due by itself."""
        tick: i64 = OFF
        due: i64
        t: i64
        if self.has_schedule:
            return OFF
        for t in range(self.task_first[m], self.task_first[m + 1]):
            if self.task_noted[t] < 0 and self.has_instant(t):
                due = self.now + self.task_interval[t] - self.task_used(t)
                if self.now < due < tick:
                    tick = due
        return tick

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def look_for_opportunity(self, m: i64) -> cython.void:
        """Tasks that are nearly due are due now, as the unit stands anyway."""
        t: i64
        left: i64
        if self.has_schedule:
            return
        for t in range(self.task_first[m], self.task_first[m + 1]):
            if self.task_opportunity[t] > 0 and self.task_noted[t] < 0:
                left = self.task_interval[t] - self.task_used(t)
                if left <= self.task_opportunity[t] and not (self.has_instant(t) and left <= 0):
                    self.task_noted[t] = self.now

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def could_serve(self, t: i64) -> i64:
        """Whether a crew of the task is on duty with people to spare after waiting repairs."""
        g: i64 = self.task_group[t]
        i: i64
        k: i64
        c: i64
        f: i64
        need: i64
        for i in range(self.group_first[g], self.group_first[g + 1]):
            c = self.group_crew[i]
            if self.on_duty[c] == 0:
                continue
            need = self.task_people[t]
            for k in range(self.calls_open):
                if self.call_kind[k] == CALL_REPAIR:
                    f = self.unit[self.call_unit[k]].failed_mode
                    if self.is_asked(self.mode_group[f], c) and self.has_spare(f):
                        need += self.mode_people[f]
            if self.crew_size[c] - self.busy[c] >= need:
                return 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_asked(self, g: i64, c: i64) -> i64:
        """Whether crew c can be asked where group g is wanted."""
        i: i64
        if g >= 0:
            for i in range(self.group_first[g], self.group_first[g + 1]):
                if self.group_crew[i] == c:
                    return 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_spare(self, f: i64) -> i64:
        s: i64 = self.mode_spare[f]
        return 1 if s < 0 or self.on_hand[s] > 0 else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_task(self, m: i64) -> cython.void:
        t: i64 = self.unit[m].present_task
        w: i64
        self.executions[t] += 1
        self.task_next[t] = self.now + self.task_interval[t]
        self.task_worked[t] = self.unit[m].worked
        self.task_lots[t] = self.unit[m].lots_ended
        self.task_noted[t] = -1
        self.unit[m].follower = FOLLOWER_NONE
        if self.task_due_by[t] == CONDITION:
            self.set_timer(self.condition_slot[t], OFF)
        elif self.has_schedule:
            w = self.unit[m].next_window
            self.unit[m].follower = self.window_follower[w]
            self.unit[m].next_window = w + 1
        self.unit[m].overlay = MAINTENANCE
        self.touch(m)
        self.set_timer(self.overlay_slot[m], self.now + self.task_duration[t])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_task(self, m: i64) -> cython.void:
        t: i64 = self.unit[m].present_task
        i: i64
        f: i64
        self.unit[m].present_task = -1
        self.unit[m].overlay = CLEAR
        for i in range(self.renews_first[t], self.renews_first[t + 1]):
            f = self.renews[i]
            self.renew(f, 0.0)
            if self.unit[m].failed_mode == f:
                self.unit[m].failed_mode = -1
        if self.task_due_by[t] == CONDITION:
            self.set_timer(self.condition_slot[t], self.now + self.task_interval[t])
        if self.unit[m].follower != FOLLOWER_NONE:
            self.unit[m].is_on = 0 if self.unit[m].follower == FOLLOWER_COLD else 1
        self.unit[m].idle_since = self.now
        self.look_for_opportunity(m)
        if self.unit[m].failed_mode >= 0:  # hidden until now, and not renewed: found
            self.detect(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def inspect_condition(self, t: i64) -> cython.void:
        """An inspection finds a hidden failure, or that the task is due, or nothing."""
        m: i64 = self.task_unit[t]
        f: i64 = self.task_mode[t]
        self.inspections[t] += 1
        if self.unit[m].failed_mode == f and self.unit[m].overlay == HIDDEN:
            self.detect(m)
            self.mark(m)
        elif self.mode_level[f] >= self.task_level[t]:
            self.task_noted[t] = self.now
            self.mark(m)
            return
        self.set_timer(self.condition_slot[t], self.now + self.task_interval[t])

    # --- settling a unit (section 6) ---

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def settle(self, m: i64) -> cython.void:
        if self.unit[m].base == FINISHED:
            self.leave(m)
            if self.error:
                return
        if self.unit[m].overlay != CLEAR:
            if self.unit[m].overlay == ASKED:
                self.take_back_asking(m)
            if self.unit[m].overlay == HIDDEN:
                self.look_for_task(m)
            if self.unit[m].overlay != CLEAR:
                return
        if self.unit[m].base == READY:
            self.proceed(m)
        if self.unit[m].base != IDLE:
            return
        if self.unit[m].finishes_first:
            self.look_for_strike(m)
        if self.unit[m].base == IDLE and self.unit[m].overlay == CLEAR:
            self.look_around(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def look_for_task(self, m: i64) -> cython.void:
        """A unit that has failed unseen goes on with its preventive tasks, whatever it was at."""
        self.unit[m].waits_for_task = 0
        if self.has_tasks == 0:
            return
        if self.find_task(m, 1):
            if self.unit[m].refused != self.now and self.could_serve(self.found_task):
                self.ask(m)
                return
            self.unit[m].waits_for_task = 1
        self.set_wake(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def look_around(self, m: i64) -> cython.void:
        """An idle unit asks its agenda what to do, until it does something or nothing is to do."""
        has_step: i64
        is_first: i64
        is_ready: i64
        self.unit[m].waits_for_task = 0
        while self.unit[m].base == IDLE and self.error == 0:
            if self.unit[m].next_under_way < self.unit[m].under_way_last:
                self.go_on_from_before(m)
                continue
            is_ready = 1 if self.unit[m].key == self.unit[m].only_key else 0
            if is_ready and self.unit[m].is_on and self.begin_at_once(m):
                return
            has_step = self.find_step(m) if self.unit[m].is_open else 0
            if self.has_tasks and self.find_task(m, 1):
                is_first = 1 if has_step == 0 or self.found_due <= self.found_start else 0
                if (
                    is_first
                    and self.unit[m].refused != self.now
                    and self.could_serve(self.found_task)
                ):
                    self.ask(m)
                    return
                self.unit[m].waits_for_task = 1
            if has_step:
                self.begin_found(m)
                continue
            self.turn_on_or_off(m)
            if self.unit[m].base == IDLE:
                self.set_wake(m)
                return

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_at_once(self, m: i64) -> i64:
        """A plain unit that is ready takes the head of its queue; returns whether it does.

        This is what ``begin_found``, ``claim``, ``proceed``, ``begin_work`` and ``run_on`` come to
        where no question of theirs is open.
        """
        j: i64 = self.queue[self.unit[m].queue].head
        stage: i64
        row: i64
        if j < 0 or self.unit[m].is_open == 0:
            return 0
        stage = self.job[j].stage
        row = self.stage[stage].first_row
        self.unit[m].base = WORK
        self.unit[m].job = j
        self.unit[m].stage = stage
        self.unit[m].row = row
        self.unit[m].number = self.job[j].number
        self.unit[m].step = self.stage[stage].step
        self.unit[m].visit = self.job[j].visit
        self.job[j].mate = -1
        self.cut_into_lots(m, j, row)
        self.take(j)
        self.start_lot(m)
        self.set_off(m)
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def ask(self, m: i64) -> cython.void:
        """Ask for the crew of a preventive task; it is given or refused at this instant."""
        self.unit[m].overlay_before = self.unit[m].overlay
        self.unit[m].overlay = ASKED
        self.unit[m].present_task = self.found_task
        self.call(CALL_TASK, m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take_back_asking(self, m: i64) -> cython.void:
        """Something has happened since the unit asked: it decides anew."""
        i: i64
        for i in range(self.calls_open):
            if self.call_unit[i] == m and self.call_kind[i] == CALL_TASK:
                self.withdraw(i)
                break
        self.unit[m].overlay = self.unit[m].overlay_before
        self.unit[m].present_task = -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def turn_on_or_off(self, m: i64) -> cython.void:
        if not self.wants_on(m):
            if self.unit[m].is_on:
                self.unit[m].is_on = 0
                self.touch(m)
        elif self.unit[m].is_on == 0:
            if self.unit[m].startup > 0:
                self.unit[m].base = STARTUP
                self.unit[m].rem = self.unit[m].startup
                self.run_on(m)
            else:
                self.unit[m].is_on = 1
                self.touch(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def set_wake(self, m: i64) -> cython.void:
        """Set the wake timer to the next change, if it would not fire before anyway.

        A timer left over from earlier does no harm: who is woken too soon sets it again.
        """
        tick: i64 = self.next_change(m)
        due: i64
        if self.has_tasks:
            due = self.next_due(m)
            if due < tick:
                tick = due
        if tick < self.timer[self.leaves + self.wake_slot + m]:
            self.set_timer(self.wake_slot + m, tick)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def find_step(self, m: i64) -> i64:
        """Whether there is work: in ``found_job``, ``found_item``, ``found_start``."""
        self.found_item = -1
        self.found_start = OFF
        if self.has_schedule:
            return self.find_planned(m)
        self.found_job = self.first_waiting(m)
        return 1 if self.found_job >= 0 else 0

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_found(self, m: i64) -> cython.void:
        """Begin what ``find_step`` found; a job without a planned place may go to another unit."""
        j: i64 = self.found_job
        item: i64 = self.found_item
        unit: i64
        if item >= 0:
            self.begin_planned(m, item, j)
            return
        if self.unit[m].queue >= 0:
            self.claim(m, j)
            self.proceed(m)
            return
        unit = self.readiest(m, j)
        if self.unit[m].loads and self.row[self.row_of(m, self.job[j].stage)].max_jobs > 0:
            self.claim_load(m, j)
        else:
            self.claim(unit, j)
        self.touch(unit)
        self.proceed(unit)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def claim(self, m: i64, j: i64) -> cython.void:
        """A unit has chosen a job: its base is no longer idle, and its parts leave the stock."""
        stage: i64 = self.job[j].stage
        self.touch(m)
        self.unit[m].job = j
        self.unit[m].stage = stage
        self.unit[m].row = self.row_of(m, stage)
        self.unit[m].number = self.job[j].number
        self.unit[m].step = self.stage[stage].step
        self.unit[m].visit = self.job[j].visit
        self.unit[m].base = READY
        self.job[j].mate = -1
        self.job[j].claimed = 1
        self.supply(j)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def supply(self, j: i64) -> cython.void:
        """Take a job's parts from the stocks, once."""
        i: i64
        o: i64
        if self.job[j].supplied:
            return
        self.job[j].supplied = 1
        o = self.stage[self.job[j].stage].operation
        for i in range(self.queue[o].uses_first, self.queue[o].uses_last):
            self.use(self.uses_stock[i], self.uses_pieces[i] * self.job[j].pieces)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_planned(self, m: i64, item: i64, j: i64) -> cython.void:
        """Claim a planned job, or be set up ahead of one that has not come."""
        order: i64 = self.item_order[item]
        product: i64 = self.order_product[order]
        self.touch(m)
        self.unit[m].item = item
        if j >= 0:
            self.claim(m, j)
        else:
            self.unit[m].base = READY
            self.unit[m].job = -1
            self.unit[m].stage = self.stage_first[product] + self.item_step[item]
            self.unit[m].number = self.order_first_job[order]
            self.unit[m].step = self.item_step[item]
            self.unit[m].visit = self.visits_of(order, self.item_step[item])
        self.proceed(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def visits_of(self, order: i64, step: i64) -> i64:
        """How often an order's job has come to a step so far."""
        j: i64 = self.order_job[order]
        if j < 0 or self.visits_width == 0:
            return 0
        if self.job[j].waiting and self.stage[self.job[j].stage].step == step:
            # this visit is counted already
            return self.job[j].visit
        return self.job_visits[j * self.visits_width + step]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def go_on_from_before(self, m: i64) -> cython.void:
        """A job in work when the horizon began: the unit is on and set up for it."""
        i: i64 = self.unit[m].next_under_way
        j: i64 = self.resumed[i]
        self.unit[m].next_under_way = i + 1
        self.claim(m, j)
        self.unit[m].from_before = i
        self.unit[m].is_on = 1
        self.unit[m].key = self.wanted_key(m)
        self.proceed(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wanted_key(self, m: i64) -> i64:
        """The setup key of the job claimed, or of the one to be set up for."""
        product: i64 = self.stage[self.unit[m].stage].product
        return self.unit_key[m * self.products + product]

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def setup_time(self, m: i64, wanted: i64) -> f64:
        """Mean setup time [min] from the key the unit has; 0 unless both are named."""
        own: i64 = self.unit[m].key
        if own == wanted or own == 0 or wanted == 0:
            return 0.0
        return self.setup_minutes[self.unit_key_first[m] + own * self.unit_key_width[m] + wanted]

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def proceed(self, m: i64) -> cython.void:
        """From a claim to work: startup, setup, shift, operators, until one takes time."""
        wanted: i64 = self.wanted_key(m)
        item: i64 = self.unit[m].item
        if self.unit[m].is_on == 0:
            if self.unit[m].startup > 0:
                self.unit[m].base = STARTUP
                self.unit[m].rem = self.unit[m].startup
                self.run_on(m)
                return
            self.unit[m].is_on = 1
        if self.unit[m].key != wanted:
            if self.setup_time(m, wanted) > 0.0:
                if self.setup_group[m] >= 0:
                    self.unit[m].base = SETUP_WAIT
                    self.call(CALL_SETUP, m)
                else:
                    self.begin_setup(m)
                return
            self.unit[m].key = wanted
        if item >= 0:
            self.item_set_up[item] = 1
            if self.unit[m].job < 0 or self.item_work[item] > self.now:
                self.give_back(m)
                return
        if self.unit[m].is_open == 0:
            self.unit[m].base = READY
            return
        if self.row[self.unit[m].row].group >= 0:
            self.unit[m].base = OPERATOR_WAIT
            self.call(CALL_OPERATORS, m)
            return
        self.begin_work(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_setup(self, m: i64) -> cython.void:
        wanted: i64 = self.wanted_key(m)
        factor: f64 = 1.0
        serial: i64 = 0
        leg: i64
        u: f64
        if self.setup_sigma[m] > 0.0:
            if self.unit[m].job >= 0:
                serial = self.job[self.unit[m].job].serial
                leg = self.leg_first[self.job[self.unit[m].job].origin] + self.unit[m].step
            else:
                leg = self.leg_first[self.item_order[self.unit[m].item]] + self.unit[m].step
            u = self.leg_luck(leg, LUCK_SETUP, self.unit[m].visit, serial, 0)
            factor = exp(self.setup_sigma[m] * normal_quantile(u) - self.setup_half[m])
        self.unit[m].base = SETUP
        self.unit[m].rem = duration(self.setup_time(m, wanted) * factor)
        self.touch(m)
        self.run_on(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def give_back(self, m: i64) -> cython.void:
        """The time of a planned job has not come, or it has not: the claim is given back."""
        j: i64 = self.unit[m].job
        if j >= 0:
            self.job[j].claimed = 0
        self.go_idle(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def readiest(self, m: i64, j: i64) -> i64:
        """The free unit that could begin a job soonest; m itself before its equals."""
        stage: i64 = self.job[j].stage
        first: i64 = self.stage[stage].taker_first
        last: i64 = self.stage[stage].taker_last
        best: i64 = m
        i: i64
        other: i64
        startup: f64
        setup: f64
        if last - first == 1 or self.row[self.row_of(m, stage)].max_jobs > 0:
            return m
        least_startup: f64 = 0.0 if self.unit[m].is_on else self.unit[m].startup_minutes
        product: i64 = self.stage[stage].product
        least_setup: f64 = self.setup_time(m, self.unit_key[m * self.products + product])
        for i in range(first, last):
            other = self.taker_unit[i]
            if other == m or self.row[self.taker_row[i]].max_jobs > 0 or not self.is_free(other):
                continue
            startup = 0.0 if self.unit[other].is_on else self.unit[other].startup_minutes
            setup = self.setup_time(other, self.unit_key[other * self.products + product])
            if startup < least_startup or (startup == least_startup and setup < least_setup):
                best = other
                least_startup = startup
                least_setup = setup
        return best

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_free(self, m: i64) -> i64:
        """Whether a unit could take a job that another one has found."""
        f: i64
        if self.unit[m].base != IDLE or self.unit[m].overlay != CLEAR or self.unit[m].is_open == 0:
            return 0
        if self.unit[m].next_under_way < self.unit[m].under_way_last:
            return 0
        if self.has_tasks and self.find_task(m, 0):
            return 0
        if self.unit[m].finishes_first:
            for f in range(self.mode_first[m], self.mode_first[m + 1]):
                if self.is_over(f):
                    return 0
        return 1 if self.has_schedule == 0 or self.plan_is_over(m) else 0

    # --- the agenda without a plan ---

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def row_of(self, m: i64, stage: i64) -> i64:
        """Processing row of a unit for a step of a product; -1 where it cannot do it."""
        i: i64
        for i in range(self.stage[stage].taker_first, self.stage[stage].taker_last):
            if self.taker_unit[i] == m:
                return self.taker_row[i]
        return -1

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_candidate(self, m: i64, j: i64) -> i64:
        """Whether unit m may take a waiting job that has no planned place."""
        if self.job[j].claimed or self.row_of(m, self.job[j].stage) < 0:
            return 0
        if self.has_schedule and self.planned_unit(j) >= 0:
            return 0
        return self.has_parts(j, self.job[j].pieces)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_parts(self, j: i64, pieces: i64) -> i64:
        """Whether the stocks have the parts for so many pieces of what a job is of."""
        i: i64
        o: i64
        if self.job[j].supplied:
            return 1
        o = self.stage[self.job[j].stage].operation
        for i in range(self.queue[o].uses_first, self.queue[o].uses_last):
            if self.on_hand[self.uses_stock[i]] < self.uses_pieces[i] * pieces:
                return 0
        return 1

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def first_waiting(self, m: i64) -> i64:
        """The waiting job of the lowest rank that unit m may begin; -1 for none.

        Queues are kept in the order of (rank, came) where the rank of a job does not change; their
        first candidate is then their best.
        """
        best: i64 = -1
        is_sorted: i64 = 1 if self.rule <= FIFO else 0
        if self.unit[m].queue >= 0:  # nobody else takes from it, nothing stands in the way
            return self.queue[self.unit[m].queue].head
        if self.unit[m].loads:
            return self.first_that_may_begin(m)
        i: i64
        j: i64
        rank: f64
        least: f64 = 0.0
        if self.rule == ATC:
            self.count_mean_minutes(m)
        for i in range(self.unit_operation_first[m], self.unit_operation_first[m + 1]):
            j = self.queue[self.unit_operation[i]].head
            while j >= 0:
                if self.is_candidate(m, j):
                    rank = self.rank(m, j)
                    if best < 0 or self.goes_first(j, rank, best, least):
                        best = j
                        least = rank
                    if is_sorted:
                        break
                j = self.job[j].next
        return best

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def first_that_may_begin(self, m: i64) -> i64:
        """As ``first_waiting`` where there are loads: groups that wait for more are passed over."""
        j: i64
        if self.rule == ATC:
            self.count_mean_minutes(m)
        self.look += 1
        j = self.best_not_passed(m)
        while j >= 0:
            if self.row[self.row_of(m, self.job[j].stage)].max_jobs == 0 or self.may_load(m, j):
                return j
            self.stage_passed[self.job[j].stage] = self.look
            j = self.best_not_passed(m)
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def best_not_passed(self, m: i64) -> i64:
        """The best candidate of the groups that this look has not passed over."""
        best: i64 = -1
        i: i64
        j: i64
        rank: f64
        least: f64 = 0.0
        for i in range(self.unit_operation_first[m], self.unit_operation_first[m + 1]):
            j = self.queue[self.unit_operation[i]].head
            while j >= 0:
                if self.stage_passed[self.job[j].stage] != self.look and self.is_candidate(m, j):
                    rank = self.rank(m, j)
                    if best < 0 or self.goes_first(j, rank, best, least):
                        best = j
                        least = rank
                j = self.job[j].next
        return best

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def rank(self, m: i64, j: i64) -> f64:
        """Lower goes first (:mod:`twin.behaviour.dispatching`)."""
        if self.rule <= FIFO:
            return self.job_rank[j]
        work: f64 = self.minutes_of(self.row_of(m, self.job[j].stage), self.job[j].pieces)
        if self.rule == SPT:
            return work
        slack: f64
        reach: f64 = self.look_ahead * self.mean_minutes
        weight: f64 = 1.0
        if work < 1e-9:
            work = 1e-9
        slack = self.job[j].due - work - cython.cast(f64, self.now) / MINUTE
        if slack < 0.0:
            slack = 0.0
        if reach < 1e-9:
            reach = 1e-9
        if self.job[j].origin < self.orders:
            weight = self.order_weight[self.job[j].origin]
        return -(weight / work) * exp(-slack / reach)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def count_mean_minutes(self, m: i64) -> cython.void:
        """Mean work of the jobs a unit chooses among."""
        total: f64 = 0.0
        count: i64 = 0
        i: i64
        j: i64
        for i in range(self.unit_operation_first[m], self.unit_operation_first[m + 1]):
            j = self.queue[self.unit_operation[i]].head
            while j >= 0:
                if self.is_candidate(m, j):
                    total += self.minutes_of(self.row_of(m, self.job[j].stage), self.job[j].pieces)
                    count += 1
                j = self.job[j].next
        self.mean_minutes = total / cython.cast(f64, count) if count else 0.0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def best_after(self, m: i64, after: i64) -> i64:
        """The candidate of the same group that follows a job by (rank, came); -1 for none."""
        stage: i64 = self.job[after].stage
        best: i64 = -1
        rank: f64
        least: f64 = 0.0
        bound: f64 = self.rank(m, after)
        j: i64 = self.queue[self.stage[stage].operation].head
        if self.rule <= FIFO:
            j = self.job[after].next
            while j >= 0 and not (self.job[j].stage == stage and self.is_candidate(m, j)):
                j = self.job[j].next
            return j
        while j >= 0:
            if self.job[j].stage == stage and self.is_candidate(m, j):
                rank = self.rank(m, j)
                if (
                    rank > bound or (rank == bound and self.job_came[j] > self.job_came[after])
                ) and (best < 0 or self.goes_first(j, rank, best, least)):
                    best = j
                    least = rank
            j = self.job[j].next
        return best

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def goes_first(self, j: i64, rank: f64, other: i64, its_rank: f64) -> i64:
        """By rank, equal ones in the order they came."""
        if rank != its_rank:
            return 1 if rank < its_rank else 0
        return 1 if self.job_came[j] < self.job_came[other] else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def may_load(self, m: i64, first: i64) -> i64:
        """Whether enough jobs are there for a load, or the first that came has waited enough."""
        stage: i64 = self.job[first].stage
        row: i64 = self.row_of(m, stage)
        o: i64 = self.stage[stage].operation
        arrived: i64 = self.job[first].arrived
        count: i64 = 0
        j: i64 = self.queue[o].head
        while j >= 0:
            if self.job[j].stage == stage and self.is_candidate(m, j):
                count += 1
                if self.job[j].arrived < arrived:
                    arrived = self.job[j].arrived
            j = self.job[j].next
        if count >= self.row[row].min_jobs and self.queue[o].uses_first < self.queue[o].uses_last:
            count = self.jobs_with_parts(m, first, row)
        if count >= self.row[row].min_jobs:
            return 1
        if self.row[row].longest_wait < 0:
            return 0
        due: i64 = arrived + self.row[row].longest_wait
        if due <= self.now:
            return 1
        if due < self.timer[self.leaves + self.wake_slot + m]:
            self.set_timer(self.wake_slot + m, due)
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def jobs_with_parts(self, m: i64, first: i64, row: i64) -> i64:
        """How many jobs of a load the stocks have the parts for, up to those it needs."""
        count: i64 = 0
        pieces: i64 = 0
        j: i64 = first
        while j >= 0 and count < self.row[row].min_jobs:
            if self.has_parts(j, pieces + self.job[j].pieces):
                count += 1
                if self.job[j].supplied == 0:
                    pieces += self.job[j].pieces
            j = self.best_after(m, j)
        return count

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def claim_load(self, m: i64, first: i64) -> cython.void:
        row: i64 = self.row_of(m, self.job[first].stage)
        last: i64 = first
        count: i64 = 1
        pieces: i64 = 0 if self.job[first].supplied else self.job[first].pieces
        j: i64 = first
        while count < self.row[row].max_jobs:
            j = self.best_after(m, j)
            if j < 0:
                break
            if self.has_parts(j, pieces + self.job[j].pieces):
                count += 1
                if self.job[j].supplied == 0:
                    pieces += self.job[j].pieces
                self.job[last].mate = j
                self.job[j].mate = -1
                last = j
        j = self.job[first].mate if count > 1 else -1
        self.claim(m, first)
        self.job[first].mate = j
        while j >= 0:
            self.job[j].claimed = 1
            self.supply(j)
            j = self.job[j].mate

    # --- the agenda of a plan (agenda.py) ---

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def planned_unit(self, j: i64) -> i64:
        """The unit where a plan has what a job waits for; -1 for none, or once it was begun."""
        origin: i64 = self.job[j].origin
        if self.has_schedule == 0 or origin >= self.orders:
            return -1
        return self.leg_planned[self.leg_first[origin] + self.stage[self.job[j].stage].step]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def find_planned(self, m: i64) -> i64:
        """The first item whose time has come and whose job is here; else a setup ahead of one."""
        item: i64 = self.first_item(m)
        ahead: i64 = -1
        j: i64
        order: i64
        wanted: i64
        needs_setup: i64
        is_here: i64
        o: i64
        while item < self.item_first[m + 1] and self.item_start[item] <= self.now:
            order = self.item_order[item]
            if self.item_begun[item] or order < 0 or self.order_job[order] == -2:
                item += 1
                continue
            j = self.order_job[order]
            is_here = 0
            if j >= 0 and self.job[j].waiting and self.has_parts(j, self.job[j].pieces):
                o = self.stage[self.job[j].stage].operation
                is_here = 1 if o == self.item_operation[item] else 0
            wanted = self.unit_key[m * self.products + self.order_product[order]]
            needs_setup = 1 if wanted != self.unit[m].key and self.unit[m].key != 0 else 0
            needs_setup = 0 if self.item_set_up[item] else needs_setup
            if is_here and (self.item_work[item] <= self.now or needs_setup):
                self.found_job = j
                self.found_item = item
                self.found_start = self.item_start[item]
                return 1
            if self.item_has_setup[item] and needs_setup and ahead < 0:
                ahead = item
            item += 1
        self.found_job = -1
        self.found_item = ahead
        if ahead >= 0:
            self.found_start = self.item_start[ahead]
            return 1
        if self.plan_is_over(m):
            self.found_job = self.first_waiting(m)
        return 1 if self.found_job >= 0 else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def first_item(self, m: i64) -> i64:
        """The first item of a unit that has not been begun."""
        item: i64 = self.unit[m].next_item
        while item < self.item_first[m + 1] and self.item_begun[item]:
            item += 1
        self.unit[m].next_item = item
        return item

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def plan_is_over(self, m: i64) -> i64:
        """Whether every item left waits for one that no plan has a place for."""
        item: i64
        order: i64
        j: i64
        for item in range(self.first_item(m), self.item_first[m + 1]):
            order = self.item_order[item]
            if self.item_begun[item] or order < 0 or self.order_job[order] == -2:
                continue
            j = self.order_job[order]
            if j < 0 or self.job[j].waiting == 0 or self.planned_unit(j) >= 0:
                return 0
            if self.stage[self.job[j].stage].operation == self.item_operation[item]:
                return 0
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wants_on(self, m: i64) -> i64:
        """Whether the agenda wants an idle unit on."""
        if self.has_schedule == 0:
            if self.unit[m].is_on and self.now < self.unit[m].idle_since + self.unit[m].timeout:
                return 1
            return 0
        s: i64 = self.segment_now(m)
        item: i64
        if s >= 0:
            if self.segment_kind[s] == SEGMENT_TASK:
                return self.unit[m].is_on
            if self.segment_kind[s] == SEGMENT_KEEPS:
                return 1
            item = self.segment_item[s]
            if item >= 0 and self.item_begun[item] and self.item_is_followed[item]:
                return 1
        return self.is_late(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_late(self, m: i64) -> i64:
        """Whether planned work should have begun; a unit without warm-up waits only on shift."""
        item: i64 = self.first_item(m)
        if item >= self.item_first[m + 1]:
            return 0
        start: i64 = self.item_work[item] if self.item_set_up[item] else self.item_start[item]
        if start > self.now:
            return 0
        return 1 if self.unit[m].startup_minutes > 0.0 or self.unit[m].is_open else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def segment_now(self, m: i64) -> i64:
        """The planned segment that covers this instant; -1 for none."""
        s: i64 = self.unit[m].next_segment
        while s < self.segment_first[m + 1] and self.segment_start[s] <= self.now:
            s += 1
        self.unit[m].next_segment = s
        s -= 1
        return s if s >= self.segment_first[m] and self.now < self.segment_end[s] else -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def next_change(self, m: i64) -> i64:
        """The next instant at which the agenda's answers may change by themselves."""
        if self.has_schedule == 0:
            off: i64 = self.unit[m].idle_since + self.unit[m].timeout
            return off if self.unit[m].is_on and off > self.now else OFF
        e: i64 = self.unit[m].next_edge
        while e < self.edge_first[m + 1] and self.edges[e] <= self.now:
            e += 1
        self.unit[m].next_edge = e
        return self.edges[e] if e < self.edge_first[m + 1] else OFF

    # --- work (section 7) ---

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_work(self, m: i64) -> cython.void:
        """The job is taken from its queue, the agenda is told, lots start."""
        j: i64 = self.unit[m].job
        item: i64 = self.unit[m].item
        row: i64 = self.unit[m].row
        stage: i64 = self.unit[m].stage
        self.unit[m].base = WORK
        self.touch(m)
        if self.has_schedule and self.job[j].origin < self.orders:
            self.leg_planned[self.leg_first[self.job[j].origin] + self.stage[stage].step] = -1
        if item >= 0:
            self.item_begun[item] = 1
            self.unit[m].item = -1
        self.cut_into_lots(m, j, row)
        if self.unit[m].from_before >= 0:
            self.unit[m].lot = self.under_way_lot[self.unit[m].from_before]
        while j >= 0:
            self.job[j].claimed = 0
            if self.job[j].waiting:
                self.take(j)
            j = self.job[j].mate
        self.run_on(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def cut_into_lots(self, m: i64, j: i64, row: i64) -> cython.void:
        size: i64 = self.row[row].lot
        pieces: i64 = self.job[j].pieces
        self.unit[m].pieces = pieces
        self.unit[m].is_load = 1 if self.row[row].max_jobs > 0 else 0
        if size > pieces:
            size = pieces
        self.unit[m].lot_size = size
        self.unit[m].lot = 0
        self.unit[m].lots = 1
        if 0 < size < pieces and self.unit[m].is_load == 0:
            self.unit[m].lots = (pieces + size - 1) // size
        self.unit[m].lot_open = 0

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lot_pieces(self, m: i64) -> i64:
        """Pieces of the lot in work, of a job that is cut into lots."""
        left: i64 = self.unit[m].pieces - self.unit[m].lot * self.unit[m].lot_size
        return left if left < self.unit[m].lot_size else self.unit[m].lot_size

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lot_minutes(self, row: i64, pieces: i64) -> f64:
        """Mean working time of a lot [min]."""
        basis: i64 = self.row[row].basis
        minutes: f64 = self.row[row].minutes
        if basis == PER_PIECE:
            return minutes * cython.cast(f64, pieces)
        if basis == PER_KG:
            return minutes * cython.cast(f64, pieces) * self.row[row].mass / 1000.0
        return minutes

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def minutes_of(self, row: i64, pieces: i64) -> f64:
        """Working time of a whole job [min]."""
        size: i64 = self.row[row].lot
        total: f64 = 0.0
        while pieces > 0:
            total += self.lot_minutes(row, pieces if pieces < size else size)
            pieces -= size
        return self.row[row].transit + total

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def start_lot(self, m: i64) -> cython.void:
        j: i64 = self.unit[m].job
        row: i64 = self.unit[m].row
        lot: i64 = self.unit[m].lot
        pieces: i64 = self.lot_pieces(m)
        minutes: f64 = self.lot_minutes(row, pieces)
        transit: f64 = self.row[row].transit if lot == 0 else 0.0
        self.unit[m].lot_count = pieces
        self.unit[m].lot_mean = minutes + transit if lot == 0 else minutes
        before: i64 = self.unit[m].from_before
        if before >= 0 and lot == self.under_way_lot[before]:
            minutes = self.under_way_minutes[before]
            transit = self.under_way_transit[before]
        ticks: i64 = duration(minutes * self.lot_factor(row, j, lot))
        if transit > 0.0:
            ticks += duration(transit)
        self.unit[m].rem = ticks
        self.unit[m].full_time = ticks
        self.unit[m].lot_open = 1
        if self.is_traced:
            while j >= 0:
                self.write(START_ROW, m, j, lot, self.pieces_in_lot(m, j), -1, -1)
                j = self.job[j].mate

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def pieces_in_lot(self, m: i64, j: i64) -> i64:
        """A job's pieces in the lot in work."""
        return self.job[j].pieces if self.unit[m].is_load else self.unit[m].lot_count

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_lot(self, m: i64) -> cython.void:
        """A lot ends in good order."""
        if self.is_traced or self.unit[m].is_load or self.row[self.unit[m].row].is_sure == 0:
            self.judge_lot(m)
        else:
            self.unit[m].good += self.unit[m].lot_count
        self.count_lot(m)
        if self.unit[m].lot >= self.unit[m].lots:
            self.finish_work(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def scrap_lot(self, m: i64) -> cython.void:
        """A failure spoils the lot in work."""
        j: i64 = self.unit[m].job
        while j >= 0:
            self.scrap_job_lot(m, j)
            j = self.job[j].mate
        self.count_lot(m)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def count_lot(self, m: i64) -> cython.void:
        i: i64
        self.unit[m].planned_minutes += self.unit[m].lot_mean
        self.unit[m].lots_ended += 1
        for i in range(self.unit[m].counted_mode_first, self.unit[m].counted_mode_last):
            self.mode_left[self.counted_mode[i]] -= 1
        self.unit[m].lot += 1
        self.unit[m].lot_open = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_lot(self, m: i64) -> cython.void:
        j: i64 = self.unit[m].job
        while j >= 0:
            self.end_job_lot(m, j, self.unit[m].row)
            j = self.job[j].mate

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_job_lot(self, m: i64, j: i64, row: i64) -> cython.void:
        """Scrap, end row, verdict and defects of one job's lot."""
        pieces: i64 = self.pieces_in_lot(m, j)
        lot: i64 = self.unit[m].lot
        share: f64 = self.row[row].scrap
        scrap: i64 = 0
        reason: i64 = -1
        if share > 0.0:
            scrap = binomial_quantile(pieces, share, self.job_luck(j, LUCK_SCRAP, lot))
            if scrap > 0:
                reason = self.scrap_reason(m, self.job_luck(j, LUCK_REASON, lot))
                self.scrap_pieces(j, scrap)
        good: i64 = pieces - scrap
        self.unit[m].good += good
        self.unit[m].scrap += scrap
        if self.is_traced:
            self.write(END_ROW, m, j, lot, good, scrap, reason)
            if self.unit[m].inspects:
                self.write(VERDICT_ROW, m, j, lot, good, scrap, reason)
        share = self.row[row].defects
        if share > 0.0:
            self.job[j].defective += binomial_quantile(
                good, share, self.job_luck(j, LUCK_DEFECT, lot)
            )
            if self.job[j].defective > self.job[j].pieces:
                self.job[j].defective = self.job[j].pieces

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def scrap_job_lot(self, m: i64, j: i64) -> cython.void:
        """A failure has spoilt the lot in work."""
        pieces: i64 = self.pieces_in_lot(m, j)
        mode: i64 = self.unit[m].failed_mode - self.mode_first[m]
        reason: i64 = self.reason_first[m + 1] - self.reason_first[m] + mode
        if self.is_traced:
            self.write(END_ROW, m, j, self.unit[m].lot, 0, pieces, reason)
        self.unit[m].scrap += pieces
        self.scrap_pieces(j, pieces)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def scrap_pieces(self, j: i64, pieces: i64) -> cython.void:
        self.job[j].pieces -= pieces
        if self.job[j].defective > self.job[j].pieces:
            self.job[j].defective = self.job[j].pieces
        self.scrapped[self.stage[self.job[j].stage].product] += pieces
        if self.job[j].origin < self.orders:
            self.order_scrap[self.job[j].origin] += pieces

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def scrap_reason(self, m: i64, u: f64) -> i64:
        reached: f64 = 0.0
        i: i64
        for i in range(self.reason_first[m], self.reason_first[m + 1]):
            reached += self.reason_weight[i]
            if u * self.reason_total[m] < reached:
                return i - self.reason_first[m]
        return -1

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def finish_work(self, m: i64) -> cython.void:
        """After the last lot: people go free, jobs are inspected, the unit is to be left."""
        self.free_base_people(m)
        if self.unit[m].tests:
            self.inspect_all(m)
        self.unit[m].base = FINISHED
        self.touch(m)
        self.mark(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def inspect_all(self, m: i64) -> cython.void:
        j: i64 = self.unit[m].job
        while j >= 0:
            self.inspect(m, j)
            j = self.job[j].mate

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def inspect(self, m: i64, j: i64) -> cython.void:
        """A test that errs; the failed go back for rework or are scrapped."""
        bad: i64 = self.job[j].defective
        well: i64 = self.job[j].pieces - bad
        found: i64 = binomial_quantile(
            bad, self.unit_sensitivity[m], self.job_luck(j, LUCK_FOUND, 0)
        )
        alarms: i64 = binomial_quantile(
            well, 1.0 - self.unit_specificity[m], self.job_luck(j, LUCK_ALARM, 0)
        )
        failed: i64 = found + alarms
        if self.is_traced:
            self.write(VERDICT_ROW, m, j, -1, self.job[j].pieces - failed, failed, -1)
        if failed == 0:
            return
        rework: i64 = self.row[self.unit[m].row].rework
        self.job[j].defective = bad - found
        if rework >= 0 and self.job[j].visit + 1 < self.unit_passes[m]:
            self.job[j].onward = rework
        else:
            self.scrap_pieces(j, failed)

    # --- serving calls (section 8) ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def call(self, kind: i64, m: i64) -> cython.void:
        n: i64 = self.calls_open
        self.call_kind[n] = kind
        self.call_unit[n] = m
        self.call_tick[n] = self.now
        self.touch(m)
        self.calls_open = n + 1
        self.calls = 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def withdraw(self, i: i64) -> cython.void:
        """A call is answered; the last one takes its place."""
        last: i64 = self.calls_open - 1
        self.call_kind[i] = self.call_kind[last]
        self.call_unit[i] = self.call_unit[last]
        self.call_tick[i] = self.call_tick[last]
        self.calls_open = last

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def serve_people(self) -> i64:
        """Answer calls, the most urgent first; then refuse those who only asked."""
        served: i64 = 0
        best: i64
        crew: i64 = 0
        i: i64
        who: i64
        while True:
            best = -1
            for i in range(self.calls_open):
                if best < 0 or self.goes_before(i, best):
                    who = self.crew_for(i)
                    if who != NOBODY:
                        best = i
                        crew = who
            if best < 0:
                break
            self.answer(best, crew)
            served += 1
        if self.has_tasks:
            self.refuse_asking()
            self.wake_for_tasks()
        return served

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def goes_before(self, a: i64, b: i64) -> i64:
        """By kind of call, then its tick, then the unit."""
        if self.call_kind[a] != self.call_kind[b]:
            return 1 if self.call_kind[a] < self.call_kind[b] else 0
        if self.call_tick[a] != self.call_tick[b]:
            return 1 if self.call_tick[a] < self.call_tick[b] else 0
        return 1 if self.call_unit[a] < self.call_unit[b] else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def crew_for(self, i: i64) -> i64:
        """The first crew that can answer a call now; NOT_NEEDED or NOBODY."""
        kind: i64 = self.call_kind[i]
        m: i64 = self.call_unit[i]
        f: i64
        if kind == CALL_REPAIR:
            f = self.unit[m].failed_mode
            if not self.has_spare(f):
                return NOBODY
            if self.mode_group[f] < 0:
                return NOT_NEEDED
            return self.free_crew(self.mode_group[f], self.mode_people[f])
        if kind == CALL_TASK:
            return self.free_crew(
                self.task_group[self.unit[m].present_task],
                self.task_people[self.unit[m].present_task],
            )
        if self.unit[m].overlay != CLEAR or self.unit[m].is_open == 0:
            return NOBODY
        if kind == CALL_SETUP:
            return self.free_crew(self.setup_group[m], 1)
        return self.free_crew(self.row[self.unit[m].row].group, self.row[self.unit[m].row].people)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def free_crew(self, g: i64, people: i64) -> i64:
        i: i64
        c: i64
        for i in range(self.group_first[g], self.group_first[g + 1]):
            c = self.group_crew[i]
            if self.on_duty[c] and self.crew_size[c] - self.busy[c] >= people:
                return c
        return NOBODY

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def answer(self, i: i64, crew: i64) -> cython.void:
        """People come, and what they were called for begins."""
        kind: i64 = self.call_kind[i]
        m: i64 = self.call_unit[i]
        f: i64
        people: i64 = 1
        self.withdraw(i)
        self.touch(m)
        if kind == CALL_REPAIR:
            f = self.unit[m].failed_mode
            self.take_people(m, crew, self.mode_people[f], 1)
            if self.mode_spare[f] >= 0:
                self.use(self.mode_spare[f], 1)
            self.begin_repair(m)
        elif kind == CALL_TASK:
            self.take_people(m, crew, self.task_people[self.unit[m].present_task], 1)
            self.begin_task(m)
        elif kind == CALL_SETUP:
            self.take_people(m, crew, people, 0)
            self.begin_setup(m)
        else:
            self.take_people(m, crew, self.row[self.unit[m].row].people, 0)
            self.begin_work(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take_people(self, m: i64, crew: i64, people: i64, is_overlay: i64) -> cython.void:
        if crew < 0:
            return
        self.account_crew(crew)
        self.busy[crew] += people
        if is_overlay:
            self.unit[m].overlay_crew = crew
            self.unit[m].overlay_people = people
        else:
            self.unit[m].base_crew = crew
            self.unit[m].base_people = people

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def free_overlay_people(self, m: i64) -> cython.void:
        crew: i64 = self.unit[m].overlay_crew
        if crew >= 0:
            self.account_crew(crew)
            self.busy[crew] -= self.unit[m].overlay_people
            self.unit[m].overlay_crew = -1
            self.calls = 1

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def free_base_people(self, m: i64) -> cython.void:
        crew: i64 = self.unit[m].base_crew
        if crew >= 0:
            self.account_crew(crew)
            self.busy[crew] -= self.unit[m].base_people
            self.unit[m].base_crew = -1
            self.calls = 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def refuse_asking(self) -> cython.void:
        """Units that asked for a task's crew and did not get it look around again."""
        i: i64 = 0
        m: i64
        while i < self.calls_open:
            if self.call_kind[i] != CALL_TASK:
                i += 1
                continue
            m = self.call_unit[i]
            self.withdraw(i)
            self.unit[m].overlay = self.unit[m].overlay_before
            self.unit[m].present_task = -1
            self.unit[m].refused = self.now
            self.mark(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wake_for_tasks(self) -> i64:
        """Idle or unseen failed units with a due task whose crew could serve now look around."""
        m: i64
        woken: i64 = 0
        for m in range(self.units):
            if self.unit[m].waits_for_task == 0 or self.unit[m].refused == self.now:
                continue
            if self.unit[m].overlay != HIDDEN and (
                self.unit[m].overlay != CLEAR or self.unit[m].base != IDLE
            ):
                continue
            if self.find_task(m, 0) and self.could_serve(self.found_task):
                self.mark(m)
                woken = 1
        return woken

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def serve_vehicles(self) -> i64:
        """Jobs that ask for a vehicle get one, where a place before their operation is free."""
        served: i64 = 0
        t: i64
        j: i64
        v: i64
        for t in range(self.transports):
            while True:
                v = self.free_vehicle(t)
                if v < 0:
                    break
                j = self.held_head[self.operations + t]
                while j >= 0 and not self.has_room(self.stage[self.job[j].stage].operation, j):
                    j = self.job_held_next[j]
                if j < 0:
                    break
                self.account_transport(t)
                self.driving[t] += 1
                self.depart(v, j)
                served += 1
        return served

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def free_vehicle(self, t: i64) -> i64:
        v: i64
        for v in range(self.vehicle_first[t], self.vehicle_first[t + 1]):
            if self.vehicle_job[v] < 0:
                return v
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def depart(self, v: i64, j: i64) -> cython.void:
        """A vehicle takes a job; its place before the operation is kept."""
        o: i64 = self.stage[self.job[j].stage].operation
        self.vehicle_job[v] = j
        self.give_place(o, j)
        self.let_go(j)
        self.set_timer(self.vehicle_slot + v, self.now + self.queue[o].trip)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def vehicle_arrives(self, v: i64) -> cython.void:
        j: i64 = self.vehicle_job[v]
        t: i64 = self.queue[self.stage[self.job[j].stage].operation].transport
        self.account_transport(t)
        self.driving[t] -= 1
        self.vehicle_job[v] = -1
        self.calls = 1
        self.come_to_wait(j)

    # --- leaving a unit, waiting, being taken (section 9) ---

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def leave(self, m: i64) -> cython.void:
        """Each job of a finished unit goes on its way; the unit is idle, or blocked."""
        j: i64 = self.unit[m].job
        stays: i64
        self.unit[m].base = BLOCKED
        self.touch(m)
        if self.unit[m].is_load or j < 0:
            stays = self.hand_on_all(m)
        else:
            stays = self.hand_on(j, m)
            if stays:
                self.unit[m].stays = j
                self.job[j].fellow = -1
        if stays == 0:
            self.go_idle(m)
        elif self.can_lock:
            self.refuse_deadlock(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hand_on_all(self, m: i64) -> i64:
        """The jobs of a load go on; returns whether any has to stay."""
        j: i64 = self.unit[m].job
        last: i64 = -1
        following: i64
        while j >= 0:
            following = self.job[j].mate
            if self.hand_on(j, m):
                self.job[j].fellow = -1
                if last < 0:
                    self.unit[m].stays = j
                else:
                    self.job[last].fellow = j
                last = j
            j = following
        return 1 if last >= 0 else 0

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hand_on(self, j: i64, m: i64) -> i64:
        """A job goes to its next step or an end; returns whether it has to stay on unit m."""
        onward: i64 = self.next_step(j)
        stage: i64 = self.job[j].stage
        p: i64 = self.stage[stage].product
        o: i64
        if onward == END_SCRAP or self.job[j].pieces == 0:
            if self.job[j].pieces > 0:
                self.scrap_pieces(j, self.job[j].pieces)
            self.complete(j)
            return 0
        if onward < 0 or onward >= self.stage[stage].steps:
            if self.fits_stock(j):
                self.complete(j)
                return 0
            self.hold(j, m, self.operations + self.transports + self.product_into[p])
            return 1
        self.job[j].stage = self.stage_first[p] + onward
        self.job[j].onward = UNDECIDED
        o = self.stage[self.job[j].stage].operation
        if self.queue[o].transport >= 0:
            self.hold(j, m, self.operations + self.queue[o].transport)
            self.calls = 1
            return 1
        self.come_to_wait(j)
        if self.held_head[o] < 0 and self.has_room(o, j):
            self.give_place(o, j)
            return 0
        self.hold(j, m, o)
        return 1

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def next_step(self, j: i64) -> i64:
        """By an inspection, else by chance, else the next in the route."""
        stage: i64 = self.job[j].stage
        if self.job[j].onward != UNDECIDED:
            return self.job[j].onward
        if self.stage[stage].branch_first < self.stage[stage].branch_last:
            return self.step_by_chance(j)
        return self.stage[stage].step + 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def step_by_chance(self, j: i64) -> i64:
        u: f64 = self.job_luck(j, LUCK_BRANCH, 0)
        first: i64 = self.stage[self.job[j].stage].branch_first
        last: i64 = self.stage[self.job[j].stage].branch_last
        i: i64
        for i in range(first, last):
            if self.branch_reached[i] > u:
                return self.branch_step[i]
        return self.branch_step[last - 1]

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def come_to_wait(self, j: i64) -> cython.void:
        """A job waits for its operation, in the queue and in its takers' minds."""
        stage: i64 = self.job[j].stage
        o: i64 = self.stage[stage].operation
        i: i64
        if self.visits_width:
            i = j * self.visits_width + self.stage[stage].step
            self.job[j].visit = self.job_visits[i]
            self.job_visits[i] += 1
        self.came += 1
        self.job_came[j] = self.came
        self.job[j].arrived = self.now
        self.job[j].waiting = 1
        self.job[j].claimed = 0
        self.enqueue(o, j)
        if self.has_schedule:
            self.tell_planned(j)
        else:
            for i in range(self.stage[stage].taker_first, self.stage[stage].taker_last):
                if self.unit[self.taker_unit[i]].running == 0:  # one that runs has no choice now
                    self.mark(self.taker_unit[i])
        self.job[j].supplied = 1
        if self.queue[o].uses_first < self.queue[o].uses_last:
            self.need_parts(o, j)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def tell_planned(self, j: i64) -> cython.void:
        """The unit where a plan has the job looks around, or everybody."""
        unit: i64 = self.planned_unit(j)
        if unit >= 0:
            self.mark(unit)
        else:
            self.mark_all()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def need_parts(self, o: i64, j: i64) -> cython.void:
        """A job that waits is owed what its operation uses."""
        i: i64
        self.job[j].supplied = 0
        for i in range(self.queue[o].uses_first, self.queue[o].uses_last):
            self.demand(self.uses_stock[i], self.uses_pieces[i] * self.job[j].pieces)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def enqueue(self, o: i64, j: i64) -> cython.void:
        """In the order of coming; for due dates in the order of (due, came)."""
        before: i64 = self.queue[o].tail
        after: i64 = -1
        rank: f64 = self.job[j].due
        if self.rule == FIFO:
            rank = cython.cast(f64, self.now) / MINUTE
        self.job_rank[j] = rank
        if self.rule == EDD:
            while before >= 0 and self.job_rank[before] > rank:
                after = before
                before = self.job[before].before
        self.link(o, j, before, after, j, j)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def link(self, o: i64, j: i64, before: i64, after: i64, first: i64, last: i64) -> cython.void:
        """Neighbours, or the ends of the queue, point to ``first`` and ``last``; no branch.

        What has no neighbour to be written to is written to job j, whose own links come after.
        """
        head: i64 = self.queue[o].head
        tail: i64 = self.queue[o].tail
        self.job[before if before >= 0 else j].next = first
        self.job[after if after >= 0 else j].before = last
        self.queue[o].head = first if before < 0 else head
        self.queue[o].tail = last if after < 0 else tail
        self.job[j].before = before
        self.job[j].next = after

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def dequeue(self, o: i64, j: i64) -> cython.void:
        before: i64 = self.job[j].before
        after: i64 = self.job[j].next
        self.link(o, j, before, after, after, before)
        self.job[j].waiting = 0

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take(self, j: i64) -> cython.void:
        """Work on a job begins: its place goes free, or the unit it stayed on does."""
        stage: i64 = self.job[j].stage
        o: i64 = self.stage[stage].operation
        self.dequeue(o, j)
        self.queue[o].wait_ticks += self.now - self.job[j].arrived
        self.queue[o].taken += 1
        if self.job[j].holder >= 0:
            self.let_go(j)
        elif self.job[j].place:
            self.free_place(o, j)
        if self.held_head[o] >= 0:
            self.hand_out_places(o)
        if self.stage[stage].step == 0 and self.job[j].origin >= self.orders:
            self.saturate(j)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_room(self, o: i64, j: i64) -> i64:
        places: i64 = self.queue[o].places
        if places >= 0 and self.queue[o].places_used >= places:
            return 0
        room: i64 = self.queue[o].room
        used: i64 = self.queue[o].room_used
        if room >= 0 and self.queue[o].places_used > 0 and used + self.job[j].mass > room:
            return 0
        return 1

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def give_place(self, o: i64, j: i64) -> cython.void:
        self.account_places(o)
        self.queue[o].places_used += 1
        self.queue[o].room_used += self.job[j].mass
        self.job[j].place = 1

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def free_place(self, o: i64, j: i64) -> cython.void:
        self.account_places(o)
        self.queue[o].places_used -= 1
        self.queue[o].room_used -= self.job[j].mass
        self.job[j].place = 0
        if self.queue[o].transport >= 0:
            self.calls = 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hand_out_places(self, o: i64) -> cython.void:
        """Jobs that stayed on their units for want of room get it in the order they asked."""
        j: i64 = self.held_head[o]
        while j >= 0 and self.has_room(o, j):
            self.give_place(o, j)
            self.let_go(j)
            j = self.held_head[o]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hold(self, j: i64, m: i64, line: i64) -> cython.void:
        """A job stays on unit m and stands in a line for room, a vehicle or a stock."""
        tail: i64 = self.held_tail[line]
        self.job[j].holder = m
        self.job[j].line = line
        self.job_held_before[j] = tail
        self.job_held_next[j] = -1
        if tail >= 0:
            self.job_held_next[tail] = j
        else:
            self.held_head[line] = j
        self.held_tail[line] = j

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def let_go(self, j: i64) -> cython.void:
        """A job leaves the unit it stayed on, which is idle when no other stays there."""
        m: i64 = self.job[j].holder
        other: i64 = self.unit[m].stays
        if self.job[j].line >= 0:
            self.leave_line(j)
        self.job[j].holder = -1
        if other == j:
            self.unit[m].stays = self.job[j].fellow
        else:
            while self.job[other].fellow != j:
                other = self.job[other].fellow
            self.job[other].fellow = self.job[j].fellow
        if self.unit[m].stays < 0:
            self.go_idle(m)
        self.mark(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def leave_line(self, j: i64) -> cython.void:
        line: i64 = self.job[j].line
        before: i64 = self.job_held_before[j]
        after: i64 = self.job_held_next[j]
        if before >= 0:
            self.job_held_next[before] = after
        else:
            self.held_head[line] = after
        if after >= 0:
            self.job_held_before[after] = before
        else:
            self.held_tail[line] = before

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def refuse_deadlock(self, m: i64) -> cython.void:
        """Stop when unit m waits for room that only units in the same plight could make."""
        line: i64
        j: i64
        u: i64
        is_changed: i64 = 1
        for u in range(self.units):
            self.unit[u].stuck = 0
        for line in range(self.operations + self.transports):
            j = self.held_head[line]
            while j >= 0:
                if self.lacks_room(j):
                    self.unit[self.job[j].holder].stuck = 1
                j = self.job_held_next[j]
        while is_changed and self.unit[m].stuck:
            is_changed = 0
            for u in range(self.units):
                if self.unit[u].stuck == 1 and not self.is_stopped(u):
                    self.unit[u].stuck = 2
            for u in range(self.units):
                if self.unit[u].stuck == 2:
                    self.unit[u].stuck = 0
                    is_changed = 1
        if self.unit[m].stuck:
            self.error = DEADLOCK

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lacks_room(self, j: i64) -> i64:
        """Whether a job that stays on its unit waits for room, not for a vehicle or a stock."""
        line: i64 = self.job[j].line
        if line < self.operations:
            return 1
        if line >= self.operations + self.transports:
            return 0
        return 0 if self.has_room(self.stage[self.job[j].stage].operation, j) else 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_stopped(self, m: i64) -> i64:
        """Whether a job on unit m waits where none but stuck units could make room."""
        j: i64 = self.unit[m].stays
        while j >= 0:
            if self.lacks_room(j) and not self.is_emptied(self.stage[self.job[j].stage].operation):
                return 1
            j = self.job[j].fellow
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_emptied(self, o: i64) -> i64:
        """Whether a unit that is not stuck may take a job that waits, or will, for an operation."""
        j: i64 = self.queue[o].head
        v: i64
        while j >= 0:
            if self.has_free_taker(j):
                return 1
            j = self.job[j].next
        for v in range(self.vehicle_first[self.transports]):
            j = self.vehicle_job[v]
            if j >= 0 and self.stage[self.job[j].stage].operation == o and self.has_free_taker(j):
                return 1
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_free_taker(self, j: i64) -> i64:
        """Whether a unit that is not stuck may do what a job waits for."""
        unit: i64 = self.planned_unit(j)
        stage: i64 = self.job[j].stage
        i: i64
        if unit >= 0:
            return 0 if self.unit[unit].stuck else 1
        for i in range(self.stage[stage].taker_first, self.stage[stage].taker_last):
            if self.unit[self.taker_unit[i]].stuck == 0:
                return 1
        return 0

    # --- stocks, sources, orders (section 10) ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def demand(self, s: i64, pieces: i64) -> cython.void:
        """Pieces are owed; the stock is ordered where it falls to its point."""
        spare: i64 = self.on_hand[s] - self.owed[s]
        self.account_stock(s)
        self.demands[s] += pieces
        if spare > 0:
            self.filled[s] += pieces if pieces < spare else spare
        self.owed[s] += pieces
        if self.stock_law[s] >= 0:
            while self.on_hand[s] + self.on_order[s] - self.owed[s] <= self.stock_point[s]:
                self.order_stock(s)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def order_stock(self, s: i64) -> cython.void:
        k: i64 = self.stock_orders[s]
        n: i64 = self.deliveries
        tick: i64
        self.stock_orders[s] = k + 1
        self.on_order[s] += self.stock_quantity[s]
        if n >= self.job_capacity:
            self.error = NEEDS_JOBS
            return
        tick = duration(self.quantile(self.stock_law[s], self.uniform(self.stock_stream[s], k)))
        tick += self.now
        self.delivery_tick[n] = tick
        self.delivery_stock[n] = s
        self.deliveries = n + 1
        if tick < self.timer[self.leaves + self.delivery_slot[s]]:
            self.set_timer(self.delivery_slot[s], tick)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def delivery_comes(self, s: i64) -> cython.void:
        i: i64 = 0
        tick: i64 = OFF
        while i < self.deliveries:
            if self.delivery_stock[i] != s:
                i += 1
            elif self.delivery_tick[i] > self.now:
                if self.delivery_tick[i] < tick:
                    tick = self.delivery_tick[i]
                i += 1
            else:
                self.deliveries -= 1
                self.delivery_tick[i] = self.delivery_tick[self.deliveries]
                self.delivery_stock[i] = self.delivery_stock[self.deliveries]
                self.on_order[s] -= self.stock_quantity[s]
                self.add_to_stock(s, self.stock_quantity[s])
        self.set_timer(self.delivery_slot[s], tick)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def add_to_stock(self, s: i64, pieces: i64) -> cython.void:
        """More parts: units that have jobs waiting for them look around."""
        i: i64
        k: i64
        o: i64
        self.account_stock(s)
        self.on_hand[s] += pieces
        self.calls = 1
        for i in range(self.stock_user_first[s], self.stock_user_first[s + 1]):
            o = self.stock_user[i]
            if self.queue[o].head >= 0:
                for k in range(self.operation_unit_first[o], self.operation_unit_first[o + 1]):
                    self.mark(self.operation_unit[k])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def use(self, s: i64, pieces: i64) -> cython.void:
        """Pieces leave a stock; blocked jobs may now go into it."""
        self.account_stock(s)
        self.on_hand[s] -= pieces
        self.owed[s] -= pieces
        self.let_into_stock(s)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def let_into_stock(self, s: i64) -> cython.void:
        """Jobs that stayed on their units for want of room in a stock, first come first served."""
        line: i64 = self.operations + self.transports + s
        j: i64 = self.held_head[line]
        while j >= 0 and self.has_stock_room(s, j):
            self.let_go(j)
            self.complete(j)
            j = self.held_head[line]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_stock_room(self, s: i64, j: i64) -> i64:
        if self.stock_capacity[s] < 0 or self.on_hand[s] <= 0:
            return 1
        return 1 if self.on_hand[s] + self.job[j].pieces <= self.stock_capacity[s] else 0

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def fits_stock(self, j: i64) -> i64:
        """Whether a finished job may leave the plant or go into its stock now."""
        s: i64 = self.product_into[self.stage[self.job[j].stage].product]
        if s < 0:
            return 1
        if self.held_head[self.operations + self.transports + s] >= 0:
            return 0
        return self.has_stock_room(s, j)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def complete(self, j: i64) -> cython.void:
        """A job has come to its end, with good pieces or without."""
        p: i64 = self.stage[self.job[j].stage].product
        good: i64 = self.job[j].pieces
        origin: i64 = self.job[j].origin
        s: i64 = self.product_into[p]
        if s >= 0 and good > 0:
            self.add_to_stock(s, good)
        self.account_inside(p)
        self.inside[p] -= 1
        self.completed[p] += good
        self.completed_jobs[p] += 1
        self.flow_ticks[p] += self.now - self.job[j].released
        self.series[self.now // self.bucket] += good
        if origin < self.orders:
            self.order_good[origin] += good
            self.order_left[origin] -= 1
            if self.order_left[origin] == 0:
                self.order_complete[origin] = self.now
                self.order_job[origin] = -2
                self.write_job(COMPLETE_ROW, self.job[j].number, self.order_good[origin])
        else:
            self.write_job(COMPLETE_ROW, self.job[j].number, good)
        if self.has_schedule:
            self.mark_all()
        self.job[j].next = self.free_job
        self.free_job = j

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def new_job(self, origin: i64, p: i64, serial: i64, number: i64, pieces: i64) -> i64:
        """A job at its first step; -1, with an error, when there is no room for it."""
        j: i64 = self.free_job
        i: i64
        if j < 0:
            self.error = NEEDS_JOBS
            return -1
        self.free_job = self.job[j].next
        self.job[j].number = number
        self.job[j].origin = origin
        self.job[j].serial = serial
        self.job[j].stage = self.stage_first[p]
        self.job[j].visit = 0
        self.job[j].pieces = pieces
        self.job[j].mass = cython.cast(
            i64, floor(cython.cast(f64, pieces) * self.product_mass[p] * 1000.0 + 0.5)
        )
        self.job[j].defective = 0
        self.job[j].released = self.now
        self.job[j].waiting = 0
        self.job[j].claimed = 0
        self.job[j].supplied = 1
        self.job[j].place = 0
        self.job[j].holder = -1
        self.job[j].onward = UNDECIDED
        self.job[j].mate = -1
        for i in range(j * self.visits_width, (j + 1) * self.visits_width):
            self.job_visits[i] = 0
        self.account_inside(p)
        self.inside[p] += 1
        return j

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def job_of_order(self, order: i64, serial: i64) -> i64:
        size: i64 = self.order_job_size[order]
        left: i64 = self.order_quantity[order] - serial * size
        number: i64 = self.order_first_job[order] + serial
        j: i64 = self.new_job(
            order, self.order_product[order], serial, number, left if left < size else size
        )
        if j >= 0:
            self.job[j].due = self.order_due[order]
            self.order_job[order] = j
        return j

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def release_orders(self) -> cython.void:
        """Every order whose release has come; the timer goes to the next."""
        i: i64
        while self.next_release < len(self.release_order):
            i = self.next_release
            if self.release_tick[i] > self.now:
                self.set_timer(self.release_slot, self.release_tick[i])
                return
            self.next_release = i + 1
            self.release(self.release_order[i])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def release(self, order: i64) -> cython.void:
        jobs: i64 = self.order_first_job[order + 1] - self.order_first_job[order]
        serial: i64
        j: i64
        self.released[self.order_product[order]] += self.order_quantity[order]
        self.write_job(RELEASE_ROW, self.order_first_job[order + 1] - 1, self.order_quantity[order])
        for serial in range(jobs):
            j = self.job_of_order(order, serial)
            if j < 0:
                return
            self.come_to_wait(j)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def next_part_comes(self, s: i64) -> cython.void:
        """A part of a source; the timer is set to the one after it."""
        self.new_part(s)
        if self.source_law[s] >= 0:
            self.time_part(s, self.now)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def time_part(self, s: i64, since: i64) -> cython.void:
        k: i64 = self.source_parts[s]
        u: f64
        if self.source_limit[s] < 0 or k < self.source_limit[s]:
            u = self.uniform(self.source_stream[s], k)
            self.set_timer(
                self.source_slot[s], since + duration(self.quantile(self.source_law[s], u))
            )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def new_part(self, s: i64) -> cython.void:
        serial: i64 = self.source_parts[s]
        p: i64 = self.source_product[s]
        number: i64 = self.next_job
        j: i64 = self.new_job(self.orders + s, p, serial, number, self.source_quantity[s])
        if j < 0:
            return
        self.source_parts[s] = serial + 1
        self.next_job = number + 1
        if self.is_traced:
            if self.parts < len(self.part_source):
                self.part_source[self.parts] = s
                self.part_serial[self.parts] = serial
                self.parts += 1
            else:
                self.error = NEEDS_ROWS
        self.job[j].due = cython.cast(f64, self.now + self.source_due_after[s]) / MINUTE
        self.released[p] += self.source_quantity[s]
        self.write_job(RELEASE_ROW, number, self.source_quantity[s])
        self.come_to_wait(j)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def saturate(self, j: i64) -> cython.void:
        """A part of a saturated source is taken at its first step: the next one is there."""
        s: i64 = self.job[j].origin - self.orders
        if self.source_law[s] >= 0 or self.job[j].serial + 1 != self.source_parts[s]:
            return
        if self.job[j].visit > 0:
            return
        if self.source_limit[s] < 0 or self.source_parts[s] < self.source_limit[s]:
            self.new_part(s)

    # --- phase D: what is seen, totals, trace ---

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def visible_state(self, m: i64) -> i64:
        over: i64 = self.unit[m].overlay
        doing: i64 = self.unit[m].base
        if over != CLEAR and over != ASKED:
            if over == REPAIR:
                return S_REPAIR
            return S_MAINTENANCE if over == MAINTENANCE else S_DOWN
        if self.unit[m].running and doing == WORK:
            return S_WORKING
        if doing == IDLE:
            return S_STANDBY if self.unit[m].is_on else S_OFF
        if doing == STARTUP:
            return S_STARTUP
        if doing in (FINISHED, BLOCKED):
            return S_BLOCKED
        if self.unit[m].running:
            return S_WORKING if doing == WORK else S_SETUP
        return S_STANDBY if self.unit[m].is_open or self.unit[m].startup_minutes > 0.0 else S_OFF

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def reason(self, m: i64, state: i64) -> i64:
        """The failure mode or the task behind a state, as the unit lists them."""
        if state == S_MAINTENANCE:
            return self.unit[m].present_task - self.task_first[m]
        if state in (S_DOWN, S_REPAIR) and self.unit[m].failed_mode >= 0:
            return self.unit[m].failed_mode - self.mode_first[m]
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def log_touched(self) -> cython.void:
        w: i64
        bits: u64
        m: i64
        for w in range(self.words):
            bits = self.touched[w]
            if bits:
                self.touched[w] = 0
            while bits:
                m = (w << 6) + self.lowest_bit(bits)
                bits &= bits - ONE
                self.log_state(m)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def log_state(self, m: i64) -> cython.void:
        """Log the visible state of a unit where it differs from the one logged last."""
        state: i64 = self.visible_state(m)
        number: i64 = self.unit[m].number
        step: i64 = self.unit[m].step
        visit: i64 = self.unit[m].visit
        why: i64 = -1
        if state >= S_DOWN:
            why = self.reason(m, state)
            if state == S_MAINTENANCE or (state == S_REPAIR and why < 0):
                number = -1
                step = -1
                visit = -1
        if (  # one comparison, whose outcome the processor guesses better than five
            (number ^ self.unit[m].logged_number)
            | (state ^ self.unit[m].logged_state)
            | (step ^ self.unit[m].logged_step)
            | (visit ^ self.unit[m].logged_pass)
            | (why ^ self.unit[m].logged_reason)
        ) == 0:
            return
        self.account_state(m)
        self.unit[m].logged_state = state
        self.unit[m].logged_number = number
        self.unit[m].logged_step = step
        self.unit[m].logged_pass = visit
        self.unit[m].logged_reason = why
        if self.is_traced:
            self.write_row(STATE_ROW, m, state, number, step, visit, -1, -1, -1, why)

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_state(self, m: i64) -> cython.void:
        """Count the time and energy of the state logged last, up to now."""
        state: i64 = self.unit[m].logged_state
        lasted: i64 = self.now - self.unit[m].logged_since
        at: i64 = m * STATES + state
        power: f64
        self.unit[m].logged_since = self.now
        if state < 0:
            return
        power = self.unit_power[at]
        self.state_ticks[at] += lasted
        self.unit[m].energy_kwh += power * (cython.cast(f64, lasted) / HOUR)
        if self.unit[m].shift_slot >= 0:
            self.account_open(m)
        if self.has_forecast:
            self.account_price(m, power)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_price(self, m: i64, power: f64) -> cython.void:
        """Cost and carbon of what the state logged last has drawn."""
        price: f64 = self.reached(self.price_before, self.price)
        carbon: f64 = self.reached(self.carbon_before, self.carbon)
        self.unit[m].energy_cost += power * (price - self.unit[m].logged_price)
        self.unit[m].carbon_kg += power * (carbon - self.unit[m].logged_carbon)
        self.unit[m].logged_price = price
        self.unit[m].logged_carbon = carbon

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def reached(self, before: f64[::1], rate: f64[::1]) -> f64:
        """Integral of a rate over time, up to now, for one kilowatt."""
        i: i64 = self.now // self.slot_ticks
        if i >= self.slots:
            i = self.slots - 1
        return before[i] + rate[i] * (cython.cast(f64, self.now - i * self.slot_ticks) / HOUR)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_open(self, m: i64) -> cython.void:
        if self.unit[m].is_open:
            if self.unit[m].logged_state >= 0:
                self.open_ticks[m * STATES + self.unit[m].logged_state] += (
                    self.now - self.unit[m].open_since
                )
            self.unit[m].open_since = self.now

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_crew(self, c: i64) -> cython.void:
        self.crew_ticks[c] += self.busy[c] * (self.now - self.busy_since[c])
        self.busy_since[c] = self.now

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_transport(self, t: i64) -> cython.void:
        self.vehicle_ticks[t] += self.driving[t] * (self.now - self.driving_since[t])
        self.driving_since[t] = self.now

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_places(self, o: i64) -> cython.void:
        self.queue[o].buffer_area += self.queue[o].places_used * (
            self.now - self.queue[o].places_since
        )
        self.queue[o].places_since = self.now

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_inside(self, p: i64) -> cython.void:
        self.inside_area[p] += self.inside[p] * (self.now - self.inside_since[p])
        self.inside_since[p] = self.now

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def account_stock(self, s: i64) -> cython.void:
        lasted: i64 = self.now - self.stock_since[s]
        self.stock_area[s] += self.on_hand[s] * lasted
        self.owed_area[s] += self.owed[s] * lasted
        self.stock_since[s] = self.now

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def close_accounts(self) -> cython.void:
        """Count everything that lasts up to the end of the horizon."""
        i: i64
        self.now = self.end
        for i in range(self.units):
            self.account_state(i)
            if self.unit[i].shift_slot < 0 and self.unit[i].is_open:
                self.copy_open_ticks(i)
        for i in range(self.crews):
            self.account_crew(i)
        for i in range(self.transports):
            self.account_transport(i)
        for i in range(self.operations):
            self.account_places(i)
        for i in range(self.products):
            self.account_inside(i)
        for i in range(self.stocks):
            self.account_stock(i)
        self.hand_out_totals()

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hand_out_totals(self) -> cython.void:
        """Copy the totals that stand in records into arrays."""
        i: i64
        for i in range(self.units):
            self.energy_kwh[i] = self.unit[i].energy_kwh
            self.energy_cost[i] = self.unit[i].energy_cost
            self.carbon_kg[i] = self.unit[i].carbon_kg
            self.unit_good[i] = self.unit[i].good
            self.unit_scrap[i] = self.unit[i].scrap
            self.planned_minutes[i] = self.unit[i].planned_minutes
        for i in range(self.operations):
            self.buffer_area[i] = self.queue[i].buffer_area
            self.wait_ticks[i] = self.queue[i].wait_ticks
            self.taken[i] = self.queue[i].taken

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def copy_open_ticks(self, m: i64) -> cython.void:
        """A unit that is always open."""
        s: i64
        for s in range(m * STATES, (m + 1) * STATES):
            self.open_ticks[s] = self.state_ticks[s]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def count_from(self, tick: i64) -> cython.void:
        """The warm-up is over: totals start from 0 at this tick."""
        i: i64
        self.is_counting = 1
        self.now = tick
        for i in range(self.units):
            self.account_state(i)
            self.unit[i].open_since = tick
            self.unit[i].energy_kwh = 0.0
            self.unit[i].energy_cost = 0.0
            self.unit[i].carbon_kg = 0.0
            self.unit[i].good = 0
            self.unit[i].scrap = 0
            self.unit[i].planned_minutes = 0.0
        for i in range(self.units * STATES):
            self.state_ticks[i] = 0
            self.open_ticks[i] = 0
        for i in range(self.products):
            self.account_inside(i)
            self.inside_area[i] = 0
            self.released[i] = 0
            self.completed[i] = 0
            self.scrapped[i] = 0
            self.completed_jobs[i] = 0
            self.flow_ticks[i] = 0
        for i in range(self.operations):
            self.account_places(i)
            self.queue[i].buffer_area = 0
            self.queue[i].wait_ticks = 0
            self.queue[i].taken = 0
        for i in range(self.crews):
            self.account_crew(i)
            self.crew_ticks[i] = 0
        for i in range(self.transports):
            self.account_transport(i)
            self.vehicle_ticks[i] = 0
        for i in range(self.modes):
            self.failures[i] = 0
        for i in range(self.tasks):
            self.executions[i] = 0
            self.inspections[i] = 0
        for i in range(self.stocks):
            self.account_stock(i)
            self.stock_area[i] = 0
            self.owed_area[i] = 0
            self.demands[i] = 0
            self.filled[i] = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def write(
        self, kind: i64, m: i64, j: i64, lot: i64, good: i64, scrap: i64, why: i64
    ) -> cython.void:
        """A row about a lot of a job on a unit."""
        self.write_row(
            kind, m, -1, self.job[j].number, self.stage[self.job[j].stage].step,
            self.job[j].visit, lot, good, scrap, why,
        )  # fmt: skip

    @cython.inline
    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def write_job(self, kind: i64, number: i64, pieces: i64) -> cython.void:
        """A row about an order or a part."""
        if self.is_traced:
            self.write_row(kind, -1, -1, number, -1, -1, -1, pieces, -1, -1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def write_row(
        self, kind: i64, m: i64, state: i64, number: i64, step: i64,
        visit: i64, lot: i64, good: i64, scrap: i64, why: i64,
    ) -> cython.void:  # fmt: skip
        """Columns as in :class:`twin.simulation.result.Trace`."""
        at: i64 = self.rows * ROW_WIDTH
        if self.rows >= self.row_capacity:
            self.error = NEEDS_ROWS
            return
        self.rows += 1
        self.trace[at] = self.now
        self.trace[at + 1] = kind
        self.trace[at + 2] = m
        self.trace[at + 3] = state
        self.trace[at + 4] = number
        self.trace[at + 5] = step
        self.trace[at + 6] = visit
        self.trace[at + 7] = lot
        self.trace[at + 8] = good
        self.trace[at + 9] = scrap
        self.trace[at + 10] = why

    # --- the start (section 11) ---

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_run(self) -> cython.void:
        """Everything as it is at instant 0, before any timer fires."""
        i: i64
        self.now = 0
        self.error = 0
        self.calls = 1
        self.calls_open = 0
        self.came = 0
        self.next_job = self.order_jobs
        self.next_release = 0
        self.deliveries = 0
        self.rows = 0
        self.parts = 0
        self.is_counting = 0 if self.warm_up > 0 else 1
        for i in range(2 * self.leaves):
            self.timer[i] = OFF
        for i in range(len(self.block_drawn)):
            self.block_drawn[i] = -1
        for i in range(self.words):
            self.dirty[i] = 0
            self.touched[i] = 0
        self.clear_totals()
        self.clear_jobs()
        for i in range(self.orders):
            self.order_job[i] = -1
            self.order_left[i] = self.order_first_job[i + 1] - self.order_first_job[i]
        if self.has_schedule:
            self.clear_plan()
        for i in range(self.stocks):
            self.on_hand[i] = self.stock_start[i]
            self.owed[i] = 0
            self.on_order[i] = 0
            self.stock_orders[i] = 0
        for i in range(self.crews):
            self.begin_crew(i)
        for i in range(self.units):
            self.begin_unit(i)
        for i in range(self.modes):
            self.begin_mode(i)
        for i in range(self.tasks):
            self.task_next[i] = self.task_start[i]
            self.task_noted[i] = -1
            self.task_worked[i] = 0
            self.task_lots[i] = 0
            if self.condition_slot[i] >= 0:
                self.set_timer(self.condition_slot[i], self.task_interval[i])
        self.begin_causes_and_sources()
        self.place_jobs()
        if len(self.release_order) > 0:
            self.set_timer(self.release_slot, self.release_tick[0])
        for i in range(self.units):
            self.set_failure_timer(i)
            self.look_for_strike(i)
            self.mark(i)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def clear_jobs(self) -> cython.void:
        i: i64
        for i in range(self.job_capacity):
            self.job[i].next = i + 1
        self.job[self.job_capacity - 1].next = -1
        self.free_job = 0
        for i in range(self.operations):
            self.queue[i].head = -1
            self.queue[i].tail = -1
            self.queue[i].places_used = 0
            self.queue[i].room_used = 0
        for i in range(self.operations + self.transports + self.stocks):
            self.held_head[i] = -1
            self.held_tail[i] = -1
        for i in range(self.vehicle_first[self.transports]):
            self.vehicle_job[i] = -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def clear_plan(self) -> cython.void:
        i: i64
        for i in range(self.item_first[self.units]):
            self.item_begun[i] = 0
            self.item_set_up[i] = 0
        for i in range(len(self.leg_unit)):
            self.leg_planned[i] = self.leg_unit[i]
        for i in range(self.units):
            self.unit[i].next_item = self.item_first[i]
            self.unit[i].next_window = self.window_first[i]
            self.unit[i].next_edge = self.edge_first[i]
            self.unit[i].next_segment = self.segment_first[i]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_crew(self, c: i64) -> cython.void:
        i: i64 = self.duty_first[c]
        self.next_duty[c] = i
        self.busy[c] = 0
        self.on_duty[c] = 0
        if i < self.duty_first[c + 1]:
            if self.duty_start[i] <= 0:
                self.on_duty[c] = 1
                self.set_timer(self.duty_slot[c], self.duty_end[i])
            else:
                self.set_timer(self.duty_slot[c], self.duty_start[i])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_unit(self, m: i64) -> cython.void:
        i: i64 = self.shift_first[m]
        self.unit[m].base = IDLE
        self.go_idle(m)
        self.unit[m].overlay = CLEAR
        self.unit[m].running = 0
        self.unit[m].lot_open = 0
        self.unit[m].is_on = self.start_on[m]
        self.unit[m].key = self.start_key[m]
        self.unit[m].refused = -1
        self.unit[m].waits_for_task = 0
        self.unit[m].next_under_way = self.unit[m].under_way_first
        self.unit[m].worked = 0
        self.unit[m].lots_ended = 0
        self.unit[m].failed_mode = -1
        self.unit[m].present_task = -1
        self.unit[m].overlay_crew = -1
        self.unit[m].base_crew = -1
        self.unit[m].follower = FOLLOWER_NONE
        self.unit[m].logged_state = -1
        self.unit[m].next_shift = i
        self.unit[m].is_open = 0
        if i < self.shift_first[m + 1] and self.shift_start[i] <= 0:
            self.unit[m].is_open = 1
        if i < self.shift_first[m + 1] and self.unit[m].shift_slot >= 0:
            if self.unit[m].is_open:
                self.set_timer(self.unit[m].shift_slot, self.shift_end[i])
            else:
                self.set_timer(self.unit[m].shift_slot, self.shift_start[i])
        if self.start_unavailable[m] > 0:
            self.unit[m].overlay = REPAIR
            self.set_timer(self.overlay_slot[m], self.start_unavailable[m])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_mode(self, f: i64) -> cython.void:
        """A life at the age of the shop state; for a degradation the age is its level."""
        self.mode_lives[f] = 0
        self.mode_repairs[f] = 0
        self.mode_steps[f] = 0
        self.mode_level[f] = 0.0
        self.mode_worn[f] = 0
        self.draw_life(f, self.mode_age[f])
        if self.mode_kind[f] == WEAR_GAMMA or self.mode_kind[f] == WEAR_WIENER:
            self.mode_level[f] = self.mode_age[f]
            if self.mode_level[f] >= self.mode_limit[f]:
                self.mode_worn[f] = 1
                self.mode_left[f] = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_causes_and_sources(self) -> cython.void:
        i: i64
        for i in range(len(self.cause_law)):
            self.cause_events[i] = 0
            self.time_cause(i)
        for i in range(self.sources):
            self.source_parts[i] = 0
            if self.source_law[i] < 0:
                self.set_timer(self.source_slot[i], self.source_start[i])
            else:
                self.time_part(i, self.source_start[i])

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def place_jobs(self) -> cython.void:
        """Orders of the shop state come to wait, or are under way on a unit."""
        i: i64
        order: i64
        serial: i64
        j: i64
        under_way: i64
        for i in range(len(self.placed_order)):
            order = self.placed_order[i]
            under_way = self.placed_under_way[i]
            for serial in range(self.order_first_job[order + 1] - self.order_first_job[order]):
                j = self.job_of_order(order, serial)
                if j < 0:
                    return
                self.job[j].stage += self.placed_step[i]
                if serial == 0 and under_way >= 0:
                    self.resumed[under_way] = j
                    self.visit_again(j)
                    self.drop_item(j, self.placed_unit[i])
                else:
                    if self.placed_step[i] > 0:
                        self.give_place(self.stage[self.job[j].stage].operation, j)
                    self.come_to_wait(j)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def visit_again(self, j: i64) -> cython.void:
        """A job under way has come to its step before the horizon."""
        if self.visits_width:
            self.job_visits[j * self.visits_width + self.stage[self.job[j].stage].step] = 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def drop_item(self, j: i64, m: i64) -> cython.void:
        """What is under way on a unit is no longer to be begun there as planned."""
        stage: i64 = self.job[j].stage
        item: i64
        if self.has_schedule == 0:
            return
        self.leg_planned[self.leg_first[self.job[j].origin] + self.stage[stage].step] = -1
        for item in range(self.item_first[m], self.item_first[m + 1]):
            if (
                self.item_order[item] == self.job[j].origin
                and self.item_operation[item] == self.stage[stage].operation
            ):
                self.item_begun[item] = 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def clear_totals(self) -> cython.void:
        i: i64
        for i in range(self.units):
            self.unit[i].logged_since = 0
            self.unit[i].logged_price = 0.0
            self.unit[i].logged_carbon = 0.0
        for i in range(self.crews):
            self.busy_since[i] = 0
            self.busy[i] = 0
        for i in range(self.transports):
            self.driving_since[i] = 0
            self.driving[i] = 0
        for i in range(self.operations):
            self.queue[i].places_since = 0
        for i in range(self.products):
            self.inside[i] = 0
            self.inside_since[i] = 0
        for i in range(self.stocks):
            self.stock_since[i] = 0
            self.on_hand[i] = 0
        for i in range(self.orders):
            self.order_complete[i] = -1
            self.order_good[i] = 0
            self.order_scrap[i] = 0
        for i in range(len(self.series)):
            self.series[i] = 0
        for i in range(self.units):
            self.unit[i].logged_state = -1
        self.count_from(0)
        self.is_counting = 0 if self.warm_up > 0 else 1
