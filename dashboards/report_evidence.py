"""Sections of the HTML report that say what it rests on: calibration and nearness to truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from math import log
from typing import TYPE_CHECKING, Any

from dashboards.figures import numbers
from dashboards.report_sections import empty, table

if TYPE_CHECKING:
    from twin.calibration.estimates import Calibration, ParameterEstimate

MOST_OF_A_KIND = 3
"""Surprising estimates shown of one quantity: the largest differences, not one subject only."""
_WORDS = {
    "processing_time": "processing time", "processing_cv": "spread of processing time",
    "setup_time": "setup time", "setup_ratio": "setup, ratio to nominal",
    "time_to_failure": "time to failure, mean", "time_to_repair": "time to repair, mean",
    "power_kw": "power", "transit": "transit", "scrap": "scrap",
}  # fmt: skip


def calibration_body(calibration: Calibration) -> str:
    """The estimates that contradict the plant file first; all of them folded below."""
    estimates = calibration.estimates
    if not estimates:
        return empty("The log gave no estimate; every value is the plant file's.")
    surprises = sorted((e for e in estimates if e.is_surprising), key=_surprise)
    head = [
        ("Work unit", "nowrap"), ("Parameter", ""), ("Estimate", "number"), ("Interval", "number"),
        ("Plant file", "number"), ("Ratio", "number"), ("n", "number"), ("Censored", "number"),
        ("Law", ""),
    ]  # fmt: skip
    shown = _varied(surprises)
    answer = (
        f"<p>{len(surprises)} of {len(estimates)} estimates have the plant file's value outside "
        f"their interval{'; the largest differences of each kind:' if shown else '.'}</p>"
    )
    top = table(head, [_estimate(e) for e in shown]) if shown else ""
    whole = table(head, [_estimate(e) for e in estimates])
    return (
        f"{answer}{top}<details><summary>All {len(estimates)} estimates</summary>{whole}</details>"
    )


def _varied(surprises: Sequence[ParameterEstimate]) -> list[ParameterEstimate]:
    """The first few of each quantity, in the order given."""
    count: dict[str, int] = {}
    kept = []
    for e in surprises:
        count[e.quantity] = count.get(e.quantity, 0) + 1
        if count[e.quantity] <= MOST_OF_A_KIND:
            kept.append(e)
    return kept


def _surprise(e: ParameterEstimate) -> tuple[float, str, str]:
    is_ratio = e.nominal is not None and e.nominal > 0 and e.value > 0
    size = abs(log(e.value / e.nominal)) if is_ratio and e.nominal else 0.0
    return -size, e.work_unit, e.key


def _estimate(e: ParameterEstimate) -> list[str]:
    factor, unit = _readable(e.value, e.unit)
    decimals = numbers.decimals_for(e.value * factor)
    ratio = numbers.number(e.value / e.nominal, 2) if e.nominal else "–"
    nominal = "–" if e.nominal is None else numbers.number(e.nominal * factor, decimals)
    return [
        f"<strong>{escape(e.work_unit)}</strong>",
        f'{escape(_WORDS.get(e.quantity, e.quantity))} <span class="muted">{escape(e.key)}</span>',
        f'{numbers.number(e.value * factor, decimals)} <span class="muted">{escape(unit)}</span>',
        numbers.interval(e.low * factor, e.high * factor, decimals),
        nominal,
        ratio,
        numbers.number(e.n),
        numbers.number(e.n_censored) if e.n_censored else "–",
        escape(e.law or "–"),
    ]


def _readable(value: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which a calibrated value is read: shares in %, long times in hours."""
    if unit in ("share", "-", "") and abs(value) < 1:
        return (100.0, "%") if unit == "share" else (1.0, unit)
    if unit == "min" and abs(value) >= 180:
        return 1 / 60, "h"
    if unit.startswith("min/") and abs(value) < 1:
        return 60.0, "s/" + unit.removeprefix("min/")
    return 1.0, unit


def closeness_body(rows: Sequence[Mapping[str, Any]]) -> str:
    """Figures of the true, the nominal and the calibrated plant side by side."""
    head = [
        ("Figure", ""), ("True plant", "number"), ("Nominal twin", "number"),
        ("Calibrated twin", "number"), ("Closer", "nowrap"),
    ]  # fmt: skip
    cells = [
        [
            f"<strong>{escape(str(r['kpi']))}</strong> "
            f'<span class="muted">{escape(str(r.get("unit", "")))}</span>',
            *(_with_error(r, name) for name in ("true", "nominal", "calibrated")),
            escape(str(r.get("closer", ""))),
        ]
        for r in rows
    ]
    won = sum(str(r.get("closer", "")) == "calibrated" for r in rows)
    answer = f"<p>The calibrated twin is closer in {won} of {len(rows)} figures.</p>"
    return answer + table(head, cells)


def _with_error(row: Mapping[str, Any], name: str) -> str:
    value, true = float(row[name]), float(row["true"])
    text = numbers.significant(value)
    if name == "true" or not true:
        return text
    error = numbers.signed(100 * (value / true - 1), 1)
    return f'{text}<span class="second">{error}{numbers.THIN}%</span>'
