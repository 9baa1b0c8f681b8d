"""The shop now: what every work unit does, how far it is from the plan, and the alerts.

The page reads what ``noria watch`` wrote last, again and again; how old that is stands on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboards.catalogue import counted, text
from dashboards.figures import numbers
from dashboards.figures.now import now_figure
from dashboards.layout import Children, attributes, card, icon, shell
from dashboards.pages.gantt import USUAL_WIDTH
from dashboards.pages.kpi import span_style
from dashboards.source import source
from dashboards.tokens import TOKENS, Theme
from dashboards.url_state import View
from scenarios.archive import Run
from scenarios.watch import read_live
from twin.errors import NoriaError

REFRESH_MS = 5000
STALE_LOOKS = 3.0
"""So many looks may be missed before the page says that nobody looks any more."""
STALE_LEAST_S = 30.0
SURE = 0.995
"""Orders surer than this are left out of the table of chances, unless they are behind."""
BEHIND_SHOWN = 30.0
"""Minutes behind the plan from which an order is shown."""
SEVERITY_ICONS = {"alarm": "triangle-alert", "warning": "triangle-alert", "note": "info"}
CONFIG: Any = {"displayModeBar": False, "displaylogo": False, "showTips": False}


def render(view: View) -> Component:
    """The page; it goes on by itself."""
    run, live = source().latest(), read_live(source().archive)
    now = datetime.now(UTC)
    content = [
        html.Div(age_line(live, now), id="now-age"),
        html.Div(body(live, view.theme), id="now-body", className="now-body"),
        dcc.Interval(id="now-tick", interval=REFRESH_MS),
        dcc.Store(id="now-shown", data=live.get("at", "")),
        dcc.Store(id="now-theme", data=view.theme),
    ]
    about = [icon("clock", 14), html.Span(text("now.about"))]
    return shell("now", view, run, about=about, actions=[], content=content)


def age_line(live: Mapping[str, Any], now: datetime) -> Component:
    """As of when this is, how long ago that was, and whether anybody still looks."""
    if not live:
        return html.P(html.Strong(text("now.none")), className="lead", id="now-lead")
    at = datetime.fromisoformat(live["at"])
    zone = ZoneInfo(live["plant"]["timezone"])
    age = max((now - at).total_seconds(), 0.0)
    shown = f"{at.astimezone(zone):%H:%M:%S}"
    if age > 12 * 3600:
        shown = f"{numbers.day(at.astimezone(zone))} {shown}"
    ago = text("now.as_of", at=shown, ago=_ago(age))
    if live["stopped"]:
        mark, detail = "stale", text("now.stopped")
    elif age > max(STALE_LOOKS * live["every_s"], STALE_LEAST_S):
        mark, detail = "stale", text("now.stale", every=f"{live['every_s']:g}")
    elif live["data"]["trouble"]:
        mark, detail = "stale", text("now.trouble", why=live["data"]["trouble"])
    else:
        mark, detail = "fresh", _data_words(live, at)
    return html.P(
        [
            html.Span(className=f"age {mark}", **attributes(aria_hidden="true")),
            html.Strong(ago), html.Span(f" {detail}", className="bad" if mark == "stale" else ""),
        ],
        className=f"lead now-lead {mark}", id="now-lead", role="status",
    )  # fmt: skip


def _data_words(live: Mapping[str, Any], at: datetime) -> str:
    newest = live["data"]["newest"]
    if not newest:
        return text("now.no_event")
    seconds = max((at - datetime.fromisoformat(newest)).total_seconds(), 0.0)
    return text("now.data", age=_ago(seconds), run=live["plan"]["run"])


def _ago(seconds: float) -> str:
    return f"{seconds:.0f}{numbers.THIN}s" if seconds < 90 else numbers.hours(seconds / 60)


def body(live: Mapping[str, Any], theme: Theme) -> list[Component]:
    """Everything below the age; without a live twin, what to type."""
    if not live:
        steps = [html.P(text("now.start")), html.Pre("noria watch replan.yaml")]
        return [card(text("now.empty"), *steps, id="now-empty")]
    left = [units_card(live)]
    right = [orders_card(live), waiting_card(live)]
    return [
        alerts_card(live),
        *around_now(live, theme),
        html.Div([html.Div(left), html.Div(right)], className="plan-columns"),
    ]


def alerts_card(live: Mapping[str, Any]) -> Component:
    """What is out of the ordinary: severity, what, since when, and what to do."""
    alerts = live["alerts"]
    if not alerts:
        calm = html.P([icon("circle-check", 14), html.Span(text("now.calm"))], className="calm")
        return card(text("now.alerts"), calm, id="now-alerts")
    note = counted("now.alerts.count", len(alerts))
    items = [html.Li(alert_row(live, alert), className=alert["severity"]) for alert in alerts]
    return card(
        text("now.alerts"), html.Ul(items, className="alert-list"), id="now-alerts", note=note
    )


def alert_row(live: Mapping[str, Any], alert: Mapping[str, Any]) -> list[Component]:
    severity = alert["severity"]
    mark = html.Span(
        [icon(SEVERITY_ICONS[severity], 14), html.Span(text(f"now.severity.{severity}"))],
        className=f"severity {severity}",
    )
    what = html.Div(
        [
            html.Strong(_sentence(alert["what"])),
            html.Span(_sentence(alert["expected"]), className="second"),
            html.Span(
                [icon("arrow-right", 12), html.Span(_sentence(alert["remedy"]))],
                className="remedy",
            ),
        ]
    )
    since = html.Span(text("now.since", at=_clock(live, alert["since"])), className="muted nowrap")
    return [mark, what, since]


def _sentence(words: str) -> str:
    """With a capital, unless it begins with a name such as CH-1."""
    return words[:1].upper() + words[1:]


def around_now(live: Mapping[str, Any], theme: Theme) -> list[Component]:
    """Actual against plan in the last and next hours; left out when the plan is gone."""
    try:
        run = source().run(live["plan"]["run"])
    except NoriaError:
        return [html.P(text("now.no_plan", run=live["plan"]["run"]), className="empty")]
    figure = _figure(live, run, theme)
    graph = dcc.Graph(
        id="now-gantt", figure=figure, config=CONFIG, responsive=True,
        style={"height": figure.layout.height},
    )  # fmt: skip
    keys = [
        html.Span([html.Span(className=f"swatch {swatch}"), text(f"now.legend.{name}")])
        for name, swatch in (
            ("working", "working"), ("late", "late"), ("setup", "setup"),
            ("maintenance", "maintenance"), ("down", "down"), ("plan", "planned-strip"),
        )
    ]  # fmt: skip
    head = html.Header(
        [html.H2(text("now.gantt")), html.Div(keys, className="legend")], className="now-head"
    )
    wrapped = html.Div(
        graph, role="img", dir="ltr", **attributes(aria_label=text("now.gantt.label"))
    )
    return [html.Section([head, wrapped], className="card", id="now-gantt-card")]


def _figure(live: Mapping[str, Any], run: Run, theme: Theme) -> Any:
    return now_figure(
        live, run.schedule, run.case.plant, TOKENS[theme],
        names=(text("now.now"), text("now.plan")), width=USUAL_WIDTH,
    )  # fmt: skip


def units_card(live: Mapping[str, Any]) -> Component:
    """Every work unit: state, since when, order, how far, behind, and what the plan has there."""
    head = html.Tr([
        html.Th(text(f"now.{key}"), scope="col") for key in ("unit", "state", "order", "behind")
    ])  # fmt: skip
    rows = [unit_row(live, unit) for unit in live["units"]]
    off = sum(not unit["as_planned"] for unit in live["units"])
    note = counted("now.off_plan", off) if off else text("now.on_plan")
    table = html.Table([html.Thead(head), html.Tbody(rows)], id="now-units")
    return card(text("now.units"), html.Div(table, className="table-scroll"), note=note)


def unit_row(live: Mapping[str, Any], unit: Mapping[str, Any]) -> Component:
    state = unit["state"] or text("now.unknown")
    since = text("now.since", at=_clock(live, unit["since"])) if unit["since"] else ""
    if unit["rest_min"] and unit["state"] in ("down", "repair", "maintenance"):
        since += f" · {text('now.rest', rest=numbers.hours(unit['rest_min']))}"
    reason = f" · {unit['reason']}" if unit["reason"] and unit["state"] != "setup" else ""
    name = [html.Strong(unit["id"]), _second(unit["name"])]
    look = unit["state"] if unit["state"] in _MARKED else ""
    told = html.Span([html.Span(className=f"state-dot {look}"), f"{state}{reason}"])
    made: Children = "–"
    if unit["order"]:
        done = f" · {unit['done']:.0%}" if unit["done"] else ""
        made = [html.Strong(unit["order"]), _second(f"{unit['operation']}{done}")]
    return html.Tr(
        [
            html.Td(name), html.Td([told, _second(since)], className="nowrap"),
            html.Td(made, className="nowrap"),
            html.Td([_behind(unit["behind_min"]), _planned(unit)], className="nowrap"),
        ],
        id=f"now-unit-{unit['id']}",
    )  # fmt: skip


_MARKED = ("working", "setup", "standby", "blocked", "down", "repair", "maintenance")


def _planned(unit: Mapping[str, Any]) -> Children:
    """What the plan has the unit do instead; nothing where it does that."""
    if unit["as_planned"]:
        return ""
    planned = unit["planned"]
    if not planned["kind"]:
        return _second(text("now.plan.none"))
    what = planned["order"] or planned["task"]
    return _second(f"{text('now.plan.' + planned['kind'])} {what}".strip())


def orders_card(live: Mapping[str, Any]) -> Component:
    """Orders that may be late or run behind, the least sure first."""
    rows = [
        row
        for row in live["orders"]
        if (row["chance"] and row["chance"][0] < SURE) or (row["behind_min"] or 0) > BEHIND_SHOWN
    ]
    rows.sort(key=lambda row: (row["chance"][0] if row["chance"] else 1.0, row["due"]))
    note = text("now.orders.note", n=len(live["orders"]))
    if live["forecast"]["trouble"]:
        note = text("now.no_forecast", why=live["forecast"]["trouble"])
    if not rows:
        return card(text("now.orders"), html.P(text("now.all_sure"), className="empty"), note=note)
    head = html.Tr([
        html.Th(text(f"now.{key}"), scope="col") for key in ("order", "expected", "chance")
    ])  # fmt: skip
    table = html.Table(
        [html.Thead(head), html.Tbody([order_row(live, row) for row in rows])], id="now-orders"
    )
    return card(text("now.orders"), html.Div(table, className="late-scroll"), note=note)


def order_row(live: Mapping[str, Any], row: Mapping[str, Any]) -> Component:
    where = f"{row['operation']} {row['work_unit']}".strip()
    doing = [text("now.running" if row["is_running"] else "now.next", where=where)]
    if behind := _behind(row["behind_min"]):
        doing += [" · ", behind]
    end = _clock(live, row["expected_end"]) if row["expected_end"] else text("now.beyond")
    due = text("late.due", at=_clock(live, row["due"]))
    return html.Tr(
        [
            html.Td([html.Strong(row["order"]), _second(doing)], className="nowrap"),
            html.Td([end, _second(due)], className="nowrap"),
            html.Td(_chance(row), className="nowrap"),
        ],
        id=f"now-order-{row['order']}",
    )


def _chance(row: Mapping[str, Any]) -> Children:
    if not row["chance"]:
        return "–"
    mean, low, high = row["chance"]
    line = html.Span(
        [
            html.Span(className="chance-band", style=span_style(low, high)),
            html.Span(className="chance-mark", style={"left": f"{100 * mean:.1f}%"}),
        ],
        className="chance-line",
        **attributes(aria_hidden="true"),
    )
    was = row["chance_planned"]
    second = _second(text("now.was", share=numbers.share(was))) if was is not None else ""
    return [html.Div([html.Strong(numbers.share(mean)), line], className="chance"), second]


def waiting_card(live: Mapping[str, Any]) -> Component:
    """Batches between two operations, by what they wait for."""
    if not live["waiting"]:
        return card(text("now.waiting"), html.P(text("now.nothing_waits"), className="empty"))
    rows = [
        html.Tr([
            html.Td(html.Strong(row["operation"])),
            html.Td(", ".join(row["orders"]), className="why"),
            html.Td(numbers.number(row["pieces"]), className="number"),
        ])
        for row in live["waiting"]
    ]  # fmt: skip
    head = html.Tr([
        html.Th(text("now.before")), html.Th(text("now.waiting.orders")),
        html.Th(text("now.pieces"), className="number"),
    ])  # fmt: skip
    return card(text("now.waiting"), html.Table([html.Thead(head), html.Tbody(rows)]))


def _behind(minutes: float | None) -> Children:
    """Minutes or hours behind or ahead, in words; nothing where it is on plan."""
    if minutes is None or abs(minutes) < 1:
        return ""
    words = text("now.late_by" if minutes > 0 else "now.ahead_by", by=numbers.hours(abs(minutes)))
    return html.Span(words, className="strong bad" if minutes > 120 else "")


def _second(words: Children) -> Component:
    return html.Span(words, className="second")


def _clock(live: Mapping[str, Any], instant: str) -> str:
    """On the plant's clock, with the day where it is not today."""
    zone = ZoneInfo(live["plant"]["timezone"])
    local, now = (datetime.fromisoformat(t).astimezone(zone) for t in (instant, live["at"]))
    if local.date() == now.date():
        return numbers.clock(local)
    is_near = abs((local - now).days) < 6
    return numbers.short_moment(local) if is_near else numbers.moment(local)


def register_callbacks(app: Dash) -> None:
    """The page reads the live twin again every few seconds; it is drawn anew when that looked."""

    @app.callback(
        Output("now-age", "children"),
        Output("now-body", "children"),
        Output("now-shown", "data"),
        Input("now-tick", "n_intervals"),
        State("now-shown", "data"),
        State("now-theme", "data"),
        prevent_initial_call=True,
    )
    def refresh(n: int, shown: str, theme: Theme) -> tuple[Any, Any, Any]:
        live = read_live(source().archive)
        age = age_line(live, datetime.now(UTC))
        if live.get("at", "") == shown:
            return age, no_update, no_update
        return age, body(live, theme), live.get("at", "")
