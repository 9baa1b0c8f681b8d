"""Tonight's plan: the optimiser's, or one that stands in for it and says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from scenarios.isolated import WorkFailed, isolated
from scenarios.run import Progress, naive_plan
from scenarios.scenario import Case
from scenarios.settings import ReplanConfig
from twin.errors import NoriaError
from twin.model.schedule import Schedule

PATIENCE, LEAST_PATIENCE_S = 4.0, 300.0
"""An optimiser that has not ended after so many times its time limit, and this, has hung."""


class Planner(Protocol):
    """Finds a plan; :func:`scenarios.robust.robust_plan` is the one in use."""

    def __call__(
        self,
        case: Case,
        *,
        previous: Schedule | None = None,
        seed: int = 0,
        time_limit: float = 60.0,
        progress: Progress | None = None,
    ) -> Schedule: ...


def tonights_plan(
    case: Case,
    previous: Schedule | None,
    config: ReplanConfig,
    planner: Planner,
    progress: Progress,
) -> Schedule:
    """The planner's plan; where it fails, is killed or hangs, the fallback plan.

    Raises
    ------
    Infeasible, InputError
        As the planner raises them: that there is no plan is an answer, not a failure.
    NoriaError
        When the fallback cannot be made either.
    """
    limit = config.give_up_after_s or PATIENCE * config.time_limit_s + LEAST_PATIENCE_S

    def work(tell: Progress) -> Schedule:
        return planner(
            case, previous=previous, seed=config.seed, time_limit=config.time_limit_s, progress=tell
        )

    try:
        return isolated(work, limit, progress)
    except WorkFailed as failure:
        why = f"the optimiser failed: {failure}"
    progress("fallback plan", 0, 1)
    return fallback_plan(case, previous, why, limit, progress)


def fallback_plan(
    case: Case, previous: Schedule | None, why: str, limit_s: float, progress: Progress
) -> Schedule:
    """Earliest due date first, maintenance at its due date: any planner's plan, and its note says
    that it is only that."""
    try:
        found = isolated(lambda tell: naive_plan(case, previous), limit_s, progress)
    except WorkFailed as failure:
        raise NoriaError(
            f"plan: {why}; the plan by due dates failed as well: {failure}; nothing was published, "
            "last night's plan stands; please report this"
        ) from None
    note = f"{why}; this is the plan by due dates, which looks at neither prices nor breakdowns"
    return replace(found, status="fallback", note=note)


def told(case: Case, schedule: Schedule) -> str:
    """One line about a plan that is not the optimiser's; empty for one that is."""
    if schedule.status != "fallback":
        return ""
    return f"fallback plan, for {len(case.orders)} orders: {schedule.note}"
