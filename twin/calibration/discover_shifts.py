"""Shift calendars of a log of states, one for all units that keep the same hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from twin.calibration.activity import Activity
from twin.calibration.calendar_check import LEAST_DAYS, manned
from twin.calibration.calendars import (
    FoundCalendar,
    Interval,
    disagreement,
    discover_calendar,
)
from twin.calibration.discover_crews import FoundCrew
from twin.model.horizon import Horizon
from twin.model.shifts import ALWAYS_ON, Calendar

OUTSIDE = 0.01
"""Share of a unit's busy hours outside of the hours of others that may keep its calendar."""
ABSENT_HOURS, ABSENT_DAYS = 1e-5, 1e-3
"""A unit idle at hours, or on weekdays, when others work has a calendar of its own when luck
explains it less often than this."""
SAME_HOURS = 0.02
"""Share of the time on which calendars may disagree and be one."""
OPEN = 0.99
"""A calendar open for more than this share of the time is always open."""
AWAKE = 0.02
"""Share of a crew's tasks begun in closed time from which it knows no shifts."""
LEAST_JOBS = 10
Cells = NDArray[np.bool_]


@dataclass(frozen=True)
class Shifts:
    """Calendars by id, and which unit keeps which."""

    calendars: Mapping[str, FoundCalendar]
    of_unit: Mapping[str, str]
    own: frozenset[str]
    """Units seen on too few days, which are given the calendar of most others."""


def shifts_of(activity: Activity, units: list[str]) -> Shifts:
    """A calendar for all units that may well keep the same hours.

    A unit that is idle while others work is no sign of other hours, unless it always is.
    """
    horizon = horizon_of(activity)
    spans = {u: manned(activity, activity.plant.unit(u)) for u in units}
    cells = {u: _busy_hours(activity, spans[u]) for u in units if spans[u]}
    groups, rest = _groups(cells, activity.begin.astimezone(activity.plant.zone).weekday())
    calendars: dict[str, FoundCalendar] = {}
    of_unit: dict[str, str] = {}
    groups = _alike(groups, spans, activity)
    for n, group in enumerate(groups):
        id = "shifts" if len(groups) == 1 else f"shifts-{n + 1}"
        found = _calendar(id, group, spans, activity)
        if _open_share(found.calendar, horizon) >= OPEN:
            id = ALWAYS_ON.id
        else:
            calendars[id] = found
        of_unit |= dict.fromkeys(group, id)
    largest = max(groups, key=len, default=[])
    usual = of_unit[largest[0]] if largest else ALWAYS_ON.id
    silent = [u for u in units if u not in of_unit]
    return Shifts(calendars, {**of_unit, **dict.fromkeys(silent, usual)}, frozenset(rest))


def _calendar(
    id: str, group: list[str], spans: Mapping[str, list[Interval]], activity: Activity
) -> FoundCalendar:
    pooled = [span for unit in group for span in spans[unit]]
    return discover_calendar(pooled, activity.plant.timezone, id=id, may_pause=False)


def _alike(
    groups: list[list[str]], spans: Mapping[str, list[Interval]], activity: Activity
) -> list[list[str]]:
    """Groups put together whose calendars came out alike."""
    horizon = horizon_of(activity)
    kept: list[tuple[list[str], Calendar]] = []
    for group in groups:
        mine = _calendar("any", group, spans, activity).calendar
        like = (g for g, other in kept if disagreement(mine, other, horizon).share <= SAME_HOURS)
        known = next(like, None)
        if known is None:
            kept.append((group, mine))
        else:
            known += group
    return [group for group, _ in kept]


def _groups(cells: dict[str, Cells], weekday: int) -> tuple[list[list[str]], list[str]]:
    """Units by the hours they keep, the widest first; and those seen on too few days to tell."""
    few = [u for u, busy in cells.items() if busy.any(axis=1).sum() < LEAST_DAYS]
    rest = few if len(few) < len(cells) else []
    wide = sorted((u for u in cells if u not in rest), key=lambda u: (*_width(cells[u]), u))
    groups: list[list[str]] = []
    pooled: list[Cells] = []
    for unit in wide:
        keeps = [n for n, other in enumerate(pooled) if _may_keep(cells[unit], other, weekday)]
        if keeps:
            groups[keeps[0]].append(unit)
            pooled[keeps[0]] = pooled[keeps[0]] | cells[unit]
        else:
            groups.append([unit])
            pooled.append(cells[unit])
    return _joined(groups, pooled, weekday), rest


