"""The plant's load below the plan: draw, own solar, contract line and the month's peak so far."""

from __future__ import annotations

from math import floor, log10
from typing import Any

import numpy as np

from dashboards.figures import numbers
from dashboards.figures.time_axis import milliseconds
from dashboards.tokens import Tokens, with_alpha
from twin.accounting.energy import MINUTES_PER_HOUR
from twin.accounting.report import Report
from twin.accounting.value import planned_energy, site_draw
from twin.model.forecast import Forecast
from twin.model.horizon import Array
from twin.model.plant import Plant
from twin.model.schedule import Schedule


def planned_load_kw(schedule: Schedule, plant: Plant) -> Array:
    """Mean draw of the site in each slot (T,) when everything goes by plan [kW].

    Units outside every segment draw the power of *off*; own generation is not taken off.
    """
    horizon = schedule.horizon
    draw = site_draw(planned_energy(schedule, plant), plant, horizon)
    return draw / (horizon.slot_minutes / MINUTES_PER_HOUR)


def load_traces(
    schedule: Schedule, plant: Plant, forecast: Forecast, report: Report | None, tokens: Tokens
) -> tuple[list[dict[str, Any]], float]:
    """Step lines of load and own solar, and the highest value the axis must show [kW]."""
    horizon = schedule.horizon
    is_simulated = report is not None and len(report.load_kw) == horizon.slots
    load = np.array(report.load_kw) if report and is_simulated else planned_load_kw(schedule, plant)
    x = milliseconds(horizon, 0.0) + horizon.edges * 60_000
    name = "load, mean of the replications" if is_simulated else "load as planned"
    traces = [
        _step(x, load, tokens.working, tokens.setup, "load", _hover(schedule, load, name)),
        _step(
            x, forecast.generation_kw, tokens.solar, tokens.solar, "own solar",
            _hover(schedule, forecast.generation_kw, "own solar"),
        ),
    ]  # fmt: skip
    highest = [float(load.max()), plant.energy.contract_kw or 0.0, forecast.peak_incurred_kw]
    return traces, max(*highest, 1.0)


def _step(
    x: Array, values: Array, fill: str, line: str, name: str, hover: list[str]
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "name": name,
        "mode": "lines",
        "x": x,
        "y": np.append(values, values[-1]),
        "yaxis": "y3",
        "line": {"shape": "hv", "width": 1.3, "color": line},
        "fill": "tozeroy",
        "fillcolor": with_alpha(fill, 0.35 if name == "load" else 0.25),
        "customdata": hover,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _hover(schedule: Schedule, values: Array, name: str) -> list[str]:
    horizon = schedule.horizon
    series = zip(horizon.edges, np.append(values, values[-1]), strict=True)
    return [
        f"{numbers.moment(horizon.local(float(m)))}<br>{name} {numbers.number(float(v))} kW"
        for m, v in series
    ]


def power_text(kw: float) -> str:
    """``1 MW`` or ``500 kW``.

    >>> power_text(1000.0), power_text(1500.0), power_text(200.0)
    ('1\u202fMW', '1.5\u202fMW', '200\u202fkW')
    """
    if kw >= 1000:
        return f"{kw / 1000:g}{numbers.THIN}MW"
    return f"{kw:g}{numbers.THIN}kW"


def power_tick(highest: float) -> float:
    """The one round figure on the load axis: the largest 1, 2 or 5 × 10ⁿ not above the load.

    >>> power_tick(1600.0), power_tick(300.0)
    (1000.0, 200.0)
    """
    size = 10.0 ** floor(log10(highest))
    return next(float(m * size) for m in (5, 2, 1) if m * size <= highest)
