"""Distances of logs: none from itself, and known ones from a log that is shifted."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from twin.accounting.log_distance import Stretch, log_distances, stretch
from twin.model.events import EventLog

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
END = MONDAY + timedelta(days=7)


def rows(order: str, begin: float, steps: list[str], hours: float = 1.0) -> list[dict[str, Any]]:
    """An order released on Monday at 0:00 whose steps follow each other from an hour on."""
    found: list[dict[str, Any]] = [{"time": MONDAY, "event": "release", "order": order}]
    for n, step in enumerate(steps):
        start = MONDAY + timedelta(hours=begin + n * hours)
        work = {"order": order, "operation": step, "work_unit": "M", "lot": f"{order}{n}"}
        found.append({"time": start, "event": "start", **work})
        found.append({"time": start + timedelta(hours=hours), "event": "end", **work})
    done = MONDAY + timedelta(hours=begin + len(steps) * hours)
    return [*found, {"time": done, "event": "complete", "order": order}]


def a_log(shift: float = 0.0, last: str = "pack") -> Stretch:
    both = rows("A", 6 + shift, ["cut", "bend", last]) + rows("B", 30 + shift, ["cut", last])
    return stretch(EventLog.of(both).ordered(), MONDAY, END)


def test_a_log_is_no_distance_from_itself() -> None:
    found = log_distances(a_log(), a_log(), "UTC")
    assert found.to_dict() == {"cycle_time": 0, "arrivals": 0, "circadian": 0, "two_grams": 0}


def test_two_hours_later_is_two_hours_away() -> None:
    """Cycle times are 9 and 32 h; the week has 168 h; the day 24."""
    found = log_distances(a_log(shift=2.0), a_log(), "UTC")
    assert found.cycle_time == pytest.approx(2 / 20.5)
    assert found.arrivals == pytest.approx(2 / 168)
    assert found.circadian == pytest.approx(2 / 24)
    assert found.two_grams == 0


def test_another_last_operation_changes_its_two_pairs() -> None:
    """Of 4 + 3 transitions in each log, those to and from the last one differ in both orders."""
    found = log_distances(a_log(last="ship"), a_log(), "UTC")
    assert found.two_grams == pytest.approx(8 / 14)
    assert found.cycle_time == 0


def test_a_weekday_of_one_log_alone_counts_fully() -> None:
    """Work on Monday and Tuesday against Tuesday and Wednesday: one of three days is shared."""
    found = log_distances(a_log(shift=24.0), a_log(), "UTC")
    assert found.circadian == pytest.approx((1 + 1 + 0) / 3, abs=0.05)


def test_what_a_log_does_not_show_has_no_distance() -> None:
    empty = stretch(EventLog.of([]), MONDAY, END)
    found = log_distances(empty, a_log(), "UTC")
    assert math.isnan(found.cycle_time)
    assert found.to_dict()["arrivals"] is None


def test_only_what_lies_inside_is_looked_at() -> None:
    found = stretch(EventLog.of(rows("A", 6, ["cut"])), MONDAY + timedelta(hours=12), END)
    assert (found.cycle_hours, found.first_starts, len(found.lots)) == ([], [], 0)
