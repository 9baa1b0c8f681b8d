"""The shop as arrays for the search, and its answer as a schedule again.

Operations are numbered job by job, alternatives operation by operation. Arrays of operations have
two places more, for the start and the end of every job.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from solvers.shop.problem import Problem, Schedule, Work

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """Arrays of N operations, A alternatives and M machines."""

    problem: Problem
    job: Ints
    """(N,) job of each operation."""
    job_before: Ints
    """(N + 2,) operation before in the job; N where there is none."""
    job_after: Ints
    """(N + 2,) operation behind in the job; N + 1 where there is none."""
    last_of_job: Ints
    """Last operation of each job that has any."""
    choices_from: Ints
    """(N + 1,) where the alternatives of each operation begin."""
    machine: Ints
    """(A,) machine of each alternative."""
    time: Ints
    """(A,) processing time of each alternative."""
    queue_from: Ints
    """(M + 1,) running sum of the operations that each machine can work."""

    @property
    def operations(self) -> int:
        return len(self.job)

    def shortest(self) -> Ints:
        """(N,) shortest processing time of each operation."""
        return np.minimum.reduceat(self.time, self.choices_from[:-1])


def tables_of(problem: Problem) -> Tables:
    """Number the operations and alternatives of a shop."""
    counts = [len(job) for job in problem.jobs]
    total = sum(counts)
    operations = [operation for _, _, operation in problem.each()]
    alternatives = [a for operation in operations for a in operation.alternatives]
    first = np.array([0, *accumulate(counts)], np.int64)[:-1][np.array(counts) > 0]
    last = np.array(list(accumulate(counts)), np.int64)[np.array(counts) > 0] - 1
    before, after = np.arange(-1, total + 1), np.arange(1, total + 3)
    before[first], after[last] = total, total + 1
    can = np.zeros(problem.machines + 1, np.int64)
    for operation in operations:
        for machine in {a.machine for a in operation.alternatives}:
            can[machine + 1] += 1
    return Tables(
        problem,
        job=np.repeat(np.arange(len(counts)), counts),
        job_before=before,
        job_after=after,
        last_of_job=last,
        choices_from=np.array(
            [0, *accumulate(len(operation.alternatives) for operation in operations)], np.int64
        ),
        machine=np.array([a.machine for a in alternatives], np.int64),
        time=np.array([a.time for a in alternatives], np.int64),
        queue_from=np.cumsum(can),
    )


def schedule_of(tables: Tables, order: Ints, choice: Ints) -> Schedule:
    """The schedule in which each operation starts as soon as the order allows.

    ``order`` lists the operations, each behind those before it in its job and on its machine;
    ``choice`` gives the alternative of each.
    """
    job_free = [0] * len(tables.problem.jobs)
    machine_free = [0] * tables.problem.machines
    steps = [i for _, i, _ in tables.problem.each()]
    works = []
    for x in order.tolist():
        j, c = int(tables.job[x]), int(choice[x])
        k, time = int(tables.machine[c]), int(tables.time[c])
        start = max(job_free[j], machine_free[k])
        job_free[j] = machine_free[k] = start + time
        works.append(Work(j, steps[x], k, start, start + time))
    return Schedule(tuple(sorted(works, key=lambda work: (work.job, work.step))))
