"""Carbon in the timing model: emissions of what is bought, at the plant's price for them."""

from __future__ import annotations

from typing import Any

from solvers.window import Window


def add_carbon(model: Any, window: Window) -> None:
    """Charge each imported kWh for its CO2e."""
    import pyomo.environ as pyo

    per_kg = window.problem.plant.plant.costs.carbon_per_t / 1000
    intensity = window.problem.forecast.carbon_intensity
    model.carbon_kg = pyo.Expression(
        expr=sum(float(intensity[t]) * model.bought[t] for t in model.bought)
    )
    model.carbon_cost = pyo.Expression(expr=per_kg * model.carbon_kg)
