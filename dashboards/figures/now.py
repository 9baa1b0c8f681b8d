"""The last and next hours of every work unit: what it did over what it was to do.

Left of the now line each row has what happened, and below it the plan as a narrow strip; right of
the line is what the plan has coming.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import plotly.graph_objects as go

from dashboards.figures import numbers
from dashboards.figures.gantt_layout import LEFT_PX, RIGHT_PX
from dashboards.figures.marks import Bars, Rows, rows_of
from dashboards.figures.time_axis import milliseconds, step_for, time_ticks
from dashboards.tokens import Tokens, with_alpha
from twin.model.horizon import Horizon
from twin.model.plant import Plant
from twin.model.schedule import Schedule

BACK, AHEAD = 360.0, 240.0
"""Minutes before and after now."""
ROW_PX = 30.0
TOP_PX, BOTTOM_PX = 6.0, 38.0
ACTUAL_Y, ACTUAL_HEIGHT = -0.14, 0.56
PLAN_Y, PLAN_HEIGHT = 0.32, 0.22
GLYPH_PX, PADDING_PX = 6.6, 8.0
STATE_WORDS = {"repair": "under repair", "blocked": "blocked", "maintenance": "maintenance"}
QUIET = ("off", "standby", "")
"""States in which nothing is drawn, or a thin line."""


def now_figure(
    live: Mapping[str, Any],
    schedule: Schedule,
    plant: Plant,
    tokens: Tokens,
    *,
    names: tuple[str, str] = ("now", "plan"),
    width: int = 1180,
) -> go.Figure:
    """Draw the hours around now; ``names`` are the words of the now line and of the plan."""
    horizon, rows = schedule.horizon, rows_of(plant)
    now = horizon.to_minutes(datetime.fromisoformat(live["at"]))
    view = now - BACK, now + AHEAD
    px = (width - LEFT_PX - RIGHT_PX) / (view[1] - view[0])
    at_risk = {a["order"] for a in live["alerts"] if a["kind"] in ("late_risk", "behind_plan")}
    actual = actual_bars(live, horizon, rows, view, at_risk)
    traces = [
        _trace(bars, horizon, ACTUAL_HEIGHT, tokens, px, **look)
        for name, look in _looks(tokens).items()
        if (bars := actual.get(name)) is not None
    ]
    for height, y, part in (
        (PLAN_HEIGHT, PLAN_Y, (view[0], now)), (ACTUAL_HEIGHT, ACTUAL_Y, (now, view[1])),
    ):  # fmt: skip
        text = tokens.ink if part[0] == now else ""
        for kind, bars in planned_bars(schedule, rows, part, y).items():
            fill, name = _plan_fill(kind, tokens), f"{names[1]}: {kind}"
            pale = with_alpha(fill, 0.28)
            traces.append(
                _trace(bars, horizon, height, tokens, px, name=name, fill=pale, line=fill,
                       text=text, share=0.5 if kind == "setup" and text else 1.0)
            )  # fmt: skip
    return go.Figure({"data": traces, "layout": _layout(horizon, rows, tokens, view, now, width,
                                                        names[0])})  # fmt: skip


def actual_bars(
    live: Mapping[str, Any],
    horizon: Horizon,
    rows: Rows,
    view: tuple[float, float],
    at_risk: set[str],
) -> dict[str, Bars]:
    """What happened, by look: the state, and *late* for work on orders with an alert."""
    found: dict[str, Bars] = {}
    for stretch in live["stretches"]:
        unit, state = stretch["work_unit"], stretch["state"]
        begin, end = (
            horizon.to_minutes(datetime.fromisoformat(stretch[name])) for name in ("start", "end")
        )
        begin, end = max(begin, view[0]), min(end, view[1])
        if unit not in rows.y or state in ("off", "") or end <= begin:
            continue
        look = {"repair": "down", "startup": "setup"}.get(state, state)
        if look == "working" and stretch["order"] in at_risk:
            look = "late"
        doing = STATE_WORDS.get(state, state)
        what = f" {stretch['order']} · {stretch['operation']}" if stretch["order"] else ""
        reason = f" ({stretch['reason']})" if stretch["reason"] and state != "setup" else ""
        hover = f"<b>{unit}</b> {doing}{reason}{what}<br>{_when(horizon, begin, end)}"
        y = rows.y[unit] + (ACTUAL_Y if look != "standby" else ACTUAL_Y + 0.2)
        label = stretch["order"] if state == "working" else ""
        found.setdefault(look, Bars()).add(begin, end, y, hover, label, stretch["order"])
    return found


def planned_bars(
    schedule: Schedule, rows: Rows, view: tuple[float, float], offset: float = PLAN_Y
) -> dict[str, Bars]:
    """What the plan has in a stretch of time, by kind of segment."""
    found: dict[str, Bars] = {}
    for s in sorted(schedule.segments):
        begin, end = max(s.start, view[0]), min(s.end, view[1])
        if s.kind not in ("setup", "work", "maintenance") or s.work_unit not in rows.y:
            continue
        if end <= begin:
            continue
        what = s.task if s.kind == "maintenance" else f"{s.order} · {s.operation}"
        when = _when(schedule.horizon, s.start, s.end)
        hover = f"<b>{s.work_unit}</b> planned: {s.kind} {what}<br>{when}"
        y = rows.y[s.work_unit] + offset
        label = s.order if s.kind == "work" else ""
        found.setdefault(s.kind, Bars()).add(begin, end, y, hover, label, s.order)
    return found


def _looks(t: Tokens) -> dict[str, dict[str, Any]]:
    return {
        "standby": {"name": "standby", "fill": t.standby, "share": 0.22},
        "blocked": {"name": "blocked", "fill": t.waiting},
        "working": {"name": "working", "fill": t.working, "text": t.on_fill},
        "late": {"name": "late order", "fill": t.late, "text": t.on_fill},
        "setup": {"name": "setup", "fill": t.setup, "share": 0.5},
        "maintenance": {"name": "maintenance", "fill": t.maintenance},
        "down": {"name": "down", "fill": t.down},
    }


def _plan_fill(kind: str, t: Tokens) -> str:
    return {"work": t.setup, "setup": t.muted, "maintenance": t.maintenance}[kind]


def _trace(
    bars: Bars, horizon: Horizon, height: float, tokens: Tokens, px: float, *, name: str,
    fill: str, line: str = "", text: str = "", share: float = 1.0,
) -> dict[str, Any]:  # fmt: skip
    fits = [
        label if text and len(label) * GLYPH_PX + PADDING_PX <= length * px else ""
        for label, length in zip(bars.labels, bars.lengths, strict=True)
    ]
    return {
        "type": "bar", "orientation": "h", "name": name,
        "base": [milliseconds(horizon, start) for start in bars.starts],
        "x": [length * 60_000 for length in bars.lengths],
        "y": bars.rows, "width": height * share,
        "customdata": bars.hovers, "hovertemplate": "%{customdata}<extra></extra>",
        "text": fits, "textposition": "inside", "insidetextanchor": "start", "textangle": 0,
        "insidetextfont": {"color": text or tokens.ink, "size": 10.5}, "constraintext": "none",
        "marker": {"color": fill, "line": {"color": line or tokens.surface, "width": 0.8}},
        "showlegend": False,
    }  # fmt: skip


def _layout(
    horizon: Horizon, rows: Rows, tokens: Tokens, view: tuple[float, float], now: float,
    width: int, now_name: str,
) -> dict[str, Any]:  # fmt: skip
    step = step_for(view[1] - view[0], width - LEFT_PX - RIGHT_PX)
    ticks = time_ticks(horizon, view[0], view[1], step)
    at = milliseconds(horizon, now)
    height = (rows.bottom - rows.top) * ROW_PX + TOP_PX + BOTTOM_PX
    beside = {"xref": "paper", "x": 0, "xanchor": "left", "xshift": -(LEFT_PX - 2), "align": "left",
              "showarrow": False, "font": {"size": 10, "color": tokens.muted}}  # fmt: skip
    areas = [
        {**beside, "yref": "y", "y": y - 0.5, "yanchor": "top", "text": _two_lines(name)}
        for name, y in rows.areas
    ]
    told = {
        "x": at, "yref": "paper", "y": 0, "yanchor": "top", "yshift": -3, "showarrow": False,
        "text": f"{now_name} {numbers.clock(horizon.local(now))}", "borderpad": 3,
        "bgcolor": tokens.accent, "font": {"size": 10.5, "color": tokens.on_accent},
    }  # fmt: skip
    return {
        "height": height, "barmode": "overlay", "bargap": 0, "uirevision": "now",
        "margin": {"t": TOP_PX, "b": BOTTOM_PX, "l": LEFT_PX, "r": RIGHT_PX, "pad": 0},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": tokens.font, "size": 11.5, "color": tokens.ink},
        "hoverlabel": {"bgcolor": tokens.raised, "bordercolor": tokens.line,
                       "font": {"family": tokens.font, "color": tokens.ink, "size": 12}},
        "dragmode": False,
        "xaxis": {
            "type": "date", "range": [milliseconds(horizon, edge) for edge in view],
            "tickmode": "array", "tickvals": [milliseconds(horizon, m) for m in ticks.minutes],
            "ticktext": list(ticks.texts), "gridcolor": tokens.grid, "ticks": "",
            "tickangle": 0, "tickfont": {"size": 11, "color": tokens.muted}, "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {
            "range": [rows.bottom, rows.top], "tickmode": "array", "ticks": "",
            "tickvals": list(rows.y.values()), "ticktext": [f"<b>{u}</b> " for u in rows.y],
            "tickfont": {"size": 11.5, "color": tokens.ink}, "showgrid": False,
            "zeroline": False, "fixedrange": True,
        },
        "shapes": [
            {"type": "rect", "xref": "x", "yref": "paper", "x0": at, "y0": 0, "y1": 1,
             "x1": milliseconds(horizon, view[1]), "line": {"width": 0}, "layer": "below",
             "fillcolor": with_alpha(tokens.accent, 0.05)},
            {"type": "line", "xref": "x", "yref": "paper", "x0": at, "x1": at, "y0": 0, "y1": 1,
             "line": {"color": tokens.accent, "width": 1.6}},
        ],
        "annotations": [*areas, told],
    }  # fmt: skip


def _when(horizon: Horizon, begin: float, end: float) -> str:
    first, last = horizon.local(begin), horizon.local(end)
    until = numbers.clock(last) if last.date() == first.date() else numbers.short_moment(last)
    return f"{numbers.short_moment(first)} – {until} · {numbers.hours(end - begin)}"


def _two_lines(name: str) -> str:
    return name.replace(" ", "<br>", 1)
