"""The card of the selected order: its way through the plant, and how sure its end is."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboards.catalogue import text
from dashboards.figures import numbers
from dashboards.layout import Children, attributes, card
from dashboards.order_story import OrderStory, Step
from twin.model.horizon import Horizon

NONE = "–"
SHORTEST = 0.5
"""A shorter wait reads as none [min]."""


def order_card(story: OrderStory | None, order: str, horizon: Horizon) -> Component:
    """The card, or how to choose an order when none is selected."""
    title = text("order.title", order=order).strip()
    if not order or story is None:
        words = text("order.unknown", order=order) if order else text("order.none")
        return card(title, html.P(words, className="empty"), id="order")
    made = story.order
    note = text(
        "order.note",
        product=story.product.name or story.product.id,
        quantity=numbers.number(made.quantity),
        customer=f" · {made.customer}" if made.customer else "",
    )
    clear = html.Button(
        text("order.clear"), type="button", className="quiet", **attributes(data_order=order)
    )
    return card(
        title, facts(story, horizon), route(story.steps, horizon), causes(story), clear,
        id="order", note=note,
    )  # fmt: skip


def facts(story: OrderStory, horizon: Horizon) -> Component:
    """Due date, planned end and margin; chance and spread from the twin."""
    end = story.planned_end
    rows: list[tuple[str, Children, str]] = [
        ("order.due", numbers.moment(horizon.local(story.due)), ""),
        (
            "order.planned_end",
            text("late.no_place") if end is None else numbers.moment(horizon.local(end)),
            text("order.exact") if end is not None else "",
        ),
    ]
    if story.margin is not None:
        rows.append(("order.margin", margin(story.margin), text("order.exact")))
    if (expected := story.expected) is not None:
        if (chance := expected.on_time) is not None:
            between = f"{numbers.share(chance.low)} – {numbers.share(chance.high)}"
            rows.append(("order.chance", numbers.share(chance.mean), between))
        rows.append(
            (
                "order.completion",
                moment_or(horizon, expected.completion_p50, text("order.completion.none")),
                completion_range(horizon, expected.completion_p10, expected.completion_p90),
            )
        )
    return html.Dl(
        [
            html.Div([html.Dt(text(key)), html.Dd([html.Strong(value), html.Small(note)])])
            for key, value, note in rows
        ],
        className="facts",
    )


def margin(minutes: float) -> Component:
    """Hours before (+) or after (−) the due date, worded by colour and sign."""
    kind = "bad" if minutes < 0 else "plain"
    hours = f"{numbers.signed(minutes / 60, 1)}{numbers.THIN}h"
    return html.Span(hours, className=f"margin {kind}")


def moment_or(horizon: Horizon, minute: float | None, otherwise: str) -> str:
    return otherwise if minute is None else numbers.moment(horizon.local(minute))


def completion_range(horizon: Horizon, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    first, last = (numbers.short_moment(horizon.local(m)) for m in (low, high))
    return text("order.completion.range", low=first, high=last)


def route(steps: Sequence[Step], horizon: Horizon) -> Component:
    """Every step with its place, times and the wait before it."""
    head = [
        html.Th(text(f"order.{key}"), scope="col")
        for key in ("operation", "unit", "start", "end", "wait")
    ]
    return html.Div(
        html.Table(
            [html.Thead(html.Tr(head)), html.Tbody([_step_row(s, horizon) for s in steps])],
            className="plain-table",
        ),
        className="scroll-x",
    )


def _step_row(step: Step, horizon: Horizon) -> Component:
    name: list[Children] = [step.operation]
    if step.state in ("running", "no place"):
        name.append(html.Small(text(f"step.{step.state}")))
    if step.start is None or step.end is None:
        word = text("step.done") if step.state == "done" else NONE
        return html.Tr([html.Td(name), html.Td(word, colSpan=4, className="muted")])
    waited = step.waiting or 0.0
    wait = numbers.hours(waited) if waited >= SHORTEST else NONE
    return html.Tr(
        [
            html.Td(name),
            html.Td(step.work_unit, className="strong"),
            html.Td(numbers.short_moment(horizon.local(step.start))),
            html.Td(numbers.short_moment(horizon.local(step.end))),
            html.Td(wait, className="number"),
        ]
    )


def causes(story: OrderStory) -> Component:
    """Where the time goes, as steps that add up to the whole."""
    total = sum(cause.minutes for cause in story.causes)
    if not total:
        return html.Div()
    rows, passed = [], 0.0
    for cause in (c for c in story.causes if c.minutes >= SHORTEST):
        place = {
            "marginInlineStart": f"{100 * passed / total:.2f}%",
            "width": f"{max(100 * cause.minutes / total, 0.5):.2f}%",
        }
        rows.append(
            html.Li(
                [
                    html.Span(cause.text),
                    html.Span(
                        html.Span(style=place, className=f"fall {cause.kind}"), className="way"
                    ),
                    html.Span(numbers.hours(cause.minutes), className="number"),
                ]
            )
        )
        passed += cause.minutes
    heading = html.H3(text("order.causes", total=numbers.hours(total)))
    return html.Div([heading, html.Ul(rows, className="falls")])
