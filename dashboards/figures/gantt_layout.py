"""Layout of the plan's figure: axes on shared domains, ticks, few shapes, the words beside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboards.figures import numbers
from dashboards.figures.load import power_text, power_tick
from dashboards.figures.marks import Rows
from dashboards.figures.ribbons import FIGURES, LABEL_GAP_PX, LABEL_PX
from dashboards.figures.time_axis import (
    STEPS,
    TICK_ROOM_PX,
    milliseconds,
    step_for,
    time_ticks,
)
from dashboards.tokens import Tokens
from twin.model.forecast import Forecast
from twin.model.plant import Plant
from twin.model.schedule import Schedule

ROW_PX = 25.0
RIBBONS_PX = 31.0
RIBBON_GAP_PX = 19.0
"""Between ribbons and units."""
LOAD_GAP_PX = 20.0
LOAD_PX = 62.0
TOP_PX, BOTTOM_PX, LEFT_PX, RIGHT_PX = 42.0, 26.0, 118.0, 12.0
GLYPH_PX = 6.9
"""Width of a figure at the size of the bars' labels [px]."""
LABEL_PADDING_PX = 5.0
MOST_MIDNIGHTS = 14


def _plot_height(rows: Rows) -> float:
    return RIBBONS_PX + RIBBON_GAP_PX + _units_px(rows) + LOAD_GAP_PX + LOAD_PX


def _units_px(rows: Rows) -> float:
    return (rows.bottom - rows.top) * ROW_PX


def _domains(rows: Rows) -> dict[str, tuple[float, float]]:
    """Share of the plot's height of load, units and ribbons, from below."""
    whole = _plot_height(rows)
    load = LOAD_PX / whole
    units = (LOAD_PX + LOAD_GAP_PX) / whole
    return {
        "load": (0.0, load),
        "units": (units, units + _units_px(rows) / whole),
        "ribbons": (1 - RIBBONS_PX / whole, 1.0),
    }


def axes(
    schedule: Schedule,
    rows: Rows,
    tokens: Tokens,
    view: tuple[float, float],
    width: int,
    down: Mapping[str, float],
    highest: float,
) -> dict[str, Any]:
    horizon, domains = schedule.horizon, _domains(rows)
    step = step_for(view[1] - view[0], width - LEFT_PX - RIGHT_PX)
    ticks = time_ticks(horizon, 0.0, horizon.minutes, step)
    tick = power_tick(highest)
    quiet = {
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
        "showline": False,
        "ticks": "",
    }
    names = [_unit_name(unit, unit in down and down[unit] > 0, tokens) for unit in rows.y]
    return {
        "template": {},  # plotly's own would widen margins behind our back
        "barmode": "overlay",
        "height": round(_plot_height(rows) + TOP_PX + BOTTOM_PX),
        "margin": {"t": TOP_PX, "b": BOTTOM_PX, "l": LEFT_PX, "r": RIGHT_PX, "pad": 0},
        "paper_bgcolor": tokens.surface,
        "plot_bgcolor": tokens.surface,
        "font": {"family": tokens.font, "size": 11, "color": tokens.ink},
        "showlegend": False,
        "hovermode": "closest",
        "hoverdistance": 4,
        "spikedistance": -1,
        "dragmode": "pan",
        "uirevision": "plan",
        "hoverlabel": {
            "bgcolor": tokens.raised, "bordercolor": tokens.line, "align": "left",
            "font": {"family": tokens.font, "size": 12, "color": tokens.ink},
        },
        "xaxis": {
            "type": "date", "side": "top", "anchor": "free", "position": 1.0, "tickangle": 0,
            "range": [milliseconds(horizon, view[0]), milliseconds(horizon, view[1])],
            "tickmode": "array", "tickvals": [milliseconds(horizon, m) for m in ticks.minutes],
            "ticktext": list(ticks.texts), "showgrid": True, "gridcolor": tokens.grid, "ticks": "",
            "tickfont": {"size": 11, "color": tokens.muted}, "zeroline": False,
            "showspikes": True, "spikemode": "across", "spikesnap": "cursor", "spikethickness": 1,
            "spikedash": "solid", "spikecolor": tokens.muted, "showline": False,
        },
        "yaxis": {
            **quiet, "domain": domains["units"], "range": [rows.bottom, rows.top],
            "tickmode": "array", "tickvals": list(rows.y.values()), "ticktext": names,
            "tickfont": {"size": 11.5, "color": tokens.ink},
        },
        "yaxis2": {
            **quiet, "domain": domains["ribbons"], "range": [0, 2], "anchor": "x",
            "tickmode": "array", "tickvals": [0.46, 1.54], "ticktext": ["Carbon", "Price"],
            "tickfont": {"size": 11, "color": tokens.muted},
        },
        "yaxis3": {
            **quiet, "domain": domains["load"], "range": [0, highest * 1.18], "anchor": "x",
            "tickmode": "array", "tickvals": [0, tick], "ticktext": ["0", power_text(tick)],
            "tickfont": {"size": 10.5, "color": tokens.muted},
            "showgrid": True, "gridcolor": tokens.grid,
        },
    }  # fmt: skip


