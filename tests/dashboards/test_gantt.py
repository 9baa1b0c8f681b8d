"""The plan's figure says what the schedule says, with a fixed number of traces and few shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboards.figures.gantt import legend, plan_figure
from dashboards.figures.marks import rows_of
from dashboards.figures.time_axis import milliseconds, time_ticks
from dashboards.tokens import TOKENS
from twin.model.schedule import Schedule, Segment

LIGHT = TOKENS["light"]


def draw(case: Any, **options: Any) -> go.Figure:
    return plan_figure(
        case.schedule, case.plant, case.forecast, case.report, LIGHT, orders=case.orders, **options
    )


def bars(figure: go.Figure, *names: str) -> list[go.Bar]:
    return [t for t in figure.data if t.type == "bar" and t.name in names]


def minutes(figure: go.Figure, *names: str) -> float:
    return sum(sum(t.x) for t in bars(figure, *names)) / 60_000


def planned(schedule: Schedule, kind: str) -> float:
    return sum(s.minutes for s in schedule.segments if s.kind == kind)


def trace(figure: go.Figure, name: str) -> Any:
    return next(t for t in figure.data if t.name == name)


def test_work_bars_last_as_long_as_the_work_of_the_schedule(case: Any) -> None:
    drawn = minutes(draw(case), "working", "at risk", "late order")
    assert drawn == pytest.approx(planned(case.schedule, "work"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("setup", "setup"),
        ("maintenance", "maintenance"),
        ("standby", "standby"),
        ("warm-up", "startup"),
    ],
)
def test_bars_of_a_state_last_as_long_as_its_segments(case, name: str, kind: str) -> None:
    standby = Segment("F-1", 4000.0, 4200.0, "standby")
    segments = (*case.schedule.segments, standby)
    case = replace(case, schedule=replace(case.schedule, segments=segments))
    assert planned(case.schedule, kind) > 0
    assert minutes(draw(case), name) == pytest.approx(planned(case.schedule, kind))


def test_off_shift_bars_are_the_closed_time_of_the_calendars(case: Any) -> None:
    horizon = case.schedule.horizon
    calendars = {c.id: c for c in case.plant.calendars}
    closed = sum(
        horizon.minutes
        - calendars[u.calendar].open_time(horizon).working_minutes(0, horizon.minutes)
        for u in case.plant.work_units
        if u.calendar in calendars
    )
    assert minutes(draw(case), "off shift") == pytest.approx(closed)


def test_the_number_of_traces_does_not_depend_on_the_number_of_bars(case: Any) -> None:
    few = replace(case, schedule=replace(case.schedule, segments=case.schedule.segments[:3]))
    assert len(draw(few).data) == len(draw(case).data)


def test_shapes_stay_under_twenty_on_a_fortnight(make_case: Callable[..., Any]) -> None:
    long = make_case(days=14)
    assert 0 < len(draw(long).layout.shapes) < 20


def test_a_late_order_is_drawn_late_and_one_at_risk_striped(case: Any) -> None:
    ends = {o.id: case.schedule.completion(o.id) for o in case.orders}
    first, second = case.report.orders[:2]
    late = replace(first, due=ends[first.order] - 60)
    risky = replace(second, due=ends[second.order] + 60, on_time=replace(second.on_time, mean=0.66))
    report = replace(case.report, orders=(late, risky))
    figure = plan_figure(case.schedule, case.plant, case.forecast, report, LIGHT)
    assert {row[2] for row in trace(figure, "late order").customdata} == {first.order}
    assert {row[2] for row in trace(figure, "at risk").customdata} == {second.order}
    assert trace(figure, "at risk").marker.pattern.shape == "/"


def test_labels_are_written_only_where_they_fit(case: Any) -> None:
    figure = draw(case, width=700, window=(0.0, 1440.0))
    px_per_ms = 700 / (1440 * 60_000)
    for t in bars(figure, "working"):
        shown = [(text, x) for text, x in zip(t.text, t.x, strict=True) if text]
        assert shown
        assert len(shown) < len(t.x)
        assert all(x * px_per_ms >= 6 * len(text) for text, x in shown)


@pytest.mark.parametrize("name", ["price", "carbon"])
def test_ribbon_edges_are_the_slots_on_a_day_of_clock_change(ramadan_case: Any, name: str) -> None:
    horizon = ramadan_case.schedule.horizon
    ribbon = trace(draw(ramadan_case), name)
    expected = [horizon.to_datetime(m).timestamp() * 1000 for m in horizon.edges]
    np.testing.assert_allclose(ribbon.x, expected)
    assert np.shape(ribbon.z) == (1, horizon.slots)


def test_the_repeated_hour_has_two_ticks_with_their_offsets(ramadan_case: Any) -> None:
    horizon = ramadan_case.schedule.horizon
    ticks = time_ticks(horizon, 0.0, horizon.minutes, 1)
    twice = [t.split("<br>")[0] for t in ticks.texts if t.startswith("02:00")]
    assert "02:00+01" in twice
    assert "02:00+00" in twice
    assert np.diff(ticks.minutes).max() == np.diff(ticks.minutes).min() == 60


def test_bars_ribbons_and_load_share_one_x_axis(case: Any) -> None:
    figure = draw(case)
    assert {t.xaxis for t in figure.data} <= {None, "x"}
    domains = [figure.layout[f"yaxis{n}"].domain for n in ("", 2, 3)]
    spans = sorted(domains)
    assert all(a[1] < b[0] for a, b in pairwise(spans))


def test_a_few_moved_operations_show_their_place_of_last_night(
    case: Any, previous: Schedule
) -> None:
    assert "last night's place" in legend(draw(case, previous=previous))


def test_many_moved_operations_show_no_place_but_the_selected(case: Any) -> None:
    shifted = [replace(s, start=s.start + 90, end=s.end + 90) for s in case.schedule.segments]
    before = replace(case.schedule, segments=tuple(shifted))
    assert not trace(draw(case, previous=before), "last night's place").x
    one = trace(draw(case, previous=before, selected="4104"), "last night's place")
    operations = [a for a in case.schedule.assignments if a.order == "4104"]
    assert len(one.x) == 6 * len(operations)


def test_the_legend_names_only_states_that_occur(case: Any) -> None:
    assert "down" not in legend(draw(case))
    assert "down" in legend(draw(case, down_until={"P-2": 90.0}))


def test_rows_of_an_area_lie_together(case: Any) -> None:
    y = rows_of(case.plant).y
    assert y["P-2"] - y["P-1"] == 1
    assert y["F-1"] - y["P-2"] > 1


def test_the_now_line_stands_at_the_cut_off(case: Any) -> None:
    figure = draw(case)
    assert figure.layout.shapes[-1].x0 == milliseconds(case.schedule.horizon, 0.0)
    assert any(a.text == "now 05:00" for a in figure.layout.annotations)


def test_ribbon_figures_in_view_do_not_touch(case: Any) -> None:
    figures = trace(draw(case, width=500), "ribbon figures")
    px_per_ms = (500 - 130) / (case.schedule.horizon.minutes * 60_000)
    for row in set(figures.y):
        shown = [
            (x, t)
            for x, y, t in zip(figures.x, figures.y, figures.text, strict=True)
            if y == row and t
        ]
        assert shown
        for (x, text), (after, _) in pairwise(sorted(shown)):
            assert (after - x) * px_per_ms > 6 * len(text)
