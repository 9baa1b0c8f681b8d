"""The nightly report: one HTML file with everything inside, readable without any network.

Start reading at :func:`write_report`. The same input gives the same bytes.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from dashboards import report_sections as sections
from dashboards.diagnosis_sections import diagnosis_body
from dashboards.figures.changes import plan_changes
from dashboards.figures.figure_words import DifferenceLike
from dashboards.figures.forest import forest_rows
from dashboards.figures.gantt import legend, plan_figure
from dashboards.figures.kpi import kpi_cards
from dashboards.figures.late import late_orders, lead_sentence
from dashboards.figures.plan_words import plan_span, status_words
from dashboards.report_evidence import calibration_body, closeness_body
from dashboards.report_moves import moves_body
from dashboards.report_parameters import parameters_body
from dashboards.tokens import TOKENS
from twin.accounting.moves import Moves
from twin.accounting.report import Report
from twin.connectors.whole_files import write_text
from twin.model.forecast import Forecast
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Schedule

if TYPE_CHECKING:
    from scenarios.parameter_store import Night
    from twin.calibration.diagnosis import Diagnosis
    from twin.calibration.estimates import Calibration

ASSETS = Path(__file__).resolve().parent / "assets"
FIRST_VIEW_HOURS = 72
"""The plan opens on its first days; buttons show less or all of it."""
_DIV = "plan-figure"


def write_report(
    path: Path | str,
    *,
    plant: Plant,
    orders: OrderBook,
    forecast: Forecast,
    schedule: Schedule,
    report: Report | None = None,
    previous: Schedule | None = None,
    comparison: Mapping[str, DifferenceLike] | None = None,
    calibration: Calibration | None = None,
    parameters: Sequence[Night] = (),
    diagnosis: Diagnosis | None = None,
    closeness: Sequence[Mapping[str, Any]] | None = None,
    moves: Moves | None = None,
    risk: str = "",
    ledger_row: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write the report of one plan; the file is there whole or not at all.

    Parameters
    ----------
    comparison
        This plan − the naive plan by figure, over paired replications.
    parameters
        Which parameters were in force on the last nights and why, tonight last.
    closeness
        Rows with ``kpi``, ``unit``, ``true``, ``nominal``, ``calibrated`` and ``closer``; only
        where the truth is known.
    moves
        What moved since last night's plan, with reasons.
    risk
        Which orders keep the limits on their chance of being late, in words.
    notes
        What was assumed or inferred where nobody measured or said it.
    """
    body = [
        _heading(plant, orders, schedule, report, ledger_row),
        _figures(report, comparison, plant),
        _assumed(notes, forecast),
        _plan(schedule, plant, forecast, report, previous, orders),
        _late(schedule, orders, report, plant),
        sections.card("Limits on risk", "", f"<p>{escape(risk)}.</p>") if risk else "",
        _changes(schedule, previous, moves),
        _against_naive(comparison, plant),
        _diagnosis(diagnosis),
        _parameters(parameters),
        _calibration(calibration),
    ]
    if closeness:
        body.append(sections.card("Twin against the true plant", "", closeness_body(closeness)))
    if ledger_row:
        body.append(sections.card("Ledger row", "", sections.ledger_body(ledger_row)))
    title = f"{plant.name or plant.id}, {plan_span(schedule)}"
    write_text(Path(path), page(title, "\n".join(body)))


def _heading(
    plant: Plant,
    orders: OrderBook,
    schedule: Schedule,
    report: Report | None,
    ledger_row: Mapping[str, Any] | None,
) -> str:
    run = str((ledger_row or {}).get("run_id", ""))
    identity = " · ".join(
        part
        for part in (f"Plan {run}" if run else "", plan_span(schedule), status_words(schedule))
        if part
    )
    lead = lead_sentence(schedule, orders, report, plant)
    return sections.heading(plant.name or plant.id, identity, lead)


def _figures(
    report: Report | None, comparison: Mapping[str, DifferenceLike] | None, plant: Plant
) -> str:
    if report is None:
        return sections.card(
            "Figures", "", sections.empty("The plan was not simulated: no figures.")
        )
    cards = kpi_cards(
        report,
        None,
        differences=comparison,
        base_name="the naive plan",
        contract_kw=plant.energy.contract_kw,
    )
    level = next((100 * e.level for e in report.figures.values()), 90.0)
    tick = ", tick: naive plan" if comparison else ""
    band = f"dot: mean, band: {level:.0f} % interval{tick}"
    note = f"{report.replications} simulated replications · {band}"
    return f'{sections.kpi_strip(cards)}<p class="under-strip muted">{escape(note)}</p>'


def _assumed(notes: Sequence[str], forecast: Forecast) -> str:
    """What the figures rest on beside data: said before the plan, not after it."""
    if not notes:
        return ""
    said = [*notes, *([f"series used: {forecast.source}"] if forecast.source else [])]
    items = "".join(f"<li>{escape(note)}</li>" for note in said)
    return sections.card("What the figures rest on beside the log", "", f"<ul>{items}</ul>")


