"""What the stretches of a plan cost, counted slot by slot from nothing but the problem."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from solvers.lines.problem import MOVED_SLOTS, Bill, LineProblem, Order, Site, Stretch
from twin.model.horizon import Array


def bill_of(problem: LineProblem, stretches: Iterable[Stretch]) -> Bill:
    """The bill of a plan, whatever made it; orders without a place cost nothing here."""
    stretches = tuple(stretches)
    site, hours = problem.site, problem.slot_hours
    power = power_of(problem, stretches)
    net = site.base_kw + power - site.generation_kw
    idle = site.base_kw - site.generation_kw
    added = (np.maximum(net, 0.0) - np.maximum(idle, 0.0)) * hours
    sold = (np.maximum(-net, 0.0) - np.maximum(-idle, 0.0)) * hours
    carbon = float((added * site.carbon_intensity).sum())
    peak = float(np.maximum(net, 0.0).max(initial=0.0))
    lines, tasks, orders = problem.lines, problem.tasks, problem.orders
    return Bill(
        energy=float((added * site.price_per_kwh).sum()) - site.feed_in_per_kwh * float(sold.sum()),
        carbon=carbon * site.carbon_price_per_t / 1000,
        demand=demand_of(site, peak),
        fees=sum(
            lines[s.line].transitions[s.index].fee for s in stretches if s.kind == "transition"
        ),
        tardiness=sum(tardiness_of(orders[s.index], s.end) for s in stretches if s.kind == "order"),
        deferral=sum(
            tasks[s.index].deferral[s.start]
            for s in stretches
            if s.kind == "task" and tasks[s.index].deferral
        ),
        changes=sum(
            change_of(orders[s.index], s.line, s.start) for s in stretches if s.kind == "order"
        ),
        energy_kwh=float(power.sum()) * hours,
        carbon_kg=carbon,
        peak_kw=peak,
    )


def power_of(problem: LineProblem, stretches: Iterable[Stretch]) -> Array:
    """Power of all lines in each slot, (T,) [kW]."""
    power = np.zeros(problem.slots)
    for s in stretches:
        at = s.start
        for slots, power_kw in runs_of(problem, s):
            power[at : at + slots] += power_kw
            at += slots
    return power


def runs_of(problem: LineProblem, s: Stretch) -> tuple[tuple[int, float], ...]:
    """Power of a stretch as consecutive (slots, power [kW])."""
    line = problem.lines[s.line]
    if s.kind == "order":
        way = problem.orders[s.index].way_on(s.line)
        return way.runs if way else ()
    if s.kind == "task":
        power_kw = problem.tasks[s.index].power_kw
    elif s.kind == "transition":
        power_kw = line.transitions[s.index].power_kw
    else:
        power_kw = line.hold_kw[s.index]
    return ((s.end - s.start, power_kw),)


def tardiness_of(order: Order, end: int) -> float:
    """Cost of an order's completion at the end of slot ``end`` − 1 [currency]."""
    return order.tardiness * max(end - order.due, 0)


def change_of(order: Order, line: int, start: int) -> float:
    """Cost of another place than the last plan gave an order [currency]."""
    if order.planned is None or not order.move_cost:
        return 0.0
    was_on, was_at = order.planned
    is_moved = line != was_on or abs(start - was_at) > MOVED_SLOTS
    return order.move_cost if is_moved else 0.0


def demand_of(site: Site, peak_kw: float) -> float:
    """Demand charge of a peak beyond the one already incurred [currency]."""
    return site.demand_charge_per_kw * max(peak_kw - site.peak_incurred_kw, 0.0)
