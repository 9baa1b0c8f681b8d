"""What changed between last night's plan and this one."""

from __future__ import annotations

from dataclasses import dataclass

from twin.accounting.value import MOVED_MINUTES
from twin.model.schedule import Assignment, Schedule, Segment


@dataclass(frozen=True)
class MovedOperation:
    """An operation in both plans that starts at another time or on another unit.

    Times in minutes from the start of the new plan's horizon.
    """

    order: str
    operation: str
    before_unit: str
    before_start: float
    before_end: float
    unit: str
    start: float
    end: float

    @property
    def shift(self) -> float:
        """Later by so much [min]."""
        return self.start - self.before_start


@dataclass(frozen=True)
class MovedMaintenance:
    """A preventive task in both plans that starts at another time."""

    work_unit: str
    task: str
    before_start: float
    start: float


@dataclass(frozen=True)
class PlanChanges:
    """The difference of two plans, by kind."""

    compared: int
    """Operations in both plans."""
    moved: tuple[MovedOperation, ...]
    """Operations that moved, those on another unit included."""
    new_orders: tuple[str, ...]
    gone_orders: tuple[str, ...]
    """In last night's plan after this one's start, and no longer."""
    maintenance: tuple[MovedMaintenance, ...]

    @property
    def changed_unit(self) -> tuple[MovedOperation, ...]:
        return tuple(m for m in self.moved if m.unit != m.before_unit)

    @property
    def moved_in_time(self) -> tuple[MovedOperation, ...]:
        return tuple(m for m in self.moved if m.unit == m.before_unit)


def _offset(schedule: Schedule, previous: Schedule) -> float:
    """Minutes to add to the previous plan's to speak of the same instant."""
    return schedule.horizon.to_minutes(previous.horizon.start)


def moved_operations(schedule: Schedule, previous: Schedule) -> tuple[MovedOperation, ...]:
    """Operations of both plans that moved by over an hour or to another unit, by new start."""
    offset = _offset(schedule, previous)
    before = {(a.order, a.operation): a for a in previous.assignments}
    found = []
    for now in schedule.assignments:
        old = before.get((now.order, now.operation))
        if old is None or old.start + offset < 0 or not _has_moved(now, old, offset):
            continue  # what began before this plan is running, not planned
        found.append(
            MovedOperation(
                now.order, now.operation, old.work_unit, old.start + offset, old.end + offset,
                now.work_unit, now.start, now.end,
            )
        )  # fmt: skip
    return tuple(found)


def _has_moved(now: Assignment, old: Assignment, offset: float) -> bool:
    return now.work_unit != old.work_unit or abs(now.start - old.start - offset) > MOVED_MINUTES


def plan_changes(schedule: Schedule, previous: Schedule) -> PlanChanges:
    """Compare two plans as absolute instants."""
    offset = _offset(schedule, previous)
    before = {(a.order, a.operation) for a in previous.assignments if a.start + offset >= 0}
    both = [a for a in schedule.assignments if (a.order, a.operation) in before]
    orders = {a.order for a in schedule.assignments}
    old_orders = {a.order for a in previous.assignments if a.end + offset > 0}
    return PlanChanges(
        compared=len(both),
        moved=moved_operations(schedule, previous),
        new_orders=tuple(sorted(orders - {a.order for a in previous.assignments})),
        gone_orders=tuple(sorted(old_orders - orders)),
        maintenance=_moved_maintenance(schedule, previous, offset),
    )


def _moved_maintenance(
    schedule: Schedule, previous: Schedule, offset: float
) -> tuple[MovedMaintenance, ...]:
    """Tasks paired in time order per unit and task; those without a partner do not count."""
    now, before = _services(schedule, 0.0), _services(previous, offset)
    return tuple(
        MovedMaintenance(unit, task, old, new)
        for (unit, task), starts in sorted(now.items())
        for new, old in zip(starts, before.get((unit, task), []), strict=False)
        if abs(new - old) > MOVED_MINUTES
    )


def _services(schedule: Schedule, offset: float) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    services: list[Segment] = [s for s in schedule.segments if s.kind == "maintenance"]
    for s in sorted(services, key=lambda s: s.start):
        if s.start + offset >= 0:
            found.setdefault((s.work_unit, s.task), []).append(s.start + offset)
    return found
