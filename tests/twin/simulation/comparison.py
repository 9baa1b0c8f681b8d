"""Two engines on one experiment: what first tells their results apart, said with names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from twin.errors import NoriaError
from twin.model.plant import STATES
from twin.simulation.engines import Engine
from twin.simulation.experiment import Experiment
from twin.simulation.result import (
    COMPLETE_ROW,
    END_ROW,
    GOOD,
    JOB,
    KIND,
    LOT,
    PASS,
    REASON,
    RELEASE_ROW,
    SCRAP,
    START_ROW,
    STATE,
    STATE_ROW,
    STEP,
    TICK,
    UNIT,
    VERDICT_ROW,
    Integers,
    Result,
    Totals,
    Trace,
)

TICKS = 60_000_000
"""Ticks of a minute."""
KINDS = {
    STATE_ROW: "state",
    START_ROW: "start",
    END_ROW: "end",
    VERDICT_ROW: "verdict",
    RELEASE_ROW: "release",
    COMPLETE_ROW: "complete",
}


@dataclass(frozen=True)
class Outcome:
    """A result, or the text of the error that a user would read."""

    result: Result | None
    error: str = ""


def outcome(
    engine: Callable[[Experiment], Engine], experiment: Experiment, replication: int = 0
) -> Outcome:
    """Run an engine; an error of the plant is an outcome too, any other error is a fault."""
    try:
        return Outcome(engine(experiment).run(replication, trace=True))
    except NoriaError as error:
        return Outcome(None, str(error))


def difference(a: Outcome, b: Outcome, experiment: Experiment) -> str | None:
    """How two outcomes first differ; None when they are equal bit by bit."""
    if a.error != b.error:
        return f"error {a.error or 'none'!r} against {b.error or 'none'!r}"
    if a.result is None or b.result is None:
        return None
    return first_difference(a.result, b.result, experiment)


def first_difference(a: Result, b: Result, experiment: Experiment) -> str | None:
    """The first row of the trace, else the first totals, that differ; None when all are equal."""
    if a.trace is not None and b.trace is not None:
        found = _trace_difference(a.trace, b.trace, experiment)
        if found is not None:
            return found
    return _totals_difference(a.totals, b.totals)


def _trace_difference(a: Trace, b: Trace, experiment: Experiment) -> str | None:
    common = min(len(a.rows), len(b.rows))
    unequal = np.flatnonzero((a.rows[:common] != b.rows[:common]).any(axis=1))
    if len(unequal) or len(a.rows) != len(b.rows):
        n = int(unequal[0]) if len(unequal) else common
        before = [f"    {described(a, i, experiment)}" for i in range(max(n - 6, 0), n)]
        return "\n".join(
            [f"row {n} of {len(a.rows)} and {len(b.rows)}; after", *before]
            + [f"  A {described(a, i, experiment)}" for i in range(n, n + 3)]
            + [f"  B {described(b, i, experiment)}" for i in range(n, n + 3)]
        )
    for name in ("origin", "serial", "product"):
        if not np.array_equal(getattr(a, name), getattr(b, name)):
            return f"trace.{name}: {getattr(a, name)} against {getattr(b, name)}"
    return None


def _totals_difference(a: Totals, b: Totals) -> str | None:
    for field in fields(Totals):
        ours, theirs = np.asarray(getattr(a, field.name)), np.asarray(getattr(b, field.name))
        if ours.shape != theirs.shape:
            return f"totals.{field.name}: shape {ours.shape} against {theirs.shape}"
        unequal = np.argwhere(ours != theirs)
        if len(unequal):
            at = tuple(int(i) for i in unequal[0])
            return f"totals.{field.name}{list(at)}: {ours[at]!r} against {theirs[at]!r}"
    return None


def described(trace: Trace, n: int, experiment: Experiment) -> str:
    """A row of the trace in words."""
    if n >= len(trace.rows):
        return "the end"
    row = trace.rows[n]
    plant = experiment.plant
    words = [f"{row[TICK] / TICKS:.6f} min", KINDS.get(int(row[KIND]), f"kind {row[KIND]}")]
    if row[UNIT] >= 0:
        words.append(plant.unit_ids[row[UNIT]])
    if row[STATE] >= 0:
        words.append(STATES[row[STATE]])
    if row[JOB] >= 0:
        words.append(_job(trace, int(row[JOB]), experiment))
        words += [f"step {row[STEP]}", f"pass {row[PASS]}"] if row[STEP] >= 0 else []
    columns = (("lot", LOT), ("good", GOOD), ("scrap", SCRAP))
    words += [f"{name} {row[column]}" for name, column in columns if row[column] >= 0]
    if row[REASON] >= 0:
        words.append(_reason(row, experiment))
    return " ".join(words)


def _job(trace: Trace, job: int, experiment: Experiment) -> str:
    if job >= len(trace.origin):
        return f"job {job}?"
    origin, orders = int(trace.origin[job]), list(experiment.orders)
    if origin < len(orders):
        name = orders[origin].id
    else:
        name = experiment.plant.plant.sources[origin - len(orders)].id
    return f"{name}#{trace.serial[job]}"


def _reason(row: Integers, experiment: Experiment) -> str:
    unit = experiment.plant.plant.work_units[row[UNIT]]
    names = [mode.id for mode in unit.failure_modes]
    if row[KIND] == STATE_ROW and STATES[row[STATE]] == "maintenance":
        names = [task.id for task in unit.maintenance]
    elif row[KIND] != STATE_ROW:
        names = [*unit.scrap_reasons, *names]
    return f"({names[row[REASON]] if row[REASON] < len(names) else row[REASON]})"
