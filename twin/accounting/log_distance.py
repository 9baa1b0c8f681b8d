"""How far a simulated log is from a real one, in four numbers; 0 is the same.

The four views and their names follow D. Chapela-Campa, I. Benchekroun, O. Baron, M. Dumas,
D. Krass and A. Senderovich, *Can I trust my simulation model? Measuring the quality of business
process simulation models* (BPM 2023, LNCS 14159). Each is made a pure number here, so that plants
can be compared; how is said at each function. What two real stretches of equal length are apart is
the yardstick: a simulation cannot be asked to come nearer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from twin.model.events import EventLog

HOURS_PER_DAY = 24
BOUNDARY = "|"
"""Stands before the first and after the last operation of an order."""


@dataclass(frozen=True)
class LogDistances:
    """Distances of two logs of the same stretch of time; NaN where one of them shows nothing."""

    cycle_time: float
    """See :func:`cycle_time_distance`."""
    arrivals: float
    """See :func:`arrival_distance`."""
    circadian: float
    """See :func:`circadian_distance`."""
    two_grams: float
    """See :func:`two_gram_distance`."""

    def to_dict(self) -> dict[str, float | None]:
        return {k: None if np.isnan(v) else round(v, 4) for k, v in asdict(self).items()}


EXPLAINED: Mapping[str, str] = {
    "cycle_time": "time of orders from release to completion: mean shift between the two "
    "distributions, over the real mean",
    "arrivals": "when orders are first worked: mean shift along the stretch, over its length",
    "circadian": "hours of the day at which lots start and end, weekday by weekday: mean shift, "
    "over 24 h",
    "two_grams": "which operation follows which: share of the transitions that differ",
}


@dataclass(frozen=True)
class Stretch:
    """What a log shows between two instants."""

    lots: pd.DataFrame
    """Rows ``start`` and ``end`` inside, in order of time."""
    cycle_hours: list[float]
    """Of every order completed inside [h]."""
    first_starts: list[float]
    """Hours from the beginning to the first start of every order first worked inside."""
    begin: datetime
    end: datetime

    @property
    def hours(self) -> float:
        return (self.end - self.begin).total_seconds() / 3600


def stretch(
    log: EventLog,
    begin: datetime,
    end: datetime,
    released: Mapping[str, datetime] | None = None,
    begun: frozenset[str] = frozenset(),
) -> Stretch:
    """A stretch of a log.

    Parameters
    ----------
    released
        When orders were released that the log itself does not say.
    begun
        Orders first worked before the log begins.
    """
    table = log.table
    since = {**(released or {}), **_first(table[table["event"] == "release"])}
    inside = table[(table["time"] >= pd.Timestamp(begin)) & (table["time"] < pd.Timestamp(end))]
    done = inside[inside["event"] == "complete"]
    cycles = [
        (time - since[order]).total_seconds() / 3600
        for order, time in zip(done["order"].tolist(), done["time"].tolist(), strict=True)
        if order in since
    ]
    firsts = _first(table[table["event"] == "start"])
    starts = [
        (time - begin).total_seconds() / 3600
        for order, time in firsts.items()
        if begin <= time < end and order not in begun
    ]
    lots = inside[inside["event"].isin(("start", "end"))]
    return Stretch(lots.sort_values("time", kind="stable"), cycles, starts, begin, end)


def _first(rows: pd.DataFrame) -> dict[str, datetime]:
    """First instant of each order among some rows."""
    found = rows.groupby("order", sort=False)["time"].min()
    return {str(order): time.to_pydatetime() for order, time in found.items() if order != ""}


def log_distances(simulated: Stretch, real: Stretch, timezone: str) -> LogDistances:
    """All four; the stretches are equally long, but need not be the same days."""
    return LogDistances(
        cycle_time_distance(simulated, real),
        arrival_distance(simulated, real),
        circadian_distance(simulated, real, timezone),
        two_gram_distance(simulated, real),
    )


def cycle_time_distance(simulated: Stretch, real: Stretch) -> float:
    """Wasserstein distance of the times from release to completion, over the real mean."""
    if not simulated.cycle_hours or not real.cycle_hours:
        return float("nan")
    mean = float(np.mean(real.cycle_hours))
    return _shift(simulated.cycle_hours, real.cycle_hours, mean)


def arrival_distance(simulated: Stretch, real: Stretch) -> float:
    """Wasserstein distance of the instants of first work, over the length of the stretch.

    In the cited paper an arrival is the first event of an order. Releases are given to a backtest,
    the instant at which an order is first worked is not.
    """
    if not simulated.first_starts or not real.first_starts:
        return float("nan")
    return _shift(simulated.first_starts, real.first_starts, real.hours)


def circadian_distance(simulated: Stretch, real: Stretch, timezone: str) -> float:
    """Wasserstein distance of the hours of starts and ends, the mean over weekdays, over 24 h.

    A weekday on which only one of the two works counts 1.
    """
    hours = [_by_weekday(part.lots["time"], timezone) for part in (simulated, real)]
    days = sorted(hours[0].keys() | hours[1].keys())
    if not days:
        return float("nan")
    apart = [
        _shift(hours[0][day], hours[1][day], HOURS_PER_DAY)
        if day in hours[0] and day in hours[1]
        else 1.0
        for day in days
    ]
    return float(np.mean(apart))


def two_gram_distance(simulated: Stretch, real: Stretch) -> float:
    """Σ |difference of counts| over Σ counts of all pairs of successive operations of an order.

    The stretch cuts orders at both ends; both logs are cut alike.
    """
    counts = [_two_grams(part.lots) for part in (simulated, real)]
    whole = sum(sum(count.values()) for count in counts)
    if not whole:
        return float("nan")
    keys = counts[0].keys() | counts[1].keys()
    return sum(abs(counts[0][key] - counts[1][key]) for key in keys) / whole


def _shift(a: list[float], b: list[float], unit: float) -> float:
    return float(wasserstein_distance(a, b)) / unit if unit > 0 else float("nan")


def _by_weekday(times: pd.Series, timezone: str) -> dict[int, list[float]]:
    """Hours of the day, by weekday, on the plant's clock."""
    local = times.dt.tz_convert(ZoneInfo(timezone))
    found: dict[int, list[float]] = {}
    for day, hour in zip(local.dt.day_of_week.tolist(), local.dt.hour.tolist(), strict=True):
        found.setdefault(day, []).append(hour)
    return found


def _two_grams(lots: pd.DataFrame) -> Counter[tuple[str, str]]:
    """Pairs of successive operations; lots of one operation in a row count once."""
    starts = lots[lots["event"] == "start"]
    found: Counter[tuple[str, str]] = Counter()
    for _, operations in starts.groupby("order", sort=False)["operation"]:
        names = operations.tolist()
        path = [n for i, n in enumerate(names) if i == 0 or n != names[i - 1]]
        found.update(zip([BOUNDARY, *path], [*path, BOUNDARY], strict=True))
    return found
