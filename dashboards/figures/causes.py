"""Where the time of an order goes, from its release to its planned end: causes that add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.model.orders import WorkOrder
from twin.model.plant import Plant
from twin.model.schedule import Assignment, Schedule, Segment
from twin.model.shifts import OpenTime

CauseKind = Literal["work", "setup", "waiting", "closed", "maintenance"]


@dataclass(frozen=True)
class Cause:
    """One share of an order's time in the plant."""

    kind: CauseKind
    work_unit: str
    minutes: float

    @property
    def text(self) -> str:
        return {
            "work": "work",
            "setup": f"setup on {self.work_unit}",
            "waiting": f"waiting for {self.work_unit}",
            "closed": f"{self.work_unit} off shift",
            "maintenance": f"maintenance of {self.work_unit}",
        }[self.kind]


def delay_causes(schedule: Schedule, plant: Plant, order: WorkOrder) -> tuple[Cause, ...]:
    """Split the time from release (or minute 0, if later) to the planned end of an order.

    Every minute has one cause: *work*; *setup* for this order; *maintenance* of the unit it waits
    for; *closed*, the unit is off shift; *waiting*, the unit is open but not free, or left idle.
    The causes add up to the whole time; they are in order of first appearance.
    """
    own = sorted(
        (a for a in schedule.assignments if a.order == order.id), key=lambda a: (a.start, a.end)
    )
    clock = max(schedule.horizon.to_minutes(order.release_date), 0.0)
    if own and own[0].start < clock:
        clock = own[0].start
    minutes: dict[tuple[CauseKind, str], float] = {}
    for operation in own:
        _spend(
            minutes, schedule, _open_time(plant, schedule, operation.work_unit), operation, clock
        )
        clock = max(clock, operation.end)
    return tuple(Cause(kind, unit, spent) for (kind, unit), spent in minutes.items() if spent > 0)


def _spend(
    minutes: dict[tuple[CauseKind, str], float],
    schedule: Schedule,
    opened: OpenTime,
    operation: Assignment,
    begin: float,
) -> None:
    """Add the causes of [begin, end of operation) to ``minutes``."""
    unit, end = operation.work_unit, operation.end
    whole = max(end - begin, 0.0)
    segments = schedule.of_unit(unit)
    mine = [
        s for s in segments if s.order == operation.order and s.operation == operation.operation
    ]
    work = _overlap([s for s in mine if s.kind == "work"], begin, end)
    setup = _overlap([s for s in mine if s.kind == "setup"], begin, end)
    service = _overlap([s for s in segments if s.kind == "maintenance"], begin, end)
    closed = end - begin - opened.working_minutes(begin, end) if whole else 0.0
    service_closed = sum(
        min(s.end, end)
        - max(s.start, begin)
        - opened.working_minutes(max(s.start, begin), min(s.end, end))
        for s in segments
        if s.kind == "maintenance" and s.start < end and s.end > begin
    )
    closed = min(max(closed - service_closed, 0.0), max(whole - work - setup - service, 0.0))
    shares: list[tuple[CauseKind, str, float]] = [
        ("waiting", unit, whole - work - setup - service - closed),
        ("maintenance", unit, service),
        ("closed", unit, closed),
        ("setup", unit, setup),
        ("work", "", work),
    ]
    for kind, name, spent in shares:
        if spent > 1e-6:
            minutes[kind, name] = minutes.get((kind, name), 0.0) + spent


def _overlap(segments: list[Segment], begin: float, end: float) -> float:
    return sum(max(min(s.end, end) - max(s.start, begin), 0.0) for s in segments)


def _open_time(plant: Plant, schedule: Schedule, unit: str) -> OpenTime:
    return plant.calendars_by_id[plant.unit(unit).calendar].open_time(schedule.horizon)
