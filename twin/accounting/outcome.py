"""What a run of a plant cost and caused, counted from its log; and many runs as a report.

The figures are those of a plan (:class:`~twin.model.schedule.Value`), with what happened in the
place of what was planned: breakdowns that occurred, at the cost of their mode, instead of the
hazard; completion times from the log; energy from the states. A run changes no plan, so its change
cost is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from twin.accounting.energy import MINUTES_PER_HOUR, grid_bill
from twin.accounting.intervals import mean_interval, observed_quantile, wilson_interval
from twin.accounting.kpi import (
    UnitTimes,
    failure_rows,
    indicators,
    log_energy,
    maintenance_rows,
    unit_times,
)
from twin.accounting.log_view import LogView, view
from twin.accounting.report import OrderReport, Report, UnitReport
from twin.accounting.value import (
    TOLERANCE,
    executions_cost,
    open_orders,
    site_draw,
    value_from,
    weighted_tardiness,
)
from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.events import EventLog
from twin.model.forecast import Forecast
from twin.model.horizon import Array
from twin.model.maintenance import due_tasks
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import STATES
from twin.model.schedule import Schedule, Value
from twin.model.state import ShopState

HIGH_LOAD = 0.95
"""Share of replications in which the site draws no more than ``load_kw_high``."""


@dataclass(frozen=True)
class Outcome:
    """One replication of a plan or a policy. Arrays follow the work units m and slots t."""

    value: Value
    completion: dict[str, float | None]
    """End of each order that was open at the cut-off [min]; None where it did not end."""
    tardiness_h: float
    """Σ weight · tardiness [h]."""
    orders_on_time: int
    good_pieces: float
    failures: Array
    """(M,) breakdowns."""
    unit_kwh: Array
    """(M,) energy [kWh]."""
    load_kw: Array
    """(T,) mean draw of the site in each slot, before own generation [kW]."""
    times: UnitTimes
    """Minutes by state, and what the ISO 22400 indicators are made of."""

    def figures(self) -> dict[str, float]:
        """Every figure of this run by name."""
        return {
            **self.value.as_dict(),
            "orders_on_time": float(self.orders_on_time),
            "good_pieces": self.good_pieces,
            "failures": float(self.failures.sum()),
            "tardiness_h": self.tardiness_h,
        }


def outcome(
    log: EventLog,
    plant: CompiledPlant,
    orders: OrderBook,
    forecast: Forecast,
    state: ShopState,
    schedule: Schedule | None = None,
) -> Outcome:
    """Count one run. What the schedule promised is not looked at; it stands for what was followed.

    Raises
    ------
    ValueError
        If plant, forecast and schedule are not on the same horizon.
    """
    if plant.horizon != forecast.horizon or (schedule and schedule.horizon != plant.horizon):
        raise ValueError("plant, forecast and schedule have different horizons")
    seen = view(log, plant)
    energy = log_energy(seen)
    draw = site_draw(energy, plant.plant, plant.horizon)
    completion = _completion(seen, orders, state)
    tardiness = weighted_tardiness(completion, orders, plant.horizon)
    busy = frozenset(
        m for m, id in enumerate(plant.unit_ids) if state.unit(id).unavailable_minutes > 0
    )
    failed = failure_rows(seen, busy)
    value = value_from(
        draw,
        grid_bill(draw, forecast),
        plant.plant,
        setup_cost=_setup_cost(seen),
        maintenance_cost=_maintenance_cost(seen, state, busy),
        failure_cost=_failure_cost(seen, failed.tolist()),
        tardiness_cost=tardiness * plant.plant.costs.tardiness_per_h,
        change_cost=0.0,
    )
    return Outcome(
        value=value,
        completion=completion,
        tardiness_h=tardiness,
        orders_on_time=_orders_on_time(completion, orders, plant),
        good_pieces=_good_pieces(seen),
        failures=np.bincount(seen.stays.unit[failed], minlength=len(plant.unit_ids)).astype(float),
        unit_kwh=energy.sum(axis=1),
        load_kw=draw / (plant.horizon.slot_minutes / MINUTES_PER_HOUR),
        times=unit_times(seen),
    )


def _completion(log: LogView, orders: OrderBook, state: ShopState) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for order in open_orders(orders, log.plant.plant, state):
        done = log.completed.get(order.id)
        is_inside = done is not None and done.minute <= log.plant.horizon.minutes
        found[order.id] = done.minute if done and is_inside else None
    return found


def _orders_on_time(
    completion: dict[str, float | None], orders: OrderBook, plant: CompiledPlant
) -> int:
    due = {order.id: plant.horizon.to_minutes(order.due_date) for order in orders}
    minutes = plant.horizon.minutes
    return sum(is_on_time(end, due[id], minutes) for id, end in completion.items())


def is_on_time(end: float | None, due: float, horizon: float) -> bool:
    """Whether an order is not late by the end of the horizon, all in minutes.

    One that did not end (None) is late if it was due before the horizon's end; of one that is due
    later nothing is known yet, and it is not called late.
    """
    return due > horizon if end is None else end <= due + TOLERANCE


def _good_pieces(log: LogView) -> float:
    minutes = log.plant.horizon.minutes
    return sum(done.good for done in log.completed.values() if 0 <= done.minute <= minutes)


def _setup_cost(log: LogView) -> float:
    """One charge for each operation set up on a unit, however often its setup was interrupted."""
    stays, minutes = log.stays, log.plant.horizon.minutes
    is_setup = (stays.state == _SETUP) & (stays.end > stays.start)
    rows = np.flatnonzero(is_setup & (stays.start >= 0) & (stays.start < minutes)).tolist()
    setups = {(int(stays.unit[i]), stays.order[i], stays.operation[i]) for i in rows}
    tables = [unit.setup for unit in log.plant.plant.work_units]
    return math.fsum(table.cost for m, _, _ in setups if (table := tables[m]) is not None)


_SETUP = STATE_INDEX["setup"]


def _maintenance_cost(log: LogView, state: ShopState, busy: frozenset[int]) -> float:
    """Executions begun, matched in time order to the due ones as in a plan."""
    starts: dict[tuple[str, str], list[float]] = {}
    for i in maintenance_rows(log, busy).tolist():
        key = (log.plant.unit_ids[log.stays.unit[i]], str(log.stays.reason[i]))
        starts.setdefault(key, []).append(float(log.stays.start[i]))
    plant = log.plant.plant
    return executions_cost(starts, plant, due_tasks(plant, state, log.plant.horizon))


def _failure_cost(log: LogView, failed: list[int]) -> float:
    """Cost of the breakdowns that occurred; one of an unknown mode costs nothing."""
    cost = {
        (m, mode.id): mode.cost
        for m, unit in enumerate(log.plant.plant.work_units)
        for mode in unit.failure_modes
    }
    stays = log.stays
    return math.fsum(cost.get((int(stays.unit[i]), str(stays.reason[i])), 0.0) for i in failed)


def summarize(
    name: str,
    outcomes: Sequence[Outcome],
    plant: CompiledPlant,
    orders: OrderBook,
    schedule: Schedule | None,
    *,
    seed: int,
    engine: str,
    level: float = 0.9,
) -> Report:
    """Condense the replications of one plan (or policy, without a schedule).

    Means carry Student's interval, probabilities Wilson's. Indicators of work units are ratios of
    sums over all replications. Orders finished before the cut-off are not in the report.

    Raises
    ------
    ValueError
        If there is no outcome.
    """
    if not outcomes:
        raise ValueError("no replication to summarize")
    load = np.array([o.load_kw for o in outcomes])
    rows = [o.figures() for o in outcomes]
    return Report(
        name=name,
        horizon=plant.horizon,
        currency=plant.plant.currency,
        engine=engine,
        seed=seed,
        replications=len(outcomes),
        figures={key: mean_interval([row[key] for row in rows], level) for key in rows[0]},
        orders=tuple(
            order_report(order, [o.completion[order.id] for o in outcomes], plant, schedule, level)
            for order in orders
            if order.id in outcomes[0].completion
        ),
        units=_unit_reports(outcomes, plant),
        load_kw=tuple(load.mean(axis=0).tolist()),
        load_kw_high=tuple(np.quantile(load, HIGH_LOAD, axis=0).tolist()),
    )


def order_report(
    order: WorkOrder,
    ends: list[float | None],
    plant: CompiledPlant,
    schedule: Schedule | None,
    level: float,
) -> OrderReport:
    """What several replications say about one order, from its end in each [min]; none: not."""
    due, minutes = plant.horizon.to_minutes(order.due_date), plant.horizon.minutes
    is_unknown = due > minutes and None in ends
    on_time = sum(is_on_time(end, due, minutes) for end in ends)
    is_planned = schedule is not None and order.id not in schedule.unplaced
    return OrderReport(
        order=order.id,
        product=order.product,
        quantity=order.quantity,
        customer=order.customer,
        due=due,
        planned_end=schedule.completion(order.id) if schedule and is_planned else None,
        on_time=None if is_unknown else wilson_interval(on_time, len(ends), level),
        completion_p10=observed_quantile(ends, 0.1),
        completion_p50=observed_quantile(ends, 0.5),
        completion_p90=observed_quantile(ends, 0.9),
    )


def _unit_reports(outcomes: Sequence[Outcome], plant: CompiledPlant) -> tuple[UnitReport, ...]:
    times = total_times([o.times for o in outcomes])
    minutes = times.state_minutes / len(outcomes)
    kwh = np.mean([o.unit_kwh for o in outcomes], axis=0)
    failures = np.mean([o.failures for o in outcomes], axis=0)
    reports = []
    for m, id in enumerate(plant.unit_ids):
        found = indicators(times, [m])
        reports.append(
            UnitReport(
                work_unit=id,
                state_minutes=dict(zip(STATES, minutes[m].tolist(), strict=True)),
                availability=found.availability,
                effectiveness=found.effectiveness,
                quality_ratio=found.quality_ratio,
                oee=found.oee,
                energy_kwh=float(kwh[m]),
                failures=float(failures[m]),
            )
        )
    return tuple(reports)


def total_times(times: Sequence[UnitTimes]) -> UnitTimes:
    """Times and quantities added up over replications."""
    return UnitTimes(
        **{f.name: np.sum([getattr(t, f.name) for t in times], axis=0) for f in fields(UnitTimes)}
    )
