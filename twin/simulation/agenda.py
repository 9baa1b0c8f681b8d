"""What a work unit should do next: its part of a plan, or, without a plan, a dispatching rule.

Both answer the same questions of :class:`Agenda`; the engine does not know which one it asks.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from twin.behaviour.dispatching import DispatchingRule, Waiting
from twin.model.network import Load
from twin.model.schedule import Segment
from twin.simulation.clock import GRACE, NEVER, OpenTicks, duration, minutes, to_tick
from twin.simulation.jobs import Job
from twin.simulation.shop import Shop
from twin.simulation.upkeep import Task, Upkeep

_KEEPS_ON = ("startup", "standby")


@dataclass(eq=False)
class Item:
    """One operation of one order in the plan of a work unit."""

    order: str
    operation: int
    start: int
    """Planned start of its setup, or of its work without one [tick]."""
    work_start: int
    """Not worked before [tick]: its start, or its planned work where idle time parts the two."""
    has_setup: bool
    is_followed: bool
    """Whether the plan keeps the unit on when the item ends."""
    is_set_up: bool = False
    is_begun: bool = False


class Step(NamedTuple):
    """Work that could begin now."""

    product: int
    jobs: tuple[Job, ...]
    """One, those worked together, or none when the unit is only to be set up for one that has not
    come yet."""
    planned_start: float
    item: Item | None = None


class Agenda(Protocol):
    """What one work unit should do."""

    def task_due(self, now: int) -> Task | None:
        """The preventive task to begin as soon as crew and unit are free."""
        ...

    def task_begins(self, task: Task, now: int) -> None: ...

    def stays_warm(self, task: Task, is_on: bool) -> bool:
        """Whether the unit is on after a preventive task."""
        ...

    def next_step(self, now: int, setup_key: str) -> Step | None:
        """The work to begin now, in open time, by a unit set up for a key."""
        ...

    def begins(self, item: Item) -> None:
        """The work of a planned operation begins."""
        ...

    def wants_on(self, now: int, is_on: bool, idle_since: int) -> bool:
        """Whether an idle unit should be on."""
        ...

    def next_change(self, now: int, idle_since: int) -> int:
        """The next instant at which one of the answers may change by itself."""
        ...

    def is_over(self) -> bool:
        """Whether no planned work is left to do; jobs may then be offered to the unit."""
        ...


class Dispatching:
    """No plan: the rule's first job, tasks when they are due, off after a while without work."""

    def __init__(self, unit: int, shop: Shop, rule: DispatchingRule, upkeep: Upkeep) -> None:
        self._unit = unit
        self._shop = shop
        self._rule = rule
        self._upkeep = upkeep
        facts = shop.plant.plant.work_units[unit]
        self._timeout = to_tick(facts.standby_timeout)
        self._operations = sorted({o for m, o, _ in shop.plant.rows if m == unit})
        self._takes_first = shop.is_in_order_of(rule) and all(
            row.load is None for row in facts.processing
        )
        """Whether its jobs are worked one by one as they stand in the queues."""
        self._minutes: dict[tuple[int, int, int], float] = {}
        self.load_opens = NEVER
        """When too few jobs for a load will have waited long enough to be begun."""

    def task_due(self, now: int) -> Task | None:
        return self._upkeep.due()

    def task_begins(self, task: Task, now: int) -> None:
        pass

    def stays_warm(self, task: Task, is_on: bool) -> bool:
        return is_on

    def next_step(self, now: int, setup_key: str) -> Step | None:
        self.load_opens = NEVER
        if self._takes_first:
            first = self._shop.first_for(self._operations, self._unit)
            return None if first is None else Step(first.product, (first,), math.inf)
        jobs = self._in_order(self._shop.waiting_for(self._operations, self._unit), now)
        passed_over: set[tuple[int, int]] = set()
        for job in jobs:
            load = self._shop.plant.rows[self._unit, *self._group(job)].load
            if load is None:
                return Step(job.product, (job,), math.inf)
            if self._group(job) not in passed_over:
                passed_over.add(self._group(job))
                alike = [other for other in jobs if self._group(other) == self._group(job)]
                step = self._load(alike, load, now)
                if step is not None:
                    return step
        return None

    def begins(self, item: Item) -> None:
        pass

    def is_over(self) -> bool:
        return True

    def wants_on(self, now: int, is_on: bool, idle_since: int) -> bool:
        return is_on and now < idle_since + self._timeout

    def next_change(self, now: int, idle_since: int) -> int:
        change = min(self._upkeep.next_due(), self.load_opens if self.load_opens > now else NEVER)
        switches_off = idle_since + self._timeout
        return switches_off if now < switches_off < change else change

    def _load(self, alike: list[Job], load: Load, now: int) -> Step | None:
        """As many jobs as go together, the first by the rule first; too few wait a while."""
        jobs: list[Job] = []
        for job in alike:
            if len(jobs) < load.max_jobs and self._shop.has_parts(job, jobs):
                jobs.append(job)
        if len(jobs) < load.min_jobs:
            if load.longest_wait is None:
                return None
            opens = min(job.arrived for job in alike) + duration(load.longest_wait)
            if now < opens:
                self.load_opens = min(self.load_opens, opens)
                return None
        return Step(jobs[0].product, tuple(jobs), math.inf)

    def _group(self, job: Job) -> tuple[int, int]:
        """(operation, product): jobs that can be worked together."""
        return job.operation, job.product

    def _in_order(self, jobs: list[Job], now: int) -> list[Job]:
        """By the rule, equal ones in the order they came."""
        if len(jobs) < 2:
            return jobs
        work = [self._processing_time(job) for job in jobs]
        total = 0.0
        for each in work:
            total += each
        mean = total / len(jobs)
        clock, rank = minutes(now), self._rule.rank
        ranked = [
            (
                rank(Waiting(job.order, minutes(job.arrived), job.due, each, clock, mean)),
                job.came,
                job,
            )
            for job, each in zip(jobs, work, strict=True)
        ]
        ranked.sort()  # no two came with the same number
        return [job for _, _, job in ranked]

    def _processing_time(self, job: Job) -> float:
        key = (job.operation, job.product, job.pieces)
        found = self._minutes.get(key)
        if found is None:
            found = self._shop.plant.processing_time(self._unit, *key)
            self._minutes[key] = found
        return found


