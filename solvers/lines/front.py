"""Cost against carbon: the cheapest plan below each of several caps on carbon, with its own bound.

The ε-constraint method (Haimes, Lasdon, Wismer 1971). The ends are the plans of one aim alone: the
cheapest of all, and the cheapest among the cleanest. Caps between them are equally far apart and
are planned from the cleanest on, so that each begins with a plan that obeys it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from solvers.lines.answer import Answer, gap_of
from solvers.lines.bill import bill_of
from solvers.lines.problem import LinePlan, LineProblem
from solvers.lines.solve import solve

ROUNDING = 1e-9
"""Relative difference of carbon or cost that is none."""


@dataclass(frozen=True)
class Point:
    """The cheapest plan found below a cap."""

    cap_kg: float
    """Infinite at the cheap end."""
    plan: LinePlan
    bound: float | None
    """No plan below the cap costs less [currency]."""
    answer: Answer

    @property
    def cost(self) -> float:
        return self.plan.bill.total

    @property
    def carbon_kg(self) -> float:
        return self.plan.bill.carbon_kg

    @property
    def gap(self) -> float | None:
        return None if self.bound is None else gap_of(self.cost, min(self.bound, self.cost))


@dataclass(frozen=True)
class Front:
    """Points of which none is both dearer and dirtier than another, the cleanest first."""

    points: tuple[Point, ...]
    least_carbon_kg: float | None
    """No plan causes less, as far as is proven."""


def carbon_front(
    problem: LineProblem,
    *,
    time_limit: float,
    points: int = 9,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Front:
    """The front of cost and carbon.

    Parameters
    ----------
    time_limit
        [s] of the whole front; each of its plans has an equal share.
    points
        Both ends among them; at least 2. Fewer come back where plans fall together.
    progress
        Called with the number of plans made and wanted.
    """
    if points < 2:
        raise ValueError(f"{points} points; a front has two ends")
    work = _Work(problem, time_limit / (points + 1), seed, points + 1, progress, cancelled)
    cheapest = work.planned(problem)
    aim = only_carbon(problem)
    cleanest = work.planned(aim, incumbent=rebilled(aim, cheapest.plan))
    found = [Point(problem.carbon_cap_kg, cheapest.plan, cheapest.bound, cheapest)]
    least = min(cleanest.plan.bill.carbon_kg, cheapest.plan.bill.carbon_kg)
    price = 0.0
    for cap in np.linspace(least, cheapest.plan.bill.carbon_kg, points)[:-1]:
        if cancelled is not None and cancelled():
            break
        below = replace(problem, carbon_cap_kg=float(cap))
        answer = work.planned(below, incumbent=work.best_below(float(cap)), price=price)
        price = answer.multiplier
        found.append(Point(float(cap), answer.plan, answer.bound, answer))
    found = [work.improved(point) for point in found]
    return Front(undominated(with_shared_bounds(found)), cleanest.bound)


@dataclass
class _Work:
    """The searches for a front, and every plan that they came across."""

    problem: LineProblem
    seconds: float
    """Of each search."""
    seed: int
    total: int
    progress: Callable[[int, int], None] | None
    cancelled: Callable[[], bool] | None
    done: int = 0
    plans: list[LinePlan] = field(default_factory=list)

    def planned(
        self, problem: LineProblem, incumbent: LinePlan | None = None, price: float = 0.0
    ) -> Answer:
        answer = solve(
            problem,
            time_limit=self.seconds,
            seed=self.seed,
            cancelled=self.cancelled,
            incumbent=incumbent,
            multiplier=price,
            heard=self._keep,
        )
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, self.total)
        return answer

    def _keep(self, plan: LinePlan) -> None:
        """Keep a plan that makes all orders, unless another is as clean and as cheap."""
        if plan.unplaced:
            return
        plan = rebilled(self.problem, plan)
        if not any(_beats(other, plan) for other in self.plans):
            self.plans = [p for p in self.plans if not _beats(plan, p)] + [plan]

    def best_below(self, cap: float) -> LinePlan | None:
        """The cheapest plan kept below a cap, rounding included."""
        below = [p for p in self.plans if p.bill.carbon_kg <= cap + ROUNDING * abs(cap)]
        return min(below, key=lambda p: p.bill.total, default=None)

    def improved(self, point: Point) -> Point:
        """The point with a plan from another search, if that is cheaper below the cap."""
        best = self.best_below(point.cap_kg)
        return replace(point, plan=best) if best and best.bill.total < point.cost else point


def _beats(one: LinePlan, other: LinePlan) -> bool:
    a, b = one.bill, other.bill
    return a.carbon_kg <= b.carbon_kg and a.total <= b.total


def only_carbon(problem: LineProblem) -> LineProblem:
    """The same lines where nothing counts but carbon, at one unit of currency a kgCO2e."""
    nothing = np.zeros(problem.slots)
    site = replace(
        problem.site,
        price_per_kwh=nothing,
        carbon_price_per_t=1000.0,
        feed_in_per_kwh=0.0,
        demand_charge_per_kw=0.0,
    )
    lines = tuple(
        replace(line, transitions=tuple(replace(t, fee=0.0) for t in line.transitions))
        for line in problem.lines
    )
    orders = tuple(replace(order, tardiness=0.0, move_cost=0.0) for order in problem.orders)
    tasks = tuple(replace(task, deferral=()) for task in problem.tasks)
    return replace(problem, site=site, lines=lines, orders=orders, tasks=tasks)


def rebilled(problem: LineProblem, plan: LinePlan) -> LinePlan:
    """The plan with the bill of another problem of the same lines."""
    return replace(plan, bill=bill_of(problem, plan.stretches))


def with_shared_bounds(points: Sequence[Point]) -> list[Point]:
    """A bound below a loose cap holds below every tighter one."""
    shared, best = [], None
    for point in sorted(points, key=lambda p: -p.cap_kg):
        known = [b for b in (best, point.bound) if b is not None]
        best = max(known, default=None)
        shared.append(replace(point, bound=best))
    return shared


def undominated(points: Sequence[Point]) -> tuple[Point, ...]:
    """Points that no other beats in cost without being dirtier, the cleanest first."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.carbon_kg, p.cost)):
        if not kept or point.cost < kept[-1].cost - ROUNDING * abs(kept[-1].cost):
            kept.append(point)
    return tuple(kept)
