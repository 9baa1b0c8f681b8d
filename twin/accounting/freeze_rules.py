"""What a plan owes to last night's: frozen starts are kept, or their excuses are true."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from twin.accounting.inspection import Inspection, OperationKey, is_same
from twin.accounting.value import MOVED_MINUTES, TOLERANCE
from twin.errors import Fault
from twin.model.maintenance import due_tasks
from twin.model.schedule import Schedule, Segment, Unkept


@dataclass(frozen=True)
class Told:
    """An operation or preventive task that last night's plan starts within the frozen window."""

    work_unit: str
    start: float
    """First minute of work, in minutes of this plan."""
    order: str = ""
    operation: str = ""
    task: str = ""

    @property
    def name(self) -> str:
        what = f"maintenance {self.task}" if self.task else f"{self.operation} of {self.order}"
        return f"{self.work_unit}, {what}"


def told(plan: Inspection, previous: Schedule, freeze: float) -> list[Told]:
    """What the window freezes and is still to do: its order in the book, not begun, not done."""
    shift = plan.schedule.horizon.to_minutes(previous.horizon.start)
    found = [
        Told(a.work_unit, a.start + shift, a.order, a.operation)
        for a in previous.assignments
        if 0 <= a.start + shift < freeze and _is_to_do(plan, a.order, a.operation)
    ]
    due: dict[tuple[str, str], float] = {}
    for d in due_tasks(plan.compiled.plant, plan.state, plan.schedule.horizon):
        due.setdefault((d.work_unit, d.task.id), d.latest)
    for s in sorted(previous.segments, key=lambda s: s.start):
        key, start = (s.work_unit, s.task), s.start + shift
        if s.kind != "maintenance" or start < -MOVED_MINUTES or key not in due:
            continue
        latest = due.pop(key)  # the first execution to come is the one that is due
        if 0 <= start < freeze and start <= latest + MOVED_MINUTES:
            found.append(Told(s.work_unit, start, task=s.task))
    return found


def _is_to_do(plan: Inspection, order: str, operation: str) -> bool:
    if order not in plan.order_of or (order, operation) in plan.running:
        return False
    return operation in plan.remaining(order)


def keeps_the_frozen_window(plan: Inspection, previous: Schedule, freeze: float) -> Iterator[Fault]:
    """What is frozen keeps unit and start, or the plan says why not, and that is so."""
    excuses = {(u.order, u.operation, u.work_unit, u.task): u for u in plan.schedule.unkept}
    frozen = told(plan, previous, freeze)
    kept = [one for one in frozen if is_kept(plan, one)]
    relied_on = {(one.order, one.operation) for one in kept} | plan.running.keys()
    for one in frozen:
        if one in kept:
            continue
        excuse = excuses.get((one.order, one.operation, one.work_unit, one.task))
        is_moved = f"frozen, yet moved: it was to start at {plan.at(one.start)}"
        if excuse is None:
            yield Fault(one.name, is_moved, "keep unit and start, or say why that cannot be")
        elif not _is_true(plan, one, excuse, relied_on):
            found = f'{is_moved}; its excuse "{excuse.excuse}: {excuse.words}" is not so'
            yield Fault(one.name, found, "keep unit and start")


def is_kept(plan: Inspection, one: Told) -> bool:
    now = _now(plan, one)
    return now is not None and now.work_unit == one.work_unit and is_same(now.start, one.start)


def _now(plan: Inspection, one: Told) -> Segment | None:
    """First segment of work, or the nearest execution of the task, in this plan."""
    if not one.task:
        return next(iter(plan.work.get((one.order, one.operation), ())), None)
    done = [s for s in plan.by_unit.get(one.work_unit, ()) if s.task == one.task]
    return min(done, key=lambda s: abs(s.start - one.start), default=None)


def _is_true(plan: Inspection, one: Told, excuse: Unkept, relied_on: set[OperationKey]) -> bool:
    """Whether the shop, or what stands in this plan, keeps it from starting then."""
    kind = excuse.excuse
    if kind == "unit_down":
        return plan.available_from(one.work_unit) > 0 or not plan.is_on(one.work_unit)
    if kind == "late_batch":
        return _batch_is_late(plan, one, relied_on)
    if kind == "unit_busy":
        return _unit_is_busy(plan, one)
    if kind == "setup":
        startup = plan.unit_of[one.work_unit].startup_time
        return one.start < _longest_setup(plan, one) + startup + TOLERANCE
    if kind == "cannot":
        return one.work_unit not in plan.unit_of or not plan.is_eligible(
            (one.order, one.operation), one.work_unit
        )
    if kind == "not_due":
        return bool(one.task)
    if kind == "unplaced":
        return not one.task
    if kind == "crew":
        return bool(one.task)
    return True


def _batch_is_late(plan: Inspection, one: Told, relied_on: set[OperationKey]) -> bool:
    """The batch is not there when its setup would have to begin, for setups wait for their batch;
    or the operation before it neither runs nor is kept, so that nobody could rely on it."""
    remaining = plan.remaining(one.order)
    release = plan.schedule.horizon.to_minutes(plan.order_of[one.order].release_date)
    begin = one.start - _longest_setup(plan, one)
    at = remaining.index(one.operation)
    if at == 0:
        return release > begin + TOLERANCE
    work = plan.work.get((one.order, remaining[at - 1]), ())
    before = (one.order, remaining[at - 1])
    return not work or work[-1].end > begin + TOLERANCE or before not in relied_on


def _unit_is_busy(plan: Inspection, one: Told) -> bool:
    """Something else is on the unit in the time it would take, setup and warm-up included."""
    unit = plan.unit_of[one.work_unit]
    begin = one.start - _longest_setup(plan, one) - unit.startup_time
    end = one.start + _minutes(plan, one)
    return any(
        s.start < end - TOLERANCE and s.end > begin + TOLERANCE
        for s in plan.by_unit[one.work_unit]
        if s.kind in ("startup", "setup", "work", "maintenance")
        and (s.order, s.operation, s.task) != (one.order, one.operation, one.task)
    )


def _minutes(plan: Inspection, one: Told) -> float:
    if one.task:
        return next(t.duration for t in plan.unit_of[one.work_unit].maintenance if t.id == one.task)
    key = (one.order, one.operation)
    return plan.needed_minutes(key, one.work_unit) if plan.is_eligible(key, one.work_unit) else 0.0


def _longest_setup(plan: Inspection, one: Told) -> float:
    """The most a setup for it can take on its unit [min]."""
    table = plan.unit_of[one.work_unit].setup if one.work_unit in plan.unit_of else None
    if one.task or table is None or one.order not in plan.order_of:
        return 0.0
    others = {plan.setup_key(one.work_unit, order) for order in plan.order_of}
    others.add(plan.state.unit(one.work_unit).setup_key)
    key = plan.setup_key(one.work_unit, one.order)
    return max(table.time_between(other, key) for other in others)
