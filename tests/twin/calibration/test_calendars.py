"""Shift calendars found in busy times: the pattern put in comes out."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from twin.calibration.calendars import Interval, discover_calendar
from twin.model.horizon import Horizon
from twin.model.shifts import Calendar, Weekday

MONDAY = datetime(2026, 11, 2)
ZONE = "Europe/Paris"


def busy(
    calendar: Calendar, weeks: int, share: float, seed: int = 1, first: datetime = MONDAY
) -> list[Interval]:
    """Reports of about an hour that fill a share of a calendar's open time."""
    rng = np.random.default_rng(seed)
    horizon = Horizon(first.replace(tzinfo=ZoneInfo(ZONE)), weeks * 7 * 1440, ZONE)
    opening = calendar.open_time(horizon)
    found = []
    for begin, end in zip(opening.starts, opening.ends, strict=True):
        edges = [begin, *np.arange(begin + 60, end, 60), end]
        for a, b in pairwise(edges):
            if rng.uniform() < share:
                found.append((horizon.to_datetime(float(a)), horizon.to_datetime(float(b))))
    return found


def weekly(**windows: list[str]) -> dict[Weekday, list[str]]:
    return windows  # type: ignore[return-value]


TWO_SHIFTS = Calendar(
    id="true",
    weekly=weekly(
        mon=["06:00-22:00"], tue=["06:00-22:00"], wed=["06:00-22:00"], thu=["06:00-22:00"],
        fri=["06:00-12:30", "14:00-22:00"],
    ),
)  # fmt: skip


def test_the_weekly_pattern_is_found() -> None:
    found = discover_calendar(busy(TWO_SHIFTS, 6, 0.9), ZONE, id="found")
    assert found.calendar.weekly == TWO_SHIFTS.weekly
    assert found.inside == pytest.approx(1.0)
    assert found.days == 30


def test_windows_stay_on_the_wall_clock_over_a_change_of_clock() -> None:
    intervals = busy(TWO_SHIFTS, 6, 0.9, first=datetime(2026, 10, 5))
    assert discover_calendar(intervals, ZONE, id="found").calendar.weekly == TWO_SHIFTS.weekly


def test_a_night_shift_runs_over_midnight() -> None:
    night = Calendar(id="true", weekly=weekly(mon=["22:00-06:00"], tue=["22:00-06:00"]))
    found = discover_calendar(busy(night, 6, 1.0), ZONE, id="found").calendar.weekly
    assert found == {"mon": ["22:00-24:00"], "tue": ["00:00-06:00", "22:00-24:00"],
                     "wed": ["00:00-06:00"]}  # fmt: skip


def test_a_holiday_is_an_exception() -> None:
    holiday = date(2026, 11, 18)
    closed = TWO_SHIFTS.model_copy(update={"exceptions": {holiday: []}})
    found = discover_calendar(busy(closed, 6, 0.9), ZONE, id="found").calendar
    assert found.exceptions == {holiday: []}
    assert found.weekly == TWO_SHIFTS.weekly


def test_a_log_cut_in_the_morning_makes_no_holiday() -> None:
    cut = datetime(2026, 12, 10, 5, 20, tzinfo=UTC)
    intervals = [(a, min(b, cut)) for a, b in busy(TWO_SHIFTS, 6, 1.0) if a < cut]
    assert discover_calendar(intervals, ZONE, id="found").calendar.exceptions == {}


def test_a_little_overtime_is_no_shift() -> None:
    intervals = busy(TWO_SHIFTS, 6, 0.9)
    saturday = datetime(2026, 11, 7, 9, tzinfo=UTC)
    intervals.append((saturday, saturday + timedelta(hours=3)))
    found = discover_calendar(intervals, ZONE, id="found")
    assert "sat" not in found.calendar.weekly
    assert found.inside < 1


def test_pooled_weekdays_share_their_windows() -> None:
    """Four weeks of a resource busy half of its shift are too thin for a pattern a weekday."""
    early = Calendar(id="true", weekly={d: ["06:00-14:00"] for d in TWO_SHIFTS.weekly})
    found = discover_calendar(
        busy(early, 4, 0.5), ZONE, id="found", by_weekday=False, open_share=0.3, with_holidays=False
    )
    assert found.calendar.weekly == early.weekly


def test_round_the_clock_has_no_gap() -> None:
    always = Calendar(id="true", weekly={d: ["00:00-24:00"] for d in
                      ("mon", "tue", "wed", "thu", "fri", "sat", "sun")})  # fmt: skip
    found = discover_calendar(busy(always, 4, 1.0), ZONE, id="found")
    assert found.calendar.weekly == always.weekly


def test_no_busy_time_is_a_wrong_call() -> None:
    with pytest.raises(ValueError, match="no busy interval"):
        discover_calendar([], ZONE, id="found")
