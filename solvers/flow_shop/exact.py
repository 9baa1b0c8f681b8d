"""Runs HiGHS on the programme of a flow shop: a bound that closes in on the best plan.

First the linear relaxation, to which violated rows of the one order are added round by round; then
the mixed-integer programme with those rows. HiGHS overruns its time limit, so a caller with a
deadline runs this in a process of its own and keeps what was told.

Each of the two has a solver object of its own. One that holds an old solution, or a part of one,
begins the mixed-integer programme with a smaller one, and tells the bound of that as if it were its
own (seen in HiGHS 1.14).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from solvers.flow_shop.ordering import Row, violated
from solvers.flow_shop.programme import INFINITY, Programme

ROUNDS = 12
"""In which rows of the one order are added."""
LINEAR_SHARE = 0.2
"""Of the time, at most, for those rounds."""
HEURISTIC_EFFORT = 0.01
"""Of HiGHS: the plans come from the search."""

TellBound = Callable[[float], None]


def prove(
    programme: Programme,
    seconds: float,
    tell_bound: TellBound,
    must_stop: Callable[[], bool] = lambda: False,
) -> float:
    """Tell rising bounds of all plans with the programme's starts; return the last one.

    Infinite when no choice of the starts is a plan.
    """
    if not all(programme.starts.values()):
        return INFINITY
    deadline = time.monotonic() + seconds
    _keep_one_order(programme, LINEAR_SHARE * seconds, tell_bound)
    left = deadline - time.monotonic()
    if left <= 0 or must_stop():
        return -INFINITY
    return _mixed_integer(programme, left, tell_bound, must_stop)


def _keep_one_order(programme: Programme, seconds: float, tell_bound: TellBound) -> None:
    """Add rows of the one order to the programme while its linear relaxation violates them."""
    deadline = time.monotonic() + seconds
    solver = _loaded(programme, seconds, is_integer=False)
    for _ in range(ROUNDS):
        solver.setOptionValue("time_limit", solver.getRunTime() + deadline - time.monotonic())
        if not _is_solved(solver):
            return
        tell_bound(float(solver.getInfo().objective_function_value))
        rows = violated(programme, list(solver.getSolution().col_value))
        for row in rows:
            programme.rows.add(*row)
            _add(solver, row)
        if not rows or time.monotonic() >= deadline:
            return


def _is_solved(solver: Any) -> bool:
    import highspy

    solver.run()
    return bool(solver.getModelStatus() == highspy.HighsModelStatus.kOptimal)


def _add(solver: Any, row: Row) -> None:
    lower, upper, entries = row
    columns = np.array(list(entries), dtype=np.int32)
    solver.addRow(lower, upper, len(entries), columns, np.array(list(entries.values())))


def _mixed_integer(
    programme: Programme, seconds: float, tell_bound: TellBound, must_stop: Callable[[], bool]
) -> float:
    import highspy

    solver = _loaded(programme, seconds, is_integer=True)

    def asked(event: Any) -> None:
        if abs(event.data_out.mip_dual_bound) < 1e29:
            tell_bound(event.data_out.mip_dual_bound)
        if must_stop():
            event.interrupt()

    solver.cbMipInterrupt += asked
    if solver.run() == highspy.HighsStatus.kError:
        raise RuntimeError("HiGHS failed")
    if solver.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return INFINITY
    bound = float(solver.getInfo().mip_dual_bound)
    return bound if abs(bound) < 1e29 else -INFINITY


def _loaded(programme: Programme, seconds: float, *, is_integer: bool) -> Any:
    import highspy

    solver = highspy.Highs()
    options = {
        "output_flag": False,
        "threads": 1,
        "time_limit": seconds,
        "mip_rel_gap": 1e-9,
        "mip_heuristic_effort": HEURISTIC_EFFORT,
    }
    for name, value in options.items():
        solver.setOptionValue(name, value)
    rows, columns = programme.rows, len(programme.cost)
    choices = np.array([programme.is_choice(column) for column in range(columns)])
    status = solver.passModel(
        columns, len(rows.lower), len(rows.value), 2, 1, 0.0,
        np.array(programme.cost), np.zeros(columns), np.where(choices, 1.0, INFINITY),
        np.array(rows.lower), np.array(rows.upper),
        np.array([*rows.begin, len(rows.column)], dtype=np.int32),
        np.array(rows.column, dtype=np.int32), np.array(rows.value),
        (choices & is_integer).astype(np.int32),
    )  # fmt: skip
    if status == highspy.HighsStatus.kError:
        raise ValueError("HiGHS does not take the programme")
    return solver
