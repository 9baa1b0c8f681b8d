"""From a case to a proven plan. Start reading here.

A :class:`~scenarios.scenario.Case` is a plant in a state, asked for orders, under a forecast.
:func:`plan` finds a schedule for it on paper and :func:`prove` runs a schedule on the stochastic
twin; :mod:`scenarios.robust` goes to and fro between the two. The nightly job
(:mod:`scenarios.replan`) and the what-if (:mod:`scenarios.what_if`) are this with data before and
pages after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from scenarios.scenario import Case
from twin.accounting.outcome import Outcome, outcome, summarize
from twin.accounting.report import Report
from twin.behaviour.dispatching import DispatchingRule, EarliestDueDate
from twin.model.compiled import compile_plant
from twin.model.schedule import Schedule

if TYPE_CHECKING:
    from solvers.problem import Problem

Progress = Callable[[str, int, int], None]
"""Told (step, done, total); total 0 means that the length is unknown."""
Cancelled = Callable[[], bool]
EARLIEST_DUE_DATE = EarliestDueDate()


@dataclass(frozen=True)
class PlanOnTwin:
    """A schedule, what became of it in each replication, and the figures of both."""

    schedule: Schedule
    outcomes: tuple[Outcome, ...]
    report: Report


def plan(
    case: Case,
    *,
    previous: Schedule | None = None,
    delays: Mapping[str, Sequence[float]] | None = None,
    warm: Schedule | None = None,
    seed: int = 0,
    time_limit: float = 60.0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Schedule:
    """The best schedule found on paper within a time limit [s].

    ``delays`` is how far each order may run behind its plan, equally likely values [min], and
    ``warm`` a plan of the same case to begin from; see :func:`solvers.optimize.optimize`.
    """
    from solvers.optimize import optimize

    def tell(step: str, best: float, bound: float | None) -> None:
        if progress:
            progress(f"optimise: {step}, best {best:,.0f} {case.plant.currency}", 0, 0)

    return optimize(
        problem_of(case, previous), time_limit=time_limit, seed=seed, delays=delays, warm=warm,
        progress=tell, cancelled=cancelled,
    )  # fmt: skip


def naive_plan(case: Case, previous: Schedule | None = None) -> Schedule:
    """What a planner without a tool would do: earliest due date, maintenance by the calendar.

    With last night's plan it keeps the frozen window of that plan too.
    """
    from solvers.optimize import naive_schedule

    return naive_schedule(problem_of(case, previous))


def problem_of(case: Case, previous: Schedule | None = None) -> Problem:
    """The planning problem of a case after last night's plan."""
    from solvers.problem import build_problem

    compiled = compile_plant(case.plant, case.horizon)
    return build_problem(compiled, case.orders, case.forecast, case.state, previous, case.demands)


def prove(
    case: Case,
    schedule: Schedule,
    *,
    name: str = "plan",
    replications: int = 100,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> PlanOnTwin:
    """Run a schedule on the stochastic twin, with the same luck for every schedule of a case."""
    outcomes = simulate_case(
        case, schedule, replications=replications, seed=seed, cancelled=cancelled,
        progress=progress and partial(progress, f"simulate: {name}"),
    )  # fmt: skip
    from twin.simulation.simulate import engine_name

    compiled = compile_plant(case.plant, case.horizon)
    report = summarize(
        name, outcomes, compiled, case.orders, schedule,
        seed=seed, engine=engine_name(EARLIEST_DUE_DATE),
    )  # fmt: skip
    return PlanOnTwin(schedule, tuple(outcomes), report)


def simulate_case(
    case: Case,
    schedule: Schedule | None,
    *,
    replications: int,
    seed: int,
    policy: DispatchingRule = EARLIEST_DUE_DATE,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Cancelled | None = None,
) -> Sequence[Outcome]:
    """Outcome of each replication; fewer than asked for when cancelled.

    ``policy`` ranks the work that no schedule speaks of.
    """
    from twin.simulation.simulate import replicate

    compiled = compile_plant(case.plant, case.horizon)
    measure = partial(
        outcome, plant=compiled, orders=case.orders, forecast=case.forecast, state=case.state,
        schedule=schedule,
    )  # fmt: skip
    return replicate(
        compiled, case.orders, measure, state=case.state, schedule=schedule, policy=policy,
        seed=seed, replications=replications, progress=progress, cancelled=cancelled,
    )  # fmt: skip
