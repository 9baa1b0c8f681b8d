"""Figures and paired differences: intervals, verdicts that admit the noise, positions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dashboards.figures.forest import forest_rows
from dashboards.figures.kpi import KpiCard, kpi_cards
from twin.accounting.comparison import Difference


def card(cards: tuple[KpiCard, ...], key: str) -> KpiCard:
    return next(c for c in cards if c.key == key)


def test_a_figure_has_value_unit_and_interval(case: Any) -> None:
    energy = card(kpi_cards(case.report, None), "energy_cost")
    assert (energy.value, energy.unit, energy.interval) == ("61.2", "k MAD", "59.8 – 63.0")


def test_a_figure_of_one_replication_reads_exact(case: Any) -> None:
    figures = case.report.figures
    exact = replace(figures["peak_kw"], low=251, high=251, n=1)
    report = replace(case.report, figures={**figures, "peak_kw": exact})
    assert card(kpi_cards(report, None), "peak_kw").interval == "exact"


def test_a_change_inside_the_noise_has_no_direction(case: Any) -> None:
    noise = {"energy_cost": Difference(-200, -900, 500, 200, 61_400, 61_200)}
    shown = card(kpi_cards(case.report, None, differences=noise), "energy_cost")
    assert (shown.verdict, shown.tone) == ("no clear change", "neutral")


@pytest.mark.parametrize(
    ("key", "change", "tone"),
    [("energy_cost", -2700.0, "good"), ("orders_on_time", -1.2, "bad"), ("peak_kw", 11.0, "bad")],
)
def test_a_clear_change_is_good_or_bad_by_its_figure(
    case: Any, key: str, change: float, tone: str
) -> None:
    base = case.report.figures[key].mean - change
    clear = {key: Difference(change, change - 0.1, change + 0.1, 200, base, base + change)}
    shown = card(kpi_cards(case.report, None, differences=clear), key)
    assert shown.tone == tone
    assert shown.base_at is not None
    assert (shown.base_at > shown.mean_at) == (change < 0)


def test_without_pairs_overlapping_intervals_are_not_clear(case: Any) -> None:
    figures = {k: replace(v, mean=v.mean * 1.001) for k, v in case.report.figures.items()}
    other = replace(case.report, figures=figures)
    assert {c.verdict for c in kpi_cards(case.report, other)} == {"no clear change"}


def test_marks_lie_on_the_line_in_order(case: Any) -> None:
    for c in kpi_cards(case.report, None):
        assert 0 < c.low_at <= c.mean_at <= c.high_at < 1


def test_zero_is_in_the_middle_of_a_forest_row() -> None:
    clear = Difference(-2700, -3600, -1800, 200, 63_900, 61_200)
    row = forest_rows({"energy_cost": clear}, "MAD")[0]
    assert row.high_at < 0.5
    assert row.low_at < row.half_low_at < row.mean_at < row.half_high_at < row.high_at
    assert (row.change, row.interval) == ("−2.7", "−3.6 to −1.8")
    assert (row.verdict, row.tone) == ("cheaper", "good")


def test_an_interval_across_zero_is_no_clear_difference() -> None:
    noise = Difference(0.2, -0.6, 1.1, 200, 8.1, 8.3)
    row = forest_rows({"tardiness_h": noise}, "MAD")[0]
    assert (row.verdict, row.tone) == ("no clear difference", "neutral")


def test_figures_that_are_zero_in_both_plans_are_left_out() -> None:
    nothing = Difference(0.0, 0.0, 0.0, 200, 0.0, 0.0)
    assert forest_rows({"demand_cost": nothing}, "MAD") == ()
