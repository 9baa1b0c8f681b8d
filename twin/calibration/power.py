"""Power by machine state from meter readings: least squares with no negative power.

Between two readings a unit spends h_s hours in state s and draws Σ_s P_s h_s [kWh]. The nominal
power stands by as a weak prior (a deviation of :data:`PRIOR_SPREAD` of the unit's highest power),
which decides only what the readings cannot: states that always come together, states hardly
visited. Readings weigh by what they scatter, for meters err in proportion to what they read.

The meter's clock may be late: it is shifted against the states to where both agree best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from twin.calibration.activity import Activity, UnitActivity, minutes_since
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.meters import LEAST_READINGS as LEAST_READINGS
from twin.calibration.meters import Readings, read_meter
from twin.calibration.power_errors import Rounding, power_errors
from twin.calibration.robust import median_deviation
from twin.calibration.rounded import fit_rounded
from twin.model.horizon import Array
from twin.model.plant import PowerByState, State, WorkUnit

FIELDS: dict[str, tuple[State, ...]] = {
    "off": ("off",), "standby": ("standby",), "startup": ("startup",), "setup": ("setup",),
    "working": ("working",), "blocked": ("blocked",), "down": ("down", "repair"),
    "maintenance": ("maintenance",),
}  # fmt: skip
"""States that draw like each field of :class:`~twin.model.plant.PowerByState`."""
LEAST_MINUTES = 60.0
"""A state seen for less keeps its nominal power."""
PRIOR_SPREAD = 0.5
STRAY = 0.3
FLOOR = 1e-3
"""Least deviation of a reading, over the largest one: keeps the weights finite."""
LONGEST_LAG = 30.0
"""A meter's clock is looked for within so many minutes of the states' clock."""
LAG_GAIN = 20.0
"""Twice the log likelihood by which a shift of the meter's clock must fit better."""
LEAST_LAG = 0.1
"""A shift by less [min] is none."""
NORMAL = float(stats.norm.ppf(0.975))
TOGETHER = 0.9
"""States whose estimates lean against each other by this correlation are named."""


@dataclass(frozen=True)
class PowerFit:
    """Power of (S,) states and how surely it is known."""

    kw: Array
    low: Array
    high: Array
    """95 % interval."""
    correlation: Array
    """(S, S) of the errors."""
    kept: NDArray[np.bool_]
    """(N,) readings that were not stray."""
    lag_left: float = 0.0
    """By which the meter seems later still [min], where that was asked."""


def power_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Power of every state of every metered unit."""
    meters = activity.log.of_kind("meter")
    by_unit = dict(iter(meters.groupby("work_unit", sort=False)))
    for unit in activity.plant.work_units:
        states, rows = activity.units.get(unit.id), by_unit.get(unit.id)
        if states is None or rows is None:
            continue
        minutes = minutes_since(activity.begin, rows["time"])
        yield from estimate_power(unit, states, minutes, rows["quantity"].to_numpy(float))


def estimate_power(
    unit: WorkUnit, states: UnitActivity, minutes: Array, kwh: Array
) -> Iterator[ParameterEstimate]:
    """Power by state of one unit from its meter's (N,) readings at (N,) minutes."""
    readings = read_meter(minutes, kwh)
    if len(readings) < LEAST_READINGS or not len(states):
        return
    lag = meter_lag(states, readings)
    hours, readings = hours_of(states, readings, lag)
    seen = np.flatnonzero(hours.sum(axis=0) * 60 >= LEAST_MINUTES)
    if len(readings) < LEAST_READINGS or not len(seen):
        return
    fields = list(FIELDS)
    nominal = np.array([unit.power_kw.of(FIELDS[f][0]) for f in fields])
    # States hardly seen draw what the plant says; the others explain what is left.
    rest = np.delete(np.arange(len(fields)), seen)
    left = readings.kwh - hours[:, rest] @ nominal[rest]
    step = 0.0 if readings.is_counter else readings.step
    slope = hours_slope(states, readings, lag)[:, seen] if lag else None
    found = fit_power(hours[:, seen], left, nominal[seen], step, slope)
    if lag:  # the weighted fit knows the lag better than the search did
        lag += found.lag_left
        hours = hours_between(states, readings, lag)
        left = readings.kwh - hours[:, rest] @ nominal[rest]
        found = fit_power(hours[:, seen], left, nominal[seen], step, slope)
    r2 = explained_share(hours[found.kept][:, seen], left[found.kept], found.kw)
    about_meter = [*readings.notes()]
    if lag:
        about_meter.append(
            f"the meter's clock is {abs(lag):.1f} min {'late' if lag > 0 else 'early'}"
        )
    if dropped := len(readings) - int(found.kept.sum()):
        about_meter.append(f"{dropped} stray readings left out")
    for n, i in enumerate(seen):
        doubts = _doubts(found, n, [fields[j] for j in seen], float(nominal[i]))
        yield ParameterEstimate(
            "power_kw", unit.id, fields[i], float(found.kw[n]), float(found.low[n]),
            float(found.high[n]), "kW", int((hours[:, i] > 0).sum()), fit=f"R² {r2:.3f}",
            nominal=float(nominal[i]), note="; ".join([*doubts, *about_meter]),
        )  # fmt: skip


