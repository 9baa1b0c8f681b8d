"""The report says which parameters are in force, why, what drifted, and what was before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from dashboards.report_parameters import parameters_body, ratio_figure
from scenarios.duel import Duel, FigureScore
from scenarios.parameter_store import Night
from twin.calibration.drift import Drift

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)
DAY = timedelta(days=1)
SCORE = FigureScore("work_unit", "working_h", 0.5, 0.4)
DUEL = Duel((AT - 2 * DAY, AT - DAY), 1, 0.97, 0.93, 1.02, (SCORE,))
DRIFT = Drift("MILL-1", "mill", "slower", AT - DAY, AT, 14, 1.08, 2)
FIRST = Night(AT, "first", "nothing to compare with", AT, (AT - 9 * DAY, AT), "abc")
SECOND = replace(
    FIRST, cut_off=AT + DAY, since=AT + DAY, verdict="accepted", why="no worse", duel=DUEL,
    drifts=(DRIFT,),
)  # fmt: skip
THIRD = replace(
    SECOND, cut_off=AT + 2 * DAY, verdict="kept", why="the challenger lost",
    duel=replace(DUEL, ratio=1.2, low=1.12, high=1.3), drifts=(),
)  # fmt: skip


def test_the_first_night_says_so_and_has_no_history() -> None:
    body = parameters_body([FIRST])
    assert "Tonight’s parameters are in force" in body
    assert "Nothing to compare with" in body
    assert "nights</summary>" not in body


def test_alarms_and_scores_are_shown() -> None:
    body = parameters_body([FIRST, SECOND])
    assert "MILL-1" in body
    assert "+8.0" in body
    assert "working h" in body
    assert "0.800" in body  # of 0.4 and 0.5


def test_a_night_that_kept_the_champion_names_whose_parameters_stay() -> None:
    body = parameters_body([FIRST, SECOND, THIRD])
    assert "The parameters of 2026-11-24 04:00 stay in force" in body
    assert body.index("2026-11-25 04:00</strong>") < body.index("2026-11-23 04:00</strong>")


def test_the_line_of_ratios_begins_with_the_second_duel() -> None:
    assert ratio_figure([FIRST, SECOND]) == ""
    figure = ratio_figure([FIRST, SECOND, THIRD])
    assert figure.count("<circle") == 2
    assert "1.200" in figure


def test_what_people_wrote_is_escaped() -> None:
    odd = replace(SECOND, why="<b>", drifts=(replace(DRIFT, work_unit="<i>"),))
    assert "<b>" not in parameters_body([odd])
    assert "<i>" not in parameters_body([odd])
