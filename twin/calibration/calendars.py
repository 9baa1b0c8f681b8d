"""Shift calendars read off when work was reported.

The week is cut into quarters of an hour by the clock on the wall. A quarter is on shift when it is
busy, on the mean over its dates, at least :data:`OPEN_SHARE` as much as the busy quarters are.
Short gaps are closed and short islands dropped, for nobody's shift is half an hour long.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from twin.model.horizon import Array
from twin.model.shifts import WEEKDAYS, Calendar, Weekday

QUARTERS = 96
"""Quarters of an hour in a day."""
OPEN_SHARE = 0.2
"""A quarter is on shift when its mean activity is above this share of a busy quarter's."""
SHORTEST = 4
"""Gaps and islands shorter than this many quarters are not believed."""
HOLIDAY_SHARE = 0.1
"""A date is a holiday when its activity is below this share of its weekday's median."""
LEAST_DATES = 3
"""Dates of a weekday that must have been seen before one of them is called a holiday."""

Interval = tuple[datetime, datetime]


@dataclass(frozen=True)
class FoundCalendar:
    """A calendar and how surely it was found."""

    calendar: Calendar
    inside: float
    """Share of the reported time that lies inside its windows."""
    days: int
    """Dates with any activity."""


def discover_calendar(
    intervals: Iterable[Interval],
    timezone: str,
    *,
    id: str,
    by_weekday: bool = True,
    open_share: float = OPEN_SHARE,
    with_holidays: bool = True,
) -> FoundCalendar:
    """The weekly shift pattern behind busy intervals, and its holidays.

    Parameters
    ----------
    intervals
        Busy times, zone-aware; they may overlap.
    by_weekday
        Give each weekday its own windows. Otherwise all weekdays on which there is work share
        theirs, which needs fewer weeks of log: right for a single resource.
    with_holidays
        Look for dates without work. Not for a single resource, whose idle day is no holiday.

    Raises
    ------
    ValueError
        When there is no interval of any length.
    """
    first, activity = _activity(intervals, ZoneInfo(timezone))
    weekday = (np.arange(len(activity)) + first.weekday()) % 7
    totals = activity.sum(axis=1)
    holidays = _holidays(totals, weekday) if with_holidays else np.zeros(len(totals), dtype=bool)
    patterns = _patterns(activity[~holidays], weekday[~holidays], by_weekday, open_share)
    dates = [first + timedelta(days=int(n)) for n in np.flatnonzero(holidays)]
    exceptions: dict[date, list[str]] = {d: [] for d in dates if patterns[d.weekday()].any()}
    weekly: dict[Weekday, list[str]] = {
        name: _windows(pattern)
        for name, pattern in zip(WEEKDAYS, patterns, strict=True)
        if pattern.any()
    }
    calendar = Calendar(id=id, weekly=weekly, exceptions=exceptions)
    inside = float((activity * patterns[weekday]).sum() / activity.sum())
    return FoundCalendar(calendar, inside, int((totals > 0).sum()))


def _activity(intervals: Iterable[Interval], zone: ZoneInfo) -> tuple[date, Array]:
    """First local date, and (D, 96) busy minutes of every quarter of every date from it on."""
    local = [(_wall(begin, zone), _wall(end, zone)) for begin, end in intervals]
    local = [(begin, end) for begin, end in local if end > begin]
    if not local:
        raise ValueError("no busy interval to find a calendar in")
    origin = datetime.combine(min(b for b, _ in local).date(), datetime.min.time())
    days = (max(e for _, e in local) - origin).days + 1
    found = np.zeros(days * QUARTERS)
    for begin, end in local:
        a, b = ((t - origin).total_seconds() / 900 for t in (begin, end))
        quarters = np.arange(int(a), min(int(np.ceil(b)), len(found)))
        found[quarters] += 15 * (np.minimum(quarters + 1, b) - np.maximum(quarters, a))
    return origin.date(), found.reshape(days, QUARTERS)


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _holidays(totals: Array, weekday: NDArray[np.int_]) -> NDArray[np.bool_]:
    """(D,) dates with next to no work although their weekday usually has some.

    The first and the last date are never holidays: the log may hold only part of them.
    """
    found = np.zeros(len(totals), dtype=bool)
    for day in range(7):
        mine = weekday == day
        usual = float(np.median(totals[mine])) if mine.sum() >= LEAST_DATES else 0.0
        found |= mine & (usual > 0) & (totals < HOLIDAY_SHARE * usual)
    found[[0, -1]] = False
    return found


def _patterns(
    activity: Array, weekday: NDArray[np.int_], by_weekday: bool, open_share: float
) -> NDArray[np.bool_]:
    """(7, 96) whether a quarter is on shift."""
    mean = np.array(
        [activity[weekday == d].mean(axis=0) if (weekday == d).any() else np.zeros(QUARTERS)
         for d in range(7)]
    )  # fmt: skip
    if not by_weekday:
        per_day = mean.sum(axis=1)
        works = per_day > 0.3 * np.median(per_day[per_day > 0])
        mean = np.where(works[:, None], mean[works].mean(axis=0), 0.0)
    busy = float(np.quantile(mean[mean > 0], 0.9))
    week = (mean > open_share * busy).ravel()
    return _without_short_runs(week).reshape(7, QUARTERS)


def _without_short_runs(week: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Gaps closed and then islands dropped, around the end of the week too."""
    found = week.copy()
    for value in (False, True):
        for begin, length in _runs(found, value):
            if length < SHORTEST:
                found[np.arange(begin, begin + length) % len(found)] = not value
    return found


def _runs(week: NDArray[np.bool_], value: bool) -> list[tuple[int, int]]:
    """Begin and length of the runs of a value in a circle; none when it has no other value."""
    changes = np.flatnonzero(week != np.roll(week, 1))
    if len(changes) == 0:
        return []
    lengths = np.diff(np.append(changes, changes[0] + len(week)))
    return [(int(b), int(n)) for b, n in zip(changes, lengths, strict=True) if week[b] == value]


def _windows(day: NDArray[np.bool_]) -> list[str]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], day.astype(int), [0]]))).tolist()
    return [f"{_clock(a)}-{_clock(b)}" for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"