def _doubts(found: PowerFit, n: int, names: list[str], nominal: float) -> Iterator[str]:
    """Why a state's power is not known well, if it is not."""
    reach = float(found.high[n] - found.low[n]) / 4
    if reach <= 0.2 * max(nominal, float(found.kw[n]), 1e-9):
        return
    partner = int(np.argmin(found.correlation[n]))
    if found.correlation[n, partner] < -TOGETHER:
        yield f"the readings hardly tell it from {names[partner]}, which comes together with it"
    else:
        yield "the readings hardly tell it from other states"


def hours_by_field(states: UnitActivity, minutes: Array, kwh: Array) -> tuple[Array, Array]:
    """(N', S) hours in each field's states between readings, and (N',) kWh of these intervals."""
    hours, readings = hours_of(states, read_meter(minutes, kwh))
    return hours, readings.kwh


def hours_of(states: UnitActivity, readings: Readings, lag: float = 0.0) -> tuple[Array, Readings]:
    """(N', S) hours in each field's states, and the intervals they belong to.

    Parameters
    ----------
    lag
        The meter's clock is so many minutes late: what it stamps t happened at t − lag.
    """
    inside = readings.begin - lag >= states.starts[0]
    inside &= readings.end - lag <= states.ends[-1]
    readings = readings.only(inside)
    return hours_between(states, readings, lag), readings


def hours_between(states: UnitActivity, readings: Readings, lag: float) -> Array:
    """(N, S) hours in each field's states during the intervals of a meter late by so much."""
    begin, end = readings.begin - lag, readings.end - lag
    return np.column_stack([states.minutes_in(s, begin, end) / 60 for s in FIELDS.values()])


def hours_slope(states: UnitActivity, readings: Readings, lag: float) -> Array:
    """(N, S) change of the hours in each field's states with every minute of lag."""
    return hours_between(states, readings, lag + 0.5) - hours_between(states, readings, lag - 0.5)


def meter_lag(states: UnitActivity, readings: Readings) -> float:
    """Minutes by which the meter's clock is behind the states'; 0 unless the fit says otherwise.

    Shifts are tried three minutes apart, then finer around the best. All are judged on the same
    readings: those that lie inside the states' time under every shift.
    """
    inside = (readings.begin - LONGEST_LAG >= states.starts[0]) & (
        readings.end + LONGEST_LAG <= states.ends[-1]
    )
    readings = readings.only(inside)
    if len(readings) < LEAST_READINGS:
        return 0.0
    top = float(np.quantile(readings.kwh, 0.99))
    if top <= 0:
        return 0.0  # a meter that stands still tells no time
    readings = readings.only(readings.kwh <= 2 * top)
    spent = _SpentHours(states)

    def misfit(lag: float) -> float:
        hours = spent.between(readings.begin - lag, readings.end - lag)
        kw = _least_squares(hours.T @ hours, hours.T @ readings.kwh)
        missed = np.minimum(np.abs(readings.kwh - hours @ kw), top / 2)
        return float((missed**2).mean()) + (FLOOR * top) ** 2

    tried = np.arange(-LONGEST_LAG, LONGEST_LAG + 1, 3.0)
    best = float(tried[np.argmin([misfit(lag) for lag in tried])])
    near = optimize.minimize_scalar(misfit, bounds=(best - 3, best + 3), options={"xatol": 0.02})
    gain = len(readings) * np.log(misfit(0.0) / near.fun)
    return float(near.x) if gain > LAG_GAIN and abs(near.x) >= LEAST_LAG else 0.0


class _SpentHours:
    """Hours spent in each field's states before any instant."""

    def __init__(self, states: UnitActivity) -> None:
        self.knots = np.append(states.starts, states.ends[-1])
        length = (states.ends - states.starts) / 60
        self.spent = [
            np.append(0.0, np.cumsum(np.where(states.states.isin(names), length, 0.0)))
            for names in FIELDS.values()
            if states.states.isin(names).any()
        ]

    def between(self, begin: Array, end: Array) -> Array:
        return np.column_stack(
            [np.interp(end, self.knots, s) - np.interp(begin, self.knots, s) for s in self.spent]
        )


