"""Cost against carbon: the plans of a front, the steps between them, and what none can reach."""

from __future__ import annotations

import plotly.graph_objects as go

from dashboards.figures import numbers
from dashboards.tokens import LIGHT, Tokens
from scenarios.front import Front, FrontPoint

HEIGHT_PX, TOP_PX, BOTTOM_PX = 420, 34, 48


def front_figure(front: Front, tokens: Tokens = LIGHT) -> go.Figure:
    """Carbon to the right, cost upward; the staircase is what is known to be attainable.

    Left of and below the staircase lies what nobody has found; the text at the ends names them.
    """
    points = front.points
    tonnes = [p.carbon_kg / 1000 for p in points]
    costs = [p.total_cost for p in points]
    figure = go.Figure()
    figure.add_scatter(
        x=tonnes, y=costs, mode="lines", line={"color": tokens.categories[0], "shape": "hv",
        "width": 1.5, "dash": "dot"}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=tonnes, y=costs, mode="markers+text", showlegend=False,
        marker={"color": tokens.categories[0], "size": 10},
        text=[p.name if p.name in ("cleanest", "cheapest") else "" for p in points],
        textposition="top right", cliponaxis=False,
        hovertext=[hover(p, front.currency) for p in points], hoverinfo="text",
    )  # fmt: skip
    axis = {"gridcolor": tokens.grid, "zeroline": False, "linecolor": tokens.grid}
    figure.update_layout(
        height=HEIGHT_PX, margin={"l": 70, "r": 60, "t": TOP_PX, "b": BOTTOM_PX},
        paper_bgcolor=tokens.surface, plot_bgcolor=tokens.surface,
        font={"family": tokens.font, "size": 12, "color": tokens.ink},
        xaxis={**axis, "title": {"text": "Carbon of electricity bought [tCO2e]"}},
        yaxis={**axis, "title": {"text": f"Total cost [{front.currency}]"}, "tickformat": ",.0f"},
    )  # fmt: skip
    return figure


def hover(point: FrontPoint, currency: str) -> str:
    """The figures of one plan."""
    lines = [
        f"<b>{point.name}</b>",
        f"{numbers.number(point.total_cost)} {currency}, "
        f"{numbers.number(point.carbon_kg / 1000, 2)} tCO2e",
        f"no plan this clean costs less than {numbers.number(point.bound)} {currency}",
        f"late orders: {point.orders_late}, peak {numbers.number(point.peak_kw)} kW",
    ]
    if point.saving_cost_per_t is not None:
        saving = numbers.number(point.saving_cost_per_t)
        lines.append(f"each tonne less than the next plan: {saving} {currency}")
    return "<br>".join(lines)
