"""Carbon in the timing model: emissions of what is bought, at their price and below their cap."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from solvers.window import Window


def add_carbon(model: Any, window: Window) -> None:
    """Charge each imported kWh for its CO2e; fine what passes the cap, with what stands still."""
    import pyomo.environ as pyo

    problem = window.problem
    intensity = problem.forecast.carbon_intensity
    model.carbon_kg = pyo.Expression(
        expr=sum(float(intensity[t]) * model.bought[t] for t in model.bought)
    )
    model.carbon_cost = pyo.Expression(expr=problem.carbon_rate * model.carbon_kg)
    fine: Any = 0.0
    if problem.carbon_cap < inf and len(model.bought):
        still = np.maximum(window.fixed_net(), 0.0) * intensity
        still[list(model.bought)] = 0.0
        model.carbon_over = pyo.Var(domain=pyo.NonNegativeReals)
        model.carbon_cap = pyo.Constraint(
            expr=model.carbon_kg + float(still.sum()) <= problem.carbon_cap + model.carbon_over
        )
        fine = problem.carbon_fine * model.carbon_over
    model.carbon_fine = pyo.Expression(expr=fine)
