"""What an engine says it saw: a trace in whole numbers, and totals. Equal for both engines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin.model.horizon import Array

Integers = NDArray[np.int64]

TICK, KIND, UNIT, STATE, JOB, STEP, PASS, LOT, GOOD, SCRAP, REASON = range(11)
"""Columns of :attr:`Trace.rows`; −1 where they do not apply."""
STATE_ROW, START_ROW, END_ROW, VERDICT_ROW, RELEASE_ROW, COMPLETE_ROW = range(6)
"""Kinds of row; see :mod:`twin.model.events`."""


@dataclass(frozen=True)
class Trace:
    """What happened, in the order it happened.

    ``STATE`` indexes ``STATES``; ``STEP`` is the place in the route of the job's product; ``PASS``
    counts earlier visits of the job to that step; ``LOT`` counts lots within the operation.
    ``REASON`` is the failure mode of *down* and *repair* and the task of *maintenance*, as listed
    in the work unit; for an end or a verdict the scrap reason as listed there, and from
    ``len(scrap_reasons)`` on the failure mode that scrapped the lot.
    """

    rows: Integers
    """(N, 11)"""
    origin: Integers
    """(J,) of each job: the order it belongs to, or the number of orders + the source."""
    serial: Integers
    """(J,) of each job: its number within its order or source, from 0."""
    product: Integers
    """(J,)"""


@dataclass(frozen=True)
class Totals:
    """Sums over one replication, from the end of the warm-up to the end of the horizon.

    M work units, S states, O operations, P products, C crews, V transports, K stocks, J orders;
    failure modes F and tasks of all work units one after the other, in the order of the plant.
    Times in ticks.
    """

    state_ticks: Integers
    """(M, S)"""
    energy_kwh: Array
    """(M,)"""
    energy_cost: Array
    """(M,) at the forecast's price, own generation not counted [currency]."""
    carbon_kg: Array
    """(M,) [kgCO2e]"""
    order_complete: Integers
    """(J,) tick at which the last job of the order was complete; −1 while one is not. Not reset by
    the warm-up, like the next two."""
    order_good: Integers
    """(J,) good pieces complete."""
    order_scrap: Integers
    """(J,) pieces scrapped."""
    released: Integers
    """(P,) pieces."""
    completed: Integers
    """(P,) good pieces."""
    scrapped: Integers
    """(P,) pieces."""
    completed_jobs: Integers
    """(P,)"""
    flow_ticks: Integers
    """(P,) sum over complete jobs of the time since their release."""
    inside_area: Integers
    """(P,) integral of jobs released and not complete over time [job ticks]."""
    buffer_area: Integers
    """(O,) integral of the jobs that have a place before an operation over time [job ticks]."""
    wait_ticks: Integers
    """(O,) sum of the time from coming to wait to being taken, over the jobs taken."""
    taken: Integers
    """(O,) jobs taken."""
    crew_ticks: Integers
    """(C,) people busy, over time."""
    vehicle_ticks: Integers
    """(V,) vehicles of each transport under way, over time."""
    failures: Integers
    """(F,)"""
    executions: Integers
    """(tasks,) begun."""
    inspections: Integers
    """(tasks,) of condition."""
    stock_area: Integers
    """(K,) pieces on hand over time."""
    owed_area: Integers
    """(K,) pieces demanded and not yet served over time."""
    demands: Integers
    """(K,) pieces demanded."""
    filled: Integers
    """(K,) pieces of demands that the stock could serve when they came."""
    series: Integers
    """(B,) good pieces completed in each bucket of the whole horizon, warm-up included."""

    open_ticks: Integers
    """(M, S) as ``state_ticks``, but only while the shift of the unit is open."""
    unit_good: Integers
    """(M,) good pieces of the lots ended."""
    unit_scrap: Integers
    """(M,) scrapped pieces of the lots ended, those that a failure scrapped included."""
    planned_minutes: Array
    """(M,) mean working time of the lots ended, with the transit of their operations [min]."""


@dataclass(frozen=True)
class Result:
    """One replication."""

    totals: Totals
    trace: Trace | None
    """Kept when asked for."""
