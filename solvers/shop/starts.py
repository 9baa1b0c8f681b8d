"""First schedules: by dispatching, and by mixing two schedules that the search has found."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random

import numpy as np

from solvers.shop.tables import Ints, Tables


@dataclass(frozen=True)
class Sequence:
    """A schedule as the search takes it."""

    order: Ints
    """(N,) operations, each behind those before it in its job and on its machine."""
    choice: Ints
    """(N,) alternative of each operation."""


@dataclass(frozen=True)
class Elite:
    """A good schedule, and where in time its operations stand."""

    makespan: int
    sequence: Sequence
    middle: Ints
    """(N,) earliest plus latest start of each operation, which keep the makespan."""
    before: Ints
    """(N,) operation before each on its machine; where there is none, -1 - machine."""


def dispatched(tables: Tables, random: Random, noise: float) -> Sequence:
    """A schedule made by dispatching: what can start first goes first, most work remaining first.

    The work remaining is multiplied by numbers drawn between 1 - noise and 1 + noise. An operation
    goes to the machine where it ends first.
    """
    remaining = _work_remaining(tables)
    machine_free = [0] * tables.problem.machines
    order: list[int] = []
    choice = np.zeros(tables.operations, np.int64)
    waiting: list[tuple[int, float, int, int]] = []
    machines, times = tables.machine.tolist(), tables.time.tolist()
    first_choice, after = tables.choices_from.tolist(), tables.job_after.tolist()

    def best(x: int, ready: int) -> tuple[int, float, int]:
        """End, a drawn number to break ties, and alternative."""
        return min(
            (max(ready, machine_free[machines[c]]) + times[c], random.random(), c)
            for c in range(first_choice[x], first_choice[x + 1])
        )

    def wait(x: int, ready: int) -> None:
        end, _, c = best(x, ready)
        priority = -remaining[x] * (1 + noise * (2 * random.random() - 1))
        heapq.heappush(waiting, (end - times[c], priority, x, ready))

    for x in tables.last_of_job:
        first = int(np.searchsorted(tables.job, tables.job[x]))
        wait(first, 0)
    while waiting:
        start, priority, x, ready = heapq.heappop(waiting)
        end, _, c = best(x, ready)
        if end - times[c] > start:
            heapq.heappush(waiting, (end - times[c], priority, x, ready))
            continue
        machine_free[machines[c]] = end
        choice[x] = c
        order.append(x)
        if after[x] < tables.operations:
            wait(after[x], end)
    return Sequence(np.array(order, np.int64), choice)


def difference(one: Elite, other: Elite) -> float:
    """Share of the operations that have not the same neighbour before them on their machine."""
    return float(np.mean(one.before != other.before))


def before_on_machine(tables: Tables, sequence: Sequence) -> Ints:
    """(N,) operation before each on its machine; where there is none, -1 - machine."""
    machine = tables.machine[sequence.choice[sequence.order]]
    by_machine = np.argsort(machine, kind="stable")
    operations, machine = sequence.order[by_machine], machine[by_machine]
    before = np.empty(len(operations), np.int64)
    before[operations[0]] = -1 - machine[0]
    same = machine[1:] == machine[:-1]
    before[operations[1:]] = np.where(same, operations[:-1], -1 - machine[1:])
    return before


def _work_remaining(tables: Tables) -> list[int]:
    """Shortest time of each operation and those behind it in its job."""
    remaining: list[int] = tables.shortest().tolist()
    for x in range(tables.operations - 2, -1, -1):
        if tables.job_after[x] == x + 1:
            remaining[x] += remaining[x + 1]
    return remaining


def mixed(one: Elite, other: Elite, percent: int, random: Random) -> Sequence:
    """A schedule between two: operations by the mean of where they stand in both.

    ``percent`` is the weight of the other. Two operations of one machine that both schedules have
    in the same sequence keep it, unless the middle of their times says otherwise in both; the
    operations of a job keep theirs because both means grow along it.
    """
    own = 100 - percent
    middle = own * one.middle + percent * other.middle
    order = np.lexsort((own * _ranks(one) + percent * _ranks(other), middle))
    count = len(order)
    from_other = np.array([random.random() * 100 < percent for _ in range(count)])
    return Sequence(order, np.where(from_other, other.sequence.choice, one.sequence.choice))


def _ranks(elite: Elite) -> Ints:
    ranks = np.empty(len(elite.sequence.order), np.int64)
    ranks[elite.sequence.order] = np.arange(len(ranks))
    return ranks
