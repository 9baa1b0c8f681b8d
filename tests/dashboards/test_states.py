"""The picture of states: one stacked bar a unit, adding up to the whole time."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dashboards.figures.states import parts, states_figure, states_page
from dashboards.tokens import DARK, LIGHT
from twin.accounting.indicators import Key
from twin.accounting.report import Estimate
from twin.accounting.simulation_report import Bottleneck, SimulationReport
from twin.model.horizon import Horizon
from twin.model.plant import STATES

SHARES = {
    "M-1": {"working": 0.6, "setup": 0.1, "down": 0.05, "repair": 0.05, "standby": 0.2},
    "<M-2>": {"working": 0.9, "blocked": 0.1},
}


@pytest.fixture
def report() -> SimulationReport:
    figures = {}
    for id, shares in SHARES.items():
        for state in STATES:
            mean = shares.get(state, 0.0)
            key = Key("work_unit", id, f"{state}_share")
            figures[key] = Estimate(mean, mean - 0.01, mean + 0.01, 20)
    waiting = Estimate(0.1, 0.09, 0.11, 20)
    return SimulationReport(
        plant="line & co", plan="EDD", engine="test", seed=1, replications=20,
        horizon=Horizon(datetime(2026, 1, 5, tzinfo=UTC), 10080), warm_up=0.0, currency="EUR",
        level=0.9, figures=figures, orders=(), bottleneck=Bottleneck("<M-2>", waiting, "", None),
    )  # fmt: skip


def test_every_state_has_one_colour() -> None:
    shown = [state for part in parts(LIGHT) for state in part.states]
    assert sorted(shown) == sorted(STATES)


def test_the_parts_of_a_bar_add_up_to_the_whole_time(report: SimulationReport) -> None:
    bars = states_figure(report).data
    for i in range(len(SHARES)):
        assert sum(bar.x[i] for bar in bars) == pytest.approx(100)


def test_down_and_repair_are_one_colour_and_unused_states_none(report: SimulationReport) -> None:
    bars = {bar.name: bar for bar in states_figure(report).data}
    assert bars["down, under repair"].x[0] == pytest.approx(10)
    assert set(bars) == {"working", "setup", "down, under repair", "blocked", "idle"}


def test_startup_is_not_called_as_the_start_that_is_cut_off() -> None:
    assert [part.label for part in parts(LIGHT) if "startup" in part.states] == ["startup"]


def test_the_title_counts_replications_and_days(report: SimulationReport) -> None:
    assert "mean of 20 replications of 7 days" in states_figure(report).layout.title.text
    once = replace(report, replications=1, warm_up=6 * 1440 + 30.0)
    assert "mean of 1 replication of 23.5 h" in states_figure(once).layout.title.text


def test_the_bottleneck_has_a_mark_and_names_are_escaped(report: SimulationReport) -> None:
    first, second = states_figure(report, DARK).layout.yaxis.ticktext
    assert first == "M-1"
    assert "▸ &lt;M-2&gt;" in second


def test_the_page_needs_no_network(report: SimulationReport) -> None:
    page = states_page(report)
    assert "<title>line &amp; co: states</title>" in page
    assert "cdn.plot.ly" not in page.replace("plotly.js", "")[:2000]
    assert 'src="http' not in page
