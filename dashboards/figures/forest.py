"""Paired differences of two plans as rows of a forest: dot, half and full interval, zero line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.figures import numbers
from dashboards.figures.figure_words import BY_KEY, DifferenceLike
from dashboards.figures.kpi import Tone

HALF_INTERVAL = 0.41
"""Width of the 50 % over the 90 % interval of a normal mean: 0.6745 / 1.6449."""
MAIN = (
    "total_cost", "energy_cost", "demand_cost", "carbon_kg", "peak_kw", "orders_on_time",
    "tardiness_h", "tardiness_cost", "setup_cost", "maintenance_cost", "failure_cost",
    "good_pieces",
)  # fmt: skip


@dataclass(frozen=True)
class ForestRow:
    """One figure's difference, other − base. Positions are shares of the row, zero at 0.5."""

    key: str
    label: str
    unit: str
    base: str
    other: str
    change: str
    interval: str
    """``−0.5 to +0.3``, or ``exact``."""
    mean_at: float
    low_at: float
    high_at: float
    half_low_at: float
    half_high_at: float
    verdict: str
    tone: Tone


def forest_rows(
    comparison: Mapping[str, DifferenceLike], currency: str, keys: Sequence[str] = MAIN
) -> tuple[ForestRow, ...]:
    """Rows in the order of ``keys``; figures that are zero in both plans are left out."""
    found = []
    for key in keys:
        if key not in comparison or key not in BY_KEY:
            continue
        difference = comparison[key]
        if difference.base_mean == difference.other_mean == difference.mean == 0:
            continue
        found.append(_row(key, difference, currency))
    return tuple(found)


def _row(key: str, difference: DifferenceLike, currency: str) -> ForestRow:
    words = BY_KEY[key]
    size = max(abs(difference.base_mean), abs(difference.other_mean))
    factor, unit = numbers.scaled(size, words.unit_in(currency))
    decimals = min(numbers.decimals_for(size / factor), 2)
    exact = difference.low == difference.high
    centre = difference.mean
    extent = 1.15 * max(abs(difference.low), abs(difference.high), abs(centre)) or 1.0

    def at(value: float) -> float:
        return round(0.5 + value / (2 * extent), 4)

    verdict, tone = _verdict(difference, words.good, words.better, words.worse)
    return ForestRow(
        key=key,
        label=words.label,
        unit=unit,
        base=numbers.number(difference.base_mean / factor, decimals),
        other=numbers.number(difference.other_mean / factor, decimals),
        change=numbers.signed(centre / factor, decimals),
        interval="exact"
        if exact
        else numbers.signed_interval(difference.low / factor, difference.high / factor, decimals),
        mean_at=at(centre),
        low_at=at(difference.low),
        high_at=at(difference.high),
        half_low_at=at(centre - HALF_INTERVAL * (centre - difference.low)),
        half_high_at=at(centre + HALF_INTERVAL * (difference.high - centre)),
        verdict=verdict,
        tone=tone,
    )


def _verdict(difference: DifferenceLike, good: int, better: str, worse: str) -> tuple[str, Tone]:
    if difference.mean == 0 and difference.low == difference.high:
        return "the same", "neutral"
    if not difference.is_clear:
        return "no clear difference", "neutral"
    return (better, "good") if difference.mean * good > 0 else (worse, "bad")
