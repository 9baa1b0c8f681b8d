"""Whether the last days of a log are all there: days as full as usual, and no half of it silent.

A log can be fresh and still lack half of what happened: one of two feeds is down, a line's gateway
hangs, an extract was cut. Three signs are looked for, against the plant's own shifts and its own
habit, so that weekends, planned shutdowns and units that work seldom are no gaps:

* At least a share of the units that usually report are silent, two at least, and more of them than
  in nearly every earlier hour. A unit is silent when it has said nothing for several times its mean
  time between events, in hours of its own shifts.
* A day (24 h up to the cut-off, and the two before) has less than that share of the events that
  earlier days with about as many hours of shifts had in the middle.
* Less than that share of the lots have both a start and an end, where the log tells of both.

Meter readings are not counted: they come from another source, and go on when nobody works.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.calibration.activity import LOT_KEY, Activity
from twin.model.horizon import Array
from twin.model.shifts import OpenTime

BoolArray = NDArray[np.bool_]
DAY = 1440
KINDS = ("state", "start", "end", "verdict")
JUDGED_DAYS = 3
"""Days before the cut-off that are judged; what is older was judged on its own night."""
ALIKE = 0.2
"""Days are alike whose hours of shifts, over all units, differ by no more than this share."""
FEWEST_ALIKE, FEWEST_EVENTS = 2, 50
"""Days alike, and events on the usual one of them, from which a day is judged."""
BUSY_DAY = 0.25
"""A day is judged if its usual events are this share of those of the day in the middle: of a Sunday
with a furnace or two nothing can be told."""
LEAST_SILENCE, MEAN_GAPS = 120.0, 3.0
"""A unit is silent after so many shift minutes, and so many of its mean times between events."""
RARE = 0.99
"""Share of the earlier hours that had fewer silent units."""
FEWEST_LOTS = 50
REGULAR_EVENTS = 20
"""Events from which a unit's habit is known."""
FEWEST_SILENT = 2
SHOWN = 6


@dataclass(frozen=True)
class Silence:
    """A work unit that has said nothing for longer than it ever does."""

    work_unit: str
    since: datetime
    shift_hours: float
    """Of its shifts since."""


@dataclass(frozen=True)
class ThinDay:
    """24 hours with too few events."""

    begin: datetime
    events: int
    usual: float
    """In the middle of the earlier days with as many hours of shifts."""
    lowest: tuple[str, ...]
    """Work units that lack most, the worst first."""


def half_empty(activity: Activity, least: float) -> str:
    """What of the last days is missing, in words; empty when nothing is.

    ``least`` is the share of the usual from which a day is full enough, and the share of silent
    units from which a log is half empty.
    """
    events = _events(activity)
    regular, silent = silent_units(activity, events)
    if len(silent) >= max(FEWEST_SILENT, least * regular):
        return (
            f"{len(silent)} of {regular} work units that usually report are silent, with shifts "
            f"worked: {_named([_silence_text(s, activity) for s in silent])}; check the feeds of "
            "these units"
        )
    thin = list(thin_days(activity, events, least))
    if thin:
        day = thin[-1]
        end = day.begin + timedelta(minutes=DAY)
        return (
            f"from {activity.moment(day.begin)} to {activity.moment(end)} there are {day.events} "
            f"events where {day.usual:.0f} are usual for as many hours of shifts; most are missing "
            f"of {_named(day.lowest)}; check the feeds and extract these days again"
        )
    return _torn_lots(activity, least)


def silent_units(
    activity: Activity, events: pd.DataFrame | None = None
) -> tuple[int, list[Silence]]:
    """How many units usually report, and those of them that have fallen silent, the first first;
    none where as many are silent often."""
    events = _events(activity) if events is None else events
    habits = list(_habits(activity, events))
    silent = [habit.silence(activity) for habit in habits if habit.is_silent(activity.minutes)]
    silent.sort(key=lambda s: s.since)
    if silent:
        fell = (silent[0].since - activity.begin).total_seconds() / 60
        earlier = np.arange(DAY, fell, 60.0)
        count = np.sum([habit.was_silent(earlier) for habit in habits], axis=0)
        if len(earlier) and len(silent) <= np.quantile(count, RARE):
            silent = []
    return len(habits), silent