class Planned:
    """A work unit's part of a schedule, in the planned sequence.

    The first item whose planned start has come and whose job is there is worked: nothing is begun
    early, and nothing that may be done waits for something that is late. Work the plan has no place
    for is done by the fallback rule once the planned work is over.
    """

    def __init__(
        self,
        segments: tuple[Segment, ...],
        unit: int,
        shop: Shop,
        fallback: Dispatching,
        calendar: OpenTicks,
        upkeep: Upkeep,
    ) -> None:
        self._shop = shop
        self._upkeep = upkeep
        self._fallback = fallback
        self._calendar = calendar
        self._needs_warmth = shop.plant.startup_time[unit] > 0
        self._keys = shop.plant.setup_key[unit]
        facts = shop.plant.plant.work_units[unit].maintenance
        known = {task.id: (n, task) for n, task in enumerate(facts)}
        self._spans = [(to_tick(s.start), to_tick(s.end), s) for s in segments]
        self._starts = [start for start, _, _ in self._spans]
        self._edges = sorted({t for start, end, _ in self._spans for t in (start, end)})
        self._tasks = [
            (Task(known[s.task][1], start, known[s.task][0]), self._follower(end))
            for start, end, s in self._spans
            if s.kind == "maintenance" and known[s.task][1].due_by != "condition"
        ]
        self._follower_of_task: Segment | None = None
        self._todo = self._items()
        self._item_of = {(item.order, item.operation): item for item in self._todo}

    def drop(self, order: str, operation: int) -> None:
        """An item is under way when the horizon begins."""
        item = self._item_of.get((order, operation))
        if item is not None:
            self.begins(item)

    def task_due(self, now: int) -> Task | None:
        found = self._upkeep.due()
        if self._tasks and self._tasks[0][0].planned_start <= now:
            planned = self._tasks[0][0]
            if found is None or _urgency(planned) < _urgency(found):
                return planned
        return found

    def task_begins(self, task: Task, now: int) -> None:
        self._follower_of_task = None
        if task.task.due_by != "condition":
            self._follower_of_task = self._tasks.pop(0)[1]

    def stays_warm(self, task: Task, is_on: bool) -> bool:
        """As the plan has it: warm when it goes on at once, cold when it starts up again."""
        follower = self._follower_of_task
        if follower is None:
            return is_on
        return follower.kind != "startup"

    def next_step(self, now: int, setup_key: str) -> Step | None:
        self._fallback.load_opens = NEVER
        setup_ahead: Step | None = None
        for item in self._todo:
            if item.start > now:
                break
            job = self._shop.batches.get(item.order)
            if job is None or job.is_complete:
                continue
            needs_setup = self._keys[job.product] != setup_key != ""
            if self._is_here(job, item) and (
                item.work_start <= now or (needs_setup and not item.is_set_up)
            ):
                return Step(job.product, (job,), item.start, item)
            if item.has_setup and needs_setup and not item.is_set_up and setup_ahead is None:
                setup_ahead = Step(job.product, (), item.start, item)
        if setup_ahead is None and self.is_over():
            return self._fallback.next_step(now, setup_key)
        return setup_ahead

    def begins(self, item: Item) -> None:
        item.is_begun = True
        self._todo.remove(item)

    def wants_on(self, now: int, is_on: bool, idle_since: int) -> bool:
        segment = self._segment_at(now)
        if segment is not None and segment.kind == "maintenance":
            return is_on
        if segment is not None and segment.kind in _KEEPS_ON:
            return True
        if segment is not None:
            item = self._item_of.get((segment.order, self._operation(segment)))
            if item is not None and item.is_begun:  # finished before its planned end
                return item.is_followed or self._is_late(now)
        return self._is_late(now)

    def next_change(self, now: int, idle_since: int) -> int:
        i = bisect_right(self._edges, now)
        edge = self._edges[i] if i < len(self._edges) else NEVER
        return min(edge, self._fallback.load_opens if self._fallback.load_opens > now else NEVER)

    def is_over(self) -> bool:
        """Whether all planned work that can be done is done."""
        return all(self._shop.is_stuck(item.order, item.operation) for item in self._todo)

    def _is_here(self, job: Job, item: Item) -> bool:
        return job.is_waiting and job.operation == item.operation and self._shop.has_parts(job)

    def _is_late(self, now: int) -> bool:
        """Whether planned work should have begun; a unit without warm-up waits only on shift."""
        if not self._todo:
            return False
        first = self._todo[0]
        if (first.work_start if first.is_set_up else first.start) > now:
            return False
        return bool(self._needs_warmth) or self._calendar.closing(now) is not None

    def _operation(self, segment: Segment) -> int:
        return self._shop.plant.operation_index[segment.operation]

    def _segment_at(self, now: int) -> Segment | None:
        """The segment that covers an instant."""
        i = bisect_right(self._starts, now) - 1
        return self._spans[i][2] if i >= 0 and now < self._spans[i][1] else None

    def _follower(self, end: int) -> Segment | None:
        """The segment that begins where another ends; None when the plan has the unit off then."""
        i = bisect_right(self._starts, end - GRACE - 1)
        near = i < len(self._starts) and self._starts[i] <= end + GRACE
        return self._spans[i][2] if near else None

    def _stays_on(self, end: int) -> bool:
        """Whether the plan keeps the unit on after a segment, or after a task right behind it."""
        follower = self._follower(end)
        while follower is not None and follower.kind == "maintenance":
            follower = self._follower(to_tick(follower.end))
            if follower is not None and follower.kind == "startup":
                return False
        return follower is not None

    def _items(self) -> list[Item]:
        """Setup and work segments put together by operation, in the order they start."""
        setups: dict[tuple[str, int], list[tuple[int, int]]] = {}
        works: dict[tuple[str, int], list[tuple[int, int]]] = {}
        for start, end, segment in self._spans:
            if segment.kind in ("setup", "work"):
                group = setups if segment.kind == "setup" else works
                group.setdefault((segment.order, self._operation(segment)), []).append((start, end))
        items = []
        for (order, operation), spans in works.items():
            setup = setups.get((order, operation), [])
            begin = min(start for start, _ in spans)
            start = min([begin, *(s for s, _ in setup)])
            work_start = begin if setup and self._parts(setup[-1][1], begin) else start
            is_followed = self._stays_on(max(end for _, end in spans))
            items.append(Item(order, operation, start, work_start, bool(setup), is_followed))
        return sorted(items, key=lambda item: item.start)

    def _parts(self, setup_end: int, work_start: int) -> bool:
        """Whether the plan idles, in open time, between a setup and its work."""
        resumes = self._calendar.opening(setup_end)
        return work_start > resumes + GRACE


def _urgency(task: Task) -> tuple[int, int]:
    return task.planned_start, task.index
