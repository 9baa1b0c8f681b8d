"""Expected failures by working time, tabulated once so that the search can look them up."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from twin.behaviour.renewals import expected_failures
from twin.model.horizon import Array
from twin.model.laws import Constant, Exponential, Law

STEPS_PER_MEAN, STEPS_PER_HORIZON = 64, 256
"""The tables' step is the shorter of these shares of the mean life and of the horizon."""


class Wear:
    """Expected failures of one mode while its clock runs, for the life under way and for a new one.

    Linear between the points of a table. The value of a finished plan is counted without tables.
    """

    __slots__ = ("first", "new", "step")

    def __init__(self, law: Law, age: float, horizon: float) -> None:
        self.step = min(law.mean / STEPS_PER_MEAN, horizon / STEPS_PER_HORIZON)
        self.new = _table(law, horizon, self.step)
        self.first = self.new if age <= 0 else _aged_table(law, age, horizon, self.step)

    def failures(self, minutes: float, is_new: bool) -> float:
        """Mean number of failures in ``minutes`` of the mode's clock."""
        table = self.new if is_new else self.first
        position = minutes / self.step
        i = int(position)
        if i >= len(table) - 1:
            return table[-1]
        return table[i] + (position - i) * (table[i + 1] - table[i])


@lru_cache(maxsize=256)
def _table(law: Law, horizon: float, step: float) -> list[float]:
    count = int(horizon / step) + 2
    return [expected_failures(law, 0.0, i * step) for i in range(count)]


@lru_cache(maxsize=256)
def _between(law: Law, horizon: float, step: float) -> Array:
    """The same half a step later."""
    count = int(horizon / step) + 2
    return np.array([expected_failures(law, 0.0, (i + 0.5) * step) for i in range(count)])


def _aged_table(law: Law, age: float, horizon: float, step: float) -> list[float]:
    """Σ over when the present life ends: that failure, and those of the new lives after it."""
    instants = np.arange(int(horizon / step) + 2) * step
    if isinstance(law, Exponential | Constant):
        return [expected_failures(law, age, t) for t in instants.tolist()]
    before = law.cumulative_hazard(age)
    later = np.array([law.cumulative_hazard(age + t) for t in instants.tolist()])
    ends = np.diff(1 - np.exp(before - later))
    after = np.convolve(ends, _between(law, horizon, step))[: len(ends)]
    return [0.0, *(np.cumsum(ends) + after).tolist()]
