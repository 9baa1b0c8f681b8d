"""The fast engine: the kernel on the tables of an experiment, its results given their names."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from twin.errors import NoriaError
from twin.model.horizon import Array
from twin.model.plant import STATES
from twin.simulation.clock import minutes
from twin.simulation.experiment import Experiment
from twin.simulation.kernel import load, which
from twin.simulation.result import Integers, Result, Totals, Trace
from twin.simulation.tables import Tables

DEADLOCK = 1
"""How a run ends that cannot go on; other codes above 0 ask for more room."""
JOBS, ROWS = 64, 1024
"""Room that a first run has for jobs at once and for rows of its trace."""


class KernelEngine:
    """Runs replications of one experiment; threads may run one each at the same time."""

    name = "compiled kernel" if which() == "compiled" else "kernel in Python"

    def __init__(self, experiment: Experiment) -> None:
        self._tables = Tables(experiment)
        self._contexts = threading.local()

    def run(self, replication: int, *, trace: bool = False) -> Result:
        """One replication.

        Raises
        ------
        NoriaError
            If full buffers stop each other for good.
        """
        kernel = self._context(trace)
        seed = self._tables.experiment.seed
        while error := kernel.run(seed, replication, int(trace)):
            if error == DEADLOCK:
                raise NoriaError(self._locked(kernel))
            kernel.make_room(error)
        return Result(self._totals(kernel), self._trace(kernel) if trace else None)

    def _context(self, trace: bool) -> Any:
        """What changes in a replication: one for each thread, used again."""
        if not hasattr(self._contexts, "kernel"):
            self._contexts.kernel = load().Kernel(self._tables, JOBS, ROWS if trace else 0)
        return self._contexts.kernel

    def _totals(self, kernel: Any) -> Totals:
        totals = {name: _copy(values) for name, values in kernel.totals().items()}
        for name in ("state_ticks", "open_ticks"):
            totals[name] = totals[name].reshape(-1, len(STATES))
        return Totals(**totals)

    def _trace(self, kernel: Any) -> Trace:
        tables = self._tables
        rows = _copy(kernel.trace_rows()).reshape(-1, 11)[: kernel.row_count()].copy()
        sources, serials, parts = kernel.part_origins()
        source, serial = _copy(sources)[:parts], _copy(serials)[:parts]
        first: Integers = np.array(tables.order_tables.order_first_job, dtype=np.int64)
        jobs = first[1:] - first[:-1]
        order: Integers = np.repeat(np.arange(tables.orders), jobs)
        of_order = np.array(tables.order_tables.order_product, dtype=np.int64)
        of_source = np.array(tables.source_product, dtype=np.int64)
        return Trace(
            rows=rows,
            origin=np.concatenate((order, source + tables.orders)),
            serial=np.concatenate((np.arange(len(order)) - np.repeat(first[:-1], jobs), serial)),
            product=np.concatenate((of_order[order], of_source[source])),
        )

    def _locked(self, kernel: Any) -> str:
        tick, stuck, full = kernel.deadlock()
        plant = self._tables.compiled
        names = ", ".join(plant.unit_ids[m] for m in stuck)
        waiting = ", ".join(sorted(plant.operation_ids[o] for o in full))
        return (
            f"simulation: after {minutes(tick):.0f} min the buffers before {waiting} are full and "
            f"only {names} could empty them, which wait for room there; enlarge a buffer or let "
            "another work unit do the operation"
        )


def _copy(values: Any) -> Any:
    """An array of its own, as the next run overwrites the kernel's."""
    kind = "d" if memoryview(values).format == "d" else np.int64
    found: Integers | Array = np.array(values, dtype=kind)
    return found