def _joined(groups: list[list[str]], pooled: list[Cells], weekday: int) -> list[list[str]]:
    """The same groups, those put together whose hours have turned out to be another's."""
    order = sorted(range(len(groups)), key=lambda n: len(groups[n]))
    gone: set[int] = set()
    for n in order:
        others = [m for m in range(len(groups)) if m != n and m not in gone]
        into = next((m for m in others if _may_keep(pooled[n], pooled[m], weekday)), None)
        if into is not None:
            groups[into] += groups[n]
            pooled[into] = pooled[into] | pooled[n]
            gone.add(n)
    return [sorted(group) for n, group in enumerate(groups) if n not in gone]


def _busy_hours(activity: Activity, spans: list[Interval]) -> Cells:
    """(D, 24) whether each hour of each date, by the clock on the wall, had any activity."""
    zone = activity.plant.zone
    origin = datetime.combine(activity.begin.astimezone(zone).date(), datetime.min.time())
    local = [
        [(t.astimezone(zone).replace(tzinfo=None) - origin).total_seconds() / 3600 for t in span]
        for span in spans
    ]
    days = int((activity.until.astimezone(zone).replace(tzinfo=None) - origin).days) + 2
    busy = np.zeros(days * 24, dtype=bool)
    for begin, end in local:
        busy[int(begin) : int(np.ceil(end))] = True
    return busy.reshape(days, 24)


def _width(busy: Cells) -> tuple[int, int]:
    """Less for wider hours: of the day, on a fifth of the days with any activity; and in all."""
    days = busy[busy.any(axis=1)]
    return -int((days.mean(axis=0) > 0.2).sum()), -int(days.sum())


def _may_keep(unit: Cells, others: Cells, weekday: int) -> bool:
    """Whether a unit's hours are those of others, as far as luck may explain where they differ."""
    of_week = (np.arange(len(unit)) + weekday) % 7
    week = np.array([others[of_week == w].any(axis=0) for w in range(7)])
    if (unit & ~week[of_week]).sum() > OUTSIDE * unit.sum():
        return False
    by_hour, own = others.sum(axis=0), (unit & others).sum(axis=0)
    share = float(np.median(own[own > 0] / by_hour[own > 0])) if own.any() else 0.0
    luck = np.asarray(stats.binom.cdf(own, by_hour, share))
    if (luck[by_hour > 0] < ABSENT_HOURS).any():
        return False
    days, mine = others.max(axis=1), unit.max(axis=1)
    usual = float(mine.sum() / max(days.sum(), 1))
    for w in range(7):
        n = int((days & (of_week == w)).sum())
        k = int((mine & days & (of_week == w)).sum())
        if n and stats.binom.cdf(k, n, min(usual, 0.99)) < ABSENT_DAYS:
            return False
    return True


def crew_calendar(crew: FoundCrew, shifts: Shifts, activity: Activity) -> tuple[str, str]:
    """The narrowest calendar in which a crew begins its work, and why.

    A repair goes on past the end of a shift; what tells is when repairs are begun.
    """
    n = len(crew.jobs)
    if n < LEAST_JOBS:
        return ALWAYS_ON.id, f"{n} repairs and tasks: too few to tell its hours"
    horizon = horizon_of(activity)
    starts = np.array([job.start for job in crew.jobs])
    opened = {id: f.calendar.open_time(horizon) for id, f in shifts.calendars.items()}
    for id, opening in sorted(opened.items(), key=lambda row: float(
        (row[1].ends - row[1].starts).sum())):  # fmt: skip
        before, after = opening.minutes_before(starts - 1), opening.minutes_before(starts + 1)
        closed = int((after - before <= 0).sum())
        if closed <= AWAKE * n:
            return id, f"{n - closed} of {n} repairs and tasks were begun in these hours"
    return ALWAYS_ON.id, "its repairs and tasks are begun at all hours"


def horizon_of(activity: Activity) -> Horizon:
    slots = max(int(activity.minutes // 15), 1)
    return Horizon(activity.begin, slots * 15, activity.plant.timezone)


def _open_share(calendar: Calendar, horizon: Horizon) -> float:
    opening = calendar.open_time(horizon)
    return float((opening.ends - opening.starts).sum()) / horizon.minutes
