"""Shift calendars found in busy times: the pattern put in comes out."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from twin.calibration.activity import read_activity
from twin.calibration.calendar_check import check_calendars
from twin.calibration.calendars import Interval, disagreement, discover_calendar
from twin.model.horizon import Horizon
from twin.model.plant import Plant
from twin.model.shifts import Calendar, Variant, Weekday

MONDAY = datetime(2026, 11, 2)
ZONE = "Europe/Paris"


def busy(
    calendar: Calendar, weeks: int, share: float, seed: int = 1, first: datetime = MONDAY
) -> list[Interval]:
    """Reports of about an hour that fill a share of a calendar's open time."""
    rng = np.random.default_rng(seed)
    span = horizon(weeks, first)
    opening = calendar.open_time(span)
    found = []
    for begin, end in zip(opening.starts, opening.ends, strict=True):
        edges = [begin, *np.arange(begin + 60, end, 60), end]
        for a, b in pairwise(edges):
            if rng.uniform() < share:
                found.append((span.to_datetime(float(a)), span.to_datetime(float(b))))
    return found


def horizon(weeks: int, first: datetime = MONDAY) -> Horizon:
    return Horizon(first.replace(tzinfo=ZoneInfo(ZONE)), weeks * 7 * 1440, ZONE)


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
    intervals.append((saturday, saturday + timedelta(minutes=30)))
    found = discover_calendar(intervals, ZONE, id="found")
    assert "sat" not in found.calendar.weekly
    assert found.inside < 1


def test_a_saturday_of_overtime_is_an_exception() -> None:
    overtime = TWO_SHIFTS.model_copy(update={"exceptions": {date(2026, 11, 21): ["07:00-13:00"]}})
    found = discover_calendar(busy(overtime, 6, 1.0), ZONE, id="found").calendar
    assert found.weekly == TWO_SHIFTS.weekly
    assert found.exceptions == overtime.exceptions


def test_shifts_need_not_begin_on_a_quarter_of_an_hour() -> None:
    windows = ["05:50-13:20", "13:50-21:40"]
    odd = Calendar(id="true", weekly=dict.fromkeys(TWO_SHIFTS.weekly, windows))
    found = discover_calendar(busy(odd, 6, 0.9), ZONE, id="found", may_pause=False).calendar
    assert found.weekly == odd.weekly


def test_other_hours_between_two_dates_are_a_variant() -> None:
    hours = weekly(**{d: ["08:00-15:00"] for d in ("mon", "tue", "wed", "thu", "fri")})
    ramadan = Variant(
        name="Ramadan", first=date(2026, 11, 18), last=date(2026, 12, 16), weekly=hours
    )
    true = TWO_SHIFTS.model_copy(update={"variants": [ramadan]})
    found = discover_calendar(busy(true, 9, 1.0), ZONE, id="found").calendar
    (variant,) = found.variants
    assert found.weekly == TWO_SHIFTS.weekly
    assert variant.weekly == hours
    assert disagreement(found, true, horizon(9)).share == 0


def test_a_holiday_of_a_night_shift_takes_its_hours_after_midnight_along() -> None:
    nights = Calendar(
        id="true",
        weekly={d: ["22:00-06:00"] for d in ("mon", "tue", "wed", "thu")},
        exceptions={date(2026, 11, 18): []},
    )  # fmt: skip
    found = discover_calendar(busy(nights, 6, 1.0), ZONE, id="found").calendar
    assert disagreement(found, nights, horizon(6)).share == 0


def test_reports_over_night_are_no_work_at_night() -> None:
    """Lots of five hours, reported from start to end, of which every third runs over night."""
    true = Calendar(id="true", weekly={day: ["06:00-18:00"] for day in TWO_SHIFTS.weekly})
    rng, reports = np.random.default_rng(5), []
    opening = true.open_time(horizon(8))
    for _ in range(8):
        at = float(rng.uniform(0, 200))
        while pieces := opening.work(opening.next_open(at), float(rng.uniform(100, 500))):
            begin, at = pieces[0][0], pieces[-1][1]
            reports.append((horizon(8).to_datetime(begin), horizon(8).to_datetime(at)))
            at += float(rng.exponential(20))
    found = discover_calendar(reports, ZONE, id="found").calendar
    assert disagreement(found, true, horizon(8)).share < 0.002


def test_a_disagreement_counts_either_side() -> None:
    early = Calendar(id="a", weekly=weekly(mon=["06:00-14:00"]))
    late = Calendar(id="b", weekly=weekly(mon=["07:00-16:00"]))
    found = disagreement(early, late, horizon(2))
    assert (found.only_found, found.only_nominal) == (2 * 60, 2 * 120)
    assert found.share == pytest.approx(360 / 20160)


def test_the_plants_calendar_is_compared_with_its_units(
    write: Any, plant: Plant, begin: datetime
) -> None:
    """P-1 works from 08:00 to 12:00, whatever its calendar says."""
    for day in range(28):
        if (begin + timedelta(days=day)).weekday() < 5:
            write.state(day * 1440 + 120, "P-1", "working")
            write.state(day * 1440 + 360, "P-1", "off")
    activity = read_activity(write.log, plant, begin + timedelta(days=28))
    (check,) = check_calendars(activity)
    assert check.found.calendar.weekly["mon"] == ["08:00-12:00"]
    assert check.is_worth_a_word
    assert check.work_units == tuple(
        u.id for u in plant.work_units if u.calendar == plant.unit("P-1").calendar
    )
    assert check.nominal.id in check.describe()


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
