"""Runs and plans in a few lines of plain text, for the terminal and for mails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scenarios.archive import Run
from scenarios.moves_text import moves_text
from scenarios.parameter_store import Night
from scenarios.parameters_text import in_force
from scenarios.risk import risk_words, risks_of_report
from scenarios.scenario import Case
from twin.accounting.comparison import Difference
from twin.accounting.moves import Moves
from twin.accounting.report import Estimate, Report
from twin.model.schedule import Schedule

FIGURES: tuple[tuple[str, str, float, str], ...] = (
    ("total_cost", "Total cost", 1, "{currency}"),
    ("energy_cost", "Energy cost", 1, "{currency}"),
    ("demand_cost", "Demand charge", 1, "{currency}"),
    ("carbon_cost", "Carbon cost", 1, "{currency}"),
    ("setup_cost", "Setups", 1, "{currency}"),
    ("maintenance_cost", "Preventive maintenance", 1, "{currency}"),
    ("failure_cost", "Failures", 1, "{currency}"),
    ("tardiness_cost", "Late orders", 1, "{currency}"),
    ("energy_kwh", "Energy drawn", 1e-3, "MWh"),
    ("import_kwh", "Energy bought", 1e-3, "MWh"),
    ("carbon_kg", "Carbon, location-based", 1e-3, "tCO2e"),
    ("peak_kw", "Peak import (15 min)", 1, "kW"),
    ("orders_on_time", "Orders on time", 1, ""),
    ("tardiness_h", "Weighted tardiness", 1, "h"),
)
"""Figure, its name, the factor into the unit shown, the unit."""


def figures_table(report: Report) -> str:
    """Every figure with its interval."""
    level = next(iter(report.figures.values())).level
    rows = [
        (
            label,
            _number(figure.mean * factor),
            _interval(figure, factor),
            unit.format(currency=report.currency),
        )
        for key, label, factor, unit in FIGURES
        if (figure := report.figures.get(key))
    ]
    title = f"{report.name}: {report.replications} replications, {level:.0%} intervals"
    return f"{title}\n{table(('figure', 'mean', 'interval', 'unit'), rows)}"


def comparison_table(comparison: Mapping[str, Difference], currency: str) -> str:
    """Paired differences, with a word on those inside the noise."""
    rows = [
        (
            label,
            _number(difference.base_mean * factor),
            _number(difference.other_mean * factor),
            f"{difference.mean * factor:+,.1f}",
            f"{difference.low * factor:+,.1f} to {difference.high * factor:+,.1f}",
            unit.format(currency=currency),
            "" if difference.is_clear else "no clear change",
        )
        for key, label, factor, unit in FIGURES
        if (difference := comparison.get(key))
    ]
    head = ("figure", "naive", "plan", "plan − naive", "interval", "unit", "")
    title = "against the naive plan (EDD, maintenance by calendar), same breakdowns"
    return f"{title}\n{table(head, rows)}"


def closeness_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Nominal and calibrated twin against the true plant."""
    shown = [
        (
            f"{row['kpi']} [{row['unit']}]" if row["unit"] else str(row["kpi"]),
            _number(row["true"]),
            _number(row["nominal"]),
            _number(row["calibrated"]),
            str(row["closer"]),
        )
        for row in rows
    ]
    head = ("indicator", "true plant", "nominal twin", "calibrated twin", "closer")
    wins = sum(row["closer"] == "calibrated" for row in rows)
    title = f"the calibrated twin is closer to the true plant on {wins} of {len(rows)} indicators"
    return f"{title}\n{table(head, shown)}"


def plan_summary(schedule: Schedule, case: Case) -> str:
    """Status, value and bound of a plan as the optimiser counts them."""
    value, currency = schedule.value, case.plant.currency
    lines = [f"plan for {len(case.orders)} orders: {status_in_words(schedule)}"]
    if value:
        lines.append(
            f"total cost {value.total_cost:,.0f} {currency}: energy {value.energy_cost:,.0f}, "
            f"demand {value.demand_cost:,.0f}, carbon {value.carbon_cost:,.0f}, setups "
            f"{value.setup_cost:,.0f}, maintenance {value.maintenance_cost:,.0f}, "
            f"expected failures {value.failure_cost:,.0f}, "
            f"late orders {value.tardiness_cost:,.0f}, changes {value.change_cost:,.0f}"
        )
        lines.append(
            f"{value.energy_kwh / 1000:,.1f} MWh drawn, {value.import_kwh / 1000:,.1f} MWh bought, "
            f"{value.carbon_kg / 1000:,.1f} tCO2e, peak {value.peak_kw:,.0f} kW"
        )
    if schedule.unplaced:
        lines.append(f"no place inside the horizon: {', '.join(schedule.unplaced)}")
    if schedule.unkept:
        lines += ["frozen by last night's plan and not kept to the minute:", *_unkept(schedule)]
    if schedule.note:
        lines.append(schedule.note)
    return "\n".join(lines)


def _unkept(schedule: Schedule) -> list[str]:
    """What of the frozen window could not be kept, a line each."""
    local = schedule.horizon.local
    return [
        f"  {u.task or f'{u.order} {u.operation}'} on {u.work_unit}, {local(u.start):%a %H:%M}: "
        f"{u.words}"
        for u in schedule.unkept
    ]


def status_in_words(schedule: Schedule) -> str:
    """What is known about a plan's quality."""
    words = {
        "optimal": "proven best of its model",
        "feasible": "obeys every rule",
        "heuristic": "obeys every rule; its distance from the best is unknown",
        "fallback": "fallback plan, the optimiser failed",
    }[schedule.status]
    if schedule.status == "feasible" and schedule.gap is not None:
        words += f"; no plan can cost less than {schedule.bound:,.0f}, {schedule.gap:.1%} below it"
    return words


def run_summary(run: Run, html: Path) -> str:
    """A whole run, as the nightly job prints it."""
    parts = [f"run {run.id}", plan_summary(run.schedule, run.case)]
    if parameters := run.extras.get("parameters"):
        parts.append(in_force(Night.from_dict(parameters["in_force"])))
    parts += ["", figures_table(run.report)]
    if run.comparison:
        parts += ["", comparison_table(run.comparison, run.case.plant.currency)]
    if run.extras.get("moves"):
        parts += ["", moves_text(Moves.from_dict(run.extras["moves"]), run.case.horizon)]
    if words := risk_words(risks_of_report(run.case, run.report)):
        parts += ["", words]
    if run.extras.get("closeness"):
        parts += ["", closeness_table(run.extras["closeness"])]
    return "\n".join([*parts, "", f"report: {_place(html)}"])


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def _interval(figure: Estimate, factor: float) -> str:
    return f"{_number(figure.low * factor)} to {_number(figure.high * factor)}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns padded to their widest cell; all but the first right-aligned."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  " + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )  # fmt: skip


def _place(html: Path) -> str:
    remedy = "noria replan with the same inputs writes it again"
    return str(html) if html.is_file() else f"{html} is missing; {remedy}"
