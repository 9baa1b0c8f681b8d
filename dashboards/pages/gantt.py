"""The plan's picture as a card: buttons for the time in view, legend, figure; on two pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component
from plotly.graph_objects import Figure

from dashboards.catalogue import text
from dashboards.figures.changes import moved_operations
from dashboards.figures.gantt import GHOSTS, MOST_GHOSTS, legend, plan_figure, swatch
from dashboards.figures.marks import rows_of
from dashboards.figures.time_axis import milliseconds
from dashboards.layout import Children, attributes
from dashboards.source import Source
from dashboards.tokens import TOKENS
from dashboards.url_state import SPANS, View
from scenarios.archive import Run
from scenarios.scenario import Case, applied
from twin.accounting.report import Report
from twin.model.schedule import Schedule
from twin.model.state import ShopState

USUAL_WIDTH = 1160
"""Width a figure is first drawn for; the browser fits labels and ticks to its own [px]."""
CONFIG: Any = {
    "displayModeBar": False,
    "displaylogo": False,
    "scrollZoom": True,
    "doubleClick": False,
    "showTips": False,
}


@dataclass(frozen=True)
class Shown:
    """A plan on show, with the plan it is compared with."""

    case: Case
    schedule: Schedule
    report: Report
    previous: Schedule | None


def shown(archive: Source, run_id: str, job_id: str) -> Shown:
    """The plan of a run, or that of one of its what-ifs."""
    run = archive.run(run_id)
    job = archive.jobs.job(job_id) if job_id else None
    return of_job(archive, run, job_id) if job else of_run(run)


def of_run(run: Run) -> Shown:
    return Shown(run.case, run.schedule, run.report, run.previous)


def of_job(archive: Source, run: Run, job_id: str) -> Shown:
    job = archive.jobs.job(job_id)
    assert job is not None
    result = archive.result(job)
    case = applied(result.scenario, run.case)
    return Shown(case, result.schedule, result.report, run.schedule)


def draw(plan: Shown, view: View) -> Figure:
    """The figure of a plan as a reader's address asks for it.

    What the browser changes by itself later (another time in view, another order) it finds in the
    figure: ticks and labels for every scale, and last night's places by order.
    """
    figure = plan_figure(
        plan.schedule, plan.case.plant, plan.case.forecast, plan.report, TOKENS[view.theme],
        plan.previous, window=(view.begin, view.begin + view.span), orders=plan.case.orders,
        selected=view.order, down_until=down_until(plan.case.state), width=USUAL_WIDTH,
        now_label=text("gantt.now"),
    )  # fmt: skip
    meta = {"ghosts": ghosts(plan), "ghost_trace": GHOSTS}
    return figure.update_layout(meta={**(figure.layout.meta or {}), **meta})


def ghosts(plan: Shown) -> dict[str, list[tuple[float, float, float]]]:
    """Start and end [ms] and row of last night's places by order; empty if all are drawn anyway."""
    if plan.previous is None:
        return {}
    rows = rows_of(plan.case.plant).y
    moved = [m for m in moved_operations(plan.schedule, plan.previous) if m.before_unit in rows]
    if len(moved) <= MOST_GHOSTS:
        return {}
    found: dict[str, list[tuple[float, float, float]]] = {}
    horizon = plan.schedule.horizon
    for m in moved:
        left, right = milliseconds(horizon, m.before_start), milliseconds(horizon, m.before_end)
        found.setdefault(m.order, []).append((left, right, rows[m.before_unit]))
    return found


def down_until(state: ShopState) -> dict[str, float]:
    """Units under repair or maintenance at the cut-off, with its expected end [min]."""
    return {
        id: unit.unavailable_minutes
        for id, unit in state.units.items()
        if unit.unavailable_minutes > 0
    }


def gantt_card(
    plan: Shown, view: View, run_id: str, job_id: str = "", title: Children = None
) -> Component:
    """The card: what the figure shows can be moved, zoomed and selected without a request."""
    figure = draw(plan, view)
    head = html.Div([span_buttons(view), legend_row(figure)], className="gantt-head")
    graph = dcc.Graph(
        id="gantt", figure=figure, config=CONFIG, responsive=True,
        style={"height": figure.layout.height},
    )  # fmt: skip
    stores = [
        dcc.Store(id="gantt-click"),
        dcc.Store(id="gantt-drawn"),
        dcc.Store(id="selected-order", data=view.order),
        dcc.Store(id="shown", data={"run": run_id, "job": job_id}),
    ]
    wrapped = html.Div(
        graph,
        className="gantt",
        dir="ltr",
        role="img",
        **attributes(aria_label=text("gantt.label")),
    )
    words = text("gantt.hint")
    if not job_id:
        words += f" · {text('gantt.hint.late')}"
    hint = html.P(words, className="hint")
    start = plan.schedule.horizon.start.timestamp() * 1000
    heading = [html.Header(title)] if title else []
    return html.Section(
        [*heading, head, wrapped, hint, *stores],
        className="card",
        id="gantt-card",
        **attributes(data_origin=f"{start:.0f}"),
    )


def span_buttons(view: View) -> Component:
    """Buttons for the usual lengths of time; keys 1 to 4 do the same."""
    buttons = [
        html.Button(
            text(f"zoom.{name}"),
            id=f"zoom-{name}",
            type="button",
            **attributes(data_span=minutes, aria_pressed=str(view.span == minutes).lower()),
        )
        for name, minutes in SPANS.items()
    ]
    return html.Div(
        buttons, className="segmented", role="group", **attributes(aria_label=text("zoom.label"))
    )


def legend_row(figure: Figure) -> Component:
    """What each kind of bar means; only what is in the figure."""
    shown = legend(figure)
    entries = [entry(name) for name in shown]
    if GHOSTS not in shown and figure.layout.meta["ghosts"]:
        entries.append(entry(GHOSTS, id="legend-ghosts", hidden=True))
    return html.Div(entries, className="legend", id="legend")


def entry(name: str, **others: Any) -> Component:
    return html.Span([html.Span(className=f"swatch {swatch(name)}"), name], **others)


def register_callbacks(app: Dash) -> None:
    """A click on a bar selects; a figure just drawn or moved is fitted to its view."""
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("noria", "clicked"),
        Output("gantt-click", "data"),
        Input("gantt", "clickData"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("noria", "drawn"),
        Output("gantt-drawn", "data"),
        Input("gantt", "figure"),
        Input("gantt", "relayoutData"),
    )
