"""What a what-if came to, in a sentence, and which orders it moves across the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dashboards.catalogue import text
from dashboards.figures import numbers
from dashboards.figures.figure_words import BY_KEY, DifferenceLike
from dashboards.figures.forest import ForestRow, forest_rows
from dashboards.figures.late import LATE_BELOW, Lead
from twin.accounting.report import Report

TOLD = ("total_cost", "orders_on_time", "tardiness_h", "carbon_kg", "peak_kw")
"""Figures the sentence speaks of, the most important first."""


@dataclass(frozen=True)
class ChangedSide:
    """An order that is expected on time under one plan and late under the other."""

    order: str
    product: str
    base: float
    """Chance on time under the base plan."""
    other: float
    """Chance on time under the what-if."""

    @property
    def is_late_now(self) -> bool:
        return self.other < self.base


def verdict(comparison: Mapping[str, DifferenceLike], currency: str, letter: str) -> Lead:
    """What is clear first, then what is not: a difference inside the noise is no difference."""
    rows = forest_rows(comparison, currency, TOLD)
    clear = [row for row in rows if row.tone != "neutral"]
    unclear = [row.label.lower() for row in rows if row.tone == "neutral"]
    if not clear:
        return Lead(text("verdict.none", letter=letter), "")
    clauses = ", ".join(clause(row, comparison[row.key].mean, currency) for row in clear)
    detail = text("verdict.unclear", letter=letter, figures=" or ".join(unclear)) if unclear else ""
    return Lead(text("verdict.clear", letter=letter, clauses=clauses), detail)


def clause(row: ForestRow, mean: float, currency: str) -> str:
    """One clear difference to two digits, without a sign: the word says the direction."""
    factor, unit = numbers.scaled(mean, BY_KEY[row.key].unit_in(currency))
    size = numbers.significant(abs(mean) / factor, 2)
    return text(f"verdict.{row.key}", size=f"{size}{numbers.THIN}{unit}".strip(), word=row.verdict)


def changed_sides(base: Report, other: Report) -> tuple[ChangedSide, ...]:
    """Orders whose chance on time crosses the line between late and not, the largest step first."""
    before = {o.order: o for o in base.orders}
    found = []
    for now in other.orders:
        row = before.get(now.order)
        was, is_now = row and row.on_time, now.on_time
        if was and is_now and (was.mean < LATE_BELOW) != (is_now.mean < LATE_BELOW):
            found.append(ChangedSide(now.order, now.product, was.mean, is_now.mean))
    return tuple(sorted(found, key=lambda c: (-abs(c.other - c.base), c.order)))
