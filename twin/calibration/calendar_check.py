"""The plant file's calendars beside those that the log shows.

Plans are made for the shifts that are written down. Where machines work other hours, each plan is
wrong by these hours, and every utilisation with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from twin.calibration.activity import Activity
from twin.calibration.calendars import (
    Disagreement,
    FoundCalendar,
    Interval,
    disagreement,
    discover_calendar,
)
from twin.model.horizon import Horizon
from twin.model.plant import WorkUnit
from twin.model.shifts import ALWAYS_ON, Calendar

MANNED = ("setup", "working")
"""States in which a shift is on. A unit may wait, or stay blocked, long after its people went home,
and repairs may be made by a crew with hours of its own."""
LEAST_DAYS = 14
"""Dates with activity from which a calendar is worth comparing."""
WORTH_A_WORD = 0.01
"""Share of the time on which calendars must disagree to be told."""


@dataclass(frozen=True)
class CalendarCheck:
    """One calendar of the plant file, and what its work units did."""

    nominal: Calendar
    work_units: tuple[str, ...]
    found: FoundCalendar
    disagreement: Disagreement

    @property
    def is_worth_a_word(self) -> bool:
        return self.disagreement.share > WORTH_A_WORD

    def describe(self) -> str:
        """One sentence with the hours a week."""
        d = self.disagreement
        weeks = d.minutes / 10080
        return (
            f"calendar {self.nominal.id}: the log of {', '.join(self.work_units)} shows "
            f"{d.only_found / 60 / weeks:.1f} h a week of work while it is closed, and none for "
            f"{d.only_nominal / 60 / weeks:.1f} h a week while it is open"
        )


def check_calendars(activity: Activity) -> Iterator[CalendarCheck]:
    """Each calendar with enough activity on its work units, compared over the time of the log."""
    slots = max(int(activity.minutes // 15), 1)
    horizon = Horizon(activity.begin, slots * 15, activity.plant.timezone)
    for nominal in [ALWAYS_ON, *activity.plant.calendars]:
        units = [u for u in activity.plant.work_units if u.calendar == nominal.id]
        states = [i for u in units for i in manned(activity, u)]
        reports = [] if states else [i for u in units for i in _reported(activity, u)]
        if not states and not reports:
            continue
        found = discover_calendar(
            states or reports, activity.plant.timezone, id=nominal.id, may_pause=not states
        )
        if found.days >= LEAST_DAYS:
            yield CalendarCheck(
                nominal, tuple(u.id for u in units), found,
                disagreement(found.calendar, nominal, horizon),
            )  # fmt: skip


def manned(activity: Activity, unit: WorkUnit) -> list[Interval]:
    """When a unit's states say that a shift was on."""
    states = activity.units.get(unit.id)
    if states is None or not activity.has_working_states(unit.id):
        return []
    rows = np.flatnonzero(states.states.isin(MANNED).to_numpy())
    return [_interval(activity, states.starts[i], states.ends[i]) for i in rows]


def _reported(activity: Activity, unit: WorkUnit) -> list[Interval]:
    lots = activity.lots[activity.lots["work_unit"] == unit.id]
    return [
        _interval(activity, a, b)
        for a, b in zip(lots["start"].tolist(), lots["end"].tolist(), strict=True)
    ]


def _interval(activity: Activity, begin: float, end: float) -> Interval:
    return (
        activity.begin + timedelta(minutes=float(begin)),
        activity.begin + timedelta(minutes=float(end)),
    )