def _plan(
    schedule: Schedule,
    plant: Plant,
    forecast: Forecast,
    report: Report | None,
    previous: Schedule | None,
    orders: OrderBook,
) -> str:
    hours = schedule.horizon.minutes / 60
    window = (0.0, min(hours, FIRST_VIEW_HOURS) * 60)
    figure = plan_figure(
        schedule, plant, forecast, report, TOKENS["light"], previous=previous, window=window,
        orders=orders, now_label="cut-off",
    )  # fmt: skip
    return (
        f'<section class="card plan"><header><h2>Plan</h2>{_zoom_buttons(hours)}'
        f"{sections.legend_html(legend(figure))}</header>{_figure_html(figure)}</section>"
    )


def _zoom_buttons(hours: float) -> str:
    choices = [(24, "Day"), (36, "36 h"), (72, "3 days"), (168, "Week")]
    shown = [(h, text) for h, text in choices if h < hours] + [(0, "All")]
    pressed = FIRST_VIEW_HOURS if hours > FIRST_VIEW_HOURS else 0
    buttons = "".join(
        f'<button type="button" data-hours="{h}" aria-pressed="{str(h == pressed).lower()}">'
        f"{text}</button>"
        for h, text in shown
    )
    return f'<div class="zoom" role="group" aria-label="Stretch of time shown">{buttons}</div>'


def _figure_html(figure: go.Figure) -> str:
    config = {"displayModeBar": False, "responsive": True, "doubleClick": "reset"}
    html: str = figure.to_html(
        include_plotlyjs=False, include_mathjax=False, full_html=False, div_id=_DIV, config=config
    )
    return html


def _late(schedule: Schedule, orders: OrderBook, report: Report | None, plant: Plant) -> str:
    rows = late_orders(schedule, orders, report, plant)
    if not rows:
        return sections.card("Late and at risk", "", sections.empty("No order is late or at risk."))
    note = f"{len(rows)} {'order' if len(rows) == 1 else 'orders'}"
    if report is None:
        note += " · by the plan's own times"
    return sections.card("Late and at risk", note, sections.late_table(rows, schedule, plant))


def _changes(schedule: Schedule, previous: Schedule | None, moves: Moves | None = None) -> str:
    title = "Changed since last night"
    if previous is None:
        return sections.card(title, "", sections.empty("There is no earlier plan to compare with."))
    changes = plan_changes(schedule, previous)
    body = sections.changes_body(changes, schedule)
    if moves:
        body += moves_body(moves, schedule)
    return sections.card(title, plan_span(previous), body)


def _against_naive(comparison: Mapping[str, DifferenceLike] | None, plant: Plant) -> str:
    title = "Optimised against naive"
    if not comparison:
        return sections.card(
            title, "", sections.empty("No naive plan was simulated beside this one.")
        )
    n = next(iter(comparison.values())).n
    note = (
        f"this plan − naive plan (earliest due date first) · same orders, same luck: {n} paired "
        "replications · bars 90 %, thick part 50 %"
    )
    rows = forest_rows(comparison, plant.currency)
    return sections.card(title, note, sections.forest_table(rows, "Naive", "This plan"))


def _diagnosis(diagnosis: Diagnosis | None) -> str:
    title = "May the data be believed"
    if diagnosis is None:
        return sections.card(title, "", sections.empty("The log was not diagnosed."))
    return sections.card(title, "", diagnosis_body(diagnosis))


def _parameters(nights: Sequence[Night]) -> str:
    if not nights:
        return ""
    note = f"in force since {nights[-1].since:%Y-%m-%d %H:%M}"
    return sections.card("Parameters in force", note, parameters_body(nights))


def _calibration(calibration: Calibration | None) -> str:
    title = "What the log taught the twin"
    if calibration is None:
        return sections.card(title, "", sections.empty("The twin runs on the plant file's values."))
    note = f"{len(calibration.estimates)} estimates · intervals 95 %"
    return sections.card(title, note, calibration_body(calibration))


def page(title: str, body: str) -> str:
    """A page with styles, fonts and scripts inside; ``body`` is HTML."""
    from plotly.offline import get_plotlyjs

    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>\n{_style()}\n{_asset('report/report.css')}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n<script>{_asset('plan_view.js')}</script>\n</head>\n"
        f'<body class="report">\n<main>\n{body}\n</main>\n'
        f"<script>{_asset('report/report.js')}</script>\n</body>\n</html>\n"
    )


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    """The style sheet with its fonts inside."""

    def embedded(found: re.Match[str]) -> str:
        font = b64encode((ASSETS / found[1]).read_bytes()).decode("ascii")
        return f"url(data:font/woff2;base64,{font})"

    return re.sub(r"url\((fonts/[\w.-]+)\)", embedded, _asset("style.css"))
