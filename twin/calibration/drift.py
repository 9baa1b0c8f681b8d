"""Drift of cycle times, seen within a few lots: cumulative sums for each operation of a work unit.

Every lot is compared with the calibration in force: z is the normal quantile of the place that the
lot's time has in its calibrated law, so that lots of all products and laws form one series. Two
sums gather evidence, S⁺ ← max(0, S⁺ + z − k) and S⁻ ← max(0, S⁻ − z − k); where one passes h an
alarm is raised and both begin anew (Page 1954, Biometrika 41). With k = 0.4 and h = 7 there are
about 1,080 lots between false alarms, and a shift of one standard deviation is found after 11 lots
on average and within 20 in 94 of 100 cases (simulated). The usual k = 0.5 is as quick on average,
but finds 92 of 100 within 20; and the usual h = 5 has 480 lots between false alarms when both
directions are watched.

Two things would raise alarms where nothing drifts. The median of a product with few lots is itself
uncertain, by the same error in all its lots: so the series starts itself (Hawkins 1987, The
Statistician 36), see :func:`self_started`. And a lot more than :data:`STRAY` deviations off hides a
stop and says nothing of the pace: such lots have a sum of their own, which asks whether they have
become :data:`TIMES_AS_OFTEN` times as frequent (Wald's likelihood ratio for each lot).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from twin.calibration.activity import Activity
from twin.calibration.cycle_times import measured, with_rounding
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.calibration.time_laws import LAWS, Theta
from twin.calibration.transits import without_transit
from twin.model.horizon import Array
from twin.model.plant import Processing, Product

K = 0.4
"""Deviation that is taken for none [standard deviations]."""
H = 7.0
STRAY = 4.0
USUAL_STRAYS = 0.03
"""Share of stray lots assumed at least."""
TIMES_AS_OFTEN = 4.0
"""Odds of a stray lot against the usual ones, for an alarm."""
H_STRAYS = 7.5
"""About 30,000 lots between false alarms (simulated)."""
MOST = 0.8
"""Share of lots stray to one side that is a change of pace, and not of stops."""
LEAST_CV = 0.005
"""Spread of a time assumed at least: some controllers report the same time for every lot."""
SAME_WITHIN = 25
"""Lots between two alarms of one drift that lasts."""

Direction = Literal["slower", "faster", "stops"]


@dataclass(frozen=True)
class Alarm:
    """Where in a series something had changed."""

    direction: Direction
    first: int
    """The lot from which the evidence gathered: the likeliest one that the change began with."""
    last: int
    """The lot at which the alarm was raised."""


@dataclass(frozen=True)
class Drift:
    """A work unit whose cycle times are no longer what the calibration says."""

    work_unit: str
    operation: str
    direction: Direction
    since: datetime
    """When the evidence began."""
    raised: datetime
    """When it was enough."""
    lots: int
    """Between the two, and where the drift lasted, until its last alarm."""
    ratio: float
    """Mean time of these lots over the calibrated one; without stray lots for slower, faster."""
    alarms: int = 1

    @property
    def place(self) -> tuple[str, str]:
        return self.work_unit, self.operation

    @property
    def is_lasting(self) -> bool:
        """Whether a second alarm has followed the first at once; by chance that is rare."""
        return self.alarms > 1

    def __str__(self) -> str:
        if self.direction == "stops":
            what = f"many of {self.lots} lots hide stops ({self.ratio - 1:+.0%} of working time)"
        else:
            what = f"{self.lots} lots took {self.ratio - 1:+.1%} against the calibrated time"
        lasting = f", {self.alarms} alarms in a row" if self.is_lasting else ""
        return (
            f"{self.work_unit}, {self.operation}: {self.direction}; {what}, since "
            f"{self.since:%Y-%m-%d %H:%M}, raised {self.raised:%Y-%m-%d %H:%M} UTC{lasting}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        return asdict(self) | {"since": self.since.isoformat(), "raised": self.raised.isoformat()}

    @staticmethod
    def from_dict(content: dict[str, Any]) -> Drift:
        """Inverse of :meth:`to_dict`."""
        instants = {name: datetime.fromisoformat(content[name]) for name in ("since", "raised")}
        return Drift(**content | instants)


@dataclass(frozen=True)
class Series:
    """Lots of one operation of a work unit against the calibration in force, as they ended."""

    z: Array
    """(N,) standardised deviations; positive where a lot took long."""
    ratio: Array
    """(N,) time over the calibrated mean."""
    starts: Array
    ends: Array
    """(N,) [min] of the log."""
    usual_strays: float


Place = tuple[str, str]
"""A work unit and one of its operations."""


def drifts(
    activity: Activity,
    calibration: Calibration,
    since: datetime,
    changes: Mapping[Place, datetime] = MappingProxyType({}),
) -> list[Drift]:
    """What has drifted since an instant, the latest alarm first.

    Parameters
    ----------
    since
        Lots that started before are not looked at: usually the end of the calibration's log.
    changes
        Later instants for some operations: changes that the calibration knows of.
    """
    found = [
        drift
        for unit in activity.plant.work_units
        for row in unit.processing
        for drift in _of_row(
            activity, calibration, unit.id, row,
            max(since, changes.get((unit.id, row.operation), since)),
        )
    ]  # fmt: skip
    return sorted(found, key=lambda d: (d.raised, d.work_unit, d.operation), reverse=True)


def series(
    activity: Activity, calibration: Calibration, unit: str, row: Processing, since: datetime
) -> Series:
    """The lots that started from an instant on and whose key has a calibrated law."""
    products = {p.id: p for p in activity.plant.products}
    lots = _plain_lots(activity, calibration, unit, row, products)
    lots = lots[lots["start"] >= (since - activity.begin).total_seconds() / 60]
    lots = lots.sort_values(["end", "start"], kind="stable")
    z, ratio = np.full(len(lots), np.nan), np.full(len(lots), np.nan)
    times = (lots["working"] / lots["amount"]).to_numpy(float)
    widths = (lots["width"] / lots["amount"]).to_numpy(float)
    keys = lots["key"].to_numpy(str)
    for key in np.unique(keys):
        estimate = calibration.find("processing_time", unit, f"{row.operation}/{key}")
        if estimate is None or estimate.law not in LAWS or estimate.n < 2:
            continue
        mine = keys == key
        z[mine] = self_started(_places(times[mine], widths[mine], estimate), estimate.n)
        ratio[mine] = times[mine] / estimate.value
    known = np.isfinite(z)
    stop = calibration.find("micro_stop", unit, row.operation)
    return Series(
        z[known], ratio[known], lots["start"].to_numpy(float)[known],
        lots["end"].to_numpy(float)[known], max(USUAL_STRAYS, stop.value if stop else 0.0),
    )  # fmt: skip


def cusum(z: Array, usual_strays: float = USUAL_STRAYS) -> Iterator[Alarm]:
    """Alarms in (N,) standardised deviations, in their order.

    >>> [(a.direction, a.first, a.last) for a in cusum(np.array([0.0] * 5 + [2.0] * 5))]
    [('slower', 5, 9)]
    """
    above, below, strays = _Sum(H), _Sum(H), _Sum(H_STRAYS)
    often, seldom = stray_evidence(usual_strays)
    for i, value in enumerate(z.tolist()):
        is_stray = abs(value) > STRAY
        strays.add(often if is_stray else seldom, i)
        if not is_stray:
            above.add(value - K, i)
            below.add(-value - K, i)
        raised = next((s for s in (above, below, strays) if s.is_over), None)
        if raised is not None:
            direction: Direction = "slower" if raised is above else "faster"
            if raised is strays:
                direction = _of_strays(z[strays.first : i + 1])
            yield Alarm(direction, raised.first, i)
            for each in (above, below, strays):
                each.begin(i + 1)


def _of_strays(z: Array) -> Direction:
    """Where most lots are stray to one side, the pace itself has jumped."""
    if (z > STRAY).mean() > MOST:
        return "slower"
    return "faster" if (z < -STRAY).mean() > MOST else "stops"


def stray_evidence(usual: float) -> tuple[float, float]:
    """Logarithm of the likelihood ratio of a stray lot, and of another."""
    odds = TIMES_AS_OFTEN * usual / (1 - usual)
    often = odds / (1 + odds)
    return math.log(often / usual), math.log((1 - often) / (1 - usual))


class _Sum:
    """A sum of evidence that never falls below zero, and the lot that its evidence begins with."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.begin(0)

    def begin(self, first: int) -> None:
        self.total, self.first = 0.0, first

    def add(self, evidence: float, lot: int) -> None:
        self.total += evidence
        if self.total <= 0:
            self.begin(lot + 1)

    @property
    def is_over(self) -> bool:
        return self.total > self.limit