def fit_power(
    hours: Array, kwh: Array, nominal: Array, step: float = 0.0, slope: Array | None = None
) -> PowerFit:
    """Power of the (S,) states whose (N, S) hours explain the (N,) readings.

    Readings that a first, robust round misses by :data:`STRAY` of what the unit can draw are left
    out of the others (the meter jumped, or the log missed a state). The second and third rounds
    weigh each reading by its scatter, which has a constant and a proportional part.

    Parameters
    ----------
    step
        Step to which each reading was rounded [kWh]; 0 for none, or where the next reading makes
        good what one has lost, as with a counter.
    slope
        (N, S) by which the hours change with each minute of the meter's lag, where that was fitted
        too: its error is then part of the interval.
    """
    spread = PRIOR_SPREAD * max(float(nominal.max()), 1.0)
    kw = least_absolute(hours, kwh)
    residual = kwh - hours @ kw
    noise = median_deviation(residual)
    limit = np.maximum(6 * noise, STRAY * kw.max() * hours.sum(axis=1)) + step / 2
    kept: NDArray[np.bool_] = np.abs(residual) <= limit
    x, y = hours[kept], kwh[kept]
    if step:
        likely = fit_rounded(x, y, step, kw, nominal, spread)
        kw, scatter, energy = likely.kw, likely.scatter, likely.kwh
        rounding = Rounding(y / step, x @ kw / step, step / scatter)
    else:
        scatter, energy, rounding = _scatter(x @ kw, y), y, None
        kw = _weighted(x, y, scatter, nominal, spread)
        scatter = _scatter(x @ kw, y)
        kw = _weighted(x, y, scatter, nominal, spread)
    spreads = np.full(len(kw), spread)
    if slope is not None:
        x = np.column_stack([x, slope[kept] @ kw])
        nominal, spreads = np.append(nominal, 0.0), np.append(spreads, LONGEST_LAG)
    errors = power_errors(x / scatter[:, None], energy / scatter, nominal, spreads, rounding)
    centre, reach = errors.centre[: len(kw)], errors.reach[: len(kw)]
    if step:
        centre, reach = kw, np.minimum(reach, NORMAL * likely.error)
    low = np.minimum(np.maximum(centre - reach, 0.0), kw)
    high = np.maximum(centre + reach, kw)
    lag_left = 0.0 if slope is None else float(errors.centre[-1])
    return PowerFit(kw, low, high, errors.correlation, kept, lag_left)


def _weighted(x: Array, y: Array, scatter: Array, nominal: Array, spread: float) -> Array:
    """Power from readings (N,) that scatter by so much each, and a normal prior."""
    weighted, precision = x / scatter[:, None], 1 / spread**2
    gram = weighted.T @ weighted + precision * np.eye(len(nominal))
    return _least_squares(gram, weighted.T @ (y / scatter) + precision * nominal)


def _least_squares(gram: Array, moment: Array) -> Array:
    """The x ≥ 0 that minimises x'Gx/2 − m'x; directions of no weight are left at rest."""
    ridge = 1e-10 * max(float(np.trace(gram)), 1e-12)
    root = np.linalg.cholesky(gram + ridge * np.eye(len(gram)))
    found: Array = optimize.nnls(root.T, np.linalg.solve(root, moment))[0]
    return found


def _scatter(expected: Array, kwh: Array) -> Array:
    """(N,) standard deviation of each reading: √(a + b · expected²), a and b by least squares."""
    square = (kwh - expected) ** 2
    top = max(float(np.abs(kwh).max()), 1e-9)
    terms = np.column_stack([np.ones(len(kwh)), (expected / top) ** 2])
    constant, proportional = optimize.nnls(terms, square)[0]
    constant = max(constant, (FLOOR * top) ** 2)
    found: Array = np.sqrt(constant + proportional * (expected / top) ** 2)
    return found


def least_absolute(hours: Array, kwh: Array) -> Array:
    """Power (S,) that misses the readings by the least sum of absolute errors, by reweighting."""
    weight = np.ones(len(kwh))
    least = 1e-4 * max(float(np.abs(kwh).max()), 1e-9)
    for _ in range(12):
        kw: Array = optimize.nnls(hours * weight[:, None], kwh * weight)[0]
        weight = 1 / np.sqrt(np.maximum(np.abs(kwh - hours @ kw), least))
    return kw


def explained_share(hours: Array, kwh: Array, kw: Array) -> float:
    """R²: share of the variance of the readings that the states explain."""
    total = float(((kwh - kwh.mean()) ** 2).sum())
    return 1 - float(((kwh - hours @ kw) ** 2).sum()) / total if total > 0 else 1.0


def with_power(unit: WorkUnit, estimates: list[ParameterEstimate]) -> WorkUnit:
    """The unit with its power by state put in."""
    found = {e.key: e.value for e in estimates if e.quantity == "power_kw"}
    if not found:
        return unit
    nominal = {f: unit.power_kw.of(FIELDS[f][0]) for f in FIELDS}
    return unit.model_copy(update={"power_kw": PowerByState(**{**nominal, **found})})
