"""Orders first, then maintenance, then price: planning as most plants do it, one after another.

It is built from the components of the joint planner, so that a comparison shows what planning
together is worth and nothing else. The scheduler sees orders, setups and shifts, but no
maintenance, no failures and no energy; the maintenance planner puts each task into a gap of that
schedule, or at its due date; the scheduler schedules once more around the tasks; the energy manager
moves starts to cheaper hours and switches idle furnaces off, sequences untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from scenarios.robust import REHEARSAL_SEED, REHEARSALS, delays
from scenarios.run import problem_of, simulate_case
from scenarios.scenario import Case
from solvers.account import Account
from solvers.constructive import first_window, insert_task, place_maintenance, remove_task
from solvers.optimize import Run, to_schedule
from solvers.plan import Plan
from solvers.problem import Pin, Problem, with_delays
from twin.model.plant import WorkUnit
from twin.model.schedule import Schedule

Delays = Mapping[str, Sequence[float]]
SHARES = (0.1, 0.3, 0.3, 0.3)
"""Share of the time for each round: fewer and longer ones than the joint plan's, because each
begins anew."""
WORDS = "orders first, then maintenance, then start times by price"


def rehearsed_sequential_plan(case: Case, *, seed: int = 0, time_limit: float = 60.0) -> Schedule:
    """The cheapest in rehearsal of sequential plans, each made with the delays of the best before.

    As much search and the same luck as :func:`scenarios.robust.robust_plan` has.
    """
    tried: list[tuple[float, Schedule, dict[str, tuple[float, ...]]]] = []
    for number, share in enumerate(SHARES):
        best = min(tried, key=lambda one: one[0], default=None)
        schedule = sequential_plan(
            case, seed=seed + number, time_limit=time_limit * share, delays=best and best[2]
        )
        outcomes = simulate_case(
            case, schedule, replications=REHEARSALS, seed=seed + REHEARSAL_SEED
        )
        cost = float(np.mean([outcome.value.total_cost for outcome in outcomes]))
        tried.append((cost, schedule, delays(case, schedule, outcomes)))
    return min(tried, key=lambda one: one[0])[1]


def sequential_plan(
    case: Case, *, seed: int = 0, time_limit: float = 60.0, delays: Delays | None = None
) -> Schedule:
    """One plan made in three steps; ``delays`` as in :func:`solvers.optimize.optimize`.

    Raises
    ------
    Infeasible
        If preventive maintenance or running work cannot be placed at all.
    """
    problem, seen = problem_of(case), delays or {}
    orders_only = problem_of(without_energy(without_maintenance(case)))
    drafted = _scheduled(with_delays(orders_only, seen), seed, time_limit)
    around = replace(
        with_delays(problem_of(without_energy(case)), seen), pins=_pins(problem, drafted)
    )
    plan = _scheduled(around, seed, time_limit)
    plan.problem = problem
    run = Run(problem, time_limit, seed, None, None)
    run.constructed = run.best = Account(plan)
    run.polish()
    return to_schedule(run.best, status="heuristic", solver=WORDS, note=run.note)


def _scheduled(problem: Problem, seed: int, time_limit: float) -> Plan:
    """The scheduler's plan, with half of the search that a joint plan has."""
    run = Run(problem, time_limit / 2, seed, None, None)
    run.construct()
    run.improve()
    run.anneal()
    return run.best.plan


def without_maintenance(case: Case) -> Case:
    """The same plant with nothing to maintain."""
    units = [u.model_copy(update={"maintenance": []}) for u in case.plant.work_units]
    return replace(case, plant=case.plant.model_copy(update={"work_units": units}))


def without_energy(case: Case) -> Case:
    """The same plant with energy for nothing, and failures that nobody reckons with."""

    def careless(unit: WorkUnit) -> WorkUnit:
        modes = [mode.model_copy(update={"cost": 0.0}) for mode in unit.failure_modes]
        return unit.model_copy(update={"failure_modes": modes})

    units = [careless(unit) for unit in case.plant.work_units]
    costs = case.plant.costs.model_copy(update={"carbon_per_t": 0.0})
    forecast = replace(case.forecast.scaled(0.0), feed_in_per_kwh=0.0)
    plant = case.plant.model_copy(update={"work_units": units, "costs": costs})
    return replace(case, plant=plant, forecast=forecast)


def _pins(problem: Problem, drafted: Plan) -> tuple[Pin, ...]:
    """Every preventive task where the maintenance planner puts it."""
    plan = Plan(problem)
    _place_tasks(plan, _in_gaps(problem, drafted))
    pins = [
        Pin(~i, start, start, start + due.task.duration)
        for i, (start, due) in enumerate(zip(plan.pm_start, problem.pms, strict=True))
    ]
    return tuple(sorted(pins, key=lambda pin: pin.start))


def _in_gaps(problem: Problem, drafted: Plan) -> list[float]:
    """For each task the first gap of the draft from its due date on, else in its window; or inf."""
    beside = Plan(problem)
    beside.items = [items.copy() for items in drafted.items]
    found = []
    for i, due in enumerate(problem.pms):
        starts = (first_window(beside, i, t) for t in (max(due.due, due.earliest), due.earliest))
        start = next((s for s in starts if s < inf), inf)
        found.append(start)
        if start < inf:
            insert_task(beside, i, start)
    return found


def _place_tasks(plan: Plan, wanted: Sequence[float]) -> None:
    """Tasks into their gaps; one without a gap at its due date, whatever it hits."""
    problem = plan.problem
    for i, start in enumerate(wanted):
        if start < inf:
            insert_task(plan, i, start)
    for i, start in enumerate(wanted):
        if start == inf:
            due = problem.pms[i]
            at = first_window(plan, i, max(due.due, due.earliest))
            at = at if at < inf else first_window(plan, i, due.earliest)
            if at == inf:
                _start_over(plan)
                return
            insert_task(plan, i, at)


def _start_over(plan: Plan) -> None:
    """Gaps taken by some tasks leave no window for another: all where the crews allow it."""
    for i, start in enumerate(plan.pm_start):
        if start < inf:
            remove_task(plan, i)
    place_maintenance(plan)