def self_started(z: Array, n: int) -> Array:
    """Deviations from a centre that was estimated from n lots and goes on learning.

    Each lot is compared with the mean of those before it, the n calibrated ones included, and
    scaled by √(1 + 1/n): then the deviations are independent and of unit spread where nothing
    drifts, however small n was. A lot that is stray teaches nothing.

    >>> self_started(np.array([1.0, 1.0]), 1).round(3)
    array([0.707, 0.408])
    """
    found = np.empty(len(z))
    centre, known = 0.0, float(n)
    for i, value in enumerate(z.tolist()):
        found[i] = (value - centre) / math.sqrt(1 + 1 / known)
        if abs(found[i]) <= STRAY:
            known += 1
            centre += (value - centre) / known
    return found


def _plain_lots(
    activity: Activity,
    calibration: Calibration,
    unit: str,
    row: Processing,
    products: dict[str, Product],
) -> pd.DataFrame:
    """Lots of a row as its calibration saw them: with key, amount and rounding, less transits."""
    lots = activity.lots
    lots = lots[(lots["work_unit"] == unit) & (lots["operation"] == row.operation)]
    if lots.empty:
        return lots.assign(width=0.0, key="", amount=1.0)
    lots = measured(with_rounding(activity, unit, lots), row, products)
    transit = calibration.find("transit", unit, row.operation)
    minutes = transit.value if transit else row.transit
    return without_transit(lots, minutes) if minutes > 0 else lots


