"""The page Now: what it says of a look of the live twin, and of the absence of one."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dash import Dash

from dashboards.app import create_app
from dashboards.catalogue import text
from dashboards.figures.marks import rows_of
from dashboards.figures.now import AHEAD, BACK, now_figure, planned_bars
from dashboards.pages import now
from dashboards.tokens import LIGHT
from dashboards.url_state import View
from scenarios.archive import Run
from tests.archives import PLANT, small_run
from tests.dashboards.test_pages import parts, words
from tests.live_twin import small_live


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def live(run: Run) -> dict[str, Any]:
    return small_live(run)


@pytest.fixture
def app(run: Run, live: dict[str, Any]) -> Dash:
    """With the look in the archive, whatever another test has left there."""
    (run.folder.parent / "live.json").write_text(json.dumps(live))
    return create_app(run.folder.parent)


def shown(app: Dash) -> str:
    with app.server.test_request_context():
        return words(now.render(View()))


def alert(live: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "id": "stop:P-1:20261123T090000Z", "raised": live["at"], "kind": "stop", "subject": "P-1",
        "severity": "alarm", "since": live["at"], "what": "P-1 has been down for 6 h",
        "expected": "98% of such stops are over after 5 h", "remedy": "ask the crew for an end",
        "order": "", "work_unit": "P-1", **changes,
    }  # fmt: skip


def test_every_work_unit_has_a_row(app: Dash) -> None:
    with app.server.test_request_context():
        ids = {getattr(part, "id", "") for part in parts(now.render(View()))}
    assert {f"now-unit-{unit.id}" for unit in PLANT.work_units} <= ids


def test_a_day_on_plan_is_calm(live: dict[str, Any]) -> None:
    calm = {**live, "alerts": []}
    assert text("now.calm") in words(now.alerts_card(calm))


def test_an_alert_tells_what_since_when_and_what_to_do(live: dict[str, Any]) -> None:
    told = words(now.alerts_card({**live, "alerts": [alert(live)]}))
    for piece in ("Alarm", "P-1 has been down for 6 h", "98% of such", "Ask the crew", "since"):
        assert piece in told


def test_the_age_of_the_look_stands_on_top(live: dict[str, Any]) -> None:
    at = datetime.fromisoformat(live["at"])
    line = words(now.age_line(live, at + timedelta(seconds=8)))
    assert f"{at.astimezone(PLANT.zone):%H:%M:%S}" in line
    assert "8\u202fs ago" in line


@pytest.mark.parametrize(
    ("seconds", "changes", "said"),
    [
        (8, {}, "The latest event was"),
        (120, {}, "has not looked since"),
        (8, {"stopped": "2026-11-23T09:00:00+00:00"}, "has been stopped"),
        (8, {"data": {"trouble": "no answer", "newest": None}}, "cannot be read: no answer"),
        (8, {"data": {"trouble": "", "newest": None}}, "No event has arrived"),
    ],
)
def test_stale_data_are_called_so(
    live: dict[str, Any], seconds: float, changes: dict[str, Any], said: str
) -> None:
    at = datetime.fromisoformat(live["at"])
    assert said in words(now.age_line({**live, **changes}, at + timedelta(seconds=seconds)))


def test_without_a_live_twin_the_page_says_what_to_type(app: Dash, run: Run) -> None:
    (run.folder.parent / "live.json").unlink()
    assert "noria watch" in shown(app)


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_file_is_as_good_as_none(app: Dash, run: Run, content: str) -> None:
    (run.folder.parent / "live.json").write_text(content)
    assert "noria watch" in shown(app)


def test_a_plan_that_is_gone_is_told_and_the_rest_is_shown(
    app: Dash, run: Run, live: dict[str, Any]
) -> None:
    gone = {**live, "plan": {**live["plan"], "run": "2026-01-01T0500-deadbeef"}}
    (run.folder.parent / "live.json").write_text(json.dumps(gone))
    said = shown(app)
    assert "2026-01-01T0500-deadbeef" in said
    assert "P-1" in said


def test_the_figure_has_what_happened_left_of_now_and_the_plan_on_both_sides(
    run: Run, live: dict[str, Any]
) -> None:
    figure = now_figure(live, run.schedule, PLANT, LIGHT)
    at = datetime.fromisoformat(live["at"]).timestamp() * 1000
    working = [t for t in figure.data if t.name in ("working", "late order")]
    assert working
    for trace in working:
        ends = [base + length for base, length in zip(trace.base, trace.x, strict=True)]
        assert max(ends) <= at + 1
    assert any(t.name == "plan: work" and max(t.base) >= at for t in figure.data)
    assert list(figure.layout.xaxis.range) == pytest.approx([at - BACK * 6e4, at + AHEAD * 6e4])


def test_work_on_an_order_with_an_alert_is_drawn_as_late(run: Run, live: dict[str, Any]) -> None:
    order = next(s["order"] for s in live["stretches"] if s["state"] == "working")
    warned = {**live, "alerts": [alert(live, kind="late_risk", order=order)]}
    late = [
        t for t in now_figure(warned, run.schedule, PLANT, LIGHT).data if t.name == "late order"
    ]
    assert any(f" {order} " in hover for hover in late[0].customdata)


def test_planned_bars_are_cut_to_the_hours_shown(run: Run) -> None:
    for bars in planned_bars(run.schedule, rows_of(PLANT), (60.0, 180.0)).values():
        for start, length in zip(bars.starts, bars.lengths, strict=True):
            assert 60.0 <= start < start + length <= 180.0


def test_the_page_loads_from_an_archive_that_never_was_watched(tmp_path: Path) -> None:
    run = small_run(tmp_path / "runs")
    assert "noria watch" in shown(create_app(run.folder.parent))
