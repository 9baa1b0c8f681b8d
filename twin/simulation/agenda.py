"""What a work unit should do next: its part of a plan, or, without a plan, a dispatching rule.

Both answer the same questions of :class:`Agenda`; the engine does not know which one it asks.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import NamedTuple, Protocol

from twin.behaviour.dispatching import DispatchingRule, Waiting
from twin.model.network import Load
from twin.model.schedule import Segment
from twin.model.snapshot import LatePlace, Place, PlanSnapshot, UnitSnapshot
from twin.simulation.clock import NEVER, OpenTicks, duration, minutes, to_tick
from twin.simulation.jobs import Job
from twin.simulation.shop import Shop
from twin.simulation.unit_plan import Item, UnitPlan
from twin.simulation.upkeep import Task, Upkeep

_KEEPS_ON = ("startup", "standby")


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

    def place(self, item: Item, now: int) -> Place:
        """An item as a snapshot names it."""
        ...

    def item_at(self, place: Place, has_come: bool) -> Item | None:
        """The item a unit gets ready for, in the plan that is followed now."""
        ...

    def snapshot(self, now: int) -> PlanSnapshot:
        """How far the plan has come."""
        ...

    def take_up(self, seen: UnitSnapshot) -> None:
        """Go on with the plan from where a snapshot was taken; a new plan begins anew."""
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

    def place(self, item: Item, now: int) -> Place:
        return _place(item, self._shop, now)

    def item_at(self, place: Place, has_come: bool) -> Item | None:
        return None if has_come else _no_item(place, self._shop)

    def snapshot(self, now: int) -> PlanSnapshot:
        return PlanSnapshot()

    def take_up(self, seen: UnitSnapshot) -> None:
        pass

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
        self._plan = plan = UnitPlan(segments, shop.plant.operation_index, calendar)
        self._tasks = [
            (Task(known[s.task][1], start, known[s.task][0]), plan.follower(end))
            for start, end, s in plan.spans
            if s.kind == "maintenance" and known[s.task][1].due_by != "condition"
        ]
        self._all_tasks = tuple(self._tasks)
        self._follower_of_task: Segment | None = None
        self._todo = list(plan.items)
        self._item_of = {(item.order, item.operation): item for item in self._todo}

    def drop(self, order: str, operation: int) -> None:
        """An item is under way when the horizon begins, if it was not before."""
        item = self._item_of.get((order, operation))
        if item is not None and not item.is_begun:
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
        segment = self._plan.segment_at(now)
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
        edges = self._plan.edges
        i = bisect_right(edges, now)
        edge = edges[i] if i < len(edges) else NEVER
        return min(edge, self._fallback.load_opens if self._fallback.load_opens > now else NEVER)

    def is_over(self) -> bool:
        """Whether all planned work that can be done is done."""
        return all(self._shop.is_stuck(item.order, item.operation) for item in self._todo)

    def place(self, item: Item, now: int) -> Place:
        return _place(item, self._shop, now)

    def item_at(self, place: Place, has_come: bool) -> Item | None:
        found = self._find(place)
        return found if found is not None or has_come else _no_item(place, self._shop)

    def snapshot(self, now: int) -> PlanSnapshot:
        items = self._item_of.values()
        late = [item for item in self._todo if item.start < now]
        return PlanSnapshot(
            begun=tuple(self.place(item, now) for item in items if item.is_begun),
            late=tuple(
                LatePlace(self.place(item, now), item.work_start - now, item.is_set_up)
                for item in late
            ),
            tasks=tuple(
                (task.task.id, task.planned_start - now)
                for task, _ in self._all_tasks[: len(self._all_tasks) - len(self._tasks)]
            ),
        )

    def take_up(self, seen: UnitSnapshot) -> None:
        for place in seen.plan.begun:
            if (item := self._find(place)) is not None:
                self.begins(item)
        for late in seen.plan.late:
            if (item := self._find(late.place)) is not None:
                item.work_start, item.is_set_up = late.work_start, late.is_set_up
        done = set(seen.plan.tasks)
        for row in self._all_tasks:
            name = (row[0].task.id, row[0].planned_start)
            if name in done:
                self._tasks.remove(row)
            if name == (seen.task, seen.plan.tasks[-1][1] if seen.plan.tasks else None):
                self._follower_of_task = row[1]

    def _find(self, place: Place) -> Item | None:
        """The item at the same place of the same plan."""
        item = self._item_of.get((place.order, self._shop.plant.operation_index[place.operation]))
        return item if item is not None and item.start == place.start else None

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


def _place(item: Item, shop: Shop, now: int) -> Place:
    return Place(item.order, shop.plant.operation_ids[item.operation], item.start - now)


def _no_item(place: Place, shop: Shop) -> Item:
    """For a setup ahead of an operation that has no place any more."""
    operation = shop.plant.operation_index[place.operation]
    return Item(place.order, operation, place.start, place.start, True, False)


def _urgency(task: Task) -> tuple[int, int]:
    return task.planned_start, task.index
