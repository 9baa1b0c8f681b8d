"""What no plan of a plant can cost less than, with units that do one thing at a time.

A Lagrangian relaxation by work units (Fisher 1981). Each operation pays its unit a price λ_o when
it is made; each unit then takes the cheapest path of its network (:mod:`solvers.unit_networks`),
making whatever pays, perhaps twice or never:

    bound = Σ_units cheapest path(λ) + Σ_o λ_o + Σ_j min(0, left out_j − Σ_{o∈j} λ_o)
          + idle site + maintenance + running work + wear that no minute of work pays

holds for every λ. The prices climb by a step towards a target a little above the best bound so far
(Goffin & Kiwiel 1999); how far that is halves when it is not reached. Tried without effect: prices
on the sequence of an order's operations, lateness shared over them, and paths that remember what
they made (less than 2 % of the bound together on the demonstration plant).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from solvers.bound import Bound
from solvers.lines.pricing import LinePricing
from solvers.problem import Problem
from solvers.unit_networks import NO_OP, UnitNetwork, unit_networks
from solvers.wear_bound import Line, wear_line
from twin.model.horizon import Array

STEPS = 400
"""Steps of the prices; on the demonstration plant 800 more raise the bound by 1 %."""
FIRST_REACH, PATIENCE, MOMENTUM = 0.1, 20, 0.5
"""The target is so much above the best bound at first; steps until it halves; see Held, Wolfe &
Crowder (1974) for the direction that remembers."""

Stop = Callable[[], bool]


def unit_bound(problem: Problem, worked: Array, must_stop: Stop | None = None) -> float:
    """A cost [currency] that no plan of the problem can fall below.

    Parameters
    ----------
    worked : (M,)
        About how long each unit works in a good plan [min]; any value gives a bound.
    must_stop : callable, optional
        Ends the climb early; the best bound so far holds.
    """
    relaxation = UnitRelaxation(problem, worked)
    paid = relaxation.first_prices()
    best, best_paid, reach, patience = -np.inf, paid, FIRST_REACH, 0
    heading = np.zeros(len(paid))
    scale = least_scale = max(float(np.abs(paid).sum()), float(relaxation.left_out.mean()))
    for _ in range(STEPS):
        if must_stop and must_stop():
            break
        value, rise = relaxation.at(paid)
        patience += 1
        if value > best:
            patience = 0 if value > best + 0.1 * reach * scale else patience
            best, best_paid = value, paid
        if patience >= PATIENCE:
            reach, patience = reach / 2, 0
            paid, heading = best_paid, np.zeros(len(paid))
            continue
        heading = MOMENTUM * heading + rise
        scale = max(abs(best), least_scale)
        target = best + reach * scale
        # Not ``@``: its last digit depends on the machine's linear algebra.
        paid = paid + (target - value) / max(float((heading * heading).sum()), 1e-9) * heading
    return max(best, relaxation.simple.total)


class UnitRelaxation:
    """A plant with its units apart, at prices of operations."""

    def __init__(self, problem: Problem, worked: Array) -> None:
        self.problem = problem
        self.simple = Bound(problem)
        wear = [wear_line(problem, u, float(worked[u.index])) for u in problem.units]
        networks = unit_networks(problem, self.simple.slope, [line.rate for line in wear])
        count = len(problem.ops)
        self.late_rate = problem.plant.plant.costs.tardiness_per_h / 60
        self.units = [
            LinePricing(n.network, n.op.astype(np.int32), count, exact=[]) for n in networks
        ]
        for n, unit in zip(networks, self.units, strict=True):
            unit.fixed[:-1] += self._late(n)
        self.op_of = [n.op for n in networks]
        self.short = np.full(count, np.inf)
        for n in networks:
            for o, cost in n.short.items():
                self.short[o] = min(self.short[o], cost)
        self.is_free = np.array([not op.is_running for op in problem.ops], dtype=bool)
        self.job = np.array([op.job for op in problem.ops], dtype=np.int64)
        self.left_out = np.array(
            [j.weight * self.late_rate * max(problem.end - j.due, 0.0) for j in problem.jobs]
        )
        self.kept = (
            self.simple.site
            + self.simple.tasks
            + sum(line.base for line in wear)
            + self._running(wear)
            - sum(n.credit for n in networks)
        )
        self.no_price = np.zeros(problem.horizon.slots)

    def _late(self, n: UnitNetwork) -> Array:
        """(A,) lateness of orders by the arcs of their last operations [currency]."""
        late = np.zeros(len(n.op))
        jobs = self.problem.jobs
        is_last = np.array([o.index == jobs[o.job].ops[-1] for o in self.problem.ops] + [False])
        due = np.array([jobs[o.job].due for o in self.problem.ops] + [0.0])
        weight = np.array([jobs[o.job].weight for o in self.problem.ops] + [0.0])
        ends = is_last[n.op]
        o = n.op[ends]
        late[ends] = self.late_rate * weight[o] * np.maximum(n.end[ends] - due[o], 0.0)
        return late

    def _running(self, wear: list[Line]) -> float:
        """Energy and wear of the work that goes on at minute 0 [currency]."""
        running = [op for op in self.problem.ops if op.is_running]
        worn = sum(wear[op.choices[0].unit].rate * op.choices[0].minutes for op in running)
        return worn + sum(self.simple.running_energy(op) for op in running)

    def first_prices(self) -> Array:
        """What each operation costs at least, as if it were alone, (O,)."""
        least = self.short.copy()
        for op_of, unit in zip(self.op_of, self.units, strict=True):
            made = op_of != NO_OP
            np.minimum.at(least, op_of[made], unit.fixed[:-1][made])
        return np.where(np.isfinite(least) & self.is_free, least, 0.0)

    def at(self, paid: Array) -> tuple[float, Array]:
        """The bound at prices, and the direction in which it rises, (O,)."""
        value = self.kept + float(paid.sum())
        visits = np.zeros(len(paid))
        for unit in self.units:
            unit.price(self.no_price, paid)
            way = unit.plain()
            value += way.cost
            visits += way.visits
        takes = self.short - paid
        value += float(takes[takes < 0].sum())
        visits[takes < 0] += 1
        unpaid = self.left_out - np.bincount(self.job, weights=paid, minlength=len(self.left_out))
        value += float(unpaid[unpaid < 0].sum())
        visits[(unpaid < 0)[self.job]] += 1
        return value, np.where(self.is_free, 1.0 - visits, 0.0)
