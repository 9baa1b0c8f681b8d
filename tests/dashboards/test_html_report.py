"""The nightly report: one file, no network, whole or absent, the same bytes for the same input."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from dashboards.html_report import write_report
from twin.accounting.comparison import Difference
from twin.calibration.estimates import Calibration, ParameterEstimate
from twin.model.schedule import Schedule


def estimate(key: str, value: float, nominal: float) -> ParameterEstimate:
    return ParameterEstimate(
        "time_to_failure", "P-1", key, value, 0.8 * value, 1.2 * value, "min", 14, 3, "weibull",
        nominal=nominal,
    )  # fmt: skip


@pytest.fixture(scope="module")
def everything(case: Any, previous: Schedule) -> dict[str, Any]:
    at = datetime(2026, 11, 23, tzinfo=UTC)
    estimates = (estimate("spindle", 6000, 7200), estimate("feeder", 6000, 9000))
    return {
        "plant": case.plant,
        "orders": case.orders,
        "forecast": case.forecast,
        "schedule": case.schedule,
        "report": case.report,
        "previous": previous,
        "comparison": {"total_cost": Difference(-400.0, -600.0, -200.0, 200, 81_700.0, 81_300.0)},
        "calibration": Calibration("small", "log.csv", at, at, 100, estimates),
        "diagnosis": None,
        "closeness": [
            {"kpi": "OEE", "unit": "%", "true": 61.0, "nominal": 70.0, "calibrated": 62.0,
             "closer": "calibrated"}
        ],
        "ledger_row": {"run_id": "2026-11-23-abc", "seed": 7},
    }  # fmt: skip


@pytest.fixture(scope="module")
def page(everything: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, **everything)
    return path.read_text(encoding="utf-8")


def without_plotly(page: str) -> str:
    """The page without the library, whose source names addresses it does not call here."""
    from plotly.offline import get_plotlyjs

    assert page.count(get_plotlyjs()) == 1
    return page.replace(get_plotlyjs(), "")


def test_nothing_is_loaded_from_outside(page: str) -> None:
    own = without_plotly(page)
    loads = re.findall(r"(?:src|href)\s*=\s*[\"']?([^\"'\s>]+)|url\(([^)]{1,30})", own)
    assert {a or b[:5] for a, b in loads} == {"data:"}
    assert "http" not in own


def test_every_section_is_there(page: str) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles == [
        "Plan", "Late and at risk", "Changed since last night", "Optimised against naive",
        "May the data be believed", "What the log taught the twin", "Twin against the true plant",
        "Ledger row",
    ]  # fmt: skip


def test_the_title_names_plan_and_status(page: str) -> None:
    assert "<h1>Small test plant</h1>" in page
    assert "Plan 2026-11-23-abc" in page
    assert "obeys every rule, distance from the best unknown" in page


def test_a_surprising_estimate_is_told_before_the_whole_table(page: str) -> None:
    first, _, whole = page.partition("<details>")
    assert "feeder" in first
    assert "spindle" not in first.partition("What the log taught")[2]
    assert "spindle" in whole


def test_same_input_gives_the_same_bytes(everything: dict[str, Any], tmp_path: Path) -> None:
    write_report(tmp_path / "a.html", **everything)
    write_report(tmp_path / "b.html", **everything)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_only_the_plan_is_needed(case: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(
        path, plant=case.plant, orders=case.orders, forecast=case.forecast, schedule=case.schedule
    )
    page = path.read_text(encoding="utf-8")
    assert "The plan was not simulated" in page
    assert "There is no earlier plan to compare with" in page
    assert "Ledger row" not in page


def test_a_failed_write_leaves_the_old_report_and_no_rest(
    everything: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("twin.connectors.whole_files.os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_report(path, **everything)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_text_from_files_cannot_become_markup(everything: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, **{**everything, "ledger_row": {"note": "<script>alert(1)</script>"}})
    page = path.read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.browser
def test_a_browser_asks_for_nothing_and_reports_no_error(
    everything: dict[str, Any], tmp_path: Path, browser: Browser
) -> None:
    path = tmp_path / "report.html"
    write_report(path, **everything)
    asked: list[str] = []
    errors: list[str] = []
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    tab.goto(path.as_uri())
    tab.wait_for_selector("#plan-figure .barlayer .point")
    width = tab.evaluate("document.documentElement.scrollWidth")
    tab.click("button[data-hours='24']")
    tab.wait_for_function(
        "document.getElementById('plan-figure')._fullLayout.xaxis.ticktext.length > 20"
    )
    tab.close()
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert errors == []
    assert width == 1280


def test_what_was_assumed_is_said_before_the_plan(
    everything: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    write_report(path, **everything, notes=["power is assumed: 8 kW <each>"])
    page = path.read_text(encoding="utf-8")
    assert page.index("power is assumed: 8 kW &lt;each&gt;") < page.index('id="plan-figure"')
