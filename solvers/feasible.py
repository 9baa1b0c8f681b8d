"""Demands that no plan can meet, found before any plan is made and named with what conflicts."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import numpy as np

from solvers.problem import Job, Problem
from twin.errors import Infeasible


def refuse_impossible(problem: Problem) -> None:
    """Stop where a power cap, a carbon cap or a deadline is beyond every plan.

    What passes may still be impossible together: the plan found then breaks a demand and is
    refused by the check.

    Raises
    ------
    Infeasible
        With every demand that cannot be met.
    """
    found = [*_caps(problem), *(w for job in problem.jobs for w in _deadline(problem, job))]
    if found:
        raise Infeasible("\n".join(f"plan: {words}" for words in found))


def _caps(problem: Problem) -> Iterator[str]:
    """The site with every work unit off already draws or emits too much."""
    forecast = problem.forecast
    least = problem.plant.plant.energy.base_load_kw + sum(
        min(u.off, u.standby, u.warming, u.setting, u.working, u.maintaining) for u in problem.units
    )
    bought = np.maximum(least - forecast.generation_kw, 0.0)
    t = int(bought.argmax())
    if bought[t] > problem.power_cap * (1 + 1e-9):
        at = problem.horizon.local(t * problem.horizon.slot_minutes)
        yield (
            f"power_cap_kw: got {problem.power_cap:g} kW; base load and idle units alone draw "
            f"{bought[t]:.1f} kW at {at:%a %d %b %H:%M}; raise the cap"
        )
    carbon = float((bought * forecast.carbon_intensity).sum()) * problem.horizon.slot_minutes / 60
    if carbon > problem.carbon_cap * (1 + 1e-9):
        yield (
            f"carbon_cap_kg: got {problem.carbon_cap:g} kgCO2e; base load and idle units alone "
            f"cause {carbon:.0f} kgCO2e within the horizon; raise the cap"
        )


def _deadline(problem: Problem, job: Job) -> Iterator[str]:
    """The work left of an order, as if it were alone in the plant, ends after its deadline."""
    if job.deadline == inf:
        return
    done = job.release
    for op in (problem.ops[o] for o in job.ops):
        done = min((_end(problem, c.unit, c.minutes, done) for c in op.choices), default=inf)
    if done > job.deadline + 1e-6:
        local = problem.horizon.local
        ends = f"{local(done):%a %d %b %H:%M}" if done < inf else "after the horizon"
        yield (
            f"order {job.order}: deadline {local(job.deadline):%a %d %b %H:%M}; alone in the plant "
            f"it would be done {ends}; move the deadline or add a shift"
        )


def _end(problem: Problem, unit: int, minutes: float, begin: float) -> float:
    found = problem.units[unit]
    return problem.shifts[found.shift].end_of(max(begin, found.ready), minutes)
