"""The strip of figures: one card cut by rules, the same on every page that shows it."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from dashboards.catalogue import text
from dashboards.figures.kpi import KpiCard, kpi_cards
from dashboards.layout import attributes, icon
from scenarios.archive import Run

TONE_ICONS = {"good": "circle-check", "bad": "triangle-alert", "neutral": "info"}


def kpi_strip(run: Run) -> Component:
    """Six figures with their intervals, against the plan without optimiser where there is one."""
    cards = kpi_cards(
        run.report,
        run.naive_report,
        differences=run.comparison,
        base_name=text("kpi.naive"),
        contract_kw=run.case.plant.energy.contract_kw,
    )
    return html.Section(
        [kpi(c) for c in cards],
        className="card kpi-strip",
        id="kpi",
        **attributes(aria_label=text("kpi.label")),
    )


def kpi(c: KpiCard) -> Component:
    """One figure: value, interval as text and band, verdict in words."""
    marks = [
        html.Span(className="kpi-band", style=span_style(c.low_at, c.high_at)),
        html.Span(className="kpi-dot", style={"left": f"{100 * c.mean_at:.1f}%"}),
    ]
    if c.base_at is not None:
        marks.append(html.Span(className="kpi-base", style={"left": f"{100 * c.base_at:.1f}%"}))
    verdict = [icon(TONE_ICONS[c.tone], 13), html.Span(c.verdict)] if c.verdict else []
    value = html.Span(
        [html.Span(c.value, className="kpi-value"), html.Span(c.unit, className="kpi-unit")]
    )
    return html.Div(
        [
            html.Div(c.label, className="kpi-label"),
            html.Div([value, html.Span(c.interval, className="kpi-interval")], className="kpi-row"),
            html.Div(marks, className="kpi-line", **attributes(aria_hidden="true")),
            html.Div(verdict, className=f"kpi-verdict {c.tone}"),
            html.Div(c.note, className="kpi-note"),
        ],
        className="kpi",
        id=f"kpi-{c.key}",
    )


def span_style(low: float, high: float) -> dict[str, str]:
    """Place of a band on its line."""
    return {"left": f"{100 * low:.1f}%", "width": f"{100 * (high - low):.1f}%"}
