"""The strip of six figures: value, interval, and a comparison that admits when nothing is clear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dashboards.figures import numbers
from dashboards.figures.figure_words import BY_KEY, DifferenceLike, FigureWords
from twin.accounting.report import Estimate, Report

Tone = Literal["good", "bad", "neutral"]
CARDS = ("orders_on_time", "tardiness_h", "good_pieces", "energy_cost", "carbon_kg", "peak_kw")


@dataclass(frozen=True)
class KpiCard:
    """One figure, ready to be shown. Positions are shares of the width of its line, 0 to 1."""

    key: str
    label: str
    value: str
    unit: str
    interval: str
    """``18.4 – 19.7``, or ``exact``."""
    mean_at: float
    low_at: float
    high_at: float
    base_at: float | None
    """The plan compared with; None without one."""
    verdict: str
    tone: Tone
    note: str
    """One clause beside the verdict: what the comparison is with, or what leads to it."""


def kpi_cards(
    report: Report,
    base_report: Report | None,
    *,
    differences: Mapping[str, DifferenceLike] | None = None,
    base_name: str = "last night",
    contract_kw: float | None = None,
) -> tuple[KpiCard, ...]:
    """Six figures of a report, compared with a base where there is one.

    ``differences`` (report − base, paired) decide what is clear. Without them the two intervals
    decide: a change is called clear only when they do not overlap, which is stricter.
    """
    found = []
    for key in CARDS:
        if key in report.figures:
            words = BY_KEY[key]
            base = base_report.figures.get(key) if base_report else None
            paired = differences.get(key) if differences else None
            found.append(_card(words, report, base, paired, base_name, contract_kw))
    return tuple(found)


def _card(
    words: FigureWords,
    report: Report,
    base: Estimate | None,
    paired: DifferenceLike | None,
    base_name: str,
    contract_kw: float | None,
) -> KpiCard:
    figure = report.figures[words.key]
    factor, unit = numbers.scaled(figure.mean, words.unit_in(report.currency))
    decimals = _decimals(figure, factor)
    base_mean = paired.base_mean if paired else base.mean if base else None
    at = _positions(figure, base_mean)
    verdict, tone, note = _verdict(words, figure, base, paired, factor, base_name)
    if words.key == "peak_kw" and contract_kw:
        spare = contract_kw - figure.mean
        side = "under" if spare >= 0 else "over"
        note = f"{numbers.number(abs(spare))} kW {side} contract"
    if words.key == "orders_on_time":
        unit = f"of {len(report.orders)}"
    exact = numbers.is_exact(figure)
    return KpiCard(
        key=words.key,
        label=words.label,
        value=numbers.number(figure.mean / factor, decimals),
        unit=unit,
        interval="exact"
        if exact
        else numbers.interval(figure.low / factor, figure.high / factor, decimals),
        mean_at=at[0],
        low_at=at[1],
        high_at=at[2],
        base_at=at[3],
        verdict=verdict,
        tone=tone,
        note=note,
    )


def _decimals(figure: Estimate, factor: float) -> int:
    """Three significant digits; one decimal at most for what is counted in ones."""
    return min(numbers.decimals_for(figure.mean / factor), 2 if factor > 1 else 1)


def _positions(figure: Estimate, base: float | None) -> tuple[float, float, float, float | None]:
    """Mean, low, high and base on a line that holds them all with room at the ends."""
    marks = [figure.low, figure.high, figure.mean] + ([base] if base is not None else [])
    low, high = min(marks), max(marks)
    room = 0.35 * (high - low) or 1.0
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round((value - low) / (high - low), 4)

    base_at = at(base) if base is not None else None
    return at(figure.mean), at(figure.low), at(figure.high), base_at


def _verdict(
    words: FigureWords,
    figure: Estimate,
    base: Estimate | None,
    paired: DifferenceLike | None,
    factor: float,
    base_name: str,
) -> tuple[str, Tone, str]:
    if paired is not None:
        change, is_clear = paired.mean, paired.is_clear
    elif base is not None:
        change = figure.mean - base.mean
        is_clear = figure.low > base.high or figure.high < base.low
    else:
        return "", "neutral", ""
    if not is_clear:
        return "no clear change", "neutral", "within the noise"
    decimals = min(numbers.decimals_for(change / factor, 2), 2)
    tone: Tone = "good" if change * words.good > 0 else "bad"
    return f"{numbers.signed(change / factor, decimals)}", tone, f"against {base_name}"
