"""Annealing over the sequences of a whole plant: a plan goes in, a plan at least as good comes out.

The kernel counts as :class:`solvers.account.Account` does, except that the choice between standby
and off keeps the marginal prices of the plan it began with; what comes out is counted anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from solvers.account import Account
from solvers.plan import Plan
from solvers.problem import Problem
from solvers.sequences.tables import Tables
from twin.native import load

COLD = 0.00001
"""Last temperature as a share of the cost at the start."""
MOVES_AT_ONCE = 2000
"""Moves between two looks at the clock."""

Stop = Callable[[], bool]


def anneal_sequences(
    start: Account, *, seed: str, moves: int, hot: float = 0.001, must_stop: Stop | None = None
) -> tuple[Account, int]:
    """The best plan of one chain from a plan, that plan itself if none is better; moves made.

    Orders without a place in the plan stay without one.

    Parameters
    ----------
    hot : float
        First temperature as a share of the cost: a move that costs so much is taken with
        probability 1/e.
    """
    tables = Tables(start)
    kernel = load("solvers.sequences._sequence_kernel").Plant(tables.views())
    cost = kernel.begin(_number(seed))
    scale = max(abs(start.total), 1.0)
    done = 0
    while done < moves and not (must_stop and must_stop()):
        n = min(MOVES_AT_ONCE, moves - done)
        first, last = (scale * hot * (COLD / hot) ** (k / moves) for k in (done, done + n))
        kernel.anneal(n, first, last)
        done += n
    if not kernel.restore_best() < cost:
        return start, done
    return Account(plan_of(start.plan, tables)), done


def _number(seed: str) -> int:
    """64 bits from the name of a stream."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little")


def plan_of(before: Plan, tables: Tables) -> Plan:
    """The plan that the kernel's arrays have, with everything else as it was before."""
    plan = before.copy()
    problem: Problem = plan.problem
    for op in problem.ops:
        o = op.index
        if plan.choice[o] is None:
            continue
        plan.choice[o] = op.choices[int(tables.choice[o] - tables.choice_at[o])]
        plan.start[o], plan.work[o] = float(tables.start[o]), float(tables.work[o])
        plan.end[o], plan.setup[o] = float(tables.end[o]), float(tables.setup[o])
    for q in range(len(problem.pms)):
        if np.isfinite(plan.pm_start[q]):
            plan.pm_start[q] = float(tables.task_start[q])
    for m in range(len(problem.units)):
        refs = tables.sequence[m, : tables.length[m]].tolist()
        plan.items[m] = [(*_span(plan, ref), ref) for ref in refs]
    plan.note_waits()
    return plan


def _span(plan: Plan, ref: int) -> tuple[float, float]:
    if ref >= 0:
        return plan.start[ref], plan.end[ref]
    begin = plan.pm_start[~ref]
    return begin, begin + plan.problem.pms[~ref].task.duration
