"""The best plan of a tiny problem by trying all of them, straight from the words of the nouns.

Plans of a line that do the same orders and tasks with the same power in every slot are kept once,
the cheapest. No network, no solver, no timing of the product is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np

from solvers.lines.bill import change_of, tardiness_of
from solvers.lines.problem import NEVER, LineProblem

Done = tuple[frozenset[int], tuple[tuple[int, int], ...]]
"""Orders made; tasks done with their starts."""
Profiles = dict[tuple[float, ...], float]
"""Least fixed cost by power in each slot."""


class Step(NamedTuple):
    """Something a line may begin in a slot."""

    slots: int
    mode: int
    power_kw: tuple[float, ...]
    fixed: float
    done: Done


def least_value(problem: LineProblem) -> float | None:
    """Value of the best plan that makes all orders; None where there is none."""
    best = None
    for lines in product(*(_line_plans(problem, n).items() for n in range(len(problem.lines)))):
        if _is_complete(problem, [done for done, _ in lines]):
            value = _least_of(problem, [profiles for _, profiles in lines])
            best = value if best is None else min(best, value)
    return None if best is None or best == NEVER else best


def _line_plans(problem: LineProblem, number: int) -> dict[Done, Profiles]:
    """All that a line can do in the horizon."""
    line, slots = problem.lines[number], problem.slots
    layers: list[dict[tuple[int, Done], Profiles]] = [{} for _ in range(slots + 1)]
    nothing: Done = (frozenset(), ())
    layers[min(line.ready, slots)][line.first_mode, nothing] = {(0.0,) * slots: 0.0}
    for t, layer in enumerate(layers):
        waiting = list(layer)
        while waiting:
            mode, done = waiting.pop()
            for step in list(_steps(problem, number, t, mode, done)):
                target = layers[t + step.slots].setdefault((step.mode, step.done), {})
                if _merge(target, layer[mode, done], t, step) and not step.slots:
                    waiting.append((step.mode, step.done))
    plans: dict[Done, Profiles] = {}
    for (mode, done), profiles in layers[slots].items():
        if line.last_mode in (None, mode):
            merged = plans.setdefault(done, {})
            for power, fixed in profiles.items():
                merged[power] = min(merged.get(power, NEVER), fixed)
    return plans


def _merge(target: Profiles, profiles: Profiles, t: int, step: Step) -> bool:
    """Add what a step makes of some profiles; true if any is new or cheaper."""
    is_new = False
    for power, fixed in list(profiles.items()):
        made = power[:t] + step.power_kw + power[t + step.slots :]
        if fixed + step.fixed < target.get(made, NEVER):
            target[made], is_new = fixed + step.fixed, True
    return is_new


def _steps(problem: LineProblem, number: int, t: int, mode: int, done: Done) -> Iterator[Step]:
    line, left = problem.lines[number], problem.slots - t
    orders, tasks = done
    if left and line.hold_kw[mode] < NEVER:
        yield Step(1, mode, (line.hold_kw[mode],), 0.0, done)
    for k in line.transitions:
        is_manned = not k.needs_shift or line.is_open[t : t + k.slots].all()
        if k.start == mode and k.slots <= left and is_manned:
            yield Step(k.slots, k.end, (k.power_kw,) * k.slots, k.fee, done)
    for j, order in enumerate(problem.orders):
        way = order.way_on(number)
        if way is None or j in orders or way.mode != mode or t < order.release or way.slots > left:
            continue
        end = t + way.slots
        is_late = order.deadline is not None and end > order.deadline
        is_moved = order.is_frozen and order.planned != (number, t)
        if is_late or is_moved or not line.is_open[t:end].all():
            continue
        power = tuple(kw for slots, kw in way.runs for _ in range(slots))
        fixed = tardiness_of(order, end) + change_of(order, number, t)
        yield Step(way.slots, mode, power, fixed, (orders | {j}, tasks))
    for q, task in enumerate(problem.tasks):
        is_done = q in dict(tasks)
        fits = task.earliest <= t and t + task.slots <= min(task.latest_end, problem.slots)
        if task.line == number and task.mode == mode and fits and not is_done:
            fixed = task.deferral[t] if task.deferral else 0.0
            after = (orders, tuple(sorted((*tasks, (q, t)))))
            yield Step(task.slots, mode, (task.power_kw,) * task.slots, fixed, after)


def _is_complete(problem: LineProblem, done: list[Done]) -> bool:
    """Every order once, every task once, no crew overworked."""
    orders = [j for made, _ in done for j in made]
    tasks = [task for _, own in done for task in own]
    if sorted(orders) != list(range(len(problem.orders))) or len(tasks) != len(problem.tasks):
        return False
    for crew, size in enumerate(problem.site.crews):
        busy = np.zeros(problem.slots)
        for q, start in tasks:
            if problem.tasks[q].crew == crew:
                busy[start : start + problem.tasks[q].slots] += 1
        if (busy > size).any():
            return False
    return True


def _least_of(problem: LineProblem, lines: list[Profiles]) -> float:
    """Least value over all combinations of profiles; infinite if all break contract or cap."""
    power, fixed = np.zeros((1, problem.slots)), np.zeros(1)
    for profiles in lines:
        own = np.array(list(profiles))
        power = (power[:, None] + own[None]).reshape(-1, problem.slots)
        fixed = (fixed[:, None] + np.array(list(profiles.values()))[None]).ravel()
    site, hours = problem.site, problem.slot_hours
    idle = site.base_kw - site.generation_kw
    bought = np.maximum(idle + power, 0.0)
    added = (bought - np.maximum(idle, 0.0)) * hours
    sold = (np.maximum(-idle - power, 0.0) - np.maximum(-idle, 0.0)) * hours
    peak = bought.max(axis=1)
    demand = site.demand_charge_per_kw * np.maximum(peak - site.peak_incurred_kw, 0.0)
    value = added @ site.rate - site.feed_in_per_kwh * sold.sum(axis=1) + demand + fixed
    is_allowed = (peak <= site.contract_kw + 1e-9) & (
        added @ site.carbon_intensity <= problem.carbon_cap_kg + 1e-9
    )
    return float(value[is_allowed].min(initial=NEVER))
