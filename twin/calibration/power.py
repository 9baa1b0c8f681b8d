"""Power by machine state from meter readings: least squares with no negative power.

Between two readings a unit spends h_s hours in state s and draws Σ_s P_s h_s [kWh]. The nominal
power stands by as a weak prior (a deviation of :data:`PRIOR_SPREAD` of the unit's highest power),
which decides only what the readings cannot: states that always come together, states hardly
visited.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from twin.calibration.activity import Activity, UnitActivity, minutes_since
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.robust import median_deviation
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
LEAST_READINGS = 20
"""With fewer nothing is learnt from a meter."""
PRIOR_SPREAD = 0.5
STRAY = 0.3
LONGEST_INTERVAL = 1.5
"""Readings further apart than this times the usual are left out: some between them may be
missing."""


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
    """Power by state of one unit from readings at (N,) minutes of (N,) kWh since the last."""
    hours, kwh = hours_by_field(states, minutes, kwh)
    seen = [i for i, total in enumerate(hours.sum(axis=0)) if total * 60 >= LEAST_MINUTES]
    if len(kwh) < LEAST_READINGS or not seen:
        return
    fields = list(FIELDS)
    nominal = np.array([unit.power_kw.of(FIELDS[f][0]) for f in fields])
    # States hardly seen draw what the plant says; the others explain what is left.
    rest = np.delete(np.arange(len(fields)), seen)
    left = kwh - hours[:, rest] @ nominal[rest]
    kw, error, kept = fit_power(hours[:, seen], left, nominal[seen])
    explained = explained_share(hours[kept][:, seen], left[kept], kw)
    dropped = len(kwh) - int(kept.sum())
    stray = f"{dropped} stray readings left out" if dropped else ""
    for value, e, i in zip(kw, error, seen, strict=True):
        reach = float(stats.norm.ppf(0.975)) * float(e)
        doubt = (
            "the readings hardly tell it from other states"
            if e > 0.2 * max(nominal[i], 1e-9)
            else ""
        )
        yield ParameterEstimate(
            "power_kw", unit.id, fields[i], float(value), max(float(value) - reach, 0.0),
            float(value) + reach, "kW", int((hours[:, i] > 0).sum()), fit=f"R² {explained:.3f}",
            nominal=float(nominal[i]),
            note="; ".join(filter(None, [doubt, stray])),
        )  # fmt: skip


def hours_by_field(states: UnitActivity, minutes: Array, kwh: Array) -> tuple[Array, Array]:
    """(N', S) hours in each field's states between readings, and (N',) kWh of these intervals.

    The first reading is left out: nobody knows since when it counts.
    """
    begin, end = minutes[:-1], minutes[1:]
    length = end - begin
    usual = np.median(length) if len(length) else 0.0
    is_whole = (length > 0) & (length <= LONGEST_INTERVAL * usual) & (begin >= states.starts[0])
    is_whole &= np.isfinite(kwh[1:])
    begin, end = begin[is_whole], end[is_whole]
    hours = np.column_stack([states.minutes_in(s, begin, end) / 60 for s in FIELDS.values()])
    return hours, kwh[1:][is_whole]


def fit_power(hours: Array, kwh: Array, nominal: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Power (S,) [kW], its standard error, and a mask of the (N,) readings kept.

    Two rounds: readings that a first, robust round misses by :data:`STRAY` of what the unit can
    draw are left out of the second (the meter jumped, or the log missed a state). Meters err in
    proportion to what they read, so the errors are White's (1980, Econometrica 48), which allow
    for that.
    """
    spread = PRIOR_SPREAD * max(float(nominal.max()), 1.0)
    first = least_absolute(hours, kwh)
    residual = kwh - hours @ first
    noise = median_deviation(residual)
    kept = np.abs(residual) <= np.maximum(6 * noise, STRAY * first.max() * hours.sum(axis=1))
    x, y = hours[kept], kwh[kept]
    sigma = max(float(residual[kept].std()), 1e-6 * spread)
    prior = (sigma / spread) * np.eye(len(nominal))
    kw = optimize.nnls(np.vstack([x, prior]), np.append(y, prior @ nominal))[0]
    bread = np.linalg.inv(x.T @ x + prior @ prior)
    weighted = x * (y - x @ kw)[:, None]
    covariance = bread @ (weighted.T @ weighted + sigma**2 * prior @ prior) @ bread
    return kw, np.sqrt(np.diag(covariance)), kept


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