def _places(times: Array, widths: Array, estimate: ParameterEstimate) -> Array:
    """Normal quantiles of the places of times in their calibrated law."""
    law = LAWS[estimate.law]
    theta = _theta(estimate)
    cv = max(law.cv(theta), LEAST_CV)
    place = np.clip(law.cumulative(times, theta), 1e-15, 1 - 1e-15)
    rounding = (widths / estimate.value) ** 2 / 6
    found: Array = special.ndtri(place) / np.sqrt(1 + rounding / cv**2)
    return found


def _theta(estimate: ParameterEstimate) -> Theta:
    """What :class:`~twin.calibration.time_laws.TimeLaw` counts a law's parameters by."""
    p = estimate.parameters
    if estimate.law == "lognormal":
        return math.log(p["median"]), math.log(max(p["sigma"], LEAST_CV))
    if estimate.law == "gamma":
        return math.log(p["shape"] * p["scale"]), math.log(p["shape"])
    return math.log(p["scale"]), math.log(p.get("shape", 1.0))


def _of_row(
    activity: Activity, calibration: Calibration, unit: str, row: Processing, since: datetime
) -> Iterator[Drift]:
    seen = series(activity, calibration, unit, row, since)
    for alarms in _runs(cusum(seen.z, seen.usual_strays)):
        first, last = alarms[0], alarms[-1]
        part = slice(first.first, last.last + 1)
        ratio = seen.ratio[part]
        if first.direction != "stops":
            plain = np.abs(seen.z[part]) <= STRAY
            ratio = ratio[plain] if plain.mean() >= 0.5 else ratio
        yield Drift(
            unit, row.operation, first.direction,
            activity.begin + timedelta(minutes=float(seen.starts[first.first])),
            activity.begin + timedelta(minutes=float(seen.ends[first.last])),
            last.last + 1 - first.first, float(ratio.mean()), len(alarms),
        )  # fmt: skip


def _runs(alarms: Iterator[Alarm]) -> Iterator[list[Alarm]]:
    """Alarms of one direction that follow each other at once: a drift that lasts."""
    run: list[Alarm] = []
    for alarm in alarms:
        goes_on = run and alarm.direction == run[-1].direction
        if run and not (goes_on and alarm.last - run[-1].last <= SAME_WITHIN):
            yield run
            run = []
        run.append(alarm)
    if run:
        yield run
