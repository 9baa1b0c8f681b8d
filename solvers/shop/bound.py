"""Lower bounds of the makespan, from relaxations that a computer solves in a moment.

No schedule is shorter than its longest job, than what a machine has to do between the earliest
arrival and the shortest way out, or than what the machines of a flexible shop have to do together.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from solvers.shop.problem import Problem


@dataclass(frozen=True)
class Task:
    """An operation alone on a machine: head r, processing time p and tail q (Carlier 1982)."""

    head: int
    """Shortest time of what comes before it in its job."""
    time: int
    tail: int
    """Shortest time of what comes behind it in its job."""


def lower_bound(problem: Problem) -> int:
    """The longest job, or the longest one-machine relaxation if that is longer.

    An operation counts on a machine only if it can be worked nowhere else.
    """
    return max([0, *_job_lengths(problem), *map(preemptive_makespan, bound_tasks(problem))])


def _job_lengths(problem: Problem) -> list[int]:
    return [sum(operation.shortest for operation in job) for job in problem.jobs]


def bound_tasks(problem: Problem) -> list[list[Task]]:
    """Of each machine the operations that can be worked nowhere else."""
    tasks: list[list[Task]] = [[] for _ in range(problem.machines)]
    for job in problem.jobs:
        head, tail = 0, sum(operation.shortest for operation in job)
        for operation in job:
            tail -= operation.shortest
            machines = {a.machine for a in operation.alternatives}
            if len(machines) == 1:
                tasks[machines.pop()].append(Task(head, operation.shortest, tail))
            head += operation.shortest
    return tasks


def preemptive_makespan(tasks: Sequence[Task]) -> int:
    """Least makespan on one machine if tasks may be interrupted, by Jackson's rule (1955).

    The machine always works the task with the longest tail of those that have arrived.

    >>> preemptive_makespan([Task(0, 4, 0), Task(1, 2, 5)])
    8
    """
    arrivals = sorted(tasks, key=lambda task: task.head)
    waiting: list[tuple[int, int]] = []
    longest = now = at = 0
    while at < len(arrivals) or waiting:
        if not waiting:
            now = max(now, arrivals[at].head)
        while at < len(arrivals) and arrivals[at].head <= now:
            heapq.heappush(waiting, (-arrivals[at].tail, arrivals[at].time))
            at += 1
        tail, time = heapq.heappop(waiting)
        worked = min(time, arrivals[at].head - now) if at < len(arrivals) else time
        now += worked
        if worked < time:
            heapq.heappush(waiting, (tail, time - worked))
        longest = max(longest, now - tail)
    return longest
