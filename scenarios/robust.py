"""Plans that survive breakdowns: rehearsed on the twin, given time where it was missing.

A plan that is best on paper finishes orders just in time, and the first breakdown makes them late.
So the plan is rehearsed on the stochastic twin, each order is asked to finish earlier by what it
ran behind in bad replications of the best plan so far, and the plan is made again with another
seed. Of all plans rehearsed, the naive one included, the cheapest on the twin is kept; the luck of
rehearsals is not the luck of the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from scenarios.run import Cancelled, Progress, naive_plan, plan, simulate_case
from scenarios.scenario import Case
from twin.accounting.outcome import Outcome
from twin.model.schedule import Schedule

SHARES = (0.1, 0.3, 0.3, 0.3)
"""Share of the time for the plan on paper, and for each plan made again after a rehearsal."""
REHEARSALS = 24
"""Replications of one rehearsal."""
BAD_LUCK = 0.8
"""An order gets the time it ran behind its plan in this quantile of replications."""
MOST_MARGIN = 24 * 60.0
"""No order is asked to be earlier than this [min]."""
REHEARSAL_SEED = 1_000_003
"""Added to the seed of the proof."""


@dataclass(frozen=True)
class Rehearsed:
    """A plan and what it cost on the twin, replication by replication."""

    name: str
    schedule: Schedule
    outcomes: tuple[Outcome, ...]

    @property
    def cost(self) -> float:
        """Mean total cost with that of changing last night's plan [currency]."""
        ran = float(np.mean([outcome.value.total_cost for outcome in self.outcomes]))
        return ran + (self.schedule.value.change_cost if self.schedule.value else 0.0)


def robust_plan(
    case: Case,
    *,
    previous: Schedule | None = None,
    seed: int = 0,
    time_limit: float = 60.0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Schedule:
    """The plan that was cheapest in rehearsal, its note saying which and against what.

    ``time_limit`` [s] is shared by all rounds. The bound of every plan is that of the problem, so
    the best one holds for all.
    """

    def rehearse(name: str, schedule: Schedule) -> Rehearsed:
        outcomes = simulate_case(
            case, schedule, replications=REHEARSALS, seed=seed + REHEARSAL_SEED,
            progress=progress and partial(progress, f"rehearse: {name}"), cancelled=cancelled,
        )  # fmt: skip
        return Rehearsed(name, schedule, tuple(outcomes))

    tried: list[Rehearsed] = []
    margins: dict[str, float] = {}
    for number in range(len(SHARES)):
        name = "plan on paper" if number == 0 else f"plan with margins {number}"
        schedule = plan(
            case, previous=previous, margins=margins, seed=seed + number,
            time_limit=time_limit * SHARES[number], progress=_in_round(number + 1, progress),
            cancelled=cancelled,
        )  # fmt: skip
        tried.append(rehearse(name, schedule))
        if not tried[-1].outcomes or (cancelled and cancelled()):
            return schedule
        best = min(tried, key=lambda rehearsed: rehearsed.cost)
        margins = delays(case, best.schedule, best.outcomes)
    tried.append(rehearse("naive plan", naive_plan(case)))
    best = min(tried, key=lambda rehearsed: rehearsed.cost)
    bounds = [r.schedule.bound for r in tried if r.schedule.bound is not None]
    return replace(best.schedule, bound=max(bounds, default=None), note=_note(best, tried, case))


def _in_round(number: int, progress: Progress | None) -> Progress | None:
    if progress is None:
        return None
    tell = progress
    prefix = f"optimise, round {number}:"
    return lambda step, done, total: tell(step.replace("optimise:", prefix), done, total)


def delays(case: Case, schedule: Schedule, outcomes: Sequence[Outcome]) -> dict[str, float]:
    """How far each planned order ran behind its plan in bad replications [min].

    The quantile :data:`BAD_LUCK` over replications of simulated − planned completion, from 0 to
    :data:`MOST_MARGIN`; an order that did not finish counts as the end of the horizon.
    """
    end = float(case.horizon.minutes)
    found = {}
    for order in case.orders:
        planned = schedule.completion(order.id)
        if planned is None:
            continue
        times = [o.completion.get(order.id) for o in outcomes]
        behind = [(end if t is None else t) - planned for t in times]
        found[order.id] = float(np.clip(np.quantile(behind, BAD_LUCK), 0.0, MOST_MARGIN))
    return found


def _note(best: Rehearsed, tried: Sequence[Rehearsed], case: Case) -> str:
    costs = ", ".join(f"{r.name} {r.cost:,.0f}" for r in tried)
    words = f"chosen in rehearsal on the twin ({case.plant.currency} on average): {costs}"
    return f"{best.schedule.note}; {words}" if best.schedule.note else words
