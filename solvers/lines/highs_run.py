"""Runs HiGHS on a programme, telling solutions and bounds while it works.

HiGHS overruns its time limit, now and then by far: who needs to end on time runs this in a process
of its own (:func:`solvers.lines.optimum.optimum`) and keeps what was told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from solvers.lines.highs_model import INFINITY, Programme
from twin.model.horizon import Array

GAP = 1e-7
"""Relative gap at which an answer counts as proven: rounding."""


START_FAULT = 1e-7
"""Most by which a row of the first solution may fail. HiGHS repairs a worse one in a programme of
its own, whose bound it tells as if it were that of ours."""


@dataclass(frozen=True)
class Outcome:
    """What HiGHS knows of a programme."""

    values: Array | None
    """Of the columns in the best solution; None without one."""
    objective: float
    bound: float
    """No solution is below; infinite where there is none."""
    is_infeasible: bool = False

    @property
    def is_optimal(self) -> bool:
        return self.values is not None and self.objective - self.bound <= _slack(self.objective)


def _slack(objective: float) -> float:
    return max(1e-6, 2 * GAP * abs(objective))


@dataclass
class Listener:
    """Whom to tell of solutions (objective, values) and bounds, and whether to go on."""

    solution: Callable[[float, Array], None] = lambda objective, values: None
    bound: Callable[[float], None] = lambda bound: None
    must_stop: Callable[[], bool] = lambda: False


def minimise(
    programme: Programme,
    *,
    seconds: float,
    start: Array | None = None,
    listener: Listener | None = None,
    seed: int = 0,
    gap: float = GAP,
) -> Outcome:
    """Solve a programme on one thread; "infeasible" is believed the second time, unpresolved.

    Parameters
    ----------
    start : (columns,), optional
        A solution to begin with.
    """
    deadline = time.monotonic() + seconds
    listener = listener or Listener()
    for presolve in ("choose", "off"):
        left = max(deadline - time.monotonic(), 0.1)
        solver = loaded(programme, seconds=left, seed=seed, gap=gap, presolve=presolve)
        if start is not None and worst_fault(programme, start) <= START_FAULT:
            _set_start(solver, start)
        _listen(solver, programme, listener)
        outcome = _run(solver, programme)
        if not outcome.is_infeasible:
            break
    return outcome


def loaded(
    programme: Programme,
    *,
    seconds: float = INFINITY,
    seed: int = 0,
    gap: float = GAP,
    presolve: str = "choose",
) -> Any:
    """HiGHS with the programme in it, ready to run."""
    import highspy

    highspy.Highs.resetGlobalScheduler(True)  # whoever ran before may have had more threads
    solver = highspy.Highs()
    options = {
        "output_flag": False,
        "threads": 1,
        "random_seed": seed,
        "time_limit": seconds,
        "mip_rel_gap": gap,
        "presolve": presolve,
    }
    for name, value in options.items():
        solver.setOptionValue(name, value)
    p = programme
    status = solver.passModel(
        p.columns, p.rows, len(p.a_value), 1, 1, 0.0,
        p.cost, p.lower, p.upper, p.row_lower, p.row_upper,
        p.a_start, p.a_row, p.a_value, p.is_integer.astype(np.int32),
    )  # fmt: skip
    if status == highspy.HighsStatus.kError:
        raise ValueError("HiGHS does not take the programme")
    return solver


def worst_fault(programme: Programme, values: Array) -> float:
    """By how much the worst row or bound of a solution fails; 0 for a feasible one."""
    p = programme
    shape = (p.rows, p.columns)
    rows = sparse.csc_array((p.a_value, p.a_row, p.a_start), shape) @ values
    faults = (p.row_lower - rows, rows - p.row_upper, p.lower - values, values - p.upper)
    return max(float(np.max(fault, initial=0.0)) for fault in faults)


def _set_start(solver: Any, start: Array) -> None:
    import highspy

    solution = highspy.HighsSolution()
    solution.col_value = start.tolist()
    solver.setSolution(solution)


def _listen(solver: Any, programme: Programme, listener: Listener) -> None:
    """Hand on solutions and bounds as HiGHS finds them; they come without the offset."""

    def improved(event: Any) -> None:
        values = np.array(event.data_out.mip_solution, dtype=float)
        listener.solution(float(values @ programme.cost) + programme.offset, values)

    def asked(event: Any) -> None:
        bound = event.data_out.mip_dual_bound
        if abs(bound) < 1e29:
            listener.bound(bound + programme.offset)
        if listener.must_stop():
            event.interrupt()

    solver.cbMipImprovingSolution += improved
    solver.cbMipInterrupt += asked
    solver.cbSimplexInterrupt += lambda event: event.interrupt() if listener.must_stop() else None


def _run(solver: Any, programme: Programme) -> Outcome:
    import highspy

    if solver.run() == highspy.HighsStatus.kError:
        raise RuntimeError("HiGHS failed")
    status, info = solver.getModelStatus(), solver.getInfo()
    if status in (
        highspy.HighsModelStatus.kInfeasible,
        highspy.HighsModelStatus.kUnboundedOrInfeasible,
    ):
        return Outcome(None, INFINITY, INFINITY, is_infeasible=True)
    has_values = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    bound = info.mip_dual_bound if programme.is_integer.any() else info.objective_function_value
    if not abs(bound) < 1e29:
        bound = -INFINITY
    values = np.array(solver.getSolution().col_value) if has_values else None
    objective = INFINITY if values is None else float(values @ programme.cost) + programme.offset
    return Outcome(values, objective, min(bound + programme.offset, objective))
