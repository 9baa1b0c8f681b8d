"""Go on from a snapshot: the SimPy reference is put where a plant stood at an instant.

Everything that was under way goes on at instant 0 of the new horizon, with the timers that were set
before it. What falls on that very instant has not happened yet, and happens now.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from twin.behaviour.reliability import ModeLife, Reliability
from twin.errors import NoriaError
from twin.model import snapshot
from twin.model.orders import WorkOrder
from twin.model.snapshot import (
    JobSnapshot,
    ModeSnapshot,
    Snapshot,
    TaskSnapshot,
    UnitSnapshot,
)
from twin.simulation.agenda import Planned, Step
from twin.simulation.clock import GRACE, NEVER, minutes, to_tick
from twin.simulation.crews import Busy, Call, Kind, People
from twin.simulation.hindrance import Hindrance, Overlay
from twin.simulation.jobs import Job
from twin.simulation.shop import Shop
from twin.simulation.sources import new_job
from twin.simulation.upkeep import Duty, Task, Upkeep
from twin.simulation.work import Work
from twin.simulation.work_unit import Base, WorkUnit


def take_up(state: Snapshot, shop: Shop, units: Sequence[WorkUnit], people: People) -> list[Job]:
    """Put jobs, units and people where they were; returns the jobs that are not yet released.

    Raises
    ------
    NoriaError
        If the state was read from another plant or order book.
    """
    _refuse_strangers(state, shop)
    unit_of = {unit.facts.id: unit for unit in units}
    jobs = {job.order.id: job for job in shop.jobs}
    for name in state.complete:
        job = jobs[name]
        job.go_to(len(job.route))
        job.is_complete = True
    for name in state.jobs:
        if name not in jobs:
            jobs[name] = _part(shop, name, state.jobs[name].released)
    for name, where in sorted(state.jobs.items(), key=lambda row: row[1].came):
        holder = unit_of[where.holder] if where.holder else None
        _put_job(shop, jobs[name], where, holder)
    for name, seen in state.units.items():
        _put_unit(unit_of[name], seen, jobs.get(seen.order), shop, people)
    known = {*state.complete, *state.jobs}
    return [job for job in shop.jobs if job.order.id not in known and job.order.id in jobs]


def _refuse_strangers(state: Snapshot, shop: Shop) -> None:
    """Everything the state names must be there, and every unit must have its state."""
    plant = shop.plant.plant
    here = {
        "order": {job.order.id for job in shop.jobs},
        "source": {source.id for source in plant.sources},
        "work unit": set(shop.plant.unit_ids),
        "failure mode": {f"{u.id}/{mode.id}" for u in plant.work_units for mode in u.failure_modes},
        "task": {f"{unit.id}/{task.id}" for unit in plant.work_units for task in unit.maintenance},
    }
    parts = {name for name in state.jobs if name.rpartition("-")[0] in here["source"]}
    named = {
        "order": {*state.complete, *state.jobs} - parts,
        "source": set(state.sources),
        "work unit": set(state.units),
        "failure mode": {f"{id}/{mode}" for id, seen in state.units.items() for mode in seen.modes},
        "task": {f"{id}/{task}" for id, seen in state.units.items() for task in seen.tasks},
    }
    for kind, names in named.items():
        strange = names - here[kind]
        missing = set() if kind == "order" else here[kind] - names
        for name in sorted(strange | missing):
            fault = "is not in this plant" if name in strange else "is not in the state"
            raise NoriaError(
                f"exact state: {kind} {name} {fault}; read the state from a log of this plant "
                "and these orders"
            )


# --- jobs ---


def _part(shop: Shop, name: str, released: int) -> Job:
    """A part of a source that is in the plant."""
    id, _, number = name.rpartition("-")
    plant = shop.plant.plant
    index = next(n for n, source in enumerate(plant.sources) if source.id == id)
    origin = len(shop._jobs_left) + index
    facts, start = plant.sources[index], shop.plant.horizon.start
    order = WorkOrder(id, facts.product, facts.quantity, start, start)
    due = minutes(released + to_tick(facts.due_after))
    return new_job(shop, order, origin, int(number) - 1, due, facts.quantity)


def _put_job(shop: Shop, job: Job, where: JobSnapshot, holder: WorkUnit | None) -> None:
    job.go_to(where.step)
    job.pieces = where.pieces
    job.visits[: where.step] = [1] * where.step
    shop.appear(job)
    job.released = where.released
    if where.is_waiting:
        shop.put_back(job, None if holder is None else holder.index, where.arrived)
    if holder is not None:
        holder._held.append(job)


# --- units ---


def _put_unit(
    unit: WorkUnit, seen: UnitSnapshot, job: Job | None, shop: Shop, people: People
) -> None:
    _put_hindrance(unit.hindrance, seen, people)
    unit.base = Base[seen.base.upper()]
    unit.is_on, unit.setup_key = seen.is_on, seen.setup_key
    unit._idle_since = seen.idle_since
    unit._rem = seen.left
    if job is not None and unit.base is Base.BLOCKED:
        unit._named = (job.number, job.step - 1, 0)
    elif job is not None:
        unit._named = (job.number, job.step, 0)
        unit._step = Step(job.product, (job,), math.inf)
        job.is_claimed = job.is_waiting
        operation = job.operation
        shop.planned.pop((job.order.id, operation), None)
        if isinstance(unit.agenda, Planned):
            unit.agenda.drop(job.order.id, operation)
        if unit.base is Base.WORK:
            unit._work = _work(unit, seen, job)
    unit._setters = _busy(seen.setters, people)
    unit._operators = _busy(seen.operators, people)
    _call_people(unit, seen, people)
    _run_on(unit, seen)


def _call_people(unit: WorkUnit, seen: UnitSnapshot, people: People) -> None:
    """Call once more, as of then, for those it waits for."""
    step, table = unit._step, unit.facts.setup
    if unit.base is Base.SETUP_WAIT and table is not None and table.crew is not None:
        _call(unit, people, Kind.SETUP, seen.asked, table.crew, 1, unit._set_up)
    elif unit.base is Base.OPERATOR_WAIT and step is not None:
        operation = step.jobs[0].operation
        row = unit._floor.plant.rows[unit.index, operation, step.product]
        assert row.operators is not None
        begin = unit._begin_work
        _call(unit, people, Kind.OPERATORS, seen.asked, row.operators, row.people, begin)


def _call(
    unit: WorkUnit,
    people: People,
    kind: Kind,
    asked: int,
    crew: str,
    number: int,
    begin: Callable[[Busy | None], None],
) -> None:
    def can_begin() -> bool:
        return unit._is_open and unit.hindrance.overlay is Overlay.NONE

    people.call(Call(kind, asked, unit.index, crew, number, can_begin, begin))


def _busy(here: snapshot.People | None, people: People) -> Busy | None:
    """People who are busy with a unit."""
    if here is None:
        return None
    crews = people._floor.plant.plant.crews
    crew = people._crews[next(n for n, c in enumerate(crews) if c.id == here.crew)]
    crew.take(here.people)
    return Busy(crew, here.people)


def _work(unit: WorkUnit, seen: UnitSnapshot, job: Job) -> Work:
    """The work in hand, as far as it has come."""
    work = Work(unit._bench, (job,), 0.0)
    job.pieces = seen.good + sum(lot.pieces for lot in work._lots[seen.lot :])
    work.lots_left -= seen.lot
    if seen.lot_is_open:
        work.lots_left -= 1
        work.ticks, work.is_open = seen.whole, True
    return work


def _run_on(unit: WorkUnit, seen: UnitSnapshot) -> None:
    """What ran up to now runs on, unless its shift ends now; what stood may begin to."""
    if not seen.runs:
        unit.resume()
        return
    stretch = seen.left
    if unit.base is Base.WORK:
        left = [
            seen.modes[life.mode.id].left
            for life in unit.hindrance.reliability.lives
            if life.clock == "operating"
        ]
        stretch = min([stretch, *(ticks for ticks in left if ticks >= 0)])
    is_bound = unit.base is not Base.STARTUP and not unit._is_open
    if is_bound and seen.left > GRACE and stretch > 0:
        return
    unit._running_since = 0
    unit._timer.set(stretch)


# --- failures and tasks ---


def _put_hindrance(hindrance: Hindrance, seen: UnitSnapshot, people: People) -> None:
    reliability = hindrance.reliability
    for life in reliability.lives:
        _put_life(life, seen.modes[life.mode.id])
    _put_tasks(hindrance.upkeep, seen)
    ends = [life.ends for life in reliability.lives if life.clock == "calendar" and life.ends >= 0]
    if ends:
        hindrance._failure_timer.set(min(ends))
    hindrance.overlay = Overlay[seen.overlay.upper()]
    hindrance._failed = reliability.life(seen.failed) if seen.failed else None
    hindrance._helpers = _busy(seen.helpers, people)
    if seen.task:
        tasks = people._floor.plant.plant.work_units[hindrance._unit].maintenance
        index = next(n for n, task in enumerate(tasks) if task.id == seen.task)
        hindrance._task = Task(tasks[index], 0, index)
    if hindrance.overlay in (Overlay.REPAIR, Overlay.MAINTENANCE):
        hindrance._timer.set(seen.until)
    elif hindrance.overlay is Overlay.DOWN and hindrance._failed is not None:
        mode = hindrance._failed.mode
        people.call(
            Call(
                Kind.REPAIR, seen.called, hindrance._unit, mode.crew, mode.people,
                can_begin=lambda: True, begin=hindrance._repair,
            )
        )  # fmt: skip


def mode_snapshot(life: ModeLife, reading: int) -> ModeSnapshot:
    """A life at a reading of its clock."""
    return ModeSnapshot(
        virtual_age=life._age_at_start,
        life=life._life,
        left=life.ends - reading,
        age=life.age(reading),
        lives=life._life_number,
        repairs=life._repair_number,
        level=0.0 if life.wear is None else life.wear.level,
        steps=0 if life.wear is None else life.wear._steps,
        is_worn_out=life.wear is not None and life.wear.is_over,
    )


def _put_life(life: ModeLife, seen: ModeSnapshot) -> None:
    """All clocks read 0 now."""
    life._age_at_start, life._life = seen.virtual_age, seen.life
    life.ends, life.born = seen.left, -seen.age
    life._life_number, life._repair_number = seen.lives, seen.repairs
    if life.wear is not None:
        life.wear.level, life.wear._steps = seen.level, seen.steps
        life.wear.is_over = seen.is_worn_out


def task_snapshots(upkeep: Upkeep, reliability: Reliability, now: int) -> dict[str, TaskSnapshot]:
    """The preventive tasks of a unit at an instant."""
    return {
        duty.facts.id: TaskSnapshot(
            elapsed=reliability.reading(duty.clock, now) - duty.begun,
            noted=None if duty.noted is None else duty.noted - now,
            inspection=_next_inspection(duty, now),
        )
        for duty in upkeep._duties
    }


def _next_inspection(duty: Duty, now: int) -> int | None:
    if duty.inspection is None or duty.inspection.due >= NEVER:
        return None
    return duty.inspection.due - now


def _put_tasks(upkeep: Upkeep, seen: UnitSnapshot) -> None:
    for duty in upkeep._duties:
        task = seen.tasks[duty.facts.id]
        duty.begun, duty.noted = -task.elapsed, task.noted
        if duty.inspection is not None:
            duty.inspection.set(NEVER if task.inspection is None else task.inspection)
