"""Judges a schedule of a shop from the schedule and the shop alone; it knows no solver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from solvers.shop.problem import Problem, Schedule, Work


def faults(problem: Problem, schedule: Schedule) -> list[str]:
    """Everything in which a schedule breaks the rules of its shop; empty if it keeps them all."""
    present = [work for work in schedule.works if _is_known(problem, work)]
    found = [
        f"{_name(work)}: the shop has no such operation"
        for work in schedule.works
        if not _is_known(problem, work)
    ]
    found += _counts(problem, present)
    found += _times(problem, present)
    found += _sequences(present)
    found += _machines(present)
    return found


def _is_known(problem: Problem, work: Work) -> bool:
    return 0 <= work.job < len(problem.jobs) and 0 <= work.step < len(problem.jobs[work.job])


def _counts(problem: Problem, works: list[Work]) -> Iterator[str]:
    """Each operation is worked exactly once."""
    count: dict[tuple[int, int], int] = defaultdict(int)
    for work in works:
        count[work.job, work.step] += 1
    for j, i, _ in problem.each():
        if count[j, i] != 1:
            yield f"job {j} step {i}: is worked {count[j, i]} times; once is expected"


def _times(problem: Problem, works: list[Work]) -> Iterator[str]:
    """Each work lasts as long as one of its operation's alternatives on that machine."""
    for work in works:
        if work.start < 0:
            yield f"{_name(work)}: starts at {work.start}; nothing starts before 0"
        alternatives = problem.jobs[work.job][work.step].alternatives
        times = {a.time for a in alternatives if a.machine == work.machine}
        if not times:
            yield f"{_name(work)}: cannot be worked on machine {work.machine}"
        elif work.end - work.start not in times:
            expected = " or ".join(map(str, sorted(times)))
            yield f"{_name(work)}: lasts {work.end - work.start}; {expected} is expected"


def _sequences(works: list[Work]) -> Iterator[str]:
    """A job's operations follow each other."""
    by_job = defaultdict(list)
    for work in works:
        by_job[work.job].append(work)
    for of_job in by_job.values():
        for one, next_one in pairwise(sorted(of_job, key=lambda work: work.step)):
            if next_one.start < one.end:
                yield (
                    f"{_name(next_one)}: starts at {next_one.start}, before {_name(one)} ends at "
                    f"{one.end}"
                )


def _machines(works: list[Work]) -> Iterator[str]:
    """A machine works one operation at a time; one of no duration takes no room."""
    by_machine = defaultdict(list)
    for work in works:
        if work.end > work.start:
            by_machine[work.machine].append(work)
    for machine, of_machine in sorted(by_machine.items()):
        for one, next_one in pairwise(sorted(of_machine, key=lambda work: work.start)):
            if next_one.start < one.end:
                yield (
                    f"machine {machine}: {_name(next_one)} starts at {next_one.start}, while "
                    f"{_name(one)} is worked until {one.end}"
                )


def _name(work: Work) -> str:
    return f"job {work.job} step {work.step}"
