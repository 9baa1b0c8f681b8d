"""The timing polish: all start times of a window at once, against price, carbon and peak.

The search fixes units and sequences; this mixed-integer programme then moves starts on a grid and
switches furnaces off or keeps them hot, minimising exactly what the plan is charged for. The
present plan is a solution of it, so the answer is never worse; on any trouble it stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from solvers.account import Account
from solvers.carbon import add_carbon
from solvers.energy import add_energy
from solvers.maintenance import add_maintenance
from solvers.plan import Plan
from solvers.production import add_production, started
from solvers.window import Window

MOST_NODES, GAP = 20, 5e-4
"""Nodes of the branch-and-bound tree, and the gap at which it is good: ends that know no clock."""
BUFFER_ROUNDS = 4
"""Times a full buffer found in the answer is added as a row."""
WITHOUT_PROBING = 1 << 15
"""HiGHS: leave probing out of presolve, which takes minutes on long chains of implications."""


@dataclass(frozen=True)
class Polish:
    """What came of a window."""

    account: Account | None
    """The better plan; none if the present one stays."""
    trouble: str = ""
    """Why the solver had no answer; empty when it had."""


def polish(account: Account, begin: float, end: float, reach: float, time_limit: float) -> Polish:
    """Choose the starts between two minutes anew; each may move by ``reach`` [min].

    ``time_limit`` [s] only guards; the usual end is a gap of 0.05 % or 20 nodes.
    """
    import pyomo.environ as pyo

    if not _is_convex(account):
        return Polish(None, "selling pays more than buying costs; start times stay")
    window = Window(account, begin, end, reach)
    if not window.pieces:
        return Polish(None)
    model = build(window)
    model.buffers = pyo.ConstraintList(doc="Batches waiting for an operation fit its buffer.")
    for _ in range(BUFFER_ROUNDS):
        trouble = solve(model, time_limit)
        if trouble:
            return Polish(None, trouble)
        found = apply(model, window)
        over = found.plan.overfull()
        if not over:
            return Polish(found if found.total < account.total - 1e-6 else None)
        added = [_add_buffer(model, window, operation, minute) for operation, minute in over]
        if not all(added):
            break
    return Polish(None)


def build(window: Window) -> Any:
    """The model of a window, block by block."""
    import pyomo.environ as pyo

    model = pyo.ConcreteModel()
    add_production(model, window)
    add_maintenance(model, window)
    add_energy(model, window)
    add_carbon(model, window)
    model.total_cost = pyo.Objective(
        expr=model.production_cost
        + model.maintenance_cost
        + model.energy_cost
        + model.carbon_cost
        + model.demand_cost
        + model.power_fine
        + model.carbon_fine
    )
    return model


def _is_convex(account: Account) -> bool:
    """Buying never costs less than selling pays, so nobody buys to sell."""
    feed_in = account.bill.feed_in
    return bool(feed_in >= 0 and (account.problem.forecast.price_per_kwh >= feed_in).all())


def solve(model: Any, time_limit: float) -> str:
    """Solve with HiGHS on one thread; the trouble, or nothing."""
    from pyomo.contrib.solver.common.factory import SolverFactory

    result = SolverFactory("highs").solve(
        model,
        load_solutions=False,
        raise_exception_on_nonoptimal_result=False,
        threads=1,
        time_limit=max(time_limit, 0.1),
        rel_gap=GAP,
        solver_options={
            "mip_max_nodes": MOST_NODES,
            "random_seed": 0,
            "mip_allow_restart": False,
            "presolve_rule_off": WITHOUT_PROBING,
        },
    )
    if result.incumbent_objective is None:
        return f"HiGHS found no start times ({result.termination_condition.name})"
    result.solution_loader.load_vars()
    return ""


def apply(model: Any, window: Window) -> Account:
    """The plan with the starts a solved model chose, counted."""
    plan: Plan = window.plan.copy()
    at = {}
    for i, piece in enumerate(window.pieces):
        last = len(piece.starts) - 1
        c = next((c for c in range(last) if model.started[i, c].value > 0.5), last)
        at[piece.ref] = (piece.starts[c], piece.works[c], piece.ends[c])
    for m, items in enumerate(plan.items):
        plan.items[m] = [(*_span(at, item), item[2]) for item in items]
    for ref, (start, work, end) in at.items():
        if ref < 0:
            plan.pm_start[~ref] = start
        else:
            plan.start[ref], plan.work[ref], plan.end[ref] = start, work, end
    plan.note_waits()
    switched = {gap.op: gap.can_switch and not gap.can_stay for gap in window.live_gaps}
    for g in model.is_off:
        switched[window.live_gaps[g].op] = model.is_off[g].value > 0.5
    return Account(plan, hints={**window.account.hints, **switched})


def _span(
    at: dict[int, tuple[float, float, float]], item: tuple[float, float, int]
) -> tuple[float, float]:
    start, end, ref = item
    return (at[ref][0], at[ref][2]) if ref in at else (start, end)


def _add_buffer(model: Any, window: Window, operation: int, minute: float) -> bool:
    """Hold a buffer to its capacity at a minute; false where a batch alone may exceed it."""
    problem, plan = window.problem, window.plan
    load: Any = 0.0
    capacity = float("inf")
    for job in problem.jobs:
        ops = [o for o in job.ops if problem.ops[o].operation == operation]
        if not ops or (problem.ops[ops[0]].step == 0 and not job.is_waiting):
            continue
        row = problem.ops[ops[0]]
        capacity = row.buffer_kg
        if row.is_running or (row.step > 0 and plan.choice[job.ops[row.step - 1]] is None):
            continue
        waits = _has_come(model, window, job.ops, row.step, minute) - _has_begun(
            model, window, ops[0], minute
        )
        if not isinstance(waits, float) or waits:
            if job.kg > capacity:
                return False
            load = load + job.kg * waits
    if isinstance(load, float):
        return False
    model.buffers.add(load <= capacity)
    return True


def _has_come(model: Any, window: Window, ops: tuple[int, ...], step: int, minute: float) -> Any:
    if step == 0:
        return 1.0
    before = ops[step - 1]
    i = window.index.get(before, -1)
    if i < 0:
        return 1.0 if window.plan.end[before] <= minute else 0.0
    return started(model, window, i, window.pieces[i].last_ended(minute))


def _has_begun(model: Any, window: Window, op: int, minute: float) -> Any:
    if window.plan.choice[op] is None:
        return 0.0
    i = window.index.get(op, -1)
    if i < 0:
        return 1.0 if window.plan.work[op] <= minute else 0.0
    return started(model, window, i, window.pieces[i].last_working(minute))
