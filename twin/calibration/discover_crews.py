"""Crews behind repairs and preventive tasks: who waits for whom, and how many work at once.

A stop that waits (state *down*) and is repaired from the very instant at which another repair ends
was waiting for the same people. Kinds of stop tied by such hand-overs share a crew; its size is the
largest number of them ever under repair at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from twin.calibration.activity import UnitActivity
from twin.model.horizon import Array

AT_ONCE = 1 / 60
"""Instants so close are one [min]."""
SHORTEST_WAIT = 1 / 60
FULL = 0.8
"""Share of the waits during which as many repairs were under way as the crew has people."""
EXPECTED = 3.0
"""Overlaps expected by chance from which none at all speaks for one crew."""


@dataclass(frozen=True)
class Job:
    """A stretch of people's work on a unit [min]."""

    unit: str
    kind: str
    start: float
    end: float
    waited: float
    """Before it began."""


@dataclass(frozen=True)
class FoundCrew:
    """People who share some kinds of stop."""

    kinds: frozenset[str]
    size: int
    jobs: tuple[Job, ...]
    waits: int
    handed_over: int
    full: float
    """Share of the waits in which everybody was busy."""
    is_guess: bool = False

    @property
    def note(self) -> str:
        if self.is_guess:
            return "no stop ever waited: as many people as tasks that ever ran at once; a guess"
        if not self.handed_over:
            return (
                f"from {len(self.jobs)} repairs and tasks: {self.waits} waited, none until another "
                "ended, so for people's hours or for something else; size and hours are a guess"
            )
        sure = "sure" if self.full >= FULL and self.handed_over >= 5 else "unsure"
        return (
            f"from {len(self.jobs)} repairs and tasks: {self.waits} waited, {self.handed_over} of "
            f"them until another ended; in {self.full:.0%} of the waits {self.size} were busy; "
            f"{sure}"
        )


def crew_jobs(units: Mapping[str, UnitActivity]) -> list[Job]:
    """Every repair and task of the log, with the wait before it."""
    found = []
    for unit, states in units.items():
        names, reasons = states.states.tolist(), states.reasons.tolist()
        for n, name in enumerate(names):
            if name in ("repair", "maintenance"):
                is_wait = n > 0 and names[n - 1] == "down" and reasons[n - 1] == reasons[n]
                waited = float(states.ends[n - 1] - states.starts[n - 1]) if is_wait else 0.0
                start, end = float(states.starts[n]), float(states.ends[n])
                found.append(Job(unit, reasons[n], start, end, waited))
    return sorted(found, key=lambda job: (job.start, job.unit))


def crews_of(jobs: Iterable[Job], tasks: Iterable[str]) -> list[FoundCrew]:
    """Crews in the order of their names' first kinds.

    Parameters
    ----------
    tasks
        Kinds that need a crew in any case: a plant file asks for one.
    """
    jobs = list(jobs)
    groups = _tied(jobs)
    waiting = {j.kind for j in jobs if j.waited > SHORTEST_WAIT}
    loose = [kind for kind in {j.kind for j in jobs} if not any(kind in g for g in groups)]
    for kind in sorted(loose):
        group = next((g for g in groups if _never_meet(jobs, {kind}, g)), None)
        if group is not None:
            group.add(kind)
        elif kind in waiting:
            groups.append({kind})
    found = [_crew(jobs, group) for group in groups]
    homeless = {kind for kind in tasks if not any(kind in crew.kinds for crew in found)}
    if homeless:
        mine = tuple(j for j in jobs if j.kind in homeless)
        size = max(_most_at_once(mine), 1)
        found.append(FoundCrew(frozenset(homeless), size, mine, 0, 0, 0.0, is_guess=True))
    return found


def _tied(jobs: list[Job]) -> list[set[str]]:
    """Kinds tied by hand-overs, with at least two between the groups that are joined."""
    ends = np.array([j.end for j in jobs])
    order = np.argsort(ends)
    links: Counter[tuple[str, str]] = Counter()
    for job in jobs:
        if job.waited > SHORTEST_WAIT:
            links.update((job.kind, other.kind) for other in _ending_at(job, jobs, ends, order))
    groups = [{kind} for kind in sorted({j.kind for j in jobs if j.waited > SHORTEST_WAIT})]
    for (one, other), n in sorted(links.items()):
        mine = [g for g in groups if one in g or other in g]
        if n >= 1:
            joined = {one, other}.union(*mine)
            groups = [g for g in groups if g not in mine] + [joined]
    tied = {kind for pair in links for kind in pair}
    return [g for g in groups if g & tied]


def _ending_at(job: Job, jobs: list[Job], ends: Array, order: np.ndarray) -> list[Job]:
    first = np.searchsorted(ends, job.start - AT_ONCE, sorter=order)
    last = np.searchsorted(ends, job.start + AT_ONCE, sorter=order)
    return [jobs[i] for i in order[first:last] if jobs[i].unit != job.unit]


def _never_meet(jobs: list[Job], kinds: set[str], others: set[str]) -> bool:
    """Whether two groups of kinds never overlap although chance would have it often."""
    one = [j for j in jobs if j.kind in kinds]
    two = [j for j in jobs if j.kind in others]
    if not one or not two:
        return False
    length = max(j.end for j in jobs) - min(j.start for j in jobs)
    mean = [sum(j.end - j.start for j in group) / len(group) for group in (one, two)]
    expected = len(one) * len(two) * (mean[0] + mean[1]) / length
    return expected >= EXPECTED and not any(
        a.start < b.end - AT_ONCE and b.start < a.end - AT_ONCE
        for a in one for b in two if a is not b
    )  # fmt: skip


def _crew(jobs: list[Job], kinds: set[str]) -> FoundCrew:
    mine = tuple(j for j in jobs if j.kind in kinds)
    size = max(_most_at_once(mine), 1)
    waits = [j for j in mine if j.waited > SHORTEST_WAIT]
    ends = np.array([j.end for j in mine])
    order = np.argsort(ends)
    handed = sum(bool(_ending_at(j, list(mine), ends, order)) for j in waits)
    starts, stops = np.sort([j.start for j in mine]), np.sort(ends)
    full = 0
    for wait in waits:
        middle = wait.start - wait.waited / 2
        busy = np.searchsorted(starts, middle, "right") - np.searchsorted(stops, middle, "right")
        full += int(busy >= size)
    return FoundCrew(frozenset(kinds), size, mine, len(waits), handed, full / max(len(waits), 1))


def _most_at_once(jobs: Iterable[Job]) -> int:
    """Jobs under way at once; an overlap of an instant is none."""
    jobs = list(jobs)
    edges = [(j.start + AT_ONCE, 1) for j in jobs if j.end - j.start > 2 * AT_ONCE]
    edges += [(j.end - AT_ONCE, -1) for j in jobs if j.end - j.start > 2 * AT_ONCE]
    most = now = 0
    for _, step in sorted(edges):
        now += step
        most = max(most, now)
    return most
