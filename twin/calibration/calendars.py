"""Shift calendars read off when there was activity: reports of work, or states of machines.

By the clock on the wall, each date is cut into quarters of an hour. Days that look alike share a
pattern (:mod:`twin.calibration.shift_patterns`), whose edges are then found to the minute
(:mod:`twin.calibration.shift_edges`). What comes out is an ordinary calendar: a week, stretches of
dates with another week (Ramadan), and single dates (holidays, a Saturday of overtime).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from twin.calibration.shift_edges import DAY, best_cut, minute_windows, windows_of
from twin.calibration.shift_patterns import (
    QUARTERS,
    Pattern,
    Patterns,
    find_patterns,
    patterns_of_one,
)
from twin.model.horizon import Array, Horizon
from twin.model.shifts import WEEKDAYS, Calendar, Variant, Weekly

OPEN_SHARE = 0.2
"""A quarter of a date was active when it was busy for more than this share of a busy quarter."""
LONGEST_WHOLE = 720.0
"""A report that lasts longer [min] is believed at its begin and its end only."""
QUIET_HOUR = 0.05
"""An hour, or a weekday, with fewer begins and ends than this share of the usual is quiet."""
RUNS_ON = 0.1
"""Where more of the reported time than this lies in quiet hours, reports run on through them."""

Interval = tuple[datetime, datetime]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class FoundCalendar:
    """A calendar and how surely it was found."""

    calendar: Calendar
    inside: float
    """Share of the busy time that lies inside its windows."""
    days: int
    """Dates with any activity."""


@dataclass(frozen=True)
class Disagreement:
    """Two calendars over the same time [min]."""

    only_found: float
    """Open in what was found, closed in what is written down."""
    only_nominal: float
    minutes: float
    """Time compared."""

    @property
    def share(self) -> float:
        return (self.only_found + self.only_nominal) / self.minutes if self.minutes else 0.0


def discover_calendar(
    intervals: Iterable[Interval],
    timezone: str,
    *,
    id: str,
    by_weekday: bool = True,
    open_share: float = OPEN_SHARE,
    with_holidays: bool = True,
    may_pause: bool = True,
) -> FoundCalendar:
    """The weekly shift pattern behind busy intervals, and the dates that differ from it.

    Parameters
    ----------
    intervals
        Busy times, zone-aware; they may overlap.
    by_weekday
        Weekdays may differ. Otherwise all weekdays on which there is work share their windows,
        which needs fewer weeks of log: right for a single resource.
    with_holidays
        Look for dates, and stretches of dates, that differ from the other weeks. Not for a single
        resource that is seldom used, whose idle day is no holiday.
    may_pause
        An interval may run on through closed time, as a report from start to end of a lot does.
        States of a machine do not.

    Raises
    ------
    ValueError
        When there is no interval of any length.
    """
    seen = _read(intervals, ZoneInfo(timezone), may_pause)
    days = _cut_days(seen, best_cut(seen.by_weekday()), open_share)
    if with_holidays:
        midnight = (QUARTERS - days.cut) % QUARTERS
        patterns = find_patterns(
            days.active, days.seen, days.weekday, midnight, by_weekday=by_weekday
        )
    else:
        patterns = patterns_of_one(
            days.active, days.weekday, by_weekday=by_weekday, least_share=open_share
        )
    windows = _Windows(days)
    is_open = windows.on_dates(patterns, len(seen.by_date()))
    calendar = _written(id, seen, patterns, windows, is_open)
    inside = float(seen.by_date()[is_open].sum() / seen.minutes.sum())
    return FoundCalendar(calendar, inside, int(seen.by_date().any(axis=1).sum()))


def disagreement(found: Calendar, nominal: Calendar, horizon: Horizon) -> Disagreement:
    """Minutes of a horizon that one calendar calls open and the other closed."""
    one, other = (c.open_time(horizon) for c in (found, nominal))
    both = sum(
        one.working_minutes(float(a), float(b))
        for a, b in zip(other.starts, other.ends, strict=True)
    )
    opened, written = (float((t.ends - t.starts).sum()) for t in (one, other))
    return Disagreement(opened - both, written - both, float(horizon.minutes))


@dataclass(frozen=True)
class _Seen:
    """Activity by the clock on the wall."""

    origin: datetime
    """Midnight of the first date."""
    begin: int
    end: int
    """First and last minute of any activity, from the origin."""
    minutes: Array
    """(D · 1440,) intervals under way in each minute."""

    def by_date(self) -> Array:
        """(D, 1440)"""
        return self.minutes.reshape(-1, DAY)

    def by_weekday(self) -> Array:
        """(7, 96) share of the dates of each weekday on which a quarter was active."""
        active = self.minutes.reshape(-1, QUARTERS, 15).max(axis=2) > 0
        weekday = (np.arange(len(active)) + self.origin.weekday()) % 7
        return np.array(
            [active[weekday == w].mean(axis=0) if (weekday == w).any() else np.zeros(QUARTERS)
             for w in range(7)]
        )  # fmt: skip


def _read(intervals: Iterable[Interval], zone: ZoneInfo, may_pause: bool) -> _Seen:
    local = [(_wall(begin, zone), _wall(end, zone)) for begin, end in intervals]
    local = [(begin, end) for begin, end in local if end > begin]
    if not local:
        raise ValueError("no busy interval to find a calendar in")
    origin = datetime.combine(min(b for b, _ in local).date(), datetime.min.time())
    span = np.array([[(t - origin).total_seconds() / 60 for t in pair] for pair in local])
    begin, end = span[:, 0], span[:, 1]
    if may_pause:
        begin, end = _surely_busy(begin, end, origin.weekday())
    count = under_way(begin, end)
    first, last = int(np.round(begin.min())), int(np.round(end.max()))
    return _Seen(origin, first, max(last, first + 1), count)


def under_way(begin: Array, end: Array) -> Array:
    """(D · 1440,) intervals under way in each minute; one counts from half of a minute on."""
    first, last = np.round(begin).astype(int), np.round(end).astype(int)
    last = np.maximum(last, first + 1)
    change = np.zeros((int(last.max() - 1) // DAY + 1) * DAY + 1)
    np.add.at(change, first, 1)
    np.add.at(change, last, -1)
    return np.cumsum(change[:-1])


def _surely_busy(begin: Array, end: Array, weekday: int) -> tuple[Array, Array]:
    """What reports say for certain.

    Where they run on through nights or weekends, only that someone was there when they began and
    when they ended; else that someone was there all the time, but for reports of half a day.
    """
    if _runs_on(begin, end, weekday):
        return np.concatenate([begin, end - 1]), np.concatenate([begin + 1, end])
    long = end - begin > LONGEST_WHOLE
    return (
        np.concatenate([begin[~long], begin[long], end[long] - 15]),
        np.concatenate([end[~long], begin[long] + 15, end[long]]),
    )


def _runs_on(begin: Array, end: Array, weekday: int) -> bool:
    """Whether reports last through hours in which hardly any begins or ends.

    Parameters
    ----------
    weekday
        Of the first minute.
    """
    marks = (np.concatenate([begin, end - 1]) // 15).astype(int)
    by_quarter = np.bincount(marks % QUARTERS, minlength=QUARTERS).astype(float)
    around = np.sum([np.roll(by_quarter, shift) for shift in range(-4, 5)], axis=0)
    by_day = np.bincount((marks // QUARTERS + weekday) % 7, minlength=7)
    quiet_quarter = around < QUIET_HOUR * float(np.median(around[around > 0]))
    quiet_day = by_day < QUIET_HOUR * float(by_day.max())
    quarters = under_way(begin, end).reshape(-1, 15).sum(axis=1)
    number = np.arange(len(quarters))
    quiet = quiet_quarter[number % QUARTERS] | quiet_day[(number // QUARTERS + weekday) % 7]
    return float(quarters[quiet].sum()) > RUNS_ON * float(quarters.sum())


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@dataclass(frozen=True)
class _Days:
    """The log cut into days that begin at the same quarter, the first on the eve of the log."""

    cut: int
    """Quarter of the day at which they begin."""
    weekday: NDArray[np.int_]
    """(D,) of the date on which each begins."""
    active: Mask
    """(D, 96)"""
    seen: Mask
    busy: Mask
    """(D, 1440)"""


def _cut_days(seen: _Seen, cut: int, open_share: float) -> _Days:
    before, after = DAY - cut * 15, cut * 15
    minutes = np.concatenate([np.zeros(before), seen.minutes, np.zeros(after)])
    quarters = minutes.reshape(-1, 15).sum(axis=1)
    usual = float(np.median(quarters[quarters > 0]))
    active = (quarters > open_share * usual).reshape(-1, QUARTERS)
    number = np.arange(len(quarters)) * 15 - before
    covered = (number + 15 > seen.begin) & (number < seen.end)
    weekday = (np.arange(len(active)) + seen.origin.weekday() - 1) % 7
    busy = (minutes > 0).reshape(-1, DAY)
    return _Days(cut, weekday, active, covered.reshape(-1, QUARTERS), busy)


class _Windows:
    """Open minutes of the patterns, each worked out once."""

    def __init__(self, days: _Days) -> None:
        self.days = days
        self.known: dict[Pattern, Mask] = {}

    def of(self, pattern: Pattern) -> Mask:
        """(1440,) from the cut of a day on."""
        if pattern not in self.known:
            minutes = np.zeros(DAY, dtype=bool)
            busy = self.days.busy[np.array(pattern.days, dtype=int)]
            for begin, end in minute_windows(pattern.open, busy):
                minutes[begin:end] = True
            self.known[pattern] = minutes
        return self.known[pattern]

    def on_dates(self, patterns: Patterns, dates: int) -> Mask:
        """(dates, 1440) whether each minute of each date is on shift."""
        weekdays = self.days.weekday.tolist()
        rows = [self.of(patterns.of(d, w)) for d, w in enumerate(weekdays)]
        eve = DAY - self.days.cut * 15
        return np.concatenate(rows)[eve : eve + dates * DAY].reshape(dates, DAY)

    def week(self, patterns: Patterns, regime: int) -> Weekly:
        """Windows by weekday, the hours after midnight with the day they are on."""
        rows = [self.of(patterns.usual[regime, w]) for w in range(7)]
        after = self.days.cut * 15
        found: Weekly = {}
        for w, name in enumerate(WEEKDAYS):
            late = rows[w - 1][DAY - after :]
            if windows := windows_of(np.concatenate([late, rows[w][: DAY - after]])):
                found[name] = windows
        return found


def _written(
    id: str, seen: _Seen, patterns: Patterns, windows: _Windows, is_open: Mask
) -> Calendar:
    """The calendar of the patterns; every date that its weeks do not tell is an exception."""
    first = seen.origin.date()
    variants = []
    for number in range(1, int(patterns.regime.max()) + 1):
        days = np.flatnonzero(patterns.regime == number)
        if not len(days):
            continue
        begin, end = (first + timedelta(days=int(d) - 1) for d in (days[0], days[-1]))
        weekly = windows.week(patterns, number)
        variants.append(Variant(name=f"found {number}", first=begin, last=end, weekly=weekly))
    plain = Calendar(id=id, weekly=windows.week(patterns, 0), variants=variants)
    exceptions = {}
    for n, minutes in enumerate(is_open):
        day = first + timedelta(days=n)
        if (found := windows_of(minutes)) != plain.windows_on(day):
            exceptions[day] = found
    return plain.model_copy(update={"exceptions": exceptions})
