"""What a plan owes to maintenance. Each rule is a function: the faults of one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from twin.accounting.inspection import Inspection, in_words, is_later, is_same, what
from twin.accounting.value import TOLERANCE
from twin.errors import Fault
from twin.model.failures import MaintenanceTask
from twin.model.maintenance import DueTask, due_tasks
from twin.model.schedule import Segment


def comes_when_due(plan: Inspection) -> Iterator[Fault]:
    """Each due task is executed once, starting inside its window; nothing else is executed."""
    due = due_tasks(plan.compiled.plant, plan.state, plan.schedule.horizon)
    for unit in plan.compiled.plant.work_units:
        for task in unit.maintenance:
            windows = [d for d in due if d.work_unit == unit.id and d.task.id == task.id]
            done = [s for s in _executions(plan) if s.work_unit == unit.id and s.task == task.id]
            yield from _faults_of_dates(plan, windows, done)


def _faults_of_dates(
    plan: Inspection, windows: list[DueTask], done: list[Segment]
) -> Iterator[Fault]:
    left = list(done)
    for number, window in enumerate(windows):
        still_due = len(windows) - number
        if not left or (len(left) < still_due and left[0].start > window.latest + TOLERANCE):
            where = f"{window.work_unit}, maintenance {window.task.id}"
            yield Fault(where, f"missing maintenance: due {_span(plan, window)}", "plan it")
            continue
        s = left.pop(0)
        if is_later(window.earliest, s.start) or is_later(s.start, window.latest):
            yield plan.fault(
                s,
                "maintenance outside its window",
                f"it may start {_span(plan, window)}",
                "move it into that window",
            )
    for s in left:
        found = "no execution of it is due then"
        yield plan.fault(s, "maintenance not due", found, "leave it out")


def _span(plan: Inspection, window: DueTask) -> str:
    return f"from {plan.at(max(window.earliest, 0.0))} to {plan.at(window.latest)}"


def lasts_as_long_as_it_takes(plan: Inspection) -> Iterator[Fault]:
    """A preventive task is one segment of the task's duration."""
    for s in _executions(plan):
        needed = _task(plan, s).duration
        if not is_same(s.minutes, needed):
            found = f"{in_words(s.minutes)} planned; it takes {in_words(needed)} in one piece"
            yield plan.fault(s, "wrong maintenance time", found, "plan its duration")


def is_done_in_the_crew_shift(plan: Inspection) -> Iterator[Fault]:
    """A preventive task lies inside the open time of its crew, or of one with the skill."""
    for s in _executions(plan):
        crew = _task(plan, s).crew
        asked = [plan.compiled.plant.crews[c].id for c in plan.compiled.crews_for[crew]]
        shifts = [plan.compiled.crew_open[id] for id in asked]
        closed = s.minutes - max(shift.working_minutes(s.start, s.end) for shift in shifts)
        if closed > TOLERANCE:
            found = f"crew {crew} is off shift for {in_words(closed)} of it"
            yield plan.fault(s, "crew off shift", found, f"move it into the shift of {crew}")


def fits_its_crew(plan: Inspection) -> Iterator[Fault]:
    """Those asked under one name have no more people in tasks at once than they are."""
    for name, asked in plan.compiled.crews_for.items():
        size = sum(plan.compiled.plant.crews[c].size for c in asked)
        tasks = [s for s in _executions(plan) if _task(plan, s).crew == name]
        for i, s in enumerate(tasks):
            others = [earlier for earlier in tasks[:i] if is_later(earlier.end, s.start)]
            if sum(_task(plan, o).people for o in (*others, s)) > size:
                names = ", ".join(f"{what(o)} on {o.work_unit}" for o in others)
                found = f"{name} can do {size} at once and is busy with {names}"
                yield plan.fault(s, "crew over capacity", found, "start it when one has ended")


def _executions(plan: Inspection) -> list[Segment]:
    rows = [s for s in plan.segments if s.kind == "maintenance"]
    return sorted(rows, key=lambda s: (s.start, s.work_unit))


def _task(plan: Inspection, s: Segment) -> MaintenanceTask:
    return next(t for t in plan.unit_of[s.work_unit].maintenance if t.id == s.task)


MAINTENANCE_RULES = (
    comes_when_due,
    lasts_as_long_as_it_takes,
    is_done_in_the_crew_shift,
    fits_its_crew,
)
