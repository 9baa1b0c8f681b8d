"""A shop: jobs that go through machines, operation by operation, and a schedule of them.

Each operation is worked without interruption on one of its alternatives; a machine works one
operation at a time, the operations of a job follow each other, and everything is ready at time 0.
With one alternative each this is the job shop, otherwise the flexible job shop. The objective is
the makespan C_max, the time when the last operation ends. Times are whole numbers of any one unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Alternative:
    """One way to work an operation."""

    machine: int
    """Number of the machine, from 0."""
    time: int
    """Processing time p on this machine, 0 or more."""


@dataclass(frozen=True)
class Operation:
    """A step of a job; any one of its alternatives will do."""

    alternatives: tuple[Alternative, ...]

    @property
    def shortest(self) -> int:
        """Shortest processing time of all alternatives."""
        return min(a.time for a in self.alternatives)


@dataclass(frozen=True)
class Problem:
    """Jobs as sequences of operations, and how many machines there are."""

    name: str
    machines: int
    jobs: tuple[tuple[Operation, ...], ...]

    @cached_property
    def operations(self) -> int:
        """Number of operations of all jobs."""
        return sum(len(job) for job in self.jobs)

    @property
    def is_flexible(self) -> bool:
        """Whether any operation may choose its machine."""
        return any(len(operation.alternatives) > 1 for _, _, operation in self.each())

    def each(self) -> Iterator[tuple[int, int, Operation]]:
        """Job, step and operation, job by job."""
        for j, job in enumerate(self.jobs):
            for i, operation in enumerate(job):
                yield j, i, operation


@dataclass(frozen=True)
class Work:
    """An operation in a schedule: which one, where and when."""

    job: int
    step: int
    machine: int
    start: int
    end: int


@dataclass(frozen=True)
class Schedule:
    """When and where each operation is worked."""

    works: tuple[Work, ...]

    @property
    def makespan(self) -> int:
        """Time when the last operation ends, C_max."""
        return max((work.end for work in self.works), default=0)
