"""From the whole numbers of a trace to the event log that the plant's MES would have written.

A lot is named ``ORDER-operation-001``; where an order moves in several jobs, the number of the job
comes before that of the lot, ``ORDER-operation-002-001``, and a lot that is worked there once more
after an inspection or a branch says so, ``ORDER-operation-001-again1``. A part of a source is an
order of its own, ``SOURCE-000001``.

What a lot is made from is told in :mod:`twin.simulation.material`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.events import COLUMNS, EventLog
from twin.model.plant import STATES
from twin.simulation.experiment import Experiment
from twin.simulation.material import Materials
from twin.simulation.result import (
    END_ROW,
    GOOD,
    JOB,
    KIND,
    LOT,
    PASS,
    REASON,
    SCRAP,
    START_ROW,
    STATE,
    STATE_ROW,
    STEP,
    TICK,
    UNIT,
    VERDICT_ROW,
    Integers,
    Trace,
)

KIND_NAMES = ("state", "start", "end", "verdict", "release", "complete")
"""Kinds of row as :mod:`twin.model.events` names them."""
REJECT_RATIO = 2.0
"""An inspected lot fails when its scrapped share exceeds this multiple of the usual share."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Names = NDArray[np.object_]


def event_log(trace: Trace, experiment: Experiment, source: str) -> EventLog:
    """The rows of a trace, in their order, with every number turned into a name.

    Parameters
    ----------
    experiment
        What was simulated: plant and orders give the names.
    source
        Which engine saw it, and with what luck.
    """
    return log_and_materials(trace, experiment, source)[0]


def log_and_materials(
    trace: Trace, experiment: Experiment, source: str
) -> tuple[EventLog, Materials]:
    """The log of a trace, and where its material is at the end."""
    plant, rows = experiment.plant, trace.rows
    kind, job, unit = rows[:, KIND], rows[:, JOB], rows[:, UNIT]
    jobs = _Jobs.of(trace, experiment)
    product = np.append(jobs.product, -1)[job]
    operation = _operations(plant, product, rows[:, STEP])
    lot = _lots(jobs, rows, _names(plant.operation_ids)[operation])
    material, materials = _materials(jobs, experiment, rows, operation, lot)
    has_quantity = (kind != STATE_ROW) & (kind != START_ROW)
    has_scrap = (kind == END_ROW) | (kind == VERDICT_ROW)
    origin = (plant.horizon.start - _EPOCH) // _MICROSECOND
    columns: dict[str, Any] = {
        "time": pd.DatetimeIndex((rows[:, TICK] + origin).view("datetime64[us]")).tz_localize(
            "UTC"
        ),
        "work_unit": _names(plant.unit_ids)[unit],
        "event": np.array(KIND_NAMES, dtype=object)[kind],
        "state": _names(STATES)[rows[:, STATE]],
        "order": jobs.order[job],
        "operation": _names(plant.operation_ids)[operation],
        "product": _names(plant.product_ids)[product],
        "lot": lot,
        "material": material,
        "quantity": np.where(has_quantity, rows[:, GOOD], np.nan),
        "scrap": np.where(has_scrap, rows[:, SCRAP], np.nan),
        "verdict": _verdicts(plant, rows, product),
        "reason": _reasons(plant, rows, product),
    }
    table = pd.DataFrame(
        {
            name: pd.Series(columns[name], dtype="str")
            if columns[name].dtype == object
            else columns[name]
            for name in COLUMNS
        }
    )
    return EventLog(table, source), materials


def _names(names: Iterable[str]) -> Names:
    """Names by index, and the empty name for −1."""
    return np.array([*names, ""], dtype=object)


@dataclass(frozen=True)
class _Jobs:
    """How jobs are named."""

    order: Names
    """(J + 1,) the order of each job, and "" for none; a part of a source is one of its own."""
    number: Integers
    """(J,) number of each job in its order, from 1; 0 where the order is one job."""
    product: Integers
    """(J,)"""
    pieces: list[int]
    """Pieces each began with."""

    def keys(self) -> list[str]:
        """A name for every job."""
        names = zip(self.order[:-1].tolist(), self.number.tolist(), strict=True)
        return [f"{order}#{number}" if number else order for order, number in names]

    def lots(self, job: int, operation: str, pieces: tuple[int, ...]) -> Iterable[tuple[str, int]]:
        """Lots finished before the horizon; all their pieces count as good."""
        for n, good in enumerate(pieces):
            yield lot_name(self.order[job], operation, int(self.number[job]), n, 0), good

    @staticmethod
    def of(trace: Trace, experiment: Experiment) -> _Jobs:
        book, plant = experiment.orders.orders, experiment.plant.plant
        names: list[str] = []
        pieces: list[int] = []
        for origin, n, product in zip(
            trace.origin.tolist(), trace.serial.tolist(), trace.product.tolist(), strict=True
        ):
            if origin < len(book):
                made, quantity = plant.products[product], book[origin].quantity
                size = {"order": quantity, "lot": made.lot_size, "piece": 1}[made.moves_by]
                names.append(book[origin].id)
                pieces.append(min(size, quantity - n * size))
            else:
                source = plant.sources[origin - len(book)]
                names.append(f"{source.id}-{n + 1:06d}")
                pieces.append(source.quantity)
        jobs = np.bincount(trace.origin, minlength=1)[trace.origin]
        is_one_of_many = (trace.origin < len(book)) & (jobs > 1)
        number = np.where(is_one_of_many, trace.serial + 1, 0)
        return _Jobs(_names(names), number, trace.product, pieces)


