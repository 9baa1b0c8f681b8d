"""A lower bound for flexible shops: what the machines have to do, shared among them at will.

A linear programme spreads each operation over its alternatives. For a machine k, heads from a on
and tails from b on, the operations within must fit:

    sum of p_ik x_ik over i with r_i >= a and q_i >= b   <=   C - a - b

Rows are added where the last solution breaks them (Kelley's cutting planes), and C is rounded up.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_array

from solvers.shop.tables import Ints, Tables

Floats = NDArray[np.float64]
Window = tuple[int, int, int]
"""Machine, least head and least tail of the operations that have to fit."""
ROUNDS = 30
TOLERANCE = 1e-6
LARGEST = 20_000
"""Alternatives above which the programme takes too long for what it gives."""


@dataclass(frozen=True)
class Loads:
    """The shop as the linear programme needs it; arrays of A alternatives."""

    operations: int
    machines: int
    operation: Ints
    machine: Ints
    time: Ints
    head: Ints
    tail: Ints


def load_bound(tables: Tables, time_limit: float) -> int:
    """Least whole makespan of the relaxation, or of the rows that the time allowed; 0 if none."""
    if len(tables.machine) > LARGEST:
        return 0
    loads, until = _loads_of(tables), time.monotonic() + time_limit
    windows = {window for k in range(loads.machines) if (window := _widest(loads, k))}
    bound = 0
    for _ in range(ROUNDS):
        left = until - time.monotonic()
        solved = _solve(loads, sorted(windows), left) if left > 0 else None
        if solved is None:
            break
        makespan, share = solved
        bound = max(bound, math.ceil(makespan - TOLERANCE * max(1.0, makespan)))
        broken = {w for k in range(loads.machines) if (w := _broken(loads, k, share, makespan))}
        if broken <= windows:
            break
        windows |= broken
    return bound


def _loads_of(tables: Tables) -> Loads:
    shortest = tables.shortest()
    head, tail = np.zeros_like(shortest), np.zeros_like(shortest)
    for x in range(1, tables.operations):
        if tables.job[x] == tables.job[x - 1]:
            head[x] = head[x - 1] + shortest[x - 1]
    for x in range(tables.operations - 2, -1, -1):
        if tables.job[x] == tables.job[x + 1]:
            tail[x] = tail[x + 1] + shortest[x + 1]
    operation = np.repeat(np.arange(tables.operations), np.diff(tables.choices_from))
    return Loads(
        tables.operations,
        tables.problem.machines,
        operation,
        tables.machine,
        tables.time,
        head[operation],
        tail[operation],
    )


def _widest(loads: Loads, machine: int) -> Window | None:
    """The window of all operations that the machine can work."""
    here = loads.machine == machine
    if not here.any():
        return None
    return machine, int(loads.head[here].min()), int(loads.tail[here].min())


def _within(loads: Loads, window: Window) -> Ints:
    machine, head, tail = window
    here = (loads.machine == machine) & (loads.head >= head) & (loads.tail >= tail)
    return np.flatnonzero(here)


def _solve(loads: Loads, windows: list[Window], seconds: float) -> tuple[float, Floats] | None:
    """Least C of the rows so far and the share of each alternative; None if time ran out."""
    count = len(loads.machine)
    rows, columns, values = [], [], []
    for row, window in enumerate(windows):
        within = _within(loads, window)
        rows += [np.full(len(within) + 1, row)]
        columns += [np.append(within, count)]
        values += [np.append(loads.time[within], -1)]
    fit = coo_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(windows), count + 1),
    )
    once = coo_array(
        (np.ones(count), (loads.operation, np.arange(count))), shape=(loads.operations, count + 1)
    )
    found = linprog(
        np.append(np.zeros(count), 1.0),
        A_ub=fit.tocsr(),
        b_ub=np.array([-head - tail for _, head, tail in windows]),
        A_eq=once.tocsr(),
        b_eq=np.ones(loads.operations),
        method="highs",
        options={"time_limit": max(seconds, 0.1)},
    )
    return (float(found.fun), found.x[:count]) if found.status == 0 else None


def _broken(loads: Loads, machine: int, share: Floats, makespan: float) -> Window | None:
    """The window of a machine whose operations fit least, if they do not fit."""
    here = np.flatnonzero((loads.machine == machine) & (share > TOLERANCE))
    worst, window = TOLERANCE * max(1.0, makespan), None
    by_tail = here[np.argsort(-loads.tail[here], kind="stable")]
    for head in np.unique(loads.head[here]).tolist():
        later = by_tail[loads.head[by_tail] >= head]
        work = np.cumsum(loads.time[later] * share[later])
        excess = head + loads.tail[later] + work - makespan
        if excess.max() > worst:
            worst = float(excess.max())
            window = (machine, int(head), int(loads.tail[later[int(excess.argmax())]]))
    return window
