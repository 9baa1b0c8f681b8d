"""What changed since last night's plan, as a card: counts by kind, then the items."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.catalogue import counted, text
from dashboards.figures import numbers
from dashboards.figures.changes import MovedOperation, PlanChanges, plan_changes
from dashboards.layout import card
from scenarios.archive import Run
from twin.model.horizon import Horizon

MOST = 6
"""Items told by name of each kind."""


def changes_card(run: Run) -> Component:
    """Moved operations, changed units, moved maintenance, orders come and gone."""
    title = text("change.title")
    if run.previous is None:
        return card(title, html.P(text("change.none"), className="empty"), id="changes")
    horizon = run.case.horizon
    note = text("change.note", at=numbers.moment(run.previous.horizon.local(0.0)))
    changes = plan_changes(run.schedule, run.previous)
    rows = change_rows(changes, horizon)
    if not rows:
        return card(
            title, html.P(text("change.nothing"), className="empty"), id="changes", note=note
        )
    items = [html.Div([html.Dt(count), html.Dd(listed(what))]) for count, what in rows]
    return card(title, html.Dl(items, className="changes"), id="changes", note=note)


def change_rows(changes: PlanChanges, horizon: Horizon) -> list[tuple[str, Sequence[str]]]:
    """How many of each kind, and which."""
    rows: list[tuple[str, Sequence[str]]] = []
    if changes.moved_in_time:
        moved = [f"{m.order} {m.unit} {_later(m)}" for m in changes.moved_in_time]
        count = counted("change.moved", len(moved), of=changes.compared)
        rows.append((count, moved))
    if changes.changed_unit:
        moved = [f"{m.order} {m.before_unit} → {m.unit}" for m in changes.changed_unit]
        rows.append((counted("change.unit", len(moved)), moved))
    if changes.maintenance:
        moved = [
            text(
                "change.from_to",
                what=m.work_unit,
                before=numbers.short_moment(horizon.local(m.before_start)),
                now=numbers.short_moment(horizon.local(m.start)),
            )
            for m in changes.maintenance
        ]
        rows.append((counted("change.maintenance.moved", len(moved)), moved))
    if changes.new_orders:
        rows.append((counted("change.new", len(changes.new_orders)), changes.new_orders))
    if changes.gone_orders:
        rows.append((counted("change.gone", len(changes.gone_orders)), changes.gone_orders))
    return rows


def _later(m: MovedOperation) -> str:
    return f"{numbers.signed(m.shift / 60, 1)}{numbers.THIN}h"


def listed(items: Sequence[str]) -> list[Component]:
    """The first items, none broken over two lines, and how many are left."""
    shown: list[Component] = [html.Span(item, className="item") for item in items[:MOST]]
    left = len(items) - MOST
    return [*shown, html.Span(counted("change.more", left))] if left > 0 else shown
