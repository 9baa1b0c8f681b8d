"""What a plan owes to the work orders. Each rule is a function: the faults of one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from twin.accounting.inspection import (
    Inspection,
    OperationKey,
    in_words,
    is_later,
    is_same,
    total_minutes,
)
from twin.accounting.value import TOLERANCE
from twin.errors import Fault, did_you_mean
from twin.model.schedule import Segment


def is_complete(plan: Inspection) -> Iterator[Fault]:
    """Every remaining operation of every order is planned, or the order is listed as unplaced.

    An unplaced order has no segments, but for the operation that runs at the cut-off.
    """
    for order in plan.orders:
        remaining = plan.remaining(order.id)
        missing = [o for o in remaining if (order.id, o) not in plan.work]
        if order.id in plan.schedule.unplaced:
            if planned := _planned_though_unplaced(plan, order.id):
                found = f"unplaced, yet planned: {', '.join(planned)} in the plan"
                yield Fault(f"order {order.id}", found, "plan all of it or none of it")
        elif missing == remaining and remaining:
            found = "order missing: nothing of it is planned, and it is not listed as unplaced"
            yield Fault(f"order {order.id}", found, "plan it, or list it as unplaced")
        elif missing:
            found = f"operation missing: {', '.join(missing)} not planned"
            yield Fault(f"order {order.id}", found, "plan the rest of the route")


def _planned_though_unplaced(plan: Inspection, order: str) -> list[str]:
    named = {s.operation for s in plan.segments if s.order == order}
    running = {o for o in named if (order, o) in plan.running}
    return sorted(named if running == set(plan.remaining(order)) else named - running)


def unplaced_are_known(plan: Inspection) -> Iterator[Fault]:
    """The list of unplaced orders names orders of the book, each once."""
    seen: set[str] = set()
    for id in plan.schedule.unplaced:
        if id not in plan.order_of:
            remedy = did_you_mean(id, plan.order_of)
            yield Fault("unplaced orders", f'unknown order: "{id}"', remedy)
        elif id in seen:
            yield Fault("unplaced orders", f"order {id} is listed twice", "list it once")
        seen.add(id)


def is_not_done_again(plan: Inspection) -> Iterator[Fault]:
    """An operation finished before the cut-off is not planned."""
    for key, work in plan.work.items():
        if key[1] not in plan.remaining(key[0]):
            found = "it was finished before the cut-off"
            yield plan.fault(work[0], "already done", found, "leave it out")


def runs_on_an_eligible_unit(plan: Inspection) -> Iterator[Fault]:
    """Setup and work happen on a unit that can do the operation for the product."""
    for s in _first_by_unit(plan):
        if not plan.is_eligible((s.order, s.operation), s.work_unit):
            product = plan.order_of[s.order].product
            made = plan.compiled.plant.product(product)
            able = [u.id for u in plan.compiled.plant.units_for(s.operation, made)]
            found = f"{s.work_unit} cannot {s.operation} {product}"
            yield plan.fault(s, "wrong unit", found, f"use {' or '.join(able)}")


def _first_by_unit(plan: Inspection) -> list[Segment]:
    first: dict[tuple[str, str, str], Segment] = {}
    for s in plan.segments:
        if s.kind in ("setup", "work"):
            first.setdefault((s.work_unit, s.order, s.operation), s)
    return list(first.values())


def stays_on_one_unit(plan: Inspection) -> Iterator[Fault]:
    """All work of an operation is on one unit."""
    for work in plan.work.values():
        units = sorted({s.work_unit for s in work})
        if len(units) > 1:
            found = f"its work is on {' and '.join(units)}"
            yield plan.fault(work[0], "split operation", found, "keep it on one unit")


def works_as_long_as_it_takes(plan: Inspection) -> Iterator[Fault]:
    """The work of an operation adds up to its processing time, once."""
    for key, work in plan.work.items():
        unit = work[0].work_unit
        if not plan.is_eligible(key, unit) or key[1] not in plan.remaining(key[0]):
            continue
        needed, planned = plan.needed_minutes(key, unit), total_minutes(work)
        if is_same(planned, needed):
            continue
        times = planned / needed if needed > TOLERANCE else 0.0
        if round(times) >= 2 and is_same(planned, round(times) * needed):
            found = f"{round(times)} times {in_words(needed)} of work"
            yield plan.fault(work[0], "planned twice", found, "plan it once")
        else:
            found = f"{in_words(planned)} planned; it takes {in_words(needed)}"
            yield plan.fault(work[0], "wrong work minutes", found, "plan its processing time")


def follows_its_route(plan: Inspection) -> Iterator[Fault]:
    """The work of an operation starts when the one before it on the route has ended."""
    for order in plan.orders:
        planned = [o for o in plan.route(order.id) if (order.id, o) in plan.work]
        for before, after in pairwise(planned):
            end = max(s.end for s in plan.work[order.id, before])
            first = plan.work[order.id, after][0]
            if is_later(end, first.start):
                found = f"{before} of the same order ends at {plan.at(end)}"
                yield plan.fault(first, "operation order", found, f"start it after {before}")


def waits_for_its_release(plan: Inspection) -> Iterator[Fault]:
    """Nothing of an order starts before its release, but what was already running."""
    horizon = plan.schedule.horizon
    first: dict[str, Segment] = {}
    for s in sorted(plan.segments, key=lambda s: s.start):
        if s.kind in ("setup", "work") and (s.order, s.operation) not in plan.running:
            first.setdefault(s.order, s)
    for id, s in first.items():
        release = horizon.to_minutes(plan.order_of[id].release_date)
        if is_later(release, s.start):
            found = f"order {id} is released at {plan.at(release)}"
            yield plan.fault(s, "before release", found, "start it then")


def goes_on_where_it_runs(plan: Inspection) -> Iterator[Fault]:
    """An operation running at the cut-off goes on at once, on its unit, before all else."""
    for key, unit in plan.running.items():
        if unit not in plan.unit_of:
            continue
        work = plan.work.get(key, ())
        if work and work[0].work_unit != unit:
            found = f"it is running on {unit}"
            yield plan.fault(work[0], "running operation moved", found, f"finish it on {unit}")
            continue
        yield from _before_the_running(plan, key, unit)
        if work and is_later(work[0].start, latest := _latest_restart(plan, unit)):
            found = f"it is running and can go on at {plan.at(latest)}"
            yield plan.fault(work[0], "running operation delayed", found, "go on then")


def _before_the_running(plan: Inspection, key: OperationKey, unit: str) -> Iterator[Fault]:
    for s in plan.by_unit[unit]:
        if s.kind in ("startup", "standby"):
            continue
        if s.kind != "work" or (s.order, s.operation) != key:
            found = f"{key[1]} of order {key[0]} is running on {unit} and comes first"
            yield plan.fault(s, "running operation not first", found, "move it behind that")
        return


def _latest_restart(plan: Inspection, unit: str) -> float:
    """When a running operation goes on at the latest: after a startup where the unit is off."""
    free, opens = plan.available_from(unit), plan.open_time(unit).next_open
    return opens(free if plan.is_on(unit) else free + plan.unit_of[unit].startup_time)


def fits_its_buffers(plan: Inspection) -> Iterator[Fault]:
    """No batch arrives at a buffer without room for it, unless it waits there alone.

    What the plan cannot change is no fault: batches that wait at the cut-off, or come from an
    operation running then, may meet.
    """
    for operation in plan.compiled.plant.operations:
        if operation.buffer_kg is None:
            continue
        waits = _waits_before(plan, operation.id)
        for arriving in waits:
            at = arriving.begin
            here = [w for w in waits if w.begin <= at and is_later(w.end, at)]
            load = sum(plan.mass_kg(w.order) for w in here)
            is_over = len(here) > 1 and load > operation.buffer_kg * (1 + 1e-9)
            if is_over and at > 0 and not all(w.is_given for w in here):
                yield Fault(
                    f"buffer before {operation.id}, {plan.at(at)}",
                    f"buffer over capacity: with order {arriving.order} there wait {load:g} kg "
                    f"({', '.join(w.order for w in here)}); it holds {operation.buffer_kg:g} kg",
                    f"start {operation.id} of one earlier, or bring {arriving.order} later",
                )


@dataclass(frozen=True, order=True)
class _Wait:
    """A batch in the buffer before an operation, from ``begin`` to ``end`` [min]."""

    begin: float
    end: float
    order: str
    is_given: bool
    """Waits at the cut-off, or comes from an operation running then."""


def _waits_before(plan: Inspection, operation: str) -> list[_Wait]:
    waits = (_wait(plan, order.id, operation) for order in plan.orders)
    return sorted(w for w in waits if w and is_later(w.end, w.begin))


def _wait(plan: Inspection, order: str, operation: str) -> _Wait | None:
    route, remaining = plan.route(order), plan.remaining(order)
    if operation not in remaining or route[0] == operation or (order, operation) in plan.running:
        return None
    work = plan.work.get((order, operation))
    until = work[0].start if work else float(plan.schedule.horizon.minutes)
    before = route[route.index(operation) - 1]
    if before not in remaining:
        return _Wait(0.0, until, order, True)
    if (order, before) not in plan.work:
        return None
    arrival = max(s.end for s in plan.work[order, before])
    return _Wait(arrival, until, order, (order, before) in plan.running)


ORDER_RULES = (
    is_complete,
    unplaced_are_known,
    is_not_done_again,
    runs_on_an_eligible_unit,
    stays_on_one_unit,
    works_as_long_as_it_takes,
    follows_its_route,
    waits_for_its_release,
    goes_on_where_it_runs,
    fits_its_buffers,
)
