"""The two ribbons above the plan: the price of electricity and the carbon of the grid, by slot."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from dashboards.figures import numbers
from dashboards.figures.time_axis import milliseconds
from dashboards.tokens import Tokens
from twin.model.forecast import Forecast
from twin.model.horizon import Array

PRICE_ROW = (1.08, 2.0)
CARBON_ROW = (0.0, 0.92)
LABEL_PX = 6.3
"""Width of a figure at the ribbons' text size [px]."""
LABEL_GAP_PX = 8.0
FIGURES = "ribbon figures"
"""Name of the trace of figures in the ribbons."""
BLOCKS_A_DAY = 10
"""A tariff has at most so many blocks a day; a price that changes more often is an exchange's."""


def ribbon_traces(
    forecast: Forecast,
    currency: str,
    tokens: Tokens,
    window: tuple[float, float],
    px_per_minute: float,
) -> list[dict[str, Any]]:
    """Two one-row heatmaps on the slots' own edges, and one trace with the figures in them."""
    price = _heatmap(forecast, forecast.price_per_kwh, "price", PRICE_ROW, tokens.price)
    price["customdata"] = _hover(forecast, forecast.price_per_kwh, 1.0, f"{currency}/kWh")
    carbon = _heatmap(forecast, forecast.carbon_intensity, "carbon", CARBON_ROW, tokens.carbon)
    carbon["customdata"] = _hover(forecast, forecast.carbon_intensity, 1000.0, "gCO₂e/kWh")
    return [price, carbon, _figures(forecast, tokens, window, px_per_minute)]


def _heatmap(
    forecast: Forecast, values: Array, name: str, row: tuple[float, float], ramp: tuple[str, ...]
) -> dict[str, Any]:
    low, high = float(values.min()), float(values.max())
    return {
        "type": "heatmap",
        "name": name,
        "x": milliseconds(forecast.horizon, 0.0) + forecast.horizon.edges * 60_000,
        "y": list(row),
        "z": values.reshape(1, -1),
        "zmin": low,
        "zmax": high if high > low else low + 1.0,
        "colorscale": [[i / (len(ramp) - 1), colour] for i, colour in enumerate(ramp)],
        "showscale": False,
        "yaxis": "y2",
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _hover(forecast: Forecast, values: Array, factor: float, unit: str) -> list[list[str]]:
    horizon = forecast.horizon
    texts = []
    for minute, value in zip(horizon.edges[:-1], values, strict=True):
        when = numbers.moment(horizon.local(float(minute)))
        texts.append(f"{when}<br>{_figure(float(value) * factor)} {unit}")
    return [texts]


def _figure(value: float) -> str:
    return numbers.number(value) if abs(value) >= 20 else numbers.number(value, 2)


def _figures(
    forecast: Forecast, tokens: Tokens, window: tuple[float, float], px_per_minute: float
) -> dict[str, Any]:
    """Tariff of each block and the extreme carbon hours of each day, where they fit.

    ``customdata`` holds text, row and room [ms] of every figure, those that do not fit included, so
    that the browser can choose anew after a zoom.
    """
    price, carbon = forecast.price_per_kwh, forecast.carbon_intensity
    figures = [
        ((a + b) / 2, PRICE_ROW, _figure(v), b - a, _colour(price, v, tokens.price))
        for a, b, v in _price_blocks(forecast)
    ] + [
        (m, CARBON_ROW, _figure(1000 * v), 0.0, _colour(carbon, v, tokens.carbon))
        for m, v in _carbon_extremes(forecast)
    ]
    shown = _fitting(
        [(m, row, text, room) for m, row, text, room, _ in figures], window, px_per_minute
    )
    return {
        "type": "scatter",
        "name": FIGURES,
        "mode": "text",
        "x": [milliseconds(forecast.horizon, m) for m, *_ in figures],
        "y": [sum(row) / 2 for _, row, *_ in figures],
        "yaxis": "y2",
        "text": shown,
        "customdata": [[text, row[0], room * 60_000] for _, row, text, room, _ in figures],
        "textfont": {"size": 10.5, "color": [text_on(c, tokens) for *_, c in figures]},
        "hoverinfo": "skip",
    }


def _fitting(
    figures: list[tuple[float, tuple[float, float], str, float]],
    window: tuple[float, float],
    px_per_minute: float,
) -> list[str]:
    """Texts that lie in the window, inside their block and clear of the figure before."""
    taken: dict[tuple[float, float], float] = {}
    texts = []
    for minute, row, text, room in figures:
        half = (len(text) * LABEL_PX + LABEL_GAP_PX) / 2 / px_per_minute
        is_inside = window[0] <= minute - half and minute + half <= window[1]
        has_room = room == 0.0 or room >= 2 * half
        fits = is_inside and has_room and minute - half >= taken.get(row, -1e9)
        if fits:
            taken[row] = minute + half
        texts.append(text if fits else "")
    return texts


def _price_blocks(forecast: Forecast) -> list[tuple[float, float, float]]:
    """Stretches of equal price (begin, end, price) [min]; the days' extremes for a spot price."""
    price = forecast.price_per_kwh
    edges = forecast.horizon.edges
    changes = [0, *(np.flatnonzero(np.diff(price)) + 1).tolist(), len(price)]
    if len(changes) - 1 > BLOCKS_A_DAY * forecast.horizon.minutes / 1440 + 1:
        wide = 120.0
        return [
            (minute - wide, minute + wide, value) for minute, value in _extremes(forecast, price)
        ]
    return [(float(edges[a]), float(edges[b]), float(price[a])) for a, b in pairwise(changes)]


def _carbon_extremes(forecast: Forecast) -> list[tuple[float, float]]:
    return _extremes(forecast, forecast.carbon_intensity)


def _extremes(forecast: Forecast, values: Array) -> list[tuple[float, float]]:
    """Middle [min] and value of each local day's lowest and highest run of slots."""
    horizon = forecast.horizon
    by_day: dict[str, list[int]] = {}
    for slot, minute in enumerate(horizon.edges[:-1]):
        by_day.setdefault(horizon.local(float(minute)).date().isoformat(), []).append(slot)
    found = []
    for slots in by_day.values():
        if len(slots) * horizon.slot_minutes < 720:
            continue
        inside = values[slots]
        for value in (float(inside.min()), float(inside.max())):
            run = [s for s, v in zip(slots, inside, strict=True) if v == value]
            stop = next((i for i in range(1, len(run)) if run[i] != run[i - 1] + 1), len(run))
            found.append((horizon.slot_minutes * (run[0] + run[stop - 1] + 1) / 2, value))
    return sorted(found)


def _colour(values: Array, value: float, ramp: tuple[str, ...]) -> str:
    """The ramp's colour for a value, as the heatmap mixes it."""
    low, high = float(values.min()), float(values.max())
    at = (value - low) / (high - low) * (len(ramp) - 1) if high > low else 0.0
    i = min(int(at), len(ramp) - 2)
    pair = [[int(c[n : n + 2], 16) for n in (1, 3, 5)] for c in ramp[i : i + 2]]
    mixed = [round(a + (b - a) * (at - i)) for a, b in zip(*pair, strict=True)]
    return "#" + "".join(f"{part:02X}" for part in mixed)


def luminance(colour: str) -> float:
    """Relative luminance of a ``#RRGGBB`` colour (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2), from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_on(fill: str, tokens: Tokens) -> str:
    """Whichever of dark ink and white reads better on a fill."""
    dark = min((tokens.ink, tokens.surface), key=luminance)
    return max((dark, "#FFFFFF"), key=lambda c: contrast(c, fill))
