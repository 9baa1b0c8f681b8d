"""What a work unit should do next: its part of a plan, or, without a plan, a dispatching rule.

Both answer the same four questions of :class:`Agenda`; the engine does not know which one it asks.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Protocol

from twin.behaviour.dispatching import DispatchingRule, Waiting
from twin.model.plant import MaintenanceTask
from twin.model.schedule import Segment
from twin.simulation.clock import GRACE, OpenTicks, minutes, to_tick
from twin.simulation.shop import Batch, Shop

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


@dataclass(frozen=True)
class Step:
    """Work that could begin now."""

    product: int
    batch: Batch | None
    """None when the unit is only to be set up for a batch that has not come yet."""
    planned_start: float
    item: Item | None = None


@dataclass(frozen=True)
class Task:
    """A preventive task whose time has come."""

    task: MaintenanceTask
    planned_start: int


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

    def begins(self, step: Step) -> None:
        """The work of a step begins."""
        ...

    def wants_on(self, now: int, is_on: bool, idle_since: int) -> bool:
        """Whether an idle unit should be on."""
        ...

    def next_change(self, now: int, idle_since: int) -> float:
        """The next instant at which one of the answers may change by itself."""
        ...


class Dispatching:
    """No plan: the rule's first batch, tasks at their due date, off after a while without work."""

    def __init__(
        self,
        unit: int,
        shop: Shop,
        rule: DispatchingRule,
        due: dict[str, float],
    ) -> None:
        self._unit = unit
        self._shop = shop
        self._rule = rule
        facts = shop.plant.plant.work_units[unit]
        self._tasks = {task.id: task for task in facts.maintenance}
        self._due = {id: to_tick(minute) for id, minute in due.items()}
        self._timeout = to_tick(facts.standby_timeout)
        self._operations = sorted({o for m, o, _ in shop.plant.rows if m == unit})

    def task_due(self, now: int) -> Task | None:
        due = [(tick, id) for id, tick in self._due.items() if tick <= now]
        return Task(self._tasks[min(due)[1]], min(due)[0]) if due else None

    def task_begins(self, task: Task, now: int) -> None:
        self._due[task.task.id] = now + to_tick(task.task.interval)

    def stays_warm(self, task: Task, is_on: bool) -> bool:
        return is_on

    def next_step(self, now: int, setup_key: str) -> Step | None:
        batches = self._shop.waiting_for(self._operations, self._unit)
        chosen = min(batches, key=self._rank, default=None)
        return Step(chosen.product, chosen, math.inf) if chosen else None

    def begins(self, step: Step) -> None:
        pass

    def wants_on(self, now: int, is_on: bool, idle_since: int) -> bool:
        return is_on and now < idle_since + self._timeout

    def next_change(self, now: int, idle_since: int) -> float:
        changes = [*self._due.values(), idle_since + self._timeout]
        return min((tick for tick in changes if tick > now), default=math.inf)

    def _rank(self, batch: Batch) -> tuple[float, int, int]:
        plant, operation = self._shop.plant, self._shop.operation(batch)
        work = plant.processing_time(self._unit, operation, batch.product, batch.pieces)
        waiting = Waiting(batch.order, minutes(batch.arrived), batch.due, work)
        return self._rule.rank(waiting), batch.arrived, batch.sequence


class Planned:
    """A work unit's part of a schedule, in the planned sequence.

    The first item whose planned start has come and whose batch is there is worked: nothing is begun
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
    ) -> None:
        self._shop = shop
        self._fallback = fallback
        self._calendar = calendar
        self._needs_warmth = shop.plant.startup_time[unit] > 0
        self._keys = shop.plant.setup_key[unit]
        known = {task.id: task for task in shop.plant.plant.work_units[unit].maintenance}
        self._spans = [(to_tick(s.start), to_tick(s.end), s) for s in segments]
        self._starts = [start for start, _, _ in self._spans]
        self._edges = sorted({t for start, end, _ in self._spans for t in (start, end)})
        self._tasks = [
            (Task(known[s.task], start), self._follower(end))
            for start, end, s in self._spans
            if s.kind == "maintenance"
        ]
        self._follower_of_task: Segment | None = None
        self._todo = self._items()
        self._item_of = {(item.order, item.operation): item for item in self._todo}

    def drop(self, order: str, operation: int) -> None:
        """An item is under way when the horizon begins."""
        item = self._item_of.get((order, operation))
        if item is not None:
            self._begin(item)

    def task_due(self, now: int) -> Task | None:
        if self._tasks and self._tasks[0][0].planned_start <= now:
            return self._tasks[0][0]
        return None

    def task_begins(self, task: Task, now: int) -> None:
        self._follower_of_task = self._tasks.pop(0)[1]

    def stays_warm(self, task: Task, is_on: bool) -> bool:
        """As the plan has it: warm when it goes on at once, cold when it starts up again."""
        follower = self._follower_of_task
        if follower is None:
            return is_on
        return follower.kind != "startup"

    def next_step(self, now: int, setup_key: str) -> Step | None:
        setup_ahead: Step | None = None
        for item in self._todo:
            if item.start > now:
                break
            batch = self._shop.batches.get(item.order)
            if batch is None or self._shop.is_complete(batch):
                continue
            is_here = batch.is_waiting and self._shop.operation(batch) == item.operation
            needs_setup = self._keys[batch.product] != setup_key != ""
            if is_here and (item.work_start <= now or (needs_setup and not item.is_set_up)):
                return Step(batch.product, batch, item.start, item)
            if item.has_setup and needs_setup and not item.is_set_up and setup_ahead is None:
                setup_ahead = Step(batch.product, None, item.start, item)
        if setup_ahead is None and self._is_over():
            return self._fallback.next_step(now, setup_key)
        return setup_ahead

    def begins(self, step: Step) -> None:
        if step.item is not None:
            self._begin(step.item)

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

    def next_change(self, now: int, idle_since: int) -> float:
        i = bisect_right(self._edges, now)
        return self._edges[i] if i < len(self._edges) else math.inf

    def _is_late(self, now: int) -> bool:
        """Whether planned work should have begun; a unit without warm-up waits only on shift."""
        if not self._todo:
            return False
        first = self._todo[0]
        if (first.work_start if first.is_set_up else first.start) > now:
            return False
        return bool(self._needs_warmth) or self._calendar.closing(now) is not None

    def _is_over(self) -> bool:
        return all(self._shop.is_stuck(item.order, item.operation) for item in self._todo)

    def _begin(self, item: Item) -> None:
        item.is_begun = True
        self._todo.remove(item)

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