@dataclass(frozen=True)
class _Habit:
    """How often a work unit reports, in minutes of its own shifts."""

    work_unit: str
    opened: OpenTime
    times: Array
    """Of its events, rising [min from the log's begin]."""

    @cached_property
    def limit(self) -> float:
        """Shift minutes without an event from which it is silent."""
        worked = self.opened.minutes_before(self.times[[0, -1]])
        mean = float(worked[1] - worked[0]) / (len(self.times) - 1)
        return max(LEAST_SILENCE, MEAN_GAPS * mean)

    def was_silent(self, minutes: Array) -> BoolArray:
        """Whether it was, at each of several instants."""
        last = np.clip(np.searchsorted(self.times, minutes, side="right") - 1, 0, None)
        before = self.opened.minutes_before
        return np.asarray(before(minutes) - before(self.times[last]) > self.limit)

    def is_silent(self, minute: float) -> bool:
        return bool(self.was_silent(np.array([minute]))[0])

    def silence(self, activity: Activity) -> Silence:
        last = float(self.times[-1])
        since = activity.begin + timedelta(minutes=last)
        return Silence(
            self.work_unit, since, self.opened.working_minutes(last, activity.minutes) / 60
        )


def _habits(activity: Activity, events: pd.DataFrame) -> Iterator[_Habit]:
    for id, rows in events.groupby("work_unit", sort=True):
        opened = activity.open_time.get(str(id))
        if opened is not None and len(rows) >= REGULAR_EVENTS:
            yield _Habit(str(id), opened, np.sort(rows["minute"].to_numpy()))


def _torn_lots(activity: Activity, least: float) -> str:
    """Whether most lots lack their start or their end."""
    table = activity.log.table
    sides = [
        table.loc[table["event"] == kind, LOT_KEY].drop_duplicates() for kind in ("start", "end")
    ]
    if min(map(len, sides)) == 0:
        return ""
    lots = sides[0].merge(sides[1], on=LOT_KEY, how="outer", indicator=True)["_merge"].astype(str)
    whole, count = int((lots == "both").sum()), len(lots)
    if count < FEWEST_LOTS or whole >= least * count:
        return ""
    starts, ends = (int((lots == side).sum()) for side in ("left_only", "right_only"))
    return (
        f"only {whole} of {count} lots have both a start and an end ({starts} no end, {ends} no "
        "start): events are missing all over the log; check the feeds and extract it again"
    )


def thin_days(
    activity: Activity, events: pd.DataFrame | None = None, least: float = 0.5
) -> Iterator[ThinDay]:
    """The days judged that have too few events, the latest first."""
    events = _events(activity) if events is None else events
    days = int(activity.minutes // DAY)
    if days <= JUDGED_DAYS:
        return
    count = np.bincount(events["day"], minlength=days)[:days]
    hours = _shift_hours(activity, days)
    busy = max(FEWEST_EVENTS, BUSY_DAY * float(np.median(count)))
    for day in range(JUDGED_DAYS):
        earlier = np.arange(JUDGED_DAYS, days)
        alike = earlier[np.abs(hours[earlier] - hours[day]) <= ALIKE * hours[day]]
        if len(alike) < FEWEST_ALIKE:
            continue
        usual = float(np.median(count[alike]))
        if usual >= busy and count[day] < least * usual:
            begin = activity.until - timedelta(minutes=(day + 1) * DAY)
            yield ThinDay(begin, int(count[day]), usual, _lowest(events, day, alike))


def _events(activity: Activity) -> pd.DataFrame:
    """Unit, minute from the log's begin and day before the cut-off (0: the last) of each event."""
    table = activity.log.table
    table = table[table["event"].isin(KINDS) & (table["work_unit"] != "")]
    minute = (table["time"] - pd.Timestamp(activity.begin)).dt.total_seconds() / 60
    day = np.ceil((activity.minutes - minute) / DAY).astype(int) - 1
    return pd.DataFrame({"work_unit": table["work_unit"], "minute": minute, "day": day.clip(0)})


def _shift_hours(activity: Activity, days: int) -> Array:
    """Hours of shifts over all units, of each day before the cut-off."""
    edges = activity.minutes - np.arange(days + 1, dtype=float) * DAY
    total = np.zeros(days)
    for opened in activity.open_time.values():
        total -= np.diff(opened.minutes_before(edges)) / 60
    return total


def _lowest(events: pd.DataFrame, day: int, alike: Array) -> tuple[str, ...]:
    """Units by how many events they lack on a day."""
    counts = events.groupby(["work_unit", "day"]).size().unstack(fill_value=0)
    usual = counts.reindex(columns=alike, fill_value=0).median(axis=1)
    found = counts.get(day, 0.0)
    lacking = (usual - found).sort_values(ascending=False, kind="stable")
    return tuple(str(id) for id in lacking[lacking > 0].index)


def _silence_text(silence: Silence, activity: Activity) -> str:
    since = silence.since.astimezone(activity.plant.zone)
    return f"{silence.work_unit} (since {since:%Y-%m-%d %H:%M}, {silence.shift_hours:.0f} h)"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
