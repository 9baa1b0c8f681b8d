"""A first plan: every task and order at its best place, one after the other."""

from __future__ import annotations

import random

from solvers.lines.problem import LineProblem
from solvers.lines.timing import Sequences, Timing


def construct(problem: LineProblem, seed: int = 0) -> tuple[Sequences, tuple[int, ...]]:
    """Orders of work of a first plan, and the orders that found no place in it.

    Tasks come first, then orders by due date; seeds other than 0 shake the due dates a little. Each
    goes to the line and place where it adds least, exactly timed. In a week that is nearly full an
    order may find no place here and still find one in the search.
    """
    timing = Timing(problem, is_strict=False)
    timing.begin()
    unplaced = build(timing, seed)
    return timing.sequences(), tuple(j for j in unplaced if j < len(problem.orders))


def build(timing: Timing, seed: int, items: list[int] | None = None) -> list[int]:
    """Place items of a search that has begun, by default all; those that found no place."""
    problem = timing.problem
    if items is None:
        items = in_turn(problem, seed)
    return [item for item in items if not timing.search.place(item)]


def in_turn(problem: LineProblem, seed: int) -> list[int]:
    """Frozen orders, tasks, orders by deadline and due date; as the kernel numbers them."""
    draw = random.Random(f"{seed}/construct")
    shake = 0.05 * problem.slots if seed else 0.0
    orders = len(problem.orders)
    tasks = sorted(range(len(problem.tasks)), key=lambda q: problem.tasks[q].latest_end)

    def urgency(j: int) -> tuple[bool, float]:
        order = problem.orders[j]
        date = order.due if order.tardiness else problem.slots
        if order.deadline is not None:
            date = min(date, order.deadline)
        return not order.is_frozen, date + shake * draw.random()

    by_urgency = sorted(range(orders), key=urgency)
    frozen = [j for j in by_urgency if problem.orders[j].is_frozen]
    return frozen + [orders + q for q in tasks] + by_urgency[len(frozen) :]
