"""Which preventive tasks of a work unit are due: by calendar, work, lots, age or condition."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from twin.behaviour.reliability import ModeLife, Reliability
from twin.model.failures import MaintenanceTask
from twin.model.snapshot import TaskSnapshot
from twin.model.state import UnitState
from twin.simulation.clock import NEVER, count, duration, to_tick
from twin.simulation.floor import Floor
from twin.simulation.timers import Timer

Finds = Callable[[ModeLife], bool]


@dataclass(frozen=True)
class Task:
    """A preventive task whose time has come."""

    task: MaintenanceTask
    planned_start: int
    index: int
    """Place in the work unit."""


@dataclass(eq=False)
class Duty:
    """One preventive task of a work unit, and what it is counted from."""

    facts: MaintenanceTask
    index: int
    interval: int
    opportunity: int
    clock: str
    """The clock its interval is counted on."""
    life: ModeLife | None
    """The mode whose age (or condition) it goes by."""
    begun: int
    """Reading of the clock when it was last begun."""
    noted: int | None = None
    """Instant at which it was found due."""
    inspection: Timer | None = None

    @property
    def due_reading(self) -> int:
        """Reading of its clock at which it falls due; only an inspection knows of a condition."""
        if self.facts.due_by == "condition":
            return NEVER
        counted_from = self.begun if self.life is None else self.life.born
        return counted_from + self.interval

    def snapshot(self, reliability: Reliability, now: int) -> TaskSnapshot:
        """As it stands at an instant."""
        inspection = NEVER if self.inspection is None else self.inspection.due
        return TaskSnapshot(
            elapsed=reliability.reading(self.clock, now) - self.begun,
            noted=None if self.noted is None else self.noted - now,
            inspection=None if inspection >= NEVER else inspection - now,
        )


class Upkeep:
    """The preventive tasks of a work unit, with a plan those by condition only.

    Tasks by calendar (also by the age of a mode that ages by calendar) are due at an instant.
    Others are due from the instant at which somebody notices: the unit, when it is idle, or an
    inspection.
    """

    def __init__(
        self,
        floor: Floor,
        unit: int,
        state: UnitState,
        reliability: Reliability,
        *,
        is_planned: bool,
    ) -> None:
        self._floor = floor
        self._unit = unit
        self._reliability = reliability
        facts = floor.plant.plant.work_units[unit].maintenance
        self._duties = [
            self._duty(n, task, state)
            for n, task in enumerate(facts)
            if not is_planned or task.due_by == "condition"
        ]
        self._by_condition = [duty for duty in self._duties if duty.facts.condition is not None]

    def start_inspecting(self, first_slot: int, finds: Finds) -> None:
        """Set the timers of the inspections; ``finds`` says whether one finds
        a failure that nobody had seen."""
        for duty in self._by_condition:
            action = partial(self._inspect, duty, finds)
            duty.inspection = self._floor.timer("inspection", first_slot + duty.index, action)
            duty.inspection.set(self._floor.now + duty.interval)

    def due(self) -> Task | None:
        """The task due first, if any is due now."""
        if not self._duties:
            return None
        now = self._floor.now
        first: tuple[int, Duty] | None = None
        for duty in self._duties:
            due = self._due_instant(duty, now)
            if due is not None and (first is None or due < first[0]):
                first = due, duty
        return Task(first[1].facts, first[0], first[1].index) if first else None

    def next_due(self) -> int:
        """The next instant at which a task falls due by itself."""
        now = self._floor.now
        return min(
            (d.due_reading for d in self._duties if d.clock == "calendar" and d.due_reading > now),
            default=NEVER,
        )

    def begins(self, task: MaintenanceTask) -> None:
        for duty in self._duties:
            if duty.facts is task:
                duty.noted = None
                duty.begun = self._reliability.reading(duty.clock, self._floor.now)
                if duty.inspection is not None:
                    duty.inspection.cancel()

    def ends(self, task: MaintenanceTask) -> None:
        for duty in self._by_condition:
            if duty.facts is task:
                self._inspect_later(duty)

    def new_life(self, life: ModeLife) -> None:
        """A mode was repaired or renewed: its age and its condition are others now."""
        for duty in self._duties:
            if duty.life is life and duty.noted is not None:
                duty.noted = None
                if duty.inspection is not None:
                    self._inspect_later(duty)

    def take_opportunity(self) -> None:
        """The unit stands anyway: tasks almost due are due now."""
        now = self._floor.now
        for duty in self._duties:
            if duty.opportunity > 0 and duty.noted is None and self._due_instant(duty, now) is None:
                reading = self._reliability.reading(duty.clock, now)
                if duty.due_reading - reading <= duty.opportunity:
                    duty.noted = now

    def snapshot(self, now: int) -> dict[str, TaskSnapshot]:
        """The tasks at an instant."""
        return {duty.facts.id: duty.snapshot(self._reliability, now) for duty in self._duties}

    def take_up(self, tasks: Mapping[str, TaskSnapshot]) -> None:
        """Go on with the tasks, on clocks that read 0 now."""
        for duty in self._duties:
            seen = tasks[duty.facts.id]
            duty.begun, duty.noted = -seen.elapsed, seen.noted
            if duty.inspection is not None:
                duty.inspection.set(NEVER if seen.inspection is None else seen.inspection)

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that are kept here."""
        return [duty.facts.id for duty in self._duties]

    def _due_instant(self, duty: Duty, now: int) -> int | None:
        """When a task fell due, if it has; noted now if nobody noticed before."""
        if duty.noted is not None:
            return duty.noted
        due = duty.due_reading
        if due > self._reliability.reading(duty.clock, now):
            return None
        if duty.clock != "calendar":
            due = duty.noted = now
        return due

    def _inspect(self, duty: Duty, finds: Finds) -> None:
        """Look at the condition of a mode; a failure nobody had seen is found."""
        condition, life = duty.facts.condition, duty.life
        assert condition is not None
        assert life is not None
        self._floor.tally.inspections[self._unit][duty.index] += 1
        level = life.wear.level if life.wear is not None else 0.0
        if not finds(life) and level >= condition.level:
            duty.noted = self._floor.now
            self._floor.mark(self._unit)
        else:
            self._inspect_later(duty)

    def _inspect_later(self, duty: Duty) -> None:
        assert duty.inspection is not None
        duty.inspection.set(self._floor.now + duty.interval)

    def _duty(self, index: int, task: MaintenanceTask, state: UnitState) -> Duty:
        life = None
        if task.condition is not None:
            life = self._reliability.life(task.condition.mode)
        elif task.due_by == "age":
            life = self._reliability.life(task.renews[0])
        clock = task.due_by
        if clock == "age" and life is not None:
            clock = life.clock
        elif clock == "condition":
            clock = "calendar"
        is_count = clock == "count"
        interval = count(task.interval) if is_count else duration(task.interval)
        opportunity = math.floor(task.opportunity + 0.5) if is_count else to_tick(task.opportunity)
        begun = 0
        if task.due_by == "calendar":
            last = state.last_maintenance.get(task.id)
            horizon = self._floor.plant.horizon
            begun = to_tick(horizon.to_minutes(last)) if last is not None else -interval
        return Duty(task, index, interval, opportunity, clock, life, begun)
