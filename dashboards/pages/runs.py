"""Nightly runs: did the job run, how did it end, what did it leave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboards.catalogue import counted, text
from dashboards.figures import numbers
from dashboards.layout import card, icon, shell
from dashboards.source import source
from dashboards.url_state import View
from twin.model.plant import Plant

COLUMNS = ("number", "started", "status", "run_id", "orders", "replications", "details")
GOOD = ("ok", "dry run")


def render(view: View) -> Component:
    """The ledger as a table, the latest execution first."""
    run = source().latest()
    rows = source().ledger()
    about = [icon("list", 14), html.Span(text("runs.about"))]
    good = sum(row["status"] in GOOD for row in rows)
    lead = counted("runs.lead", len(rows), good=good) if rows else text("runs.none")
    content: list[Component] = [html.P(html.Strong(lead), className="lead", id="lead")]
    if rows:
        head = html.Tr([html.Th(text(f"runs.{key}"), scope="col") for key in COLUMNS])
        body = [ledger_row(row, run.case.plant) for row in rows]
        table = html.Table([html.Thead(head), html.Tbody(body)], id="ledger")
        content.append(card(text("runs.title"), html.Div(table, className="table-scroll")))
    return shell("runs", view, run, about=about, actions=[], content=content)


def ledger_row(row: Mapping[str, Any], plant: Plant) -> Component:
    """One execution; a failed one tells its message."""
    is_good = row["status"] in GOOD
    mark = icon("circle-check" if is_good else "triangle-alert", 14)
    words = (
        row["status"]
        if is_good
        else text("runs.failed", status=row["status"], code=row["exit_code"])
    )
    started = datetime.fromisoformat(row["started"]).astimezone(plant.zone)
    cells = [
        str(row["number"]),
        numbers.moment(started),
        html.Span([mark, html.Span(words)], className=f"verdict {'good' if is_good else 'bad'}"),
        row["run_id"] or "–",
        str(row.get("orders", "–")),
        str(row.get("replications", "–")),
        row.get("message") or cost(row, plant),
    ]
    return html.Tr([html.Td(cell) for cell in cells])


def cost(row: Mapping[str, Any], plant: Plant) -> str:
    """Planned cost of a run that ended well."""
    total = row.get("total_cost")
    if not isinstance(total, int | float):
        return "–"
    return text("runs.cost", cost=numbers.number(total), currency=plant.currency)