def _unit_name(unit: str, is_down: bool, tokens: Tokens) -> str:
    if is_down:
        return f'<span style="color:{tokens.bad}">✕ <b>{unit}</b></span> '
    return f"<b>{unit}</b> "


def shapes(
    schedule: Schedule,
    plant: Plant,
    forecast: Forecast,
    rows: Rows,
    tokens: Tokens,
    now: float | None,
) -> list[dict[str, Any]]:
    """Midnights behind the bars, contract line, peak so far and the now line."""
    horizon, domains = schedule.horizon, _domains(rows)
    midnights = time_ticks(horizon, 0.0, horizon.minutes, 24).midnights[:MOST_MIDNIGHTS]
    shapes = [
        {
            **_upright(milliseconds(horizon, m), tokens.line, 1.0),
            "layer": "below", "y1": domains["units"][1],
        }
        for m in midnights
    ]  # fmt: skip
    if plant.energy.contract_kw:
        shapes.append(_level(plant.energy.contract_kw, tokens.bad, 1.0, "dot"))
    if forecast.peak_incurred_kw:
        shapes.append(_level(forecast.peak_incurred_kw, tokens.setup, 0.025, "solid"))
    if now is not None:
        shapes.append(_upright(milliseconds(horizon, now), tokens.accent, 1.6))
    return shapes


def _upright(x: float, colour: str, line_px: float) -> dict[str, Any]:
    return {
        "type": "line", "yref": "paper", "x0": x, "x1": x, "y0": 0.0, "y1": 1.0,
        "line": {"color": colour, "width": line_px},
    }  # fmt: skip


def _level(kw: float, colour: str, share: float, dash: str) -> dict[str, Any]:
    """A level of the load axis over a share of the width, from the left."""
    return {
        "type": "line", "xref": "paper", "yref": "y3", "x0": 0.0, "x1": share, "y0": kw, "y1": kw,
        "line": {"color": colour, "width": 1.2 if dash == "dot" else 2.4, "dash": dash},
    }  # fmt: skip


