"""Writes down what happens in a simulated plant, row by row, in whole numbers."""

from __future__ import annotations

import numpy as np

from twin.simulation.jobs import Job
from twin.simulation.result import (
    COMPLETE_ROW,
    END_ROW,
    RELEASE_ROW,
    START_ROW,
    STATE_ROW,
    VERDICT_ROW,
    Trace,
)

Row = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""Columns as in :mod:`twin.simulation.result`."""


class Recorder:
    """Rows in the order they happen."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def state(
        self, tick: int, unit: int, state: int, work: tuple[int, int, int], reason: int
    ) -> None:
        """A work unit enters a state, for some work: (job, step, pass)."""
        job, step, visit = work
        self._rows.append((tick, STATE_ROW, unit, state, job, step, visit, -1, -1, -1, reason))

    def start(self, tick: int, unit: int, job: Job, lot: int, pieces: int) -> None:
        self._of_job(tick, START_ROW, unit, job, lot, pieces, -1, -1)

    def end(
        self, tick: int, unit: int, job: Job, lot: int, good: int, scrap: int, reason: int
    ) -> None:
        self._of_job(tick, END_ROW, unit, job, lot, good, scrap, reason)

    def verdict(
        self, tick: int, unit: int, job: Job, lot: int, good: int, scrap: int, reason: int
    ) -> None:
        self._of_job(tick, VERDICT_ROW, unit, job, lot, good, scrap, reason)

    def release(self, tick: int, job: Job, quantity: int) -> None:
        self._rows.append((tick, RELEASE_ROW, -1, -1, job.number, -1, -1, -1, quantity, -1, -1))

    def complete(self, tick: int, job: Job, good: int) -> None:
        self._rows.append((tick, COMPLETE_ROW, -1, -1, job.number, -1, -1, -1, good, -1, -1))

    def trace(self, jobs: list[Job]) -> Trace:
        """Everything recorded so far."""
        return Trace(
            rows=np.array(self._rows, dtype=np.int64).reshape(-1, 11),
            origin=np.array([job.origin for job in jobs], dtype=np.int64),
            serial=np.array([job.serial for job in jobs], dtype=np.int64),
            product=np.array([job.product for job in jobs], dtype=np.int64),
        )

    def _of_job(
        self, tick: int, kind: int, unit: int, job: Job,
        lot: int, good: int, scrap: int, reason: int,
    ) -> None:  # fmt: skip
        row = (tick, kind, unit, -1, job.number, job.step, job.visit, lot, good, scrap, reason)
        self._rows.append(row)
