"""Shift calendars become open minutes; clock changes neither make nor lose any."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError

from twin.model.horizon import Horizon
from twin.model.shifts import WEEKDAYS, Calendar, OpenTime, Variant


def horizon(year: int, month: int, day: int, days: int, zone: str) -> Horizon:
    return Horizon(datetime(year, month, day, tzinfo=ZoneInfo(zone)), days * 1440, zone)


def every_day(*windows: str) -> dict:
    return {day: list(windows) for day in WEEKDAYS}


def test_a_night_shift_belongs_to_the_day_it_starts_on() -> None:
    friday = Calendar(id="n", weekly={"fri": ["22:00-06:00"]})
    monday = horizon(2026, 11, 23, 7, "UTC")
    found = friday.open_time(monday)
    assert [
        (monday.local(a), monday.local(b)) for a, b in zip(found.starts, found.ends, strict=True)
    ] == [(datetime(2026, 11, 27, 22, tzinfo=UTC), datetime(2026, 11, 28, 6, tzinfo=UTC))]


def test_a_night_shift_under_way_at_the_start_is_not_lost() -> None:
    calendar = Calendar(id="n", weekly=every_day("22:00-06:00"))
    assert calendar.open_time(horizon(2026, 11, 23, 1, "UTC")).is_open(60)


def test_a_window_keeps_its_wall_clock_over_a_change_of_clock() -> None:
    """Paris puts its clock back on 25 Oct 2026: the day has 25 hours, the shift still 8."""
    calendar = Calendar(id="d", weekly=every_day("06:00-14:00"))
    found = calendar.open_time(horizon(2026, 10, 25, 1, "Europe/Paris"))
    assert found.starts[0] == 7 * 60
    assert found.ends[0] - found.starts[0] == 8 * 60


def test_a_night_shift_over_a_change_of_clock_has_its_real_length() -> None:
    calendar = Calendar(id="n", weekly={"sat": ["22:00-06:00"]})
    found = calendar.open_time(horizon(2026, 10, 24, 2, "Europe/Paris"))
    assert found.ends[0] - found.starts[0] == 9 * 60


def test_ramadan_hours_replace_the_weekly_pattern_between_their_dates() -> None:
    ramadan = Variant(
        name="Ramadan",
        first=date(2026, 2, 18),
        last=date(2026, 3, 19),
        weekly=every_day("09:00-15:00"),
    )
    calendar = Calendar(id="d", weekly=every_day("06:00-14:00"), variants=[ramadan])
    assert calendar.windows_on(date(2026, 2, 17)) == ["06:00-14:00"]
    assert calendar.windows_on(date(2026, 2, 18)) == ["09:00-15:00"]
    assert calendar.windows_on(date(2026, 3, 20)) == ["06:00-14:00"]


def test_morocco_changes_its_clock_for_ramadan() -> None:
    """The calendar is read on the wall clock: 06:00 is another UTC hour before and after."""
    calendar = Calendar(id="d", weekly=every_day("06:00-14:00"))
    around = horizon(2026, 2, 14, 3, "Africa/Casablanca")
    starts = calendar.open_time(around).starts
    assert [around.local(s).hour for s in starts] == [6, 6, 6]
    assert sorted({starts[1] - starts[0], starts[2] - starts[1]}) == [1440, 1500]


def test_a_holiday_wins_over_everything() -> None:
    calendar = Calendar(
        id="d", weekly=every_day("06:00-14:00"), exceptions={date(2026, 11, 18): []}
    )
    assert calendar.open_time(horizon(2026, 11, 18, 1, "UTC")).working_minutes(0, 1440) == 0


@pytest.mark.parametrize("window", ["6:00-14:00", "06:00-25:00", "08:00-08:00", "24:00-02:00", "x"])
def test_a_window_that_is_none_is_refused(window: str) -> None:
    with pytest.raises(ValidationError):
        Calendar(id="d", weekly={"mon": [window]})


def test_work_pauses_off_shift_and_resumes() -> None:
    opened = OpenTime.of([(0, 100), (200, 300), (400, 500)], 1000)
    assert opened.work(50, 120) == [(50, 100), (200, 270)]
    assert opened.work(120, 30) == [(200, 230)]
    assert opened.work(450, 51) == []


def test_working_minutes_and_work_are_inverse() -> None:
    opened = OpenTime.of([(0, 100), (200, 300), (400, 500)], 1000)
    pieces = opened.work(50, 170)
    assert opened.working_minutes(50, pieces[-1][1]) == 170


def test_open_minutes_before_two_instants_differ_by_the_working_minutes_between() -> None:
    opened = OpenTime.of([(10, 20), (30, 50), (55, 60)], 100)
    draws = np.random.default_rng(5)
    begin = draws.uniform(-10, 80, 200)
    end = begin + draws.uniform(0, 60, 200)
    each = [opened.working_minutes(a, b) for a, b in zip(begin, end, strict=True)]
    found = opened.minutes_before(end) - opened.minutes_before(begin)
    assert found == pytest.approx(each, abs=1e-9)


def test_a_calendar_that_never_opens_has_no_open_minutes() -> None:
    assert OpenTime.of([], 100).minutes_before(np.array([0.0, 50.0])).tolist() == [0, 0]


def test_touching_windows_are_one_interval() -> None:
    calendar = Calendar(id="d", weekly=every_day("00:00-24:00"))
    assert len(calendar.open_time(horizon(2026, 11, 23, 7, "UTC")).starts) == 1
