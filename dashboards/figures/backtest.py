"""Pictures of a backtest: forecasts with their ranges against what happened, and PIT histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboards.figures import numbers
from dashboards.tokens import LIGHT, Tokens
from scenarios.backtest import Backtest, Check, Span
from twin.accounting.indicators import Key
from twin.accounting.recorded import LABELS, UNITS
from twin.accounting.scoring import PIT_BINS, interval

FAN_PX, PIT_PX = 170, 190
COLUMNS = 3
"""Histograms side by side."""
WIDE, HALF = 0.9, 0.5
Ranges = list[tuple[float, float]]


def fan_figure(
    found: Backtest, keys: Sequence[Key], span: Span, tokens: Tokens = LIGHT
) -> go.Figure:
    """One row for each figure: range and mean of every forecast, and the value that came."""
    titles = [f"<b>{_title(key)}</b> [{UNITS.get(key.figure, '')}]" for key in keys]
    figure = make_subplots(
        rows=len(keys), cols=1, shared_xaxes=True, vertical_spacing=0.12 / max(len(keys) - 1, 1),
        subplot_titles=titles,
    )  # fmt: skip
    for row, key in enumerate(keys, start=1):
        for trace in _fan(found.of(key, span), found, tokens, is_first=row == 1):
            figure.add_trace(trace, row=row, col=1)
    _lay_out(figure, FAN_PX * len(keys) + 60, tokens)
    return figure


def _title(key: Key) -> str:
    name = LABELS.get(key.figure, key.figure)
    return f"{key.id}: {name}" if key.id else name[0].upper() + name[1:]


def _fan(
    checks: Sequence[Check], found: Backtest, tokens: Tokens, *, is_first: bool
) -> list[go.Scatter]:
    when = [check.origin.astimezone(found.plant.zone).replace(tzinfo=None) for check in checks]
    samples = [check.verified.samples for check in checks]
    means = [float(sample.mean()) for sample in samples]
    actual = [check.verified.actual for check in checks]
    hover = [_hover(check, found) for check in checks]
    shown = {"showlegend": is_first}
    traces = [
        _bars(when, means, [interval(s, WIDE) for s in samples], 9, tokens.working, "90 % range"),
    ]
    if found.has_draws:
        chance = [interval(check.by_chance, WIDE) for check in checks]
        traces.append(_bars(when, means, chance, 5, tokens.setup, "90 % by chance alone"))
    else:
        halves = [interval(s, HALF) for s in samples]
        traces.append(_bars(when, means, halves, 5, tokens.setup, "50 % range"))
    traces.append(
        go.Scatter(
            x=when, y=means, mode="markers", name="forecast mean", hoverinfo="skip",
            marker={"symbol": "line-ew-open", "size": 13, "color": tokens.ink},
        )
    )  # fmt: skip
    traces.append(
        go.Scatter(
            x=when, y=actual, mode="markers", name="what happened", customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
            marker={"size": 8, "color": tokens.accent, "line": {"width": 1, "color": "#FFFFFF"}},
        )
    )  # fmt: skip
    for trace in traces:
        trace.update(shown)
    return traces


def _bars(
    when: Sequence[object],
    means: Sequence[float],
    ranges: Ranges,
    width: int,
    colour: str,
    name: str,
) -> go.Scatter:
    """Vertical bars from the low to the high end of each range."""
    return go.Scatter(
        x=list(when), y=list(means), mode="markers", name=name, hoverinfo="skip",
        marker={"size": width, "color": colour, "symbol": "square"},
        error_y={
            "type": "data", "symmetric": False, "thickness": width, "width": 0, "color": colour,
            "array": [high - m for (_, high), m in zip(ranges, means, strict=True)],
            "arrayminus": [m - low for (low, _), m in zip(ranges, means, strict=True)],
        },
    )  # fmt: skip


def _hover(check: Check, found: Backtest) -> str:
    low, high = interval(check.verified.samples, WIDE)
    local = check.origin.astimezone(found.plant.zone)
    naive = "".join(
        f"<br>{name}: {numbers.significant(value)}" for name, value in check.verified.naive.items()
    )
    return (
        f"<b>from {numbers.moment(local)}</b><br>happened {_number(check.verified.actual)}"
        f"<br>forecast {_number(float(check.verified.samples.mean()))}"
        f"<br>90 % {_number(low)} to {_number(high)}{naive}"
    )


def _number(value: float) -> str:
    return numbers.significant(value)


def pit_figure(places: Mapping[str, Sequence[float]], tokens: Tokens = LIGHT) -> go.Figure:
    """Where actual values lay in their forecasts; even where the forecasts can be believed."""
    names = list(places)
    rows = -(-len(names) // COLUMNS)
    figure = make_subplots(
        rows=rows, cols=COLUMNS, subplot_titles=names, vertical_spacing=0.32 / max(rows, 2),
    )  # fmt: skip
    for n, name in enumerate(names):
        values = np.asarray(places[name])
        bins = max(min(PIT_BINS, len(values) // 3), 2)
        counts, edges = np.histogram(values, bins=bins, range=(0, 1))
        place = {"row": n // COLUMNS + 1, "col": n % COLUMNS + 1}
        figure.add_trace(
            go.Bar(
                x=((edges[1:] + edges[:-1]) / 2).tolist(), y=counts.tolist(), width=1 / bins,
                marker={"color": tokens.working, "line": {"width": 1, "color": tokens.surface}},
                hovertemplate="%{y} of " + str(len(values)) + "<extra></extra>", showlegend=False,
            ),
            **place,
        )  # fmt: skip
        figure.add_hline(
            y=len(values) / bins,
            line={"color": tokens.accent, "width": 1.5, "dash": "dot"},
            **place,
        )
    _lay_out(figure, PIT_PX * rows + 40, tokens)
    figure.update_xaxes(range=[0, 1], tickvals=[0, 0.5, 1], ticktext=["low", "middle", "high"])
    return figure


def _lay_out(figure: go.Figure, height: int, tokens: Tokens) -> None:
    figure.update_layout(
        template={}, height=height, bargap=0, paper_bgcolor=tokens.surface,
        plot_bgcolor=tokens.surface, margin={"t": 64, "b": 40, "l": 64, "r": 24},
        font={"family": tokens.font, "size": 11.5, "color": tokens.ink},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "yref": "container"},
        hoverlabel={"bgcolor": tokens.raised, "bordercolor": tokens.line, "align": "left"},
    )  # fmt: skip
    figure.update_layout(legend={"y": 0.995, "yanchor": "top"})
    figure.update_annotations(font={"size": 12, "color": tokens.ink})
    muted = {"size": 11, "color": tokens.muted}
    figure.update_xaxes(gridcolor=tokens.grid, zeroline=False, fixedrange=True, tickfont=muted)
    figure.update_yaxes(gridcolor=tokens.grid, zeroline=False, fixedrange=True, tickfont=muted)
