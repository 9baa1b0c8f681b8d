"""Late orders, their causes, the opening sentence and what changed since last night."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboards.figures.causes import delay_causes
from dashboards.figures.changes import plan_changes
from dashboards.figures.late import busiest_unit, late_orders, lead_sentence, order_statuses
from dashboards.figures.load import planned_load_kw
from dashboards.figures.plan_words import status_words
from twin.accounting.report import Report
from twin.model.schedule import Schedule, Segment, Value


def with_rows(report: Report, **changes: Any) -> Report:
    """The report with other due dates and chances: order=(due minus planned end, chance)."""
    rows = []
    for row in report.orders:
        if f"o{row.order}" in changes and row.planned_end is not None:
            _, chance = changes[f"o{row.order}"]
            row = replace(row, on_time=replace(row.on_time, mean=chance))
        rows.append(row)
    return replace(report, orders=tuple(rows))


def late_case(case: Any) -> Any:
    """The case with order 4101 due before its planned end and 4102 only likely on time."""
    orders = tuple(
        replace(
            o,
            due_date=case.schedule.horizon.to_datetime(
                case.schedule.completion(o.id) - 120 if o.id == "4101" else 4000
            ),
        )
        for o in case.orders
    )
    chances = {f"o{o.id}": (0, {"4101": 0.1, "4102": 0.66}.get(o.id, 0.99)) for o in orders}
    return replace(case, orders=type(case.orders)(orders), report=with_rows(case.report, **chances))


def test_an_order_planned_after_its_due_date_is_late(case: Any) -> None:
    late = late_case(case)
    assert order_statuses(late.schedule, late.orders, late.report)["4101"] == "late"


def test_an_order_that_is_only_likely_on_time_is_at_risk(case: Any) -> None:
    late = late_case(case)
    assert order_statuses(late.schedule, late.orders, late.report)["4102"] == "at risk"
    assert order_statuses(late.schedule, late.orders, None)["4102"] == "on time"


def test_rows_come_by_margin_with_unplaced_orders_first(case: Any) -> None:
    late = late_case(case)
    schedule = replace(late.schedule, unplaced=("4108",))
    rows = late_orders(schedule, late.orders, late.report, late.plant)
    assert [r.order for r in rows] == ["4108", "4101", "4102"]
    assert rows[1].margin == pytest.approx(-120)


def test_the_sentence_counts_late_and_at_risk(case: Any) -> None:
    late = late_case(case)
    lead = lead_sentence(late.schedule, late.orders, late.report, late.plant)
    assert lead.answer == "1 of 8 orders is expected late, 1 more is at risk."


def test_the_sentence_says_when_nothing_is_simulated(case: Any) -> None:
    late = late_case(case)
    lead = lead_sentence(late.schedule, late.orders, None, late.plant)
    assert lead.answer == "1 of 8 orders is expected late by the plan's own times."


def test_the_busiest_unit_has_the_largest_share_of_its_open_time(case: Any) -> None:
    segments = (
        Segment("F-1", 0.0, 1440.0, "work", "4101", "harden"),
        Segment("K-1", 60.0, 960.0, "work", "4102", "pack"),
    )
    unit, share = busiest_unit(replace(case.schedule, segments=segments), case.plant)
    assert (unit, share) == ("F-1", 1.0)


def test_causes_add_up_to_the_time_from_release_to_planned_end(case: Any) -> None:
    for order in case.orders:
        causes = delay_causes(case.schedule, case.plant, order)
        assert sum(c.minutes for c in causes) == pytest.approx(case.schedule.completion(order.id))


def test_a_night_off_shift_is_no_waiting(case: Any) -> None:
    """Work from 21:00 to 07:00 on a unit that closes from 22:00 to 06:00."""
    work = (
        Segment("P-1", 960.0, 1020.0, "work", "4101", "press"),
        Segment("P-1", 1500.0, 1560.0, "work", "4101", "press"),
    )
    schedule = replace(case.schedule, segments=work)
    release = replace(case.orders["4101"], release_date=schedule.horizon.to_datetime(960))
    causes = {c.kind: c.minutes for c in delay_causes(schedule, case.plant, release)}
    assert causes == {"work": 120.0, "closed": 480.0}


def test_moves_and_changed_units_are_counted_apart(case: Any, previous: Schedule) -> None:
    changes = plan_changes(case.schedule, previous)
    assert {m.order for m in changes.moved_in_time} <= {"4103"}
    assert all(m.shift == pytest.approx(-120) for m in changes.moved_in_time)
    assert {m.order for m in changes.changed_unit} <= {"4105"}
    assert changes.moved


def test_a_plan_compared_with_itself_has_no_change(case: Any) -> None:
    changes = plan_changes(case.schedule, case.schedule)
    assert changes.moved == changes.maintenance == changes.new_orders == ()
    assert changes.compared == len(case.schedule.assignments)


def test_plans_are_compared_as_instants(case: Any) -> None:
    """The same work seen from a horizon that starts an hour earlier has not moved."""
    horizon = case.schedule.horizon
    earlier = replace(horizon, start=horizon.to_datetime(-60))
    shifted = [replace(s, start=s.start + 60, end=s.end + 60) for s in case.schedule.segments]
    before = replace(case.schedule, horizon=earlier, segments=tuple(shifted))
    assert plan_changes(case.schedule, before).moved == ()


def test_planned_load_holds_the_energy_of_every_segment(case: Any) -> None:
    one = replace(case.schedule, segments=(Segment("P-1", 70.0, 100.0, "work", "4101", "press"),))
    none = replace(case.schedule, segments=())
    extra = planned_load_kw(one, case.plant) - planned_load_kw(none, case.plant)
    assert extra.sum() / 4 == pytest.approx((30 - 0.2) * 0.5)
    assert list(extra.nonzero()[0]) == [4, 5, 6]


def test_the_gap_is_told_as_what_could_be_saved_at_most(case: Any) -> None:
    value = Value(800.0, 200.0, *([0.0] * 10))
    schedule = replace(case.schedule, value=value, bound=982.0, status="feasible")
    assert schedule.gap == pytest.approx(0.018)
    words = status_words(schedule).replace("\u202f", " ")
    assert words == "obeys every rule, no plan can be more than 1.8 % cheaper"


def test_a_fallback_plan_says_why(case: Any) -> None:
    schedule = replace(case.schedule, status="fallback", note="no time left")
    assert status_words(schedule) == "fallback plan, the optimiser failed: no time left"
