"""Today's plan: what happens, what is late, why, and what changed overnight."""

from __future__ import annotations

from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component

from dashboards.catalogue import counted, text
from dashboards.figures import numbers
from dashboards.figures.late import LateOrder, late_orders, lead_sentence, tightest, why_text
from dashboards.layout import address, attributes, button, card, icon, link, plan_identity, shell
from dashboards.order_story import order_story
from dashboards.pages import gantt
from dashboards.pages.changes import changes_card
from dashboards.pages.kpi import kpi_strip, span_style
from dashboards.pages.order import margin, order_card
from dashboards.source import source
from dashboards.url_state import View
from scenarios.archive import Run
from twin.accounting.report import Estimate
from twin.model.horizon import Horizon
from twin.model.plant import Plant

NONE = "–"


def render(view: View) -> Component:
    """The page of the latest run."""
    run = source().latest()
    case = run.case
    lead = lead_sentence(run.schedule, case.orders, run.report, case.plant)
    story = order_story(case, run.schedule, run.report, view.order)
    side = [html.Div(order_card(story, view.order, case.horizon), id="order-slot")]
    main = [late_card(run, view.order), changes_card(run)]
    content = [
        html.P([html.Strong(lead.answer), f" {lead.detail}"], className="lead", id="lead"),
        *assumed(run),
        kpi_strip(run),
        gantt.gantt_card(gantt.of_run(run), view, run.id),
        html.Div([html.Div(main), html.Div(side)], className="plan-columns"),
    ]
    return shell(
        "plan", view, run, about=plan_identity(run), actions=actions(view, run), content=content
    )


def assumed(run: Run) -> list[Component]:
    """What the figures rest on beside data, before the figures."""
    notes = run.extras.get("notes") or []
    return [html.P(text("assumed", notes=" · ".join(notes)), id="assumed")] if notes else []


def actions(view: View, run: Run) -> list[Component]:
    """Copy the link, take the orders away, and the one filled button: ask what if."""
    what_if = link(
        [icon("git-compare-arrows"), html.Span(text("action.what-if"))],
        address("what-if", View(theme=view.theme)),
        id="new-what-if",
        className="app-button filled",
    )
    share = button(
        "share", text("action.share"), "link", **attributes(data_done=text("action.shared"))
    )
    export = html.A(
        [icon("download"), html.Span(text("action.export"))],
        href=f"/export/{run.id}/orders.csv",
        id="export",
        className="app-button",
    )
    return [share, export, what_if]


def late_card(run: Run, selected: str) -> Component:
    """Orders late or at risk, the smallest margin first; a row selects its order."""
    case = run.case
    rows = late_orders(run.schedule, case.orders, run.report, case.plant)
    if not rows:
        return card(text("late.title"), html.P(nothing_late(run), className="empty"), id="late")
    note = counted("late.note", len(rows), replications=run.report.replications, level=level(rows))
    columns = ("order", "end", "margin", "chance", "why")
    head = [
        html.Th(text(f"late.{key}"), scope="col", className="number" if key == "margin" else "")
        for key in columns
    ]
    body = [late_row(row, case.horizon, case.plant, row.order == selected) for row in rows]
    table = html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], id="late-table")
    return card(text("late.title"), html.Div(table, className="late-scroll"), id="late", note=note)


def level(rows: tuple[LateOrder, ...]) -> str:
    estimates = [row.on_time for row in rows if row.on_time]
    return f"{100 * estimates[0].level:.0f}" if estimates else NONE


def nothing_late(run: Run) -> str:
    """The empty table says so, and names the next risk."""
    risky = tightest(run.report)
    if risky is None:
        return text("late.none")
    return text("late.next", order=risky[0], chance=numbers.share(risky[1]))


def late_row(row: LateOrder, horizon: Horizon, plant: Plant, is_selected: bool) -> Component:
    """Order and product, planned end and due date, margin, chance, and where the time goes."""
    product = plant.product(row.product)
    made = text(
        "late.pieces", product=product.name or product.id, quantity=numbers.number(row.quantity)
    )
    end = text("late.no_place")
    if row.planned_end is not None:
        end = numbers.short_moment(horizon.local(row.planned_end))
    due = text("late.due", at=numbers.short_moment(horizon.local(row.due)))
    return html.Tr(
        [
            html.Td([html.Strong(row.order), second(made)]),
            html.Td([end, second(due)], className="nowrap"),
            html.Td(NONE if row.margin is None else margin(row.margin), className="number"),
            html.Td(chance(row.on_time) if row.on_time else text("late.exact")),
            html.Td(why_text(row.causes) or NONE, className="why"),
        ],
        id=f"late-{row.order}",
        tabIndex=0,
        className=f"late-row {row.status.replace(' ', '-')}",
        **attributes(data_order=row.order, aria_selected=str(is_selected).lower()),
    )


def second(words: str) -> Component:
    return html.Span(words, className="second")


def chance(estimate: Estimate) -> Component:
    """A probability as number, and as a mark with its interval on a line from 0 to 1."""
    line = html.Span(
        [
            html.Span(className="chance-band", style=span_style(estimate.low, estimate.high)),
            html.Span(className="chance-mark", style={"left": f"{100 * estimate.mean:.1f}%"}),
        ],
        className="chance-line",
        **attributes(aria_hidden="true"),
    )
    between = f"{numbers.share(estimate.low)} – {numbers.share(estimate.high)}"
    return html.Div(
        [html.Strong(numbers.share(estimate.mean)), line], className="chance", title=between
    )


def register_callbacks(app: Dash) -> None:
    """The order's card follows the selection."""
    gantt.register_callbacks(app)

    @app.callback(
        Output("order-slot", "children"),
        Input("selected-order", "data"),
        State("shown", "data"),
        prevent_initial_call=True,
    )
    def show_order(order: str | None, what: dict[str, str]) -> Component:
        plan = gantt.shown(source(), what["run"], what["job"])
        story = order_story(plan.case, plan.schedule, plan.report, order or "")
        return order_card(story, order or "", plan.case.horizon)
