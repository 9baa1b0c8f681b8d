"""The timing of given orders of work is exact: it equals slower methods that try everything."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator

import numpy as np
import pytest

from solvers.lines.bill import bill_of, change_of, power_of, tardiness_of
from solvers.lines.check import check
from solvers.lines.problem import (
    NEVER,
    OFF,
    Line,
    LinePlan,
    LineProblem,
    Order,
    Site,
    Stretch,
    Task,
    Transition,
    Way,
)
from solvers.lines.timing import Sequences, Timing, sequences_of
from tests.solvers.lines.drawn import DEAR_FEED_IN, FEATURES, drawn_case
from twin.errors import NoriaError
from twin.model.horizon import Array


def least_cost(problem: LineProblem, plan: LinePlan, line: int, peak_kw: float) -> float:
    """Least cost of a line's items in their order, the other lines staying: slot by slot.

    Every slot begins with one thing of all that the line can do then; nothing is left out.
    """
    others = [s for s in plan.stretches if s.line != line]
    net = problem.site.base_kw + power_of(problem, others) - problem.site.generation_kw
    items = sequences_of(problem, plan)[line]
    this, slots = problem.lines[line], problem.slots
    least = np.full((slots + 1, len(items) + 1, this.modes), NEVER)
    for m in range(this.modes):
        if this.last_mode in (None, m):
            least[slots, -1, m] = 0.0
    for t in range(slots, this.ready - 1, -1):
        for k in range(len(items), -1, -1):
            for m in range(this.modes):
                for cost, length, k_after, m_after in things(problem, others, line, items, t, k, m):
                    if length and t + length <= slots:
                        after = least[t + length, k_after, m_after]
                        if after < NEVER:
                            power = power_cost(problem, net, peak_kw, t, cost[1])
                            least[t, k, m] = min(least[t, k, m], after + cost[0] + power)
            for _ in range(this.modes):
                for way in this.transitions:
                    if not way.slots:
                        through = least[t, k, way.end] + way.fee
                        least[t, k, way.start] = min(least[t, k, way.start], through)
    return float(least[this.ready, 0, this.first_mode])


def things(
    problem: LineProblem,
    others: list[Stretch],
    line: int,
    items: tuple[int, ...],
    t: int,
    k: int,
    m: int,
) -> Iterator[tuple[tuple[float, list[float]], int, int, int]]:
    """Whatever can begin in slot t: (own cost, power by slot), slots, items done, mode after."""
    this = problem.lines[line]
    if this.hold_kw[m] < NEVER:
        yield (0.0, [this.hold_kw[m]]), 1, k, m
    for way in this.transitions:
        if way.start == m and (not way.needs_shift or this.is_open[t : t + way.slots].all()):
            yield (way.fee, [way.power_kw] * way.slots), way.slots, k, way.end
    if k == len(items):
        return
    if items[k] >= 0:
        order = problem.orders[items[k]]
        made = order.way_on(line)
        assert made is not None
        end = t + made.slots
        is_late = order.deadline is not None and end > order.deadline
        is_elsewhere = order.is_frozen and order.planned != (line, t)
        is_open = bool(this.is_open[t:end].all())
        if made.mode == m and t >= order.release and is_open and not (is_late or is_elsewhere):
            own = tardiness_of(order, end) + change_of(order, line, t)
            yield (own, [kw for n, kw in made.runs for _ in range(n)]), made.slots, k + 1, m
        return
    task = problem.tasks[~items[k]]
    end = t + task.slots
    is_inside = t >= task.earliest and end <= min(task.latest_end, problem.slots)
    is_manned = all(is_crew_free(problem, others, task, slot) for slot in range(t, end))
    if task.mode == m and is_inside and is_manned:
        own = task.deferral[t] if task.deferral else 0.0
        yield (own, [task.power_kw] * task.slots), task.slots, k + 1, m


def is_crew_free(problem: LineProblem, others: list[Stretch], task: Task, slot: int) -> bool:
    busy = sum(
        s.kind == "task" and problem.tasks[s.index].crew == task.crew and s.start <= slot < s.end
        for s in others
    )
    crews = problem.site.crews
    return not crews or slot >= problem.slots or bool(busy < crews[task.crew][slot])


def power_cost(
    problem: LineProblem, net: Array, peak_kw: float, t: int, powers: list[float]
) -> float:
    """What these powers, slot by slot from t, add to the cost of the site [currency]."""
    site = problem.site

    def cost(slot: int, kw: float) -> float:
        if kw > site.contract_kw * (1 + 1e-9):
            return NEVER
        money = site.rate[slot] * max(kw, 0) - site.feed_in_per_kwh * max(-kw, 0)
        over = site.demand_charge_per_kw * max(kw - peak_kw, 0)
        return float(money * problem.slot_hours + over)

    return sum(
        cost(t + n, net[t + n] + kw) - cost(t + n, net[t + n]) for n, kw in enumerate(powers)
    )


CASES = [
    *((seed, FEATURES) for seed in range(24)),
    *((seed, FEATURES | {DEAR_FEED_IN}) for seed in range(100, 104)),
    *((seed, FEATURES - {"ends", "sleep"}) for seed in range(200, 208)),
    *((seed, frozenset()) for seed in range(300, 304)),
]


@pytest.mark.parametrize(("seed", "features"), CASES)
def test_the_timing_of_a_line_equals_trying_everything(seed: int, features: frozenset[str]) -> None:
    problem, found = drawn_case(seed, orders=5, slots=30, features=features)
    problem = dataclasses.replace(problem, carbon_cap_kg=NEVER)
    timing = Timing(problem)
    plan = timing.plan(sequences_of(problem, found))
    assert check(problem, plan) == []
    peak_kw = timing.search.values()[2]
    for line in range(len(problem.lines)):
        expected = least_cost(problem, plan, line, peak_kw)
        assert timing.search.timed(line) == pytest.approx(expected, rel=1e-9, abs=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_a_change_timed_from_the_tables_equals_timing_the_whole_line(seed: int) -> None:
    problem, found = drawn_case(seed, orders=6, slots=34, features=FEATURES - {"carbon_cap"})
    timing = Timing(problem)
    timing.plan(sequences_of(problem, found))
    draw = random.Random(seed)
    for line, own in enumerate(timing.search.sequences()):
        others = [
            j
            for j, order in enumerate(problem.orders)
            if j not in own and order.way_on(line) is not None
        ]
        for _ in range(10):
            first, last = sorted(draw.sample(range(len(own) + 1), 2)) if own else (0, 0)
            inside = own[first:last]
            draw.shuffle(inside)
            if len(inside) == 1:
                inside = draw.choice([[], [draw.choice(others)]]) if others else []
            timing.search.timed(line)
            changed = timing.search.cost_if(line, first, inside, last)
            whole = timing.search.cost_as_if(line, own[:first] + inside + own[last:])
            assert changed == pytest.approx(whole, rel=1e-9, abs=1e-4)


Course = tuple[Stretch, ...]


def every_course(problem: LineProblem, items: tuple[int, ...]) -> Iterator[Course]:
    """Everything the only line can do from the first slot to the last, in every way."""
    line = problem.lines[0]

    def go_on(t: int, mode: int, k: int, done: Course) -> Iterator[Course]:
        if t > problem.slots:
            return
        if t == problem.slots:
            if k == len(items) and mode == line.last_mode:
                yield done
            return
        yield from go_on(t + 1, mode, k, (*done, Stretch(0, t, t + 1, "hold", mode)))
        for n, way in enumerate(line.transitions):
            if way.start == mode and (not way.needs_shift or line.is_open[t : t + way.slots].all()):
                end = t + way.slots
                yield from go_on(end, way.end, k, (*done, Stretch(0, t, end, "transition", n)))
        if k < len(items):
            way_made = problem.orders[items[k]].ways[0]
            end = t + way_made.slots
            if way_made.mode == mode and line.is_open[t:end].all() and end <= problem.slots:
                yield from go_on(end, mode, k + 1, (*done, Stretch(0, t, end, "order", items[k])))

    return go_on(0, line.first_mode, 0, ())


def tiny(demand_charge: float = 2.0, **changes: object) -> LineProblem:
    """One line, two families, two orders, nine slots with one closed, a peak to pay for."""
    ways = (
        Transition(OFF, 1, 1, 5.0), Transition(OFF, 2, 1, 5.0),
        Transition(1, OFF, 1, 2.0, needs_shift=False),
        Transition(2, OFF, 1, 2.0, needs_shift=False),
        Transition(1, 2, 1, 3.0, fee=1.0), Transition(2, 1, 1, 3.0, fee=1.0),
    )  # fmt: skip
    line = Line("A", np.array([1, 1, 1, 1, 0, 1, 1, 1, 1], dtype=bool), (0.0, 1.0, 1.0), ways)
    orders = (
        Order("a", (Way(0, 1, ((1, 9.0), (1, 6.0))),), due=4, tardiness=1.5),
        Order("b", (Way(0, 2, ((1, 7.0),)),), due=9),
    )
    site = Site(
        price_per_kwh=np.array([0.1, 0.3, 0.6, 0.2, 0.1, 0.4, 0.2, 0.3, 0.1]),
        carbon_intensity=np.zeros(9),
        carbon_price_per_t=0.0,
        base_kw=np.array([4.0, 0.0, 3.0, 6.0, 5.0, 1.0, 7.0, 2.0, 0.0]),
        generation_kw=np.zeros(9),
        demand_charge_per_kw=demand_charge,
    )
    return dataclasses.replace(LineProblem("tiny", 1.0, 9, (line,), orders, (), site), **changes)


@pytest.mark.parametrize("sequence", [(0, 1), (1, 0)])
@pytest.mark.parametrize("demand_charge", [0.0, 0.05, 2.0])
def test_the_best_peak_target_gives_the_least_bill_of_all_courses(
    sequence: tuple[int, ...], demand_charge: float
) -> None:
    problem = tiny(demand_charge)
    least = min(bill_of(problem, course).total for course in every_course(problem, sequence))
    timing = Timing(problem)
    bills = [timing.plan((sequence,), peak_kw=k / 2).bill.total for k in range(10, 40)]
    assert min(bills) == pytest.approx(least)


def test_orders_for_which_a_line_has_no_time_are_named() -> None:
    problem = tiny()
    assert Timing(problem).plan(((0, 1),)).unplaced == ()
    late = dataclasses.replace(problem.orders[1], release=8)
    plan = Timing(dataclasses.replace(problem, orders=(problem.orders[0], late))).plan(((0, 1),))
    assert plan.unplaced == (1,)


def test_an_item_that_stands_twice_is_a_wrong_call() -> None:
    with pytest.raises(ValueError, match="twice"):
        Timing(tiny()).plan(((0, 1, 0),))


def test_a_task_without_time_is_an_error_that_names_it() -> None:
    problem = tiny(tasks=(Task("oil", 0, 3, 0, 2),))
    with pytest.raises(NoriaError, match="oil"):
        Timing(problem).plan(((0, 1, ~0),))


def test_a_line_that_cannot_reach_its_last_mode_is_an_error() -> None:
    problem = tiny()
    stuck = dataclasses.replace(problem.lines[0], transitions=problem.lines[0].transitions[2:])
    with pytest.raises(NoriaError, match="first mode"):
        Timing(dataclasses.replace(problem, lines=(dataclasses.replace(stuck, last_mode=1),))).plan(
            ((),)
        )


def test_sequences_are_read_from_a_plan_and_give_it_back() -> None:
    problem, found = drawn_case(3, orders=6)
    sequences: Sequences = sequences_of(problem, found)
    plan = Timing(problem).plan(sequences)
    assert sequences_of(problem, plan) == sequences
    assert plan.bill.total <= found.bill.total + 1e-6 or problem.carbon_cap_kg < NEVER
