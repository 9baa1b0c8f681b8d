"""When work orders are released: the law of the time between them, and on whose clock it runs.

Orders released in the same minute are one arrival. The clock is the wall's, or that of a shift
calendar which stands still while it is closed: the one under which the arrivals are likeliest. Both
count in minutes, so their likelihoods compare; a calendar that is closed at some of the arrivals is
not theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from twin.calibration.activity import Activity, minutes_since
from twin.calibration.calendars import discover_calendar
from twin.calibration.estimates import ParameterEstimate
from twin.calibration.failures import as_law
from twin.calibration.goodness import fit_p_value
from twin.calibration.law_choice import candidates_of, fits_of, held_out, preferred
from twin.calibration.life_laws import LawName
from twin.calibration.lifetimes import Fit, Lives, mean_interval
from twin.model.horizon import Array, Horizon
from twin.model.plant import Plant
from twin.model.shifts import WEEKDAYS, Calendar, OpenTime

LEAST_RELEASES = 10
"""With fewer arrivals nothing is said of what lies between."""
ALL = "*"
SAME = 1.0
"""Releases closer than this are one arrival [min]."""
CLOSED_AT_MOST = 0.02
"""Share of the arrivals outside of a calendar that may still be its own."""
FOUND_COST = 10.0
"""Log likelihood by which a calendar read off the arrivals themselves must do better."""
REGULAR = 0.01
"""A coefficient of variation below this is none: the time between is constant."""
RARE = 0.03
"""Share of the arrivals below which a weekday, or three hours, are not worth a word."""
LEAST_FOR_HOURS = 100
"""Arrivals from which their hours and weekdays are told."""
ELAPSED = "the clock on the wall"


@dataclass(frozen=True)
class ReleasePattern:
    """Arrivals of orders of one product, or of all."""

    key: str
    """Product, or ``*``."""
    arrivals: Array
    """(N,) instants [min since the log's begin]."""
    orders: Array
    """(N,) orders that arrive together."""
    pieces: Array
    """(N,) pieces of all of them."""
    by_weekday: Array
    """(7,) share of the arrivals, Monday first."""
    by_hour: Array
    """(24,) share of the arrivals, by the clock on the wall."""


def release_estimates(activity: Activity) -> Iterator[ParameterEstimate]:
    """Time between arrivals, of all orders together and of each product."""
    patterns = release_patterns(activity)
    if not patterns:
        return
    clocks = _clocks(activity, patterns[0])
    for pattern in patterns:
        if len(pattern.arrivals) >= LEAST_RELEASES:
            yield _estimate(activity, pattern, clocks)


def release_patterns(activity: Activity) -> list[ReleasePattern]:
    """Arrivals of all orders, then of each product in the order of the plant."""
    rows = activity.log.of_kind("release")
    rows = rows[rows["order"] != ""].drop_duplicates("order", keep="first")
    if not len(rows):
        return []
    seen = set(rows["product"])
    products = [p.id for p in activity.plant.products if p.id in seen]
    found = [_pattern(activity, ALL, rows)]
    return found + [_pattern(activity, p, rows[rows["product"] == p]) for p in products]


def _pattern(activity: Activity, key: str, rows: pd.DataFrame) -> ReleasePattern:
    minutes = minutes_since(activity.begin, rows["time"])
    order = np.argsort(minutes, kind="stable")
    minutes, pieces = minutes[order], rows["quantity"].fillna(0.0).to_numpy(float)[order]
    first = np.append(True, np.diff(minutes) >= SAME)
    group = np.cumsum(first) - 1
    local = rows["time"].iloc[order][first].dt.tz_convert(activity.plant.timezone)
    arrivals = minutes[first]
    return ReleasePattern(
        key, arrivals, np.bincount(group).astype(float),
        np.bincount(group, pieces).astype(float),
        np.bincount(local.dt.day_of_week, minlength=7) / len(arrivals),
        np.bincount(local.dt.hour, minlength=24) / len(arrivals),
    )  # fmt: skip


def _clocks(activity: Activity, every: ReleasePattern) -> dict[str, OpenTime | None]:
    """The clocks to try: none but the wall's, the plant's calendars, and one read off."""
    slots = max(int(np.ceil(activity.minutes / 15)), 1)
    horizon = Horizon(activity.begin, slots * 15, activity.plant.timezone)
    calendars = {f"calendar {c.id}": c for c in activity.plant.calendars}
    if len(every.arrivals) >= LEAST_RELEASES:
        calendars["a calendar found in the releases"] = _found(activity, every)
    return {ELAPSED: None, **{name: c.open_time(horizon) for name, c in calendars.items()}}


def _found(activity: Activity, every: ReleasePattern) -> Calendar:
    instants = [activity.begin + timedelta(minutes=float(m)) for m in every.arrivals]
    stays: list[tuple[datetime, datetime]] = [(t, t + timedelta(minutes=1)) for t in instants]
    return discover_calendar(stays, activity.plant.timezone, id="releases").calendar


def _estimate(
    activity: Activity, pattern: ReleasePattern, clocks: dict[str, OpenTime | None]
) -> ParameterEstimate:
    best = max(
        (_on_clock(activity, pattern, name, open_time) for name, open_time in clocks.items()),
        key=lambda found: found.worth,
    )
    note = "; ".join([f"on {best.name}", *_remarks(pattern)])
    nominal = _nominal(activity.plant, pattern.key)
    if best.fit is None:
        return ParameterEstimate(
            "interarrival", "", pattern.key, best.mean, best.mean, best.mean, "min",
            len(best.gaps.ages) - 1, law="constant", parameters={"value": best.mean},
            fit="always the same", nominal=nominal, note=note,
        )  # fmt: skip
    low, high = mean_interval(best.gaps, best.fit)
    p_value = fit_p_value(best.gaps, best.fit)
    return ParameterEstimate(
        "interarrival", "", pattern.key, best.fit.mean, low, high, "min",
        int(best.gaps.failures), n_censored=int(best.gaps.censored), law=best.fit.law,
        parameters=best.fit.parameters, fit="smooth test of the hazard", nominal=nominal, note=note,
        candidates=candidates_of(best.gaps, best.fits, best.fit.law), p_value=p_value,
    )  # fmt: skip


@dataclass(frozen=True)
class _OnClock:
    """Gaps between arrivals on one clock, and the law that suits them."""

    name: str
    gaps: Lives
    mean: float
    fit: Fit | None
    """None where all gaps are the same."""
    fits: dict[LawName, Fit]
    worth: float
    """Log likelihood, less what a found calendar costs; −∞ where arrivals lie outside."""


def _on_clock(
    activity: Activity, pattern: ReleasePattern, name: str, open_time: OpenTime | None
) -> _OnClock:
    instants = np.append(pattern.arrivals, activity.minutes)
    outside = 0.0
    if open_time is not None:
        outside = float(np.mean([not open_time.is_open(float(t)) for t in pattern.arrivals]))
        instants = open_time.minutes_before(instants)
    gaps = np.diff(instants)
    whole, last = gaps[:-1][gaps[:-1] > 0], gaps[-1]
    lives = Lives.of(whole.tolist(), [float(last)] if last > 0 else [])
    mean = float(whole.mean()) if len(whole) else 0.0
    if outside > CLOSED_AT_MOST or len(whole) < LEAST_RELEASES - 1:
        return _OnClock(name, lives, mean, None, {}, -np.inf)
    if float(whole.std()) < REGULAR * mean:
        return _OnClock(name, lives, mean, None, {}, np.inf if open_time is None else 0.0)
    fits = fits_of(lives)
    scores: dict[str, float | None] = {law: held_out(lives, fit) for law, fit in fits.items()}
    fit = fits[preferred(fits, "exponential", scores)]
    cost = FOUND_COST if "found" in name else 0.0
    return _OnClock(name, lives, mean, fit, fits, fit.loglik - cost)


def _remarks(pattern: ReleasePattern) -> Iterator[str]:
    """How many come together, how large they are, and when."""
    if float(pattern.orders.max()) > 1:
        yield (
            f"{pattern.orders.mean():.2f} orders at a time, "
            f"{pattern.orders.min():.0f} to {pattern.orders.max():.0f}"
        )
    if float(pattern.pieces.max()) > 0:
        yield f"{pattern.pieces.sum() / pattern.orders.sum():.4g} pieces an order"
    if len(pattern.arrivals) < LEAST_FOR_HOURS:
        return
    days = [name for name, share in zip(WEEKDAYS, pattern.by_weekday, strict=True) if share > RARE]
    if len(days) < 7:
        yield f"on {', '.join(days)}"
    hours = np.flatnonzero(pattern.by_hour > RARE / 3)
    if hours[-1] - hours[0] < 23:
        yield f"from {hours[0]} to {hours[-1] + 1} h"


def _nominal(plant: Plant, key: str) -> float | None:
    """Mean time between the parts of the product's only source."""
    sources = [s for s in plant.sources if s.product == key and s.time_between is not None]
    return sources[0].time_between.mean if len(sources) == 1 and sources[0].time_between else None


def with_releases(plant: Plant, estimates: Sequence[ParameterEstimate]) -> Plant:
    """The plant with the time between arrivals put into the only source of each product.

    A source knows no shifts: what was found on the clock of a calendar is not put in.
    """
    found = {
        e.key: e
        for e in estimates
        if e.quantity == "interarrival" and e.note.startswith(f"on {ELAPSED}")
    }
    count = {key: sum(s.product == key for s in plant.sources) for key in found}
    sources = [
        s.model_copy(update={"time_between": as_law(found[s.product])})
        if count.get(s.product) == 1 and s.time_between is not None
        else s
        for s in plant.sources
    ]
    return plant.model_copy(update={"sources": sources})
