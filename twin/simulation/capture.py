"""The exact state of a simulated plant between two instants: what :mod:`resume` takes up."""

from __future__ import annotations

from twin.model.snapshot import Place, Snapshot
from twin.simulation.jobs import Job
from twin.simulation.material import Materials
from twin.simulation.resume import first_starts
from twin.simulation.simpy_engine import Twin, planned_units


def capture(twin: Twin, materials: Materials) -> Snapshot:
    """Where everything stands; ``materials`` say what has been made of what up to now."""
    shop, plant = twin.shop, twin.plant.plant
    inside = _inside(twin)
    came = sorted(job.came for job in inside if job.is_waiting)
    rank = {number: n for n, number in enumerate(came)}
    jobs = {shop.name(job): shop.snapshot(job, rank.get(job.came, 0)) for job in inside}
    units = {unit.facts.id: unit.snapshot(shop.name) for unit in twin.units}
    return Snapshot(
        units=units,
        jobs=jobs,
        complete=_complete(twin),
        good=_good(twin),
        places_used=_places_used(twin),
        mounted=materials.coils.by_unit(),
        issued=dict(materials.coils.issued),
        histories=materials.snapshot(jobs),
        sources={f.id: s.snapshot() for f, s in zip(plant.sources, twin.sources, strict=True)},
        stocks={
            f.id: s.snapshot(shop.name) for f, s in zip(plant.stocks, shop.stocks, strict=True)
        },
        transports={
            f.id: t.snapshot(shop.name)
            for f, t in zip(plant.transports, shop.transports, strict=True)
        },
        causes={
            f.id: cause.snapshot()
            for f, cause in zip(plant.common_causes, twin.causes, strict=True)
        },
    )


def _inside(twin: Twin) -> list[Job]:
    """Jobs that have been released and are not complete."""
    to_come = {job.number for job in twin.unreleased()}
    return [job for job in twin.shop.jobs if not job.is_complete and job.number not in to_come]


def _complete(twin: Twin) -> tuple[str, ...]:
    """Orders all of whose jobs are complete."""
    orders = {order.id: True for order in twin.experiment.orders}
    for job in twin.shop.jobs:
        if job.order.id in orders and not job.is_complete:
            orders[job.order.id] = False
    return tuple(id for id, is_complete in orders.items() if is_complete)


def _good(twin: Twin) -> dict[str, int]:
    """Good pieces so far of orders that are not complete."""
    complete, good = set(_complete(twin)), twin.floor.tally.order_good
    return {
        order.id: good[n]
        for n, order in enumerate(twin.experiment.orders)
        if good[n] and order.id not in complete
    }


def _places_used(twin: Twin) -> tuple[Place, ...]:
    """Places of the plan that are not there any more."""
    schedule, plant, now = twin.experiment.schedule, twin.plant, twin.floor.now
    if schedule is None:
        return ()
    used = planned_units(schedule, plant).keys() - twin.shop.planned.keys()
    starts = first_starts(schedule)
    names = sorted((order, plant.operation_ids[operation]) for order, operation in used)
    return tuple(Place(*name, starts[name] - now) for name in names)
