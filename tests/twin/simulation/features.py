"""Which features of a plant an experiment made use of, for counting what a sample has met."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from twin.model.plant import STATES, Processing, WorkUnit
from twin.simulation.experiment import Experiment
from twin.simulation.result import (
    KIND,
    PASS,
    REASON,
    START_ROW,
    STATE,
    STATE_ROW,
    TICK,
    UNIT,
    VERDICT_ROW,
    Result,
)

MODES = (
    "clock operating", "clock calendar", "clock count", "interrupted resume",
    "interrupted finish_first", "interrupted scrap", "interrupted restart", "detected at_once",
    "detected at_inspection", "repair new", "repair old", "repair partial", "repair chance",
    "degradation gamma", "degradation wiener", "common cause", "repair crew", "spare",
    "people above one", "skill", "finish_first on calendar",
)  # fmt: skip
TASKS = (
    "task calendar", "task operating", "task count", "task age", "task condition", "inspection",
    "opportunity", "task renews", "task under a plan",
)  # fmt: skip
ROWS = (
    "basis piece", "basis kg", "basis load", "basis order", "transit", "load of several",
    "longest wait", "operators", "spread lognormal", "spread gamma", "spread exponential",
)  # fmt: skip
OTHERS = (
    "setup by product", "setup by family", "setup by attribute", "setup crew", "startup",
    "scrap", "scrap reason", "inspects", "defects", "inspection of jobs", "rework", "branch",
    "moves by lot", "moves by piece", "into stock", "uses stock", "reorder", "carriage",
    "buffer_kg", "buffer_jobs", "no buffer place", "source", "saturated source", "limited source",
    "calendar of a unit", "calendar of a crew", "plan", "setup planned", "orders under way",
    "busy at start", "ages at start", "forecast", "warm-up", "buckets",
)  # fmt: skip
RULES = ("EarliestDueDate", "FirstInFirstOut", "ShortestProcessingTime", "ApparentTardinessCost")
FEATURES = (
    *(f"state {state}" for state in STATES),
    *MODES, *TASKS, *ROWS, *OTHERS, *(f"rule {rule}" for rule in RULES),
)  # fmt: skip
"""Everything that a large sample has to meet."""


def features(experiment: Experiment, result: Result) -> set[str]:
    """What happened in a run, where a run can tell it, and what the experiment has otherwise."""
    found = {*_of_states(result), *_of_modes(experiment, result), *_of_tasks(experiment, result)}
    found |= {*_of_units(experiment, result), *_of_network(experiment, result)}
    return found | {*_of_experiment(experiment)}


def _rows(result: Result, kind: int) -> np.ndarray:
    assert result.trace is not None
    rows = result.trace.rows
    return np.asarray(rows[rows[:, KIND] == kind])


def _of_states(result: Result) -> Iterator[str]:
    for state in np.unique(_rows(result, STATE_ROW)[:, STATE]):
        yield f"state {STATES[state]}"


def _of_modes(experiment: Experiment, result: Result) -> Iterator[str]:
    """Of the modes that failed at least once."""
    plant = experiment.plant.plant
    modes = [mode for unit in plant.work_units for mode in unit.failure_modes]
    crews = {crew.id for crew in plant.crews}
    for mode, count in zip(modes, result.totals.failures, strict=True):
        if not count:
            continue
        yield f"interrupted {mode.interrupted}"
        yield f"detected {mode.detected}"
        if mode.common_cause is not None:
            yield "common cause"
        else:
            yield f"clock {mode.clock}"
        if mode.interrupted == "finish_first" and mode.clock == "calendar":
            yield "finish_first on calendar"
        if mode.degradation is not None:
            yield f"degradation {mode.degradation.process}"
        else:
            yield f"repair {mode.repair_effect}"
        if mode.crew is not None:
            yield "repair crew"
            yield from ["people above one"] if mode.people > 1 else []
            yield from ["skill"] if mode.crew not in crews else []
        if mode.spare is not None:
            yield "spare"


def _of_tasks(experiment: Experiment, result: Result) -> Iterator[str]:
    """Of the tasks that were begun at least once."""
    tasks = [task for unit in experiment.plant.plant.work_units for task in unit.maintenance]
    for task, count in zip(tasks, result.totals.executions, strict=True):
        if count:
            yield f"task {task.due_by}"
            yield from ["opportunity"] if task.opportunity > 0 else []
            yield from ["task renews"] if task.renews else []
            if experiment.schedule is not None:
                yield "task under a plan"
    if result.totals.inspections.any():
        yield "inspection"


def _of_units(experiment: Experiment, result: Result) -> Iterator[str]:
    states = _rows(result, STATE_ROW)
    starts = _rows(result, START_ROW)
    for m, unit in enumerate(experiment.plant.plant.work_units):
        own = states[states[:, UNIT] == m]
        seen = {STATES[state] for state in own[:, STATE]}
        if unit.setup is not None and "setup" in seen:
            by = unit.setup.by if unit.setup.by in ("product", "family") else "attribute"
            yield f"setup by {by}"
            yield from ["setup crew"] if unit.setup.crew else []
        if "working" in seen:
            yield from _of_work(unit)
            yield from ["calendar of a unit"] if unit.calendar != "always" else []
        begun = starts[starts[:, UNIT] == m]
        if len(begun) > len(np.unique(begun[:, TICK])):
            yield "load of several"
    if (starts[:, PASS] > 0).any():
        yield "rework"
    verdicts = _rows(result, VERDICT_ROW)
    if (verdicts[:, REASON] >= 0).any():
        yield "scrap reason"


def _of_work(unit: WorkUnit) -> Iterator[str]:
    for row in unit.processing:
        yield from _of_row(row)
    if unit.scrap:
        yield "scrap"
        yield from ["scrap reason"] if unit.scrap_reasons else []
    for name in ("inspects", "defects"):
        if getattr(unit, name):
            yield name
    if unit.inspection is not None:
        yield "inspection of jobs"


def _of_row(row: Processing) -> Iterator[str]:
    yield f"basis {row.basis}"
    yield from ["transit"] if row.transit else []
    yield from ["operators"] if row.operators else []
    yield from ["longest wait"] if row.load and row.load.longest_wait else []
    if row.cv > 0 or row.spread == "exponential":
        yield f"spread {row.spread}"


def _of_network(experiment: Experiment, result: Result) -> Iterator[str]:
    plant, totals = experiment.plant, result.totals
    for o, operation in enumerate(plant.plant.operations):
        if not totals.taken[o]:
            continue
        for name in ("carriage", "buffer_kg", "buffer_jobs"):
            if getattr(operation, name):
                yield name
        yield from ["uses stock"] if operation.uses else []
        yield from ["no buffer place"] if operation.buffer_jobs == 0 else []
    if any(plant.branches) and len(_rows(result, START_ROW)):
        yield "branch"
    for p, product in enumerate(plant.plant.products):
        if totals.completed[p]:
            yield from [f"moves by {product.moves_by}"] if product.moves_by != "order" else []
            yield from ["into stock"] if product.into else []
    for k, stock in enumerate(plant.plant.stocks):
        if stock.reorder_point is not None and totals.demands[k]:
            yield "reorder"
    first = len(list(experiment.orders))
    assert result.trace is not None
    for n, source in enumerate(plant.plant.sources):
        if (result.trace.origin == first + n).any():
            yield "source" if source.time_between else "saturated source"
            yield from ["limited source"] if source.limit else []


def _of_experiment(experiment: Experiment) -> Iterator[str]:
    yield f"rule {type(experiment.policy).__name__}"
    segments = experiment.schedule.segments if experiment.schedule else ()
    yield from ["plan"] if segments else []
    yield from ["setup planned"] if any(s.kind == "setup" for s in segments) else []
    state = experiment.state
    facts = {
        "orders under way": any(order.running_on for order in state.orders.values()),
        "busy at start": any(unit.unavailable_minutes for unit in state.units.values()),
        "ages at start": any(unit.ages for unit in state.units.values()),
        "forecast": experiment.forecast is not None,
        "warm-up": experiment.warm_up > 0,
        "buckets": experiment.bucket is not None,
        "calendar of a crew": any(c.calendar != "always" for c in experiment.plant.plant.crews),
    }
    yield from (name for name, is_so in facts.items() if is_so)
    yield from ["startup"] if (experiment.plant.startup_time > 0).any() else []
