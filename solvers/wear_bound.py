"""The least that failures of a unit can cost, as a straight line in how long it works.

Tasks renew a mode's life; the best a plan can do with W minutes of work is to share them out over
the lives so that the fewest failures are expected. That least cost rises with W. Any straight line
below it is a bound that charges every operation by the minute, whatever unit it goes to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from solvers.problem import Mode, Problem, Unit
from twin.behaviour.renewals import expected_failures
from twin.model.horizon import Array

STEPS = 96
"""Points of the horizon at which failures are counted."""


@dataclass(frozen=True)
class Line:
    """Failures of a unit cost at least ``base + rate · minutes of work`` [currency]."""

    base: float
    rate: float


def wear_line(problem: Problem, unit: Unit, minutes: float) -> Line:
    """The best line under the least cost of a unit's failures, near some minutes of work."""
    modes = [mode for mode in unit.modes if mode.is_operating]
    fixed = sum(_calendar_cost(problem, unit, m) for m in unit.modes if not m.is_operating)
    if not modes:
        return Line(fixed, 0.0)
    step = problem.end / STEPS
    # Between two points the cost is at least that at the first: shifted right, so never above.
    at = np.arange(1, STEPS + 1) * step
    costs = [_least_cost(problem, unit, mode, step) for mode in modes]
    least = np.asarray(np.array(costs).sum(axis=0))
    base, rate = _support(np.asarray(at), least, minutes)
    return Line(fixed + base, rate)


def _least_cost(problem: Problem, unit: Unit, mode: Mode, step: float) -> Array:
    """Least cost of one mode's failures with so many steps of work, (STEPS,) [currency]."""
    lives = sum(
        pm.task.id in mode.renewed_by
        for pm, m in zip(problem.pms, problem.pm_unit, strict=True)
        if m == unit.index
    )
    law = mode.mode.time_to_failure
    assert law is not None
    count = np.array([expected_failures(law, mode.age, i * step) for i in range(STEPS)])
    if lives:
        new = np.array([expected_failures(law, 0.0, i * step) for i in range(STEPS)])
        for _ in range(lives):
            count = _best_split(count, new)
    return mode.mode.cost * count


def _best_split(first: Array, second: Array) -> Array:
    """Least of first[i] + second[k] with i + k + 1 steps in all: a split loses less than a step."""
    split = [float(np.min(first[: i + 1] + second[i::-1])) for i in range(len(first))]
    return np.array([split[0], *split[:-1]])


def _calendar_cost(problem: Problem, unit: Unit, mode: Mode) -> float:
    """Least cost of the failures of a mode that ages by the calendar [currency]."""
    law = mode.mode.time_to_failure
    assert law is not None
    step = problem.end / STEPS
    tasks = sorted(
        (pm.earliest + pm.task.duration, pm.latest + pm.task.duration)
        for pm, m in zip(problem.pms, problem.pm_unit, strict=True)
        if m == unit.index and pm.task.id in mode.renewed_by
    )
    first = np.array([expected_failures(law, mode.age, i * step) for i in range(STEPS + 1)])
    new = np.array([expected_failures(law, 0.0, i * step) for i in range(STEPS + 1)])
    # reached[i]: least count when the life under way began in step i.
    reached, lives = np.full(STEPS + 1, np.inf), first
    reached[0] = 0.0
    for earliest, latest in tasks:
        then = np.full(STEPS + 1, np.inf)
        for end in range(int(earliest // step), min(int(latest // step), STEPS) + 1):
            lengths = np.maximum(end - np.arange(end + 1) - 1, 0)
            then[end] = np.min(reached[: end + 1] + lives[lengths])
        reached, lives = then, new
    lengths = np.maximum(STEPS - np.arange(STEPS + 1) - 1, 0)
    if not tasks:
        return mode.mode.cost * float(first[STEPS])
    return mode.mode.cost * float(np.min(reached + lives[lengths]))


def _support(at: Array, values: Array, minutes: float) -> tuple[float, float]:
    """The line (base, rate) below all points that is highest at some minutes."""
    near = min(max(minutes, at[0]), at[-1])
    best = (float(values.min()), 0.0)
    height = best[0]
    left, right = at <= near, at >= near
    for x0, y0 in zip(at[left], values[left], strict=True):
        slopes = (values[right] - y0) / np.maximum(at[right] - x0, 1e-9)
        k = int(np.argmin(np.where(at[right] > x0, slopes, np.inf)))
        if at[right][k] <= x0:
            continue
        rate = float(slopes[k])
        base = float(y0 - rate * x0)
        if rate >= 0 and (values >= base + rate * at - 1e-9 * (1 + abs(values))).all():
            at_near = base + rate * near
            if at_near > height:
                best, height = (base, rate), at_near
    return best