def side_notes(
    schedule: Schedule,
    plant: Plant,
    forecast: Forecast,
    rows: Rows,
    tokens: Tokens,
    view: tuple[float, float],
    now: float | None,
    now_label: str,
) -> list[dict[str, Any]]:
    horizon, domains = schedule.horizon, _domains(rows)
    beside = {"xref": "paper", "x": 0, "xanchor": "left", "xshift": -(LEFT_PX - 2), "align": "left",
              "showarrow": False}  # fmt: skip
    found = [
        {
            **beside, "yref": "y", "y": y - 0.44, "yanchor": "top", "text": _wrapped(name),
            "font": {"size": 10, "color": tokens.muted},
        }
        for name, y in rows.areas
    ]  # fmt: skip
    found.append({**beside, "yref": "paper", "y": domains["load"][1], "yanchor": "middle",
                  "text": "Plant load", "font": {"size": 11, "color": tokens.muted}})  # fmt: skip
    found += _level_labels(plant, forecast, tokens)
    if now is not None:
        is_near_edge = (now - view[0]) < 0.04 * (view[1] - view[0])
        found.append({
            "x": milliseconds(horizon, now), "xanchor": "left" if is_near_edge else "center",
            "yref": "paper", "y": 0, "yanchor": "top", "yshift": -3, "showarrow": False,
            "text": f"{now_label} {numbers.clock(horizon.local(now))}", "borderpad": 3,
            "bgcolor": tokens.accent, "font": {"size": 10.5, "color": tokens.on_accent},
        })  # fmt: skip
    return found


def _level_labels(plant: Plant, forecast: Forecast, tokens: Tokens) -> list[dict[str, Any]]:
    """Words of the contract line, of the peak so far and of the sun."""
    found: list[dict[str, Any]] = []
    plain = {"yref": "y3", "showarrow": False, "yanchor": "bottom"}
    contract, incurred = plant.energy.contract_kw, forecast.peak_incurred_kw
    so_far = f"peak so far {numbers.number(incurred)} kW" if incurred else ""
    is_near_contract = bool(contract and incurred and abs(contract - incurred) < 0.25 * contract)
    if contract:
        words = f"contract {numbers.number(contract)} kW"
        found.append({
            **plain, "xref": "paper", "x": 1, "xanchor": "right", "y": contract, "yshift": -1,
            "text": f"{words} · {so_far}" if is_near_contract else words,
            "font": {"size": 10.5, "color": tokens.bad},
        })  # fmt: skip
    if incurred and not is_near_contract:
        found.append({
            **plain, "xref": "paper", "x": 0.028, "xanchor": "left", "y": incurred,
            "yanchor": "middle", "text": so_far,
            "font": {"size": 10.5, "color": tokens.muted},
        })  # fmt: skip
    if forecast.generation_kw.max() > 0:
        slot = int(forecast.generation_kw.argmax())
        first_day = min(1440 // forecast.horizon.slot_minutes, len(forecast.generation_kw))
        if forecast.generation_kw[:first_day].max() > 0:
            slot = int(forecast.generation_kw[:first_day].argmax())
        middle = (slot + 0.5) * forecast.horizon.slot_minutes
        found.append({
            **plain, "x": milliseconds(forecast.horizon, middle), "yshift": -1,
            "y": float(forecast.generation_kw[slot]), "text": "own solar",
            "font": {"size": 10.5, "color": tokens.warn},
        })  # fmt: skip
    return found


def _wrapped(name: str, most: int = 11) -> str:
    """An area's name on two lines where one is too long."""
    lines: list[str] = []
    for word in name.split():
        if lines and len(lines[-1]) + 1 + len(word) <= most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return "<br>".join(lines[:2])


def view_meta(schedule: Schedule) -> dict[str, Any]:
    """What the browser needs to fit ticks and labels anew after a zoom (assets/plan_view.js)."""
    horizon = schedule.horizon
    ticks = {step: time_ticks(horizon, 0.0, horizon.minutes, step) for step in STEPS}
    return {
        "begin_ms": milliseconds(horizon, 0.0),
        "end_ms": milliseconds(horizon, horizon.minutes),
        "glyph_px": GLYPH_PX,
        "padding_px": LABEL_PADDING_PX,
        "tick_room_px": TICK_ROOM_PX,
        "ribbon_figures": FIGURES,
        "ribbon_glyph_px": LABEL_PX,
        "ribbon_gap_px": LABEL_GAP_PX,
        "ticks": {
            str(step): {
                "vals": [milliseconds(horizon, m) for m in found.minutes],
                "texts": list(found.texts),
            }
            for step, found in ticks.items()
        },
    }
