"""Where the time of every work unit went: one stacked bar a unit, from a simulation's report."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from dashboards.figures import numbers
from dashboards.tokens import LIGHT, Tokens
from twin.accounting.report import Estimate
from twin.accounting.simulation_report import SimulationReport
from twin.model.plant import State

ROW_PX = 22
TOP_PX, BOTTOM_PX, LEFT_PX, RIGHT_PX = 128, 20, 110, 32
AXIS_PX = 22
"""Height of the axis, which stands on top, as the list may be longer than the window."""
LEAST_WIDTH_PX = 620


class Part(NamedTuple):
    """One colour of the bars."""

    label: str
    states: tuple[State, ...]
    colour: str
    pattern: str = ""


def parts(tokens: Tokens) -> tuple[Part, ...]:
    """From what makes parts to what makes none; colours as in the plan."""
    return (
        Part("working", ("working",), tokens.working),
        Part("setup", ("setup",), tokens.setup),
        Part("startup", ("startup",), tokens.standby, "."),
        Part("maintenance", ("maintenance",), tokens.maintenance),
        Part("down, under repair", ("down", "repair"), tokens.down),
        Part("blocked", ("blocked",), tokens.waiting),
        Part("idle", ("standby",), tokens.standby),
        Part("off", ("off",), tokens.off_shift, "/"),
    )


def states_figure(report: SimulationReport, tokens: Tokens = LIGHT) -> go.Figure:
    """Mean share of the time in each state, the first unit of the plant on top; the bottleneck has
    an arrow."""
    units = report.ids("work_unit")
    found = {id: report.of("work_unit", id) for id in units}
    names = [_name(id, report, tokens) for id in units]
    figure = go.Figure()
    for part in parts(tokens):
        shares = [_sum([found[id].get(f"{s}_share") for s in part.states]) for id in units]
        if not any(shares):
            continue
        hover = [
            f"<b>{escape(id)}</b><br>{part.label} {numbers.number(100 * share, 1)} %"
            for id, share in zip(units, shares, strict=True)
        ]
        figure.add_bar(
            name=part.label, orientation="h", y=list(range(len(units))),
            x=[100 * share for share in shares], customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
            marker={
                "color": part.colour, "line": {"width": 0.6, "color": tokens.surface},
                "pattern": {"shape": part.pattern, "fgcolor": tokens.muted, "size": 5,
                            "solidity": 0.12, "fgopacity": 0.6},
            },
        )  # fmt: skip
    figure.update_layout(_layout(report, names, tokens))
    return figure


def states_page(report: SimulationReport) -> str:
    """The picture as a page of its own, readable without a network."""
    figure = states_figure(report)
    html: str = figure.to_html(
        include_plotlyjs=True, include_mathjax=False, full_html=True,
        config={"displayModeBar": False, "responsive": True},
    )  # fmt: skip
    style = f"body{{margin:0;background:{LIGHT.surface};min-width:{LEAST_WIDTH_PX}px}}"
    head = (
        f'<title>{escape(report.plant)}: states</title><style>{style}</style><meta charset="utf-8"'
    )
    return html.replace('<meta charset="utf-8"', head, 1).replace("<html>", '<html lang="en">', 1)


def _name(id: str, report: SimulationReport, tokens: Tokens) -> str:
    found = report.bottleneck
    if found is None or found.work_unit != id:
        return escape(id)
    return f'<span style="color:{tokens.accent}"><b>▸ {escape(id)}</b></span>'


def _sum(shares: list[Estimate | None]) -> float:
    return sum(share.mean for share in shares if share is not None)


def _layout(report: SimulationReport, names: list[str], tokens: Tokens) -> dict[str, object]:
    n, horizon = report.replications, report.horizon
    hours = (horizon.minutes - report.warm_up) / 60
    days = hours / 24
    length = f"{days:.3g} days" if days >= 2 else f"{hours:.3g} h"
    made = f"mean of {n} replication{'s' if n != 1 else ''} of {length}"
    least = " · ▸ bottleneck, waits least" if report.bottleneck else ""
    title = (
        f"<b>{escape(report.plant)}</b>, share of the time by state<br>"
        f'<span style="font-size:11px;color:{tokens.muted}">{made}{least}</span>'
    )
    return {
        "template": {},  # plotly's own would widen margins behind our back
        "barmode": "stack",
        "bargap": 0.28,
        "height": ROW_PX * len(names) + TOP_PX + BOTTOM_PX,
        "margin": {"t": TOP_PX, "b": BOTTOM_PX, "l": LEFT_PX, "r": RIGHT_PX, "pad": 4},
        "paper_bgcolor": tokens.surface,
        "plot_bgcolor": tokens.surface,
        "font": {"family": tokens.font, "size": 11.5, "color": tokens.ink},
        "title": {"text": title, "x": 0, "xref": "container", "xanchor": "left",
                  "pad": {"l": 12, "t": 20}, "y": 1, "yref": "container", "yanchor": "top",
                  "font": {"size": 13}, "automargin": False},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "yanchor": "bottom",
                   "y": 1 + AXIS_PX / (ROW_PX * len(names)), "traceorder": "normal",
                   "font": {"size": 11, "color": tokens.ink}},
        "hovermode": "closest",
        "hoverlabel": {
            "bgcolor": tokens.raised, "bordercolor": tokens.line, "align": "left",
            "font": {"family": tokens.font, "size": 12, "color": tokens.ink},
        },
        "xaxis": {
            "range": [0, 100], "fixedrange": True, "ticksuffix": " %", "dtick": 20,
            "gridcolor": tokens.grid, "zeroline": False, "ticks": "",
            "side": "top", "tickfont": {"size": 11, "color": tokens.muted},
        },
        "yaxis": {
            "range": [len(names) - 0.5, -0.5], "fixedrange": True, "tickmode": "array",
            "tickvals": list(range(len(names))), "ticktext": names, "ticks": "",
            "showgrid": False, "zeroline": False, "tickfont": {"size": 11.5, "color": tokens.ink},
        },
    }  # fmt: skip
