"""Losses as bars, the largest first, with what they add up to."""

from __future__ import annotations

import plotly.graph_objects as go

from dashboards.figures import numbers
from dashboards.tokens import LIGHT, Tokens
from twin.calibration.losses import Loss, Losses

MOST_BARS = 20
ROW_PX, TOP_PX, BOTTOM_PX, RIGHT_PX = 22, 26, 8, 104
STAR = " ★"
"""Marks the bottleneck's."""
SUM = "Σ "
"""Marks a share that is the bar's and that of all above it."""


def colours(tokens: Tokens) -> dict[str, str]:
    """Colour of each kind of loss: that of its state in the plan."""
    return {
        "failure": tokens.down, "maintenance": tokens.maintenance, "setup": tokens.setup,
        "start-up": tokens.standby, "blocked": tokens.waiting, "waiting": tokens.waiting,
        "micro-stops": tokens.late, "slow": tokens.working, "scrap": tokens.categories[3],
    }  # fmt: skip


def pareto_figure(losses: Losses, tokens: Tokens = LIGHT) -> go.Figure:
    """Hours of the largest losses; at each bar, after Σ, the share all down to it add up to."""
    rows = [row for row in losses.rows if row.is_counted][:MOST_BARS]
    figure = go.Figure()
    fills, running, ends = colours(tokens), 0.0, []
    for row in rows:
        running += row.share
        ends.append(f"{numbers.number(row.hours, 1)} h · {SUM}{numbers.share(running)}")
    labels = [label(row) for row in rows]
    for kind in dict.fromkeys(row.kind for row in rows):
        mine = [i for i, row in enumerate(rows) if row.kind == kind]
        figure.add_bar(
            orientation="h", name=kind, y=[labels[i] for i in mine],
            x=[rows[i].hours for i in mine], text=[ends[i] for i in mine],
            textposition="outside", cliponaxis=False, marker_color=fills[kind],
            hovertext=[_hover(rows[i], losses.currency) for i in mine], hoverinfo="text",
        )  # fmt: skip
    figure.update_layout(
        barmode="stack", bargap=0.25, height=TOP_PX + BOTTOM_PX + ROW_PX * len(rows) + 30,
        margin={"l": 10, "r": RIGHT_PX, "t": TOP_PX, "b": BOTTOM_PX},
        paper_bgcolor=tokens.surface, plot_bgcolor=tokens.surface,
        font={"family": tokens.font, "size": 12, "color": tokens.ink},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        yaxis={"autorange": "reversed", "categoryorder": "array", "categoryarray": labels,
               "automargin": True},
        xaxis={"gridcolor": tokens.grid, "zeroline": False, "showticklabels": False,
               "range": [0, 1.08 * max((r.hours for r in rows), default=1.0)]},
    )  # fmt: skip
    return figure


def label(row: Loss) -> str:
    """Who and why."""
    words = " ".join(w for w in (row.work_unit, row.kind, row.reason) if w)
    return words + (STAR if row.at_bottleneck else "")


def _hover(row: Loss, currency: str) -> str:
    money = f"<br>money with a rate: {numbers.number(row.cost)} {currency}" if row.cost else ""
    hours = f"{numbers.number(row.hours, 1)} h ({numbers.share(row.share)})"
    return f"{label(row)}<br>{hours}, {numbers.number(row.count)} {row.counted}{money}"
