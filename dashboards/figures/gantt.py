"""The plan as one figure: ribbons of price and carbon, bars by work unit, load of the plant.

One x axis serves three y axes with domains of their own, so the three always line up. There is one
bar trace per state, whatever the number of bars, and a fixed handful of shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from dashboards.figures import numbers
from dashboards.figures.changes import moved_operations
from dashboards.figures.gantt_layout import (
    GLYPH_PX,
    LABEL_PADDING_PX,
    LEFT_PX,
    RIGHT_PX,
    axes,
    shapes,
    side_notes,
    view_meta,
)
from dashboards.figures.late import OrderStatus, order_statuses
from dashboards.figures.load import load_traces
from dashboards.figures.marks import (
    Bars,
    Rows,
    made_by_order,
    off_shift_bars,
    rows_of,
    state_bars,
)
from dashboards.figures.ribbons import ribbon_traces
from dashboards.figures.time_axis import milliseconds
from dashboards.tokens import Tokens, with_alpha
from twin.accounting.report import Report
from twin.model.forecast import Forecast
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.schedule import Schedule

MOST_GHOSTS = 12
"""Up to so many moved operations show their place of last night; beyond, only the selected."""
GHOSTS = "last night's place"
"""Name of the trace of places left."""


@dataclass(frozen=True)
class Look:
    """How one state is drawn: its own second code beside the colour."""

    name: str
    fill: str
    height: float
    text: str = ""
    pattern: str = ""
    stripe: str = ""
    is_separated: bool = True


def looks(tokens: Tokens) -> dict[str, Look]:
    """Looks by state in drawing order."""
    t = tokens
    return {
        "off shift": Look("off shift", t.off_shift, 0.96, "", "/", t.off_shift_hatch, False),
        "standby": Look("standby", t.standby, 0.16, is_separated=False),
        "startup": Look("warm-up", t.standby, 0.34, "", ".", t.setup, False),
        "working": Look("working", t.working, 0.78, t.on_fill),
        "at risk": Look("at risk", t.working, 0.78, t.on_fill, "/", t.late),
        "late": Look("late order", t.late, 0.78, t.on_fill),
        "setup": Look("setup", t.setup, 0.34),
        "maintenance": Look(
            "maintenance", t.maintenance, 0.78, t.on_maintenance, "\\",
            with_alpha(t.on_maintenance, 0.28),
        ),
        "down": Look("down", t.down, 0.78, "", "x", with_alpha("#000000", 0.35)),
    }  # fmt: skip


def plan_figure(
    schedule: Schedule,
    plant: Plant,
    forecast: Forecast,
    report: Report | None,
    tokens: Tokens,
    previous: Schedule | None = None,
    window: tuple[float, float] | None = None,
    *,
    orders: OrderBook | None = None,
    now: float | None = 0.0,
    now_label: str = "now",
    down_until: Mapping[str, float] | None = None,
    selected: str = "",
    width: int = 1180,
) -> go.Figure:
    """Draw a plan.

    Parameters
    ----------
    previous
        Last night's plan; the place of operations that moved is outlined when they are few, or when
        their order is selected.
    now
        [min from horizon start]; left out when None.
    window
        Stretch of time shown first [min]; the whole horizon when None. Everything else is in the
        figure and comes into view by dragging.
    orders
        Due dates, for lateness without a report and for the orders a report does not know.
    down_until
        Work unit → minute at which its repair under way is expected to end.
    width
        Width at which the figure will be shown [px]; decides which labels fit and where ticks go.
    """
    rows = rows_of(plant)
    view = window or (0.0, float(schedule.horizon.minutes))
    px_per_minute = (width - LEFT_PX - RIGHT_PX) / (view[1] - view[0])
    statuses = order_statuses(schedule, orders, report)
    down = dict(down_until or {})
    bars = _bars(schedule, plant, report, orders, rows, statuses, down)
    traces = [
        _bar_trace(bars.get(key, Bars()), look, schedule, tokens, view, px_per_minute)
        for key, look in looks(tokens).items()
    ]
    traces += [
        _outline(_ghosts(schedule, previous, rows, selected), schedule, GHOSTS, tokens, "dot", 1.2),
        _outline(_own_places(schedule, rows, selected), schedule, "selected", tokens, "solid", 2.2),
    ]  # fmt: skip
    traces += ribbon_traces(forecast, plant.currency, tokens, view, px_per_minute)
    loads, highest = load_traces(schedule, plant, forecast, report, tokens)
    traces += loads
    layout = axes(schedule, rows, tokens, view, width, down, highest)
    layout["meta"] = view_meta(schedule)
    layout["shapes"] = shapes(schedule, plant, forecast, rows, tokens, now)
    layout["annotations"] = side_notes(
        schedule, plant, forecast, rows, tokens, view, now, now_label
    )
    return go.Figure({"data": traces, "layout": layout})


def legend(figure: go.Figure) -> tuple[str, ...]:
    """Names of the states that occur in a figure: the entries its legend may show."""
    kept = []
    for trace in figure.data:
        is_state = trace.type == "bar" or trace.name == GHOSTS
        if is_state and trace.x is not None and len(trace.x):
            kept.append(str(trace.name))
    return tuple(kept)


def swatch(name: str) -> str:
    """Style of a legend's entry.

    >>> swatch("late order"), swatch("last night's place")
    ('late', 'last-nights-place')
    """
    return {"late order": "late"}.get(name, name.replace("'", "").replace(" ", "-"))


def _bars(
    schedule: Schedule,
    plant: Plant,
    report: Report | None,
    orders: OrderBook | None,
    rows: Rows,
    statuses: Mapping[str, OrderStatus],
    down: Mapping[str, float],
) -> dict[str, Bars]:
    """All bars by state."""
    made = made_by_order(schedule, orders, report)
    bars = state_bars(schedule, plant, rows, statuses, made)
    bars["off shift"] = off_shift_bars(plant, schedule, rows)
    bars["down"] = Bars()
    for unit, until in sorted(down.items()):
        if unit in rows.y and until > 0:
            back = numbers.short_moment(schedule.horizon.local(until))
            bars["down"].add(
                0.0, until, rows.y[unit], f"<b>{unit}</b> down<br>expected back {back}"
            )
    return bars


def _bar_trace(
    bars: Bars,
    look: Look,
    schedule: Schedule,
    tokens: Tokens,
    view: tuple[float, float],
    px_per_minute: float,
) -> dict[str, Any]:
    marker: dict[str, Any] = {
        "color": look.fill,
        "line": {"color": tokens.surface, "width": 1.0 if look.is_separated else 0.0},
    }
    if look.pattern:
        marker["pattern"] = {
            "shape": look.pattern, "fgcolor": look.stripe, "fillmode": "overlay",
            "size": 5 if look.pattern == "." else 7,
            "solidity": 0.22 if look.pattern == "." else 0.32,
        }  # fmt: skip
    horizon = schedule.horizon
    return {
        "type": "bar",
        "orientation": "h",
        "name": look.name,
        "meta": {"labelled": bool(look.text)},
        "base": [milliseconds(horizon, s) for s in bars.starts],
        "x": [length * 60_000 for length in bars.lengths],
        "y": bars.rows,
        "width": look.height,
        "customdata": [
            list(row) for row in zip(bars.hovers, bars.labels, bars.orders, strict=True)
        ],
        "hovertemplate": "%{customdata[0]}<extra></extra>",
        "text": [
            label if look.text and fits(label, start, length, view, px_per_minute) else ""
            for label, start, length in zip(bars.labels, bars.starts, bars.lengths, strict=True)
        ],
        "textposition": "inside",
        "insidetextanchor": "start",
        "insidetextfont": {"color": look.text or tokens.ink, "size": 11},
        "textangle": 0,
        "constraintext": "none",
        "cliponaxis": True,
        "marker": marker,
    }


def fits(
    label: str, start: float, length: float, view: tuple[float, float], px_per_minute: float
) -> bool:
    """Whether a label fits into a bar, which must begin inside the view to show it."""
    room = (min(start + length, view[1]) - start) * px_per_minute
    return bool(label) and start >= view[0] and len(label) * GLYPH_PX + LABEL_PADDING_PX <= room


def _ghosts(
    schedule: Schedule, previous: Schedule | None, rows: Rows, selected: str
) -> list[tuple[float, float, float]]:
    """Last night's places (start, end, row) of operations that moved."""
    if previous is None:
        return []
    moved = [m for m in moved_operations(schedule, previous) if m.before_unit in rows.y]
    if len(moved) > MOST_GHOSTS:
        moved = [m for m in moved if m.order == selected]
    return [(m.before_start, m.before_end, rows.y[m.before_unit]) for m in moved]


def _own_places(schedule: Schedule, rows: Rows, selected: str) -> list[tuple[float, float, float]]:
    return [
        (s.start, s.end, rows.y[s.work_unit])
        for s in schedule.segments
        if s.kind == "work" and s.order == selected and s.work_unit in rows.y
    ]


def _outline(
    places: list[tuple[float, float, float]],
    schedule: Schedule,
    name: str,
    tokens: Tokens,
    dash: str,
    line_px: float,
) -> dict[str, Any]:
    """Rectangles as one line with gaps: a trace, however many there are."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, end, row in places:
        left, right = milliseconds(schedule.horizon, start), milliseconds(schedule.horizon, end)
        x += [left, right, right, left, left, None]
        y += [row - 0.43, row - 0.43, row + 0.43, row + 0.43, row - 0.43, None]
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "hoverinfo": "skip",
        "line": {"color": tokens.accent, "width": line_px, "dash": dash},
    }  # fmt: skip
