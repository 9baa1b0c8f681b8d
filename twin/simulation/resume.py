"""Go on from a snapshot: the SimPy reference is put where a plant stood at an instant.

Everything that was under way goes on at instant 0 of the new horizon, with the timers that were set
before it. What falls on that very instant has not happened yet, and happens now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import timedelta

from twin.errors import NoriaError
from twin.model.horizon import Horizon
from twin.model.orders import WorkOrder
from twin.model.schedule import Schedule
from twin.model.snapshot import JobSnapshot, Place, Snapshot, UnitSnapshot
from twin.simulation.agenda import Planned
from twin.simulation.clock import minutes, to_tick
from twin.simulation.jobs import Job
from twin.simulation.shop import Shop
from twin.simulation.sources import new_job
from twin.simulation.work_unit import WorkUnit

_TICK = timedelta(microseconds=1)


def rest_of(schedule: Schedule, horizon: Horizon) -> Schedule:
    """A plan told from a later instant, to be followed on; what lies before it stays in it."""
    cut = (horizon.start - schedule.horizon.start) // _TICK
    moved = (
        replace(s, start=minutes(to_tick(s.start) - cut), end=minutes(to_tick(s.end) - cut))
        for s in schedule.segments
    )
    return replace(schedule, horizon=horizon, segments=tuple(moved))


def take_up(
    state: Snapshot, shop: Shop, units: Sequence[WorkUnit], schedule: Schedule | None
) -> list[list[Job]]:
    """Put jobs, units and people where they were; returns the orders that are not yet released.

    Raises
    ------
    NoriaError
        If the state was read from another plant or order book.
    """
    _refuse_strangers(state, shop, units)
    jobs = {shop.name(job): job for job in shop.jobs}
    to_release = _orders_to_release(state, shop)
    _add_parts(state, shop, jobs)
    _put_jobs(state, shop, jobs, units, {job.number for order in to_release for job in order})
    for stock, facts in zip(shop.stocks, shop.plant.plant.stocks, strict=True):
        stock.take_up(state.stocks[facts.id], jobs)
    for transport, belt in zip(shop.transports, shop.plant.plant.transports, strict=True):
        transport.take_up(state.transports[belt.id], jobs)
    used = _use_up_places(state.places_used, shop, schedule)
    for unit in units:
        unit.take_up(state.units[unit.facts.id], jobs)
    _leave_to_their_units(state, shop, units, jobs, used)
    return to_release


def _refuse_strangers(state: Snapshot, shop: Shop, units: Sequence[WorkUnit]) -> None:
    """Everything the state names must be there, and all that is there must have its state."""
    plant = shop.plant.plant
    here = {
        "order": {job.order.id for job in shop.jobs},
        "source": {source.id for source in plant.sources},
        "work unit": set(shop.plant.unit_ids),
        "stock": {stock.id for stock in plant.stocks},
        "transport": {transport.id for transport in plant.transports},
        "common cause": {cause.id for cause in plant.common_causes},
        "failure mode": {f"{u.id}/{mode.id}" for u in plant.work_units for mode in u.failure_modes},
        "task": {f"{unit.id}/{task.id}" for unit in plant.work_units for task in unit.maintenance},
    }
    needed = here | {
        "order": set(),
        "task": {f"{u.facts.id}/{task}" for u in units for task in u.hindrance.upkeep.tasks},
    }
    named = {
        "order": {*state.complete, *(job.origin for job in state.jobs.values())} - here["source"],
        "source": set(state.sources),
        "work unit": set(state.units),
        "stock": set(state.stocks),
        "transport": set(state.transports),
        "common cause": set(state.causes),
        "failure mode": {f"{id}/{mode}" for id, seen in state.units.items() for mode in seen.modes},
        "task": {f"{id}/{task}" for id, seen in state.units.items() for task in seen.tasks},
    }
    for kind, names in named.items():
        for name in sorted(names - here[kind] | needed[kind] - names):
            fault = "is not in this plant" if name in names else "is not in the state"
            remedy = "read the state from a log of this plant and these orders"
            if kind == "task" and name not in names:
                remedy += " without a plan, or go on with a plan"
            raise NoriaError(f"exact state: {kind} {name} {fault}; {remedy}")


# --- jobs ---


def _orders_to_release(state: Snapshot, shop: Shop) -> list[list[Job]]:
    """Orders of which the state knows no job."""
    known = {*state.complete, *(job.origin for job in state.jobs.values())}
    orders: dict[int, list[Job]] = {}
    for job in shop.jobs:
        if job.order.id not in known:
            orders.setdefault(job.origin, []).append(job)
    return list(orders.values())


def _add_parts(state: Snapshot, shop: Shop, jobs: dict[str, Job]) -> None:
    """Parts of sources that are in the plant, or that a unit still names."""
    sources = {source.id: n for n, source in enumerate(shop.plant.plant.sources)}
    orders = len({job.origin for job in shop.jobs})
    rows = {(seen.origin, seen.serial): seen for seen in state.jobs.values()}
    for unit in state.units.values():
        if unit.named is not None and unit.named[0] not in {*jobs, *state.jobs}:
            id, _, number = unit.named[0].rpartition("-")
            rows[id, int(number) - 1] = _gone(id, int(number) - 1)
    for (id, serial), seen in sorted(rows.items()):
        if id in sources and (id, serial) not in _known(jobs, orders):
            job = _part(shop, sources[id], orders, serial, seen.released)
            jobs[shop.name(job)] = job


def _gone(source: str, serial: int) -> JobSnapshot:
    """A part that has left the plant before the rest of its load."""
    return JobSnapshot(source, serial, 0, (), 0, 0)


def _known(jobs: Mapping[str, Job], orders: int) -> set[tuple[str, int]]:
    return {(job.order.id, job.serial) for job in jobs.values() if job.origin >= orders}


def _part(shop: Shop, index: int, orders: int, serial: int, released: int) -> Job:
    facts, start = shop.plant.plant.sources[index], shop.plant.horizon.start
    order = WorkOrder(facts.id, facts.product, facts.quantity, start, start)
    due = minutes(released + to_tick(facts.due_after))
    return new_job(shop, order, orders + index, serial, due, facts.quantity)


def _put_jobs(
    state: Snapshot, shop: Shop, jobs: Mapping[str, Job], units: Sequence[WorkUnit],
    to_come: Set[int],
) -> None:  # fmt: skip
    """All jobs where they were; what has been released and is not in the plant is complete."""
    for name, job in jobs.items():
        if name not in state.jobs and job.number not in to_come:
            shop.put_complete(job)
        if job.order.id in state.good:
            shop.count_good(job, state.good[job.order.id])
    holders = {
        name: unit.index
        for unit in units
        for name in state.units[unit.facts.id].jobs
        if state.units[unit.facts.id].base == "blocked"
    }
    for name, seen in sorted(state.jobs.items(), key=lambda row: row[1].came):
        shop.put_back(jobs[name], seen, holders.get(name))


# --- a plan ---


def _use_up_places(
    places: tuple[Place, ...], shop: Shop, schedule: Schedule | None
) -> set[tuple[str, int]]:
    """Places of the plan that were used before, if it is the same plan; returns which."""
    here = {} if schedule is None else first_starts(schedule)
    used = {
        (place.order, shop.plant.operation_index[place.operation])
        for place in places
        if here.get((place.order, place.operation)) == place.start
    }
    for key in used:
        shop.planned.pop(key, None)
    return used


def first_starts(schedule: Schedule) -> dict[tuple[str, str], int]:
    """When the work on each operation begins in a plan, by (order, operation) [tick]."""
    found: dict[tuple[str, str], int] = {}
    for s in schedule.segments:
        if s.kind == "work":
            key = s.order, s.operation
            found[key] = min(to_tick(s.start), found.get(key, to_tick(s.start)))
    return found


def _leave_to_their_units(
    state: Snapshot, shop: Shop, units: Sequence[WorkUnit], jobs: Mapping[str, Job],
    used: set[tuple[str, int]],
) -> None:  # fmt: skip
    """Work under way, or claimed without a place in this plan, stays with its unit."""
    for unit in units:
        seen: UnitSnapshot = state.units[unit.facts.id]
        names = [name for name, _ in seen.under_way]
        if seen.base != "blocked" and not unit.has_place:
            names += seen.jobs
        for key in {(jobs[name].order.id, jobs[name].operation) for name in names} - used:
            shop.planned.pop(key, None)
            for other in units:
                if isinstance(other.agenda, Planned):
                    other.agenda.drop(*key)
