"""How many failures to expect when a unit is as good as new after each: the renewal function.

A plan is charged for the failures its operating time brings about. For a law with distribution F
and a unit new at 0, the expected number by t solves M(t) = F(t) + ∫₀ᵗ M(t − s) dF(s) (Barlow and
Proschan 1965); with age a now, the first life follows F(a + t) given survival to a.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from twin.model.horizon import Array
from twin.model.laws import Constant, Exponential, Law

STEPS_PER_MEAN = 64
"""Grid of the renewal equation: steps in one mean life."""
MEANS = 16
"""Length of the grid in mean lives; beyond it failures accrue at one a mean life."""


@lru_cache(maxsize=65536)
def expected_failures(law: Law, age: float, minutes: float) -> float:
    """Mean number of failures while a clock runs from ``age`` for ``minutes``, each mended as new.

    Exact for the exponential and the constant law; elsewhere on a grid of 1/64 of the mean life
    (error below 0.1 % of the number, see the tests).
    """
    if minutes <= 0:
        return 0.0
    if isinstance(law, Exponential):
        return minutes / law.scale
    if isinstance(law, Constant):
        return float(math.floor((max(age, 0.0) + minutes) / law.value) - (age >= law.value))
    step, renewals = _renewal_function(law)
    survival = math.exp(-law.cumulative_hazard(age))
    if survival < 1e-12:  # far beyond any life seen: it fails at once, then starts anew
        return 1.0 + _at(renewals, minutes / step)
    if age <= 0:
        return _at(renewals, minutes / step)
    edges = np.arange(math.ceil(minutes / step) + 1) * step
    edges[-1] = minutes
    failed = 1 - np.array([math.exp(-law.cumulative_hazard(age + t)) for t in edges]) / survival
    left = minutes - (edges[:-1] + edges[1:]) / 2
    return float(
        sum(p * (1 + _at(renewals, t / step)) for p, t in zip(np.diff(failed), left, strict=True))
    )


def _at(renewals: Array, position: float) -> float:
    """M at a fractional grid position, on the long-run line beyond the grid."""
    last = len(renewals) - 1
    if position >= last:
        return float(renewals[-1] + (position - last) / STEPS_PER_MEAN)
    low = int(position)
    return float(renewals[low] + (position - low) * (renewals[low + 1] - renewals[low]))


@lru_cache(maxsize=1024)
def _renewal_function(law: Law) -> tuple[float, Array]:
    """Step [min] and M on the grid, by the trapezoidal rule in the renewal equation.

    M_i = F_i + Σ_{j=1..i} (M_{i−j} + M_{i−j+1})/2 · ΔF_j, whose j = 1 term holds M_i itself.
    """
    step, count = law.mean / STEPS_PER_MEAN, MEANS * STEPS_PER_MEAN
    distribution = 1 - np.exp([-law.cumulative_hazard(i * step) for i in range(count)])
    mass = np.diff(distribution)
    renewals = np.zeros(count)
    means = np.zeros(count)  # means[i] = (M_i + M_{i+1}) / 2
    for i in range(1, count):
        earlier = float((means[: i - 1][::-1] * mass[1:i]).sum())
        total = distribution[i] + earlier + renewals[i - 1] / 2 * mass[0]
        renewals[i] = total / (1 - mass[0] / 2)
        means[i - 1] = (renewals[i - 1] + renewals[i]) / 2
    return step, renewals