def _operations(plant: CompiledPlant, product: Integers, step: Integers) -> Integers:
    """Operation of every row; −1 for none."""
    longest = max(len(route) for route in plant.routes)
    table = np.full((len(plant.routes) + 1, longest + 1), -1, dtype=np.int64)
    for p, route in enumerate(plant.routes):
        table[p, : len(route)] = route
    return table[product, step]


def _lots(jobs: _Jobs, rows: Integers, operation: Names) -> Names:
    """Name of the lot of every row; empty where a row speaks of none."""
    found = np.full(len(rows), "", dtype=object)
    place = np.flatnonzero(rows[:, LOT] >= 0)
    if not len(place):
        return found
    keys = rows[place][:, (JOB, STEP, PASS, LOT)]
    packed = np.zeros(len(keys), dtype=np.int64)
    for column in keys.T:
        packed = packed * (int(column.max()) + 1) + column
    _, first, which = np.unique(packed, return_index=True, return_inverse=True)
    job, _, visit, lot = keys[first].T
    named = (jobs.order[job], operation[place[first]], jobs.number[job], lot, visit)
    names = [lot_name(*row) for row in zip(*(values.tolist() for values in named), strict=True)]
    found[place] = np.array(names, dtype=object)[which]
    return found


def lot_name(order: str, operation: str, number: int, lot: int, visit: int) -> str:
    """A lot's name; ``number`` is 0 for the only job of its order, ``lot`` counts from 0.

    >>> lot_name("4711", "cut", 0, 0, 0), lot_name("4711", "cut", 2, 0, 1)
    ('4711-cut-001', '4711-cut-002-001-again1')
    """
    job = f"-{number:03d}" if number else ""
    again = f"-again{visit}" if visit else ""
    return f"{order}-{operation}{job}-{lot + 1:03d}{again}"


def _verdicts(plant: CompiledPlant, rows: Integers, product: Integers) -> Names:
    """A lot fails with far more scrap than usual, an inspected job with any failed piece."""
    found = np.full(len(rows), "", dtype=object)
    asked = np.flatnonzero(rows[:, KIND] == VERDICT_ROW)
    good, scrap = rows[asked, GOOD], rows[asked, SCRAP]
    share = plant.scrap[rows[asked, UNIT], product[asked]]
    limit = np.where(rows[asked, LOT] >= 0, REJECT_RATIO * share * (good + scrap), 0.0)
    found[asked] = np.where(scrap > limit, "fail", "pass")
    return found


def _reasons(plant: CompiledPlant, rows: Integers, product: Integers) -> Names:
    """Failure mode, task, setup key or scrap reason."""
    units = plant.plant.work_units
    modes = [[mode.id for mode in unit.failure_modes] for unit in units]
    tasks = [[task.id for task in unit.maintenance] for unit in units]
    scraps = [[*unit.scrap_reasons, *modes[m]] for m, unit in enumerate(units)]
    found = np.full(len(rows), "", dtype=object)
    kind, state = rows[:, KIND], rows[:, STATE]
    is_state, has_reason = kind == STATE_ROW, rows[:, REASON] >= 0
    is_failed = (state == STATE_INDEX["down"]) | (state == STATE_INDEX["repair"])
    is_kept = state == STATE_INDEX["maintenance"]
    is_lot = (kind == END_ROW) | (kind == VERDICT_ROW)
    for asked, names in (
        (is_state & is_failed & has_reason, modes),
        (is_state & is_kept & has_reason, tasks),
        (is_lot & has_reason, scraps),
    ):
        place = np.flatnonzero(asked)
        found[place] = _flat(names, rows[place, UNIT], rows[place, REASON])
    is_setup = np.flatnonzero(is_state & (state == STATE_INDEX["setup"]))
    keys = np.array(plant.setup_key, dtype=object).reshape(len(units), -1)
    found[is_setup] = keys[rows[is_setup, UNIT], product[is_setup]]
    return found


def _flat(names: Sequence[Sequence[str]], unit: Integers, index: Integers) -> Names:
    """``names[unit][index]`` for each row."""
    begin = np.cumsum([0, *map(len, names)])
    return np.array([*(n for row in names for n in row), ""], dtype=object)[begin[unit] + index]


# --- material ---


def _materials(
    jobs: _Jobs, experiment: Experiment, rows: Integers, operation: Integers, lot: Names
) -> tuple[Names, Materials]:
    """What every lot is made from, on its start row, and what is left at the end."""
    plant = experiment.plant
    found = np.full(len(rows), "", dtype=object)
    kind = rows[:, KIND]
    place = np.flatnonzero((kind == START_ROW) | (kind == END_ROW))
    walk = Materials(plant, experiment.state.exact)
    columns = rows[place][:, (KIND, UNIT, JOB, STEP, PASS, LOT, GOOD)].T.tolist()
    starts: list[int] = []
    names: list[str] = []
    keys, products = jobs.keys(), jobs.product.tolist()
    for at, o, name, row_kind, unit, job, step, visit, n, pieces in zip(
        place.tolist(), operation[place].tolist(), lot[place].tolist(), *columns, strict=True
    ):
        key = keys[job]
        if row_kind == START_ROW:
            if n and key not in walk.histories:
                cut = plant.lots(unit, o, products[job], jobs.pieces[job]).pieces[:n]
                walk.put(key, (step, visit), jobs.lots(job, plant.operation_ids[o], cut))
            starts.append(at)
            names.append(walk.start(unit, key, products[job], (step, visit), pieces))
        else:
            walk.end(key, (step, visit), name, pieces)
    found[starts] = names
    return found, walk
