"""What a plan costs and causes, counted from its segments alone. Knows no solver.

Conventions at the edges
------------------------
* Only time inside the horizon counts. A unit in no segment draws its *off* power; overlapping
  segments (a fault that ``check`` names) each add their power above *off*.
* Segments that name an unknown work unit, or whose times are not numbers, count nothing.
* One setup is all *setup* segments of one operation on one unit, however often it pauses. A change
  of setup key that takes no time is no setup and costs nothing.
* Maintenance is matched to the due executions of its task in time order; an execution beyond them
  is charged its plain cost.
* Hazard: a certain failure (constant law) counts as one, once. A mode without a recorded age is
  new.
* An order is complete when the last operation of its route ends. An order finished before the
  cut-off is charged nothing; any other without an end is late until the end of the horizon.
* An operation has moved when its first minute of work is over 60 min away from the one planned
  before, or on another unit. Operations that run at the cut-off, or are in only one of the two
  plans, do not count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from twin.accounting.energy import MINUTES_PER_HOUR, GridBill, energy_of_intervals, grid_bill
from twin.behaviour.renewals import expected_failures
from twin.model.failures import FailureMode
from twin.model.forecast import Forecast
from twin.model.horizon import Array, Horizon
from twin.model.maintenance import DueTask, due_tasks
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, State, WorkUnit
from twin.model.schedule import Assignment, Kind, Schedule, Segment, Value
from twin.model.state import ShopState, UnitState

MOVED_MINUTES = 60.0
"""A planned start that moves by more than this has moved [min]."""
TOLERANCE = 1e-6
"""Two instants closer than this are the same [min]."""

STATE_OF_KIND: dict[Kind, State] = {
    "startup": "startup",
    "setup": "setup",
    "work": "working",
    "maintenance": "maintenance",
    "standby": "standby",
}


def value_of(
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    forecast: Forecast,
    state: ShopState,
    previous: Schedule | None = None,
) -> Value:
    """Count every cost of a plan, and its energy, carbon and peak.

    Raises
    ------
    ValueError
        If plan and forecast are not on the same horizon.
    """
    if schedule.horizon != forecast.horizon:
        raise ValueError("the schedule and the forecast have different horizons")
    draw = site_draw(planned_energy(schedule, plant), plant, schedule.horizon)
    bill = grid_bill(draw, forecast)
    return value_from(
        draw,
        bill,
        plant,
        setup_cost=_setup_cost(schedule, plant),
        maintenance_cost=_maintenance_cost(schedule, plant, state),
        failure_cost=_failure_cost(schedule, plant, state),
        tardiness_cost=_tardiness_cost(schedule, plant, orders, state),
        change_cost=plant.costs.moved_operation
        * moved_operations(schedule, plant, orders, state, previous),
    )


def value_from(
    draw_kwh: Array,
    bill: GridBill,
    plant: Plant,
    *,
    setup_cost: float,
    maintenance_cost: float,
    failure_cost: float,
    tardiness_cost: float,
    change_cost: float,
) -> Value:
    """Put the figures of the grid connection beside the other costs."""
    return Value(
        energy_cost=bill.energy_cost,
        carbon_cost=bill.carbon_kg / 1000 * plant.costs.carbon_per_t,
        demand_cost=bill.demand_cost,
        setup_cost=setup_cost,
        maintenance_cost=maintenance_cost,
        failure_cost=failure_cost,
        tardiness_cost=tardiness_cost,
        change_cost=change_cost,
        energy_kwh=float(draw_kwh.sum()),
        import_kwh=float(bill.import_kwh.sum()),
        carbon_kg=bill.carbon_kg,
        peak_kw=bill.peak_kw,
    )


def planned_energy(schedule: Schedule, plant: Plant) -> Array:
    """Energy each work unit draws in each slot under a plan, (M, T) [kWh]."""
    horizon = schedule.horizon
    index = {unit.id: m for m, unit in enumerate(plant.work_units)}
    off = np.array([unit.power_kw.off for unit in plant.work_units])
    rows = [s for s in schedule.segments if s.work_unit in index and _is_timed(s)]
    above_off = [
        plant.work_units[index[s.work_unit]].power_kw.of(STATE_OF_KIND[s.kind])
        - off[index[s.work_unit]]
        for s in rows
    ]
    planned = energy_of_intervals(
        np.array([index[s.work_unit] for s in rows], dtype=np.int64),
        np.array([s.start for s in rows], dtype=float),
        np.array([s.end for s in rows], dtype=float),
        np.array(above_off, dtype=float),
        horizon.edges,
        len(off),
    )
    return planned + off[:, None] * (horizon.slot_minutes / MINUTES_PER_HOUR)


def site_draw(unit_kwh: Array, plant: Plant, horizon: Horizon) -> Array:
    """Energy drawn by the whole site in each slot: (M, T) of the units and the base load → (T,)."""
    hours = horizon.slot_minutes / MINUTES_PER_HOUR
    return np.asarray(unit_kwh.sum(axis=0) + plant.energy.base_load_kw * hours, dtype=float)


def _is_timed(segment: Segment) -> bool:
    return (
        math.isfinite(segment.start)
        and math.isfinite(segment.end)
        and segment.kind in STATE_OF_KIND
    )


def _setup_cost(schedule: Schedule, plant: Plant) -> float:
    cost = {u.id: u.setup.cost if u.setup else 0.0 for u in plant.work_units}
    setups = {
        (s.work_unit, s.order, s.operation)
        for s in schedule.segments
        if s.kind == "setup" and s.minutes > TOLERANCE
    }
    return math.fsum(cost.get(unit, 0.0) for unit, _, _ in setups)


def _maintenance_cost(schedule: Schedule, plant: Plant, state: ShopState) -> float:
    starts: dict[tuple[str, str], list[float]] = {}
    for s in schedule.segments:
        if s.kind == "maintenance" and _is_timed(s):
            starts.setdefault((s.work_unit, s.task), []).append(s.start)
    return executions_cost(starts, plant, due_tasks(plant, state, schedule.horizon))


def executions_cost(
    starts: dict[tuple[str, str], list[float]], plant: Plant, due: Iterable[DueTask]
) -> float:
    """Cost of preventive executions [currency], matched in time order to the due ones.

    ``starts`` are minutes by (work unit, task). Executions beyond the due ones cost ``task.cost``.
    """
    due_of: dict[tuple[str, str], list[DueTask]] = {}
    for item in due:
        due_of.setdefault((item.work_unit, item.task.id), []).append(item)
    total = 0.0
    for unit in plant.work_units:
        for task in unit.maintenance:
            begun = sorted(starts.get((unit.id, task.id), []))
            planned = sorted(due_of.get((unit.id, task.id), []), key=lambda d: d.due)
            total += math.fsum(d.cost_at(t) for d, t in zip(planned, begun, strict=False))
            total += task.cost * max(len(begun) - len(planned), 0)
    return total


def _failure_cost(schedule: Schedule, plant: Plant, state: ShopState) -> float:
    return math.fsum(
        mode.cost * _expected_failures(mode, unit, schedule, state.unit(unit.id))
        for unit in plant.work_units
        for mode in unit.failure_modes
        if mode.cost > 0
    )


def _expected_failures(
    mode: FailureMode, unit: WorkUnit, schedule: Schedule, condition: UnitState
) -> float:
    """Failures a mode is expected to bring over the horizon, each mended as new; preventive tasks
    that renew the mode begin a new life."""
    minutes = float(schedule.horizon.minutes)
    segments = [s for s in schedule.segments if s.work_unit == unit.id and _is_timed(s)]
    renewing = {task.id for task in unit.maintenance if mode.id in task.renews}
    renewals = sorted(
        min(max(s.end, 0.0), minutes)
        for s in segments
        if s.kind == "maintenance" and s.task in renewing
    )
    bounds = [0.0, *renewals, minutes]
    ages = [condition.ages.get(mode.id, 0.0)] + [0.0] * len(renewals)
    spans = pairwise(bounds)
    if mode.clock == "operating":
        lived = [_work_minutes(segments, begin, end) for begin, end in spans]
    else:
        lived = [end - begin for begin, end in spans]
    return math.fsum(
        expected_failures(mode.life, age, life) for age, life in zip(ages, lived, strict=True)
    )


def _work_minutes(segments: Sequence[Segment], begin: float, end: float) -> float:
    work = (s for s in segments if s.kind == "work")
    return math.fsum(max(min(s.end, end) - max(s.start, begin), 0.0) for s in work)


def _tardiness_cost(schedule: Schedule, plant: Plant, orders: OrderBook, state: ShopState) -> float:
    ends: dict[tuple[str, str], float] = {}
    for a in schedule.assignments:
        ends[a.order, a.operation] = max(a.end, ends.get((a.order, a.operation), a.end))
    completion = {
        order.id: ends.get((order.id, route_of(order, plant)[-1]))
        for order in open_orders(orders, plant, state)
    }
    hours = weighted_tardiness(completion, orders, schedule.horizon)
    return hours * plant.costs.tardiness_per_h


def weighted_tardiness(
    completion: dict[str, float | None], orders: OrderBook, horizon: Horizon
) -> float:
    """Σ weight · tardiness [h] of the orders in ``completion`` [min]; None: late until the end."""
    total = 0.0
    for order in orders:
        if order.id in completion:
            end = completion[order.id]
            late = (horizon.minutes if end is None else end) - horizon.to_minutes(order.due_date)
            total += order.weight * max(late, 0.0) / MINUTES_PER_HOUR
    return total


def open_orders(orders: OrderBook, plant: Plant, state: ShopState) -> list[WorkOrder]:
    """Orders with operations left to do at the cut-off."""
    return [o for o in orders if state.order(o.id).operations_done < len(route_of(o, plant))]


def route_of(order: WorkOrder, plant: Plant) -> list[str]:
    """Operations of an order's product, in order."""
    return plant.route_of(plant.product(order.product))


def moved_operations(
    schedule: Schedule,
    plant: Plant,
    orders: OrderBook,
    state: ShopState,
    previous: Schedule | None,
) -> int:
    """Operations whose start moved by over an hour, or whose unit changed, since the last plan."""
    if previous is None:
        return 0
    shift = schedule.horizon.to_minutes(previous.horizon.start)
    running = running_operations(orders, plant, state)
    before, now = _first_assignments(previous), _first_assignments(schedule)
    return sum(
        now[key].work_unit != before[key].work_unit
        or abs(now[key].start - (before[key].start + shift)) > MOVED_MINUTES + TOLERANCE
        for key in now.keys() & before.keys() - running
    )


def _first_assignments(schedule: Schedule) -> dict[tuple[str, str], Assignment]:
    first: dict[tuple[str, str], Assignment] = {}
    for a in schedule.assignments:
        first.setdefault((a.order, a.operation), a)
    return first


def running_operations(orders: OrderBook, plant: Plant, state: ShopState) -> set[tuple[str, str]]:
    """(order, operation) under way on a work unit at the cut-off."""
    return {
        (order.id, route_of(order, plant)[state.order(order.id).operations_done])
        for order in open_orders(orders, plant, state)
        if state.order(order.id).running_on
    }
