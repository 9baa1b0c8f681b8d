"""Limits on the chance of being late: orders below their limit get more time until they keep it.

``risk: {A: 0.95}`` asks that every order of customer class A is on time with a chance of 95 %.
After the plan that is cheapest on the twin has been found, orders below their limit are planned
again: as if they ran as far behind as they do in bad luck of that limit, and an hour late of every
order with a limit cost :data:`HASTE` times as much. Chances are shares of replications, with
Wilson's interval; an order keeps its limit when its share does, surely when the interval does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

from scenarios.scenario import Case
from solvers.account import Account
from solvers.frozen import settled
from solvers.optimize import to_schedule
from solvers.problem import Problem
from solvers.warm import taken_up
from twin.accounting.demand_rules import broken_demands
from twin.accounting.intervals import wilson_interval
from twin.accounting.outcome import Outcome, is_on_time
from twin.accounting.report import Estimate, Report
from twin.model.orders import OrderBook, WorkOrder
from twin.model.schedule import Schedule

ROUNDS = 3
"""Plans made again for the sake of limits, at most."""
HASTE = 20.0
"""Weight of an order with a limit in these plans, as a multiple of its own."""
Simulate = Callable[[Schedule], Sequence[Outcome]]
Replan = Callable[[Case, Mapping[str, Sequence[float]], Schedule, int], Schedule]
"""(case, delays, plan to begin from, round) → plan."""
DelaysOf = Callable[[Case, Schedule, Sequence[Outcome]], dict[str, tuple[float, ...]]]
"""How far each order ran behind its plan; see :func:`scenarios.robust.delays`."""


@dataclass(frozen=True)
class OrderRisk:
    """An order with a limit, and its chance to be on time."""

    order: str
    customer_class: str
    limit: float
    on_time: Estimate

    @property
    def is_kept(self) -> bool:
        return self.on_time.mean >= self.limit

    @property
    def is_sure(self) -> bool:
        """Even the low end of the interval keeps the limit."""
        return self.on_time.low >= self.limit

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "is_kept": self.is_kept, "is_sure": self.is_sure}


def limited(case: Case) -> list[WorkOrder]:
    """Orders whose class has a limit."""
    return [order for order in case.orders if order.customer_class in case.demands.risk]


def risks_of_report(case: Case, report: Report) -> list[OrderRisk]:
    """Every order with a limit and a known chance in the proof of a plan."""
    chance = {row.order: row.on_time for row in report.orders if row.on_time}
    return [
        OrderRisk(o.id, o.customer_class, case.demands.risk[o.customer_class], chance[o.id])
        for o in limited(case)
        if o.id in chance
    ]


def risks(case: Case, outcomes: Sequence[Outcome]) -> list[OrderRisk]:
    """The same from replications; orders due after the horizon that do not end have no chance."""
    found = []
    minutes = case.horizon.minutes
    for order in limited(case):
        ends = [outcome.completion.get(order.id) for outcome in outcomes]
        due = case.horizon.to_minutes(order.due_date)
        if order.id not in outcomes[0].completion or (due > minutes and None in ends):
            continue
        share = wilson_interval(sum(is_on_time(e, due, minutes) for e in ends), len(ends))
        limit = case.demands.risk[order.customer_class]
        found.append(OrderRisk(order.id, order.customer_class, limit, share))
    return found


def within_risk(
    case: Case,
    schedule: Schedule,
    problem: Callable[[], Problem],
    *,
    simulate: Simulate,
    replan: Replan,
    delays_of: DelaysOf,
) -> Schedule:
    """The plan, or one made again in which more orders keep their limits; its note says which.

    Among plans the one with fewer orders below their limit is better, then the one whose lowest
    chances are higher; cost has been looked after before.
    """
    if not limited(case):
        return schedule
    best, outcomes = schedule, simulate(schedule)
    found = risks(case, outcomes)
    margins: dict[str, float] = {}
    for number in range(ROUNDS):
        if all(one.is_kept for one in found):
            break
        _widen(margins, case, found, outcomes)
        hurried = _hurried(case)
        late = _delays(case, delays_of(case, best, outcomes), margins)
        tried = _valued(problem(), replan(hurried, late, best, number))
        if tried is None or broken_demands(tried, case.orders, case.demands):
            break
        then = simulate(tried)
        if _shortfall(risks(case, then)) < _shortfall(found):
            best, outcomes, found = tried, then, risks(case, then)
    return replace(best, bound=schedule.bound, note=_joined(schedule.note, risk_words(found)))


def _shortfall(found: Iterable[OrderRisk]) -> tuple[int, float]:
    """Orders below their limits, and by how much in all."""
    below = [one.limit - one.on_time.mean for one in found if not one.is_kept]
    return len(below), sum(below)


def _widen(
    margins: dict[str, float],
    case: Case,
    found: Sequence[OrderRisk],
    outcomes: Sequence[Outcome],
) -> None:
    """Time that each order below its limit lacks in the replication that would just be in time."""
    for one in found:
        if one.is_kept:
            continue
        due = case.horizon.to_minutes(case.orders[one.order].due_date)
        end = float(case.horizon.minutes)
        ends = sorted(
            end if (t := outcome.completion.get(one.order)) is None else t for outcome in outcomes
        )
        lacking = ends[min(ceil(one.limit * len(ends)), len(ends) - 1)] - due
        margins[one.order] = margins.get(one.order, 0.0) + max(lacking, 60.0)


def _hurried(case: Case) -> Case:
    """Every order with a limit weighs more, or one would be helped at the expense of another."""
    rows = (
        replace(order, weight=max(order.weight, 1.0) * HASTE)
        if order.customer_class in case.demands.risk
        else order
        for order in case.orders
    )
    return replace(case, orders=OrderBook(tuple(rows)))


def _delays(
    case: Case, found: dict[str, tuple[float, ...]], margins: Mapping[str, float]
) -> dict[str, tuple[float, ...]]:
    """Delays as rehearsed; an order below its limit is always as late as in its bad luck."""
    for order, margin in margins.items():
        if order in found:
            limit = case.demands.risk[case.orders[order].customer_class]
            bad = found[order][min(ceil(limit * len(found[order])), len(found[order]) - 1)]
            found[order] = (max(bad, 0.0) + 0.25 * margin,)
    return found


def _valued(problem: Problem, schedule: Schedule) -> Schedule | None:
    """The plan with what it costs at the true weights; None where it does not fit the problem."""
    plan = taken_up(settled(problem), schedule)
    if plan is None:
        return None
    return to_schedule(
        Account(plan), status=schedule.status, solver=schedule.solver, note=schedule.note
    )


def risk_words(found: Sequence[OrderRisk]) -> str:
    """Which limits are kept and which are not, with chances and intervals."""
    if not found:
        return ""
    below = [one for one in found if not one.is_kept]
    if not below:
        sure = sum(one.is_sure for one in found)
        return (
            f"risk limits: all {len(found)} orders keep theirs, {sure} of them surely "
            f"({found[0].on_time.level:.0%} intervals)"
        )
    told = ", ".join(
        f"{one.order} (class {one.customer_class}) {one.on_time.mean:.0%} "
        f"[{one.on_time.low:.0%} to {one.on_time.high:.0%}] of {one.limit:.0%}"
        for one in sorted(below, key=lambda one: one.on_time.mean)
    )
    return (
        f"risk limits: {len(found) - len(below)} of {len(found)} orders keep theirs; "
        f"below: {told}; noria why says what would help them"
    )


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
