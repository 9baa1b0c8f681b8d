"""The cost–carbon front as a table for the terminal and as rows for a file."""

from __future__ import annotations

from dataclasses import asdict, fields

from scenarios.front import Front, FrontPoint
from scenarios.report_text import table

COLUMNS = tuple(field.name for field in fields(FrontPoint))


def front_text(front: Front) -> str:
    """A row for each plan, the cleanest first."""
    money = front.currency
    head = (
        "plan", f"cost {money}", "tCO2e", f"bound {money}", "gap", f"{money} per t less",
        f"energy {money}", f"late {money}", "late orders", "peak kW",
    )  # fmt: skip
    title = (
        f"cost and carbon of plans for {front.plant}, {front.horizon_days:g} days from "
        f"{front.cut_off[:16]}: {_count(len(front.points))} of {front.asked} asked for, "
        "on paper, the cleanest first"
    )
    lines = [title, table(head, [_row(point) for point in front.points])]
    if len(front.points) < front.asked and not front.shortfall:
        lines.append("no other plan was found that is cleaner than the next one and cheaper")
    if front.shortfall:
        lines.append(front.shortfall)
    return "\n".join(lines)


def _row(point: FrontPoint) -> tuple[str, ...]:
    saving = point.saving_cost_per_t
    return (
        point.name, f"{point.total_cost:,.0f}", f"{point.carbon_kg / 1000:,.2f}",
        f"{point.bound:,.0f}", f"{point.gap:.1%}", "" if saving is None else f"{saving:,.0f}",
        f"{point.energy_cost:,.0f}", f"{point.tardiness_cost:,.0f}", str(point.orders_late),
        f"{point.peak_kw:,.0f}",
    )  # fmt: skip


def csv_rows(front: Front) -> list[list[str]]:
    """Every figure of every point under :data:`COLUMNS`; a figure that does not exist is empty."""
    return [
        ["" if value is None else str(value) for value in asdict(point).values()]
        for point in front.points
    ]


def _count(n: int) -> str:
    return f"{n} point" if n == 1 else f"{n} points"
